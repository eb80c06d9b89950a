import { channel } from 'node:diagnostics_channel';
import type { ImdsErrorCode } from '../errors.js';

/** Receives log lines: `console`, an AWS SDK logger, or any object with some of these. */
export interface Logger {
  debug?(message: string, fields?: object): void;
  info?(message: string, fields?: object): void;
  warn?(message: string, fields?: object): void;
  error?(message: string, fields?: object): void;
}

/** One request, published on `imds:request` when it has ended. */
export interface RequestEvent {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  /** IMDS version spoken: 2 for a token request or a read that bears a token, else 1. */
  readonly version: 1 | 2;
  readonly durationMs: number;
  /** Absent when no reply came. */
  readonly statusCode?: number;
  /** Code of the failure when no usable reply came. */
  readonly error?: ImdsErrorCode;
}

/** What became of a session token, published on `imds:token`. Never holds the token. */
interface TokenEvent {
  readonly action: 'obtained' | 'rejected' | 'failed';
  /** Seconds granted, when obtained. */
  readonly ttlSeconds?: number;
  /** Code of the failure, when failed. */
  readonly error?: ImdsErrorCode;
}

/** A look-up in the cache, published on `imds:cache`. */
interface CacheEvent {
  readonly action: 'hit' | 'miss' | 'forget';
  /** The path; `*` when everything that a stop and start may change was forgotten. */
  readonly path: string;
}

/** A change of the IMDS version spoken, published on `imds:fallback`. */
interface FallbackEvent {
  readonly to: 1 | 2;
  /** Code of the failure of the token request that led to version 1. */
  readonly reason?: ImdsErrorCode;
}

/** A failed attempt that another follows, published on `imds:retry`. */
interface RetryEvent {
  readonly path: string;
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number;
  readonly error: ImdsErrorCode | undefined;
}

/** The result of a refresh of role credentials, published on `imds:credentials`. Never holds a credential. */
export interface CredentialsEvent {
  /**
   * `obtained`: a new set is in use. `kept`: the service had none or did not answer, and the old set stays in use.
   * `ended`: there is no new set, and the old one may not be used any longer.
   */
  readonly action: 'obtained' | 'kept' | 'ended';
  /** Seconds until the set ends; negative when it is used past its end. */
  readonly secondsLeft: number;
  /** Seconds until the service is asked again. */
  readonly nextInSeconds: number;
  /** Code of the failure that led to this. */
  readonly error?: ImdsErrorCode;
}

/** A failure of a watch, or its end, published on `imds:watch`. */
export interface WatchEvent {
  /**
   * `failed`: a poll failed, and will be repeated. `recovered`: the first to succeed after that. `handler-failed`: the
   * handler of an interruption threw. `ended`: nothing can be watched, so the handler will not be called.
   */
  readonly action: 'failed' | 'recovered' | 'handler-failed' | 'ended';
  /** Kind of notice, such as `spot-interruption`. */
  readonly kind: string;
  /** Failed polls in a row. */
  readonly failures?: number;
  /** Seconds until the next poll. */
  readonly nextInSeconds?: number;
  /** Code of the failure, if it was of this package. */
  readonly error?: ImdsErrorCode;
  /** Thrown by the handler, by whatever ended the watch, or by a poll if it was no error of this package. */
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

/** The level of each kind's log lines, unless the event says otherwise. */
const levels = {
  request: 'debug',
  token: 'debug',
  cache: 'debug',
  fallback: 'warn',
  retry: 'info',
  credentials: 'debug',
  watch: 'warn',
} as const satisfies Record<keyof ImdsEvents, keyof Logger>;

const channels = {
  request: channel('imds:request'),
  token: channel('imds:token'),
  cache: channel('imds:cache'),
  fallback: channel('imds:fallback'),
  retry: channel('imds:retry'),
  credentials: channel('imds:credentials'),
  watch: channel('imds:watch'),
};

/** Publishes events to `node:diagnostics_channel` and to the client's logger. Costs nothing while neither listens. */
export class Events {
  readonly #logger: Logger | undefined;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** True when somebody would receive an event of this kind. */
  wanted(kind: keyof ImdsEvents): boolean {
    return this.#logger !== undefined || channels[kind].hasSubscribers;
  }

  publish<K extends keyof ImdsEvents>(kind: K, event: ImdsEvents[K], level: keyof Logger = levels[kind]): void {
    if (channels[kind].hasSubscribers) channels[kind].publish(event);
    try {
      this.#logger?.[level]?.(`imds ${kind}`, event);
    } catch {
      // A logger that throws must not fail a read or a watch.
    }
  }
}
