import type { Fault } from './faults.js';

/** One request that arrived. Contains no header, no query and no session token. */
export interface SeenRequest {
  /** 1 for the first request, and so on. */
  readonly number: number;
  /** The address it came from. */
  readonly caller: string;
  /** When it arrived, by the emulator's clock, in milliseconds since the epoch. */
  readonly at: number;
  /** Empty if it was not HTTP, or its headers were too large. */
  readonly method: string;
  /**
   * As sent, such as `/latest/meta-data/instance-id`, except possible secrets: `?…` stands for a query, and `…` for a
   * segment with a session token, or for anything beyond 1,024 characters. Empty if `method` is.
   */
  readonly path: string;
  /** 2 if it requested a session token or had one, else 1. */
  readonly version: 1 | 2;
  /** Status of the reply, or `unanswered` if none was sent. */
  readonly status: number | 'unanswered';
  /** The reason that it did not get its value, or not intact. */
  readonly reason?:
    | 'endpoint off'
    | 'hop limit'
    | 'v1 off'
    | 'token expired'
    | 'token unknown'
    | 'bad token request'
    | 'bad path'
    | 'not there'
    | 'bad method'
    | 'foreign Host'
    | 'no Host'
    | 'expects 100'
    | 'not HTTP'
    | 'too large'
    | 'instance off'
    | `fault: ${Fault['kind']}`;
  /** The faults that hit it, in the order they were applied. */
  readonly faults?: readonly Fault[];
  /** For a token request: the limit that the reply had, and the one its caller needs. With less, it died on the way. */
  readonly hopLimit?: { readonly had: number; readonly needed: number };
  /** The error thrown by a computed value of the tree; the reply was a 500. */
  readonly error?: unknown;
}

const size = 10_000;

export const noneYet = { total: 0, v1: 0, v2: 0, token: 0, other: 0, refused: 0, unanswered: 0 };

/** Counts by kind of request: without a token, with one, for one, or not HTTP. */
export function kindOf({ method, version, hopLimit }: Omit<SeenRequest, 'number'>): 'v1' | 'v2' | 'token' | 'other' {
  if (method === '') return 'other';
  return hopLimit === undefined ? `v${version}` : 'token';
}

/** The latest requests, and the counts of all. */
export class Journal {
  readonly requests: SeenRequest[] = [];
  /** Counts since the last `clear`. */
  counts = { ...noneYet };
  /** The number of the latest request before the last `clear`. */
  cleared = 0;
  /** The number of the latest request. */
  last = 0;

  add(entry: Omit<SeenRequest, 'number'>): SeenRequest {
    this.last += 1;
    const request = { number: this.last, ...entry };
    this.requests.push(request);
    if (this.requests.length > size) this.requests.shift();
    const { status, reason } = request;
    this.counts.total += 1;
    this.counts[kindOf(request)] += 1;
    if (status === 'unanswered') this.counts.unanswered += 1;
    else if (status >= 400 && reason !== 'not there') this.counts.refused += 1;
    return request;
  }

  /** Forgets the requests and their counts; numbers go on. */
  clear(): void {
    this.requests.length = 0;
    this.cleared = this.last;
    this.counts = { ...noneYet };
  }
}
