import { abortSignal, type Check, oneOf, refuse, trueOrFalse } from '../client/check.js';
import { type defaultNoticeKinds, type NoticeKind, noticeKinds } from './notices.js';

/** The kinds watched when none are named. */
export type DefaultNoticeKind = (typeof defaultNoticeKinds)[number];

/** Options of a watch, all optional. */
export interface WatchOptions<Kind extends NoticeKind = NoticeKind> {
  /**
   * The kinds to watch. Default `spot-interruption`, `rebalance`, `maintenance` and `target-lifecycle-state`, the last
   * without an `InService` that is there when the watch begins.
   */
  readonly kinds?: readonly Kind[] | undefined;
  /** Ends the iteration, which then throws an `AbortError` whose `cause` is the signal's reason, as Node's own do. */
  readonly signal?: AbortSignal | undefined;
  /** Keeps the process alive, as `fs.watch` does. Default true. */
  readonly persistent?: boolean | undefined;
}

const kinds: Check<unknown> = (value, name) => {
  if (!Array.isArray(value) || value.length === 0) return refuse(name, value, `an array of ${oneOf(noticeKinds)}`);
  for (const [index, kind] of value.entries())
    if (!noticeKinds.includes(kind)) refuse(`${name}[${index}]`, kind, oneOf(noticeKinds));
};

/** The checks of the options that a watch shares with the drain hook. */
export const hookChecks = { signal: abortSignal, persistent: trueOrFalse };

export const watchChecks = { kinds, ...hookChecks };
