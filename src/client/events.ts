import { channel } from 'node:diagnostics_channel';
import type { ImdsErrorCode } from '../errors.js';

/** What receives log lines: `console`, an AWS SDK logger, or any object with some of these. */
export interface Logger {
  debug?(message: string, fields?: object): void;
  info?(message: string, fields?: object): void;
  warn?(message: string, fields?: object): void;
  error?(message: string, fields?: object): void;
}

/** One request on the wire, published on `imds:request` when it has ended. */
export interface RequestEvent {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  /** IMDS version spoken: 2 for a token request or a read that bears a token, else 1. */
  readonly version: 1 | 2;
  readonly durationMs: number;
  /** Absent when no answer came. */
  readonly statusCode?: number;
  /** Code of the failure when no usable answer came. */
  readonly error?: ImdsErrorCode;
}

/** A step in the life of the session token, published on `imds:token`. The token itself is never in it. */
export interface TokenEvent {
  readonly action: 'obtained' | 'rejected' | 'failed';
  /** Seconds granted, when obtained. */
  readonly ttlSeconds?: number;
  /** Code of the failure, when failed. */
  readonly error?: ImdsErrorCode;
}

/** What the cache did, published on `imds:cache`. */
export interface CacheEvent {
  readonly action: 'hit' | 'miss' | 'forget';
  /** The path; `*` when everything that may change over a stop and start was forgotten. */
  readonly path: string;
}

/** A change of the IMDS version spoken, published on `imds:fallback`. */
export interface FallbackEvent {
  readonly to: 1 | 2;
  /** Code of the failure of the token request that led to version 1. */
  readonly reason?: ImdsErrorCode;
}

/** A failed attempt that will be made again, published on `imds:retry`. */
export interface RetryEvent {
  readonly path: string;
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number;
  readonly error: ImdsErrorCode | undefined;
}

/** What became of asking for role credentials, published on `imds:credentials`. No credential is ever in it. */
export interface CredentialsEvent {
  /**
   * `obtained`: a new set is in use. `kept`: the service had none or did not answer, the set at hand stays in use.
   * `ended`: neither is a new set to be had nor may the one at hand be used any longer.
   */
  readonly action: 'obtained' | 'kept' | 'ended';
  /** Seconds until the set ends; negative when it is used past its end. */
  readonly secondsLeft: number;
  /** Seconds until the service is asked again. */
  readonly nextInSeconds: number;
  /** Code of the failure that led to this. */
  readonly error?: ImdsErrorCode;
}

/** What befell a watch, published on `imds:watch`. */
export interface WatchEvent {
  /**
   * `failed`: a look was in vain, and will be repeated. `recovered`: the first to succeed after that. `handler-failed`:
   * the handler of an interruption threw. `ended`: nothing can be watched, so that the handler will not be called.
   */
  readonly action: 'failed' | 'recovered' | 'handler-failed' | 'ended';
  /** Kind of notice, such as `spot-interruption`. */
  readonly kind: string;
  /** How many looks failed in a row. */
  readonly failures?: number;
  /** Seconds until the next look. */
  readonly nextInSeconds?: number;
  /** Code of the failure, where it was this package's. */
  readonly error?: ImdsErrorCode;
  /** What the handler threw, what ended the watch, or why a look was in vain if that was no error of this package. */
  readonly thrown?: unknown;
}

/** The messages of each `node:diagnostics_channel`, by the channel's name after `imds:`. */
export interface ImdsEvents {
  readonly request: RequestEvent;
  readonly token: TokenEvent;
  readonly cache: CacheEvent;
  readonly fallback: FallbackEvent;
  readonly retry: RetryEvent;
  readonly credentials: CredentialsEvent;
  readonly watch: WatchEvent;
}

const channels = {
  request: channel('imds:request'),
  token: channel('imds:token'),
  cache: channel('imds:cache'),
  fallback: channel('imds:fallback'),
  retry: channel('imds:retry'),
  credentials: channel('imds:credentials'),
  watch: channel('imds:watch'),
};

const levels = {
  request: 'debug',
  token: 'debug',
  cache: 'debug',
  fallback: 'warn',
  retry: 'info',
  credentials: 'debug',
  watch: 'warn',
} as const;

/** Publishes what happens to `node:diagnostics_channel` and to the client's logger; costs nothing when neither listens. */
export class Events {
  readonly #logger: Logger | undefined;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** Whether anybody would receive an event of this kind. */
  wanted(kind: keyof ImdsEvents): boolean {
    return this.#logger !== undefined || channels[kind].hasSubscribers;
  }

  /** @param level of the log line, where one event of a kind matters more than others */
  publish<K extends keyof ImdsEvents>(kind: K, event: ImdsEvents[K], level: keyof Logger = levels[kind]): void {
    if (channels[kind].hasSubscribers) channels[kind].publish(event);
    try {
      this.#logger?.[level]?.(`imds ${kind}`, event);
    } catch {
      // What a logger throws is its own affair: nothing that is read or watched may fail of it.
    }
  }
}
