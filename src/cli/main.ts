import type { Command } from 'commander';
import { clientOf } from '../client/client.js';
import { Imds } from '../index.js';
import type { Context, Run as ProgramRun } from './command.js';
import { codeOf, exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { widthOf } from './layout.js';
import { clientOptions } from './options.js';
import { oneLine, type Paint, painter, writeServed } from './output.js';
import { plainGet } from './plain.js';
import { createProgram, overview } from './program.js';
import { reportOf } from './report.js';

/**
 * Runs one command line.
 *
 * @param args the arguments after the name of the program
 * @returns the exit code; errors have been reported by then
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const run = new Run(args, io);
  io.signals.on('SIGINT', run.end);
  try {
    return await run.perform();
  } catch (error) {
    if (run.isOver) return exitCodes.interrupted;
    // The reader of a pipe is gone, such as `head` once it has its lines.
    if (codeOf(error) === 'EPIPE') return exitCodes.done;
    const { exitCode, message, hint } = reportOf(error, run.program, args);
    const { bold, red } = run.paintStderr;
    const lines = [`${bold(red('imds:'))} ${oneLine(message)}\n`, hint ? `${bold('hint:')} ${oneLine(hint)}\n` : ''];
    // If nobody reads that either, only the exit code is left.
    await io.stderr.write(lines.join('')).catch(() => {});
    return exitCode;
  } finally {
    run.end();
  }
}

class Run implements Context {
  readonly io: Io;
  readonly paint: Paint;
  readonly paintStderr: Paint;
  program: Command | undefined;
  isOver = false;
  readonly #args: readonly string[];
  #clients: { close(): void }[] = [];
  #controller: AbortController | undefined;

  constructor(args: readonly string[], io: Io) {
    this.#args = args;
    this.io = io;
    this.paint = painter(io.stdout, io, args);
    this.paintStderr = painter(io.stderr, io, args);
  }

  get signal(): AbortSignal {
    // Most commands need none.
    this.#controller ??= new AbortController();
    if (this.isOver) this.#controller.abort();
    return this.#controller.signal;
  }

  get globals(): Context['globals'] {
    return this.program?.opts() ?? plainGet(this.#args)?.options ?? {};
  }

  readonly connect: Context['connect'] = (options) => {
    const client = new Imds({ ...clientOptions(this.globals, this.io.stderr), ...options });
    this.#clients.push(client);
    if (this.isOver) client.close();
    return client;
  };

  /** Aborts everything under way. After a Ctrl-C, the next one ends the process, whatever it is doing. */
  readonly end = (): void => {
    this.isOver = true;
    this.io.signals.off('SIGINT', this.end);
    this.#controller?.abort();
    for (const client of this.#clients) client.close();
    this.io.giveUp();
  };

  async perform(): Promise<number> {
    const [args, { io, paint, paintStderr }] = [this.#args, this];
    const plain = plainGet(args);
    if (plain) return await this.#get(plain);
    let exitCode = exitCodes.done;
    let help = '';
    const write = (text: string): void => {
      help += text;
    };
    const run: ProgramRun =
      (body) =>
      async (...given) => {
        // A client refuses an invalid endpoint, even if a command sends no request.
        if (this.globals.endpoint !== undefined) this.connect();
        const code = await body(this, ...given);
        if (typeof code === 'number') exitCode = code;
      };
    const program = await createProgram(run, { write, columns: widthOf(io.stdout), paint }, args[0]);
    this.program = program;
    if (args[0] === '__complete') {
      const { writeCompletions } = await import('./complete.js');
      return await writeCompletions(program, args.slice(1), io.stdout);
    }
    try {
      await program.parseAsync(args, { from: 'user' });
    } catch (error) {
      // There is no command.
      if (codeOf(error) === 'commander.help') {
        await io.stderr.write(overview(program, paintStderr));
        return exitCodes.usage;
      }
      if (help === '') throw error;
    }
    if (help !== '') await io.stdout.write(help);
    return exitCode;
  }

  async #get({ paths, options }: NonNullable<ReturnType<typeof plainGet>>): Promise<number> {
    if (paths.length > 1) {
      const { printValues } = await import('./commands/get.js');
      await printValues(this, paths);
    } else {
      // One value needs neither the accessors of a client nor the table: loading them takes as long as a request.
      const { reader, closing } = clientOf({ ...options, cache: false });
      this.#clients.push(closing);
      await writeServed(this.io.stdout, await reader.bytes(paths[0], {}));
    }
    // There is nothing to abort, and closing a client takes a millisecond.
    this.#clients = [];
    return exitCodes.done;
  }
}
