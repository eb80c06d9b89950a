#!/usr/bin/env node
/** The `imds` command: the one file that touches the process. */
import type { WriteStream } from 'node:tty';
import { exitCodes } from './exit-codes.js';
import type { Output } from './io.js';
import { main } from './main.js';

/** Called at an interruption, of which whoever waits for the other end of a standard stream would not hear. */
const waiting = new Set<() => void>();
process.once('SIGINT', () => {
  for (const giveUp of waiting) giveUp();
});

/** A stream of the process, opened by its first use. */
function output(open: () => WriteStream): Output {
  let opened: WriteStream | undefined;
  // A failed write is known from its callback; without a listener the event would end the process with a stack trace.
  const stream = (): WriteStream => (opened ??= open().on('error', () => {}));
  return {
    get isTTY() {
      return stream().isTTY === true;
    },
    get columns() {
      // A terminal that does not know its width says 0.
      return stream().columns || undefined;
    },
    write: (data) =>
      new Promise((resolve, reject) => {
        const giveUp = (): void => reject(new Error('interrupted'));
        waiting.add(giveUp);
        stream().write(data, (error) => {
          waiting.delete(giveUp);
          if (error) reject(error);
          else resolve();
        });
      }),
  };
}

// Until `main` is done: if nothing is left that could finish it, that is a failure too.
process.exitCode = exitCodes.failure;
void main(process.argv.slice(2), {
  stdout: output(() => process.stdout),
  stderr: output(() => process.stderr),
  stdin() {
    waiting.add(() => process.stdin.destroy());
    return process.stdin;
  },
  // Imported, node:tty would be loaded for pipes too.
  get stdinIsTTY() {
    return process.getBuiltinModule('node:tty').isatty(0);
  },
  env: process.env,
  signals: process,
  kill: (pid, signal) => void process.kill(pid, signal),
}).then((code) => {
  process.exitCode = code;
  // Whatever is needed was waited for: this would wait for a reader that has stalled.
  if (process.stdout.writableLength > 0) process.exit();
});
