import { ImdsSettingsError } from '../errors.js';
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

/**
 * Checks the options of a watch, or of what is built on one.
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

/** As JSON, or the type of what JSON has no word for. */
function shown(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}

/** `a, b or c`. */
const oneOf = (words: readonly string[]): string => words.join(', ').replace(/, (?=[^,]*$)/, ' or ');
