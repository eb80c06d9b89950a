import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import os from 'node:os';
import { codeOf, Failure } from './exit-codes.js';
import { type Io, onSignals } from './io.js';

// A terminal itself sends the first three to all processes in its foreground.
const sentByTerminals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP'];

/**
 * Runs a program on the standard streams of this process and waits for its end; signals are forwarded to it. It has
 * started when this returns.
 *
 * @param env variables in addition to this process's own; `undefined` removes one
 * @param input written to its standard input; the program then has its own process group, which gets signals as a
 *   whole, and after a signal the program counts as ended once the last process of the group has
 * @returns its exit code, or as in shells 128 plus the number of the signal that ended it; and the first signal received
 * @throws Failure if it cannot be started, with the exit code of shells: 127 if it does not exist, else 126
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  env: Io['env'],
  io: Io,
  input?: string,
): Promise<{ readonly code: number; readonly stoppedBy: NodeJS.Signals | undefined }> {
  const isGroup = input !== undefined;
  const child = started(program, args, { ...io.env, ...env }, isGroup);
  let stoppedBy: NodeJS.Signals | undefined;
  const stopListening = onSignals(io, [...sentByTerminals, 'SIGTERM'], (name) => {
    stoppedBy ??= name;
    if (isGroup) signalGroup(child, name, io);
    else if (!io.stdinIsTTY || !sentByTerminals.includes(name)) child.kill(name);
  });
  // A program that does not read its input closes it before all is written.
  child.stdin?.on('error', () => {}).end(input);
  const closed = once(child, 'close').catch(() => {});
  try {
    await once(child, 'exit');
    // A signal may end a shell before the program it waits for. Processes it leaves behind otherwise are not waited for.
    if (isGroup && stoppedBy) await closed;
    const { exitCode, signalCode } = child;
    return { code: exitCode ?? 128 + (signalCode ? os.constants.signals[signalCode] : 0), stoppedBy };
  } catch (cause) {
    throw notStarted(program, cause);
  } finally {
    stopListening();
    for (const stream of child.stdio) stream?.destroy();
  }
}

function started(program: string, args: readonly string[], env: Io['env'], isGroup: boolean): ChildProcess {
  const opened = isGroup ? [reopened(1), reopened(2)] : [];
  try {
    // Nothing is written to the last one: it closes when the last process that has it ends.
    const stdio = ['pipe', opened[0] ?? 'inherit', opened[1] ?? 'inherit', 'pipe'] as const;
    return spawn(program, args, { stdio: isGroup ? [...stdio] : 'inherit', env: { ...env }, detached: isGroup });
  } catch (cause) {
    throw notStarted(program, cause);
  } finally {
    for (const descriptor of opened) if (descriptor !== undefined) closeSync(descriptor);
  }
}

/**
 * A pipe that this process writes to, opened again. A child makes inherited pipes blocking, for this process, too,
 * which would then get no signals while a reader stalls. Undefined for anything else, and if there is no `/dev/fd`.
 */
function reopened(descriptor: number): number | undefined {
  try {
    if (!fstatSync(descriptor).isFIFO()) return undefined;
    return openSync(`/dev/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function signalGroup({ pid }: ChildProcess, name: NodeJS.Signals, io: Io): void {
  try {
    if (pid !== undefined) io.kill(-pid, name);
  } catch {
    // The last of its processes has just ended.
  }
}

function notStarted(program: string, cause: unknown): Failure {
  const code = codeOf(cause);
  return code === 'ENOENT'
    ? new Failure(127, `there is no program ${program}`, { cause })
    : new Failure(126, `${program} cannot be run: ${code}`, { cause });
}
