import { milliseconds } from './clock.js';
import { type SeenEvent, stepsOf, type TimelineEntry, type TimelineEvent, type World } from './events.js';
import { EmulatorOptionError } from './refusal.js';

interface Due {
  readonly at: number;
  readonly event: TimelineEvent['event'];
  readonly act: (at: Date) => string;
}

/** What is still to come. */
export class Timeline {
  readonly #world: World;
  readonly #tell: (event: SeenEvent) => void;
  readonly #triggered: readonly TimelineEntry[];
  /** In the order in which it is due. */
  #pending: Due[] = [];

  constructor(entries: readonly TimelineEntry[], started: number, world: World, tell: (event: SeenEvent) => void) {
    this.#world = world;
    this.#tell = tell;
    this.#triggered = entries.filter(({ on }) => on !== undefined);
    for (const entry of entries) if (entry.on === undefined) this.add(entry, started + milliseconds(entry.at ?? 0));
  }

  /** When the next event is due, in milliseconds since 1970; `Infinity` if none is. */
  get next(): number {
    return this.#pending[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Has an event happen at `at`. */
  add(event: TimelineEvent, at: number): void {
    for (const { afterMs, act } of stepsOf(event, this.#world)) {
      const due = { at: at + afterMs, event: event.event, act };
      const later = this.#pending.findIndex((other) => other.at > due.at);
      this.#pending.splice(later < 0 ? this.#pending.length : later, 0, due);
    }
  }

  /** Has happen what waits for a trigger of this name. */
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

  /** Does all that is due by `now`, each step dated as it was due. */
  settle(now: number): void {
    while (this.next <= now) {
      const due = this.#pending.shift();
      if (due === undefined) return;
      this.#tell({ at: due.at, event: due.event, ...attempt(due) });
    }
  }
}

function attempt({ act, at, event }: Due): { detail: string; error?: unknown } {
  try {
    return { detail: act(new Date(at)) };
  } catch (error) {
    return { detail: `${event} failed: ${error instanceof Error ? error.message : error}`, error };
  }
}
