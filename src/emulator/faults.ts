import { type Answer, empty, page, ttlHeader, withBody, withHeader } from './answers.js';
import { type Duration, duration, milliseconds } from './clock.js';
import type { Delivery } from './delivery.js';
import { EmulatorOptionError } from './option-error.js';
import {
  type Fields,
  member,
  named,
  numberBetween,
  type ObjectOf,
  oneOf,
  optional,
  shape,
  text,
  type UnionOf,
  variants,
  wholeNumber,
} from './shape.js';

/** The requests a fault applies to; without any of these, all of them. */
interface FaultScope {
  /**
   * Patterns of the path. One that begins with `/` is matched against the request's path, such as `/latest/dynamic/**`;
   * another follows the rule of `emulator.set`, whatever the version: `iam/**`, `user-data`, `api/token`. `*` stands for
   * anything but a slash, `**` for any number of segments.
   */
  readonly paths?: string | readonly string[];
  /** Method of the request, such as `PUT`. */
  readonly method?: string;
  /** The number of requests it applies to. */
  readonly times?: number;
  /** Probability that a request is hit, 0 to 1; decided by the seed. Default 1. */
  readonly probability?: number;
  /** Begins this long after the fault was added. Default `0s`. */
  readonly from?: Duration;
  /** Ends this long after the fault was added. Default: never. */
  readonly until?: Duration;
}

/** The maximum number of faults, and of patterns of one; each request is matched against all of them. */
export const mostFaults = 1000;
const mostPatterns = 100;
const glob = /^[^\s?#]{1,256}$/;
const globSchema = { type: 'string', pattern: glob.source, description: 'a pattern of paths' };
const globs = shape<string | readonly string[]>(
  `a pattern of paths such as iam/**, or a list of up to ${mostPatterns}, each of up to 256 characters`,
  { anyOf: [globSchema, { type: 'array', items: globSchema, minItems: 1, maxItems: mostPatterns }] },
  (value) => {
    const all = [value].flat();
    const isSome = all.length > 0 && all.length <= mostPatterns;
    return isSome && all.every((one) => typeof one === 'string' && glob.test(one));
  },
);
const window = { from: optional(duration), until: optional(duration) };
const scope = {
  paths: optional(globs),
  method: optional(text('a method in capitals, such as PUT', /^[A-Z]{1,20}$/)),
  times: optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  probability: optional(numberBetween(0, 1)),
  ...window,
} satisfies { [Name in keyof FaultScope]-?: unknown };

/** The delivery of a reply; `random` is from 0 to 1, for faults with a random effect. */
type Situation = Delivery & {
  readonly answer: Answer;
  readonly delayMs: number;
  readonly now: Date;
  readonly random: number;
};

/**
 * A kind of fault. `rank` orders the effects, so that none undoes another, whichever was added first: 0 before the
 * reply is decided, 1 the reply, 2 its body, 3 its headers, 4 how it is sent, 5 a reset, 6 nothing of it is sent.
 */
interface Effect<F extends Fields> {
  readonly rank: number;
  readonly fields: F;
  apply(fault: ObjectOf<F>, situation: Situation): Partial<Delivery>;
  /** The only requests that the fault can apply to. */
  only?(method: string, path: string, version: 1 | 2): boolean;
  /** From a time on, decides for each of its requests whether the fault lets it pass. */
  meter?(fault: ObjectOf<F>, since: number): (now: number) => boolean;
}

/** The declaration of a kind. Its type has only the fields, because it becomes part of the published types. */
function effect<F extends Fields>(
  rank: number,
  fields: F,
  apply: Effect<F>['apply'],
  conditions: Pick<Effect<F>, 'only' | 'meter'> = {},
): { readonly fields: F } {
  const declaration: Effect<F> = { rank, fields, apply, ...conditions };
  return declaration;
}

const statuses = oneOf(400, 401, 403, 404, 405, 429, 500, 502, 503);
const rate = shape<number>(
  'a number that is more than 0 and at most 1000000',
  { type: 'number', exclusiveMinimum: 0, maximum: 1_000_000 },
  (value) => typeof value === 'number' && value > 0 && value <= 1_000_000,
);
const headerText = text('printable ASCII', /^[\x20-\x7e]+$/);
// An alert of an unexpected message, which is a TLS server's reply to plain HTTP.
const tlsAlert = '\x15\x03\x03\x00\x02\x02\x0a';
const isTokenRequest = (method: string, path: string): boolean => method === 'PUT' && path === 'latest/api/token';
const isReadWithToken = (method: string, _path: string, version: 1 | 2): boolean => method !== 'PUT' && version === 2;

const effects = {
  /** The reply comes after `delay`, plus up to `jitter`, in real time. */
  latency: effect(4, { delay: duration, jitter: optional(duration) }, ({ delay, jitter = 0 }, { delayMs, random }) => ({
    delayMs: delayMs + milliseconds(delay) + random * milliseconds(jitter),
  })),
  'no-reply': effect(6, {}, () => ({ answer: undefined })),
  /** The connection is reset before the reply, or after half of its body. Default `start`. */
  reset: effect(5, { at: optional(oneOf('start', 'middle')) }, ({ at }) => ({
    part: at === 'middle' ? 'half' : 'none',
    isReset: true,
  })),
  /** Another status, without the requested value. */
  status: effect(1, { status: statuses }, ({ status }, { now }) => ({ answer: failure(now, status) })),
  /** The body comes byte by byte, one per `interval` of real time. */
  'slow-body': effect(4, { interval: duration }, ({ interval }) => ({ byteIntervalMs: milliseconds(interval) })),
  /** The body ends at half its length. */
  'cut-body': effect(4, {}, () => ({ part: 'half' })),
  /** `Content-Length` is this many bytes too large; too small, if negative. */
  'wrong-length': effect(3, { by: wholeNumber(-65536, 65536) }, ({ by }, { answer }) => ({
    answer: withHeader(answer, 'Content-Length', String(Math.max(0, Buffer.byteLength(answer.body) + by))),
  })),
  garbage: effect(6, {}, () => ({ garbage: tlsAlert })),
  empty: effect(1, {}, (_, { now }) => ({ answer: empty(now, 200) })),
  /** A redirect to `location`. Default `status` 301. */
  redirect: effect(
    1,
    { location: headerText, status: optional(oneOf(301, 302, 307, 308)) },
    ({ location, status = 301 }, { now }) => ({ answer: empty(now, status, [['Location', location]]) }),
  ),
  /** A newline after the body, as proxies and mocks add one. */
  newline: effect(2, {}, (_, { answer }) => ({
    answer: withBody(answer, Buffer.concat([Buffer.from(answer.body), Buffer.from('\n')])),
  })),
  /** Another `Server` header, as from another service. */
  'foreign-server': effect(3, { server: headerText }, ({ server }, { answer }) => ({
    answer: withHeader(answer, 'Server', server),
  })),
  /** Session tokens expire after `lifetime`, whatever TTL the replies state. */
  'short-token': effect(0, { lifetime: duration }, () => ({}), { only: isTokenRequest }),
  /** The reply with a session token has another status, or `ttl` as its TTL header; `none` omits the header. */
  'token-reply': effect(
    3,
    { ttl: optional(headerText), status: optional(oneOf(200, 201)) },
    ({ ttl, status = 200 }, { answer }) => {
      if (answer.status !== 200) return {};
      const reply = { ...answer, status };
      if (ttl === undefined) return { answer: reply };
      return { answer: withHeader(reply, ttlHeader, ttl === 'none' ? undefined : ttl) };
    },
    { only: isTokenRequest },
  ),
  /** Reads with a session token get a 401, although it is valid. */
  'refused-token': effect(1, {}, (_, { now }) => ({ answer: empty(now, 401) }), { only: isReadWithToken }),
  /** A session token that was never issued, or has expired, is accepted. */
  'any-token': effect(0, {}, () => ({}), { only: isReadWithToken }),
  /** At most `rate` requests a second, and as many at once, are answered; the others with `status`. Default 503. */
  throttle: effect(
    1,
    { rate, status: optional(oneOf(429, 503)) },
    ({ status = 503 }, { now }) => ({ answer: failure(now, status) }),
    { meter: ({ rate }, since) => bucket(rate, since) },
  ),
  /** Everything gets a 403, as while `httpEndpoint` is `disabled`. */
  'endpoint-off': effect(1, {}, (_, { now }) => ({ answer: empty(now, 403) })),
};

/** Lets through `rate` requests a second, and as many at once. */
function bucket(rate: number, since: number): (now: number) => boolean {
  const size = Math.max(1, rate);
  let left = size;
  let at = since;
  return (now) => {
    left = Math.min(size, left + (Math.max(0, now - at) / 1000) * rate);
    at = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

type FaultEffect = UnionOf<'kind', typeof effects>;

/** Connections are refused: nothing listens. It applies to all requests, since it sees none of them. */
interface RefuseFault extends Pick<FaultScope, 'from' | 'until'> {
  readonly kind: 'refuse';
}

/** Something that goes wrong, and when. */
export type Fault = (FaultScope & FaultEffect) | RefuseFault;

export const faultShape = named(
  'fault',
  variants<Fault>(
    'kind',
    {
      ...Object.fromEntries(Object.entries(effects).map(([kind, { fields }]) => [kind, { ...scope, ...fields }])),
      refuse: window,
    },
    ({ from, until }, path) => {
      if (from === undefined || until === undefined || milliseconds(until) > milliseconds(from)) return;
      const place = member(path, 'until');
      throw new EmulatorOptionError(`${place} must be later than from, which is ${from}, not ${until}`, place);
    },
  ),
);

/** As the service does, which explains some statuses by a page. */
function failure(now: Date, status: number): Answer {
  return status === 401 || status === 403 || status === 405 ? empty(now, status) : page(now, status);
}

export const effectOf = ({ kind }: Match['fault']) => effects[kind] as Effect<Fields>;

/** A fault that applies to a request. */
export interface Match {
  readonly fault: FaultScope & FaultEffect;
  /** 0 to 1, for faults with a random effect. */
  readonly random: number;
}

/** The delivery with a fault applied. A reply that is lost anyway stays lost. */
export function apply(delivery: Delivery, { fault, random }: Match, now: Date): Delivery {
  const { answer } = delivery;
  if (answer === undefined) return delivery;
  return { ...delivery, ...effectOf(fault).apply({ ...fault }, { delayMs: 0, ...delivery, answer, now, random }) };
}
