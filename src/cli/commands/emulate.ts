import { Option } from 'commander';
import type { Emulator, EmulatorOptions, Scenario } from '../../emulator/index.js';
import { type AddCommand, type Context, withExamples } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { codeOf, Failure, misuse } from '../failure.js';
import type { Io, Output, Signals } from '../io.js';
import { aNumber, oneOf, wholeNumber } from '../option-values.js';

// The port of AWS's own mock.
const usualPort = 1338;

interface Given extends Omit<EmulatorOptions, 'scenario'> {
  readonly scenario?: string;
  readonly list?: true;
  readonly json?: true;
}

/** `imds emulate [-- CMD…]` */
export const emulate: AddCommand = (program, run) => {
  program
    .command('emulate')
    .summary('an instance metadata service to try things with')
    .description(
      withExamples(
        'Runs an emulator of the instance metadata service until Ctrl-C, and tells what it is asked. Its instance has ' +
          'every category, unless a scenario says otherwise. With a command after --, runs that command against an ' +
          'emulator on a free port, and leaves with its exit code.',
        {
          'imds emulate --http-tokens required': 'IMDSv2 only, on port 1338',
          'imds emulate --scenario spot-interruption --speed 60': 'minutes in seconds',
          'imds emulate -- imds list -r': 'a tree to look at',
          'imds emulate --hops 1 -- npm test': 'a container that no session token reaches',
        },
      ),
    )
    .argument('[command...]', 'what to run, after --')
    .option(
      '--scenario <name>',
      'what the instance is, and what happens to it: a name of --list, or a file; - for standard input',
    )
    .option('--list', 'lists the scenarios there are')
    .option('--speed <n>', "how fast the emulator's clock runs (1)", aNumber('--speed', 0.001, 1_000_000))
    .option('--json', 'tells what it is asked in JSON, one object a line, on standard output')
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
      run(async (context, [name, ...args]: readonly string[], { scenario, list, json, ...given }: Given) => {
        const { io } = context;
        if (list) return await listScenarios(context, json);
        const options = { ...given, ...(scenario === undefined ? {} : { scenario: await scenarioOf(scenario, io) }) };
        if (name === undefined) return await serve({ port: usualPort, ...options }, json, context);
        if (json) throw misuse('--json and a command would both write to standard output');
        const emulator = await start({ port: 0, ...options });
        try {
          const { runProgram } = await import('../child.js');
          return await runProgram(name, args, emulator.env, io);
        } finally {
          await emulator.close();
        }
      }),
    );
};

/** Runs until it is told to stop, or nobody reads any more what it tells. */
async function serve(options: EmulatorOptions, json: true | undefined, { io, paintStderr }: Context): Promise<number> {
  const { jsonLog, requestLog } = await import('../request-log.js');
  const begun = promised<void>();
  const unread = promised<never>();
  // It may be rejected before anybody waits for it.
  unread.promise.catch(() => {});
  /** What happens at once is told after where the emulator is. */
  const later = (output: Output): Output => ({
    isTTY: output.isTTY,
    get columns() {
      return output.columns;
    },
    write: (data) => begun.promise.then(() => output.write(data)),
  });
  const log = json
    ? jsonLog((line) => void later(io.stdout).write(line).catch(unread.reject))
    : requestLog(later(io.stderr), paintStderr, io.stderr.isTTY && io.env['TERM'] !== 'dumb');
  const emulator = await start({ ...options, onRequest: log.request, onEvent: log.event });
  try {
    const stopped = stopSignal(io.signals);
    const { url, urls, env } = emulator;
    if (json) {
      await io.stdout.write(`${JSON.stringify({ type: 'started', url, urls, env, options: emulator.options })}\n`);
    } else {
      await io.stdout.write(`export AWS_EC2_METADATA_SERVICE_ENDPOINT=${env['AWS_EC2_METADATA_SERVICE_ENDPOINT']}\n`);
      await io.stderr.write('imds: the emulator is running; the line above points AWS tools to it, Ctrl-C ends it\n');
    }
    begun.resolve();
    // Ctrl-C interrupts, as everywhere; SIGTERM is how a service is stopped, and no failure.
    const end = await Promise.race([stopped, unread.promise]);
    return end === 'SIGINT' ? exitCodes.interrupted : exitCodes.done;
  } finally {
    await emulator.close();
    log.end();
  }
}

function promised<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

/** A ready scenario by its name, or one that is read. */
async function scenarioOf(name: string, io: Io): Promise<Scenario> {
  const { parseScenario, scenarios } = await import('../../emulator/index.js');
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
    const { closest } = await import('fastest-levenshtein');
    throw misuse(
      `--scenario ${name}: there is neither a scenario nor a file of this name`,
      `did you mean ${closest(name, ready)}? imds emulate --list shows all`,
    );
  }
}

async function listScenarios({ io, paint }: Context, json: true | undefined): Promise<number> {
  const { scenarios } = await import('../../emulator/index.js');
  const all = Object.entries(scenarios).map(([name, { description }]) => ({ name, description }));
  if (json) {
    const { jsonText } = await import('../values.js');
    await io.stdout.write(jsonText(all));
  } else {
    const { table } = await import('../table.js');
    const rows = all.map(({ name, description }) => [name, description]);
    await io.stdout.write(table(['SCENARIO', 'WHAT HAPPENS'], rows, paint));
  }
  return exitCodes.done;
}

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
