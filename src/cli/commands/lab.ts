import { resolve } from 'node:path';
import { type LabOptions, places, troubles } from '../../lab/plan.js';
import { command } from '../command.js';
import { exitCodes, Failure, misuse } from '../exit-codes.js';
import { instanceOf, instanceOptions, panelOption } from '../instance-options.js';
import { onSignals } from '../io.js';
import { oneOfThese } from '../layout.js';
import { wholeNumber } from '../options.js';
import { say } from '../output.js';
import { showPanel } from '../panel.js';

/** For options of `imds emulate` that the lab sets itself. */
const settled =
  (hint?: string) =>
  (_text: string, flag: string): never => {
    throw misuse(`imds lab has no ${flag}: addresses, port and distance are the real ones`, hint);
  };

export const lab = command({
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
  argument: { '[command...]': 'what to run, after --; default: a shell' },
  options: {
    '--in <place>': [`where the command runs: ${oneOfThese(places)}, 1, 2 or 3 hops from IMDS (container)`, places],
    '--hop-limit <n>': [
      'short for --http-put-response-hop-limit',
      wholeNumber('a number of hops', 1, 64),
      'httpPutResponseHopLimit',
    ],
    '--trouble <kind>': [`what else blocks the command from IMDS: ${oneOfThese(troubles)}`, troubles],
    '--control [port]': [
      'serves requests that change the lab while it runs, on loopback here and inside (a free port)',
      wholeNumber('a port', 0, 65535),
    ],
    ...panelOption,
    '--internet': 'lets the command reach the Internet, through pasta',
    ...instanceOptions,
    '--hops <n>': ['', settled('--in says where the command runs')],
    '--host <address>': ['', settled()],
    '--port <n>': ['', settled()],
  },
  async run({ io, paintStderr, globals }, { in: place = 'container', hopLimit, trouble, ...others }, words) {
    const { internet, panel, control = panel, ...given } = others;
    if (words.length === 0 && !io.stdinIsTTY)
      throw misuse('imds lab needs a terminal, or a command after --', 'imds lab -- sh -s runs standard input');
    const { certificateOut, httpPutResponseHopLimit = hopLimit } = given;
    const emulator = await instanceOf({ ...given, httpPutResponseHopLimit }, io);
    const { runLab, LabError } = await import('../../lab/index.js');
    const { requestLog } = await import('../request-log.js');
    // Without the variables that would lead the command away from the addresses of IMDS.
    const env = { ...io.env, AWS_EC2_METADATA_SERVICE_ENDPOINT: undefined, AWS_EC2_METADATA_DISABLED: undefined };
    await checkProgram(words, env);
    const log = globals.verbose ? requestLog((data) => io.stderr.write(data), paintStderr) : undefined;
    try {
      return await runLab(
        {
          place,
          trouble,
          internet: internet ?? false,
          control: control === true ? 0 : control,
          command: words,
          env,
          emulator,
          certificateOut: certificateOut && resolve(certificateOut),
        },
        {
          isAtTerminal: io.stdinIsTTY,
          onSignals: (names, heard) => onSignals(io, names, heard),
          onRequest: log?.request,
          onEvent: log?.event,
          onControl: panel && ((url) => showPanel(url, io)),
          say: (line) => say(io, line),
        },
      );
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      throw new Failure(exitCodes.usage, error.message, { hint: error.hint, cause: error });
    }
  },
});

/** Looks for the program beforehand: in the lab, the tool that enters the place would report its absence. */
async function checkProgram([name]: readonly string[], env: LabOptions['env']): Promise<void> {
  if (name === undefined) return;
  const { find, isProgram } = await import('../../lab/index.js');
  const { existsSync } = await import('node:fs');
  const file = name.includes('/') ? name : find(name, env['PATH'] ?? '/usr/bin:/bin');
  if (file === undefined || !existsSync(file)) throw new Failure(127, `there is no program ${name}`);
  if (!isProgram(file)) throw new Failure(126, `${name} cannot be run: EACCES`);
}
