/** The packed package with what its users build, test and run their programs with, all of it from npm. */
import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { guardedEnv } from '../support/guard.mjs';
import { confined, Installation, program } from '../support/packed.js';
import { consumer, moduleModes, typeCheck } from '../support/type-check.js';

// Each with the types of Node of its time.
const compilers = { '5.0': '20.5', '5.4': '20.12' };
const packages = [
  'jest@30',
  'ts-jest@29',
  '@types/jest@30',
  'vitest@4',
  'webpack@5',
  'typescript@5.9',
  'bun@1',
  'deno@2',
];
const older = Object.entries(compilers).flatMap(([version, types]) => [
  `typescript-${version}@npm:typescript@${version}`,
  `types-${version}@npm:@types/node@${types}`,
]);

// These do not know Node's options.
const env = guardedEnv({ NODE_OPTIONS: undefined, DENO_NO_UPDATE_CHECK: '1' });

/** A test of a program that uses the package, with the globals of Jest and Vitest. */
const suite = `
  it('reads a value from the emulator', async () => {
    const emulator = await createEmulator();
    const imds = new Imds({ endpoint: emulator.url });
    expect(await imds.instanceId()).toBe('i-1234567890abcdef0');
    const failure = await imds.get('no-such-thing').catch((error) => error);
    expect(isImdsError(failure)).toBe(true);
    await emulator.close();
  });
`;
const [importing, requiring] = [program.import, program.require].map((text) => text.split('async function')[0]);

describe('the packed package', () => {
  let packed: Installation;
  const bin = (name: string): string => join(packed.folder, 'node_modules/.bin', name);
  before(() => {
    packed = new Installation([...packages, ...older, '@types/node@20'], ['bun', 'deno']);
  });
  after(() => packed?.remove());

  /** Writes the files of a project into a folder of its own. */
  function project(name: string, files: Record<string, string>): { cwd: string } {
    const cwd = join(packed.folder, name);
    mkdirSync(cwd);
    for (const [file, text] of Object.entries({ 'package.json': '{}', ...files })) writeFileSync(join(cwd, file), text);
    return { cwd };
  }

  for (const version of Object.keys(compilers)) {
    for (const mode of moduleModes) {
      it(`compiles with TypeScript ${version} and modules as of ${mode}, without skipLibCheck`, () => {
        const folder = join(packed.folder, 'node_modules');
        // Type roots hold a folder for each name in `types`.
        const types = join(packed.folder, `roots-${version}`);
        mkdirSync(types, { recursive: true });
        if (!existsSync(join(types, 'node'))) symlinkSync(join(folder, `types-${version}`), join(types, 'node'));
        typeCheck(packed, mode, consumer, { compiler: join(folder, `typescript-${version}`), types });
      });
    }
  }

  it('is tested by Jest as it is by default, in CommonJS', () => {
    const { stderr, status } = packed.spawn(bin('jest'), [], project('jest', { 'imds.test.js': requiring + suite }));
    assert.match(stderr, /Tests: +1 passed, 1 total/);
    assert.equal(status, 0, stderr);
  });

  it('is tested by ts-jest, and mocked by it', () => {
    const files = {
      'package.json': '{ "jest": { "preset": "ts-jest" } }',
      'tsconfig.json': JSON.stringify({ compilerOptions: { strict: true, target: 'es2022', esModuleInterop: true } }),
      'imds.test.ts': importing + suite,
      'mocks.test.ts': `import { Imds, ImdsNotFoundError, decodeUserData, isImdsError } from 'imds';
        jest.mock('imds');
        it.each([isImdsError, ImdsNotFoundError, decodeUserData, new Imds().region])('mocks all of it', (value) => {
          expect(jest.isMockFunction(value)).toBe(true);
        });`,
      'spies.test.ts': `import * as imds from 'imds';
        it('calls the spy, not a copy of what it spies on', async () => {
          jest.spyOn(imds, 'decodeUserData').mockRejectedValue(new Error('mocked'));
          await expect(jest.requireActual('imds').decodeUserData()).rejects.toThrow('mocked');
        });`,
    };
    const { stderr, status } = packed.spawn(bin('jest'), [], project('ts-jest', files));
    assert.match(stderr, /Tests: +6 passed, 6 total/);
    assert.equal(status, 0, stderr);
  });

  it('is tested by Vitest', () => {
    const test = `import { expect, it } from 'vitest';\n${importing}${suite}`;
    assert.match(packed.run(bin('vitest'), ['run'], project('vitest', { 'imds.test.js': test })), /1 passed/);
  });

  for (const [form, extension] of [
    ['import', 'mjs'],
    ['require', 'cjs'],
  ] as const) {
    it(`is tested by node:test with ${form}`, () => {
      const assertions =
        form === 'import'
          ? "import { it } from 'node:test';\nimport assert from 'node:assert/strict';\n"
          : "const { it } = require('node:test');\nconst assert = require('node:assert/strict');\n";
      const expect = 'const expect = (actual) => ({ toBe: (value) => assert.equal(actual, value) });\n';
      const name = `imds.test.${extension}`;
      const text = assertions + expect + (form === 'import' ? importing : requiring) + suite;
      assert.match(
        packed.run(process.execPath, ['--test'], project(`node-test-${form}`, { [name]: text })),
        /pass 1\n/,
      );
    });

    for (const [runtime, args] of [
      ['bun', ['run']],
      ['deno', ['run', '--allow-all', '--no-remote', '--node-modules-dir=manual']],
    ] as const) {
      it(`runs on ${runtime} with ${form}`, () => {
        const name = `app.${extension}`;
        packed.write(name, program[form]);
        assert.equal(packed.run(bin(runtime), [...args, name], { env }), program.prints);
      });
    }
  }

  it('meets no foreign error where Deno permits nothing but reading it', () => {
    packed.write('confined.mjs', confined);
    const args = ['run', '--no-prompt', '--no-remote', '--node-modules-dir=manual', `--allow-read=${packed.folder}`];
    for (const more of [[], ['--allow-net'], ['--allow-net', '--allow-env']])
      assert.equal(
        packed.run(bin('deno'), [...args, ...more, 'confined.mjs', 'http://127.0.0.1:9'], {
          env: { ...env, AWS_CONFIG_FILE: undefined },
        }),
        '1 failed with an error of imds',
      );
  });

  it('is bundled by webpack', () => {
    const options = `{ mode: 'production', target: 'node', entry: './app.js', output: { path: __dirname, filename: 'out.js' } }`;
    const script = `require('webpack')(${options}, (error, stats) => {
      if (error) throw error;
      const { errors, warnings } = stats.toJson();
      console.log(errors.length, warnings.length);
    });`;
    const place = project('webpack', { 'app.js': program.import, 'build.js': script });
    assert.equal(packed.run(process.execPath, ['build.js'], place), '0 0');
    assert.equal(packed.run(process.execPath, ['out.js'], place), program.prints);
  });
});

describe('a clone', () => {
  it('is packed and installed as CONTRIBUTING.md says', () => {
    const page = readFileSync('CONTRIBUTING.md', 'utf8');
    const [, pack = ''] = page.match(/^(npm ci && npm pack)$/m) ?? [];
    assert.ok(pack);
    const folder = mkdtempSync(join(tmpdir(), 'imds-clone-'));
    try {
      const [clone, application] = [join(folder, 'clone'), join(folder, 'application')];
      const left = new Set(['.git', 'node_modules', 'dist'].map((name) => resolve(name)));
      cpSync('.', clone, { recursive: true, filter: (source) => !left.has(resolve(source)) });
      mkdirSync(application);
      writeFileSync(join(application, 'package.json'), '{ "private": true }');
      const script = `${pack} && cd ../application && npm install ../clone/imds-*.tgz && npx imds --version`;
      const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
      assert.ok(execSync(script, { cwd: clone, encoding: 'utf8' }).endsWith(`${version}\n`));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
