import { cutPath } from './paths.js';
import type { Place } from './stack.js';

/** A request as it was sent. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  /** Its session token, as a hash: no token is kept. */
  readonly token: number | undefined;
  readonly isForwarded: boolean;
}

/** The outcome of one request; only the first call counts. */
export interface Exchange {
  answered(status: number | undefined): void;
  /** It was sent, but no reply came. */
  lost(): void;
  /** It went to an address other than IMDS. */
  proxied(): void;
}

/** The counts of a caller: its requests, their tokens and headers, and their outcomes. */
export type Counted =
  | 'v1'
  | 'v2'
  | 'tokenRequests'
  /** The reads with a session token other than the previous read's. */
  | 'tokens'
  | 'unauthorized'
  | 'forbidden'
  | 'noReply'
  | 'v1-after-401'
  | 'token-reply-lost'
  | 'forwarded-for'
  | 'proxy';

/** Programs that were started with an address of IMDS in their command line. */
export interface Started extends Place {
  readonly command: string;
  count: number;
}

/** The counts of one process or thread, as written for the report. */
export interface State {
  readonly nodeVersion: string;
  readonly callers: readonly Caller[];
  readonly processes: readonly Started[];
}

const mostPaths = 50;
const mostCallers = 200;
const others: Place = { package: '(others)', packageVersion: null, file: null, line: null };

/** The counts of one caller. Fields without # are passed to other processes. */
export class Caller {
  readonly place: Place;
  readonly counts: Partial<Record<Counted, number>> = {};
  /** The busiest minute since the epoch, and its requests. */
  readonly busiest = { minute: 0, requests: 0 };
  /** The paths requested, each with the most consecutive reads of it with less than a second between them. */
  readonly paths: Record<string, number> = Object.create(null);

  readonly #minute = { minute: 0, requests: 0 };
  readonly #lastReads = new Map<string, { at: number; row: number }>();
  #token: number | undefined;

  constructor(place: Place) {
    this.place = place;
  }

  count(name: Counted): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  sent({ method, path, token, isForwarded }: Sent, now: number): void {
    this.#countMinute(Math.floor(now / 60_000));
    const shown = cutPath(path);
    const row = method === 'PUT' ? 0 : this.#rowOf(path, now);
    if (shown in this.paths || Object.keys(this.paths).length < mostPaths)
      this.paths[shown] = Math.max(row, this.paths[shown] ?? 0);
    if (isForwarded) this.count('forwarded-for');
    if (method === 'PUT') {
      this.count('tokenRequests');
      return;
    }
    this.count(token === undefined ? 'v1' : 'v2');
    if (token === undefined) return;
    if (token !== this.#token) this.count('tokens');
    this.#token = token;
  }

  #countMinute(minute: number): void {
    if (minute !== this.#minute.minute) Object.assign(this.#minute, { minute, requests: 0 });
    this.#minute.requests += 1;
    if (this.#minute.requests > this.busiest.requests) Object.assign(this.busiest, this.#minute);
  }

  /** The number of consecutive reads of this path, including this one. */
  #rowOf(path: string, now: number): number {
    const last = this.#lastReads.get(path);
    const row = last && now - last.at < 1000 ? last.row + 1 : 1;
    if (last || this.#lastReads.size < mostPaths) this.#lastReads.set(path, { at: now, row });
    return row;
  }
}

/** Distinguishes tokens without revealing them: 32 bits (FNV-1a). */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** The counts of this thread: by caller, never by request. */
export class Tally {
  readonly #callers = new Map<string, Caller>();
  readonly #processes = new Map<string, Started>();
  /** The packages whose last read got a 401 for its token. */
  readonly #refused = new Set<string | null>();
  readonly #changed: () => void;
  readonly #now: () => number;

  /** @param changed called after every change */
  constructor(changed: () => void, now: () => number = Date.now) {
    this.#changed = changed;
    this.#now = now;
  }

  get state(): State {
    const { version: nodeVersion } = process;
    return { nodeVersion, callers: [...this.#callers.values()], processes: [...this.#processes.values()] };
  }

  /** Counts a request that was sent. */
  begin(place: Place, sent: Sent): Exchange {
    const caller = this.#callerAt(place);
    caller.sent(sent, this.#now());
    if (sent.method !== 'PUT') {
      if (sent.token === undefined && this.#refused.has(place.package)) caller.count('v1-after-401');
      this.#refused.delete(place.package);
    }
    this.#changed();
    let isOpen = true;
    const once = (note: () => void): void => {
      if (isOpen) note();
      isOpen = false;
      this.#changed();
    };
    return {
      answered: (status) =>
        once(() => {
          if (status === 403) caller.count('forbidden');
          if (status !== 401) return;
          caller.count('unauthorized');
          if (sent.token !== undefined && this.#refused.size < mostCallers) this.#refused.add(place.package);
        }),
      lost: () =>
        once(() => {
          caller.count('noReply');
          if (sent.method === 'PUT') caller.count('token-reply-lost');
        }),
      proxied: () => caller.count('proxy'),
    };
  }

  /** Counts a program that was started. */
  started(place: Place, command: string): void {
    const key = JSON.stringify([place, command]);
    const known = this.#processes.get(key);
    if (known) known.count += 1;
    else if (this.#processes.size < mostCallers) this.#processes.set(key, { command, count: 1, ...place });
    this.#changed();
  }

  #callerAt(place: Place): Caller {
    const isFull = this.#callers.size >= mostCallers && !this.#callers.has(JSON.stringify(place));
    const counted = isFull ? others : place;
    const key = JSON.stringify(counted);
    const caller = this.#callers.get(key) ?? new Caller(counted);
    this.#callers.set(key, caller);
    return caller;
  }
}
