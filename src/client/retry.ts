import { ImdsResponseError, ImdsTimeoutError, ImdsUnreachableError, isImdsError } from '../errors.js';
import { pause, type WaitingClock } from './clock.js';
import type { Events } from './events.js';
import { isTokenRefusal } from './failures.js';
import type { Settings } from './settings.js';

/**
 * True when another attempt may succeed where this one failed.
 *
 * | failure | another attempt |
 * | --- | --- |
 * | 429, 5xx (throttled or busy) | yes |
 * | connection reset, body cut off | yes |
 * | connected, but no answer in time | yes |
 * | 401 with a fresh token too, as on the first boot | yes, after a longer pause |
 * | 400, 401, 403, 404, 405, redirects, oversized bodies, no HTTP | no |
 * | refused, no route, no connection in time | only for `waitMs`: off EC2, callers would wait for it |
 */
export function isRetryable(error: unknown): boolean {
  if (isTokenRefusal(error)) return true;
  if (error instanceof ImdsTimeoutError) return error.phase !== 'deadline';
  if (!(error instanceof ImdsResponseError)) return false;
  if (error.fault === 'status') return error.statusCode === 429 || (error.statusCode ?? 0) >= 500;
  return error.fault === 'reset' || error.fault === 'cut';
}

/** True for the failures of a service that is not ready yet, as while an instance boots. */
const isNotReady = (error: unknown): boolean => error instanceof ImdsUnreachableError || isTokenRefusal(error);

/** What bounds the attempts. */
export interface RetryOptions extends Pick<Settings, 'maxAttempts' | 'retryDelayMs' | 'waitMs'> {
  /** What is asked for, for the event. */
  readonly path: string;
  /** When the time for all attempts is over, on the clock's `running`. */
  readonly deadline: number;
  readonly clock: WaitingClock;
  readonly events: Events;
  /** Ends the pauses between attempts. */
  readonly signal?: AbortSignal | undefined;
  /** True for failures after which the service is asked again for `waitMs`. */
  readonly isNotReady?: (error: unknown) => boolean;
}

// Tokens are refused for seconds rather than moments.
const refusalFactor = 5;
const shortestWaitMs = 250;
const longestWaitMs = 2000;

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
  const { path, deadline, clock, events, signal } = options;
  const leftMs = (): number => deadline - clock.running();
  const pauseMs = pauses(options);
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
    // How many there may be, and the pauses between them, depends on the failures: see below.
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 0,
    onFailedAttempt: () => {},
    shouldConsumeRetry: () => true,
    shouldRetry: async ({ error, attemptNumber }) => {
      const ms = pauseMs(error);
      if (ms === undefined || leftMs() <= 1) return false;
      if (events.wanted('retry'))
        events.publish('retry', { path, attempt: attemptNumber, error: isImdsError(error) ? error.code : undefined });
      if (ms > 0) await pause(clock, Math.min(ms, leftMs()), signal);
      return true;
    },
  });
}

/** How long to pause after each failure, in milliseconds; undefined after the last attempt. */
function pauses({ maxAttempts, retryDelayMs, waitMs, clock, isNotReady: waitsFor = isNotReady }: RetryOptions) {
  const start = waitMs > 0 ? clock.running() : 0;
  let waits = 0;
  let failures = 0;
  return (error: unknown): number | undefined => {
    const leftMs = start + waitMs - clock.running();
    if (waitMs > 0 && leftMs > 0 && waitsFor(error)) {
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

/** Wraps a failure inside an attempt that must not be followed by another attempt. */
export const abortRetry = (error: unknown): unknown =>
  library && error instanceof Error ? new library.AbortError(error) : error;
