import type { ImdsError } from '../errors.js';
import { closed } from './failures.js';

/** The end of a client, from which all its parts know of it. */
export class Closing {
  readonly #ends = new Set<(reason: ImdsError) => void>();
  /** The error of all that is asked for since. */
  reason: ImdsError | undefined;

  throwIfClosed(): void {
    if (this.reason) throw this.reason;
  }

  /** Calls `end` when the client is closed; gives its undoing. */
  onEnd(end: (reason: ImdsError) => void): () => void {
    this.#ends.add(end);
    return () => void this.#ends.delete(end);
  }

  /** Closes the client, once. */
  close(reason: ImdsError = closed()): void {
    if (this.reason) return;
    this.reason = reason;
    for (const end of this.#ends) end(reason);
  }
}
