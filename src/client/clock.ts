/** A timer that can be cancelled. `unref` lets the process end while it waits. */
export interface Timer {
  unref(): void;
  cancel(): void;
}

/** Time and chance, passed down from the client to whoever waits or measures, so that a test can move the time. */
export interface Clock {
  /** Monotonic milliseconds, for ages and lifetimes. */
  readonly now: () => number;
  /** Milliseconds since 1970 by this machine. */
  readonly wallClock: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Calls `act` once, after so many milliseconds. */
  readonly setTimer: (act: () => void, ms: number) => Timer;
}

/** A clock for those who wait for the service. */
export interface WaitingClock extends Clock {
  /**
   * Monotonic milliseconds without those in which this process did not get to run, as its event loop was blocked, the
   * machine busy or the process stopped. Deadlines are counted on it, and only while there is one are they left out.
   */
  readonly running: () => number;
  /** Calls `act` once {@link running} has reached `at` and sockets have handed over what came before; gives its undoing. */
  readonly setDeadline: (act: () => void, at: number) => () => void;
}

/** The longest that `setTimeout` waits, some 24.8 days: it fires anything longer at once. */
export const longestTimerMs = 2 ** 31 - 1;

// A process that runs comes by this often. Of a longer absence only twice as much is counted.
const tickMs = 25;
const mostCountedMs = 2 * tickMs;

/** As `performance.now()`, the first use of which takes a process a millisecond. */
function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

let deadlines = 0;
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
  if (deadlines > 0) return;
  clearInterval(ticker);
  ticker = undefined;
}

function setDeadline(act: () => void, at: number): () => void {
  deadlines += 1;
  if (!ticker) {
    tick();
    ticker = setInterval(tick, tickMs).unref();
  }
  let isOver = false;
  let timeout: NodeJS.Timeout;
  let immediate: NodeJS.Immediate | undefined;
  const end = (): void => {
    if (!isOver) deadlines -= 1;
    isOver = true;
    clearTimeout(timeout);
    clearImmediate(immediate);
  };
  const pass = (): void => {
    end();
    act();
  };
  const wait = (): void => {
    const leftMs = at - running();
    if (leftMs > 0) timeout = setTimeout(wait, Math.min(Math.ceil(leftMs), longestTimerMs));
    // Node runs an immediate after it has asked the sockets. They hand over a reply first, and its end the second time.
    else
      immediate = setImmediate(() => {
        immediate = setImmediate(pass);
      });
  };
  wait();
  return end;
}

function setTimer(act: () => void, ms: number): Timer {
  let isRef = true;
  let timeout: NodeJS.Timeout;
  // A longer wait is made of several timers.
  const wait = (leftMs: number): void => {
    const restMs = leftMs - longestTimerMs;
    timeout = setTimeout(() => (restMs > 0 ? wait(restMs) : act()), Math.min(leftMs, longestTimerMs));
    if (!isRef) timeout.unref();
  };
  wait(ms);
  return {
    unref() {
      isRef = false;
      timeout.unref();
    },
    cancel: () => clearTimeout(timeout),
  };
}

/** The clock of this process. */
export const systemClock: WaitingClock = {
  now: monotonic,
  wallClock: () => Date.now(),
  random: Math.random,
  running,
  setDeadline,
  setTimer,
};

/** The clock of this process with another monotonic time, deadlines included. */
export const clockWith = (now: () => number): WaitingClock => ({
  ...systemClock,
  now,
  running: now,
  setDeadline: (act, at) => setTimer(act, at - now()).cancel,
});
