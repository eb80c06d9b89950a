import type { Command } from 'commander';
import type { ImdsOptions } from '../client/options.js';
import type { Imds } from '../imds.js';
import type { Io } from './io.js';
import type { Paint } from './paint.js';

/** What a command gets beside its own arguments. */
export interface Context {
  readonly io: Io;
  /** For standard output. */
  readonly paint: Paint;
  /** For standard error. */
  readonly paintStderr: Paint;
  /** Aborted by Ctrl-C, for what waits for anything but a client. The exit code is then 130 whatever is thrown. */
  readonly signal: AbortSignal;
  /**
   * A client as the global options ask for, closed when the command ends or is interrupted.
   *
   * @param options what the command itself has to say
   */
  connect(options?: ImdsOptions): Promise<Imds>;
}

/** Makes an action for commander of a function that gets the context and gives the exit code. */
export type Run = <Args extends unknown[]>(
  body: (context: Context, ...args: Args) => Promise<number>,
) => (...args: Args) => Promise<void>;

/** Adds one command to the program. What it needs beyond commander, it imports when it runs: start-up time counts. */
export type AddCommand = (program: Command, run: Run) => void;

/** A description with examples: command lines, each with what it is for. */
export function withExamples(text: string, examples: Readonly<Record<string, string>>): string {
  const lines = Object.keys(examples);
  const width = Math.max(...lines.map((line) => line.length));
  return [text, '', 'Examples:', ...lines.map((line) => `  ${line.padEnd(width)}  ${examples[line]}`)].join('\n');
}
