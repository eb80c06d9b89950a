import { milliseconds } from './clock.js';
import { effectOf, type Fault, type Match, mostFaults } from './faults.js';
import { EmulatorOptionError } from './option-error.js';
import { decodedNames, longestPath, namesIn, pathOf, patternNames } from './path.js';

/** An active fault. */
export interface FaultHandle {
  /** The fault as added; it cannot be changed. */
  readonly fault: Fault;
  /** The number of requests it has hit. */
  readonly hits: number;
  /** Ends it. */
  remove(): void;
}

/** An active fault, and the state that decides whether it applies. */
export interface Placed {
  /** Its number in the list, from 1. */
  readonly id: number;
  readonly fault: Fault;
  readonly from: number;
  readonly until: number;
  readonly times: number;
  readonly matches: (method: string, path: readonly string[], version: 1 | 2) => boolean;
  readonly passes: (now: number) => boolean;
  readonly random: () => number;
  hits: number;
}

/** The numbers of faults, which the journal keeps after they end. */
export const faultIds = new WeakMap<Fault, number>();

/** The faults of one emulator. */
export class Faults {
  readonly #seed: number;
  /** In the order they were added. A new array after each change, except for hits. */
  all: readonly Placed[] = [];
  #count = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** True for a fault that no longer applies to any request. */
  isOver({ until, hits, times }: Placed, now: number): boolean {
    return now >= until || hits >= times;
  }

  /** Adds a fault at `at`, in milliseconds since the epoch. */
  add(given: Fault, at: number): Placed {
    this.all = this.all.filter((one) => !this.isOver(one, at));
    if (this.all.length >= mostFaults)
      throw new EmulatorOptionError(`there are ${mostFaults} faults already, which is the maximum; remove one first`);
    const fault = structuredClone(given);
    for (const part of [...Object.values(fault), fault]) Object.freeze(part);
    this.#count += 1;
    const isRefusal = fault.kind === 'refuse';
    const added: Placed = {
      id: this.#count,
      fault,
      from: at + milliseconds(fault.from ?? 0),
      until: at + milliseconds(fault.until ?? Number.POSITIVE_INFINITY),
      times: (isRefusal ? undefined : fault.times) ?? Number.POSITIVE_INFINITY,
      matches: isRefusal ? () => false : matcher(fault),
      passes: (isRefusal ? undefined : effectOf(fault).meter?.({ ...fault }, at)) ?? (() => false),
      // Each fault has its own random sequence, which requests matched by others do not shift.
      random: randomFrom(Math.imul(this.#seed + 1, 0x85ebca6b) ^ this.#count),
      hits: 0,
    };
    this.all = [...this.all, added];
    faultIds.set(fault, added.id);
    return added;
  }

  /** Ends a fault; false if there is none with this number. */
  remove(id: number): boolean {
    const count = this.all.length;
    this.all = this.all.filter((one) => one.id !== id);
    return this.all.length < count;
  }

  /** The faults that apply to a request, in the order of their effects; of the same rank, in the order they were added. */
  match(method: string, target: string, now: number, version: 1 | 2 = 1): readonly Match[] {
    if (this.all.length === 0) return [];
    // No value has a longer path.
    const path = (decodedNames(target) ?? namesIn(pathOf(target))).slice(0, longestPath + 3);
    const matches = this.all.flatMap((one): Match[] => {
      const { fault, random } = one;
      if (fault.kind === 'refuse' || !this.#isActive(one, now) || !one.matches(method, path, version)) return [];
      if (random() >= (fault.probability ?? 1) || one.passes(now)) return [];
      one.hits += 1;
      return [{ fault, random: random() }];
    });
    return matches.sort((one, other) => effectOf(one.fault).rank - effectOf(other.fault).rank);
  }

  /** True while connections are refused. */
  isRefusing(now: number): boolean {
    return this.all.some((one) => one.fault.kind === 'refuse' && this.#isActive(one, now));
  }

  /** When that may change next. */
  nextChange(now: number): number {
    const edges = this.all.flatMap(({ fault, from, until }) => (fault.kind === 'refuse' ? [from, until] : []));
    return Math.min(...edges.filter((edge) => edge > now));
  }

  #isActive(placed: Placed, now: number): boolean {
    return now >= placed.from && !this.isOver(placed, now);
  }
}

function matcher(fault: Match['fault']): Placed['matches'] {
  const { paths = [], method } = fault;
  const { only = () => true } = effectOf(fault);
  const globs = [paths].flat().map(patternNames);
  return (asked, path, version) =>
    (method === undefined || asked === method) &&
    (globs.length === 0 || globs.some((glob) => fits(glob, path, '**', (one, name) => fits(one, name, '*')))) &&
    only(asked, path.join('/'), version);
}

/**
 * True if the items match the pattern, in which `any` matches any number of them. On a mismatch, the latest `any` takes
 * one more; earlier ones need no retry, so the time is at most the product of the lengths.
 */
function fits(
  pattern: ArrayLike<string>,
  items: ArrayLike<string>,
  any: string,
  isLike = (one: string, other: string) => one === other,
): boolean {
  let [at, index] = [0, 0];
  let latest: { readonly at: number; index: number } | undefined;
  while (index < items.length) {
    const expected = pattern[at];
    if (expected === any) {
      at += 1;
      latest = { at, index };
    } else if (expected !== undefined && isLike(expected, items[index] ?? '')) {
      at += 1;
      index += 1;
    } else if (latest) {
      latest.index += 1;
      ({ at, index } = latest);
    } else return false;
  }
  while (pattern[at] === any) at += 1;
  return at === pattern.length;
}

/** Numbers from 0 to 1, the same for the same seed: mulberry32, whose period is far longer than any test. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
