import type { Argument, Command, Option } from 'commander';
import { rows } from '../metadata/lookup.js';
import { exitCodes } from './exit-codes.js';
import type { Output } from './io.js';
import { shortPath } from './values.js';

/** A word that may stand at the cursor, and what it means. */
interface Candidate {
  readonly word: string;
  readonly text?: string;
}

/** All that may stand at the cursor. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Candidates that the shell finds itself. */
  readonly also: 'nothing' | 'files' | 'commands';
}

const nothing: Completion = { candidates: [], also: 'nothing' };

/**
 * Completes the last word, which may be empty or typed in part.
 *
 * @param words those behind `imds`
 * @param scenarios the names that `--scenario` takes beside files
 */
export function complete(program: Command, words: readonly string[], scenarios: readonly string[] = []): Completion {
  // Bash makes words of their own of = and :.
  const all = words
    .join('\n')
    .replace(/\n:\n?/g, ':')
    .split('\n');
  const { command, given, previous, isAfterDashes } = typed(program, all.slice(0, -1));
  const current = all.at(-1)?.replace(/^=$/, '') ?? '';
  const found = (): Completion => {
    if (isAfterDashes) return { candidates: [], also: given.length === 0 ? 'commands' : 'files' };
    if (previous) return valuesOf(previous, scenarios);
    const [, flag = '', sign] = /^(--[\w-]+)(=)/.exec(current) ?? [];
    const option = sign && optionsOf(program, command).find(({ long }) => long === flag);
    if (option) return prefixed(`${flag}=`, valuesOf(option, scenarios));
    if (current.startsWith('-')) return { candidates: flagsOf(program, command), also: 'nothing' };
    return command
      ? argumentsOf(program, command, given.length, current)
      : { candidates: verbs(program), also: 'nothing' };
  };
  const { candidates, also } = found();
  return { candidates: candidates.filter(({ word }) => word.startsWith(current)), also };
}

interface Typed {
  readonly command: string | undefined;
  /** The arguments of the command, or those behind `--`. */
  readonly given: readonly string[];
  /** The option whose value comes next. */
  readonly previous: Option | undefined;
  readonly isAfterDashes: boolean;
}

/** Sorts the words before the cursor. */
function typed(program: Command, words: readonly string[]): Typed {
  let command: string | undefined;
  let previous: Option | undefined;
  let given: string[] = [];
  for (const [index, word] of words.entries()) {
    if (word === '=') continue;
    if (word === '--') return { command, given: words.slice(index + 1), previous: undefined, isAfterDashes: true };
    const isValue = previous !== undefined;
    previous = undefined;
    if (isValue) continue;
    if (word.startsWith('-'))
      previous = optionsOf(program, command).find(
        ({ required, short, long }) => required && (word === short || word === long),
      );
    else if (command === undefined) command = word;
    else given = [...given, word];
  }
  return { command, given, previous, isAfterDashes: false };
}

const commandOf = (program: Command, name: string | undefined): Command | undefined =>
  program.commands.find((command) => command.name() === name);

const optionsOf = (program: Command, command: string | undefined): readonly Option[] => [
  ...(commandOf(program, command)?.options ?? []),
  ...program.options,
];

const flagsOf = (program: Command, command: string | undefined): readonly Candidate[] => [
  ...optionsOf(program, command).flatMap(({ short, long, description: text, hidden }) =>
    hidden ? [] : [short, long].flatMap((word) => (word ? [{ word, text }] : [])),
  ),
  { word: '-h', text: 'print help' },
  { word: '--help', text: 'print help' },
];

const verbs = (program: Command): readonly Candidate[] => [
  ...program.commands.map((command) => ({ word: command.name(), text: command.summary() })),
  { word: 'help', text: 'print help, also for a command' },
];

const wordsOf = (words: readonly string[]): readonly Candidate[] => words.map((word) => ({ word }));

const prefixed = (prefix: string, { candidates, also }: Completion): Completion => ({
  candidates: candidates.map(({ word }) => ({ word: prefix + word })),
  also,
});

/** By the name of its value, unless it takes one of a few words. */
function valuesOf({ argChoices, flags }: Option, scenarios: readonly string[]): Completion {
  if (argChoices) return { candidates: wordsOf(argChoices), also: 'nothing' };
  if (flags.endsWith('<scenario>')) return { candidates: wordsOf(scenarios), also: 'files' };
  if (flags.endsWith('<file>')) return { candidates: [], also: 'files' };
  return flags.endsWith('<cmd>') ? { candidates: [], also: 'commands' } : nothing;
}

function argumentsOf(program: Command, name: string, index: number, current: string): Completion {
  if (name === 'help') return { candidates: index === 0 ? verbs(program).slice(0, -1) : [], also: 'nothing' };
  const all: readonly Argument[] = commandOf(program, name)?.registeredArguments ?? [];
  const argument = all[index] ?? all.find(({ variadic }) => variadic);
  if (argument?.argChoices) return { candidates: wordsOf(argument.argChoices), also: 'nothing' };
  if (argument?.name() === 'path') return { candidates: wordsOf(pathsAt(current)), also: 'nothing' };
  if (argument?.name() === 'directory')
    return { candidates: wordsOf(pathsAt(current).filter((path) => path.endsWith('/'))), also: 'nothing' };
  return nothing;
}

/** The paths in the directory that is being typed, those of directories with a slash at their end. */
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

/** Writes a completion as the scripts below read it: what else there is, and then a line for each candidate. */
export async function writeCompletions(program: Command, words: readonly string[], stdout: Output): Promise<number> {
  const scenarios = words.some((word) => word.startsWith('--scenario'))
    ? Object.keys((await import('../emulator/index.js')).scenarios)
    : [];
  const { candidates, also } = complete(program, words, scenarios);
  await stdout.write([also, ...candidates.map(({ word, text = '' }) => `${word}\t${text}`)].join('\n').concat('\n'));
  return exitCodes.done;
}

/** Completion scripts; each asks `imds __complete` for what may stand at the cursor. */
export const scripts = {
  bash: `# Completion of imds for bash. To use it: source <(imds completion bash)
_imds() {
  local current=\${COMP_WORDS[COMP_CWORD]} also word
  COMPREPLY=()
  {
    read -r also
    # What stands before = is a word of its own in bash.
    while IFS=$'\\t' read -r word _; do COMPREPLY+=("\${word#--*=}"); done
  } < <(imds __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $also in
    files) COMPREPLY+=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null ;;
    commands) COMPREPLY+=($(compgen -A command -A file -- "$current")) ;;
  esac
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _imds imds
`,
  zsh: `#compdef imds
# Completion of imds for zsh. To use it: source <(imds completion zsh), after compinit
_imds() {
  local also word text
  local -a whole parts
  while IFS=$'\\t' read -r word text; do
    if [[ -z $also ]]; then also=$word
    elif [[ $word == */ ]]; then parts+=($word)
    else whole+=("\${word//:/\\\\:}\${text:+:$text}"); fi
  done < <(imds __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  _describe -t words 'imds' whole
  compadd -S '' -a parts
  [[ $also == commands ]] && _command_names -e
  [[ $also != nothing ]] && _files
}
# Autoloaded, the file is the function; sourced, it only defines it.
if [[ $funcstack[1] == _imds ]]; then _imds "$@"; else compdef _imds imds; fi
`,
  fish: `# Completion of imds for fish. To use it: imds completion fish | source
function __imds_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (imds __complete $words[2..-1] "$current" 2>/dev/null)
    printf '%s\\n' $lines[2..-1]
    switch $lines[1]
        case files
            __fish_complete_path "$current"
        case commands
            __fish_complete_command
    end
end
complete -c imds -f -a '(__imds_complete)'
`,
};
