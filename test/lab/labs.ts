/** Runs the built `imds lab`, as root and as a user without privileges. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Context } from 'mocha';
import { unpacked } from '../support/debian.js';

export const binary = resolve('dist/cli/imds.cjs');
const isRoot = process.getuid?.() === 0;

/** A folder that everybody may read is read by a stranger; otherwise root without capabilities takes the same way. */
function isOpenToAll(folder: string): boolean {
  return (statSync(folder).mode & 0o005) === 0o005 && (folder === '/' || isOpenToAll(dirname(folder)));
}

const stranger = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
const incapable = ['setpriv', '--inh-caps=-all', '--bounding-set=-all', '--'];

/** Who starts labs, as what has to precede the command. */
export const users = {
  // In a namespace of users who runs the tests is root, too.
  root: isRoot ? [] : ['unshare', '--user', '--map-root-user', '--'],
  'an unprivileged user': !isRoot ? [] : isOpenToAll(resolve('.')) ? stranger : incapable,
} as const;
export type User = keyof typeof users;

/** What a lab runs with: not the guard of the tests, which refuses connections to IMDS, and a home that all may read. */
export function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { NODE_OPTIONS, ...env } = process.env;
  return { ...env, HOME: '/', AWS_CONFIG_FILE: '/nonexistent', ...extra };
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `imds` with these arguments. Its process is the one of the command line, whoever is the user. */
export const start = (
  user: User,
  args: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): ChildProcess => {
  const [program = '', ...rest] = [...users[user], process.execPath, binary, ...args];
  return spawn(program, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: environment(extra) });
};

/** Waits for the end of a process that is given this on its standard input. */
export async function outcome(child: ChildProcess, input = ''): Promise<Outcome> {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('the standard streams are pipes');
  stdin.on('error', () => {}).end(input);
  const [out, error, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')]);
  return { code, stdout: out, stderr: error };
}

/**
 * Sees to it that labs can be made: what is missing of the tools is unpacked, and found by the PATH.
 *
 * @returns why none can be made; undefined when they can
 */
export async function obstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  const missing = ['ip', 'nft'].filter((tool) => spawnSync(tool, ['-V'], { env: environment() }).error);
  if (missing.length > 0) {
    const debian = await unpacked(['iproute2', 'nftables']);
    if ('obstacle' in debian) return `${missing.join(' and ')} missing, and ${debian.obstacle}`;
    process.env['PATH'] = `${wrappers(debian.root)}:${process.env['PATH']}`;
  }
  for (const user of Object.keys(users) as User[]) {
    const { code, stderr } = await outcome(start(user, ['lab', '--', 'true']));
    if (code !== 0) return `no lab can be made by ${user}: ${stderr.trim()}`;
  }
  return undefined;
}

/** Programs that run the unpacked ones with their libraries. */
function wrappers(root: string): string {
  const folder = join(root, 'wrappers');
  mkdirSync(folder, { recursive: true });
  const [libraries = ''] = readdirSync(join(root, 'usr/lib')).filter((name) => name.endsWith('-linux-gnu'));
  for (const [name, file] of [
    ['nft', 'usr/sbin/nft'],
    ['ip', 'bin/ip'],
  ] as const) {
    const script = `#!/bin/sh\nLD_LIBRARY_PATH='${join(root, 'usr/lib', libraries)}' exec '${join(root, file)}' "$@"\n`;
    // In one step, as other processes of this run may be using it.
    writeFileSync(join(folder, `${name}.${process.pid}`), script, { mode: 0o755 });
    renameSync(join(folder, `${name}.${process.pid}`), join(folder, name));
  }
  return folder;
}

/** Skips what needs a lab where there can be none, and says why; in CI that is a failure. */
export function demanded(context: Context, why: string | undefined): void {
  if (why === undefined) return;
  if (process.env['CI'] === 'true') throw new Error(`the lab is demanded in CI, but ${why}`);
  console.log(`  skipped: ${why}`);
  context.skip();
}
