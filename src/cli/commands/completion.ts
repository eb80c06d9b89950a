import { command } from '../command.js';

/** Completion scripts; each calls `imds __complete` for the candidates at the cursor. */
const scripts = {
  bash: `# Completion of imds for bash. To use it: source <(imds completion bash)
_imds() {
  local current=\${COMP_WORDS[COMP_CWORD]} also word
  COMPREPLY=()
  {
    read -r also
    # Bash treats the text before = as a separate word.
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

export const completion = command({
  summary: 'a completion script for bash, zsh or fish',
  text:
    'Prints a script with which a shell completes commands, options and their values, files, and paths segment by ' +
    'segment. It sends no request.',
  examples: {
    'source <(imds completion bash)': 'in ~/.bashrc; zsh: after compinit',
    'imds completion fish > ~/.config/fish/completions/imds.fish': 'once',
  },
  argument: { '<shell>': ['bash, zsh or fish', ['bash', 'zsh', 'fish']] },
  run: ({ io }, _options, shell) => io.stdout.write(scripts[shell]),
});
