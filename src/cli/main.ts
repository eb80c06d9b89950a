import { type Command, CommanderError } from 'commander';
import { Imds } from '../index.js';
import type { Context } from './command.js';
import { codeOf, exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { clientOptions } from './options.js';
import { type Paint, painter, widthOf } from './output.js';
import { plainGet } from './plain.js';
import { createProgram, overview } from './program.js';
import { reportOf } from './report.js';

/**
 * Runs one command line.
 *
 * @param args the arguments after the name of the program
 * @returns the exit code; whatever went wrong has been reported by then
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const paint = painter(io.stdout, io, args);
  const paintStderr = painter(io.stderr, io, args);
  const clients: Imds[] = [];
  let controller: AbortController | undefined;
  let isOver = false;
  /** Ends what is under way. After a Ctrl-C, the next one ends the process, whatever it is doing. */
  const end = (): void => {
    isOver = true;
    io.signals.off('SIGINT', end);
    controller?.abort();
    for (const client of clients) client.close();
  };
  const plain = plainGet(args);
  let program: Command | undefined;
  const connect: Context['connect'] = (options) => {
    const given = plain?.options ?? program?.opts() ?? {};
    const client = new Imds({ ...clientOptions(given, io.stderr), ...options });
    clients.push(client);
    if (isOver) client.close();
    return client;
  };
  const context: Context = {
    io,
    paint,
    paintStderr,
    // Most commands need none.
    get signal() {
      controller ??= new AbortController();
      if (isOver) controller.abort();
      return controller.signal;
    },
    connect,
  };

  let exitCode: number = exitCodes.done;
  let help = '';
  io.signals.on('SIGINT', end);
  try {
    if (plain) {
      const { printValues } = await import('./commands/get.js');
      await printValues(context, plain.paths);
      // There is nothing to end, and closing a client takes a millisecond.
      clients.length = 0;
      return exitCode;
    }
    program = await createProgram(
      (body) =>
        async (...given) => {
          const code = await body(context, ...given);
          if (typeof code === 'number') exitCode = code;
        },
      {
        write: (text) => {
          help += text;
        },
        columns: widthOf(io.stdout),
        paint,
      },
      args[0],
    );
    if (args[0] === '__complete') {
      const { writeCompletions } = await import('./complete.js');
      return await writeCompletions(program, args.slice(1), io.stdout);
    }
    const parser = program;
    await parser.parseAsync(args, { from: 'user' }).catch(async (error) => {
      if (isMisuse(error)) await io.stderr.write(overviewFor(parser, paintStderr));
      else if (help === '') throw error;
      else await io.stdout.write(help);
      exitCode = isMisuse(error) ? exitCodes.usage : exitCodes.done;
    });
    return exitCode;
  } catch (error) {
    if (isOver) return exitCodes.interrupted;
    // The reader of a pipe has left, as `head` does once it has its lines.
    if (codeOf(error) === 'EPIPE') return exitCodes.done;
    const { exitCode, message, hint } = await reportOf(error, program, args);
    const { bold, red } = paintStderr;
    const lines = [`${bold(red('imds:'))} ${message}\n`, hint ? `${bold('hint:')} ${hint}\n` : ''];
    // Where nobody reads that either, the exit code has to do.
    await io.stderr.write(lines.join('')).catch(() => {});
    return exitCode;
  } finally {
    end();
  }
}

/** True for help that nobody asked for: there is no command, or none of the name that help was asked on. */
const isMisuse = (error: unknown): boolean =>
  error instanceof CommanderError && error.code === 'commander.help' && error.exitCode !== exitCodes.done;

function overviewFor(program: Command, paint: Paint): string {
  const [help, name] = program.args;
  if (help === 'help' && name !== undefined)
    throw new CommanderError(exitCodes.usage, 'commander.unknownCommand', `error: unknown command '${name}'`);
  return overview(program, paint);
}
