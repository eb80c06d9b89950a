/** A timer that can be cancelled, and that keeps the process alive unless told otherwise. */
export interface Timer {
  unref(): unknown;
  cancel(): void;
}

/** Time and chance. */
export interface Circumstances {
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  readonly setTimer: (act: () => void, ms: number) => Timer;
}

// setTimeout's own limit, some 24.8 days: anything longer fires at once, and is waited for in parts.
const longestMs = 2 ** 31 - 1;

/** Those of this process. */
export const ownCircumstances: Circumstances = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: Math.random,
  setTimer(act, ms) {
    let keepsAlive = true;
    let timeout: NodeJS.Timeout;
    const wait = (left: number): void => {
      const rest = left - longestMs;
      timeout = rest > 0 ? setTimeout(() => wait(rest), longestMs) : setTimeout(act, left);
      if (!keepsAlive) timeout.unref();
    };
    wait(ms);
    return {
      unref() {
        keepsAlive = false;
        timeout.unref();
      },
      cancel: () => clearTimeout(timeout),
    };
  },
};
