import { neededLimit } from './advice.js';
import { socketOf } from './endpoint.js';
import { containers } from './environment.js';
import type { Judgement } from './judgement.js';
import type { Verdict } from './verdict.js';

/** A place on the path from this process to IMDS. */
export interface Hop {
  readonly name: string;
  /** The path breaks between this place and the next: a reply is lost there, or without a connection, a request. */
  readonly brokenAfter: boolean;
}

/** Where the path breaks: at its start, just before the instance, or between the instance and IMDS. */
const breaks: Readonly<Partial<Record<Verdict, 'start' | 'bridge' | 'instance'>>> = {
  // With one router in between, this is the place; with more, it may be one of those after it.
  'hop-limit': 'bridge',
  unreachable: 'start',
  'not-ec2': 'start',
  enclave: 'start',
  locked: 'start',
  'other-family': 'start',
  'disabled-by-setting': 'start',
  'endpoint-disabled': 'instance',
  refused: 'instance',
  throttled: 'instance',
  'foreign-responder': 'instance',
  'v1-only': 'instance',
};

/** The path from this process to IMDS, and where it breaks. */
export function pathOf(found: Judgement): readonly Hop[] {
  const { verdict, outcomes, platform, endpoint } = found;
  const isSocket = socketOf(endpoint) !== undefined;
  // Off EC2 there is no instance on the path, and at a custom endpoint the path is unknown.
  const isDirect = outcomes.endpoint === 'custom' || verdict === 'not-ec2';
  const routers = isDirect ? 0 : (neededLimit(found) ?? 1) - 1;
  // The router next to the instance is its own bridge; the names of those before it are unknown.
  const inner = Array.from({ length: routers }, (_, index) =>
    index === routers - 1 ? containers[platform.container][1] : 'router',
  );
  const target =
    outcomes.endpoint === 'custom' && !isSocket ? endpoint : verdict === 'foreign-responder' ? 'not IMDS' : 'IMDS';
  const names = ['this process', ...(isSocket ? ['Unix socket'] : inner), ...(isDirect ? [] : ['instance']), target];
  const instance = names.length - 2;
  const places = { start: 0, bridge: isSocket ? instance : Math.max(0, instance - 1), instance };
  const place = breaks[verdict];
  return names.map((name, index) => ({ name, brokenAfter: place !== undefined && index === places[place] }));
}
