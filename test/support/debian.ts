/**
 * Programs from Debian's packages, unpacked into a folder of this checkout and not installed: what they depend on comes
 * along, as far as it is Python or a library, and nothing of the machine is changed.
 */
import { type ExecFileOptions, execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Context } from 'mocha';

const run = promisify(execFile);

/** Debian's own Python, for which its packages with compiled parts are made. */
export const python = '/usr/bin/python3';
const cache = resolve('node_modules/.cache/imds-debian');

/** The folder of unpacked packages, or the reason that there is none. */
export type Unpacked = { readonly root: string } | { readonly obstacle: string };

/** Unpacks packages and the Python packages and libraries that they need, from the network if an earlier run has not. */
export async function unpacked(packages: readonly string[]): Promise<Unpacked> {
  if (process.platform !== 'linux') return { obstacle: 'Debian’s packages are for Linux' };
  for (const tool of ['apt-get', 'dpkg-deb', python])
    if (spawnSync(tool, ['--version']).error) return { obstacle: `there is no ${tool} here` };
  // Compiled parts fit the Python of one release alone.
  const release = readFileSync('/etc/os-release', 'utf8') + spawnSync(python, ['--version']).stdout;
  const key = createHash('sha256')
    .update([...packages, release, process.arch].join('\n'))
    .digest('hex')
    .slice(0, 16);
  const root = join(cache, key);
  if (existsSync(root)) return { root };
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'unfinished-'));
  try {
    // On a runner that is thrown away afterwards there may be no list of packages yet.
    if (process.env['CI'] === 'true') await apt(['update', '--quiet=2'], folder);
    await unpack(await withDependencies(packages, folder), folder);
    // Another run may have been faster.
    if (!existsSync(root)) renameSync(folder, root);
    return { root };
  } catch (error) {
    const [reason] = String(error instanceof Error && 'stderr' in error ? error.stderr : error)
      .trim()
      .split('\n')
      .reverse();
    return { obstacle: `Debian’s packages cannot be had: ${reason}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The folder of the programs that judge, unpacked once for all suites. Skips a suite, and says why, if it cannot be had. */
export async function judges(context: Context): Promise<string> {
  context.timeout(240_000);
  const packages = ['amazon-ec2-utils', 'awscli', 'cloud-image-utils', 'cloud-init', 'python3-botocore'];
  const debian = await unpacked(packages);
  if ('root' in debian) return debian.root;
  console.log(`  skipped: ${debian.obstacle}`);
  return context.skip();
}

/** The package manager, as root or not, never for longer than a minute. */
async function apt(args: readonly string[], cwd: string): Promise<string> {
  const options: ExecFileOptions & { encoding: 'utf8' } = {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 2 ** 24,
  };
  const { stdout } = await run(
    'apt-get',
    ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=1', ...args],
    options,
  );
  return stdout;
}

/** These packages, and what would be installed with them if it is Python or a library. */
async function withDependencies(packages: readonly string[], cwd: string): Promise<readonly string[]> {
  const plan = await apt(['install', '--simulate', '--no-install-recommends', ...packages], cwd);
  const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
  return [...new Set([...packages, ...names.filter((name) => /^(python3-|lib)/.test(name))])];
}

async function unpack(packages: readonly string[], folder: string): Promise<void> {
  await apt(['download', ...packages], folder);
  const archives = (await run('sh', ['-c', 'ls *.deb'], { cwd: folder })).stdout.trim().split('\n');
  for (const archive of archives) {
    await run('dpkg-deb', ['--extract', archive, '.'], { cwd: folder });
    rmSync(join(folder, archive));
  }
}
