import { command } from '../command.js';
import { scripts } from '../complete.js';

export const completion = command({
  summary: 'a completion script for bash, zsh or fish',
  text:
    'Prints a script with which a shell completes commands, options and their values, files, and paths segment by ' +
    'segment. It asks no service.',
  examples: {
    'source <(imds completion bash)': 'in ~/.bashrc; zsh: after compinit',
    'imds completion fish > ~/.config/fish/completions/imds.fish': 'once',
  },
  argument: { '<shell>': ['bash, zsh or fish', ['bash', 'zsh', 'fish']] },
  run: ({ io }, _options, shell) => io.stdout.write(scripts[shell]),
});
