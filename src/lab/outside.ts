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

/** The parts of the starting process that a lab needs. */
export interface Caller {
  /** True at a terminal, which itself sends its signals to the command. */
  readonly isAtTerminal: boolean;
  /** Handles these signals, which then do not end the process, until the returned function is called. */
  readonly onSignals: (names: readonly NodeJS.Signals[], heard: (name: NodeJS.Signals) => void) => () => void;
  /** Called with the emulator's requests and events. */
  readonly onRequest?: ((request: SeenRequest) => void) | undefined;
  readonly onEvent?: ((event: SeenEvent) => void) | undefined;
  /** Called with the URL of the control service. */
  readonly onControl?: ((url: string) => void) | undefined;
  /** Prints a line for the user. */
  readonly say: (line: string) => void;
}

const forwarded: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'];
const sentByTerminals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP'];

/**
 * Makes a lab, runs a command in it and removes it again. Whatever ends this process, even SIGKILL, ends the lab: the
 * kernel then sends SIGKILL to the parent of the lab's process 1, and its namespaces end with that process.
 *
 * @returns the exit code of the command, or as in shells 128 plus the number of the signal that ended it
 * @throws LabError with the reason that no lab can be made, and the fix
 */
export async function runLab(options: LabOptions, caller: Caller): Promise<number> {
  const path = toolPath(options.env['PATH']);
  const tools = requirements(path, thisMachine);
  const internet = options.internet ? pasta(path) : undefined;
  const isPrivileged = mayMakeNamespaces(thisMachine);
  const hasIpv6 = thisMachine.exists('/proc/net/if_inet6');
  if (!hasIpv6) caller.say('this kernel has no IPv6, so the lab has only IPv4');
  const listening = options.control === undefined ? undefined : await listen(options.control);
  const control = portOf(listening);
  const url = control === undefined ? undefined : `http://127.0.0.1:${control}`;
  if (url) caller.say(`the control service is at ${url}, inside the lab, too`);
  if (url) caller.onControl?.(url);
  const env = { ...options.env, ...(url ? { IMDS_EMULATOR_CONTROL_URL: url } : {}) };
  const plan: Plan = {
    ...options,
    control,
    ...interactive({ ...options, env }, path),
    hasIpv6,
    nsenter: tools.nsenter,
    // Without a user namespace, the command keeps root's capabilities; in one of its own, it does not need any.
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
    // Standard error is for errors; the command's own is number 4. NODE_OPTIONS are for the command only.
    { stdio: ['inherit', 'inherit', 'pipe', 'ipc', 2], env: { PATH: path, LC_ALL: 'C' } },
  );
  return await outcome(
    child,
    { plan, listening },
    caller,
    internet && (() => internet.start(child.pid ?? 0, tools.setpriv, isPrivileged)),
  );
}

/** Listens for the control service; the process inside answers. */
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

/** The additions of an interactive shell to the plan; none for a command. */
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

/** Passes the plan to the process inside and waits until nothing of the lab is left. */
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
  // The message that the command has started may not have been read yet.
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
    child.on('error', ({ message }) => reject(new LabError(`the lab cannot be made: ${message}`)));
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      said = (said + text).slice(-10_000);
    });
    child.on('close', () => {
      if (typeof result === 'number') resolve(result);
      else
        reject(result ?? (isStarted ? new LabError('the lab was stopped from outside') : explain(said, thisMachine)));
    });
    // From now on the process inside listens. Without file descriptors there is neither process nor channel.
    if (child.pid === undefined) listening?.close();
    else child.send({ plan } satisfies Order, listening, () => listening?.close());
  }).finally(() => {
    internet?.kill();
    stopListening();
  });
}
