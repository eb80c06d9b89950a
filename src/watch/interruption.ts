import { ImdsSettingsError, isImdsError } from '../errors.js';
import type { NoticeIterator } from './iterator.js';
import type { SpotInterruptionNotice } from './notices.js';
import { checkWatchOptions, type WatchOptions } from './options.js';
import type { Report } from './poller.js';
import { type Circumstances, ownCircumstances, type Timer } from './time.js';

/** What to do before a Spot interruption. The signal is aborted at the deadline. */
export type InterruptionHandler = (
  notice: SpotInterruptionNotice,
  context: { readonly signal: AbortSignal },
) => unknown;

/** Options of the drain hook, all optional. */
export interface InterruptionOptions {
  /** Removes the hook, as the disposer does. */
  readonly signal?: AbortSignal | undefined;
  /** Lets the hook alone keep the process alive. Default false: it is there for what else the process does. */
  readonly persistent?: boolean | undefined;
}

/** Removes the hook; a handler that is running is left to finish. */
export interface InterruptionHook extends Disposable {
  (): void;
}

interface InterruptionWatch {
  watch(options: WatchOptions<'spot-interruption'>): NoticeIterator<SpotInterruptionNotice>;
}

const kind = 'spot-interruption';

/**
 * Calls a handler once for each Spot interruption, with a signal that is aborted at its deadline.
 *
 * @throws ImdsSettingsError when the handler or an option cannot be used
 */
export function onInterruption(
  source: InterruptionWatch,
  handler: InterruptionHandler,
  options: InterruptionOptions,
  report: Report,
  { setTimer }: Pick<Circumstances, 'setTimer'> = ownCircumstances,
): InterruptionHook {
  if (typeof handler !== 'function')
    throw new ImdsSettingsError(`the handler of an interruption is ${typeof handler}: expected a function`);
  checkWatchOptions(options, ['signal', 'persistent']);
  const { signal, persistent = false } = options;
  const stopping = new AbortController();
  const ended = signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal;
  const failed = (action: 'handler-failed' | 'ended', thrown: unknown): void =>
    report({ action, kind, ...(isImdsError(thrown) && { error: thrown.code }), thrown }, 'error');
  const notices = source.watch({ kinds: [kind], signal: ended, persistent });
  const follow = async (): Promise<void> => {
    let deadline: Deadline | undefined;
    try {
      for await (const notice of notices) {
        if (notice.change === 'withdrawn') deadline?.set(undefined);
        else if (deadline && isPostponed(notice)) deadline.set(notice.millisecondsLeft);
        else {
          deadline = new Deadline(setTimer, persistent);
          deadline.set(notice.millisecondsLeft);
          void run(handler, notice, deadline).catch((error: unknown) => failed('handler-failed', error));
        }
      }
    } catch (error) {
      // Whoever removed the hook or closed the client knows.
      if (!ended.aborted && !(isImdsError(error) && error.code === 'ERR_IMDS_CLOSED')) failed('ended', error);
    }
  };
  void follow();
  const stop = (): void => stopping.abort();
  return Object.assign(stop, { [Symbol.dispose]: stop });
}

async function run(handler: InterruptionHandler, notice: SpotInterruptionNotice, deadline: Deadline): Promise<void> {
  try {
    await handler(notice, { signal: deadline.signal });
  } finally {
    deadline.end();
  }
}

/** Aborts a signal at a time that may move. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #setTimer: Circumstances['setTimer'];
  readonly #isPersistent: boolean;
  #timer: Timer | undefined;
  #isOver = false;

  constructor(setTimer: Circumstances['setTimer'], isPersistent: boolean) {
    this.#setTimer = setTimer;
    this.#isPersistent = isPersistent;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param millisecondsLeft undefined when there is no deadline any more */
  set(millisecondsLeft: number | undefined): void {
    this.#timer?.cancel();
    if (this.#isOver || millisecondsLeft === undefined) return;
    const passed = (): void =>
      this.#controller.abort(new DOMException('The deadline of the Spot interruption has passed', 'TimeoutError'));
    // A hibernation begins with its notice.
    if (millisecondsLeft === 0) passed();
    else {
      this.#timer = this.#setTimer(passed, millisecondsLeft);
      if (!this.#isPersistent) this.#timer.unref();
    }
  }

  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }
}

/** The same interruption at another time; one announced after the old time has passed is a new one. */
const isPostponed = ({ previous, seenAt }: SpotInterruptionNotice): boolean =>
  previous !== undefined && Date.parse(previous.deadline) > Date.parse(seenAt);
