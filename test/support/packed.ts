import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardedEnv } from './guard.mjs';

/** Both the client and the emulator in one program: prints an instance ID, a region, and an error. */
const body = `async function main() {
  const emulator = await createEmulator({ httpTokens: 'required' });
  const imds = new Imds({ endpoint: emulator.url });
  const failure = await imds.get('no-such-thing').catch((error) => error);
  console.log(await imds.instanceId(), await imds.region(), isImdsError(failure), failure.code, String(failure));
  await emulator.close();
}
void main();
`;
export const program = {
  import: `import { Imds, isImdsError } from 'imds';\nimport { createEmulator } from 'imds/emulator';\n${body}`,
  require: `const { Imds, isImdsError } = require('imds');\nconst { createEmulator } = require('imds/emulator');\n${body}`,
  prints:
    'i-1234567890abcdef0 us-east-1 true ERR_IMDS_NOT_FOUND ' +
    'ImdsNotFoundError: there is nothing at /latest/meta-data/no-such-thing (404)',
};

/** Calls everything that needs permissions of a runtime, and prints any foreign error: there must be none. */
export const confined = `import { Imds, isImdsError } from 'imds';
const imds = new Imds({ deadlineMs: 500, ...(process.argv[2] && { endpoint: process.argv[2] }) });
const calls = [() => imds.platform(), () => imds.isEC2(), () => imds.endpoint, () => imds.instanceId(), () => imds.diagnose()];
let failures = 0;
for (const call of calls)
  try {
    await call();
  } catch (error) {
    failures += 1;
    if (!isImdsError(error)) console.log(error);
  }
console.log(failures, 'failed with an error of imds');
`;

/** The built package, packed as it is published, and installed into an empty folder. */
export class Installation {
  readonly folder = mkdtempSync(join(tmpdir(), 'imds-package-'));
  readonly installed = join(this.folder, 'node_modules', 'imds');
  /** The files of the package. */
  readonly files: readonly { path: string }[];

  /**
   * @param packages what else to install, such as `jest@30`; a package whose install script must run is named in `scripts`
   */
  constructor(packages: readonly string[] = [], scripts: readonly string[] = []) {
    assert.ok(existsSync('dist/cli/imds.cjs'), 'there is no build to pack; `npm run build` makes one');
    const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', this.folder];
    const [packed] = JSON.parse(this.run('npm', pack, { cwd: process.cwd(), env: process.env }));
    this.files = packed.files;
    console.log(`  ${this.files.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} bytes unpacked`);
    const allowScripts = Object.fromEntries(scripts.map((name) => [name, true]));
    this.write('package.json', JSON.stringify({ private: true, allowScripts }));
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', join(this.folder, packed.filename)];
    this.run('npm', [...install, ...packages], { env: process.env, timeout: 300_000 });
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  spawn(
    command: string,
    args: readonly string[],
    options: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number } = {},
  ) {
    const defaults = { cwd: this.folder, env: guardedEnv(), timeout: 120_000, encoding: 'utf8' } as const;
    return spawnSync(command, args, { ...defaults, ...options }) as SpawnSyncReturns<string>;
  }

  /** Runs a program to success, and returns its output. */
  run(command: string, args: readonly string[], options?: Parameters<Installation['spawn']>[2]): string {
    const { status, stdout, stderr, error } = this.spawn(command, args, options);
    assert.equal(status, 0, `${command} ${args.join(' ')}\n${error ?? ''}${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Runs an ES module in the folder and returns its output. */
  evaluate(code: string): string {
    return this.run(process.execPath, ['--input-type=module', '--eval', code]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
