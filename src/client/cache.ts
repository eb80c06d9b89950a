import type { LRUCache } from 'lru-cache';
import type { Clock } from './clock.js';

// Bounds the total size as well as the number of entries: a value can be as large as 1 MiB.
const mostBytes = 16 * 1024 * 1024;
// Up to this much is kept without lru-cache, so that most short-lived processes never load it.
const few = { entries: 100, bytes: 1024 * 1024 };
// A hibernation takes minutes. The wall clock may get ahead by less: when it is corrected, or a test stops the other one.
const shortestHibernationMs = 60_000;

/** How long an entry may be reused. */
export interface Keep {
  /** Milliseconds; `Infinity` for the life of the client. */
  readonly forMs: number;
  /** True when a stop and start of the instance cannot change it. */
  readonly survivesStop: boolean;
}

interface Kept<E> {
  readonly entry: E;
  /** On the monotonic clock, which stands still while the instance hibernates. */
  readonly until: number;
  /** On the wall clock, which may be set back; later by the shortest hibernation. */
  readonly wallUntil: number;
  readonly survivesStop: boolean;
}

/** Values by path, each with a maximum age. Evicts the least recently used. */
export class Cache<E extends { readonly body: Uint8Array | undefined }> {
  readonly #maxEntries: number;
  readonly #clock: Clock;
  #kept: Map<string, Kept<E>> | LRUCache<string, Kept<E>> = new Map();
  /** Total size of all bodies ever set. */
  #bytes = 0;
  /** Number of stops and starts of the instance noticed so far. Values from an earlier epoch may be outdated. */
  epoch = 0;

  constructor(maxEntries: number, clock: Clock) {
    this.#maxEntries = maxEntries;
    this.#clock = clock;
  }

  /** Switches to lru-cache, which bounds what is kept, once there are more than a few entries. */
  async open(): Promise<void> {
    const isSmall = this.#kept.size < few.entries && this.#bytes < few.bytes && few.entries < this.#maxEntries;
    if (isSmall || !(this.#kept instanceof Map)) return;
    const { LRUCache } = await import('lru-cache');
    if (!(this.#kept instanceof Map)) return;
    const kept = new LRUCache<string, Kept<E>>({
      max: this.#maxEntries,
      maxSize: mostBytes,
      sizeCalculation: ({ entry }, path) => path.length + (entry.body?.length ?? 0) + 1,
    });
    for (const [path, entry] of this.#kept) kept.set(path, entry);
    this.#kept = kept;
  }

  get(path: string): E | undefined {
    const kept = this.#kept.get(path);
    if (kept === undefined) return undefined;
    const { now, wallClock } = this.#clock;
    if (kept.until === Number.POSITIVE_INFINITY || (now() < kept.until && wallClock() < kept.wallUntil))
      return kept.entry;
    this.#kept.delete(path);
    return undefined;
  }

  /** Keeps an entry that was requested in `epoch`, or drops the path if it must not be kept. */
  set(path: string, entry: E, { forMs, survivesStop }: Keep, epoch: number): void {
    this.#bytes += entry.body?.length ?? 0;
    const { now, wallClock } = this.#clock;
    const wallUntil = wallClock() + forMs + shortestHibernationMs;
    if (forMs > 0 && (epoch === this.epoch || survivesStop))
      this.#kept.set(path, { entry, until: now() + forMs, wallUntil, survivesStop });
    else this.#kept.delete(path);
  }

  /** Forgets what a stop and start may have changed. */
  startEpoch(): void {
    this.epoch += 1;
    for (const [path, { survivesStop }] of this.#kept) if (!survivesStop) this.#kept.delete(path);
  }

  clear(): void {
    this.#kept.clear();
  }
}
