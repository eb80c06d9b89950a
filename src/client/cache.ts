import type { LRUCache } from 'lru-cache';

// Beside the number of entries, what they hold together is bounded too: a value can be as large as 1 MiB.
const mostBytes = 16 * 1024 * 1024;

/** What is known of one path: its bytes, or that it is absent. */
export interface Entry {
  /** The bytes served; undefined after a 404. */
  readonly body: Buffer | undefined;
  /** What a reader made of the bytes, kept with them so that it is made once. */
  made?: { readonly by: unknown; readonly value: unknown };
}

/** How long an entry may be reused. */
export interface Keep {
  /** Milliseconds; `Infinity` for the life of the client. */
  readonly forMs: number;
  /** Whether it may be another after the instance was stopped and started. */
  readonly overStop: boolean;
}

interface Kept {
  readonly entry: Entry;
  readonly until: number;
  readonly overStop: boolean;
}

/** Values by path, each with a maximum age, the least recently used going first. */
export class Cache {
  #kept: LRUCache<string, Kept> | undefined;
  readonly #maxEntries: number;
  readonly #now: () => number;
  #lives = 0;

  constructor(maxEntries: number, now: () => number) {
    this.#maxEntries = maxEntries;
    this.#now = now;
  }

  /** Makes room for values, which nothing is kept before: there is none to keep until the first was asked for. */
  async open(): Promise<void> {
    if (this.#kept) return;
    const { LRUCache } = await import('lru-cache');
    this.#kept ??= new LRUCache({
      max: this.#maxEntries,
      maxSize: mostBytes,
      sizeCalculation: ({ entry }, path) => path.length + (entry.body?.length ?? 0) + 1,
    });
  }

  /** Counts the lives of the instance that were noticed; what was read in an earlier one may no longer be true. */
  get lives(): number {
    return this.#lives;
  }

  get(path: string): Entry | undefined {
    const kept = this.#kept?.get(path);
    if (kept === undefined) return undefined;
    if (kept.until === Number.POSITIVE_INFINITY || this.#now() < kept.until) return kept.entry;
    this.#kept?.delete(path);
    return undefined;
  }

  /** Keeps what was read in the life `life`. */
  set(path: string, entry: Entry, keep: Keep, life: number): void {
    if (keep.forMs > 0 && (life === this.#lives || !keep.overStop))
      this.#kept?.set(path, { entry, until: this.#now() + keep.forMs, overStop: keep.overStop });
    else this.#kept?.delete(path);
  }

  /** Forgets what a stop and start may have changed. */
  forgetStopStart(): void {
    this.#lives += 1;
    for (const [path, { overStop }] of this.#kept?.entries() ?? []) if (overStop) this.#kept?.delete(path);
  }

  clear(): void {
    this.#kept?.clear();
  }
}
