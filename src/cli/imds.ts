#!/usr/bin/env node
/** The `imds` command, connected to its process. */
import type { WriteStream } from 'node:tty';
import { exitCodes } from './exit-codes.js';
import type { Output } from './io.js';
import { main } from './main.js';

/** End the waits for the other ends of standard streams. */
const waiting = new Set<() => void>();

/** A stream of the process, opened on first use. */
function output(open: () => WriteStream): Output {
  let opened: WriteStream | undefined;
  // Callbacks report failed writes; without a listener, the event would end the process with a stack trace.
  const stream = (): WriteStream => (opened ??= open().on('error', () => {}));
  return {
    get isTTY() {
      return stream().isTTY === true;
    },
    get columns() {
      // A terminal of unknown width reports 0.
      return stream().columns || undefined;
    },
    write: (data) =>
      new Promise((resolve, reject) => {
        const end = (): void => reject(new Error('interrupted'));
        waiting.add(end);
        stream().write(data, (error) => {
          waiting.delete(end);
          if (error) reject(error);
          else resolve();
        });
      }),
  };
}

// Until `main` is done: if nothing is left to finish it, that is a failure, too.
process.exitCode = exitCodes.failure;
void main(process.argv.slice(2), {
  stdout: output(() => process.stdout),
  stderr: output(() => process.stderr),
  stdin() {
    waiting.add(() => process.stdin.destroy());
    return process.stdin;
  },
  giveUp() {
    for (const end of waiting) end();
  },
  // An import would load node:tty even for pipes.
  get stdinIsTTY() {
    return process.getBuiltinModule('node:tty').isatty(0);
  },
  env: process.env,
  signals: process,
  kill: (pid, signal) => void process.kill(pid, signal),
}).then((code) => {
  process.exitCode = code;
  // Whatever is needed was waited for. A slow reader has this long for the rest; a stalled one would keep the process.
  setTimeout(() => process.exit(), 1000).unref();
});
