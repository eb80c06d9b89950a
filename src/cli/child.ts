import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { codeOf, Failure } from './failure.js';
import type { Io } from './io.js';

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM'];
// A terminal sends these to all processes in its foreground by itself.
const sentByTerminals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGHUP'];

/**
 * Runs a program on the standard streams of this process and waits for its end; signals go on to it.
 *
 * @param env variables beside this process's own
 * @returns its exit code, or as in shells 128 and the number of the signal that ended it
 * @throws Failure when it cannot be started, with the exit code of shells: 127 if there is none of that name, else 126
 */
export async function runProgram(program: string, args: readonly string[], env: Io['env'], io: Io): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...io.env, ...env } });
  const forwards = signals.map((name) => {
    const alreadySent = io.stdinIsTTY && sentByTerminals.includes(name);
    return { name, forward: () => void (alreadySent || child.kill(name)) };
  });
  for (const { name, forward } of forwards) io.signals.on(name, forward);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(notStarted(program, error)));
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    for (const { name, forward } of forwards) io.signals.off(name, forward);
  }
}

function notStarted(program: string, cause: unknown): Failure {
  const code = codeOf(cause);
  return code === 'ENOENT'
    ? new Failure(127, `there is no program ${program}`, { cause })
    : new Failure(126, `${program} cannot be run: ${code}`, { cause });
}
