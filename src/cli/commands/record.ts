import { access, constants, lstat, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Omission, Recording } from '../../record/record.js';
import { command } from '../command.js';
import { codeOf, exitCodeOf, exitCodes, failWith, misuse } from '../exit-codes.js';
import { jsonText, printable, quoted } from '../output.js';

const usualFile = 'imds-recording.json';

export const record = command({
  summary: "this instance's metadata, for imds emulate to replay",
  text:
    'Reads all instance metadata and writes it down as a scenario, which imds emulate replays. Credentials, user data ' +
    'and signatures are never in it. Names, tags, addresses and identifiers are replaced, the same everywhere.',
  examples: {
    'imds record': `into ${usualFile}, which only you can read`,
    'imds record --out host.json': 'into that file',
    'imds record --stdout | jq .tree': 'writes no file',
  },
  options: {
    '--out <file>': [`the file to write (default: ${usualFile})`, undefined, 'stdout'],
    '--stdout': 'print it, and write no file; --out - does the same',
    '--force': 'overwrite an existing file',
    '--keep': 'keep names, tags, addresses and identifiers, but no secrets',
  },
  async run({ io, signal, connect }, { out = usualFile, stdout, force, keep }) {
    const file = stdout || out === '-' ? undefined : out;
    if (file !== undefined) await checkPlace(file, force);
    const { record } = await import('../../record/record.js');
    // Overwrites the last line of a terminal; elsewhere nothing is shown.
    const show = async (progress: string): Promise<void> => {
      if (io.stderr.isTTY) await io.stderr.write(`\r\x1b[K${progress}`).catch(() => {});
    };
    const onValue = (count: number): void => void show(`values read: ${count}`);
    const recording = await record(connect(), { keep, signal, onValue }).finally(() => show(''));
    const text = jsonText(recording.scenario);
    if (file === undefined) await io.stdout.write(text);
    else await writeWhole(file, text, force, signal);
    await io.stderr.write(summary(recording, file));
    return exitCodeAfter(recording);
  },
});

/** The exit code of the first failure. */
function exitCodeAfter({ failures: [first] }: Recording): number {
  if (first === undefined) return exitCodes.done;
  // The service itself listed the invalid path.
  return first.error.code === 'ERR_IMDS_PATH' ? exitCodes.unusable : exitCodeOf[first.error.code];
}

/** Checks that the file can be written, before any request. */
async function checkPlace(file: string, force = false): Promise<void> {
  const found = await lstat(file).catch((error: unknown) => {
    return codeOf(error) === 'ENOENT' ? undefined : unwritable(file)(error);
  });
  if (found && !found.isFile()) throw misuse(`${file} exists and is not a file`);
  if (found && !force) throw misuse(`${file} already exists`, 'use --force to overwrite it, or --out for another file');
  await access(file.endsWith('/') ? file : dirname(file), constants.W_OK).catch(unwritable(file));
}

/** Writes a file completely or not at all. Only its owner can read it. */
async function writeWhole(file: string, text: string, force: boolean | undefined, signal: AbortSignal) {
  const unfinished = `${file}.${crypto.randomUUID()}`;
  try {
    await writeFile(unfinished, text, { mode: 0o600, flag: 'wx', signal });
    // Another process may have been faster.
    await checkPlace(file, force);
    signal.throwIfAborted();
    await rename(unfinished, file);
  } catch (error) {
    if (codeOf(error)?.startsWith('E')) unwritable(file)(error);
    throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}

const unwritable = (file: string) => failWith(`${file} cannot be written`);

function summary({ values, failures, leftOut }: Recording, file: string | undefined): string {
  const lines = [
    file === undefined ? `recorded ${values} values` : `wrote ${file}: ${values} values`,
    ...counted('left out', leftOut),
    ...counted('not read', failures),
    ...(file === undefined ? [] : [`replay it with: imds emulate --scenario ${argument(file)}`]),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** A file as a shell and `--scenario` take it: a plain word may be the name of a built-in scenario. */
function argument(file: string): string {
  const path = /^[\w-]+$/.test(file) ? `./${file}` : file;
  return /^[\w./-]+$/.test(path) ? path : quoted(path);
}

/** One line for all that are equal. */
function counted(fate: string, omissions: readonly Omission[]): readonly string[] {
  const times = new Map<string, number>();
  for (const { path, why } of omissions) {
    const line = `${fate}: ${path} (${why})`;
    times.set(line, (times.get(line) ?? 0) + 1);
  }
  return [...times].map(([line, number]) => (number === 1 ? line : `${line}, ${number} times`));
}
