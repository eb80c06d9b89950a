import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { safely } from './safely.js';
import type { Tally } from './tally.js';
import type { Targets } from './targets.js';

/** The parts that the observers of a thread share. */
export interface Audit {
  readonly targets: Targets;
  readonly tally: Tally;
}

/** A diagnostics channel and the handler of its messages. */
type Subscription = readonly [channel: string, note: (message: unknown) => void];

export const on = <Message>(channel: string, note: (message: Message) => void): Subscription => [
  channel,
  (message) => safely(() => note(message as Message)),
];

/** Diagnostics channels with subscribers only while needed, so that the program's other requests cost nothing. */
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

  /** Must be called as often as `begin`. */
  end(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) for (const [channel, note] of this.#subscriptions) unsubscribe(channel, note);
  }
}

type Note<This> = (self: This, args: readonly unknown[]) => void;

/** Calls functions before and after each call of a method or getter, for things that no channel publishes. */
export function wrap<This extends object>(target: This, name: string, before: Note<This>, after?: Note<This>): void {
  const property: PropertyDescriptor = Object.getOwnPropertyDescriptor(target, name) ?? {
    configurable: true,
    writable: true,
    value: Reflect.get(target, name),
  };
  const original: unknown = property.get ?? property.value;
  if (typeof original !== 'function') return;
  const observed = function (this: This, ...args: unknown[]): unknown {
    // Inline, as this runs with every request of the program.
    try {
      before(this, args);
    } catch {}
    const result: unknown = Reflect.apply(original, this, args);
    if (after) safely(() => after(this, args));
    return result;
  };
  // These include its name, its length, and the symbol for util.promisify.
  Object.defineProperties(observed, Object.getOwnPropertyDescriptors(original));
  Reflect.defineProperty(target, name, { ...property, [property.get ? 'get' : 'value']: observed });
}
