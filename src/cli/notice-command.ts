import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import os from 'node:os';
import type { Notice } from '../watch/notices.js';
import { exitCodes } from './exit-codes.js';
import { codeOf, Failure } from './failure.js';
import type { Io } from './io.js';
import { jsonLine } from './notice-line.js';

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM'];

/** How a command ended. */
export interface Ended {
  /** Its exit code, or as in shells 128 and the number of the signal that ended it. */
  readonly code: number;
  /** The first signal that came meanwhile. */
  readonly stoppedBy: NodeJS.Signals | undefined;
}

/**
 * Runs a command by the shell for one notice, and waits for its end; the command is started by the time this returns.
 * Signals go on to all of its processes, and then it has ended when the last of these has.
 *
 * @throws Failure when it cannot be started
 */
export async function runForNotice(command: string, notice: Notice, io: Io): Promise<Ended> {
  const child = started(command, notice, io);
  let stoppedBy: NodeJS.Signals | undefined;
  const forwards = signals.map((name) => {
    const forward = (): void => {
      stoppedBy ??= name;
      try {
        if (child.pid !== undefined) io.kill(-child.pid, name);
      } catch {
        // The last of its processes has ended a moment ago.
      }
    };
    return { name, forward };
  });
  for (const { name, forward } of forwards) io.signals.on(name, forward);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void =>
        resolve(code ?? 128 + (signal ? os.constants.signals[signal] : 0));
      child.once('error', (cause) => reject(notStarted(cause)));
      // A signal may end the shell before the program that it waited for. What the command leaves behind by itself is
      // not waited for.
      child.once('exit', (code, signal) => {
        if (stoppedBy === undefined) end(code, signal);
      });
      child.once('close', end);
      // A command that does not read what it is given has closed its end before all was written.
      child.stdin?.on('error', () => {}).end(jsonLine(notice));
    });
    return { code, stoppedBy };
  } finally {
    for (const { name, forward } of forwards) io.signals.off(name, forward);
    for (const stream of child.stdio) stream?.destroy();
  }
}

/** The shell, with its children in a process group of their own, so that signals reach all of them. */
function started(command: string, notice: Notice, io: Io): ChildProcess {
  const inherited = Object.entries(io.env).filter(([name]) => !name.startsWith(prefix));
  const [stdout, stderr] = [reopened(1), reopened(2)];
  try {
    return spawn('sh', ['-c', command], {
      // Nothing is written to the last one: it is closed when the last process that has it ends.
      stdio: ['pipe', stdout ?? 'inherit', stderr ?? 'inherit', 'pipe'],
      env: { ...Object.fromEntries(inherited), ...noticeEnv(notice) },
      detached: true,
    });
  } catch (cause) {
    throw notStarted(cause);
  } finally {
    for (const descriptor of [stdout, stderr]) if (descriptor !== undefined) closeSync(descriptor);
  }
}

/**
 * A pipe that this process writes to, opened once more. A child makes what it inherits block, for this process too, which
 * would hear no signal then while a reader has stalled. Undefined for anything else, and where there is no `/dev/fd`.
 */
function reopened(descriptor: number): number | undefined {
  try {
    if (!fstatSync(descriptor).isFIFO()) return undefined;
    return openSync(`/dev/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

const notStarted = (cause: unknown): Failure =>
  new Failure(exitCodes.failure, `sh cannot be run: ${codeOf(cause)}`, { cause });

const prefix = 'IMDS_NOTICE_';
// Linux takes 128 KiB for one variable, and all of them count towards what a program may be started with.
const longestValue = 32 * 1024;

/**
 * `IMDS_NOTICE_KIND`, `IMDS_NOTICE_MILLISECONDS_LEFT`, …: what of a notice is a text or a number. A variable cannot hold
 * a NUL, which is spelt `\x00`; what is too long is left out.
 */
export function noticeEnv(notice: Notice): Readonly<Record<string, string>> {
  const plain = Object.entries(notice)
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([name, value]) => [
      `${prefix}${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`,
      String(value).replaceAll('\0', '\\x00'),
    ]);
  return Object.fromEntries(plain.filter(([, value = '']) => Buffer.byteLength(value) <= longestValue));
}
