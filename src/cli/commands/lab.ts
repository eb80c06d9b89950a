import { resolve } from 'node:path';
import { Option } from 'commander';
import type { EmulatorOptions } from '../../emulator/index.js';
import { type LabOptions, type Place, places, type Trouble, troubles } from '../../lab/plan.js';
import { type AddCommand, addCommand, type Context, type Help } from '../command.js';
import { exitCodes, Failure, misuse } from '../exit-codes.js';
import { addInstanceOptions, type CertificateOptions, checkCertificateOut, scenarioOf } from '../instance-options.js';
import { onSignals } from '../io.js';
import { choice, wholeNumber } from '../options.js';
import { say } from '../output.js';
import { panelOption, showPanel } from '../panel.js';

interface Given extends Omit<EmulatorOptions, 'scenario' | 'control' | 'signIdentity'>, CertificateOptions {
  readonly control?: true | number;
  readonly panel?: true;
  readonly in?: Place;
  readonly hopLimit?: number;
  readonly trouble?: Trouble;
  readonly internet?: true;
  readonly scenario?: string;
}

const help: Help = {
  summary: 'IMDS at its real address, with a real hop limit',
  text:
    'Runs a command, or a shell, where an emulator answers at the real addresses of the instance metadata service, and ' +
    'where the reply with a session token dies after as many hops as HttpPutResponseHopLimit says. It needs Linux, ' +
    'but neither root nor Docker. Nothing leaves this machine, and nothing of the lab stays when the command ends.',
  examples: {
    'imds lab': 'a shell in a container, hop limit 1',
    'imds lab -- imds doctor': 'why no token arrives, and what helps',
    'imds lab --hop-limit 2 -- npm test': 'the same container, where tokens arrive',
    'imds lab --in host --trouble drop -- ./app': 'behind a firewall',
  },
};

/** `imds lab [-- CMD…]` */
export const lab: AddCommand = (program, run) => {
  const command = addCommand(program, 'lab', help)
    .argument('[command...]', 'what to run, after --; without it a shell')
    .addOption(choice('--in <place>', 'where the command runs: 1, 2 or 3 hops from IMDS (container)', places))
    .option(
      '--hop-limit <n>',
      'short for --http-put-response-hop-limit',
      wholeNumber('--hop-limit', 'a number of hops', 1, 64),
    )
    .addOption(choice('--trouble <kind>', 'what else keeps the command from IMDS', troubles))
    .option(
      '--control [port]',
      'serves requests that change the lab while it runs, on loopback here and inside (a free port)',
      wholeNumber('--control', 'a port', 0, 65535),
    )
    .option(...panelOption)
    .option('--internet', 'lets the command reach the Internet too, by pasta');
  addInstanceOptions(command);
  for (const [flags, hint] of Object.entries(settled)) command.addOption(refused(flags, hint));
  command.action(
    run(
      async (
        context,
        words: readonly string[],
        { in: place, hopLimit, trouble, internet, panel, control = panel, certificateOut, ...given }: Given,
      ) => {
        const { io } = context;
        if (words.length === 0 && !io.stdinIsTTY) {
          throw misuse('imds lab needs a terminal, or a command after --', 'imds lab -- sh -s runs standard input');
        }
        checkCertificateOut({ ...given, certificateOut });
        const { scenario, httpPutResponseHopLimit = hopLimit, ...instance } = given;
        const emulator = {
          ...instance,
          httpPutResponseHopLimit,
          ...(scenario === undefined ? {} : { scenario: await scenarioOf(scenario, io) }),
        };
        return await start(
          {
            place: place ?? 'container',
            trouble,
            internet: internet ?? false,
            control: control === true ? 0 : control,
            command: words,
            env: environment(io.env),
            emulator,
            certificateOut: certificateOut && resolve(certificateOut),
          },
          { isVerbose: program.opts<{ verbose?: true }>().verbose ?? false, hasPanel: panel ?? false },
          context,
        );
      },
    ),
  );
};

/** Options of `imds emulate` that the lab settles by itself. */
const settled = {
  '--hops <n>': '--in says where the command runs',
  '--host <address>': undefined,
  '--port <n>': undefined,
};

const refused = (flags: string, hint: string | undefined): Option =>
  new Option(flags).hideHelp().argParser(() => {
    throw misuse(`imds lab has no ${flags.replace(/ .*/, '')}: addresses, port and distance are the real ones`, hint);
  });

/** The environment of the command, without what would lead it away from the addresses of IMDS. */
function environment(env: LabOptions['env']): LabOptions['env'] {
  const { AWS_EC2_METADATA_SERVICE_ENDPOINT: _endpoint, AWS_EC2_METADATA_DISABLED: _disabled, ...rest } = env;
  return rest;
}

async function start(
  options: LabOptions,
  { isVerbose, hasPanel }: { isVerbose: boolean; hasPanel: boolean },
  { io, paintStderr }: Context,
): Promise<number> {
  const { runLab, LabError } = await import('../../lab/index.js');
  await checkProgram(options);
  const { requestLog } = await import('../request-log.js');
  const log = isVerbose ? requestLog((data) => io.stderr.write(data), paintStderr) : undefined;
  try {
    return await runLab(options, {
      isAtTerminal: io.stdinIsTTY,
      onSignals: (names, heard) => onSignals(io, names, heard),
      onRequest: log?.request,
      onEvent: log?.event,
      onControl: hasPanel ? (url) => showPanel(url, io) : undefined,
      say: (line) => say(io, line),
    });
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    throw new Failure(exitCodes.usage, error.message, { hint: error.hint, cause: error });
  }
}

/** Looks for the program beforehand: in the lab its absence would be told by the tool that enters the place. */
async function checkProgram({ command: [name], env }: LabOptions): Promise<void> {
  if (name === undefined) return;
  const [{ find, isProgram }, { existsSync }] = await Promise.all([import('../../lab/index.js'), import('node:fs')]);
  const file = name.includes('/') ? name : find(name, env['PATH'] ?? '/usr/bin:/bin');
  if (file === undefined || !existsSync(file)) throw new Failure(127, `there is no program ${name}`);
  if (!isProgram(file)) throw new Failure(126, `${name} cannot be run: EACCES`);
}
