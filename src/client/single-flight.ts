import { ImdsTimeoutError } from '../errors.js';
import { Aborts } from './aborts.js';

/** Who waits for a piece of work, and how long. */
export interface Call {
  /** When the caller's patience ends, on the client's clock. */
  readonly until: number;
  readonly signal?: AbortSignal | undefined;
}

interface Flight<T> {
  readonly promise: Promise<T>;
  readonly until: number;
}

// With less time left than this, a request is not worth making.
const worthwhileMs = 50;

/** One piece of work per key, shared by whoever asks meanwhile; each caller has its own patience and its own signal. */
export class Flights<T> {
  readonly #now: () => number;
  readonly #atLeastMs: number;
  readonly #current = new Map<string, Flight<T>>();
  readonly #aborts = new Aborts();

  /** @param atLeastMs time that work is given even if the caller who begins it has less. */
  constructor(now: () => number, atLeastMs = 0) {
    this.#now = now;
    this.#atLeastMs = atLeastMs;
  }

  /** Whether work under this key is under way. */
  has(key: string): boolean {
    return this.#current.has(key);
  }

  /**
   * Joins the work under `key`, or begins it. Work begun by a caller ends with that caller's patience; a caller with
   * more of it begins anew.
   *
   * @param begin gets the time at which the work has to end.
   * @throws the signal's reason, {@link ImdsTimeoutError}, or what the work throws.
   */
  async join(key: string, call: Call, begin: (until: number) => Promise<T>): Promise<T> {
    for (;;) {
      call.signal?.throwIfAborted();
      const joined = this.#current.get(key);
      const flight = joined ?? this.#begin(key, call.until, begin);
      try {
        return await this.#wait(flight, call, key);
      } catch (error) {
        const endedByItsOwnDeadline = joined && this.#current.get(key) !== joined && joined.until <= this.#now() + 1;
        if (!endedByItsOwnDeadline || call.until < this.#now() + worthwhileMs) throw error;
      }
    }
  }

  #begin(key: string, patience: number, begin: (until: number) => Promise<T>): Flight<T> {
    const until = Math.max(patience, this.#now() + this.#atLeastMs);
    const promise = begin(until);
    const flight = { promise, until };
    this.#current.set(key, flight);
    const land = (): void => {
      if (this.#current.get(key) === flight) this.#current.delete(key);
    };
    // Also keeps a failure that nobody waits for any more from being an unhandled rejection.
    promise.then(land, land);
    return flight;
  }

  #wait(flight: Flight<T>, call: Call, key: string): Promise<T> {
    const { signal, until } = call;
    const shorter = until < flight.until;
    if (!signal && !shorter) return flight.promise;
    return new Promise((resolve, reject) => {
      const patience = until - this.#now();
      const timer = shorter
        ? setTimeout(() => {
            finish();
            reject(outOfTime(key));
          }, patience)
        : undefined;
      const abort = (): void => {
        finish();
        reject(signal?.reason);
      };
      const finish = (): void => {
        clearTimeout(timer);
        if (signal) this.#aborts.remove(signal, abort);
      };
      if (signal) this.#aborts.add(signal, abort);
      flight.promise.then(
        (value) => {
          finish();
          resolve(value);
        },
        (error: unknown) => {
          finish();
          reject(error);
        },
      );
    });
  }
}

/** The failure of a call whose time is over. */
export const outOfTime = (path: string): ImdsTimeoutError =>
  new ImdsTimeoutError(`no answer for ${path} in the time given to the call`, { phase: 'deadline' });
