import assert from 'node:assert/strict';

const longestHoldMs = 50;

/** Milliseconds of processor time that this process has used: on a busy machine, time passes without any. */
export const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** The longest that the event loop was held while `work` ran, in processor time, as an interval of 10 ms sees it. */
async function longestHold(work: () => unknown): Promise<number> {
  let last = processorMs();
  let longest = 0;
  const look = (): void => {
    const now = processorMs();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 10);
  try {
    await work();
    look();
  } finally {
    clearInterval(timer);
  }
  return longest;
}

/** Once to load and compile the code, then the best of three: the collector of garbage may come at any time. */
export async function assertHeldBriefly(work: () => unknown): Promise<void> {
  await work();
  const holds: number[] = [];
  for (let round = 0; round < 3; round++) holds.push(await longestHold(work));
  assert.ok(Math.min(...holds) <= longestHoldMs, `the event loop was held for ${holds.map(Math.round)} ms`);
}
