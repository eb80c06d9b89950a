import type { Emulator, EmulatorOptions, InstanceOptions } from '../../emulator/index.js';
import { type Context, command, type Given } from '../command.js';
import { codeOf, exitCodes, Failure, failWith, misuse } from '../exit-codes.js';
import { controlAt, instanceOf, instanceOptions, panelOption } from '../instance-options.js';
import { type Io, type Output, onSignals } from '../io.js';
import { table } from '../layout.js';
import { type Reader, refuse, someText, wholeNumber } from '../options.js';
import { jsonLine, jsonText, say } from '../output.js';
import { showPanel } from '../panel.js';
import { jsonLog, requestLog } from '../request-log.js';

// The port of AWS's own mock.
const usualPort = 1338;

type Hops = InstanceOptions['hops'];

/** Parses `1`, for all callers, or `127.0.0.2=1`, for one. */
function collectHops(text: string, flag: string, earlier: Hops = {}): Hops {
  const [, address, count] = /^(?:(.+)=)?(\d+)$/.exec(text) ?? [];
  const hops = Number(count);
  if (!(hops <= 64)) refuse(flag, text, 'a number of routers, 0 to 64, or ADDRESS=N for one caller');
  if (address === undefined && Object.keys(earlier).length === 0) return hops;
  return { ...(typeof earlier === 'number' ? { '*': earlier } : earlier), [address ?? '*']: hops };
}

/** Collects the values of a repeatable option. */
const collect: Reader<readonly string[]> = (text, flag, earlier = []) => [...earlier, someText(text, flag)];

const options = {
  '--list': 'lists the built-in scenarios',
  '--json': 'logs in JSON, one object per line, on standard output',
  '--port <n>': [`port to listen on (${usualPort}; with a command a free one)`, wholeNumber('a port', 0, 65535)],
  '--host <address>': ['address to listen on, repeatable; any but loopback lets the network in (127.0.0.1)', collect],
  '--allow-host <name>': ['a name that callers use for it, repeatable, such as that of its container', collect],
  '--control [port]': [
    'serves requests that change it while it runs, on another port (the next; with a command a free one), or at address:port',
    controlAt,
  ],
  ...panelOption,
  '--hops <n>': [
    'routers between the callers and the instance: 1 as in a container (0); repeatable, ADDRESS=N for one caller',
    collectHops,
  ],
  ...instanceOptions,
} as const;

export const emulate = command({
  summary: 'an emulated instance metadata service',
  text:
    'Runs an emulator of the instance metadata service until Ctrl-C, and logs every request. Nothing happens to its ' +
    'instance, unless a scenario says so. With a command after --, runs that command against an emulator on ' +
    'a free port, and exits with its exit code.',
  examples: {
    'imds emulate --http-tokens required': 'IMDSv2 only, on port 1338',
    'imds emulate --scenario spot-interruption --speed 60': 'minutes in seconds',
    'imds emulate --scenario everything -- imds list -r': 'a tree to explore',
    'imds emulate --hops 1 -- npm test': 'like a container that gets no session token',
    'imds emulate --panel': 'a page in the browser to see and change it',
    'imds emulate --control -- pytest': 'tests that change it while they run',
  },
  argument: { '[command...]': 'what to run, after --' },
  options,
  async run(context, given, [name, ...args]) {
    const { list, json, panel, control = panel, port, host, allowHost, hops, ...instance } = given;
    if (list) return await listScenarios(context, json);
    const { io } = context;
    const wanted = { ...(await instanceOf(instance, io)), port, host, allowedHosts: allowHost, hops, control };
    if (name === undefined) return await serve(wanted, given, context);
    if (json) throw misuse('--json and a command would both write to standard output');
    const emulator = await start(wanted);
    try {
      await writeCertificate(emulator, given.certificateOut);
      if (panel) showPanel(emulator.controlUrl ?? '', io);
      const { runProgram } = await import('../child.js');
      // Unset, as the AWS SDK for JavaScript v2 treats any text as true, even `false`.
      const env = { ...emulator.env, AWS_EC2_METADATA_DISABLED: undefined };
      return (await runProgram(name, args, env, io)).code;
    } finally {
      await emulator.close();
    }
  },
});

/** Runs until a signal stops it, or the reader of its log is gone. */
async function serve(
  { port = usualPort, control, ...others }: EmulatorOptions,
  given: Given<typeof options>,
  { io, paintStderr }: Context,
): Promise<number> {
  let fail = (_error: unknown): void => {};
  let stopListening = (): void => {};
  const ended = new Promise<number>((resolve, reject) => {
    fail = reject;
    // Ctrl-C interrupts, as everywhere; SIGTERM stops a service, and is not a failure.
    stopListening = onSignals(io, ['SIGINT', 'SIGTERM'], (name) =>
      resolve(name === 'SIGINT' ? exitCodes.interrupted : exitCodes.done),
    );
  });
  // Events that are due at once are logged after the emulator's address.
  const later = (output: Output) => (text: string) => announced.then(() => output.write(text));
  const isLive = io.stderr.isTTY && io.env['TERM'] !== 'dumb';
  const log = given.json
    ? jsonLog((line) => void later(io.stdout)(line).catch(fail))
    : requestLog(later(io.stderr), paintStderr, isLive ? () => io.stderr.columns : undefined);
  const beside = { port: port === 0 || port === 65535 ? 0 : port + 1 };
  const starting = start({
    ...others,
    port,
    control: control === true ? beside : control,
    onRequest: log.request,
    onEvent: log.event,
  });
  const announced = starting.then((emulator) => announce(emulator, given, io));
  try {
    const [code] = await Promise.all([ended, announced]);
    return code;
  } finally {
    stopListening();
    await (await starting).close();
    log.end();
  }
}

/** Prints the emulator's URL. */
async function announce(emulator: Emulator, { json, panel, certificateOut }: Given<typeof options>, io: Io) {
  await writeCertificate(emulator, certificateOut);
  const { url, urls, controlUrl, env } = emulator;
  if (json) {
    await io.stdout.write(jsonLine({ type: 'started', url, urls, controlUrl, env, options: emulator.options }));
  } else {
    const names = ['AWS_EC2_METADATA_SERVICE_ENDPOINT', ...(controlUrl ? ['IMDS_EMULATOR_CONTROL_URL'] : [])];
    await io.stdout.write(names.map((name) => `export ${name}=${env[name]}\n`).join(''));
    const above = controlUrl ? 'the lines above point AWS tools and its control' : 'the line above points AWS tools';
    say(io, `the emulator is running; ${above} to it, Ctrl-C ends it`);
    if (urls.length > 1) say(io, `it answers at ${urls.slice(1).join(', ')}, too`);
  }
  if (panel) showPanel(controlUrl ?? '', io);
}

async function listScenarios({ io, paint }: Context, json: true | undefined): Promise<number> {
  const { scenarios } = await import('../../emulator/index.js');
  const all = Object.entries(scenarios).map(([name, { description }]) => ({ name, description }));
  const rows = all.map(({ name, description }) => [name, description]);
  await io.stdout.write(json ? jsonText(all) : table(['SCENARIO', 'WHAT HAPPENS'], rows, paint, io.stdout.columns));
  return exitCodes.done;
}

async function writeCertificate({ certificate = '' }: Emulator, file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const { writeFile } = await import('node:fs/promises');
  const needed = 'must name a file that can be written, in a folder that exists';
  await writeFile(file, certificate).catch(failWith(`--certificate-out ${file} ${needed}`, exitCodes.usage));
}

async function start(options: EmulatorOptions): Promise<Emulator> {
  const { createEmulator } = await import('../../emulator/index.js');
  try {
    return await createEmulator(options);
  } catch (error) {
    const code = codeOf(error);
    if (!(error instanceof Error) || code === undefined) throw error;
    if (code === 'ERR_EMULATOR_OPTION')
      throw misuse(
        error.message
          .replace(/^(host|control)\b(\.host)?/, '--$1')
          .replace(/^allowedHosts\[\d+\]/, '--allow-host')
          .replace(/^the key in hops/, '--hops'),
      );
    // The system error for an address has no port if that is 0; for a name it has neither.
    const { hostname, address = hostname, port }: Partial<Record<string, unknown>> = { ...error };
    const { control } = options;
    const isControl =
      typeof control === 'object' && (port === undefined ? address === control.host : port === control.port);
    const place = port === undefined ? address : `${address}, port ${port}`;
    const own = `${isControl ? '--control' : '--host'} takes an address of this machine`;
    const hints: Readonly<Record<string, string>> = {
      EADDRINUSE: `${isControl ? '--control' : '--port'} 0 takes a free one`,
      EADDRNOTAVAIL: own,
      ENOTFOUND: own,
    };
    throw new Failure(exitCodes.failure, `cannot listen on ${place}: ${code}`, { hint: hints[code], cause: error });
  }
}
