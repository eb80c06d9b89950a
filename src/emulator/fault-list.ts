import { milliseconds } from './clock.js';
import { effectOf, type Fault, type Match } from './faults.js';

/** A fault in place. */
export interface FaultHandle {
  /** As it was added; it cannot be changed. */
  readonly fault: Fault;
  /** How many requests it has hit. */
  readonly hits: number;
  /** Ends it. */
  remove(): void;
}

/** A fault in place, and what decides whether it applies. */
interface Added {
  readonly fault: Fault;
  readonly from: number;
  readonly until: number;
  readonly matches: (method: string, path: string) => boolean;
  readonly passes: (now: number) => boolean;
  readonly random: () => number;
  hits: number;
}

/** The faults of one emulator. */
export class Faults {
  readonly #seed: number;
  #added: readonly Added[] = [];
  #count = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Adds a fault at `at`, in milliseconds since 1970. */
  add(given: Fault, at: number): FaultHandle {
    const fault = structuredClone(given);
    for (const part of [...Object.values(fault), fault]) Object.freeze(part);
    this.#count += 1;
    const added: Added = {
      fault,
      from: at + milliseconds(fault.from ?? 0),
      until: at + milliseconds(fault.until ?? Number.POSITIVE_INFINITY),
      matches: matcher(fault),
      passes: (fault.kind === 'refuse' ? undefined : effectOf(fault).meter?.({ ...fault }, at)) ?? (() => false),
      // A sequence of its own for each fault, which requests that others match do not shift.
      random: randomFrom(Math.imul(this.#seed + 1, 0x85ebca6b) ^ this.#count),
      hits: 0,
    };
    this.#added = [...this.#added, added];
    const remove = (): void => {
      this.#added = this.#added.filter((one) => one !== added);
    };
    return Object.assign(added, { remove });
  }

  /** The faults that apply to a request, in the order of their effects; of the same rank, in the order they were added. */
  match(method: string, target: string, now: number): readonly Match[] {
    if (this.#added.length === 0) return [];
    const path = pathOf(target);
    const matches = this.#added.flatMap((added): Match[] => {
      const { fault } = added;
      if (fault.kind === 'refuse' || !isActive(added, now) || !added.matches(method, path)) return [];
      if (added.hits >= (fault.times ?? Number.POSITIVE_INFINITY)) return [];
      if (added.random() >= (fault.probability ?? 1) || added.passes(now)) return [];
      added.hits += 1;
      return [{ fault, random: added.random() }];
    });
    return matches.sort((one, other) => effectOf(one.fault).rank - effectOf(other.fault).rank);
  }

  /** True while connections are refused. */
  isRefusing(now: number): boolean {
    return this.#added.some((added) => added.fault.kind === 'refuse' && isActive(added, now));
  }

  /** When that may change next. */
  nextChange(now: number): number {
    const edges = this.#added.flatMap(({ fault, from, until }) => (fault.kind === 'refuse' ? [from, until] : []));
    return Math.min(...edges.filter((edge) => edge > now));
  }
}

function isActive({ from, until }: Added, now: number): boolean {
  return now >= from && now < until;
}

function matcher(fault: Fault): Added['matches'] {
  if (fault.kind === 'refuse') return () => false;
  const { paths = [], method } = fault;
  const { only = () => true } = effectOf(fault);
  const patterns = [paths].flat().map(patternOf);
  return (asked, path) =>
    (method === undefined || asked === method) &&
    (patterns.length === 0 || patterns.some((pattern) => pattern.test(path))) &&
    only(asked, path);
}

function patternOf(glob: string): RegExp {
  const segments = glob.split('/').filter((segment) => segment !== '');
  const isBelowVersion = ['meta-data', 'dynamic', 'user-data', 'api'].includes(segments[0] ?? '');
  const absolute = glob.startsWith('/') ? segments : ['*', ...(isBelowVersion ? [] : ['meta-data']), ...segments];
  const source = absolute.map((segment) =>
    segment === '**' ? '(?:/[^/]+)*' : `/${segment.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')}`,
  );
  return new RegExp(`^${source.join('')}/?$`);
}

/** Decoded, without a query and without needless slashes. */
function pathOf(target: string): string {
  const path = target
    .replace(/\?.*/s, '')
    .split('/')
    .filter((segment) => segment !== '');
  const plain = `/${path.join('/')}`;
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
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
