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

/** A command line that runs. */
interface Run {
  readonly context: Context;
  /** Undefined for a command line that needs none. */
  program: Command | undefined;
  isOver: boolean;
  /** Those to close at its end. */
  readonly clients: Imds[];
  /** Ends what is under way. After a Ctrl-C, the next one ends the process, whatever it is doing. */
  readonly end: () => void;
}

/**
 * Runs one command line.
 *
 * @param args the arguments after the name of the program
 * @returns the exit code; whatever went wrong has been reported by then
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const run = begun(args, io);
  io.signals.on('SIGINT', run.end);
  try {
    return await perform(args, run);
  } catch (error) {
    if (run.isOver) return exitCodes.interrupted;
    // The reader of a pipe has left, as `head` does once it has its lines.
    if (codeOf(error) === 'EPIPE') return exitCodes.done;
    const { exitCode, message, hint } = await reportOf(error, run.program, args);
    const { bold, red } = run.context.paintStderr;
    const lines = [`${bold(red('imds:'))} ${message}\n`, hint ? `${bold('hint:')} ${hint}\n` : ''];
    // Where nobody reads that either, the exit code has to do.
    await io.stderr.write(lines.join('')).catch(() => {});
    return exitCode;
  } finally {
    run.end();
  }
}

function begun(args: readonly string[], io: Io): Run {
  let controller: AbortController | undefined;
  const run: Run = {
    program: undefined,
    isOver: false,
    clients: [],
    end() {
      run.isOver = true;
      io.signals.off('SIGINT', run.end);
      controller?.abort();
      for (const client of run.clients) client.close();
    },
    context: {
      io,
      paint: painter(io.stdout, io, args),
      paintStderr: painter(io.stderr, io, args),
      // Most commands need none.
      get signal() {
        controller ??= new AbortController();
        if (run.isOver) controller.abort();
        return controller.signal;
      },
      get globals() {
        return run.program?.opts() ?? plainGet(args)?.options ?? {};
      },
      connect(options) {
        const client = new Imds({ ...clientOptions(run.context.globals, io.stderr), ...options });
        run.clients.push(client);
        if (run.isOver) client.close();
        return client;
      },
    },
  };
  return run;
}

/** Does what the command line says, and gives the exit code. */
async function perform(args: readonly string[], run: Run): Promise<number> {
  const { io, paint, paintStderr } = run.context;
  const plain = plainGet(args);
  if (plain) {
    const { printValues } = await import('./commands/get.js');
    await printValues(run.context, plain.paths);
    // There is nothing to end, and closing a client takes a millisecond.
    run.clients.length = 0;
    return exitCodes.done;
  }
  let exitCode: number = exitCodes.done;
  let help = '';
  const write = (text: string): void => {
    help += text;
  };
  const program = await createProgram(
    (body) =>
      async (...given) => {
        const code = await body(run.context, ...given);
        if (typeof code === 'number') exitCode = code;
      },
    { write, columns: widthOf(io.stdout), paint },
    args[0],
  );
  run.program = program;
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
