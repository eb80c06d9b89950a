import { isIP } from 'node:net';
import { type Answer, asXen, empty, page, withBody } from './answers.js';
import { type Delivery, intact } from './delivery.js';
import { apply, tokenRules } from './faults.js';
import { type SeenRequest, withoutSecrets } from './journal.js';
import { type Decision, decide, type Request, versionOf } from './service.js';
import type { State } from './state.js';
import type { TokenRules } from './tokens.js';

/** The circumstances of a request. */
export interface Context {
  /** The names of the emulator that a `Host` header may have. */
  readonly hosts: readonly string[];
  readonly state: State;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The answer to a request, and its entry in the journal. */
export interface Handled {
  readonly delivery: Delivery;
  readonly entry: Omit<SeenRequest, 'number'>;
}

type Outcome = Pick<SeenRequest, 'reason' | 'faults' | 'hopLimit' | 'error'>;

/** Answers a request: the service decides, then faults apply. */
export function handle(request: Request, context: Context): Handled {
  const { hosts, state, now } = context;
  const date = new Date(now);
  const absence = state.absence(now);
  // It arrived just before the socket was closed.
  if (absence !== undefined) return handled(request, now, intact(undefined), { reason: absence });
  const { host } = request.headers;
  const whole = (answer: Answer): Delivery => intact(finish(request, answer, state));
  // RFC 9112, section 3.2
  if (host === undefined && request.httpVersion !== '1.0')
    return handled(request, now, whole(page(date, 400)), { reason: 'no Host' });
  const why = foreignHost(host, hosts);
  if (why !== undefined) {
    const answer = withBody(empty(date, 403), `${why}\n`);
    return handled(request, now, whole(answer), { reason: 'foreign Host' });
  }

  const matches = state.faults.match(request.method, request.target, now, versionOf(request));
  const { answer, refusal, ...facts } = attempt(request, state, date, tokenRules(matches));
  const faulty = matches.reduce((delivery, match) => apply(delivery, match, date), intact(answer));
  const delivery = { ...faulty, answer: faulty.answer && finish(request, faulty.answer, state) };

  const last = matches.at(-1)?.fault;
  const isAsDecided = faulty.answer === answer && faulty.part === 'all';
  const reason = last === undefined || (isAsDecided && refusal) ? refusal : (`fault: ${last.kind}` as const);
  return handled(request, now, delivery, {
    ...(reason === undefined ? {} : { reason }),
    ...(matches.length === 0 ? {} : { faults: matches.map(({ fault }) => fault) }),
    ...facts,
  });
}

const unread = { method: '', target: '', httpVersion: '', headers: {} };

/** Answers what is no HTTP request, or is too large; `request` has what could be read of it. */
export function reject(
  status: 400 | 413 | 431,
  given: Partial<Request> & Pick<Request, 'caller'>,
  { state, now }: Context,
): Handled {
  const request = { ...unread, ...given };
  const absence = state.absence(now);
  if (absence !== undefined) return handled(request, now, intact(undefined), { reason: absence });
  const answer = finish(request, page(new Date(now), status), state);
  return handled(request, now, intact(answer), { reason: status === 400 ? 'not HTTP' : 'too large' });
}

function attempt(request: Request, state: State, now: Date, rules: TokenRules): Decision & Pick<Outcome, 'error'> {
  try {
    return decide(request, state, now, rules);
  } catch (error) {
    return { answer: empty(now, 500), error };
  }
}

function finish({ method }: Request, answer: Answer, { options }: State): Answer {
  const styled = options.system === 'xen' ? asXen(answer) : answer;
  return method === 'HEAD' ? { ...styled, body: '' } : styled;
}

function handled(request: Request, at: number, delivery: Delivery, outcome: Outcome): Handled {
  const { answer, garbage, part } = delivery;
  const status = answer === undefined || garbage !== undefined || part === 'none' ? 'unanswered' : answer.status;
  const { caller, method, target } = request;
  const path = withoutSecrets(target);
  return { delivery, entry: { at, caller, method, path, version: versionOf(request), status, ...outcome } };
}

/**
 * Why a `Host` header is refused; undefined for the names that only callers of the emulator use. A web page that makes its
 * own name resolve to this machine (DNS rebinding) is recognised by that name.
 */
export function foreignHost(host: string | undefined, hosts: readonly string[]): string | undefined {
  const name = hostName(host);
  if (name === undefined || isIP(name) !== 0) return undefined;
  if (name === 'localhost' || hosts.some((own) => own.toLowerCase() === name)) return undefined;
  return /^[\w.-]{1,253}$/.test(name)
    ? `${name} is no name of this emulator; --allow-host ${name}, or allowedHosts, makes it one`
    : 'the Host header holds no name';
}

/** The name in a `Host` header, without the port. */
function hostName(host: string | undefined): string | undefined {
  const [, bracketed, bare] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d*)?$/.exec(host ?? '') ?? [];
  return host && (bracketed ?? bare ?? '').toLowerCase();
}
