import { checkOptions, refuse } from '../client/check.js';
import { type Clock, systemClock, type Timer } from '../client/clock.js';
import { isImdsError } from '../errors.js';
import type { NoticeOf } from './notices.js';
import { hookChecks, type Poller, type Report } from './poller.js';

/** Called before a Spot interruption. The signal aborts at the deadline, and never while the service gives no time. */
export type InterruptionHandler = (
  notice: NoticeOf<'spot-interruption'>,
  context: { readonly signal: AbortSignal },
) => unknown;

/** Options of the drain hook, all optional. */
export interface InterruptionOptions {
  /** Removes the hook, as the disposer does. */
  readonly signal?: AbortSignal | undefined;
  /** Lets the hook by itself keep the process alive. Default false: the process has other work to do. */
  readonly persistent?: boolean | undefined;
}

/** Removes the hook; a running handler is left to finish. */
export interface InterruptionHook extends Disposable {
  (): void;
}

const kind = 'spot-interruption';

/**
 * Calls a handler once for each Spot interruption, with a signal that aborts at its deadline.
 *
 * @throws ImdsSettingsError for an unusable handler or option
 */
export function onInterruption(
  source: Pick<Poller, 'watch'>,
  handler: InterruptionHandler,
  options: InterruptionOptions,
  report: Report,
  { setTimer }: Pick<Clock, 'setTimer'> = systemClock,
): InterruptionHook {
  if (typeof handler !== 'function') refuse('the handler of an interruption', handler, 'a function');
  checkOptions(options, 'watch option ', hookChecks);
  const { signal, persistent = false } = options;
  const stopping = new AbortController();
  const ended = AbortSignal.any([stopping.signal, ...(signal ? [signal] : [])]);
  const reportError = (action: 'handler-failed' | 'ended', thrown: unknown): void =>
    report({ action, kind, ...(isImdsError(thrown) && { error: thrown.code }), thrown }, 'error');

  const run = async (notice: NoticeOf<'spot-interruption'>, deadline: Deadline): Promise<void> => {
    try {
      await handler(notice, { signal: deadline.signal });
    } catch (error) {
      reportError('handler-failed', error);
    }
    deadline.end();
  };
  const follow = async (): Promise<void> => {
    let deadline: Deadline | undefined;
    for await (const notice of source.watch({ kinds: [kind], signal: ended, persistent })) {
      const { change, millisecondsLeft } = notice;
      if (change === 'withdrawn') deadline?.move(undefined);
      else if (!deadline || !isPostponed(notice)) {
        deadline = deadlineOf(setTimer, persistent);
        deadline.move(millisecondsLeft);
        void run(notice, deadline);
      } else if (millisecondsLeft !== undefined) deadline.move(millisecondsLeft);
    }
  };
  follow().catch((error: unknown) => {
    // The hook was removed or the client closed on purpose.
    if (!ended.aborted && !(isImdsError(error) && error.code === 'ERR_IMDS_CLOSED')) reportError('ended', error);
  });
  const stop = (): void => stopping.abort();
  return Object.assign(stop, { [Symbol.dispose]: stop });
}

type Deadline = ReturnType<typeof deadlineOf>;

/** A signal that aborts at a time that can move. */
function deadlineOf(setTimer: Clock['setTimer'], isPersistent: boolean) {
  const controller = new AbortController();
  const pass = (): void =>
    controller.abort(new DOMException('The deadline of the Spot interruption has passed', 'TimeoutError'));
  let timer: Timer | undefined;
  let isOver = false;
  /** @param millisecondsLeft undefined if there is no longer a deadline */
  const move = (millisecondsLeft: number | undefined): void => {
    timer?.cancel();
    if (isOver || millisecondsLeft === undefined) return;
    // A hibernation begins with its notice.
    if (millisecondsLeft === 0) pass();
    else timer = setTimer(pass, millisecondsLeft);
    if (!isPersistent) timer?.unref();
  };
  const end = (): void => {
    isOver = true;
    timer?.cancel();
  };
  return { signal: controller.signal, move, end };
}

/** True for the same interruption with a new or different time. After the old time has passed, it is a new one. */
const isPostponed = ({ previous, seenAt }: NoticeOf<'spot-interruption'>): boolean =>
  previous !== undefined && !(Date.parse(previous.deadline ?? '') <= Date.parse(seenAt));
