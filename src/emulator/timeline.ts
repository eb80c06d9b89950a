import { milliseconds } from './clock.js';
import { type Outcome, run, type SeenEvent, type TimelineEntry, type TimelineEvent } from './events.js';
import { EmulatorOptionError } from './option-error.js';
import type { State } from './state.js';

/** An event, or a later step of one. */
interface Due {
  readonly at: number;
  readonly event: TimelineEvent['event'];
  readonly about: string | undefined;
  readonly run: (at: Date) => Outcome;
}

/** The events that are still to come. */
export class Timeline {
  readonly #state: State;
  readonly #onEvent: (event: SeenEvent) => void;
  readonly #triggered: readonly TimelineEntry[];
  /** In the order in which they are due. */
  #pending: Due[] = [];

  constructor(entries: readonly TimelineEntry[], state: State, onEvent: (event: SeenEvent) => void) {
    this.#state = state;
    this.#onEvent = onEvent;
    this.#triggered = entries.filter(({ on }) => on !== undefined);
    const started = state.launched.getTime();
    for (const entry of entries) if (entry.on === undefined) this.add(entry, started + milliseconds(entry.at ?? 0));
  }

  /** When the next event is due, in milliseconds since 1970; `Infinity` if none is. */
  get next(): number {
    return this.#pending[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Adds an event that is due at `at`. */
  add(event: TimelineEvent, at: number): void {
    const due: Due = { at, event: event.event, about: undefined, run: (date) => run(event, this.#state, date) };
    this.#insert(due, (other) => other.at > at);
  }

  /** Adds the events that wait for a trigger of this name. */
  trigger(name: string, now: number): void {
    const entries = this.#triggered.filter(({ on }) => on === name);
    if (entries.length === 0) {
      const names = [...new Set(this.#triggered.map(({ on }) => on))].join(', ');
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
      if (due !== undefined) this.#onEvent({ at: due.at, event: due.event, ...this.#attempt(due) });
    }
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

  #follow({ cancels, next }: Exclude<Outcome, string>, { at, event }: Due): void {
    this.#pending = this.#pending.filter(({ about }) => about === undefined || about !== cancels);
    if (next === undefined) return;
    const due: Due = { at: at + next.afterMs, event, about: next.about, run: next.run };
    // Before events of the same time, which begin only then.
    this.#insert(due, (other) => other.at >= due.at);
  }

  #insert(due: Due, isLater: (other: Due) => boolean): void {
    const index = this.#pending.findIndex(isLater);
    this.#pending.splice(index < 0 ? this.#pending.length : index, 0, due);
  }
}
