import { ImdsResponseError, ImdsTimeoutError, ImdsUnreachableError, isImdsError } from '../errors.js';
import type { Clock } from './clock.js';
import type { Events } from './events.js';
import type { Settings } from './settings.js';

/**
 * True when another attempt may succeed where this one failed.
 *
 * | failure | another attempt |
 * | --- | --- |
 * | 429, 5xx (throttled or busy) | yes |
 * | connection reset, body cut off | yes |
 * | connected, but no answer in time | yes |
 * | 400, 401, 403, 404, 405, redirects, oversized bodies, no HTTP | no |
 * | refused, no route, no connection in time | no: off EC2, callers would wait for it |
 */
export function isRetryable(error: unknown): boolean {
  if (error instanceof ImdsTimeoutError) return error.phase !== 'deadline';
  if (!(error instanceof ImdsResponseError)) return false;
  if (error.fault === 'status') return error.statusCode === 429 || (error.statusCode ?? 0) >= 500;
  return error.fault === 'reset' || error.fault === 'cut';
}

/** What bounds the attempts. */
export interface RetryOptions extends Pick<Settings, 'maxAttempts' | 'retryDelayMs'> {
  /** What is asked for, for the event. */
  readonly path: string;
  /** When the time for all attempts is over, on the clock. */
  readonly deadline: number;
  readonly clock: Clock;
  readonly events: Events;
  /** Ends the delays between attempts. */
  readonly signal: AbortSignal;
}

let library: typeof import('p-retry') | undefined;

/**
 * Makes an attempt, and further ones after retryable failures, with doubled and jittered delays, all before the deadline.
 * See "Retry behavior" in the AWS SDKs and Tools Reference Guide.
 *
 * @throws what the last attempt threw that the deadline did not cut short, or the signal's reason
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  library ??= await import('p-retry');
  const { maxAttempts, retryDelayMs, path, deadline, clock, events, signal } = options;
  // Timers cut fractions of a millisecond off, and may fire one early.
  const isOver = (): boolean => clock.now() >= deadline - 2;
  let failure: unknown;
  const timed = async (): Promise<T> => {
    if (failure !== undefined && isOver()) throw abortRetry(failure);
    try {
      return await attempt();
    } catch (error) {
      // An attempt that the deadline cut short tells less than the failure before it.
      if (failure !== undefined && isOver() && ranOutOfTime(error)) throw abortRetry(failure);
      failure = error;
      throw error;
    }
  };
  return await library.default(timed, {
    signal,
    retries: maxAttempts - 1,
    factor: 2,
    minTimeout: retryDelayMs,
    maxTimeout: Number.POSITIVE_INFINITY,
    randomize: true,
    maxRetryTime: Math.max(0, deadline - clock.now()),
    onFailedAttempt: () => {},
    shouldConsumeRetry: () => true,
    shouldRetry: ({ error, attemptNumber }) => {
      const again = isRetryable(error) && !isOver();
      if (again && events.wanted('retry'))
        events.publish('retry', { path, attempt: attemptNumber, error: isImdsError(error) ? error.code : undefined });
      return again;
    },
  });
}

const ranOutOfTime = (error: unknown): boolean =>
  error instanceof ImdsTimeoutError || error instanceof ImdsUnreachableError;

/** Wraps a failure inside an attempt that must not be followed by another attempt. */
export const abortRetry = (error: unknown): unknown =>
  library && error instanceof Error ? new library.AbortError(error) : error;
