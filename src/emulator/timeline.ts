import { milliseconds } from './clock.js';
import {
  type Effect,
  effectOf,
  type SeenEvent,
  type Sequel,
  type TimelineEntry,
  type TimelineEvent,
  type World,
} from './events.js';
import { EmulatorOptionError } from './refusal.js';

/** An event, or the sequel of one. */
interface Due extends Effect, Pick<Sequel, 'about'> {
  readonly at: number;
  readonly event: TimelineEvent['event'];
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
    this.#insert({ ...effectOf(event, this.#world), at, event: event.event }, (other) => other.at > at);
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
      const { at, event, callsOff, later } = due;
      const outcome = attempt(due);
      if (outcome.error === undefined) {
        this.#pending = this.#pending.filter(({ about }) => about === undefined || about !== callsOff);
        if (later !== undefined) this.#follow(later, at, event);
      }
      this.#tell({ at, event, ...outcome });
    }
  }

  /** What began earlier comes before what begins at the same time. */
  #follow({ afterMs, ...sequel }: Sequel, begun: number, event: TimelineEvent['event']): void {
    const at = begun + afterMs;
    this.#insert({ ...sequel, at, event }, (other) => other.at >= at);
  }

  #insert(due: Due, isLater: (other: Due) => boolean): void {
    const later = this.#pending.findIndex(isLater);
    this.#pending.splice(later < 0 ? this.#pending.length : later, 0, due);
  }
}

function attempt({ act, at, event }: Due): { detail: string; error?: unknown } {
  try {
    return { detail: act(new Date(at)) };
  } catch (error) {
    return { detail: `${event} failed: ${error instanceof Error ? error.message : error}`, error };
  }
}
