import { type Command, CommanderError } from 'commander';
import { type ImdsNotFoundError, isImdsError, isNotFound } from '../errors.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { Failure } from './failure.js';
import { withFlags } from './global-options.js';
import { oneOfThese, printable } from './text.js';

/** A failure as the user is told of it, one line each, and the exit code. */
export interface Report {
  readonly exitCode: number;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What to say about a failure. */
export async function reportOf(error: unknown, program: Command, args: readonly string[]): Promise<Report> {
  const { exitCode, message, hint } = await explained(error, program, args);
  return { exitCode, message: oneLine(message), hint: hint && oneLine(hint) };
}

const oneLine = (text: string): string => printable(text.replace(/\s*\n\s*/g, ' '));

async function explained(error: unknown, program: Command, args: readonly string[]): Promise<Report> {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return misuse(error, program, args);
  if (!isImdsError(error))
    return { exitCode: exitCodes.failure, message: error instanceof Error ? error.message : String(error) };
  const hint = isNotFound(error) ? await hintOnAbsence(error) : error.hint;
  return { exitCode: exitCodeOf[error.code], message: withFlags(error.message), hint: hint && withFlags(hint) };
}

/** Commander's words, with its suggestion apart. */
function misuse({ code, message }: CommanderError, program: Command, args: readonly string[]): Report {
  const [, words = '', suggestion] = /^(?:error: )?(.*?)(?:\n\(Did you mean ([^\n]*)\?\))?$/s.exec(message) ?? [];
  const command = program.commands.find((candidate) => args.includes(candidate.name()));
  let hint = `imds ${command ? `${command.name()} ` : ''}--help shows what there is`;
  if (code === 'commander.unknownCommand') hint = `imds --help lists the commands; a path is read with imds get`;
  if (suggestion !== undefined) hint = didYouMean(suggestion.replace(/^one of /, '').split(', '));
  return { exitCode: exitCodes.usage, message: words, hint };
}

const didYouMean = (words: readonly string[]): string => `did you mean ${oneOfThese(words)}?`;

/** A path of no category is probably misspelt; the others are only there at times, and the error says when. */
async function hintOnAbsence({ path, hint }: ImdsNotFoundError): Promise<string | undefined> {
  const { categoryOf } = await import('../metadata/lookup.js');
  if (categoryOf(path) !== undefined) return hint;
  const { nearest } = await import('./suggest.js');
  const names = nearest(path);
  return names.length > 0 ? didYouMean(names) : (hint ?? 'imds categories shows what can be read');
}
