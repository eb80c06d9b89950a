import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { SeenEvent, SeenRequest } from '../emulator/index.js';
import { pasta } from './internet.js';
import type { LabOptions, Order, Plan, Report } from './plan.js';
import { explain, find, LabError, mayMakeNamespaces, requirements, thisMachine, toolPath } from './requirements.js';
import { introduction, shellAt } from './shell.js';

/** What a lab needs of the process that starts it. */
export interface Caller {
  /** Whether a terminal sends its signals to the command by itself. */
  readonly isAtTerminal: boolean;
  /** Calls back for each of these signals, which then do not end the process, until the returned function is called. */
  readonly onSignals: (names: readonly NodeJS.Signals[], heard: (name: NodeJS.Signals) => void) => () => void;
  /** Told of what the emulator is asked, and of what its timeline does. */
  readonly onRequest?: ((request: SeenRequest) => void) | undefined;
  readonly onEvent?: ((event: SeenEvent) => void) | undefined;
  /** Told where the control service is. */
  readonly onControl?: ((url: string) => void) | undefined;
  /** Prints a line for the user. */
  readonly say: (line: string) => void;
}

const forwarded: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'];
const sentByTerminals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP'];

/**
 * Makes a lab, runs a command in it and takes all of it down again. Whatever ends this process, SIGKILL included, ends the
 * lab: the kernel sends SIGKILL on to the parent of the lab's process 1, and with that process its namespaces go.
 *
 * @returns the exit code of the command, as in shells 128 and the number of the signal that ended it
 * @throws LabError with what keeps a lab from being made, and what helps
 */
export async function runLab(options: LabOptions, caller: Caller): Promise<number> {
  const path = toolPath(options.env['PATH']);
  const tools = requirements(path, thisMachine);
  const internet = options.internet ? pasta(path) : undefined;
  const isPrivileged = mayMakeNamespaces(thisMachine);
  const hasIpv6 = thisMachine.exists('/proc/net/if_inet6');
  if (!hasIpv6) caller.say('this kernel has no IPv6, so the lab has IPv4 alone');
  const listening = options.control === undefined ? undefined : await listen(options.control);
  const control = portOf(listening);
  const url = control === undefined ? undefined : `http://127.0.0.1:${control}`;
  if (url) caller.say(`the control service is at ${url}, inside the lab too`);
  if (url) caller.onControl?.(url);
  const env = { ...options.env, ...(url ? { IMDS_EMULATOR_CONTROL_URL: url } : {}) };
  const plan: Plan = {
    ...options,
    control,
    ...interactive({ ...options, env }, path),
    hasIpv6,
    nsenter: tools.nsenter,
    // Who could make the namespaces without one of users keeps what root may do; in one of its own nobody needs it.
    dropCapabilities: isPrivileged
      ? []
      : [tools.setpriv, '--ambient-caps=-all', '--inh-caps=-all', '--bounding-set=-all', '--'],
    isVerbose: caller.onRequest !== undefined || caller.onEvent !== undefined,
  };
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const users = isPrivileged ? [] : ['--user', '--map-current-user', '--keep-caps'];
  const inside = fileURLToPath(new URL('../cli/lab-inside.cjs', import.meta.url));
  const child = spawn(
    tools.setpriv,
    ['--pdeathsig', 'KILL', tools.unshare, ...users, ...namespaces, process.execPath, inside],
    // Standard error is for what goes wrong; the command's own is number 4. NODE_OPTIONS are the command's alone.
    { stdio: ['inherit', 'inherit', 'pipe', 'ipc', 2], env: { PATH: path, LC_ALL: 'C' } },
  );
  return await outcome(
    child,
    { plan, listening },
    caller,
    internet && (() => internet.start(child.pid ?? 0, tools.setpriv, isPrivileged)),
  );
}

/** Listens for those who want to change the emulator; the process inside answers them. */
async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new LabError(`cannot listen on 127.0.0.1, port ${port}: ${code}`, '--control 0 takes a free port');
  }
  return server;
}

function portOf(server: Server | undefined): number | undefined {
  const address = server?.address();
  return typeof address === 'object' ? address?.port : undefined;
}

/** What an interactive shell adds to the plan; nothing where there is a command. */
function interactive(
  { command, place, env, emulator }: LabOptions,
  path: string,
): Pick<Plan, 'command' | 'env' | 'files' | 'greeting'> {
  if (command.length > 0) return { command, env, files: {}, greeting: [] };
  const shell = shellAt(place, env['SHELL'] || find('bash', path) || '/bin/sh');
  const scenario = typeof emulator.scenario === 'object' ? emulator.scenario : undefined;
  const hopLimit = emulator.httpPutResponseHopLimit ?? scenario?.options?.httpPutResponseHopLimit ?? 1;
  return {
    command: shell.command,
    env: { ...env, ...shell.env },
    files: shell.files,
    greeting: introduction(place, hopLimit),
  };
}

/** Gives the plan to the process inside and waits until nothing of the lab is left. */
function outcome(
  child: ChildProcess,
  { plan, listening }: { readonly plan: Plan; readonly listening: Server | undefined },
  { isAtTerminal, onSignals, onRequest, onEvent }: Caller,
  startInternet: (() => ChildProcess) | undefined,
): Promise<number> {
  let said = '';
  let isStarted = false;
  let result: number | LabError | undefined;
  let internet: ChildProcess | undefined;
  const send = (order: Order): void => void child.send(order, () => {});
  const pass = (name: NodeJS.Signals): void => {
    if (!isStarted) {
      result = 128 + constants.signals[name];
      child.kill('SIGKILL');
    } else if (!isAtTerminal || !sentByTerminals.includes(name)) send({ signal: name });
  };
  // That the command has started may have been said, and not yet been read.
  const stopListening = onSignals(forwarded, (name) => void setImmediate(pass, name));
  const hear = (report: Report): void => {
    if ('request' in report) onRequest?.(report.request);
    else if ('event' in report) onEvent?.(report.event);
    else if ('started' in report) isStarted = true;
    else if ('exitCode' in report) result ??= report.exitCode;
    else if ('failure' in report && report.isUsage) result ??= new LabError(report.failure);
    else if ('failure' in report) said += said === '' ? report.failure : '';
    else if (startInternet) {
      internet = startInternet();
      internet.stderr?.on('data', (data) => {
        said += data;
      });
    }
  };
  return new Promise<number>((resolve, reject) => {
    child.on('message', hear);
    child.on('error', reject);
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      said = (said + text).slice(-10_000);
    });
    child.on('close', () => {
      if (typeof result === 'number') resolve(result);
      else reject(result ?? (isStarted ? new LabError('the lab was ended from outside') : explain(said, thisMachine)));
    });
    // The process inside listens from now on.
    child.send({ plan } satisfies Order, listening, () => listening?.close());
  }).finally(() => {
    internet?.kill();
    stopListening();
  });
}
