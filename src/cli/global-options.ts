import { type Command, Option } from 'commander';
import type { Logger } from '../client/events.js';
import type { EndpointMode, ImdsOptions } from '../client/options.js';
import { oneOf, wholeNumber } from './option-values.js';

interface GlobalOptions {
  readonly endpoint?: string;
  readonly endpointMode?: EndpointMode;
  readonly timeout?: number;
  readonly attempts?: number;
  readonly allowV1?: boolean;
  readonly verbose?: boolean;
}

const endpointModes: readonly EndpointMode[] = ['IPv4', 'IPv6'];

/** Adds the options that every command takes, before or after its name. */
export function addGlobalOptions(program: Command): void {
  program
    .option('--endpoint <url>', 'where the service is, such as http://127.0.0.1:1338')
    .addOption(
      new Option('--endpoint-mode <mode>', 'IPv4 or IPv6: which of its well-known addresses')
        .choices(endpointModes)
        .argParser(oneOf('--endpoint-mode', endpointModes))
        .conflicts('endpoint'),
    )
    .option(
      '--timeout <ms>',
      'milliseconds to wait for a connection, and for each answer (1000)',
      wholeNumber('--timeout', 'milliseconds', 1, 2 ** 31 - 1),
    )
    .option(
      '--attempts <n>',
      'attempts for each request (3)',
      wholeNumber('--attempts', 'a number of attempts', 1, 100),
    )
    .option('--allow-v1', 'use IMDSv1 where IMDSv2 is refused, or its token gets lost')
    .option('--verbose', 'say on stderr what is requested and what comes back')
    .option('--no-color', 'no colours, even at a terminal');
}

/** What the options given to a program say to the client. */
export function clientOptions(program: Command, logger: Logger): ImdsOptions {
  const { endpoint, endpointMode, timeout, attempts, allowV1, verbose } = program.opts<GlobalOptions>();
  return {
    endpoint,
    endpointMode,
    connectTimeoutMs: timeout,
    requestTimeoutMs: timeout,
    maxAttempts: attempts,
    allowV1,
    logger: verbose ? logger : undefined,
    // A run reads each value once, and to start fast it must not build what decides how long values are kept.
    cache: false,
  };
}

const flags: Readonly<Record<string, string>> = {
  endpoint: '--endpoint',
  endpointMode: '--endpoint-mode',
  connectTimeoutMs: '--timeout',
  requestTimeoutMs: '--timeout',
  maxAttempts: '--attempts',
  allowV1: '--allow-v1',
};

/** A message of the client, options named as on the command line. */
export const withFlags = (message: string): string =>
  message.replace(/\boption (\w+)/g, (whole, name: string) => flags[name] ?? whole);
