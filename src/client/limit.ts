import type { WaitingClock } from './clock.js';
import { outOfTime } from './failures.js';

/** Lets so many requests be made at a time, in the order in which they come. */
export class Limit {
  readonly #clock: WaitingClock;
  readonly #timeoutMs: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param timeoutMs the most that one request may take */
  constructor(most: number, clock: WaitingClock, timeoutMs: number) {
    this.#free = most;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Makes a request when its turn comes, which is told how many milliseconds it may take. */
  async run<T>(path: string, deadline: number, request: (timeoutMs: number) => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((begin) => this.#waiting.push(begin));
    try {
      const leftMs = deadline - this.#clock.running();
      if (leftMs <= 0) throw outOfTime(path);
      return await request(Math.min(this.#timeoutMs, leftMs));
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
