import { Option } from 'commander';
import type { Emulator, EmulatorOptions } from '../../emulator/index.js';
import { type AddCommand, withExamples } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { codeOf, Failure, misuse } from '../failure.js';
import type { Signals } from '../io.js';
import { oneOf, wholeNumber } from '../option-values.js';

// The port of AWS's own mock.
const usualPort = 1338;

/** `imds emulate [-- CMD…]` */
export const emulate: AddCommand = (program, run) => {
  program
    .command('emulate')
    .summary('an instance metadata service to try things with')
    .description(
      withExamples(
        'Runs an emulator of the instance metadata service, whose instance has every category, until Ctrl-C. With a ' +
          'command after --, runs that command against an emulator on a free port, and leaves with its exit code.',
        {
          'imds emulate --http-tokens required': 'IMDSv2 only, on port 1338',
          'imds emulate -- imds list -r': 'a tree to look at',
          'imds emulate --hops 1 -- npm test': 'as in a container that the session token does not reach',
        },
      ),
    )
    .argument('[command...]', 'what to run, after --')
    .option(
      '--port <n>',
      `port to listen on (${usualPort}; with a command a free one)`,
      wholeNumber('--port', 'a port', 0, 65535),
    )
    .option('--host <address>', 'address to listen on; any but loopback lets the network in (127.0.0.1)')
    .addOption(choice('--http-tokens', 'required: reads need a session token', ['optional', 'required']))
    .addOption(choice('--http-endpoint', 'disabled: everything is refused', ['enabled', 'disabled']))
    .option(
      '--http-put-response-hop-limit <n>',
      'hops that the reply with a session token travels (1)',
      wholeNumber('--http-put-response-hop-limit', 'a number of hops', 1, 64),
    )
    .option(
      '--hops <n>',
      'routers between the callers and the instance: 1 as in a container (0)',
      wholeNumber('--hops', 'a number of routers', 0, 64),
    )
    .addOption(choice('--http-protocol-ipv6', 'disabled: IPv6 callers are cut off', ['enabled', 'disabled']))
    .addOption(choice('--instance-metadata-tags', 'disabled: there is no tags/', ['enabled', 'disabled']))
    .action(
      run(async ({ io }, [name, ...args]: readonly string[], given: EmulatorOptions) => {
        const emulator = await start({ port: name === undefined ? usualPort : 0, ...given });
        try {
          if (name !== undefined) {
            const { runProgram } = await import('../child.js');
            return await runProgram(name, args, emulator.env, io);
          }
          const stopped = stopSignal(io.signals);
          await io.stdout.write(`export AWS_EC2_METADATA_SERVICE_ENDPOINT=${emulator.url}\n`);
          await io.stderr.write(
            `imds: the emulator is running; the line above points AWS tools to it, Ctrl-C ends it\n`,
          );
          // Ctrl-C interrupts, as everywhere; SIGTERM is how a service is stopped, and no failure.
          return (await stopped) === 'SIGINT' ? exitCodes.interrupted : exitCodes.done;
        } finally {
          await emulator.close();
        }
      }),
    );
};

const choice = <Word extends string>(flag: string, text: string, words: readonly Word[]): Option =>
  new Option(`${flag} <state>`, text).choices(words).argParser(oneOf(flag, words));

async function start(options: EmulatorOptions): Promise<Emulator> {
  const { createEmulator } = await import('../../emulator/index.js');
  try {
    return await createEmulator(options);
  } catch (error) {
    const code = codeOf(error);
    if (!(error instanceof Error) || code === undefined) throw error;
    if (code === 'ERR_EMULATOR_OPTION') throw misuse(error.message);
    const { host = '127.0.0.1', port } = options;
    throw new Failure(exitCodes.failure, `cannot listen on ${host}, port ${port}: ${code}`, {
      hint: code === 'EADDRINUSE' ? '--port 0 takes a free one' : undefined,
      cause: error,
    });
  }
}

/** The first signal that asks for the end. */
function stopSignal(signals: Signals): Promise<'SIGINT' | 'SIGTERM'> {
  return new Promise((resolve) => {
    const onInterrupt = (): void => end('SIGINT');
    const onTermination = (): void => end('SIGTERM');
    const end = (name: 'SIGINT' | 'SIGTERM'): void => {
      signals.off('SIGINT', onInterrupt);
      signals.off('SIGTERM', onTermination);
      resolve(name);
    };
    signals.on('SIGINT', onInterrupt);
    signals.on('SIGTERM', onTermination);
  });
}
