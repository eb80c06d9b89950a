import type { Clock } from '../client/clock.js';
import { onAbort } from '../client/single-flight.js';
import { nextNotice, type Snapshot, type Topic } from './changes.js';
import { defaultNoticeKinds, type Notice, type NoticeKind, noticeKinds } from './notices.js';

/** Options of a watch, all optional. */
export interface WatchOptions<Kind extends NoticeKind = NoticeKind> {
  /**
   * The kinds to watch. Default `spot-interruption`, `rebalance`, `maintenance` and `target-lifecycle-state`, the last
   * without an initial `InService`.
   */
  readonly kinds?: readonly Kind[] | undefined;
  /** Ends the iteration, which throws an `AbortError` with the signal's reason as `cause`, as Node's iterators do. */
  readonly signal?: AbortSignal | undefined;
  /** Keeps the process alive, as `fs.watch` does. Default true. */
  readonly persistent?: boolean | undefined;
}

/** Notices as they appear. The watch begins with the first `next()` and ends with `return()`, which `break` calls. */
export interface NoticeIterator<N extends Notice = Notice> extends AsyncIterableIterator<N> {
  next(): Promise<IteratorResult<N, undefined>>;
  return(): Promise<IteratorReturnResult<undefined>>;
  [Symbol.asyncIterator](): NoticeIterator<N>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The other side of a subscription. */
export interface Publisher {
  readonly clock: Clock;
  subscribe(subscription: Subscription): void;
  unsubscribe(subscription: Subscription): void;
}

/**
 * One iteration. It has no queue: when the next notice is requested, what was delivered is compared with the current
 * state. So a slow consumer gets the newest state, and needs no more memory.
 */
export class Subscription implements NoticeIterator {
  /** The most urgent first. */
  readonly kinds: readonly NoticeKind[];
  readonly options: WatchOptions;
  readonly #publisher: Publisher;
  readonly #topics = new Map<NoticeKind, Topic>();
  readonly #notices = this.#generate();
  #wake = (): void => {};
  #forget = (): void => {};
  #end: { readonly error?: unknown } | undefined;

  constructor(options: WatchOptions, publisher: Publisher) {
    const wanted: readonly NoticeKind[] = options.kinds ?? defaultNoticeKinds;
    this.kinds = noticeKinds.filter((kind) => wanted.includes(kind));
    this.options = { ...options };
    this.#publisher = publisher;
  }

  next(): Promise<IteratorResult<Notice, undefined>> {
    return this.#notices.next();
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    // A plain generator would not return before the notice it waits for.
    this.end();
    await this.#notices.return(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Takes over the current items of a kind. */
  update(kind: NoticeKind, current: Snapshot, changedAt: number): void {
    const topic = this.#topics.get(kind);
    if (topic) {
      Object.assign(topic, { current, changedAt });
      for (const key of topic.present) if (!current.has(key)) topic.present.delete(key);
    } else {
      const steady = this.options.kinds ? [] : [...current].filter(([, { isSteady }]) => isSteady);
      this.#topics.set(kind, { current, changedAt, delivered: new Map(steady), present: new Set(current.keys()) });
    }
    this.#wake();
  }

  /** Ends the iteration as Node's own iterators do when their signal aborts. */
  readonly #abort = (): void => {
    const error = new Error('The watch was aborted', { cause: this.options.signal?.reason });
    this.end({ error: Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' }) });
  };

  end(how: { readonly error?: unknown } = {}): void {
    if (this.#end) return;
    this.#end = how;
    this.#forget();
    this.#publisher.unsubscribe(this);
    this.#wake();
  }

  async *#generate(): AsyncGenerator<Notice, undefined, undefined> {
    const { signal } = this.options;
    if (signal?.aborted) this.#abort();
    else {
      if (signal) this.#forget = onAbort(signal, this.#abort);
      this.#publisher.subscribe(this);
    }
    while (!this.#end) {
      const notice = this.#take();
      if (notice) yield notice;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
    if ('error' in this.#end) throw this.#end.error;
    return undefined;
  }

  #take(): Notice | undefined {
    for (const kind of this.kinds) {
      const topic = this.#topics.get(kind);
      const notice = topic && nextNotice(kind, topic, this.#publisher.clock.wallClock());
      if (notice) return notice;
    }
    return undefined;
  }
}
