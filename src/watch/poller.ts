import { abortSignal, type Check, checkOptions, oneOf, refuse, trueOrFalse } from '../client/check.js';
import type { Clock, Timer } from '../client/clock.js';
import type { Closing } from '../client/closing.js';
import type { ImdsEvents, Logger } from '../client/events.js';
import { isImdsError } from '../errors.js';
import { type Snapshot, update } from './changes.js';
import { type NoticeIterator, type Publisher, Subscription, type WatchOptions } from './iterator.js';
import { type DefaultNoticeKind, type NoticeKind, type NoticeOf, noticeKinds } from './notices.js';
import { type NoticeReader, poll, sources } from './sources.js';

/** Publishes an event of a watch. */
export type Report = (event: ImdsEvents['watch'], level: keyof Logger) => void;

const kinds: Check<unknown> = (value, name) => {
  if (!Array.isArray(value) || value.length === 0) return refuse(name, value, `an array of ${oneOf(noticeKinds)}`);
  for (const [index, kind] of value.entries())
    if (!noticeKinds.includes(kind)) refuse(`${name}[${index}]`, kind, oneOf(noticeKinds));
};

/** Checks of the options that a watch and the drain hook share. */
export const hookChecks = { signal: abortSignal, persistent: trueOrFalse };

// A poll is up to this much early or late, so that the processes of a host drift apart.
const jitter = 0.1;
// Polls kinds due within this time together, so that watches started at different times converge: half the shortest interval.
const togetherMs = 2500;
// A failed poll is repeated after this long, doubled each time up to the longest pause or the kind's own interval. Not
// sooner: for five seconds after a lost token reply, the client sends no request anyway.
const shortestPauseMs = 5000;
const leastStretch = 1.05;
// A Spot interruption notice comes two minutes ahead: after an outage ends, only part of them may be lost.
const longestPauseMs = 30_000;

/** A kind with subscribers. */
const feedOf = (kind: NoticeKind, dueAt: number) => ({
  kind,
  /** When to poll next, on the monotonic clock; infinite while a poll is under way. */
  dueAt,
  /** Ends a poll that has no subscribers left. */
  ending: new AbortController(),
  /** Set by the first successful poll, with the time of its last change in milliseconds since the epoch. */
  current: undefined as Snapshot | undefined,
  changedAt: 0,
  /** Consecutive failed polls. */
  failures: 0,
});

type Feed = ReturnType<typeof feedOf>;

/** Polls for any number of subscriptions, each kind once. */
export class Poller implements Publisher {
  readonly clock: Clock;
  readonly #reader: NoticeReader;
  readonly #report: Report;
  readonly #closing: Closing;
  readonly #feeds = new Map<NoticeKind, Feed>();
  readonly #subscriptions = new Set<Subscription>();
  #timer: Timer | undefined;

  /** @param closing ends all iterations with its error, even those that have yet to begin */
  constructor(reader: NoticeReader, report: Report, clock: Clock, closing: Closing) {
    this.#reader = reader;
    this.#report = report;
    this.clock = clock;
    this.#closing = closing;
    closing.onEnd((error) => this.#endAll({ error }));
  }

  /**
   * Notices as they appear.
   *
   * @throws ImdsSettingsError for an unknown or unusable option
   */
  watch<Kind extends NoticeKind = DefaultNoticeKind>(options: WatchOptions<Kind> = {}): NoticeIterator<NoticeOf<Kind>> {
    checkOptions(options, 'watch option ', { kinds, ...hookChecks });
    // A subscription gets notices of its own kinds only.
    return new Subscription(options, this) as NoticeIterator as NoticeIterator<NoticeOf<Kind>>;
  }

  #endAll(how: { readonly error: unknown }): void {
    for (const subscription of this.#subscriptions) subscription.end(how);
  }

  subscribe(subscription: Subscription): void {
    if (this.#closing.reason) {
      subscription.end({ error: this.#closing.reason });
      return;
    }
    this.#subscriptions.add(subscription);
    for (const kind of subscription.kinds) {
      const feed = this.#feeds.get(kind);
      if (!feed) this.#feeds.set(kind, feedOf(kind, this.clock.now()));
      else if (feed.current) subscription.update(kind, feed.current, feed.changedAt);
    }
    this.#schedule();
  }

  unsubscribe(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    const wanted = new Set([...this.#subscriptions].flatMap(({ kinds }) => kinds));
    for (const { kind, ending } of this.#feeds.values()) {
      if (wanted.has(kind)) continue;
      this.#feeds.delete(kind);
      ending.abort();
    }
    this.#schedule();
  }

  /** Sets the timer for what falls due next. */
  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const dueAt = Math.min(...[...this.#feeds.values()].map((feed) => feed.dueAt));
    if (dueAt === Infinity) return;
    const { setTimer, now } = this.clock;
    // Timers count whole milliseconds, and would fire just before the due time.
    this.#timer = setTimer(() => this.#pollDue(), Math.max(0, Math.ceil(dueAt - now())));
    if ([...this.#subscriptions].every(({ options }) => options.persistent === false)) this.#timer.unref();
  }

  #pollDue(): void {
    const { now, random } = this.clock;
    const startedAt = now();
    const spread = 2 * jitter * random();
    for (const feed of this.#feeds.values()) {
      // After a failure a poll ahead of its time would fail again.
      const isDue = feed.dueAt - startedAt <= (feed.failures > 0 ? 0 : togetherMs);
      if (isDue) void this.#poll(feed, startedAt, spread);
    }
    this.#schedule();
  }

  async #poll(feed: Feed, startedAt: number, spread: number): Promise<void> {
    const { kind, ending } = feed;
    const { wallClock } = this.clock;
    feed.dueAt = Infinity;
    try {
      const found = await poll(kind, this.#reader, { fresh: true, signal: ending.signal }, wallClock);
      if (ending.signal.aborted) return;
      feed.dueAt = startedAt + sources[kind].intervalMs * (1 - jitter + spread);
      this.#succeeded(feed, update(feed.current, found));
    } catch (error) {
      if (ending.signal.aborted) return;
      if (isHopeless(error)) this.#endAll({ error });
      else this.#failed(feed, error, spread);
    } finally {
      this.#schedule();
    }
  }

  #succeeded(feed: Feed, current: Snapshot): void {
    const { kind, failures } = feed;
    if (failures > 0) this.#report({ action: 'recovered', kind, failures }, 'info');
    feed.failures = 0;
    if (current === feed.current) return;
    Object.assign(feed, { current, changedAt: this.clock.wallClock() });
    for (const subscription of this.#subscriptions)
      if (subscription.kinds.includes(kind)) subscription.update(kind, current, feed.changedAt);
  }

  #failed(feed: Feed, error: unknown, spread: number): void {
    feed.failures += 1;
    const { kind, failures } = feed;
    const longest = Math.max(longestPauseMs, sources[kind].intervalMs);
    const pauseMs = Math.min(longest, shortestPauseMs * 2 ** (failures - 1)) * (leastStretch + spread);
    feed.dueAt = this.clock.now() + pauseMs;
    const cause = isImdsError(error) ? { error: error.code } : { thrown: error };
    this.#report({ action: 'failed', kind, failures, nextInSeconds: Math.round(pauseMs / 1000), ...cause }, 'warn');
  }
}

const hopeless: readonly unknown[] = ['ERR_IMDS_SETTINGS', 'ERR_IMDS_DISABLED', 'ERR_IMDS_CLOSED'];

/** No later poll can succeed, since no request may be sent at all. */
const isHopeless = (error: unknown): boolean => isImdsError(error) && hopeless.includes(error.code);
