import child, { type ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import { type Audit, on, wrap } from './audit.js';
import { cutPath } from './paths.js';
import { safely } from './safely.js';
import { placeOf } from './stack.js';
import type { Targets } from './targets.js';

const shells = /^(sh|bash|dash|zsh|ash|busybox|cmd\.exe)$/;
/** A quoted text of a script, unless commands are in it: `"$(…)"`, and what follows `cmd.exe /c`. */
const quotedText = /\\.|'[^']*'|(?<!\/c )"(?:[^"\\`$]|\\.|\$(?!\())*"/gs;

/** Observes the start of other programs whose command line names an address of IMDS, such as `curl`. */
export function watchProcesses({ targets, tally }: Audit): void {
  const note = (words: readonly unknown[], place = placeOf()): void => {
    const command = shownCommand(words.map(String), targets);
    if (command !== undefined) tally.started(place, command);
  };
  on<{ process: ChildProcess }>('child_process', ({ process }) => {
    const place = placeOf();
    // Published before the child has its arguments.
    queueMicrotask(() => safely(() => note(process.spawnargs ?? [], place)));
  });
  // Synchronous ones are not published.
  for (const name of ['spawnSync', 'execFileSync'])
    wrap(child, name, (_module, [file, args]) => note([file, ...(Array.isArray(args) ? args : [])]));
  wrap(child, 'execSync', (_module, [script]) => note(['sh', '-c', script]));
  syncBuiltinESMExports();
}

/** The programs that get an address, and the address: nothing else of a command line, which may contain a token. */
export function shownCommand([file = '', ...args]: readonly string[], targets: Targets): string | undefined {
  const program = basename(file);
  // Node programs report for themselves.
  if (program === basename(process.execPath)) return undefined;
  const parts = shells.test(program) ? commandsIn(args.join(' '), targets) : [[program, ...args].join(' ')];
  const shown = parts.flatMap((part) => {
    const words = part.trim().split(/\s+/);
    const name = words.find((word) => !/^(-|\/\w$|\w+=)/.test(word)) ?? program;
    // Anything else may be a part of a text whose quotes were misread.
    const [shownName = program] = /^[\w.+-]+$/.exec(basename(name.replace(/["']/g, ''))) ?? [];
    return targets.namedIn(part).map((address) => `${shownName} http://${cutPath(address)}`);
  });
  return shown.length > 0 ? [...new Set(shown)].slice(0, 5).join(', ') : undefined;
}

/** The commands of a script; of a quoted or escaped text that is more than a word, only its addresses. */
function commandsIn(script: string, targets: Targets): readonly string[] {
  const cut = (text: string): string => (/^['"\\].*[\s;|&`(]/s.test(text) ? targets.namedIn(text).join(' ') : text);
  const lines = script.replace(/\\\r?\n/g, ' ').replace(quotedText, cut);
  return lines.split(/[;|&\n`(]+/);
}
