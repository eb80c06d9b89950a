import type { WaitingClock } from './clock.js';
import { outOfTime } from './failures.js';

/** One caller: until when it waits, what may end its wait earlier, and whether work that was begun before will do. */
export interface Call {
  /** On the clock's {@link WaitingClock.running}. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
  /** True if only work that begins now or later will do. */
  readonly fresh?: boolean | undefined;
}

/** Work under way. */
export interface Flight {
  readonly deadline: number;
  /** True until other work was begun under the key. */
  readonly isLatest: () => boolean;
}

interface Known<T> extends Flight {
  readonly promise: Promise<T>;
  /** True while it has done nothing yet. */
  isNew: boolean;
}

// With less time left than this, a request is not worth making.
const worthwhileMs = 50;
// What the work itself has to say of a deadline tells more than that it was reached.
const graceMs = 20;

/** Work that is done once per key for all who ask meanwhile. Each caller keeps its own deadline and its own signal. */
export class SingleFlight<T> {
  readonly #clock: WaitingClock;
  readonly #leastMs: number;
  readonly #flights = new Map<string, Known<T>>();
  readonly #aborts = new AbortListeners();

  /** @param leastMs the time that work gets even when the caller who begins it has less. */
  constructor(clock: WaitingClock, leastMs = 0) {
    this.#clock = clock;
    this.#leastMs = leastMs;
  }

  /**
   * Joins the work under `key`, or begins it. The deadline of the caller who begins is that of the work; a caller who
   * joined and has more time begins it again when that passes.
   *
   * @throws the signal's reason, {@link ImdsTimeoutError}, or what the work throws
   */
  async run(key: string, call: Call, begin: (flight: Flight) => Promise<T>): Promise<T> {
    for (;;) {
      call.signal?.throwIfAborted();
      const known = this.#flights.get(key);
      const joined = known && (!call.fresh || known.isNew) ? known : undefined;
      const flight = joined ?? this.#begin(key, call.deadline, begin);
      try {
        return await this.#wait(flight, call, key);
      } catch (error) {
        const now = this.#clock.running();
        const ranOutOfTime = joined && this.#flights.get(key) !== joined && joined.deadline <= now + 1;
        if (!ranOutOfTime || call.deadline < now + worthwhileMs) throw error;
      }
    }
  }

  #begin(key: string, callDeadline: number, begin: (flight: Flight) => Promise<T>): Known<T> {
    const deadline = Math.max(callDeadline, this.#clock.running() + this.#leastMs);
    const isLatest = (): boolean => this.#flights.get(key) === flight;
    const promise = new Promise<T>((resolve, reject) => {
      const end = (): void => {
        cancel();
        if (isLatest()) this.#flights.delete(key);
      };
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      const cancel = this.#clock.setDeadline(() => fail(outOfTime(key)), deadline + graceMs);
      begin({ deadline, isLatest }).then((value) => {
        end();
        resolve(value);
      }, fail);
    });
    // Nobody may wait for it any more when it fails.
    promise.catch(() => {});
    const flight: Known<T> = { promise, deadline, isLatest, isNew: true };
    this.#flights.set(key, flight);
    Promise.resolve().then(() => {
      flight.isNew = false;
    });
    return flight;
  }

  #wait(flight: Known<T>, { signal, deadline }: Call, key: string): Promise<T> {
    const isShorter = deadline < flight.deadline;
    if (!signal && !isShorter) return flight.promise;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      const cancel = isShorter ? this.#clock.setDeadline(() => fail(outOfTime(key)), deadline) : undefined;
      const abort = (): void => fail(signal?.reason);
      if (signal) this.#aborts.add(signal, abort);
      const end = (): void => {
        cancel?.();
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
