import type { ImdsError } from '../errors.js';
import { closed } from './failures.js';

/** Tells all parts of a client that it was closed. */
export class Closing {
  readonly #ends = new Set<(reason: ImdsError) => void>();
  /** The error of every call after that. */
  reason: ImdsError | undefined;

  throwIfClosed(): void {
    if (this.reason) throw this.reason;
  }

  /** Calls `end` when the client is closed. Returns a function that removes it. */
  onEnd(end: (reason: ImdsError) => void): () => void {
    this.#ends.add(end);
    return () => void this.#ends.delete(end);
  }

  close(reason: ImdsError = closed()): void {
    if (this.reason) return;
    this.reason = reason;
    for (const end of this.#ends) end(reason);
  }
}
