import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { constants } from 'node:os';
import { defaultNoticeKinds, type ImdsEvents, type Notice, type NoticeKind, noticeKinds } from '../../index.js';
import { type Context, command, type Given } from '../command.js';
import { exitCodes, Failure } from '../exit-codes.js';
import { type Io, onSignals } from '../io.js';
import { oneOfThese } from '../layout.js';
import { noticeEnv, noticeLine } from '../notices.js';
import { jsonLine, say } from '../output.js';

const options = {
  '--json': 'a JSON object per notice, one per line',
  '--once': 'end after the first notice',
  '--exec <cmd>': 'run this with sh for each notice, one at a time, with IMDS_NOTICE_… and JSON on its input',
} as const;

export const watch = command({
  summary: 'notices: Spot, rebalance, maintenance, Auto Scaling',
  text:
    `Prints a line for each notice, until Ctrl-C: current ones first, then each change. The default kinds are ` +
    `${defaultNoticeKinds.join(', ')}. A service that does not answer is polled again.`,
  examples: {
    'imds watch --once spot-interruption && ./drain': 'wait for an interruption',
    "imds watch --exec './notify $IMDS_NOTICE_KIND'": 'run a command for each notice',
    'imds watch tags addresses --json': 'one JSON object per line',
  },
  argument: { '[kind...]': [`what to watch for: ${oneOfThese(noticeKinds)}`, noticeKinds] },
  options,
  async run(context, wanted, given) {
    const stopping = new AbortController();
    // Ctrl-C interrupts, as everywhere; SIGTERM stops a service, and is not a failure.
    const stopListening = onSignals(context.io, ['SIGTERM'], () => {
      stopping.abort();
      context.io.giveUp();
    });
    const signal = AbortSignal.any([context.signal, stopping.signal]);
    const trouble = troubleReporter(context.io);
    subscribe('imds:watch', trouble);
    try {
      const kinds = given.length > 0 ? given : undefined;
      for await (const notice of context.connect().watch<NoticeKind>({ kinds, signal })) {
        const code = await handle(notice, wanted, context, signal);
        if (code !== undefined) return code;
      }
      return exitCodes.done;
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
      // `--once &&` is followed by the reaction to a notice.
      return wanted.once ? 128 + constants.signals.SIGTERM : exitCodes.done;
    } finally {
      unsubscribe('imds:watch', trouble);
      stopListening();
    }
  },
});

/** Prints a notice and runs the command for it; returns the exit code if it was the last one. */
async function handle(
  notice: Notice,
  { json, once, exec }: Given<typeof options>,
  { io, paint }: Context,
  signal: AbortSignal,
): Promise<number | undefined> {
  const line = json ? jsonLine(notice) : noticeLine(notice, paint);
  if (exec === undefined) {
    signal.throwIfAborted();
    await io.stdout.write(line);
    return once ? exitCodes.done : undefined;
  }
  const { runProgram } = await import('../child.js');
  signal.throwIfAborted();
  const running = runProgram('sh', ['-c', exec], noticeEnv(notice, io.env), io, jsonLine(notice));
  // After the command has started, and without waiting: the reader of the lines may be gone, or stalled.
  io.stdout.write(line).catch(() => {});
  try {
    const { code, stoppedBy } = await running;
    if (stoppedBy !== undefined) return stoppedBy === 'SIGTERM' ? exitCodes.done : 128 + constants.signals[stoppedBy];
    if (code !== 0) say(io, `the command for ${notice.kind} exited with code ${code}`);
    return once ? code : undefined;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const message = error.message.replace(/^there is no program sh$/, 'sh cannot be run: ENOENT');
    if (once) throw new Failure(exitCodes.failure, message, { cause: error });
    say(io, `the command for ${notice.kind} was not started: ${message}`);
    return undefined;
  }
}

/** Says once that the service does not answer, and when it does again. */
function troubleReporter(io: Io): (message: unknown) => void {
  const failing = new Set<string>();
  return (message) => {
    const { action, kind, error, thrown } = message as ImdsEvents['watch'];
    if (action === 'recovered' && failing.delete(kind) && failing.size === 0) say(io, 'everything can be read again');
    if (action !== 'failed') return;
    if (failing.size === 0) say(io, `${kind} cannot be read (${error ?? thrown}); retrying`);
    failing.add(kind);
  };
}
