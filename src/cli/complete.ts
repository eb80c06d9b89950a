import type { Command } from 'commander';
import { rows } from '../metadata/lookup.js';
import { exitCodes } from './exit-codes.js';
import type { Output } from './io.js';
import { shortPath } from './values.js';

export interface Completion {
  /** Words, some with a tab and their meaning. */
  readonly candidates: readonly string[];
  /** Candidates that the shell finds itself. */
  readonly also: 'nothing' | 'files' | 'commands';
}

/**
 * Completes the last word, which may be empty or typed in part.
 *
 * @param words those after `imds`
 * @param scenarios the names that `--scenario` takes besides files
 */
export function complete(program: Command, words: readonly string[], scenarios: readonly string[] = []): Completion {
  // Bash splits words at = and :.
  const joined = words
    .join('\n')
    .replace(/\n:\n?/g, ':')
    .replace(/\n=(\n|$)/g, '\n');
  const before = joined.split('\n');
  const last = before.pop() ?? '';
  const inWord = /^--[\w-]+=/.exec(last)?.[0] ?? '';
  if (inWord) before.push(inWord.slice(0, -1));
  const current = last.slice(inWord.length);
  const offer = (candidates: readonly string[], also: Completion['also'] = 'nothing'): Completion => ({
    candidates: candidates.filter((word) => word.startsWith(current)).map((word) => inWord + word),
    also,
  });

  const dashes = before.indexOf('--');
  if (dashes >= 0) return offer([], dashes === before.length - 1 ? 'commands' : 'files');
  const commandOf = (word?: string) => program.commands.find((each) => each.name() === word);
  const command = commandOf(before.find(commandOf));
  const options = [...(command?.options ?? []), ...program.options];
  const takesValue = (word = '') =>
    options.find(({ required, long, short }) => required && (word === long || word === short));
  const [name, ...given] = before.filter((word, at) => !word.startsWith('-') && !takesValue(before[at - 1]));

  const values = (kind = '', choices?: readonly string[]): Completion =>
    choices ? offer(choices) : offer(wordsOf(kind, current, scenarios), shellsOwn[kind]);
  const option = takesValue(before.at(-1));
  if (option) return values(/<(.+)>/.exec(option.flags)?.[1], option.argChoices);
  if (inWord) return offer([]);
  if (current.startsWith('-')) return offer(flagsOf(program, command));
  const verbs = program.commands.map((each) => `${each.name()}\t${each.summary()}`);
  if (name === undefined || (name === 'help' && given.length === 0)) return offer(verbs);
  const all = command?.registeredArguments ?? [];
  const argument = all[given.length] ?? all.find(({ variadic }) => variadic);
  return values(argument?.name(), argument?.argChoices);
}

/** The options that the help shows. */
function flagsOf(program: Command, command = program): readonly string[] {
  const help = program.createHelp();
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)].flatMap((option) =>
    [option.short, option.long].flatMap((word) => (word ? [`${word}\t${option.description}`] : [])),
  );
}

/** Values that the shell completes, by their name in the help. */
const shellsOwn: Readonly<Record<string, Completion['also']>> = { scenario: 'files', file: 'files', cmd: 'commands' };

/** The words for a value, by its name in the help. */
function wordsOf(kind: string, current: string, scenarios: readonly string[]): readonly string[] {
  if (kind === 'scenario') return scenarios;
  if (kind === 'path') return pathsAt(current);
  return kind === 'directory' ? pathsAt(current).filter((path) => path.endsWith('/')) : [];
}

/** The paths in the directory being typed; those of directories end in a slash. */
function pathsAt(current: string): readonly string[] {
  const above = current.replace(/[^/]*$/, '');
  const names = rows().flatMap(({ category }) => {
    const path = shortPath(category.template);
    const [name = ''] = path.startsWith(above) ? path.slice(above.length).split(/(?<=\/)/) : [];
    // Placeholders are different on each instance.
    return name === '' || name.includes('{') ? [] : [above + name];
  });
  return [...new Set(names)];
}

/** Formats a completion for the scripts: the shell's own kind, and then a line for each candidate. */
export async function writeCompletions(program: Command, words: readonly string[], stdout: Output): Promise<number> {
  const scenarios = words.some((word) => word.startsWith('--scenario'))
    ? Object.keys((await import('../emulator/index.js')).scenarios)
    : [];
  const { candidates, also } = complete(program, words, scenarios);
  await stdout.write(`${[also, ...candidates].join('\n')}\n`);
  return exitCodes.done;
}
