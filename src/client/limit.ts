import type { WaitingClock } from './clock.js';
import { outOfTime } from './failures.js';

/** Makes a request when its turn comes, which is told how many milliseconds it may take. */
export type Limit = <T>(path: string, deadline: number, request: (timeoutMs: number) => Promise<T>) => Promise<T>;

/** Lets so many requests be made at a time, in the order in which they come. @param mostMs the most that each may take */
export function limitOf(most: number, mostMs: number, clock: WaitingClock): Limit {
  const waiting: (() => void)[] = [];
  let free = most;
  return async (path, deadline, request) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((begin) => waiting.push(begin));
    try {
      const leftMs = deadline - clock.running();
      if (leftMs <= 0) throw outOfTime(path);
      return await request(Math.min(mostMs, leftMs));
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
