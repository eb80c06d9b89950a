const tickMs = 5;
// A later tick means that the machine was busy with others.
const countedMs = 4 * tickMs;

/**
 * Counts milliseconds while this process gets to run, so that a limit on how long something may take can be strict on a
 * busy machine too.
 */
export function stopwatch(): () => number {
  let [total, last] = [0, performance.now()];
  const read = (): number => {
    const now = performance.now();
    total += Math.min(now - last, countedMs);
    last = now;
    return total;
  };
  setInterval(read, tickMs).unref();
  return read;
}
