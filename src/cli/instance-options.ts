import type { Command, Option } from 'commander';
import type { ControlOptions, Scenario } from '../emulator/index.js';
import { codeOf, exitCodes, Failure, misuse } from './exit-codes.js';
import type { Io } from './io.js';
import { aNumber, choice, wholeNumber } from './options.js';

/** Adds the options that say what instance is emulated, and what happens to it. */
export const addInstanceOptions = (command: Command): Command =>
  command
    .option(
      '--scenario <scenario>',
      'what the instance is, and what happens to it: a name of --list, or a file; - for standard input',
    )
    .option('--speed <n>', "how fast the emulator's clock runs (1)", aNumber('--speed', 0.001, 1_000_000))
    .addOption(state('--http-tokens', 'required: reads need a session token', ['optional', 'required']))
    .addOption(state('--http-endpoint', 'disabled: everything is refused', ['enabled', 'disabled']))
    .option(
      '--http-put-response-hop-limit <n>',
      'hops that the reply with a session token travels (1)',
      wholeNumber('--http-put-response-hop-limit', 'a number of hops', 1, 64),
    )
    .addOption(state('--http-protocol-ipv6', 'disabled: IPv6 callers are cut off', ['enabled', 'disabled']))
    .addOption(state('--instance-metadata-tags', 'disabled: there is no tags/', ['enabled', 'disabled']))
    .option('--sign-identity', 'signs the identity document with a key of its own, in all its forms')
    .option('--certificate-out <file>', 'writes the certificate of that key to a file, in PEM, before anything else');

const state = <Word extends string>(flag: string, text: string, words: readonly Word[]): Option =>
  choice(`${flag} <state>`, text, words);

/** What the options of `addInstanceOptions` say of the certificate. */
export interface CertificateOptions {
  readonly signIdentity?: true;
  readonly certificateOut?: string | undefined;
}

export function checkCertificateOut({ signIdentity, certificateOut }: CertificateOptions): void {
  if (certificateOut !== undefined && !signIdentity)
    throw misuse('--certificate-out needs --sign-identity: without it there is no certificate');
}

/** Reads where the control service listens: a port, or an address and a port. */
export function controlAt(text: string): ControlOptions {
  const [, host, port = text] = /^\[?(.+?)\]?:(\d+)$/.exec(text) ?? [];
  return { host, port: wholeNumber('--control', 'a port', 0, 65535)(port) };
}

/** A ready scenario by its name, or one that is read. */
export async function scenarioOf(name: string, io: Io): Promise<Scenario> {
  const { parseScenario, scenarios } = await import('../emulator/index.js');
  const ready: Readonly<Record<string, Scenario>> = scenarios;
  const found = Object.hasOwn(ready, name) ? ready[name] : undefined;
  if (found !== undefined) return found;
  const text = await read(name, io, Object.keys(ready));
  try {
    return parseScenario(text);
  } catch (error) {
    throw error instanceof Error && codeOf(error) === 'ERR_EMULATOR_OPTION'
      ? misuse(`--scenario ${name}: ${error.message}`)
      : error;
  }
}

async function read(name: string, io: Io, ready: readonly string[]): Promise<string> {
  if (name === '-') {
    const { text } = await import('node:stream/consumers');
    return await text(io.stdin());
  }
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(name, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT') throw misuse(`--scenario ${name} cannot be read: ${code}`);
    throw new Failure(exitCodes.usage, `--scenario ${name}: there is neither a scenario nor a file of this name`, {
      choice: { given: name, accepted: ready },
      hint: 'imds emulate --list shows all',
    });
  }
}
