import { milliseconds } from './clock.js';
import { type Outcome, run, type SeenEvent, type TimelineEntry, type TimelineEvent } from './events.js';
import { EmulatorOptionError } from './option-error.js';
import type { State } from './state.js';

/** An event, or a later step of one. */
interface Due {
  readonly at: number;
  readonly event: TimelineEvent['event'];
  readonly run: (at: Date) => Outcome;
  isCalledOff: boolean;
}

const shownNames = 20;

/** The events that are still to come. */
export class Timeline {
  readonly #state: State;
  readonly #onEvent: (event: SeenEvent) => void;
  readonly #triggered: readonly TimelineEntry[];
  /** In the order in which they are due. */
  readonly #pending: Due[];
  /** The step that is to come, by what it is about. */
  readonly #steps = new Map<string, Due>();

  constructor(entries: readonly TimelineEntry[], state: State, onEvent: (event: SeenEvent) => void) {
    this.#state = state;
    this.#onEvent = onEvent;
    this.#triggered = entries.filter(({ on }) => on !== undefined);
    const started = state.launched.getTime();
    this.#pending = entries
      .filter(({ on }) => on === undefined)
      .map((entry) => this.#due(entry, started + milliseconds(entry.at ?? 0)))
      .sort((one, other) => one.at - other.at);
  }

  /** When the next event is due, in milliseconds since 1970; `Infinity` if none is. */
  get next(): number {
    return this.#pending[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Adds an event that is due at `at`, after others of that time. */
  add(event: TimelineEvent, at: number): void {
    this.#insert(this.#due(event, at), (other) => other <= at);
  }

  /** Adds the events that wait for a trigger of this name. */
  trigger(name: string, now: number): void {
    const entries = this.#triggered.filter(({ on }) => on === name);
    if (entries.length === 0) {
      const names = [...new Set(this.#triggered.map(({ on }) => on))].slice(0, shownNames).join(', ');
      throw new EmulatorOptionError(
        `nothing in the timeline waits for '${name}'; ${names === '' ? 'no entry has an "on"' : `there is ${names}`}`,
      );
    }
    for (const entry of entries) this.add(entry, now + milliseconds(entry.at ?? 0));
  }

  /** Runs all that is due by `now`, each step dated as it was due. */
  settle(now: number): void {
    while (this.next <= now) {
      const due = this.#pending.shift();
      if (due?.isCalledOff === false) this.#onEvent({ at: due.at, event: due.event, ...this.#attempt(due) });
    }
  }

  #due(event: TimelineEvent, at: number): Due {
    return { at, event: event.event, run: (date) => run(event, this.#state, date), isCalledOff: false };
  }

  #attempt(due: Due): { detail: string; error?: unknown } {
    try {
      const outcome = due.run(new Date(due.at));
      if (typeof outcome === 'string') return { detail: outcome };
      this.#follow(outcome, due);
      return { detail: outcome.detail };
    } catch (error) {
      return { detail: `${due.event} failed: ${error instanceof Error ? error.message : error}`, error };
    }
  }

  #follow({ about, next }: Exclude<Outcome, string>, { at, event }: Due): void {
    const earlier = about === undefined ? undefined : this.#steps.get(about);
    if (earlier) earlier.isCalledOff = true;
    if (next === undefined) return;
    const due: Due = { at: at + next.afterMs, event, run: next.run, isCalledOff: false };
    if (about !== undefined) this.#steps.set(about, due);
    // Before events of the same time, which begin only then.
    this.#insert(due, (other) => other < due.at);
  }

  /** Inserts behind those whose time `isBefore` holds for. */
  #insert(due: Due, isBefore: (at: number) => boolean): void {
    let [low, high] = [0, this.#pending.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#pending[middle]?.at ?? 0)) low = middle + 1;
      else high = middle;
    }
    this.#pending.splice(low, 0, due);
  }
}
