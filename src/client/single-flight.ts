import type { Clock } from './clock.js';
import { outOfTime } from './failures.js';

/** One caller: its deadline, its abort signal, and whether it accepts work that began before. */
export interface Call {
  /** On the clock's {@link Clock.running}. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
  /** True to accept only work that begins now or later. */
  readonly fresh?: boolean | undefined;
}

/** Begins work that has until a deadline. `isLatest` is true until newer work begins under the same key. */
type Begin<T> = (deadline: number, isLatest: () => boolean) => Promise<T>;

/** Work under way. */
interface Flight<T> {
  readonly promise: Promise<T>;
  readonly deadline: number;
  /** True while it has done nothing yet. */
  isNew: boolean;
}

// With less time left than this, a request is not worth making.
const worthwhileMs = 50;
// The work's own error at a deadline says more than `outOfTime`, so it gets this much longer.
const graceMs = 20;

/** Does work once per key for all concurrent callers. Each caller keeps its own deadline and signal. */
export class SingleFlight<T> {
  readonly #clock: Clock;
  readonly #leastMs: number;
  readonly #flights = new Map<string, Flight<T>>();

  /** @param leastMs the time that work gets even if the caller who begins it has less. */
  constructor(clock: Clock, leastMs = 0) {
    this.#clock = clock;
    this.#leastMs = leastMs;
  }

  /**
   * Joins the work under `key`, or begins it. The work has the deadline of the caller who began it; a caller who joined
   * and has more time begins it again after that.
   *
   * @throws the signal's reason, {@link ImdsTimeoutError}, or what the work throws
   */
  async run(key: string, call: Call, begin: Begin<T>): Promise<T> {
    const { deadline, signal, fresh } = call;
    for (;;) {
      signal?.throwIfAborted();
      const known = this.#flights.get(key);
      const joined = known && (!fresh || known.isNew) ? known : undefined;
      const flight = joined ?? this.#begin(key, deadline, begin);
      const isShorter = deadline < flight.deadline;
      try {
        if (!signal && !isShorter) return await flight.promise;
        return await this.#bounded(key, flight.promise, isShorter ? deadline : undefined, signal);
      } catch (error) {
        const now = this.#clock.running();
        const ranOutOfTime = joined && this.#flights.get(key) !== joined && joined.deadline <= now + 1;
        if (!ranOutOfTime || deadline < now + worthwhileMs) throw error;
      }
    }
  }

  #begin(key: string, callDeadline: number, begin: Begin<T>): Flight<T> {
    const deadline = Math.max(callDeadline, this.#clock.running() + this.#leastMs);
    const isLatest = (): boolean => this.#flights.get(key) === flight;
    const promise = this.#bounded(key, begin(deadline, isLatest), deadline + graceMs);
    const flight: Flight<T> = { promise, deadline, isNew: true };
    this.#flights.set(key, flight);
    const end = (): void => {
      if (isLatest()) this.#flights.delete(key);
    };
    // When it fails, nobody may be waiting any more.
    promise.then(end, end);
    Promise.resolve().then(() => {
      flight.isNew = false;
    });
    return flight;
  }

  /** Settles as the work does, unless the deadline or the signal comes first. */
  #bounded(key: string, work: Promise<T>, deadline?: number, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel?.();
        forget?.();
      };
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      // The promise is for a wording that cannot be loaded, as in the transport.
      const late = () => new Promise(() => fail(outOfTime(key))).catch(fail);
      const cancel = deadline === undefined ? undefined : this.#clock.setDeadline(late, deadline);
      const forget = signal && onAbort(signal, () => fail(signal.reason));
      work.then((value) => {
        end();
        resolve(value);
      }, fail);
    });
  }
}

/** Everything that waits for one signal, as its one listener: Node warns above ten, and is slow to add thousands. */
class Waiting extends Set<() => void> {
  handleEvent(): void {
    // A copy, as each may remove itself and others.
    for (const act of [...this]) act();
  }
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/** Calls `act` when the signal aborts. Returns a function that removes it. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const acts = waiting.get(signal) ?? new Waiting();
  if (acts.size === 0) signal.addEventListener('abort', acts);
  waiting.set(signal, acts.add(act));
  return () => {
    if (acts.delete(act) && acts.size === 0) signal.removeEventListener('abort', acts);
  };
}
