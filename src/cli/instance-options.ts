import type { ControlOptions, Scenario } from '../emulator/index.js';
import type { Given, Options } from './command.js';
import { codeOf, exitCodes, Failure, failWith, misuse } from './exit-codes.js';
import type { Io } from './io.js';
import { aNumber, refuse, wholeNumber } from './options.js';

/** The options for the emulated instance, and what happens to it. */
export const instanceOptions = {
  '--scenario <scenario>': 'the instance and what happens to it: a name from --list, or a file; - for standard input',
  '--speed <n>': ["how fast the emulator's clock runs; at 0 it stands still (1)", aNumber('a number', 0, 1_000_000)],
  '--http-tokens <state>': [
    'optional or required: whether reads need a session token (optional)',
    ['optional', 'required'],
  ],
  '--http-endpoint <state>': ['enabled, or disabled: everything is refused (enabled)', ['enabled', 'disabled']],
  '--http-put-response-hop-limit <n>': [
    'hops that the reply with a session token can travel (1)',
    wholeNumber('a number of hops', 1, 64),
  ],
  '--http-protocol-ipv6 <state>': ['enabled, or disabled: IPv6 callers are cut off (enabled)', ['enabled', 'disabled']],
  '--instance-metadata-tags <state>': ['enabled, or disabled: there is no tags/ (enabled)', ['enabled', 'disabled']],
  '--sign-identity': 'signs the identity document with a generated key, in all its forms',
  '--certificate-out <file>': 'writes the certificate of that key to a file, in PEM, before anything else',
} as const satisfies Options;

export const panelOption = { '--panel': 'shows its control panel in the browser; implies --control' } as const;

/** Converts the options above to those of an emulator. */
export async function instanceOf({ certificateOut, scenario, ...given }: Given<typeof instanceOptions>, io: Io) {
  if (certificateOut !== undefined && !given.signIdentity)
    throw misuse('--certificate-out needs --sign-identity: without it there is no certificate');
  return { ...given, ...(scenario !== undefined && { scenario: await scenarioOf(scenario, io) }) };
}

/** Parses where the control service listens: a port, or an address and a port. */
export function controlAt(text: string, flag: string): ControlOptions {
  const [, host, digits] = /^(?:\[?(.+?)\]?:)?(\d+)$/.exec(text) ?? [];
  const port = Number(digits);
  return port <= 65535 ? { host, port } : refuse(flag, text, 'a port, 0 to 65535, or ADDRESS:PORT');
}

/** A built-in scenario by its name, or one from a file. */
async function scenarioOf(name: string, io: Io): Promise<Scenario> {
  const { parseScenario, scenarios } = await import('../emulator/index.js');
  const ready = new Map<string, Scenario>(Object.entries(scenarios));
  const found = ready.get(name);
  if (found) return found;
  const text = await read(name, io, [...ready.keys()]);
  try {
    return parseScenario(text);
  } catch (error) {
    throw error instanceof Error && codeOf(error) === 'ERR_EMULATOR_OPTION'
      ? misuse(`--scenario ${name}: ${error.message}`)
      : error;
  }
}

async function read(name: string, io: Io, ready: readonly string[]): Promise<string> {
  if (name === '-') return await (await import('node:stream/consumers')).text(io.stdin());
  const { readFile } = await import('node:fs/promises');
  return await readFile(name, 'utf8').catch((error) => {
    if (codeOf(error) !== 'ENOENT') return failWith(`--scenario ${name} cannot be read`, exitCodes.usage)(error);
    throw new Failure(exitCodes.usage, `--scenario ${name}: there is neither a scenario nor a file of this name`, {
      choice: { given: name, accepted: ready },
      hint: 'imds emulate --list shows all',
    });
  });
}
