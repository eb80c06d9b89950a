import type { Clock } from '../client/clock.js';
import { rotationMs } from '../metadata/documents.js';

/** With less left than this, callers wait for newer credentials. */
export const waitBelowMs = 60_000;
// Each process refreshes at a random moment in this span; otherwise all on a host would do so at once.
const spreadMs = 10 * 60_000;
const shortestDelayMs = 10_000;

/**
 * Milliseconds until the next refresh.
 *
 * @param leftMs until the current credentials expire
 * @param isNew true if the last refresh brought them
 * @param random from 0 up to, but not including, 1
 */
export function refreshDelayMs(leftMs: number, isNew: boolean, random: number): number {
  // Once they have expired, all processes on the host are in the same situation.
  if (leftMs <= 0) return rotationMs + random * spreadMs;
  if (isNew && leftMs > rotationMs) return leftMs - rotationMs - random * Math.min(spreadMs, leftMs - rotationMs);
  // Nothing newer yet: try again after part of the time left, at the latest when they expire.
  return Math.min(leftMs, Math.max(shortestDelayMs, leftMs * (0.25 + random / 2)));
}

/**
 * A clock in milliseconds since the epoch that starts with this machine's. The monotonic clock stands still while the
 * instance hibernates and the wall clock may be set back, so the one that advanced further counts.
 */
export function steadyClock({ now, wallClock }: Clock): () => number {
  const [start, wallStart] = [now(), wallClock()];
  return () => wallStart + Math.max(now() - start, wallClock() - wallStart);
}
