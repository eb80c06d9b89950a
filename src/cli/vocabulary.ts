import type { Command, Option } from 'commander';
import { rows } from '../metadata/lookup.js';
import { shortPath } from './values.js';

/** One option, as shells complete it. */
export interface Flag {
  /** Such as `--json`. */
  readonly long: string;
  /** Such as `-r`. */
  readonly short: string | undefined;
  readonly text: string;
  readonly takesValue: boolean;
  /** What it may be given, where that is known. */
  readonly choices: readonly string[];
}

/** What a command takes: names of arguments that can be completed, or the words there are. */
export type Arguments = 'none' | 'path' | 'directory' | 'command' | readonly string[];

/** One command, as shells complete it. */
export interface Verb {
  readonly name: string;
  readonly text: string;
  readonly flags: readonly Flag[];
  readonly takes: Arguments;
}

/** All that can be completed. */
export interface Vocabulary {
  readonly flags: readonly Flag[];
  readonly verbs: readonly Verb[];
  /** Paths of values and directories, those with a slash at their end, as far as they are the same on all instances. */
  readonly paths: readonly string[];
}

/** Reads the vocabulary off the parser and the table of categories. */
export function vocabularyOf(program: Command): Vocabulary {
  const verbs = program.commands.map((command) => ({
    name: command.name(),
    text: command.summary(),
    flags: command.options.map(flagOf),
    takes: argumentsOf(command),
  }));
  const names = verbs.map(({ name }) => name);
  return {
    flags: [...program.options.map(flagOf), { ...noFlag, long: '--help', short: '-h', text: 'print help' }],
    verbs: [...verbs, { name: 'help', text: 'print help, also for a command', flags: [], takes: names }],
    paths: knownPaths(),
  };
}

const noFlag = { short: undefined, takesValue: false, choices: [] };

const flagOf = ({ long, short, description, required, argChoices }: Option): Flag => ({
  long: long ?? '',
  short,
  text: description,
  takesValue: required,
  choices: argChoices ?? [],
});

function argumentsOf({ registeredArguments: [first] }: Command): Arguments {
  if (first === undefined) return 'none';
  if (first.argChoices) return first.argChoices;
  const name = first.name();
  return name === 'path' || name === 'directory' || name === 'command' ? name : 'none';
}

function knownPaths(): string[] {
  const paths = rows().flatMap(({ category }) => {
    const segments = shortPath(category.template).split(/(?<=\/)/);
    const open = segments.findIndex((segment) => segment.includes('{'));
    const known = open === -1 ? segments : segments.slice(0, open);
    return known.map((_, index) => known.slice(0, index + 1).join(''));
  });
  return [...new Set(paths)].sort();
}
