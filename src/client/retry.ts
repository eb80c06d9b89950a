import { ImdsResponseError, ImdsTimeoutError, ImdsUnreachableError, isImdsError } from '../errors.js';
import type { Events } from './events.js';
import type { Settings } from './settings.js';

/**
 * Whether another attempt may succeed where this one failed.
 *
 * | failure | another attempt |
 * | --- | --- |
 * | 429, 5xx (throttled or busy) | yes |
 * | connection reset, body cut off | yes |
 * | connected, but no answer in time | yes |
 * | 400, 401, 403, 404, 405, redirects, oversized bodies, no HTTP | no |
 * | refused, no route, no connection in time | no: off EC2, callers would wait for it |
 */
export function mayHeal(error: unknown): boolean {
  if (error instanceof ImdsTimeoutError) return error.phase !== 'deadline';
  if (!(error instanceof ImdsResponseError)) return false;
  if (error.fault === 'status') return error.statusCode === 429 || (error.statusCode ?? 0) >= 500;
  return error.fault === 'reset' || error.fault === 'cut';
}

let library: typeof import('p-retry') | undefined;

/** What bounds a series of attempts. */
export interface Attempts {
  readonly settings: Pick<Settings, 'maxAttempts' | 'retryDelayMs'>;
  readonly events: Events;
  /** What is asked for, for the event. */
  readonly path: string;
  /** When the time for all attempts is over, on the clock `now`. */
  readonly until: number;
  readonly now: () => number;
  /** Ends the delays between attempts. */
  readonly signal: AbortSignal;
}

/**
 * Makes an attempt, and after a failure that may heal further ones: doubling, jittered delays, all within `until`.
 * See "Retry behavior" in the AWS SDKs and Tools Reference Guide.
 *
 * @throws what the last attempt threw that was not cut short, or the signal's reason.
 */
export async function attempting<T>(attempt: () => Promise<T>, attempts: Attempts): Promise<T> {
  // Not needed to import this package, only to ask.
  library ??= await import('p-retry');
  const { settings, events, path, until, now, signal } = attempts;
  let failure: unknown;
  // Timers cut fractions of a millisecond off, and may fire one early.
  const isOver = (): boolean => now() >= until - 2;
  const timed = async (): Promise<T> => {
    if (failure !== undefined && isOver()) throw final(failure);
    try {
      return await attempt();
    } catch (error) {
      // What the end of the time cut short tells less than the failure before it.
      if (failure !== undefined && isOver() && isTimeout(error)) throw final(failure);
      failure = error;
      throw error;
    }
  };
  return await library.default(timed, {
    signal,
    retries: settings.maxAttempts - 1,
    factor: 2,
    minTimeout: settings.retryDelayMs,
    maxTimeout: Number.POSITIVE_INFINITY,
    randomize: true,
    maxRetryTime: Math.max(0, until - now()),
    onFailedAttempt: () => {},
    shouldConsumeRetry: () => true,
    shouldRetry: ({ error, attemptNumber }) => {
      const again = mayHeal(error) && !isOver();
      if (again && events.wanted('retry'))
        events.publish('retry', { path, attempt: attemptNumber, error: isImdsError(error) ? error.code : undefined });
      return again;
    },
  });
}

const isTimeout = (error: unknown): boolean =>
  error instanceof ImdsTimeoutError || error instanceof ImdsUnreachableError;

/** Wraps a failure inside an attempt that no further attempt may follow. */
export const final = (error: unknown): unknown =>
  library && error instanceof Error ? new library.AbortError(error) : error;
