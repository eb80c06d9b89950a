import type { Clock } from './clock.js';
import { outOfTime } from './failures.js';

/** Runs work, at most so many pieces at a time, in the order in which they come. */
export class Limit {
  readonly #clock: Clock;
  #free: number;
  /** Those whose turn comes next, in order. */
  readonly #waiting = new Set<() => void>();

  constructor(most: number, clock: Clock) {
    this.#free = most;
    this.#clock = clock;
  }

  /** @throws ImdsTimeoutError when the turn of the work does not come before the deadline, and what the work throws */
  async run<T>(what: string, deadline: number, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(what, deadline);
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next) next();
      else this.#free += 1;
    }
  }

  #turn(what: string, deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.#waiting.delete(begin);
        timer.cancel();
        resolve();
      };
      const timeUp = (): void => {
        this.#waiting.delete(begin);
        reject(outOfTime(what));
      };
      const timer = this.#clock.setTimer(timeUp, deadline - this.#clock.now());
      this.#waiting.add(begin);
    });
  }
}
