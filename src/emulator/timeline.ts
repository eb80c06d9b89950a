import { milliseconds } from './clock.js';
import { declarationOf, type SeenEvent, type TimelineEntry, type TimelineEvent, type TimelineStep } from './events.js';
import { EmulatorOptionError } from './option-error.js';
import type { State } from './state.js';

/** What is still to come. */
export interface Pending {
  /** Its number in this timeline, from 1. */
  readonly id: number;
  /** When it is due, in milliseconds since 1970. */
  readonly at: number;
  readonly step: TimelineStep;
}

/** The most that can be to come. */
export const mostPending = 1000;
const shownNames = 20;

/** The events that are still to come. */
export class Timeline {
  readonly #state: State;
  readonly #onEvent: (event: SeenEvent) => void;
  /** Those that wait for a trigger. */
  readonly triggered: readonly TimelineEntry[];
  /** In the order in which they are due. */
  readonly #pending: Pending[] = [];
  /** The IDs of ends that are to come, by what they are about. */
  readonly #ends = new Map<string, number>();
  #lastId = 0;
  #changes = 0;

  constructor(entries: readonly TimelineEntry[], state: State, onEvent: (event: SeenEvent) => void) {
    this.#state = state;
    this.#onEvent = onEvent;
    this.triggered = entries.filter(({ on }) => on !== undefined);
    const started = state.launched.getTime();
    for (const { at = 0, on, ...step } of entries) if (on === undefined) this.add(step, started + milliseconds(at));
  }

  /** When the next event is due, in milliseconds since 1970; `Infinity` if none is. */
  get next(): number {
    return this.#pending[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** In the order in which they are due. */
  get pending(): readonly Pending[] {
    return this.#pending;
  }

  /** Another number after each change of what is to come. */
  get changes(): number {
    return this.#changes;
  }

  /** The ID that was given last. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Adds an event that is due at `at`, after others of that time. */
  add(step: TimelineStep, at: number): void {
    if (this.#pending.length >= mostPending)
      throw new EmulatorOptionError(`${mostPending} events are to come, which is the most`);
    const pending = this.#numbered(step, at);
    this.#insert(pending, (other) => other <= at);
    if (step.part === 'end') this.#callOff(step, pending.id);
  }

  /** Adds the events that wait for a trigger of this name. */
  trigger(name: string, now: number): void {
    const entries = this.triggered.filter(({ on }) => on === name);
    if (entries.length === 0) {
      const names = [...new Set(this.triggered.map(({ on }) => on))].slice(0, shownNames).join(', ');
      throw new EmulatorOptionError(
        `nothing in the timeline waits for '${name}'; ${names === '' ? 'no entry has an "on"' : `there is ${names}`}`,
      );
    }
    for (const { at = 0, on: _, ...step } of entries) this.add(step, now + milliseconds(at));
  }

  /** Has what is to come happen at another time; false if there is nothing of this ID. */
  move(id: number, at: number): boolean {
    const pending = this.#pending.find((one) => one.id === id);
    if (pending === undefined) return false;
    this.remove(id);
    this.#insert({ ...pending, at }, (other) => other <= at);
    return true;
  }

  /** Takes away what is to come; false if there is nothing of this ID. */
  remove(id: number): boolean {
    const index = this.#pending.findIndex((one) => one.id === id);
    if (index < 0) return false;
    this.#pending.splice(index, 1);
    this.#changes += 1;
    return true;
  }

  /** Runs all that is due by `now`, each step dated as it was due; gives what has happened. */
  settle(now: number): readonly SeenEvent[] {
    const happened: SeenEvent[] = [];
    while (this.next <= now) {
      const due = this.#pending.shift();
      if (due === undefined) break;
      this.#changes += 1;
      const seen = { at: due.at, event: due.step.event, ...this.#attempt(due) };
      happened.push(seen);
      this.#onEvent(seen);
    }
    return happened;
  }

  #attempt({ at, step }: Pending): { detail: string; error?: unknown } {
    const date = new Date(at);
    try {
      const { run, end } = declarationOf(step.event);
      if (step.part === 'end') return { detail: end?.(step, this.#state, date) ?? '' };
      const outcome = run(step, this.#state, date);
      const [detail, endsIn] = typeof outcome === 'string' ? [outcome, undefined] : outcome;
      this.#follow(step, endsIn === undefined ? undefined : at + endsIn);
      return { detail };
    } catch (error) {
      return { detail: `${step.event} failed: ${error instanceof Error ? error.message : error}`, error };
    }
  }

  #follow(event: TimelineEvent, at: number | undefined): void {
    const pending = at === undefined ? undefined : this.#numbered({ ...event, part: 'end' }, at);
    this.#callOff(event, pending?.id);
    // Before events of the same time, which begin only then.
    if (pending) this.#insert(pending, (other) => other < pending.at);
  }

  /** Calls off the end that was to come of an earlier event about the same. `next` is the ID of the one that now is. */
  #callOff(event: TimelineEvent, next: number | undefined): void {
    const about = declarationOf(event.event).about?.(event);
    if (about === undefined) return;
    const earlier = this.#ends.get(about);
    if (earlier !== undefined) this.remove(earlier);
    if (next === undefined) this.#ends.delete(about);
    else this.#ends.set(about, next);
  }

  #numbered(step: TimelineStep, at: number): Pending {
    this.#lastId += 1;
    return { id: this.#lastId, at, step };
  }

  /** Inserts behind those whose time `isBefore` holds for. */
  #insert(due: Pending, isBefore: (at: number) => boolean): void {
    let [low, high] = [0, this.#pending.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#pending[middle]?.at ?? 0)) low = middle + 1;
      else high = middle;
    }
    this.#pending.splice(low, 0, due);
    this.#changes += 1;
  }
}
