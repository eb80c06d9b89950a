import { isIP } from 'node:net';
import { asXen, empty, page, withBody } from './answers.js';
import type { Delivery } from './delivery.js';
import type { Engine } from './engine.js';
import { apply, type Match } from './faults.js';
import { type Decision, decide, type Request, versionOf } from './service.js';
import type { State } from './state.js';
import { withoutTokens } from './tokens.js';

/** Answers a request and records it: the service decides, then faults apply. */
export function handle(engine: Engine, request: Request): Delivery {
  engine.settleDue();
  const { state } = engine;
  const { caller, method, target } = request;
  const at = engine.clock.now();
  const now = new Date(at);
  const version = versionOf(request);
  const refusal = refuse(engine, request, now);
  const matches = refusal ? [] : state.faults.match(method, target, at, version);
  const { answer: decided, ...decision } = refusal ?? attempt(request, state, now, matches);
  const delivery = matches.reduce<Delivery>((faulty, match) => apply(faulty, match, now), { answer: decided });
  const { answer, garbage, part } = delivery;
  const status = answer === undefined || garbage !== undefined || part === 'none' ? 'unanswered' : answer.status;
  const last = matches.at(-1);
  const isAsDecided = answer === decided && part === undefined;
  const struck = last && {
    reason: (isAsDecided && decision.reason) || (`fault: ${last.fault.kind}` as const),
    faults: matches.map(({ fault }) => fault),
  };
  engine.note({ at, caller, method, path: withoutTokens(target), version, status, ...decision, ...struck });
  return finish(delivery, request, state);
}

const rejections = { 400: 'not HTTP', 413: 'too large', 417: 'expects 100', 431: 'too large' } as const;

/** Rejects requests that the service does not see, and no fault applies to. */
function refuse({ start, state }: Engine, request: Request, now: Date): Decision | undefined {
  const absence = state.absence(now.getTime());
  // It arrived just before the socket was closed.
  if (absence !== undefined) return { answer: undefined, reason: absence };
  const { rejection, httpVersion, headers } = request;
  if (rejection !== undefined) return { answer: page(now, rejection), reason: rejections[rejection] };
  // RFC 9112, section 3.2
  if (headers.host === undefined && httpVersion !== '1.0') return { answer: page(now, 400), reason: 'no Host' };
  const why = foreignHost(headers.host, [...start.hosts, ...start.allowedHosts]);
  return why === undefined ? undefined : { answer: withBody(empty(now, 403), `${why}\n`), reason: 'foreign Host' };
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
 * The reason for rejecting a `Host` header; undefined for names that only callers of the emulator use. This detects a
 * web page that makes its own name resolve to this machine (DNS rebinding).
 */
export function foreignHost(host: string | undefined, hosts: readonly string[]): string | undefined {
  if (host === undefined) return undefined;
  // Without the port.
  const [, bracketed, bare = ''] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d*)?$/.exec(host) ?? [];
  const name = (bracketed ?? bare).toLowerCase();
  if (isIP(name) !== 0 || name === 'localhost' || hosts.some((own) => own.toLowerCase() === name)) return undefined;
  return /^[\w.-]{1,253}$/.test(name)
    ? `${name} is not a name of this emulator; --allow-host ${name}, or allowedHosts, adds it`
    : 'the Host header has no name';
}
