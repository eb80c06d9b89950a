import { subscribe } from 'node:diagnostics_channel';
import { safely } from './safely.js';
import type { Tally } from './tally.js';
import type { Targets } from './targets.js';

/** The parts that the observers of a thread share. */
export interface Audit {
  readonly targets: Targets;
  readonly tally: Tally;
}

/** Handles the messages of a diagnostics channel. */
export const on = <Message>(channel: string, note: (message: Message) => void): void =>
  subscribe(channel, (message) => safely(() => note(message as Message)));

/** Begins at the first call: a program that never uses IMDS pays for no channel that only its requests need. */
export function onDemand(begin: () => void): () => void {
  let isBegun = false;
  return () => {
    if (!isBegun) begin();
    isBegun = true;
  };
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
