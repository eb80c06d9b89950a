import { Aborts } from '../client/aborts.js';
import type { Logger, WatchEvent } from '../client/events.js';
import { ImdsSettingsError, isImdsError } from '../errors.js';
import {
  defaultKinds,
  difference,
  type Item,
  type Items,
  known,
  type Notice,
  type NoticeKind,
  type NoticeOf,
  type NoticeReader,
  notice,
  noticeKinds,
  sources,
} from './notices.js';

/** The kinds that are watched for when none are named. */
export type DefaultNoticeKind = (typeof defaultKinds)[number];

/** What a watch can be told. */
export interface WatchOptions<Kind extends NoticeKind = NoticeKind> {
  /**
   * What to watch for. Default `spot-interruption`, `rebalance`, `maintenance` and `target-lifecycle-state`, the last
   * without an `InService` that is there when the watch begins.
   */
  readonly kinds?: readonly Kind[] | undefined;
  /** Ends the iteration, which then throws an `AbortError` whose `cause` is the signal's reason, as Node's own do. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the iteration keeps the process alive, as those of `fs.watch` do. Default true. */
  readonly persistent?: boolean | undefined;
}

/** Notices as they come. The watch begins with the first `next()` and ends with `return()`, as `break` does it. */
export interface NoticeIterator<N extends Notice = Notice> extends AsyncIterableIterator<N, undefined> {
  next(): Promise<IteratorResult<N, undefined>>;
  return(): Promise<IteratorReturnResult<undefined>>;
  [Symbol.asyncIterator](): NoticeIterator<N>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Takes what befell a watch. */
export type Report = (event: WatchEvent, level: keyof Logger) => void;

/** The code of a failure, if it is one of this package. */
export const errorOf = (error: unknown): Pick<WatchEvent, 'error'> => (isImdsError(error) ? { error: error.code } : {});

/** What to report of a failed look: its code, or whatever else was thrown. */
const causeOf = (error: unknown): Pick<WatchEvent, 'error' | 'thrown'> =>
  isImdsError(error) ? { error: error.code } : { thrown: error };

/** A timer that can be called off, and that keeps the process alive or does not. */
export interface Timer {
  ref(): unknown;
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
      ref() {
        keepsAlive = true;
        timeout.ref();
      },
      unref() {
        keepsAlive = false;
        timeout.unref();
      },
      cancel: () => clearTimeout(timeout),
    };
  },
};

// Looks are this much earlier or later than their rhythm has it, so that the processes of a host drift apart.
const jitter = 0.1;
// What falls due this soon is asked for with what is due: half the shortest rhythm, so that kinds whose watches were
// begun apart come together within one.
const togetherMs = 2500;
// A failed look is repeated after this long, twice as long each time, up to the longest or its own rhythm. It is never
// less: for five seconds after the reply with a session token got lost, the client does not even ask.
const shortestPauseMs = 5000;
const leastStretch = 1.05;
// A Spot interruption notice comes two minutes ahead: of these, an outage must not cost more than a part after its end.
const longestPauseMs = 30_000;

/** One kind that somebody watches for. */
interface Watched {
  readonly watchers: Set<Watcher>;
  /** Ends the wait for a look that nobody wants any more. */
  readonly ending: AbortController;
  /** What is known; undefined before the first look has succeeded. */
  items: Items | undefined;
  /** When a look last found anything to be another, in milliseconds since 1970. */
  changedAt: number;
  /** When to look next. */
  dueAt: number;
  isLooking: boolean;
  /** How many looks failed in a row. */
  failures: number;
}

/** Watches for any number of iterations: what several of them want is asked for once. */
export class Watch {
  readonly #reader: NoticeReader;
  readonly #report: Report;
  readonly #circumstances: Circumstances;
  readonly #watched = new Map<NoticeKind, Watched>();
  readonly #watchers = new Set<Watcher>();
  readonly #aborts = new Aborts();
  #timer: Timer | undefined;
  #closedBy: unknown;

  constructor(reader: NoticeReader, report: Report, circumstances: Partial<Circumstances> = {}) {
    this.#reader = reader;
    this.#report = report;
    this.#circumstances = { ...ownCircumstances, ...circumstances };
  }

  /**
   * Notices as they come.
   *
   * @throws ImdsSettingsError when an option is unknown or cannot be used
   */
  watch<Kind extends NoticeKind = DefaultNoticeKind>(options: WatchOptions<Kind> = {}): NoticeIterator<NoticeOf<Kind>> {
    checkWatchOptions(options, ['kinds', 'signal', 'persistent']);
    const { kinds, signal, persistent = true } = options;
    const watcher = new Watcher(
      {
        join: (each) => this.#join(each),
        leave: (each) => this.#leave(each),
        watched: (kind) => this.#watched.get(kind),
        wallClock: this.#circumstances.wallClock,
      },
      {
        kinds: noticeKinds.filter((kind) => (kinds ?? defaultKinds).some((wanted) => wanted === kind)),
        isNamed: kinds !== undefined,
        signal,
        isPersistent: persistent,
      },
    );
    // It gives notices of the kinds that it was made for, and of no others.
    return watcher as NoticeIterator<Notice> as NoticeIterator<NoticeOf<Kind>>;
  }

  /** Ends all iterations with an error, also those that have yet to begin. */
  close(reason: unknown): void {
    this.#closedBy = reason;
    this.#endAll(reason);
  }

  #endAll(reason: unknown): void {
    for (const watcher of [...this.#watchers]) watcher.end(reason);
  }

  #join(watcher: Watcher): void {
    if (this.#closedBy !== undefined) {
      watcher.end(this.#closedBy);
      return;
    }
    this.#watchers.add(watcher);
    if (watcher.signal) this.#aborts.add(watcher.signal, watcher.abort);
    for (const kind of watcher.kinds) {
      const watched = this.#watched.get(kind) ?? this.#begin(kind);
      watched.watchers.add(watcher);
      if (watched.items) watcher.see(kind, watched.items);
    }
    this.#arm();
  }

  #begin(kind: NoticeKind): Watched {
    const watched: Watched = {
      watchers: new Set(),
      ending: new AbortController(),
      items: undefined,
      changedAt: 0,
      dueAt: this.#circumstances.now(),
      isLooking: false,
      failures: 0,
    };
    this.#watched.set(kind, watched);
    return watched;
  }

  #leave(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher)) return;
    if (watcher.signal) this.#aborts.remove(watcher.signal, watcher.abort);
    for (const kind of watcher.kinds) {
      const watched = this.#watched.get(kind);
      watched?.watchers.delete(watcher);
      if (watched?.watchers.size !== 0) continue;
      this.#watched.delete(kind);
      watched.ending.abort();
    }
    this.#arm();
  }

  /** Sets the timer for the next poll. */
  #arm(): void {
    this.#timer?.cancel();
    const times = [...this.#watched.values()].filter(({ isLooking }) => !isLooking).map(({ dueAt }) => dueAt);
    const { setTimer, now } = this.#circumstances;
    // Timers count whole milliseconds, and would fire just before what is due.
    const ms = Math.max(0, Math.ceil(Math.min(...times) - now()));
    this.#timer = times.length === 0 ? undefined : setTimer(() => this.#poll(), ms);
    if (![...this.#watchers].some(({ isPersistent }) => isPersistent)) this.#timer?.unref();
  }

  /** Looks for what is due, and for what is nearly so. */
  #poll(): void {
    const { now, random } = this.#circumstances;
    const time = now();
    const spread = 2 * jitter * random();
    for (const [kind, watched] of this.#watched) {
      // After a failure a look ahead of its time would be in vain again.
      const isDue = watched.dueAt - time <= (watched.failures > 0 ? 0 : togetherMs);
      if (isDue && !watched.isLooking) void this.#look(kind, watched, time, spread);
    }
    this.#arm();
  }

  async #look(kind: NoticeKind, watched: Watched, time: number, spread: number): Promise<void> {
    watched.isLooking = true;
    const { rhythmMs, look } = sources[kind];
    const outcome = await look(this.#reader, { fresh: true, signal: watched.ending.signal }).then(
      (findings) => ({ findings }),
      (error: unknown) => ({ error }),
    );
    if (this.#watched.get(kind) !== watched) return;
    watched.isLooking = false;
    try {
      if ('findings' in outcome) {
        watched.dueAt = time + rhythmMs * (1 - jitter + spread);
        this.#learn(kind, watched, outcome.findings);
      } else if (isHopeless(outcome.error)) {
        this.#endAll(outcome.error);
      } else {
        watched.failures += 1;
        const longest = Math.max(longestPauseMs, rhythmMs);
        const pause = Math.min(longest, shortestPauseMs * 2 ** (watched.failures - 1)) * (leastStretch + spread);
        watched.dueAt = this.#circumstances.now() + pause;
        const { failures } = watched;
        const nextInSeconds = Math.round(pause / 1000);
        this.#report({ action: 'failed', kind, failures, nextInSeconds, ...causeOf(outcome.error) }, 'warn');
      }
    } finally {
      this.#arm();
    }
  }

  #learn(kind: NoticeKind, watched: Watched, findings: Parameters<typeof known>[1]): void {
    const { failures } = watched;
    if (failures > 0) this.#report({ action: 'recovered', kind, failures }, 'info');
    watched.failures = 0;
    const seenAt = this.#circumstances.wallClock();
    const items = known(watched.items, findings, seenAt);
    if (items === watched.items) return;
    watched.items = items;
    watched.changedAt = seenAt;
    for (const watcher of watched.watchers) watcher.see(kind, items);
  }
}

/** What a watcher needs of the watch it belongs to. */
interface Host {
  join(watcher: Watcher): void;
  leave(watcher: Watcher): void;
  watched(kind: NoticeKind): Pick<Watched, 'items' | 'changedAt'> | undefined;
  wallClock(): number;
}

interface Wishes {
  /** The most urgent first. */
  readonly kinds: readonly NoticeKind[];
  /** Whether the kinds were named, or are those of everybody. */
  readonly isNamed: boolean;
  readonly signal: AbortSignal | undefined;
  readonly isPersistent: boolean;
}

interface Waiting {
  readonly resolve: (result: IteratorResult<Notice, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const done = Object.freeze({ done: true, value: undefined });

/**
 * One iteration. It has no queue: what it told is compared with what is known whenever the next notice is wanted. So a
 * slow consumer misses what came and went meanwhile, gets the newest state of everything, and needs no more memory.
 */
class Watcher implements NoticeIterator {
  readonly kinds: readonly NoticeKind[];
  readonly signal: AbortSignal | undefined;
  readonly isPersistent: boolean;
  readonly #isNamed: boolean;
  readonly #host: Host;
  /** What it told, and what was there when it began and has been ever since, for each kind. */
  readonly #told = new Map<NoticeKind, { readonly items: Map<string, Item>; readonly present: Set<string> }>();
  readonly #waiting: Waiting[] = [];
  #stage: 'new' | 'under way' | 'over' = 'new';
  #failure: { readonly error: unknown } | undefined;

  constructor(host: Host, { kinds, isNamed, signal, isPersistent }: Wishes) {
    this.#host = host;
    this.kinds = kinds;
    this.#isNamed = isNamed;
    this.signal = signal;
    this.isPersistent = isPersistent;
  }

  next(): Promise<IteratorResult<Notice, undefined>> {
    if (this.#stage === 'new') this.#begin();
    if (this.#failure) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#stage === 'over') return Promise.resolve(done);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#serve();
    });
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.end();
    // Whoever leaves need not hear of a failure.
    this.#failure = undefined;
    return done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Takes notice of what is known of a kind. */
  see(kind: NoticeKind, items: Items): void {
    const told = this.#told.get(kind);
    if (told) {
      for (const key of told.present) if (!items.has(key)) told.present.delete(key);
    } else {
      const calm = this.#isNamed ? [] : [...items].filter(([, { isCalm }]) => isCalm);
      this.#told.set(kind, { items: new Map(calm), present: new Set(items.keys()) });
    }
    this.#serve();
  }

  /** Ends the iteration because its signal was aborted. */
  readonly abort = (): void => this.end(new AbortError(this.signal?.reason));

  /** Ends the iteration, with an error if there is one: who waits first gets it, or else the next to ask. */
  end(error?: unknown): void {
    if (this.#stage === 'over') return;
    this.#stage = 'over';
    this.#host.leave(this);
    const [first, ...others] = this.#waiting.splice(0);
    if (error === undefined) first?.resolve(done);
    else if (first) first.reject(error);
    else this.#failure = { error };
    for (const { resolve } of others) resolve(done);
  }

  #begin(): void {
    if (this.signal?.aborted) {
      this.abort();
      return;
    }
    this.#stage = 'under way';
    this.#host.join(this);
  }

  /** Gives those who wait what there is to tell. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      const value = this.#take();
      if (value === undefined) return;
      this.#waiting.shift()?.resolve({ done: false, value });
    }
  }

  #take(): Notice | undefined {
    for (const kind of this.kinds) {
      const told = this.#told.get(kind);
      const watched = this.#host.watched(kind);
      const news = told && watched?.items && difference(told.items, watched.items);
      if (!news) continue;
      if (news.now) told.items.set(news.key, news.now);
      else told.items.delete(news.key);
      const { changedAt } = watched;
      const wasPresent = told.present.has(news.key);
      return notice(kind, news, { wasPresent, changedAt, time: this.#host.wallClock() });
    }
    return undefined;
  }
}

/** As Node's own iterations throw it when their signal is aborted. */
class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'ABORT_ERR';

  constructor(reason: unknown) {
    super('The watch was aborted', { cause: reason });
  }
}

/** Whether no later look can succeed, since nothing may be asked at all. */
const isHopeless = (error: unknown): boolean =>
  isImdsError(error) &&
  (error.code === 'ERR_IMDS_SETTINGS' || error.code === 'ERR_IMDS_DISABLED' || error.code === 'ERR_IMDS_CLOSED');

/**
 * Checks what a watch, or what is built on one, was told.
 *
 * @param known the names of its options
 * @throws ImdsSettingsError
 */
export function checkWatchOptions(options: WatchOptions, known: readonly (keyof WatchOptions)[]): void {
  const refuse = (name: string, value: unknown, expected: string): never => {
    throw new ImdsSettingsError(`watch option ${name} is ${shown(value)}: expected ${expected}`);
  };
  if (typeof options !== 'object' || options === null)
    throw new ImdsSettingsError(`the options of a watch are ${shown(options)}: expected an object`);
  for (const name of Object.keys(options))
    if (!known.some((each) => each === name))
      throw new ImdsSettingsError(`unknown watch option ${name}: expected ${oneOf(known)}`);
  const { kinds, signal, persistent } = options;
  const areKinds = Array.isArray(kinds) && kinds.length > 0 && kinds.every((kind) => noticeKinds.includes(kind));
  if (kinds !== undefined && !areKinds) refuse('kinds', kinds, `an array of ${oneOf(noticeKinds)}`);
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse('signal', signal, 'an AbortSignal');
  if (persistent !== undefined && typeof persistent !== 'boolean') refuse('persistent', persistent, 'true or false');
}

/** As JSON, or of what cannot be shown so, the type. */
function shown(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}

/** `a, b or c`. */
const oneOf = (words: readonly string[]): string => words.join(', ').replace(/, (?=[^,]*$)/, ' or ');
