import { type Command, CommanderError } from 'commander';
import { type ImdsError, isImdsError } from '../index.js';
import { categoryOf } from '../metadata/lookup.js';
import { exitCodeOf, exitCodes, Failure } from './exit-codes.js';
import { withFlags } from './options.js';
import { oneLine, oneOfThese } from './output.js';

/** A failure in the words of the command line, a line each, and its exit code. */
export interface Report {
  readonly exitCode: number;
  readonly message: string;
  readonly hint?: string | undefined;
}

export async function reportOf(error: unknown, program: Command, args: readonly string[]): Promise<Report> {
  const { exitCode, message, hint } = await explained(error, program, args);
  return { exitCode, message: oneLine(message), hint: hint && oneLine(hint) };
}

async function explained(error: unknown, program: Command, args: readonly string[]): Promise<Report> {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return misuse(error, program, args);
  if (!isImdsError(error))
    return { exitCode: exitCodes.failure, message: error instanceof Error ? error.message : String(error) };
  const hint = await hintOn(error);
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
async function hintOn(error: ImdsError): Promise<string | undefined> {
  if (error.code !== 'ERR_IMDS_NOT_FOUND' || !('path' in error)) return error.hint;
  const path = String(error.path);
  if (categoryOf(path) !== undefined) return error.hint;
  const { nearest } = await import('./suggest.js');
  const names = nearest(path);
  return names.length > 0 ? didYouMean(names) : (error.hint ?? 'imds categories shows what can be read');
}
