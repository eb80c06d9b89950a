import { Command, Help } from 'commander';
import { version } from '../version.js';
import { type AddCommand, addOptions, type Run, withExamples } from './command.js';
import { exitCodeMeanings } from './exit-codes.js';
import { glossary } from './layout.js';
import { globalOptions } from './options.js';
import type { Paint } from './output.js';

/** Loads each command, by name and in the order of the help: a command line needs the code of only one. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  get: async () => (await import('./commands/get.js')).get,
  list: async () => (await import('./commands/list.js')).list,
  credentials: async () => (await import('./commands/credentials.js')).credentials,
  identity: async () => (await import('./commands/identity.js')).identity,
  network: async () => (await import('./commands/network.js')).network,
  'user-data': async () => (await import('./commands/user-data.js')).userData,
  token: async () => (await import('./commands/token.js')).token,
  watch: async () => (await import('./commands/watch.js')).watch,
  categories: async () => (await import('./commands/categories.js')).categories,
  doctor: async () => (await import('./commands/doctor.js')).doctor,
  emulate: async () => (await import('./commands/emulate.js')).emulate,
  lab: async () => (await import('./commands/lab.js')).lab,
  audit: async () => (await import('./commands/audit.js')).audit,
  record: async () => (await import('./commands/record.js')).record,
  completion: async () => (await import('./commands/completion.js')).completion,
};

const about = 'Reads the metadata of the EC2 instance it runs on, through IMDSv2.';

const environment = {
  AWS_EC2_METADATA_SERVICE_ENDPOINT: 'as --endpoint',
  AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'as --endpoint-mode',
  AWS_METADATA_SERVICE_TIMEOUT: 'as --timeout, but in seconds',
  AWS_METADATA_SERVICE_NUM_ATTEMPTS: 'as --attempts',
  AWS_EC2_METADATA_V1_DISABLED: 'true: never use IMDSv1',
  AWS_EC2_METADATA_DISABLED: 'true: nothing is sent',
  'AWS_PROFILE, AWS_CONFIG_FILE': 'profile and file with settings',
  NO_COLOR: 'as --no-color',
};

interface HelpOutput {
  readonly write: (text: string) => void;
  readonly columns: number;
  readonly paint: Paint;
}

/**
 * The parser. It never ends the process: it throws `CommanderError`, even after it has printed help.
 *
 * @param first the first argument: if it names a command, the parser has only that one, since start-up time counts
 */
export async function createProgram(run: Run, { write, columns, paint }: HelpOutput, first = ''): Promise<Command> {
  const program = new Command('imds')
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({
      writeOut: write,
      writeErr: write,
      // The error is reported where it is caught.
      outputError: () => {},
      getOutHelpWidth: () => columns,
      // `paint` decides whether there are any.
      getOutHasColors: () => true,
    })
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: paint.bold,
      styleCommandDescription: (text) => text.replace(/^Examples:$/m, paint.bold),
      subcommandTerm: (command) => new Help().subcommandTerm(command).replace(' [options]', ''),
      optionDescription: (option) => option.description,
      argumentDescription: (argument) => argument.description,
    })
    .usage('[options] <command>')
    .description(
      withExamples(about, {
        'imds get placement/region': 'one value',
        'imds list -r': 'everything, without secrets',
      }),
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help, also for a command')
    .helpCommand(false)
    .addHelpText('after', () => `\n${appendix(paint)}`);
  addOptions(program, globalOptions);
  for (const name of Object.hasOwn(commands, first) ? [first] : Object.keys(commands))
    (await commands[name]?.())?.(program, name, run);
  // Commander's own takes an unknown command for a missing one.
  program
    .command('help [command]')
    .summary('print help, also for a command')
    .action((name?: string) => {
      const named = name === undefined ? program : program.commands.find((each) => each.name() === name);
      (named ?? program.error(`error: unknown command '${name}'`, { code: 'commander.unknownCommand' })).outputHelp();
    });
  return program;
}

/** One screen of help, for a missing command. */
export function overview(program: Command, { bold }: Paint): string {
  const help = program.createHelp();
  const commands = help
    .visibleCommands(program)
    .map((each) => [help.subcommandTerm(each), help.subcommandDescription(each)]);
  return `${about}\n\n${bold('Commands:')}\n${glossary(Object.fromEntries(commands)).join('\n')}\n
imds --help has options and exit codes; imds <command> --help has examples.\n`;
}

const appendix = ({ bold }: Paint): string =>
  [bold('Exit codes:'), ...glossary(exitCodeMeanings), '', bold('Environment:'), ...glossary(environment)].join('\n');
