import type { Clock } from './clock.js';
import { outOfTime } from './failures.js';

/** Runs a request when its turn comes, and passes it the milliseconds it may take. */
export type Limit = <T>(path: string, deadline: number, request: (timeoutMs: number) => Promise<T>) => Promise<T>;

/** Runs at most `most` requests at a time, in order of arrival. @param mostMs the most time each may take */
export function limitOf(most: number, mostMs: number, clock: Clock): Limit {
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
