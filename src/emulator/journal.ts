import type { Fault } from './faults.js';
import type { Refusal } from './service.js';
import { holdsToken, tokenLength } from './tokens.js';

/** One request that arrived. It holds no header, no query and no session token. */
export interface SeenRequest {
  /** When, by the emulator's clock, in milliseconds since 1970. */
  readonly at: number;
  /** Empty if what arrived was no HTTP, or its headers were too large. */
  readonly method: string;
  /**
   * As it was sent, such as `/latest/meta-data/instance-id`, but for what may be a secret: `?…` stands for a query, and `…`
   * for a segment that holds a session token, or for what is beyond 1,024 characters. Empty where `method` is.
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
  /** The faults that hit it, in the order in which they acted. */
  readonly faults?: readonly Fault[];
  /** The error thrown by a computed value of the tree; the answer was a 500. */
  readonly error?: unknown;
}

const size = 10_000;
const longestShown = 1024;

/** The latest requests. */
export class Journal {
  readonly requests: SeenRequest[] = [];

  add(request: SeenRequest): void {
    this.requests.push(request);
    if (this.requests.length > size) this.requests.shift();
  }
}

/** A target without what may be a secret: a session token belongs in a header, but some callers put it in the path. */
export function withoutSecrets(target: string): string {
  if (target.length < tokenLength && !target.includes('?')) return target;
  const [path = '', query] = target.split('?', 2);
  const segments = path.split('/').map((segment) => (holdsToken(segment) ? '…' : segment));
  const shown = segments.join('/');
  const clipped = shown.length > longestShown ? `${shown.slice(0, longestShown)}…` : shown;
  return clipped + (query === undefined ? '' : '?…');
}
