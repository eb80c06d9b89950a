import type { Flag, Verb, Vocabulary } from './vocabulary.js';

/** What makes the completion script of each shell. */
export const completions = { bash, zsh, fish };

/** A shell that there is a completion script for. */
export type Shell = keyof typeof completions;

const namesOf = (flags: readonly Flag[]): string[] =>
  flags.flatMap(({ short, long }) => (short === undefined ? [long] : [short, long]));

const indented = (text: string, spaces: number): string => text.replace(/^(?=.)/gm, ' '.repeat(spaces));

/** Bash has neither descriptions nor a notion of paths that are no files, so the script walks segments itself. */
function bash({ flags, verbs, paths }: Vocabulary): string {
  const all = [...flags, ...verbs.flatMap((verb) => verb.flags)];
  const valued = [...new Set(namesOf(all.filter(({ takesValue }) => takesValue)))];
  const chosen = all.filter(({ choices }) => choices.length > 0);
  const reply = (words: readonly string[]): string => `COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$cur"))`;
  const argumentsOf = ({ takes }: Verb): string => {
    if (takes === 'path') return '_imds_paths "$cur" ""';
    if (takes === 'directory') return '_imds_paths "$cur" /';
    if (takes === 'none') return ':';
    return takes === 'command' ? 'COMPREPLY=($(compgen -A command -A file -- "$cur"))' : reply(takes);
  };
  return `# Completion of imds for bash. To use it: source <(imds completion bash)

_imds_paths() {
  local cur=$1 end=$2 directory='' path
  [[ $cur == */* ]] && directory=\${cur%/*}/
  for path in ${paths.join(' ')}; do
    # The names of this directory, but not what is below them.
    if [[ $path == "$cur"*"$end" && $path != "$directory" && \${path#"$directory"} != */?* ]]; then COMPREPLY+=("$path"); fi
  done
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]]; then compopt -o nospace 2>/dev/null; fi
}

_imds() {
  local cur=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      --) COMPREPLY=($(compgen -A command -A file -- "$cur")); return ;;
      ${valued.join('|')}) ((i++)) ;;
      -*) ;;
      *) [[ -z $command ]] && command=$word ;;
    esac
  done
  case $previous in
${chosen.map(({ long, choices }) => `    ${long}) ${reply(choices)}; return ;;`).join('\n')}
    ${valued.join('|')}) return ;;
  esac
  if [[ $cur == -* ]]; then
    case $command in
${verbs.map((verb) => `      ${verb.name}) ${reply(namesOf([...verb.flags, ...flags]))} ;;`).join('\n')}
      *) ${reply(namesOf(flags))} ;;
    esac
    return
  fi
  case $command in
    '') ${reply(verbs.map(({ name }) => name))} ;;
${verbs.map((verb) => `    ${verb.name}) ${argumentsOf(verb)} ;;`).join('\n')}
  esac
}

complete -F _imds imds
`;
}

function zsh({ flags, verbs, paths }: Vocabulary): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const described = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&');
  const specs = (list: readonly Flag[]): string[] =>
    list.map(({ short, long, text, takesValue, choices }) => {
      const value = takesValue ? `:value:${choices.length > 0 ? `(${choices.join(' ')})` : ' '}` : '';
      const body = `[${described(text)}]${value}`;
      if (short === undefined) return quoted(`${long}${takesValue ? '=' : ''}${body}`);
      return `${quoted(`(${short} ${long})`)}{${short},${long}}${quoted(body)}`;
    });
  const rest = ({ takes }: Verb): string[] => {
    if (takes === 'none') return [];
    if (takes === 'path') return [quoted('*:path:_imds_paths')];
    if (takes === 'directory') return [quoted('1:directory:_imds_directories')];
    if (takes === 'command') return [quoted('1:command:_command_names -e'), quoted('*:argument:_files')];
    return [quoted(`1:word:(${takes.join(' ')})`)];
  };
  const lines = (words: readonly string[], spaces: number): string => indented(words.join(' \\\n'), spaces);
  return `#compdef imds
# Completion of imds for zsh. To use it: source <(imds completion zsh), after compinit

_imds_all=(
${indented(paths.join('\n'), 2)}
)
_imds_paths() { _multi_parts / _imds_all }
_imds_directories() {
  local -a directories=(\${(M)_imds_all:#*/})
  _multi_parts / directories
}

_imds() {
  local context state state_descr line curcontext=$curcontext
  typeset -A opt_args
  local -a commands global
  commands=(
${verbs.map(({ name, text }) => `    ${quoted(`${name}:${described(text)}`)}`).join('\n')}
  )
  global=(
${indented(specs(flags).join('\n'), 4)}
  )
  _arguments -C -S $global '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe -t commands 'imds command' commands ;;
    argument)
      case $words[1] in
${verbs.map((verb) => `        ${verb.name})\n          _arguments -S $global \\\n${lines([...specs(verb.flags), ...rest(verb)], 12)}\n          ;;`).join('\n')}
      esac
      ;;
  esac
}

# Autoloaded, the file is the function; sourced, it only defines it.
if [[ $funcstack[1] == _imds ]]; then _imds "$@"; else compdef _imds imds; fi
`;
}

function fish({ flags, verbs, paths }: Vocabulary): string {
  const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const without = `not __fish_seen_subcommand_from ${verbs.map(({ name }) => name).join(' ')}`;
  const option = (condition: string, { short, long, text, takesValue, choices }: Flag): string =>
    [
      `complete -c imds${condition}`,
      ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
      `-l ${long.slice(2)}`,
      ...(takesValue ? [`-x`] : []),
      ...(choices.length > 0 ? [`-a ${quoted(choices.join(' '))}`] : []),
      `-d ${quoted(text)}`,
    ].join(' ');
  const argumentsOf = ({ takes }: Verb): string | undefined => {
    if (takes === 'none') return undefined;
    if (takes === 'path') return '(__imds_paths)';
    if (takes === 'directory') return "(__imds_paths | string match '*/')";
    return takes === 'command' ? '(__fish_complete_subcommand --fcs-skip=2)' : takes.join(' ');
  };
  const commands = verbs.flatMap((verb) => {
    const condition = ` -n ${quoted(`__fish_seen_subcommand_from ${verb.name}`)}`;
    const words = argumentsOf(verb);
    return [
      `complete -c imds -n ${quoted(without)} -a ${verb.name} -d ${quoted(verb.text)}`,
      ...(words === undefined ? [] : [`complete -c imds${condition} -a ${quoted(words)}`]),
      ...verb.flags.map((flag) => option(condition, flag)),
    ];
  });
  return `# Completion of imds for fish. To use it: imds completion fish | source

function __imds_paths
    # The names of the directory that is being typed, but not what is below them.
    set -l directory (string replace -r '[^/]*$' '' -- (commandline -ct))
    for path in ${paths.join(' ')}
        if string match -qr '^'(string escape --style=regex -- $directory)'[^/]+/?$' -- $path
            echo $path
        end
    end
end

complete -c imds -f
${flags.map((flag) => option('', flag)).join('\n')}
${commands.join('\n')}
`;
}
