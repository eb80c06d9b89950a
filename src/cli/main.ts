import { type Command, CommanderError } from 'commander';
import { Imds } from '../index.js';
import type { Context } from './command.js';
import { codeOf, exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { clientOptions } from './options.js';
import { type Paint, painter, widthOf } from './output.js';
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
  const interruption = new AbortController();
  const { signal } = interruption;
  const interrupt = (): void => {
    // The next one ends the process, whatever it is doing.
    io.signals.off('SIGINT', interrupt);
    interruption.abort();
  };
  const connect: Context['connect'] = (options) => {
    const client = new Imds({ ...clientOptions(program, io.stderr), ...options });
    if (signal.aborted) client.close();
    else signal.addEventListener('abort', () => client.close());
    return client;
  };

  let exitCode: number = exitCodes.done;
  let help = '';
  const program = await createProgram(
    (body) =>
      async (...given) => {
        const code = await body({ io, paint, paintStderr, signal, connect }, ...given);
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

  io.signals.on('SIGINT', interrupt);
  try {
    if (args[0] === '__complete') {
      const { writeCompletions } = await import('./complete.js');
      return await writeCompletions(program, args.slice(1), io.stdout);
    }
    await program.parseAsync(args, { from: 'user' }).catch(async (error) => {
      if (isMisuse(error)) await io.stderr.write(overviewFor(program, paintStderr));
      else if (help === '') throw error;
      else await io.stdout.write(help);
      exitCode = isMisuse(error) ? exitCodes.usage : exitCodes.done;
    });
    return exitCode;
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted;
    // The reader of a pipe has left, as `head` does once it has its lines.
    if (codeOf(error) === 'EPIPE') return exitCodes.done;
    const { exitCode, message, hint } = await reportOf(error, program, args);
    const { bold, red } = paintStderr;
    const lines = [`${bold(red('imds:'))} ${message}\n`, hint ? `${bold('hint:')} ${hint}\n` : ''];
    // Where nobody reads that either, the exit code has to do.
    await io.stderr.write(lines.join('')).catch(() => {});
    return exitCode;
  } finally {
    interrupt();
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
