/** Gives a function that runs others, at most so many at a time, in the order in which they come. */
export function atMost(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

/**
 * Applies `work` to all items, at most so many at a time, and gives the results in the order of the items. After a
 * failure it begins no more of them.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const inTurn = atMost(most);
  let hasFailed = false;
  const each = async (item: T): Promise<R | undefined> => {
    if (hasFailed) return undefined;
    try {
      return await work(item);
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  };
  // Only after a failure is there an undefined that `work` did not give, and then nobody gets to see it.
  return (await Promise.all(items.map((item) => inTurn(() => each(item))))) as R[];
}
