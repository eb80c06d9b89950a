import { Argument } from 'commander';
import { type AddCommand, addCommand, type Help } from '../command.js';
import { scripts } from '../complete.js';
import { oneOf } from '../options.js';

type Shell = keyof typeof scripts;
const shells: readonly Shell[] = ['bash', 'zsh', 'fish'];

const help: Help = {
  summary: 'a completion script for bash, zsh or fish',
  text:
    'Prints a script with which a shell completes commands, options and their values, files, and paths segment by ' +
    'segment. It asks no service.',
  examples: {
    'source <(imds completion bash)': 'in ~/.bashrc; zsh: after compinit',
    'imds completion fish > ~/.config/fish/completions/imds.fish': 'once',
  },
};

/** `imds completion SHELL` */
export const completion: AddCommand = (program, run) => {
  addCommand(program, 'completion', help)
    .addArgument(new Argument('<shell>', 'which shell').choices(shells).argParser(oneOf('completion', shells)))
    .action(run(({ io }, shell: Shell) => io.stdout.write(scripts[shell])));
};
