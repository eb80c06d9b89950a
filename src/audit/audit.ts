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
  (message) => {
    try {
      note(message as Message);
    } catch {}
  },
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

type Note<This> = (self: This, args: readonly unknown[]) => void;

/** Calls functions before and after each call of a method or getter, for what Node publishes to no channel. */
export function wrap<This extends object>(target: This, name: string, before: Note<This>, after?: Note<This>): void {
  const property: PropertyDescriptor = Object.getOwnPropertyDescriptor(target, name) ?? {
    configurable: true,
    writable: true,
    value: Reflect.get(target, name),
  };
  const original: unknown = property.get ?? property.value;
  if (typeof original !== 'function') return;
  const observed = function (this: This, ...args: unknown[]): unknown {
    // Not by a function of its own, as this runs with every request of the program.
    try {
      before(this, args);
    } catch {}
    const result: unknown = Reflect.apply(original, this, args);
    if (after) safely(() => after(this, args));
    return result;
  };
  // Among them are its name, its length, and what util.promisify goes by.
  Object.defineProperties(observed, Object.getOwnPropertyDescriptors(original));
  Reflect.defineProperty(target, name, { ...property, [property.get ? 'get' : 'value']: observed });
}
