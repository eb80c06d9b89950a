import type { Command, Option } from 'commander';
import { rows } from '../metadata/lookup.js';
import { exitCodes } from './exit-codes.js';
import type { Output } from './io.js';
import { shortPath } from './values.js';

export interface Completion {
  /** Words, and what they mean. */
  readonly candidates: readonly { readonly word: string; readonly text?: string }[];
  /** Candidates that the shell finds itself. */
  readonly also: 'nothing' | 'files' | 'commands';
}

const wordsOf = (words: readonly string[], also: Completion['also'] = 'nothing'): Completion => ({
  candidates: words.map((word) => ({ word })),
  also,
});
const nothing = wordsOf([]);

/**
 * Completes the last word, which may be empty or typed in part.
 *
 * @param words those behind `imds`
 * @param scenarios the names that `--scenario` takes beside files
 */
export function complete(program: Command, words: readonly string[], scenarios: readonly string[] = []): Completion {
  // Bash makes words of their own of = and :.
  const joined = words
    .join('\n')
    .replace(/\n:\n?/g, ':')
    .replace(/\n=(\n|$)/g, '\n');
  const typed = joined.split('\n');
  const { candidates, also } = completed(program, typed, scenarios);
  return { candidates: candidates.filter(({ word }) => word.startsWith(typed.at(-1) ?? '')), also };
}

function completed(program: Command, typed: readonly string[], scenarios: readonly string[]): Completion {
  const [before, current = ''] = [typed.slice(0, -1), typed.at(-1)];
  const dashes = before.indexOf('--');
  if (dashes >= 0) return wordsOf([], dashes === before.length - 1 ? 'commands' : 'files');
  const isCalled = (name: string) => (option: Option) => name === option.long || name === option.short;
  const takesValue = (word = '', options = program.options) =>
    options.find((option) => option.required && isCalled(word)(option));
  const argumentsIn = (options?: readonly Option[]): readonly string[] =>
    before.filter((word, at) => !word.startsWith('-') && !takesValue(before[at - 1], options));
  const command = program.commands.find((each) => each.name() === argumentsIn()[0]);
  const options = [...(command?.options ?? []), ...program.options];
  const [name, ...given] = argumentsIn(options);

  const previous = takesValue(before.at(-1), options);
  if (previous) return valuesOf(previous, scenarios);
  const [, flag = ''] = /^(--[\w-]+)=/.exec(current) ?? [];
  const inWord = options.find(isCalled(flag));
  if (inWord) {
    const { candidates, also } = valuesOf(inWord, scenarios);
    return { candidates: candidates.map(({ word }) => ({ word: `${flag}=${word}` })), also };
  }
  if (current.startsWith('-')) return { ...nothing, candidates: flagsOf(program, command) };
  const verbs = program.commands.map((each) => ({ word: each.name(), text: each.summary() }));
  if (name === undefined)
    return { ...nothing, candidates: [...verbs, { word: 'help', text: 'print help, also for a command' }] };
  if (name === 'help' && given.length === 0) return { ...nothing, candidates: verbs };
  return command ? argumentsOf(command, given.length, current) : nothing;
}

/** Those that the help shows. */
function flagsOf(program: Command, command = program): Completion['candidates'] {
  const help = program.createHelp();
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  return options.flatMap(({ short, long, description: text }) =>
    [short, long].flatMap((word) => (word ? [{ word, text }] : [])),
  );
}

/** By the name of its value, unless it takes one of a few words. */
function valuesOf({ argChoices, flags }: Option, scenarios: readonly string[]): Completion {
  if (argChoices) return wordsOf(argChoices);
  if (flags.endsWith('<scenario>')) return wordsOf(scenarios, 'files');
  return wordsOf([], flags.endsWith('<file>') ? 'files' : flags.endsWith('<cmd>') ? 'commands' : 'nothing');
}

function argumentsOf({ registeredArguments: all }: Command, index: number, current: string): Completion {
  const argument = all[index] ?? all.find(({ variadic }) => variadic);
  if (argument?.argChoices) return wordsOf(argument.argChoices);
  if (argument?.name() === 'file') return wordsOf([], 'files');
  if (argument?.name() === 'path') return wordsOf(pathsAt(current));
  return argument?.name() === 'directory' ? wordsOf(pathsAt(current).filter((path) => path.endsWith('/'))) : nothing;
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
