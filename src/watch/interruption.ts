import { ImdsSettingsError } from '../errors.js';
import type { SpotInterruptionNotice } from './notices.js';
import {
  type Circumstances,
  checkWatchOptions,
  errorOf,
  type NoticeIterator,
  ownCircumstances,
  type Report,
  type Timer,
  type WatchOptions,
} from './watch.js';

/** What is to be done before a Spot interruption. The signal is aborted at the deadline. */
export type InterruptionHandler = (
  notice: SpotInterruptionNotice,
  context: { readonly signal: AbortSignal },
) => unknown;

/** What the drain hook can be told. */
export interface InterruptionOptions {
  /** Takes the hook away, as the disposer does. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the hook alone keeps the process alive. Default false: it is there for what else the process does. */
  readonly persistent?: boolean | undefined;
}

/** Takes the hook away; a handler that is running is left to finish. */
export interface InterruptionHook extends Disposable {
  (): void;
}

/** What is needed of the watch. */
export interface InterruptionWatch {
  watch(options: WatchOptions<'spot-interruption'>): NoticeIterator<SpotInterruptionNotice>;
}

/** A handler at work. */
interface Run {
  /** Sets the time at which it has to be done; undefined when there is no more haste. */
  setDeadline(millisecondsLeft: number | undefined): void;
}

/**
 * Calls a handler once for each Spot interruption, with a signal that is aborted at its deadline.
 *
 * @throws ImdsSettingsError when the handler or an option cannot be used
 */
export function onInterruption(
  watch: InterruptionWatch,
  handler: InterruptionHandler,
  options: InterruptionOptions,
  report: Report,
  { setTimer }: Pick<Circumstances, 'setTimer'> = ownCircumstances,
): InterruptionHook {
  if (typeof handler !== 'function')
    throw new ImdsSettingsError(`the handler of an interruption is ${typeof handler}: expected a function`);
  checkWatchOptions(options, ['signal', 'persistent']);
  const { signal, persistent = false } = options;
  const kind = 'spot-interruption';
  const stopping = new AbortController();
  const ended = signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal;

  const begin = (notice: SpotInterruptionNotice): Run => {
    const deadline = new AbortController();
    let timer: Timer | undefined;
    let isOver = false;
    const run: Run = {
      setDeadline(millisecondsLeft) {
        timer?.cancel();
        if (isOver || millisecondsLeft === undefined) return;
        const reason = new DOMException(`The deadline of the Spot interruption has passed`, 'TimeoutError');
        // A hibernation begins with its notice.
        if (millisecondsLeft === 0) deadline.abort(reason);
        else timer = setTimer(() => deadline.abort(reason), millisecondsLeft);
        if (!persistent) timer?.unref();
      },
    };
    run.setDeadline(notice.millisecondsLeft);
    const work = async (): Promise<void> => {
      try {
        await handler(notice, { signal: deadline.signal });
      } catch (thrown) {
        report({ action: 'handler-failed', kind, ...errorOf(thrown), thrown }, 'error');
      } finally {
        isOver = true;
        timer?.cancel();
      }
    };
    void work();
    return run;
  };

  const notices = watch.watch({ kinds: [kind], signal: ended, persistent });
  const follow = async (): Promise<void> => {
    let run: Run | undefined;
    try {
      for await (const notice of notices) {
        if (notice.change === 'withdrawn') run?.setDeadline(undefined);
        else if (run && isPostponed(notice)) run.setDeadline(notice.millisecondsLeft);
        else run = begin(notice);
      }
    } catch (error) {
      const failure = errorOf(error);
      // That it was taken away, or the client closed, is no news to whoever did it.
      if (ended.aborted || failure.error === 'ERR_IMDS_CLOSED') return;
      report({ action: 'ended', kind, ...failure, thrown: error }, 'error');
    }
  };
  void follow();
  const stop = (): void => stopping.abort();
  return Object.assign(stop, { [Symbol.dispose]: stop });
}

/** Whether it is the interruption told of before, at another time; after the old time has passed it is a new one. */
const isPostponed = ({ previous, seenAt }: SpotInterruptionNotice): boolean =>
  previous !== undefined && Date.parse(previous.deadline) > Date.parse(seenAt);
