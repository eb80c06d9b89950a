import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Notice } from '../notices.js';
import { exitCodes } from './exit-codes.js';
import { codeOf, Failure } from './failure.js';
import type { Io } from './io.js';

/** Runs a command by the shell for one notice, and waits for its end; SIGTERM goes on to it. Gives its exit code. */
export async function runForNotice(command: string, notice: Notice, io: Io): Promise<number> {
  const child = spawn('sh', ['-c', command], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...io.env, ...noticeEnv(notice) },
  });
  // A command that does not read what it is given has closed its end before all was written.
  child.stdin.on('error', () => {}).end(`${JSON.stringify(notice)}\n`);
  const terminate = (): void => void child.kill('SIGTERM');
  io.signals.on('SIGTERM', terminate);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new Failure(exitCodes.failure, `sh cannot be run: ${codeOf(cause)}`, { cause })),
      );
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } finally {
    io.signals.off('SIGTERM', terminate);
  }
}

/** `IMDS_NOTICE_KIND`, `IMDS_NOTICE_MILLISECONDS_LEFT`, …: what of a notice is a text or a number. */
export function noticeEnv(notice: Notice): Readonly<Record<string, string>> {
  const plain = Object.entries(notice).filter(([, value]) => typeof value === 'string' || typeof value === 'number');
  return Object.fromEntries(
    plain.map(([name, value]) => [`IMDS_NOTICE_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`, String(value)]),
  );
}
