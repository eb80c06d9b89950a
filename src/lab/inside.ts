/** Process 1 inside a lab, in the namespace of IMDS: makes the network, serves, runs the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { get } from 'node:http';
import type { Server } from 'node:net';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Emulator } from '../emulator/index.js';
import { serveDatagrams } from './datagrams.js';
import { answerHere, forward, listenIn } from './forwarder.js';
import { hopLimitRules } from './hop-limit.js';
import { addresses, folder, imdsName, internetInterface, isIpv6, layout } from './layout.js';
import { distances, type Order, type Plan, type Report } from './plan.js';
import { LabError } from './requirements.js';
import { type Instance, surroundingFiles, surroundings } from './surroundings.js';

const terminalSignals = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM'] as const;

let command: ChildProcess | undefined;

// A terminal sends these to its whole foreground, including this process: the command decides how to handle them.
for (const name of terminalSignals) process.on(name, () => {});
process.on('message', (order: Order, listening?: Server) => {
  if ('signal' in order) command?.kill(order.signal);
  else void live(order.plan, listening);
});
// The other end is gone; when process 1 exits, everything here ends.
process.on('disconnect', () => process.exit());

const report = (report: Report): Promise<void> =>
  new Promise((resolve) => void process.send?.(report, undefined, undefined, () => resolve()));

async function live(plan: Plan, listening?: Server): Promise<void> {
  try {
    const exitCode = await run(plan, listening);
    await report({ exitCode });
  } catch (error) {
    const isUsage = error instanceof LabError || codeOf(error) === 'ERR_EMULATOR_OPTION';
    await report({ failure: error instanceof Error ? error.message : String(error), isUsage });
  }
  process.exit();
}

/** @param listening the address of the control service for the caller, if there is one */
async function run(plan: Plan, listening: Server | undefined): Promise<number> {
  let open: (port: number) => void = () => {};
  const opened = new Promise<number>((resolve) => {
    open = resolve;
  });
  // Connections may already arrive.
  if (listening) answerHere(listening, opened);
  // Loading the emulator takes as long as making the network.
  const network = shell(layout(plan));
  const { createEmulator } = await import('../emulator/index.js');
  await network;
  await report({ made: true });
  const hosts = addresses.imds.filter((address) => plan.hasIpv6 || !isIpv6(address));
  const [emulator, instance] = await Promise.all([
    serve(plan, hosts, createEmulator),
    instanceOf(plan, createEmulator),
    serveDatagrams(plan.hasIpv6),
  ]);
  writeFiles({ ...surroundingFiles(instance, plan.internet), ...plan.files });
  if (plan.certificateOut !== undefined) writeCertificate(plan.certificateOut, emulator);
  const { httpPutResponseHopLimit } = emulator.options;
  await Promise.all([
    // A proxy's replies are not limited.
    plan.trouble === 'forwarded-for' ? undefined : limitHops(httpPutResponseHopLimit),
    shell(surroundings(plan)),
    plan.internet ? internetIsThere() : undefined,
    plan.control === undefined
      ? undefined
      : listenIn(plan.place, plan.control, plan.nsenter).then((server) => answerHere(server, opened)),
  ]);
  if (plan.control !== undefined) open(plan.control);
  return await runCommand(plan);
}

/** Starts what answers at the address of IMDS. */
async function serve(
  { emulator: options, trouble, isVerbose, place, control: port }: Plan,
  hosts: readonly string[],
  createEmulator: typeof import('../emulator/index.js').createEmulator,
): Promise<Emulator> {
  const isForwarded = trouble === 'forwarded-for';
  // A proxy's replies are not limited, however far away it is.
  const network = { kind: 'lab', place, hops: isForwarded ? 0 : distances[place] - 1 } as const;
  let limited: Promise<void> = Promise.resolve();
  const emulator = await createEmulator({
    ...options,
    allowedHosts: [imdsName],
    ...(port === undefined ? {} : { control: { port, network } }),
    ...(isForwarded ? { host: '127.0.0.1', port: 0 } : { host: hosts, port: 80 }),
    onRequest: (request) => void (isVerbose && report({ request: { ...request, ...failure(request.error) } })),
    onEvent: (event) => void (isVerbose && report({ event: { ...event, ...failure(event.error) } })),
    onOptions({ httpPutResponseHopLimit }) {
      if (!isForwarded) limited = limited.then(() => limitHops(httpPutResponseHopLimit));
      return limited;
    },
  });
  if (isForwarded) await forward(hosts, emulator.url);
  return emulator;
}

/** An error in a form for JSON. */
const failure = (error: unknown): { error?: string } => (error === undefined ? {} : { error: String(error) });

/** Reads from a second emulator, unaffected by the faults of the first and not counted there. */
async function instanceOf(
  { emulator: { scenario, tree, base } }: Plan,
  createEmulator: typeof import('../emulator/index.js').createEmulator,
): Promise<Instance> {
  const quiet = typeof scenario === 'object' ? { ...scenario, faults: [], timeline: [], options: {} } : scenario;
  const emulator = await createEmulator({ scenario: quiet, tree, base });
  const read = async (name: string): Promise<string> => {
    const [response] = await once(get(`${emulator.url}/latest/meta-data/${name}`), 'response');
    const body = await text(response);
    return response.statusCode === 200 ? body : '';
  };
  try {
    const [instanceId, instanceType] = await Promise.all([read('instance-id'), read('instance-type')]);
    return { instanceId, instanceType };
  } finally {
    await emulator.close();
  }
}

/** Sets how many hops token replies travel from now on. */
async function limitHops(hopLimit: number): Promise<void> {
  const nft = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'inherit'] });
  nft.stdin.end(hopLimitRules(hopLimit));
  await succeeded(nft, 'nft');
}

async function shell(script: string): Promise<void> {
  await succeeded(spawn('sh', ['-ec', script], { stdio: ['ignore', 'ignore', 'inherit'] }), 'the set-up');
}

/** @throws if it fails; the reason is on standard error, which the process outside reads. */
async function succeeded(child: ChildProcess, name: string): Promise<void> {
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${name} failed`);
}

/** @throws LabError if it cannot be written */
function writeCertificate(file: string, { certificate = '' }: Emulator): void {
  try {
    writeFileSync(file, certificate);
  } catch (error) {
    const needed = 'must name a file that can be written, in a folder that exists';
    throw new LabError(`--certificate-out ${file} ${needed}: ${codeOf(error)}`);
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : error);

function writeFiles(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

/** Waits for the interface that pasta makes for the process outside. */
async function internetIsThere(): Promise<void> {
  const probe = `ip link show ${internetInterface} >/dev/null 2>&1`;
  for (let tries = 0; tries < 100; tries += 1) {
    const child = spawn('nsenter', [`--net=${folder}/host`, 'sh', '-c', probe], { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    if (code === 0) return;
    await delay(30);
  }
  throw new Error(`pasta has made no interface ${internetInterface}`);
}

/** The caller's standard error, for the command; the process outside reads this process's own. */
const callersStderr = 4;

async function runCommand({ place, command: words, greeting, nsenter, dropCapabilities, env }: Plan): Promise<number> {
  if (greeting.length > 0) writeSync(callersStderr, greeting.map((line) => `${line}\n`).join(''));
  // Reported first, so that no signal for the command can arrive earlier.
  void report({ started: true });
  command = spawn(nsenter, [`--net=${folder}/${place}`, '--', ...dropCapabilities, ...words], {
    stdio: [0, 1, callersStderr],
    env,
  });
  const [code, signal] = await once(command, 'exit');
  return code ?? 128 + constants.signals[signal as NodeJS.Signals];
}
