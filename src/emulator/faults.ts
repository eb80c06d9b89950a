import { type Answer, empty, page, withBody, withHeader } from './answers.js';
import { type Duration, duration, milliseconds } from './clock.js';
import { EmulatorOptionError } from './refusal.js';
import {
  either,
  list,
  member,
  named,
  numberBetween,
  objectAt,
  oneOf,
  type Shape,
  text,
  variants,
  wholeNumber,
} from './shape.js';

/** Which requests a fault strikes; without any of these, all of them. */
export interface FaultScope {
  /**
   * Patterns of the path. One that begins with `/` is compared with the path of the request, such as `/latest/dynamic/**`;
   * another follows the rule of `emulator.set`, whatever the version: `iam/**`, `user-data`, `api/token`. `*` stands for
   * anything but a slash, `**` for any number of segments.
   */
  readonly paths?: string | readonly string[];
  /** Method of the request, such as `PUT`. */
  readonly method?: string;
  /** Strikes this many requests, and no more. */
  readonly times?: number;
  /** Chance of each request to be struck, 0 to 1; decided by the seed. Default 1. */
  readonly probability?: number;
  /** Begins this long after the fault was put in place. Default `0s`. */
  readonly from?: Duration;
  /** Ends this long after the fault was put in place. Default: never. */
  readonly until?: Duration;
}

/** What goes wrong. */
export type FaultEffect =
  /** The answer comes after `delay`, and up to `jitter` later, in real time. */
  | { readonly kind: 'latency'; readonly delay: Duration; readonly jitter?: Duration }
  /** The connection stays open and nothing is ever sent. */
  | { readonly kind: 'no-reply' }
  /** The connection is reset before the answer, or after half of its body. Default `start`. */
  | { readonly kind: 'reset'; readonly at?: 'start' | 'middle' }
  /** Another status, without what was asked for. */
  | { readonly kind: 'status'; readonly status: FaultStatus }
  /** The body comes byte by byte, one each `interval` of real time. */
  | { readonly kind: 'slow-body'; readonly interval: Duration }
  /** The body ends at half its length. */
  | { readonly kind: 'cut-body' }
  /** `Content-Length` says so many bytes more than there are; less, if negative. */
  | { readonly kind: 'wrong-length'; readonly by: number }
  /** The answer is no HTTP. */
  | { readonly kind: 'garbage' }
  /** Status 200 and no body. */
  | { readonly kind: 'empty' }
  /** A redirection to `location`. Default `status` 301. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: 301 | 302 | 307 | 308 }
  /** A newline after the body, as proxies and mocks add one. */
  | { readonly kind: 'newline' }
  /** Another `Server` header, as somebody else's service has. */
  | { readonly kind: 'foreign-server'; readonly server: string }
  /** Session tokens end after `lifetime`, whatever the answers promise. */
  | { readonly kind: 'short-token'; readonly lifetime: Duration }
  /** At most `rate` requests a second, and as many at once, are answered; the others with `status`. Default 503. */
  | { readonly kind: 'throttle'; readonly rate: number; readonly status?: 429 | 503 }
  /** Everything is answered 403, as while `httpEndpoint` is `disabled`. */
  | { readonly kind: 'endpoint-off' };

/** Connections are refused: nobody listens. It strikes all requests, since it knows none of them. */
export interface RefuseFault extends Pick<FaultScope, 'from' | 'until'> {
  readonly kind: 'refuse';
}

/** Statuses that a fault can answer with. */
export type FaultStatus = 400 | 401 | 403 | 404 | 405 | 429 | 500 | 502 | 503;

/** Something that goes wrong, and when. */
export type Fault = (FaultScope & FaultEffect) | RefuseFault;

const window = { from: duration, until: duration };
const glob = text('a pattern of paths', /^[^\s?#]+$/);
const headerText = text('printable ASCII', /^[\x20-\x7e]+$/);

export const faultShape = named(
  'fault',
  scoped({
    latency: [{ delay: duration }, { jitter: duration }],
    'no-reply': [{}, {}],
    reset: [{}, { at: oneOf('start', 'middle') }],
    status: [{ status: oneOf(400, 401, 403, 404, 405, 429, 500, 502, 503) }, {}],
    'slow-body': [{ interval: duration }, {}],
    'cut-body': [{}, {}],
    'wrong-length': [{ by: wholeNumber(-65536, 65536) }, {}],
    garbage: [{}, {}],
    empty: [{}, {}],
    redirect: [{ location: headerText }, { status: oneOf(301, 302, 307, 308) }],
    newline: [{}, {}],
    'foreign-server': [{ server: headerText }, {}],
    'short-token': [{ lifetime: duration }, {}],
    throttle: [{ rate: numberBetween(0, 1_000_000, 'more than') }, { status: oneOf(429, 503) }],
    'endpoint-off': [{}, {}],
  }),
);

function scoped(effects: Parameters<typeof variants>[1]): Shape {
  const scope = {
    paths: either('a pattern of paths such as iam/**, or a list of them', glob, list(glob, 1)),
    method: text('a method in capitals, such as PUT', /^[A-Z]{1,20}$/),
    times: wholeNumber(1, Number.MAX_SAFE_INTEGER),
    probability: numberBetween(0, 1),
    ...window,
  };
  const all = Object.entries(effects).map(
    ([kind, [required, optional]]) => [kind, [required, { ...scope, ...optional }]] as const,
  );
  return within(variants('kind', { ...Object.fromEntries(all), refuse: [{}, window] }));
}

/** With an end that comes after the beginning. */
function within(shape: Shape): Shape {
  return {
    ...shape,
    check(value, path) {
      shape.check(value, path);
      const { from, until } = objectAt(value, path, shape.accepted);
      if (isSpan(from) && isSpan(until) && milliseconds(until) <= milliseconds(from)) {
        throw new EmulatorOptionError(
          `${member(path, 'until')} must be later than from, which is ${from}, not ${until}`,
        );
      }
    },
  };
}

const isSpan = (value: unknown): value is number | string => typeof value === 'number' || typeof value === 'string';

/** A fault in place. */
export interface FaultHandle {
  /** As it was put in place; it cannot be changed. */
  readonly fault: Fault;
  /** How many requests it has struck. */
  readonly hits: number;
  /** Ends it. */
  remove(): void;
}

/** An answer on its way. */
export interface Delivery {
  /** `undefined`: nothing is sent, and the connection stays open. */
  readonly answer: Answer | undefined;
  /** Bytes in the place of the answer. */
  readonly garbage?: Buffer;
  /** Real time before the first byte. */
  readonly delayMs: number;
  /** Real time before each byte of the body; 0 sends all at once. */
  readonly byteIntervalMs: number;
  /** What is sent of it: `half` is the headers and half of the body. */
  readonly part: 'all' | 'half' | 'none';
  readonly ending: 'close' | 'reset';
}

/** A fault that strikes a request, and a number from 0 to 1 for what of it is left to chance. */
export interface Strike {
  readonly fault: FaultScope & FaultEffect;
  readonly luck: number;
}

/** The answer as the service meant it. */
export function intact(answer: Answer | undefined): Delivery {
  return { answer, delayMs: 0, byteIntervalMs: 0, part: 'all', ending: 'close' };
}

// What a server of TLS says to who speaks HTTP: an alert of an unexpected message.
const tlsAlert = Buffer.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0a);

/**
 * In what order faults act, so that none undoes another, whichever was put in place first: what the answer is, its body,
 * its headers, and how it is sent.
 */
const order: Readonly<Record<Fault['kind'], number>> = {
  refuse: 0,
  'short-token': 0,
  status: 1,
  throttle: 1,
  'endpoint-off': 1,
  empty: 1,
  redirect: 1,
  newline: 2,
  'wrong-length': 3,
  'foreign-server': 3,
  latency: 4,
  'slow-body': 4,
  'cut-body': 4,
  reset: 5,
  garbage: 6,
  'no-reply': 6,
};

/** What a strike makes of an answer. One that dies on its way back anyway stays as it is. */
export function afflict(delivery: Delivery, { fault, luck }: Strike, now: Date): Delivery {
  const { answer } = delivery;
  if (answer === undefined) return delivery;
  const instead = (other: Answer): Delivery => ({ ...delivery, answer: other });
  switch (fault.kind) {
    case 'latency': {
      const jitterMs = luck * milliseconds(fault.jitter ?? 0);
      return { ...delivery, delayMs: delivery.delayMs + milliseconds(fault.delay) + jitterMs };
    }
    case 'no-reply':
      return { ...delivery, answer: undefined };
    case 'reset':
      return { ...delivery, part: fault.at === 'middle' ? 'half' : 'none', ending: 'reset' };
    case 'status':
      return instead(failure(now, fault.status));
    case 'slow-body':
      return { ...delivery, byteIntervalMs: milliseconds(fault.interval) };
    case 'cut-body':
      return { ...delivery, part: 'half' };
    case 'wrong-length': {
      const length = Math.max(0, Buffer.byteLength(answer.body) + fault.by);
      return instead(withHeader(answer, 'Content-Length', String(length)));
    }
    case 'garbage':
      return { ...delivery, garbage: tlsAlert };
    case 'empty':
      return instead(empty(now, 200));
    case 'redirect':
      return instead(empty(now, fault.status ?? 301, [['Location', fault.location]]));
    case 'newline':
      return instead(withBody(answer, Buffer.concat([Buffer.from(answer.body), Buffer.from('\n')])));
    case 'foreign-server':
      return instead(withHeader(answer, 'Server', fault.server));
    case 'short-token':
      return delivery;
    case 'throttle':
      return instead(failure(now, fault.status ?? 503));
    case 'endpoint-off':
      return instead(empty(now, 403));
  }
}

/** As the service does, which explains some statuses by a page. */
function failure(now: Date, status: FaultStatus): Answer {
  return status === 401 || status === 403 || status === 405 ? empty(now, status) : page(now, status);
}

interface Planted {
  readonly fault: Fault;
  readonly from: number;
  readonly until: number;
  readonly matches: (method: string, path: string) => boolean;
  readonly random: () => number;
  hits: number;
  /** For throttling: how many requests may pass, and when that was reckoned. */
  allowance: { readonly left: number; readonly at: number };
}

/** The faults of one emulator. */
export class Faults {
  readonly #seed: number;
  #planted: readonly Planted[] = [];
  #count = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Puts a fault in place at `at`, in milliseconds since 1970. */
  plant(given: Fault, at: number): FaultHandle {
    const fault = kept(given);
    this.#count += 1;
    const planted: Planted = {
      fault,
      from: at + milliseconds(fault.from ?? 0),
      until: fault.until === undefined ? Number.POSITIVE_INFINITY : at + milliseconds(fault.until),
      matches: matcher(fault),
      // A sequence of its own for each fault: requests that others strike do not shift it.
      random: randomFrom(Math.imul(this.#seed + 1, 0x85ebca6b) ^ this.#count),
      hits: 0,
      allowance: { left: fault.kind === 'throttle' ? Math.max(1, fault.rate) : 0, at },
    };
    this.#planted = [...this.#planted, planted];
    return {
      fault,
      get hits() {
        return planted.hits;
      },
      remove: () => {
        this.#planted = this.#planted.filter((one) => one !== planted);
      },
    };
  }

  /** Those that strike a request, in the order in which they act; of the same rank, in which they were put in place. */
  strike(method: string, target: string, now: number): readonly Strike[] {
    if (this.#planted.length === 0) return [];
    const path = pathOf(target);
    const strikes = this.#planted.flatMap((planted): Strike[] => {
      const { fault } = planted;
      if (fault.kind === 'refuse' || !isActive(planted, now) || !planted.matches(method, path)) return [];
      if (planted.hits >= (fault.times ?? Number.POSITIVE_INFINITY)) return [];
      if (planted.random() >= (fault.probability ?? 1)) return [];
      if (fault.kind === 'throttle' && !isBeyond(planted, fault.rate, now)) return [];
      planted.hits += 1;
      return [{ fault, luck: planted.random() }];
    });
    return strikes.sort((one, other) => order[one.fault.kind] - order[other.fault.kind]);
  }

  /** Whether connections are refused. */
  isRefusing(now: number): boolean {
    return this.#planted.some((planted) => planted.fault.kind === 'refuse' && isActive(planted, now));
  }

  /** When that may be different. */
  nextChange(now: number): number {
    const edges = this.#planted.flatMap(({ fault, from, until }) => (fault.kind === 'refuse' ? [from, until] : []));
    return Math.min(...edges.filter((edge) => edge > now));
  }
}

/** A copy that nobody can change. */
function kept(fault: Fault): Fault {
  const copy = structuredClone(fault);
  for (const field of Object.values(copy)) Object.freeze(field);
  return Object.freeze(copy);
}

function isActive({ from, until }: Planted, now: number): boolean {
  return now >= from && now < until;
}

/** Takes one from the allowance; true if there was none left. */
function isBeyond(planted: Planted, rate: number, now: number): boolean {
  const { left, at } = planted.allowance;
  const refilled = Math.min(Math.max(1, rate), left + (Math.max(0, now - at) / 1000) * rate);
  const isEmpty = refilled < 1;
  planted.allowance = { left: isEmpty ? refilled : refilled - 1, at: now };
  return isEmpty;
}

function matcher(fault: Fault): Planted['matches'] {
  if (fault.kind === 'refuse') return () => true;
  const { paths = [], method } = fault;
  const patterns = (typeof paths === 'string' ? [paths] : paths).map(patternOf);
  const isToken = (path: string): boolean => path === '/latest/api/token';
  return (asked, path) =>
    (method === undefined || asked === method) &&
    (patterns.length === 0 || patterns.some((pattern) => pattern.test(path))) &&
    (fault.kind !== 'short-token' || (asked === 'PUT' && isToken(path)));
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
  const [path = ''] = target.split('?');
  const plain = `/${path
    .split('/')
    .filter((segment) => segment !== '')
    .join('/')}`;
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
