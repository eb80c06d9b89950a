import { type Command, CommanderError } from 'commander';
import { type ImdsError, isImdsError } from '../index.js';
import { categoryOf } from '../metadata/lookup.js';
import { type Choice, exitCodeOf, exitCodes, Failure } from './exit-codes.js';
import { oneOfThese } from './layout.js';
import { withFlags } from './options.js';
import { nearest, nearestWords } from './suggest.js';

type Report = Pick<Failure, 'exitCode' | 'message' | 'hint'>;

/** @param program the parser of the arguments, if it was commander */
export function reportOf(error: unknown, program: Command | undefined, args: readonly string[]): Report {
  if (error instanceof Failure) {
    const { exitCode, message, hint, choice } = error;
    const hints = [choice && nearestOf(choice), hint].filter((each) => each !== undefined);
    return { exitCode, message, hint: hints.join(' ') };
  }
  if (program && error instanceof CommanderError) return misuse(error, program, args);
  if (!isImdsError(error))
    return new Failure(exitCodes.failure, error instanceof Error ? error.message : String(error));
  const hint = hintOn(error);
  return { exitCode: exitCodeOf[error.code], message: withFlags(error.message), hint: hint && withFlags(hint) };
}

/** Commander's message, and a suggestion, which may be a path for `imds get`. */
function misuse({ code, message }: CommanderError, program: Command, args: readonly string[]): Report {
  const isUnknown = code === 'commander.unknownCommand';
  const command = isUnknown ? undefined : program.commands.find((each) => args.includes(each.name()));
  const options = [...program.options, ...(command?.options ?? [])].map(({ long }) => long ?? '');
  const all: Readonly<Record<string, readonly string[]>> = {
    'commander.unknownCommand': program.commands.map((each) => each.name()),
    'commander.unknownOption': [...options, '--help'],
  };
  const given = /'([^'=]*)/.exec(message)?.[1] ?? '';
  const accepted = all[code] ?? [];
  const paths = command || accepted.length === 0 ? [] : nearest(`/latest/meta-data/${given}`);
  return {
    exitCode: exitCodes.usage,
    message: message.replace(/^error: /, ''),
    hint:
      nearestOf({ given, accepted }) ??
      didYouMean(paths.map((path) => `imds get ${path}`)) ??
      `imds ${command ? `${command.name()} ` : ''}--help shows what there is`,
  };
}

const didYouMean = (words: readonly string[]): string | undefined =>
  words.length > 0 ? `did you mean ${oneOfThese(words)}?` : undefined;

function nearestOf({ given, accepted }: Choice): string | undefined {
  const words = nearestWords(given, accepted);
  // The message has all of them.
  return words.length < accepted.length ? didYouMean(words) : undefined;
}

/** A path of no category is probably misspelt; others exist only at times, and the error says when. */
function hintOn(error: ImdsError): string | undefined {
  if (error.code !== 'ERR_IMDS_NOT_FOUND' || !('path' in error)) return error.hint;
  const path = String(error.path);
  if (categoryOf(path) !== undefined) return error.hint;
  return didYouMean(nearest(path)) ?? error.hint ?? 'imds categories shows what can be read';
}
