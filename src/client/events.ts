import { type Channel, channel } from 'node:diagnostics_channel';
import type { ImdsErrorCode } from '../errors.js';
import type { LeftOut } from './config-file.js';

/** Receives log lines: `console`, an AWS SDK logger, or any object with some of these. Whatever it throws is ignored. */
export interface Logger {
  debug?(message: string, fields?: object): void;
  info?(message: string, fields?: object): void;
  warn?(message: string, fields?: object): void;
  error?(message: string, fields?: object): void;
}

/** The messages of each `node:diagnostics_channel`, by the channel's name after `imds:`. None holds a secret. */
export interface ImdsEvents {
  /** A request has ended. */
  readonly request: {
    readonly method: 'GET' | 'PUT';
    readonly path: string;
    /** IMDS version spoken: 2 for a token request or a read that bears a token, else 1. */
    readonly version: 1 | 2;
    readonly durationMs: number;
    /** Absent when no reply came. */
    readonly statusCode?: number;
    /** Code of the failure when no usable reply came. */
    readonly error?: ImdsErrorCode;
  };
  /** A session token was obtained, got a 401, or could not be obtained, with the code of that failure. */
  readonly token: {
    readonly action: 'obtained' | 'rejected' | 'failed';
    /** Seconds granted, when obtained. */
    readonly ttlSeconds?: number;
    /** `true` when the service did not say how long the token lives, as IMDS does. */
    readonly isTtlAssumed?: true;
    readonly error?: ImdsErrorCode;
  };
  /** A look-up in the cache. `forget` has the path `*`: all that a stop and start may change. */
  readonly cache: { readonly action: 'hit' | 'miss' | 'forget'; readonly path: string };
  /** A change of the IMDS version spoken; to 1 with the code of the token request's failure. */
  readonly fallback: { readonly to: 1 | 2; readonly reason?: ImdsErrorCode };
  /** A failed attempt that another follows, with its number from 1. */
  readonly retry: { readonly path: string; readonly attempt: number; readonly error: ImdsErrorCode | undefined };
  /** The shared config file cannot be read, nobody named it, and so it is not used. */
  readonly settings: { readonly action: 'left-out' } & LeftOut;
  /** The result of a refresh of role credentials. */
  readonly credentials: {
    /** A new set is in use; the old one stays, as there was no newer one or no answer; or it may not be used any longer. */
    readonly action: 'obtained' | 'kept' | 'ended';
    /** Seconds until the set ends; negative when it is used past its end. */
    readonly secondsLeft: number;
    /** Seconds until the service is asked again. */
    readonly nextInSeconds: number;
    /** Code of the failure that led to this. */
    readonly error?: ImdsErrorCode;
  };
  /** A failure of a watch, or its end. */
  readonly watch: {
    /** A poll failed or succeeded again, a handler of an interruption threw, or nothing can be watched any more. */
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
  };
}

type Kind = keyof ImdsEvents;
type Level = keyof Logger;

/** The level of each kind's log lines unless the event says otherwise. */
const levels: Readonly<Record<Kind, Level>> = {
  request: 'debug',
  token: 'debug',
  cache: 'debug',
  fallback: 'warn',
  retry: 'info',
  settings: 'warn',
  credentials: 'debug',
  watch: 'warn',
};

const channels: Partial<Record<Kind, Channel>> = {};

/** The channel of a kind, made when it is first asked for: all eight take a process as long as a small file. */
const channelOf = (kind: Kind): Channel => (channels[kind] ??= channel(`imds:${kind}`));

/** Publishes events to `node:diagnostics_channel` and to the client's logger. Costs nothing while neither listens. */
export class Events {
  readonly #logger: Logger | undefined;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** True when somebody would receive an event of this kind. */
  wanted(kind: Kind): boolean {
    return this.#logger !== undefined || channelOf(kind).hasSubscribers;
  }

  publish<K extends Kind>(kind: K, event: ImdsEvents[K], level: Level = levels[kind]): void {
    const channel = channelOf(kind);
    if (channel.hasSubscribers) channel.publish(event);
    // A logger that throws, now or later, must not fail a read, a watch or the process.
    try {
      const logged: unknown = this.#logger?.[level]?.(`imds ${kind}`, event);
      if (logged !== undefined) Promise.resolve(logged).catch(() => {});
    } catch {}
  }
}
