import { constants } from 'node:os';
import { Argument } from 'commander';
import type { Logger } from '../../client/events.js';
import { defaultNoticeKinds, type NoticeKind, noticeKinds } from '../../watch/notices.js';
import { type AddCommand, withExamples } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { clientOptions } from '../global-options.js';
import type { Output } from '../io.js';
import { jsonLine, noticeLine } from '../notice-line.js';
import { oneOfThese, printable } from '../text.js';
import { verboseLogger } from '../verbose.js';

interface Options {
  readonly json?: boolean;
  readonly once?: boolean;
  readonly exec?: string;
}

/** `imds watch [KIND…]` */
export const watch: AddCommand = (program, run) => {
  program
    .command('watch')
    .summary('notices as they come: Spot, rebalance, maintenance, Auto Scaling')
    .description(
      withExamples(
        `Prints a line for each notice, until Ctrl-C: what is there, then each change. Without a kind it is ` +
          `${defaultNoticeKinds.join(', ')}. A service that does not answer is asked again.`,
        {
          'imds watch --once spot-interruption && ./drain': 'wait for an interruption',
          "imds watch --exec './notify $IMDS_NOTICE_KIND'": 'run a command for each notice',
          'imds watch tags addresses --json': 'one JSON object a line',
        },
      ),
    )
    .addArgument(new Argument('[kind...]', `what to watch for: ${oneOfThese(noticeKinds)}`).choices(noticeKinds))
    .option('--json', 'a JSON object for each notice, on a line of its own')
    .option('--once', 'leave after the first notice')
    .option(
      '--exec <cmd>',
      'run this by sh for each notice, one at a time, with IMDS_NOTICE_… and as JSON on its input',
    )
    .action(
      run(async (context, given: readonly NoticeKind[], { json, once, exec }: Options) => {
        const { io, paint } = context;
        const say = teller(io.stderr);
        const { logger } = clientOptions(program, verboseLogger(io.stderr));
        const imds = await context.connect({ logger: troubleTeller(say, logger) });
        const stopping = new AbortController();
        // Ctrl-C interrupts, as everywhere; SIGTERM is how a service is stopped, and no failure.
        const stop = (): void => stopping.abort();
        io.signals.on('SIGTERM', stop);
        const { signal } = stopping;
        try {
          const kinds = given.length > 0 ? given : undefined;
          for await (const notice of imds.watch<NoticeKind>({ kinds, signal })) {
            const line = json ? jsonLine(notice) : noticeLine(notice, paint);
            if (exec === undefined) {
              await io.stdout.write(line);
              if (once) return exitCodes.done;
              continue;
            }
            const { runForNotice } = await import('../notice-command.js');
            if (context.signal.aborted) return exitCodes.interrupted;
            if (signal.aborted) return exitCodes.done;
            const running = runForNotice(exec, notice, io);
            // After the command has begun, and not waited for: whoever reads the lines may have left, or stalled.
            io.stdout.write(line).catch(() => {});
            try {
              const { code, stoppedBy } = await running;
              if (stoppedBy !== undefined)
                return stoppedBy === 'SIGTERM' ? exitCodes.done : 128 + constants.signals[stoppedBy];
              if (code !== 0) say(`the command for ${notice.kind} left with ${code}`);
              if (once) return code;
            } catch (error) {
              if (once || !(error instanceof Failure)) throw error;
              say(`the command for ${notice.kind} was not started: ${error.message}`);
            }
          }
          return exitCodes.done;
        } catch (error) {
          if (signal.aborted) return exitCodes.done;
          throw error;
        } finally {
          io.signals.off('SIGTERM', stop);
        }
      }),
    );
};

type Say = (text: string) => void;

/** Says something beside the notices, whoever reads it. */
const teller =
  (stderr: Output): Say =>
  (text) =>
    void stderr.write(`imds: ${text}\n`).catch(() => {});

/** Says once that the service does not answer, and when it does again; passes all on to another logger. */
function troubleTeller(say: Say, logger: Logger | undefined): Logger {
  const failing = new Set<string>();
  return {
    debug: (message, fields) => logger?.debug?.(message, fields),
    info(message, fields) {
      if (
        message === 'imds watch' &&
        fields &&
        'kind' in fields &&
        failing.delete(String(fields.kind)) &&
        !failing.size
      )
        say('all can be read again');
      logger?.info?.(message, fields);
    },
    warn(message, fields) {
      if (message === 'imds watch' && fields && 'kind' in fields) {
        const why = 'error' in fields ? fields.error : 'thrown' in fields && fields.thrown;
        if (!failing.size) say(`${fields.kind} cannot be read (${printable(String(why))}); it is tried again`);
        failing.add(String(fields.kind));
      }
      logger?.warn?.(message, fields);
    },
    error: (message, fields) => logger?.error?.(message, fields),
  };
}
