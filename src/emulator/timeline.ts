import { milliseconds } from './clock.js';
import { declarationOf, type SeenEvent, type TimelineEntry, type TimelineEvent, type TimelineStep } from './events.js';
import { EmulatorOptionError } from './option-error.js';
import type { State } from './state.js';

/** A pending event. */
export interface Pending {
  /** Its number in this timeline, from 1. */
  readonly id: number;
  /** When it is due, in milliseconds since the epoch. */
  readonly at: number;
  readonly step: TimelineStep;
}

/** The maximum number of pending events. */
export const mostPending = 1000;
const shownNames = 20;

/** The pending events. */
export class Timeline {
  readonly #state: State;
  readonly #onEvent: (event: SeenEvent) => void;
  /** Those that wait for a trigger. */
  readonly triggered: readonly TimelineEntry[];
  /** In the order they are due. A new array after each change. */
  pending: readonly Pending[] = [];
  /** The last ID assigned. */
  lastId = 0;

  constructor(entries: readonly TimelineEntry[], state: State, onEvent: (event: SeenEvent) => void) {
    this.#state = state;
    this.#onEvent = onEvent;
    this.triggered = entries.filter(({ on }) => on !== undefined);
    const started = state.launched.getTime();
    for (const { at = 0, on, ...step } of entries) if (on === undefined) this.add(step, started + milliseconds(at));
  }

  /** When the next event is due, in milliseconds since the epoch; `Infinity` if none is. */
  get next(): number {
    return this.pending[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Adds an event that is due at `at`, after others of that time. */
  add(step: TimelineStep, at: number): void {
    if (this.pending.length >= mostPending)
      throw new EmulatorOptionError(`${mostPending} events are pending, which is the maximum`);
    if (step.part === 'end') this.#callOffEnd(step);
    this.#insert(step, at, (other) => other.at <= at);
  }

  /** Adds the events that wait for a trigger of this name. */
  trigger(name: string, now: number): void {
    const entries = this.triggered.filter(({ on }) => on === name);
    if (entries.length === 0) {
      const names = [...new Set(this.triggered.map(({ on }) => on))].slice(0, shownNames).join(', ');
      throw new EmulatorOptionError(
        `nothing in the timeline waits for '${name}'; ${names === '' ? 'no entry has an "on"' : `expected ${names}`}`,
      );
    }
    for (const { at = 0, on: _, ...step } of entries) this.add(step, now + milliseconds(at));
  }

  /** Moves a pending event to another time; false if there is none with this ID. */
  move(id: number, at: number): boolean {
    const pending = this.pending.find((one) => one.id === id);
    if (pending === undefined) return false;
    this.remove(id);
    this.#insert(pending.step, at, (other) => other.at <= at, id);
    return true;
  }

  /** Removes a pending event; false if there is none with this ID. */
  remove(id: number): boolean {
    const index = this.pending.findLastIndex((one) => one.id === id);
    if (index >= 0) this.pending = this.pending.toSpliced(index, 1);
    return index >= 0;
  }

  /** Runs everything due by `now`, each at its own time; returns what happened. */
  settle(now: number): readonly SeenEvent[] {
    const happened: SeenEvent[] = [];
    for (let [due] = this.pending; due !== undefined && due.at <= now; [due] = this.pending) {
      this.pending = this.pending.slice(1);
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
      const [detail, endsIn] = typeof outcome === 'string' ? [outcome] : outcome;
      this.#callOffEnd(step);
      // Before events of the same time, which begin only then.
      if (endsIn !== undefined) this.#insert({ ...step, part: 'end' }, at + endsIn, (other) => other.at < at + endsIn);
      return { detail };
    } catch (error) {
      return { detail: `${step.event} failed: ${error instanceof Error ? error.message : error}`, error };
    }
  }

  /** Cancels the pending end of an earlier event with the same subject. */
  #callOffEnd(event: TimelineEvent): void {
    const about = aboutOf(event);
    const stale = this.pending.findLast(({ step }) => step.part === 'end' && aboutOf(step) === about);
    if (stale && about !== undefined) this.remove(stale.id);
  }

  #insert(step: TimelineStep, at: number, isBefore: (other: Pending) => boolean, id = this.lastId + 1): void {
    this.lastId = Math.max(this.lastId, id);
    this.pending = this.pending.toSpliced(this.pending.findLastIndex(isBefore) + 1, 0, { id, at, step });
  }
}

const aboutOf = (event: TimelineEvent) => declarationOf(event.event).about?.(event);
