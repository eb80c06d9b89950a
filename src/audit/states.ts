import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { safely } from './safely.js';
import type { State } from './tally.js';

/** Makes a folder, private to the user, where the processes and threads below this one write their counts. */
export const makeFolder = (): string => mkdtempSync(join(tmpdir(), 'imds-audit-'));

export const removeFolder = (folder: string): void => safely(() => rmSync(folder, { recursive: true }));

/** Replaces the counts of one process or thread atomically. */
export function writeState(folder: string, name: string, state: State): void {
  const file = join(folder, name);
  writeFileSync(`${file}.part`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${file}.part`, `${file}.json`);
}

export function readStates(folder: string): readonly State[] {
  const names = safely(() => readdirSync(folder)) ?? [];
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => safely((): State => JSON.parse(readFileSync(join(folder, name), 'utf8'))) ?? []);
}
