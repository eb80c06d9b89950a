/** A timer that can be cancelled. `unref` lets the process exit while it waits. */
export interface Timer {
  unref(): void;
  cancel(): void;
}

/** Time and randomness, passed down from the client so that tests can control both. */
export interface Clock {
  /** Monotonic milliseconds, for ages and lifetimes. */
  readonly now: () => number;
  /** Milliseconds since the epoch, by this machine's clock. */
  readonly wallClock: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Calls `act` once, after `ms` milliseconds. */
  readonly setTimer: (act: () => void, ms: number) => Timer;
  /**
   * Monotonic milliseconds, except those in which this process could not run: its event loop was blocked, the machine
   * busy or the process stopped. Deadlines use it, and only while one is pending are they left out.
   */
  readonly running: () => number;
  /** Calls `act` once {@link running} is at `at` and sockets delivered what came before. Returns a cancel function. */
  readonly setDeadline: (act: () => void, at: number) => () => void;
}

/** The longest delay of `setTimeout`, about 24.8 days: anything longer fires at once. */
export const longestTimerMs = 2 ** 31 - 1;

// A running process ticks this often. A longer gap counts as at most two ticks.
const tickMs = 25;
const mostCountedMs = 2 * tickMs;

/** Like `performance.now()`, whose first use costs a process a millisecond. */
function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Those pending, each as the function that cancels it. */
const deadlines = new Set<() => void>();
let ticker: NodeJS.Timeout | undefined;
let lastTick = 0;
let counted = 0;

const running = (): number => {
  const elapsed = monotonic() - lastTick;
  return counted + (ticker ? Math.min(elapsed, mostCountedMs) : elapsed);
};

function tick(): void {
  counted = running();
  lastTick = monotonic();
  if (deadlines.size > 0) return;
  clearInterval(ticker);
  ticker = undefined;
}

function setDeadline(act: () => void, at: number): () => void {
  let timeout: NodeJS.Timeout;
  let immediate: NodeJS.Immediate | undefined;
  const end = (): void => {
    deadlines.delete(end);
    clearTimeout(timeout);
    clearImmediate(immediate);
  };
  const pass = (): void => {
    end();
    act();
  };
  const wait = (isNew = false): void => {
    // It is late, too, when it went away with the fake timers of a test. But no block may count once per new deadline.
    if (!ticker || (!isNew && monotonic() - lastTick > mostCountedMs)) {
      tick();
      clearInterval(ticker);
      ticker = setInterval(tick, tickMs).unref();
    }
    const leftMs = at - running();
    if (leftMs > 0) timeout = setTimeout(wait, Math.min(Math.ceil(leftMs), longestTimerMs));
    // Node polls the sockets before it runs an immediate. The first poll delivers a reply, the second its end.
    else
      immediate = setImmediate(() => {
        immediate = setImmediate(pass);
      });
  };
  deadlines.add(end);
  wait(true);
  return end;
}

function setTimer(act: () => void, ms: number): Timer {
  // Splits a longer wait into equal parts.
  let parts = Math.max(1, Math.ceil(ms / longestTimerMs));
  const timeout = setTimeout(() => (--parts > 0 ? timeout.refresh() : act()), ms / parts);
  return { unref: () => void timeout.unref(), cancel: () => clearTimeout(timeout) };
}

export const systemClock: Clock = {
  now: monotonic,
  wallClock: () => Date.now(),
  random: Math.random,
  running,
  setDeadline,
  setTimer,
};

/** The clock of this process with another source of monotonic time, deadlines included. */
export const clockWith = (now: () => number): Clock => ({
  ...systemClock,
  now,
  running: now,
  setDeadline: (act, at) => setTimer(act, at - now()).cancel,
});
