/** A timer that can be cancelled. `unref` lets the process end while it waits. */
export interface Timer {
  ref(): void;
  unref(): void;
  cancel(): void;
}

/** Time and chance, passed down from the client to whoever waits or measures, so that a test can move the time. */
export interface Clock {
  /** Monotonic milliseconds; every deadline is counted on it. */
  readonly now: () => number;
  /** Milliseconds since 1970 by this machine. */
  readonly wallClock: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Calls `act` once, after so many milliseconds. */
  readonly setTimer: (act: () => void, ms: number) => Timer;
}

/** The longest that `setTimeout` waits, some 24.8 days: it fires anything longer at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: Math.random,
  setTimer(act, ms) {
    let isRef = true;
    let timeout: NodeJS.Timeout;
    // A longer wait is made of several timers.
    const wait = (leftMs: number): void => {
      timeout =
        leftMs > longestTimerMs
          ? setTimeout(() => wait(leftMs - longestTimerMs), longestTimerMs)
          : setTimeout(act, leftMs);
      if (!isRef) timeout.unref();
    };
    wait(ms);
    return {
      ref() {
        isRef = true;
        timeout.ref();
      },
      unref() {
        isRef = false;
        timeout.unref();
      },
      cancel: () => clearTimeout(timeout),
    };
  },
};
