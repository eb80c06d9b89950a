import {
  ImdsCredentialsError,
  ImdsDecodeError,
  ImdsResponseError,
  ImdsTimeoutError,
  ImdsUnreachableError,
  isImdsError,
} from '../errors.js';
import { isTokenRefusal } from './failures.js';
import type { Settings } from './settings.js';
import type { Shared } from './transport.js';

/**
 * True when another attempt may succeed where this one failed.
 *
 * | failure | another attempt |
 * | --- | --- |
 * | 429, 5xx (throttled or busy) | yes |
 * | connection reset, body cut off | yes |
 * | connected, but no answer in time | yes |
 * | 401 even with a fresh token, as on first boot | yes, after a longer pause |
 * | credentials that are empty or cut off, as IMDS serves at times | yes |
 * | 400, 401, 403, 404, 405, redirects, oversized bodies, not HTTP | no |
 * | refused, no route, no connection in time | only for `waitMs`: off EC2, callers would wait in vain |
 */
export function isRetryable(error: unknown): boolean {
  if (isTokenRefusal(error) || error instanceof ImdsDecodeError) return true;
  if (error instanceof ImdsTimeoutError) return error.phase !== 'deadline';
  if (!(error instanceof ImdsResponseError)) return false;
  if (error.fault === 'status') return error.statusCode === 429 || (error.statusCode ?? 0) >= 500;
  return error.fault === 'reset' || error.fault === 'cut';
}

/** True for the failures of a service that is not ready yet, as during boot. */
const isNotReady = (error: unknown): boolean =>
  error instanceof ImdsUnreachableError ||
  isTokenRefusal(error) ||
  (error instanceof ImdsCredentialsError && error.reason === 'no-role');

/** Limits on the attempts, and the parts of the client that they use. */
export interface RetryOptions
  extends Pick<Settings, 'maxAttempts' | 'retryDelayMs' | 'waitMs'>,
    Pick<Shared, 'clock' | 'events' | 'closing'> {
  /** The path, for the event. */
  readonly path: string;
  /** End of the time for all attempts, on the clock's `running`. */
  readonly deadline: number;
}

// Token refusals last for seconds rather than moments.
const refusalFactor = 5;
const shortestWaitMs = 250;
const longestWaitMs = 2000;

/** Failures that must not be retried. */
const final = new WeakSet<object>();

/** Throws a failure on, and marks it as one that must not be retried. */
export function abortRetry(error: unknown): never {
  if (typeof error === 'object' && error !== null) final.add(error);
  throw error;
}

let pRetry: typeof import('p-retry').default | undefined;

/**
 * Makes an attempt, and retries with exponential backoff and jitter until the deadline. p-retry is not needed for the
 * first attempt, and most succeed at once. See "Retry behavior" in the AWS SDKs and Tools Reference Guide.
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { path, deadline, clock, events, closing } = options;
  const pauseAfter = pauses(options);
  const isOver = (): boolean => deadline - clock.running() <= 1;
  let attempts = 0;
  let failure: unknown;
  const make = async (): Promise<T> => {
    attempts += 1;
    try {
      return await attempt();
    } catch (error) {
      // An attempt cut short by the deadline says less than the failure before it.
      if (attempts === 1 || !isOver() || !ranOutOfTime(error)) failure = error;
      throw failure;
    }
  };
  /** Pauses before another attempt, if there may be one. */
  const goesOn = async (): Promise<boolean> => {
    const pauseMs = final.has(Object(failure)) ? undefined : pauseAfter(failure);
    if (pauseMs === undefined || isOver()) return false;
    events.publish('retry', { path, attempt: attempts, error: isImdsError(failure) ? failure.code : undefined });
    const leftMs = deadline - clock.running();
    // A subscriber to that event may have closed the client.
    if (pauseMs > 0 && !closing.reason) await pause(Math.min(pauseMs, leftMs), options);
    closing.throwIfClosed();
    // Compares durations, as a timer may fire a little early.
    return pauseMs < leftMs;
  };
  try {
    return await make();
  } catch {
    if (!(await goesOn())) throw failure;
  }
  pRetry ??= (await import('p-retry')).default;
  // The failures decide how many attempts there are, and the pauses between them.
  return await pRetry(make, { retries: Number.POSITIVE_INFINITY, minTimeout: 0, shouldRetry: goesOn });
}

/** Returns the milliseconds to pause after each failure, undefined after the last attempt. */
function pauses({ maxAttempts, retryDelayMs, waitMs, clock }: RetryOptions) {
  const waitUntil = clock.running() + waitMs;
  let waits = 0;
  let failures = 0;
  return (error: unknown): number | undefined => {
    const leftMs = waitUntil - clock.running();
    if (leftMs > 0 && isNotReady(error)) {
      waits += 1;
      return Math.min(shortestWaitMs * 2 ** (waits - 1), longestWaitMs, leftMs);
    }
    failures += 1;
    if (failures >= maxAttempts || !isRetryable(error)) return undefined;
    const factor = isTokenRefusal(error) ? refusalFactor : 1;
    return Math.round(retryDelayMs * factor * 2 ** (failures - 1) * (1 + clock.random()));
  };
}

const ranOutOfTime = (error: unknown): boolean =>
  error instanceof ImdsTimeoutError || error instanceof ImdsUnreachableError;

/** Waits, unless the client is closed first. */
const pause = (ms: number, { clock, closing }: RetryOptions): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      forget();
      resolve();
    };
    const timer = clock.setTimer(end, ms);
    const forget = closing.onEnd(end);
  });
