import { isIP } from 'node:net';
import { asXen, empty, page, withBody } from './answers.js';
import { type Delivery, intact } from './delivery.js';
import type { Engine } from './engine.js';
import { apply, type Match } from './faults.js';
import type { SeenRequest } from './journal.js';
import { type Decision, decide, type Request, versionOf } from './service.js';
import type { State } from './state.js';
import { withoutTokens } from './tokens.js';

/** An answer on its way, and what the journal says of it. */
interface Outcome extends Pick<SeenRequest, 'reason' | 'faults' | 'hopLimit' | 'error'> {
  readonly delivery: Delivery;
}

/** Answers a request, by `rejection` if it is no HTTP or too large, and notes it. */
export function handle(engine: Engine, request: Request, rejection?: 400 | 413 | 431): Delivery {
  engine.settleDue();
  const at = engine.clock.now();
  const { delivery, ...outcome } = outcomeOf(engine, request, new Date(at), rejection);
  const { answer, garbage, part } = delivery;
  const status = answer === undefined || garbage !== undefined || part === 'none' ? 'unanswered' : answer.status;
  const { caller, method, target } = request;
  engine.note({ at, caller, method, path: withoutTokens(target), version: versionOf(request), status, ...outcome });
  return finish(delivery, request, engine.state);
}

/** The service decides, then faults apply. */
function outcomeOf({ start, state }: Engine, request: Request, now: Date, rejection?: 400 | 413 | 431): Outcome {
  const absence = state.absence(now.getTime());
  // It arrived just before the socket was closed.
  if (absence !== undefined) return { delivery: intact(undefined), reason: absence };
  if (rejection !== undefined)
    return { delivery: intact(page(now, rejection)), reason: rejection === 400 ? 'not HTTP' : 'too large' };
  const { host } = request.headers;
  // RFC 9112, section 3.2
  if (host === undefined && request.httpVersion !== '1.0')
    return { delivery: intact(page(now, 400)), reason: 'no Host' };
  const why = foreignHost(host, [...start.hosts, ...start.allowedHosts]);
  if (why !== undefined) return { delivery: intact(withBody(empty(now, 403), `${why}\n`)), reason: 'foreign Host' };

  const matches = state.faults.match(request.method, request.target, now.getTime(), versionOf(request));
  const { answer, ...decision } = attempt(request, state, now, matches);
  const delivery = matches.reduce((faulty, match) => apply(faulty, match, now), intact(answer));
  const last = matches.at(-1);
  if (last === undefined) return { delivery, ...decision };
  const isAsDecided = delivery.answer === answer && delivery.part === 'all';
  const reason = (isAsDecided && decision.reason) || (`fault: ${last.fault.kind}` as const);
  return { delivery, ...decision, reason, faults: matches.map(({ fault }) => fault) };
}

function attempt(request: Request, state: State, now: Date, matches: readonly Match[]): Decision {
  try {
    return decide(request, state, now, matches);
  } catch (error) {
    return { answer: empty(now, 500), error };
  }
}

/** In the form of the instance's system, and for HEAD without the body. */
function finish(delivery: Delivery, { method }: Request, { options: { system } }: State): Delivery {
  if (delivery.answer === undefined || (system === 'nitro' && method !== 'HEAD')) return delivery;
  const answer = system === 'xen' ? asXen(delivery.answer) : delivery.answer;
  return { ...delivery, answer: method === 'HEAD' ? { ...answer, body: '' } : answer };
}

/**
 * Why a `Host` header is refused; undefined for the names that only callers of the emulator use. A web page that makes its
 * own name resolve to this machine (DNS rebinding) is recognised by that name.
 */
export function foreignHost(host: string | undefined, hosts: readonly string[]): string | undefined {
  if (host === undefined) return undefined;
  // Without the port.
  const [, bracketed, bare = ''] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d*)?$/.exec(host) ?? [];
  const name = (bracketed ?? bare).toLowerCase();
  if (isIP(name) !== 0 || name === 'localhost' || hosts.some((own) => own.toLowerCase() === name)) return undefined;
  return /^[\w.-]{1,253}$/.test(name)
    ? `${name} is no name of this emulator; --allow-host ${name}, or allowedHosts, makes it one`
    : 'the Host header holds no name';
}
