import { type Channel, channel } from 'node:diagnostics_channel';
import type { ImdsErrorCode } from '../errors.js';
import type { LeftOut } from './config-file.js';

/** Receives log lines: `console`, an AWS SDK logger, or any object with some of these. Errors it throws are ignored. */
export interface Logger {
  debug?(message: string, fields?: object): void;
  info?(message: string, fields?: object): void;
  warn?(message: string, fields?: object): void;
  error?(message: string, fields?: object): void;
}

/** The message of each `node:diagnostics_channel`, by the channel's name after `imds:`. None contains a secret. */
export interface ImdsEvents {
  /** A request has ended. */
  readonly request: {
    readonly method: 'GET' | 'PUT';
    readonly path: string;
    /** IMDS version used: 2 for a token request or a read with a token, else 1. */
    readonly version: 1 | 2;
    readonly durationMs: number;
    /** Absent when no reply came. */
    readonly statusCode?: number;
    /** Code of the failure when no usable reply came. */
    readonly error?: ImdsErrorCode;
  };
  /** A session token was obtained, was rejected with a 401, or could not be obtained; then with the error's code. */
  readonly token: {
    readonly action: 'obtained' | 'rejected' | 'failed';
    /** TTL granted, in seconds, when obtained. */
    readonly ttlSeconds?: number;
    /** `true` when the service, unlike IMDS, did not state the token's TTL. */
    readonly isTtlAssumed?: true;
    readonly error?: ImdsErrorCode;
  };
  /** A cache lookup. `forget` has the path `*`: everything that a stop and start may change. */
  readonly cache: { readonly action: 'hit' | 'miss' | 'forget'; readonly path: string };
  /** A switch to another IMDS version; to 1 with the error code of the token request. */
  readonly fallback: { readonly to: 1 | 2; readonly reason?: ImdsErrorCode };
  /** A failed attempt that is retried, numbered from 1. */
  readonly retry: { readonly path: string; readonly attempt: number; readonly error: ImdsErrorCode | undefined };
  /** The shared config file is unreadable and was not named, so it is ignored. */
  readonly settings: { readonly action: 'left-out' } & LeftOut;
  /** The result of a refresh of role credentials. */
  readonly credentials: {
    /** A new set is in use; the old one stays: none is newer, or the refresh failed; or it must no longer be used. */
    readonly action: 'obtained' | 'kept' | 'ended';
    /** Seconds until the set expires; negative when it is used past that. */
    readonly secondsLeft: number;
    /** Seconds until the next refresh. */
    readonly nextInSeconds: number;
    /** Code of the error that led to this. */
    readonly error?: ImdsErrorCode;
  };
  /** A failure of a watch, or its end. */
  readonly watch: {
    /** A poll failed or succeeded again, an interruption handler threw, or nothing can be watched any more. */
    readonly action: 'failed' | 'recovered' | 'handler-failed' | 'ended';
    /** Kind of notice, such as `spot-interruption`. */
    readonly kind: string;
    /** Consecutive failed polls. */
    readonly failures?: number;
    /** Seconds until the next poll. */
    readonly nextInSeconds?: number;
    /** Code of the error, if it is one of this package. */
    readonly error?: ImdsErrorCode;
    /** Thrown by the handler, by what ended the watch, or by a poll if it is not an error of this package. */
    readonly thrown?: unknown;
  };
}

type Kind = keyof ImdsEvents;
type Level = keyof Logger;

/** The log levels of those kinds that are not `debug`, unless the event has another. */
const levels: { readonly [K in Kind]?: Level } = { fallback: 'warn', retry: 'info', settings: 'warn', watch: 'warn' };

const channels: Partial<Record<Kind, Channel>> = {};

/** The channel of a kind, created on first use: all eight cost a process as much as loading a small file. */
const channelOf = (kind: Kind): Channel => (channels[kind] ??= channel(`imds:${kind}`));

/** Publishes events to `node:diagnostics_channel` and to the client's logger. Costs nothing while neither listens. */
export class Events {
  readonly #logger: Logger | undefined;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** True when anybody would receive an event of this kind. */
  wanted(kind: Kind): boolean {
    return this.#logger !== undefined || channelOf(kind).hasSubscribers;
  }

  publish<K extends Kind>(kind: K, event: ImdsEvents[K], level: Level = levels[kind] ?? 'debug'): void {
    const channel = channelOf(kind);
    if (channel.hasSubscribers) channel.publish(event);
    // A logger that throws, now or later, must not fail a read, a watch or the process.
    try {
      const logged: unknown = this.#logger?.[level]?.(`imds ${kind}`, event);
      if (logged !== undefined) Promise.resolve(logged).catch(() => {});
    } catch {}
  }
}
