import { ImdsResponseError, ImdsTimeoutError, ImdsUnreachableError, isImdsError } from '../errors.js';
import { pause, type WaitingClock } from './clock.js';
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
  /** When the time for all attempts is over, on the clock's {@link WaitingClock.running}. */
  readonly deadline: number;
  readonly clock: WaitingClock;
  readonly events: Events;
  /** Ends the pauses between attempts. */
  readonly signal: AbortSignal;
}

let library: typeof import('p-retry') | undefined;

/** Loads p-retry. The first {@link retry} waits for it, if nobody did before. */
export async function loadRetry(): Promise<typeof import('p-retry')> {
  library ??= await import('p-retry');
  return library;
}

/**
 * Makes an attempt, and further ones after retryable failures, with doubled and jittered pauses, all before the deadline.
 * See "Retry behavior" in the AWS SDKs and Tools Reference Guide.
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { default: pRetry } = library ?? (await loadRetry());
  const { maxAttempts, retryDelayMs, path, deadline, clock, events, signal } = options;
  const leftMs = (): number => deadline - clock.running();
  let failure: unknown;
  const timed = async (): Promise<T> => {
    if (failure !== undefined && leftMs() <= 1) throw abortRetry(failure);
    try {
      return await attempt();
    } catch (error) {
      // An attempt that the deadline cut short tells less than the failure before it.
      if (failure !== undefined && leftMs() <= 1 && ranOutOfTime(error)) throw abortRetry(failure);
      failure = error;
      throw error;
    }
  };
  return await pRetry(timed, {
    signal,
    retries: maxAttempts - 1,
    onFailedAttempt: () => {},
    shouldConsumeRetry: () => true,
    shouldRetry: async ({ error, attemptNumber, retriesConsumed }) => {
      if (!isRetryable(error) || leftMs() <= 1) return false;
      if (events.wanted('retry'))
        events.publish('retry', { path, attempt: attemptNumber, error: isImdsError(error) ? error.code : undefined });
      const pauseMs = Math.round(retryDelayMs * 2 ** retriesConsumed * (1 + clock.random()));
      if (pauseMs > 0) await pause(clock, Math.min(pauseMs, leftMs()), signal);
      return true;
    },
    // The pause is that above.
    minTimeout: 0,
  });
}

const ranOutOfTime = (error: unknown): boolean =>
  error instanceof ImdsTimeoutError || error instanceof ImdsUnreachableError;

/** Wraps a failure inside an attempt that must not be followed by another attempt. */
export const abortRetry = (error: unknown): unknown =>
  library && error instanceof Error ? new library.AbortError(error) : error;
