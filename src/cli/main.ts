import { CommanderError } from 'commander';
import { Imds } from '../imds.js';
import type { Context } from './command.js';
import { exitCodes } from './exit-codes.js';
import { clientOptions } from './global-options.js';
import { type Io, isClosedPipe } from './io.js';
import { painter } from './paint.js';
import { createProgram } from './program.js';
import { reportOf } from './report.js';
import { verboseLogger } from './verbose.js';

/**
 * Runs one command line.
 *
 * @param args the arguments after the name of the program
 * @returns the exit code; whatever goes wrong has been told by then
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const paint = painter(io.stdout, io, args);
  const paintStderr = painter(io.stderr, io, args);
  let exitCode: number = exitCodes.done;
  let help = '';

  const clients = new Set<Imds>();
  const closeClients = (): void => {
    for (const client of clients) client.close();
  };
  const interruption = new AbortController();
  const { signal } = interruption;
  const interrupt = (): void => {
    interruption.abort();
    // The next one ends the process, whatever it is doing.
    io.signals.off('SIGINT', interrupt);
    closeClients();
  };

  const context: Context = {
    io,
    paint,
    paintStderr,
    signal,
    async connect(options) {
      const client = new Imds({ ...clientOptions(program, verboseLogger(io.stderr)), ...options });
      clients.add(client);
      if (signal.aborted) client.close();
      return client;
    },
  };
  const program = createProgram(
    (body) =>
      async (...given) => {
        exitCode = await body(context, ...given);
      },
    {
      write: (text) => {
        help += text;
      },
      columns: Math.min(io.stdout.columns ?? 100, 100),
      paint,
    },
    args[0],
  );

  io.signals.on('SIGINT', interrupt);
  try {
    try {
      await program.parseAsync(args, { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError) || help === '') throw error;
      // Help that nobody asked for stands for a command that is missing.
      const isMisuse = error.exitCode !== exitCodes.done;
      await (isMisuse ? io.stderr : io.stdout).write(help);
      return isMisuse ? exitCodes.usage : exitCodes.done;
    }
    return exitCode;
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted;
    if (isClosedPipe(error)) return exitCodes.done;
    const { exitCode, message, hint } = await reportOf(error, program, args);
    const { bold, red } = paintStderr;
    const lines = [`${bold(red('imds:'))} ${message}\n`, hint ? `${bold('hint:')} ${hint}\n` : ''];
    // Where nobody reads that either, the exit code has to do.
    await io.stderr.write(lines.join('')).catch(() => {});
    return exitCode;
  } finally {
    io.signals.off('SIGINT', interrupt);
    closeClients();
  }
}
