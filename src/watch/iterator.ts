import { difference, type Item, notice, type Snapshot } from './changes.js';
import { defaultNoticeKinds, type Notice, type NoticeKind, noticeKinds } from './notices.js';
import type { WatchOptions } from './options.js';

/** Notices as they come. The watch begins with the first `next()` and ends with `return()`, which `break` calls. */
export interface NoticeIterator<N extends Notice = Notice> extends AsyncIterableIterator<N> {
  next(): Promise<IteratorResult<N, undefined>>;
  return(): Promise<IteratorReturnResult<undefined>>;
  [Symbol.asyncIterator](): NoticeIterator<N>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The other side of a subscription. */
export interface Publisher {
  subscribe(subscription: Subscription): void;
  unsubscribe(subscription: Subscription): void;
  /** Milliseconds since 1970. */
  wallClock(): number;
}

interface Topic {
  current: Snapshot;
  changedAt: number;
  readonly delivered: Map<string, Item>;
  /** Subjects that were there when the subscription began, and have been ever since. */
  readonly present: Set<string>;
}

/**
 * What one iteration wants, and what it was given. There is no queue: whenever the next notice is wanted, what was
 * delivered is compared with what is current. So a slow consumer gets the newest state, and needs no more memory.
 */
export class Subscription {
  /** The most urgent first. */
  readonly kinds: readonly NoticeKind[];
  readonly signal: AbortSignal | undefined;
  readonly isPersistent: boolean;
  readonly #isNamed: boolean;
  readonly #publisher: Publisher;
  readonly #topics = new Map<NoticeKind, Topic>();
  #wake = (): void => {};
  #end: { readonly error?: unknown } | undefined;

  constructor({ kinds, signal, persistent = true }: WatchOptions, publisher: Publisher) {
    const wanted: readonly NoticeKind[] = kinds ?? defaultNoticeKinds;
    this.kinds = noticeKinds.filter((kind) => wanted.includes(kind));
    this.signal = signal;
    this.isPersistent = persistent;
    this.#isNamed = kinds !== undefined;
    this.#publisher = publisher;
  }

  /** Takes over the current subjects of a kind. */
  update(kind: NoticeKind, current: Snapshot, changedAt: number): void {
    const topic = this.#topics.get(kind);
    if (topic) {
      Object.assign(topic, { current, changedAt });
      for (const key of topic.present) if (!current.has(key)) topic.present.delete(key);
    } else {
      const steady = this.#isNamed ? [] : [...current].filter(([, { isSteady }]) => isSteady);
      this.#topics.set(kind, { current, changedAt, delivered: new Map(steady), present: new Set(current.keys()) });
    }
    this.#wake();
  }

  readonly abort = (): void => this.end({ error: new AbortError(this.signal?.reason) });

  end(how: { readonly error?: unknown } = {}): void {
    if (this.#end) return;
    this.#end = how;
    this.#publisher.unsubscribe(this);
    this.#wake();
  }

  async *notices(): AsyncGenerator<Notice, undefined, undefined> {
    if (this.signal?.aborted) this.abort();
    else this.#publisher.subscribe(this);
    for (;;) {
      if (this.#end) {
        if ('error' in this.#end) throw this.#end.error;
        return undefined;
      }
      const next = this.#take();
      if (next) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #take(): Notice | undefined {
    for (const kind of this.kinds) {
      const topic = this.#topics.get(kind);
      const found = topic && difference(topic.delivered, topic.current);
      if (!found) continue;
      if (found.current) topic.delivered.set(found.key, found.current);
      else topic.delivered.delete(found.key);
      const { changedAt, present } = topic;
      return notice(kind, found, { wasPresent: present.has(found.key), changedAt, now: this.#publisher.wallClock() });
    }
    return undefined;
  }
}

/** The iterator of a subscription. A plain generator would not end before the notice that it waits for. */
export function iterate(subscription: Subscription): NoticeIterator {
  const notices = subscription.notices();
  const end = async (): Promise<IteratorReturnResult<undefined>> => {
    subscription.end();
    await notices.return(undefined);
    return { done: true, value: undefined };
  };
  return {
    next: () => notices.next(),
    return: end,
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await end();
    },
  };
}

/** As Node's own iterators throw it when their signal is aborted. */
class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'ABORT_ERR';

  constructor(reason: unknown) {
    super('The watch was aborted', { cause: reason });
  }
}
