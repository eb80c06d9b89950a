import assert from 'node:assert/strict';
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv } from 'ajv';
import type { Report } from '../../../src/audit/report.js';
import { createEmulator, type Emulator, type EmulatorOptions } from '../../../src/emulator/index.js';
import { guardedEnv } from '../../support/guard.mjs';
import { binary, type Outcome, outcomeOf } from '../cli/harness.js';

const schema = createRequire(import.meta.url)('../../../dist/audit/report.schema.json');
const isReport = new Ajv().compile(schema);

/** The built preload, for `--import` and for `--require`. */
export const preload = { import: resolve('dist/audit/index.js'), require: resolve('dist/audit/index.cjs') };

/** An application in a folder of its own, and the emulator that it asks. */
export class Application implements AsyncDisposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'imds-audited-')));
  readonly emulator: Emulator;

  readonly #guard: string;

  private constructor(emulator: Emulator) {
    this.emulator = emulator;
    // The guard wraps what Node offers, as agents for tracing do, which are looked through by their names.
    this.#guard = this.write('node_modules/dd-trace/guard.mjs', readFileSync('test/support/guard.mjs', 'utf8'));
    this.write('node_modules/dd-trace/package.json', '{ "name": "dd-trace" }');
    mkdirSync(join(this.folder, 'tmp'));
    this.write('package.json', JSON.stringify({ name: 'my-app', version: '1.2.3' }));
  }

  static async create(options: EmulatorOptions = {}): Promise<Application> {
    return new Application(await createEmulator(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.emulator.close();
    rmSync(this.folder, { recursive: true });
  }

  write(name: string, text: string): string {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** Has the application find a package of this repository. */
  install(name: string): void {
    const link = join(this.folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link);
  }

  start(
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    options: SpawnOptions = {},
  ): ChildProcess {
    const variables = {
      ...this.emulator.env,
      // AWS SDK v2 takes any value for yes.
      AWS_EC2_METADATA_DISABLED: undefined,
      NODE_OPTIONS: `--import ${pathToFileURL(this.#guard)}`,
      TMPDIR: join(this.folder, 'tmp'),
    };
    return spawn(program, args, {
      cwd: this.folder,
      env: guardedEnv({ ...variables, ...env }),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
  }

  async run(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Outcome> {
    return await outcomeOf(this.start(program, args, env));
  }

  /** Runs `imds audit` with these arguments. */
  async audit(...args: readonly string[]): Promise<Outcome> {
    return await this.run(process.execPath, [binary, 'audit', ...args]);
  }

  /** The report on a program of these files, of which the first is run. */
  async report(files: Readonly<Record<string, string>>): Promise<Report> {
    const [main = ''] = Object.entries(files).map(([name, text]) => this.write(name, text));
    const { code, stderr } = await this.audit('--json', 'report.json', '--', process.execPath, main);
    assert.equal(code, 0, stderr);
    return this.readReport();
  }

  readReport(name = 'report.json'): Report {
    const report = JSON.parse(readFileSync(join(this.folder, name), 'utf8'));
    assert.ok(isReport(report), JSON.stringify(isReport.errors));
    return report as Report;
  }
}
