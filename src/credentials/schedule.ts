import type { Clock } from '../client/clock.js';
import { rotationMs } from '../metadata/documents.js';

/** With less left than this, callers wait for newer credentials. */
export const waitBelowMs = 60_000;
// Each process refreshes at a random moment of this span; otherwise all on a host would ask at once.
const spreadMs = 10 * 60_000;
const shortestDelayMs = 10_000;

/**
 * Milliseconds until the service is asked for newer credentials.
 *
 * @param leftMs until the current ones end
 * @param isNew the last answer brought them
 * @param random from 0 up to, but not including, 1
 */
export function refreshDelayMs(leftMs: number, isNew: boolean, random: number): number {
  // Past their end, all processes of the host are in the same situation.
  if (leftMs <= 0) return rotationMs + random * spreadMs;
  if (isNew && leftMs > rotationMs) return leftMs - rotationMs - random * Math.min(spreadMs, leftMs - rotationMs);
  // Nothing newer yet: ask again after part of the time left, at the latest at the end.
  return Math.min(leftMs, Math.max(shortestDelayMs, leftMs * (0.25 + random / 2)));
}

/**
 * A clock in milliseconds since 1970 that starts with this machine's. The monotonic clock stands still while the instance
 * hibernates and the wall clock may be set back, so the one that ran further counts.
 */
export function steadyClock({ now, wallClock }: Clock): () => number {
  const [start, wallStart] = [now(), wallClock()];
  return () => wallStart + Math.max(now() - start, wallClock() - wallStart);
}
