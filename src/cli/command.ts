import type { Command } from 'commander';
import type { Imds, ImdsOptions } from '../index.js';
import type { Io } from './io.js';
import { glossary, type Paint } from './output.js';

/** Passed to a command beside its own arguments. */
export interface Context {
  readonly io: Io;
  /** For standard output. */
  readonly paint: Paint;
  /** For standard error. */
  readonly paintStderr: Paint;
  /** Aborted by Ctrl-C, for what waits for anything but a client. The exit code is then 130 whatever is thrown. */
  readonly signal: AbortSignal;
  /**
   * A client with the settings of the global options, closed when the command ends or is interrupted.
   *
   * @param options of the command itself
   */
  connect(options?: ImdsOptions): Imds;
}

/** Makes an action for commander of a function that gets the context. A number that it resolves to is the exit code. */
export type Run = <Args extends unknown[]>(
  body: (context: Context, ...args: Args) => Promise<unknown>,
) => (...args: Args) => Promise<void>;

/**
 * Adds one command to the program. Parts of Node and whole subjects that only it needs it imports when it runs: start-up
 * time counts.
 */
export type AddCommand = (program: Command, run: Run) => void;

/** The help of a command. */
export interface Help {
  /** A line for the list of all commands. */
  readonly summary: string;
  readonly text: string;
  /** Command lines, each with what it is for. */
  readonly examples: Readonly<Record<string, string>>;
}

/** Adds a command to the program, so far without options and arguments. */
export const addCommand = (program: Command, name: string, { summary, text, examples }: Help): Command =>
  program.command(name).summary(summary).description(withExamples(text, examples));

/** A description with examples: command lines, each with what it is for. */
export const withExamples = (text: string, examples: Readonly<Record<string, string>>): string =>
  [text, '', 'Examples:', ...glossary(examples)].join('\n');
