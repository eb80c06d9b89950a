import { type Answer, asXen, empty, headersOnly, page } from './answers.js';
import { milliseconds } from './clock.js';
import { afflict, type Delivery, type Fault, type Faults, intact } from './faults.js';
import { isOwnHost } from './listener.js';
import { type Asked, type Decision, decide, type Instance, type Refusal, versionOf } from './service.js';
import { holdsToken, tokenLength } from './tokens.js';

/** One request that arrived. It holds no header and no query, and no session token. */
export interface SeenRequest {
  /** When, by the emulator's clock, in milliseconds since 1970. */
  readonly at: number;
  /** Empty if what arrived was no HTTP, or its headers were too large. */
  readonly method: string;
  /**
   * As it was sent, such as `/latest/meta-data/instance-id`, but for what may be a secret: `?…` stands for a query, and `…`
   * for a segment that holds a session token. Empty where `method` is.
   */
  readonly path: string;
  /** 2 if it asked for a session token or carried one, else 1. */
  readonly version: 1 | 2;
  /** Status of the answer, or `unanswered` if none was sent. */
  readonly status: number | 'unanswered';
  /** Why it did not get what it asked for, or not unharmed. */
  readonly reason?:
    | Refusal
    | 'foreign Host'
    | 'no Host'
    | 'not HTTP'
    | 'too large'
    | 'instance off'
    | `fault: ${Fault['kind']}`;
  /** The faults that struck it, in the order in which they acted. */
  readonly faults?: readonly Fault[];
  /** What a computed value of the tree threw; the answer was a 500. */
  readonly error?: unknown;
}

/** Where requests arrive. */
export interface Premises {
  readonly hosts: readonly string[];
  readonly instance: Instance;
  readonly faults: Faults;
  /** Why nobody is there, if so: such a request came just before the socket was closed. */
  readonly closed: 'instance off' | 'fault: refuse' | undefined;
}

/** What became of a request, and how it is noted. */
export interface Attended {
  readonly delivery: Delivery;
  readonly request: SeenRequest;
}

type Outcome = Pick<SeenRequest, 'reason' | 'faults' | 'error'>;

/** What becomes of a request: the service decides, then faults strike. */
export function attend(asked: Asked, premises: Premises): Attended {
  const { hosts, instance, faults, closed } = premises;
  const now = instance.now();
  const date = new Date(now);
  if (closed !== undefined) return noted(asked, now, intact(undefined), { reason: closed });
  const { host } = asked.headers;
  // RFC 9112, section 3.2
  if (host === undefined && asked.httpVersion !== '1.0') {
    return noted(asked, now, intact(finished(asked, page(date, 400), instance)), { reason: 'no Host' });
  }
  if (!isOwnHost(host, hosts)) {
    return noted(asked, now, intact(finished(asked, empty(date, 403), instance)), { reason: 'foreign Host' });
  }

  const strikes = faults.strike(asked.method, asked.target, now);
  const lifetimes = strikes.flatMap(({ fault }) =>
    fault.kind === 'short-token' ? [milliseconds(fault.lifetime)] : [],
  );
  const tokenLifetimeMs = lifetimes.length === 0 ? undefined : Math.min(...lifetimes);
  const { answer, refusal, ...failure } = attempt(asked, { ...instance, tokenLifetimeMs });
  const struck = strikes.reduce((delivery, strike) => afflict(delivery, strike, date), intact(answer));
  const delivery = { ...struck, answer: struck.answer && finished(asked, struck.answer, instance) };

  const last = strikes.at(-1)?.fault;
  const isAsDecided = struck.answer === answer && struck.part === 'all';
  const reason =
    last === undefined || (isAsDecided && refusal !== undefined) ? refusal : (`fault: ${last.kind}` as const);
  return noted(asked, now, delivery, {
    ...(reason === undefined ? {} : { reason }),
    ...(strikes.length === 0 ? {} : { faults: strikes.map(({ fault }) => fault) }),
    ...failure,
  });
}

/** What becomes of a request that is not heard to its end; of some there is not even the beginning. */
export function turnAway(
  status: 400 | 413 | 431,
  asked: Asked = { method: '', target: '', httpVersion: '', headers: {} },
  { instance, closed }: Premises,
): Attended {
  const now = instance.now();
  if (closed !== undefined) return noted(asked, now, intact(undefined), { reason: closed });
  const answer = finished(asked, page(new Date(now), status), instance);
  return noted(asked, now, intact(answer), { reason: status === 400 ? 'not HTTP' : 'too large' });
}

function attempt(asked: Asked, instance: Instance): Decision & Pick<Outcome, 'error'> {
  try {
    return decide(asked, instance);
  } catch (error) {
    return { answer: empty(new Date(instance.now()), 500), error };
  }
}

function finished(asked: Asked, answer: Answer, { options }: Instance): Answer {
  const styled = options.system === 'xen' ? asXen(answer) : answer;
  return asked.method === 'HEAD' ? headersOnly(styled) : styled;
}

function noted(asked: Asked, at: number, delivery: Delivery, outcome: Outcome): Attended {
  const { answer, garbage, part } = delivery;
  const status = answer === undefined || garbage !== undefined || part === 'none' ? 'unanswered' : answer.status;
  const { method, target } = asked;
  return { delivery, request: { at, method, path: shown(target), version: versionOf(asked), status, ...outcome } };
}

/** A target without what may be a secret: a session token belongs in a header, but not everybody knows. */
function shown(target: string): string {
  if (target.length < tokenLength && !target.includes('?')) return target;
  const [path = '', query] = target.split('?', 2);
  const segments = path.split('/').map((segment) => (holdsToken(segment) ? '…' : segment));
  return segments.join('/') + (query === undefined ? '' : '?…');
}
