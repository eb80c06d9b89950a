import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Tally } from './tally.js';
import type { Targets } from './targets.js';

/** What the observers of a thread share. */
export interface Audit {
  readonly targets: Targets;
  readonly tally: Tally;
}

/** Calls a function whose faults are its own: none of the audit's may reach the program. */
export function safely(note: () => void): void {
  try {
    note();
  } catch {}
}

/** A diagnostics channel with what is done for each message. */
type Subscription = readonly [channel: string, note: (message: unknown) => void];

export const on = <Message>(channel: string, note: (message: Message) => void): Subscription => [
  channel,
  (message) => safely(() => note(message as Message)),
];

/** Diagnostics channels that are listened to while somebody waits: so other requests of the program cost nothing. */
export class Channels {
  readonly #subscriptions: readonly Subscription[];
  #waiting = 0;

  constructor(...subscriptions: readonly Subscription[]) {
    this.#subscriptions = subscriptions;
  }

  begin(): void {
    this.#waiting += 1;
    if (this.#waiting === 1) for (const [channel, note] of this.#subscriptions) subscribe(channel, note);
  }

  /** To be called as often as `begin`. */
  end(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) for (const [channel, note] of this.#subscriptions) unsubscribe(channel, note);
  }
}

/** Calls a function before each call of a method, for what Node publishes to no channel. */
export function before<This extends object>(
  target: This,
  name: string,
  note: (self: This, args: readonly unknown[]) => void,
): void {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') return;
  const observed = function (this: This, ...args: unknown[]): unknown {
    safely(() => note(this, args));
    return Reflect.apply(original, this, args);
  };
  // Among them are its name, its length, and what util.promisify goes by.
  Object.defineProperties(observed, Object.getOwnPropertyDescriptors(original));
  Reflect.set(target, name, observed);
}
