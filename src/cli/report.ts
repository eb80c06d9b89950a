import { type Command, CommanderError } from 'commander';
import { type ImdsError, isImdsError } from '../index.js';
import { categoryOf } from '../metadata/lookup.js';
import { type Choice, exitCodeOf, exitCodes, Failure } from './exit-codes.js';
import { oneOfThese } from './layout.js';
import { withFlags } from './options.js';

interface Report {
  readonly exitCode: number;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** @param program what read the arguments, if commander did */
export async function reportOf(error: unknown, program: Command | undefined, args: readonly string[]): Promise<Report> {
  if (error instanceof Failure) {
    const { exitCode, message, hint, choice } = error;
    const hints = [choice && (await hintAt(choice)), hint].filter((each) => each !== undefined);
    return { exitCode, message, hint: hints.join(' ') };
  }
  if (program && error instanceof CommanderError) return misuse(error, program, args);
  if (!isImdsError(error))
    return { exitCode: exitCodes.failure, message: error instanceof Error ? error.message : String(error) };
  const hint = await hintOn(error);
  return { exitCode: exitCodeOf[error.code], message: withFlags(error.message), hint: hint && withFlags(hint) };
}

/** Commander's words, and what may have been meant: also a path, which is read with `imds get`. */
async function misuse({ code, message }: CommanderError, program: Command, args: readonly string[]): Promise<Report> {
  const report = { exitCode: exitCodes.usage, message: message.replace(/^error: /, '') };
  const command = program.commands.find((candidate) => args.includes(candidate.name()));
  const options = [program, ...(command ? [command] : [])].flatMap((each) =>
    each.options.map(({ long }) => long ?? ''),
  );
  const accepted: Readonly<Record<string, readonly string[]>> = {
    'commander.unknownCommand': program.commands.map((each) => each.name()),
    'commander.unknownOption': [...options, '--help'],
  };
  const given = /'([^'=]*)/.exec(message)?.[1] ?? '';
  const choice = accepted[code];
  const help = `imds ${command ? `${command.name()} ` : ''}--help shows what there is`;
  if (!choice) return { ...report, hint: help };
  const { nearest } = await import('./suggest.js');
  const paths = command
    ? []
    : nearest(`/latest/meta-data/${given.replace(/^--/, '')}`).map((path) => `imds get ${path}`);
  const fallback = paths.length > 0 ? didYouMean(paths) : help;
  return { ...report, hint: (await hintAt({ given, accepted: choice })) ?? fallback };
}

const didYouMean = (words: readonly string[]): string => `did you mean ${oneOfThese(words)}?`;

async function hintAt({ given, accepted }: Choice): Promise<string | undefined> {
  const { nearestWords } = await import('./suggest.js');
  const words = nearestWords(given, accepted);
  // The message has all of them.
  return words.length > 0 && words.length < accepted.length ? didYouMean(words) : undefined;
}

/** A path of no category is probably misspelt; the others are only there at times, and the error says when. */
async function hintOn(error: ImdsError): Promise<string | undefined> {
  if (error.code !== 'ERR_IMDS_NOT_FOUND' || !('path' in error)) return error.hint;
  const path = String(error.path);
  if (categoryOf(path) !== undefined) return error.hint;
  const { nearest } = await import('./suggest.js');
  const names = nearest(path);
  return names.length > 0 ? didYouMean(names) : (error.hint ?? 'imds categories shows what can be read');
}
