import type { Clock } from './clock.js';
import { outOfTime } from './failures.js';

/** One caller: until when it waits, and what may end its wait earlier. */
export interface Call {
  /** Milliseconds on the client's clock. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

interface Flight<T> {
  readonly promise: Promise<T>;
  readonly deadline: number;
}

// With less time left than this, a request is not worth making.
const worthwhileMs = 50;

/** Work that is done once per key for all who ask meanwhile. Each caller keeps its own deadline and its own signal. */
export class SingleFlight<T> {
  readonly #clock: Clock;
  readonly #leastMs: number;
  readonly #flights = new Map<string, Flight<T>>();
  readonly #aborts = new AbortListeners();

  /** @param leastMs the time that work gets even when the caller who begins it has less. */
  constructor(clock: Clock, leastMs = 0) {
    this.#clock = clock;
    this.#leastMs = leastMs;
  }

  /**
   * Joins the work under `key`, or begins it. The deadline of the caller who begins is that of the work; a caller who
   * joined and has more time begins it again when that passes.
   *
   * @param begin gets the deadline of the work
   * @throws the signal's reason, {@link ImdsTimeoutError}, or what the work throws
   */
  async run(key: string, call: Call, begin: (deadline: number) => Promise<T>): Promise<T> {
    for (;;) {
      call.signal?.throwIfAborted();
      const joined = this.#flights.get(key);
      const flight = joined ?? this.#begin(key, call.deadline, begin);
      try {
        return await this.#wait(flight, call, key);
      } catch (error) {
        const now = this.#clock.now();
        const ranOutOfTime = joined && this.#flights.get(key) !== joined && joined.deadline <= now + 1;
        if (!ranOutOfTime || call.deadline < now + worthwhileMs) throw error;
      }
    }
  }

  #begin(key: string, callDeadline: number, begin: (deadline: number) => Promise<T>): Flight<T> {
    const deadline = Math.max(callDeadline, this.#clock.now() + this.#leastMs);
    const flight = { promise: begin(deadline), deadline };
    this.#flights.set(key, flight);
    const land = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    // Also keeps a failure that nobody waits for any more from being an unhandled rejection.
    flight.promise.then(land, land);
    return flight;
  }

  #wait(flight: Flight<T>, { signal, deadline }: Call, key: string): Promise<T> {
    const isShorter = deadline < flight.deadline;
    if (!signal && !isShorter) return flight.promise;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      const timeUp = (): void => fail(outOfTime(key));
      const timer = isShorter ? this.#clock.setTimer(timeUp, deadline - this.#clock.now()) : undefined;
      const abort = (): void => fail(signal?.reason);
      if (signal) this.#aborts.add(signal, abort);
      const end = (): void => {
        timer?.cancel();
        if (signal) this.#aborts.remove(signal, abort);
      };
      flight.promise.then((value) => {
        end();
        resolve(value);
      }, fail);
    });
  }
}

/**
 * Calls functions when signals abort, with one listener on each signal however many wait for it: Node warns of more than
 * ten, and is slow to add thousands.
 */
export class AbortListeners {
  readonly #waiting = new Map<AbortSignal, { readonly acts: Set<() => void>; readonly listener: () => void }>();

  /** Calls `act` when the signal aborts. */
  add(signal: AbortSignal, act: () => void): void {
    const known = this.#waiting.get(signal);
    if (known) {
      known.acts.add(act);
      return;
    }
    const acts = new Set([act]);
    const listener = (): void => {
      // A copy, as each may remove itself and others.
      for (const each of [...acts]) each();
    };
    this.#waiting.set(signal, { acts, listener });
    signal.addEventListener('abort', listener);
  }

  /** Undoes {@link add}. */
  remove(signal: AbortSignal, act: () => void): void {
    const known = this.#waiting.get(signal);
    known?.acts.delete(act);
    if (known?.acts.size !== 0) return;
    this.#waiting.delete(signal);
    signal.removeEventListener('abort', known.listener);
  }
}
