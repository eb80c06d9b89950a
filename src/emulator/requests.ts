import { type Answer, asXen, empty, headersOnly } from './answers.js';
import { milliseconds } from './clock.js';
import { afflict, type Delivery, type Fault, type Faults, intact } from './faults.js';
import { isOwnHost } from './listener.js';
import { type Asked, type Decision, decide, type Instance, type Refusal, versionOf } from './service.js';

/** One request that arrived. It holds no header, so no session token. */
export interface SeenRequest {
  /** When, by the emulator's clock, in milliseconds since 1970. */
  readonly at: number;
  readonly method: string;
  /** As it was sent, such as `/latest/meta-data/instance-id`. */
  readonly path: string;
  /** 2 if it asked for a session token or carried one, else 1. */
  readonly version: 1 | 2;
  /** Status of the answer, or `unanswered` if none was sent. */
  readonly status: number | 'unanswered';
  /** Why it did not get what it asked for, or not unharmed. */
  readonly reason?: Refusal | 'foreign Host' | 'instance off' | `fault: ${Fault['kind']}`;
  /** The faults that struck it. */
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

type Outcome = Pick<SeenRequest, 'reason' | 'faults' | 'error'>;

/** What becomes of a request: the service decides, then faults strike. */
export function attend(asked: Asked, premises: Premises): { delivery: Delivery; request: SeenRequest } {
  const { hosts, instance, faults, closed } = premises;
  const now = instance.now();
  const date = new Date(now);
  if (closed !== undefined) return noted(asked, now, intact(undefined), { reason: closed });
  if (!isOwnHost(asked.headers.host, hosts)) {
    return noted(asked, now, intact(empty(date, 403)), { reason: 'foreign Host' });
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

function noted(asked: Asked, at: number, delivery: Delivery, outcome: Outcome) {
  const { answer, garbage, part } = delivery;
  const status = answer === undefined || garbage !== undefined || part === 'none' ? 'unanswered' : answer.status;
  const { method, target: path } = asked;
  return { delivery, request: { at, method, path, version: versionOf(asked), status, ...outcome } as const };
}
