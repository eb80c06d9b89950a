import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import commonjsPlugin from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build } from 'esbuild';
import { after, before, describe, it } from 'mocha';
import { rollup } from 'rollup';
import { exported } from '../support/exported.js';
import { guardedEnv } from '../support/guard.mjs';
import { confined, Installation, program } from '../support/packed.js';

// Its declarations say that the default export is the module.
const commonjs = commonjsPlugin as unknown as typeof commonjsPlugin.default;
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** Every file that is published, by pattern. */
const published = [
  /^package\.json$/,
  /^(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md$/,
  /^LICENSE$/,
  /^docs\/[a-z-]+\.md$/,
  /^docs\/(containers|emulator|watching)\/[A-Za-z.-]+$/,
  /^docs\/images\/[a-z-]+\.svg$/,
  /^docs\/images\/panel\.png$/,
  /^dist\/((emulator|audit)\/)?index\.(js|bundler\.js|cjs|d\.ts|d\.cts)$/,
  /^dist\/cli\/imds\.cjs$/,
  /^dist\/cli\/lab-inside\.cjs$/,
  /^dist\/lib\/[a-z0-9-]+\.cjs$/,
  /^dist\/emulator\/scenario\.schema\.json$/,
  /^dist\/emulator\/panel\.html$/,
  /^dist\/audit\/report\.schema\.json$/,
  /^dist\/THIRD-PARTY-LICENSES\.txt$/,
  /^dist\/sbom\.cdx\.json$/,
  /^dist\/emulator\/scenarios\/[\w-]+\.json$/,
];

describe('the packed package, installed into an empty folder', () => {
  let packed: Installation;
  before(() => {
    packed = new Installation();
  });
  after(() => packed?.remove());

  it('holds what users need and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    const unexpected = paths.filter((path) => !published.some((pattern) => pattern.test(path)));
    const missing = published.filter((pattern) => !paths.some((path) => pattern.test(path)));
    assert.deepEqual({ unexpected, missing }, { unexpected: [], missing: [] });
  });

  it('meets no foreign error where Node permits nothing but reading it', () => {
    packed.write('confined.mjs', confined);
    const [major = 0] = process.versions.node.split('.').map(Number);
    const permission = major < 22 ? '--experimental-permission' : '--permission';
    // Ports of loopback that nobody listens at; later versions of Node need a permission to connect as well.
    const permissions = [permission, `--allow-fs-read=${packed.folder}/*`, ...(major < 25 ? [] : ['--allow-net'])];
    // The guard of the tests is a file that may not be read either.
    const env = guardedEnv({ NODE_OPTIONS: undefined, AWS_CONFIG_FILE: undefined });
    const printed = packed.run(process.execPath, [...permissions, 'confined.mjs', 'http://127.0.0.1:9'], { env });
    assert.equal(printed, '1 failed with an error of imds');
  });

  for (const [entry, { values }] of Object.entries(exported)) {
    it(`exports from ${entry} what it promises, by import and by require`, () => {
      const names = 'console.log(Object.keys(module).sort().join())';
      const expected = values.toSorted().join();
      assert.equal(packed.evaluate(`import * as module from '${entry}'; ${names}`), expected);
      assert.equal(
        packed.run(process.execPath, ['--eval', `{ const module = require('${entry}'); ${names} }`]),
        expected,
      );
    });
  }

  it('has each built-in scenario as a file to copy', () => {
    const program = `
      import { readFileSync } from 'node:fs';
      import { isDeepStrictEqual } from 'node:util';
      import { parseScenario, scenarios } from 'imds/emulator';
      const fromFile = (name) => {
        const text = readFileSync(\`node_modules/imds/dist/emulator/scenarios/\${name}.json\`, 'utf8');
        const { $schema, ...scenario } = parseScenario(text);
        return [name, scenario];
      };
      console.log(isDeepStrictEqual(scenarios, Object.fromEntries(Object.keys(scenarios).map(fromFile))));`;
    assert.equal(packed.evaluate(program), 'true');
  });

  describe('can be bundled', () => {
    for (const format of ['esm', 'cjs'] as const) {
      const name = `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`;

      for (const minify of [false, true]) {
        it(`by esbuild into ${format}${minify ? ', minified' : ''}`, async () => {
          packed.write('app.js', program.import);
          const outfile = join(packed.folder, 'esbuild', name);
          const entryPoints = [join(packed.folder, 'app.js')];
          await build({ entryPoints, outfile, bundle: true, platform: 'node', format, minify, logLevel: 'silent' });
          assert.equal(packed.run(process.execPath, [outfile]), program.prints);
        });
      }

      it(`by rollup into ${format}`, async () => {
        packed.write('app.js', program.import);
        const warnings: string[] = [];
        const bundle = await rollup({
          input: join(packed.folder, 'app.js'),
          external: isBuiltin,
          plugins: [nodeResolve(), commonjs()],
          onwarn: ({ message }) => warnings.push(message),
        });
        const dir = join(packed.folder, 'rollup');
        await bundle.write({ dir, format, entryFileNames: name, chunkFileNames: `[name].${name.slice(-3)}` });
        assert.equal(packed.run(process.execPath, [join(dir, name)]), program.prints);
        assert.deepEqual(warnings, []);
      });
    }
  });

  it('comes alone: without a package beside it, and without an install script', () => {
    const { packages } = JSON.parse(readFileSync(join(packed.folder, 'node_modules/.package-lock.json'), 'utf8'));
    assert.deepEqual(Object.keys(packages), ['node_modules/imds']);
    assert.equal(packages['node_modules/imds'].hasInstallScript, undefined);
    // npm warns of `prepare`, too, when it installs a tarball.
    const scripts = Object.keys(manifest.scripts);
    assert.deepEqual(
      scripts.filter((name) => /^(pre|post)?(install|prepare)$/.test(name)),
      [],
    );
  });

  it('takes at most 1.6 MB', () => {
    const sizes = packed.files.map(({ path }) => statSync(join(packed.installed, path)).size);
    const size = sizes.reduce((sum, each) => sum + each, 0);
    assert.ok(size <= 1_600_000, `${size} bytes`);
  });

  it('has a control panel of at most 60 kB as it is sent, in one file', () => {
    const page = readFileSync(join(packed.installed, 'dist/emulator/panel.html'));
    const size = gzipSync(page).length;
    assert.ok(size <= 60_000, `${size} bytes`);
    assert.doesNotMatch(page.toString(), /<link(?! rel="icon" href="data:)|<script[^>]* src=|@import|url\(/);
  });

  it('imports its own files and Node, nothing else', async () => {
    const { metafile } = await build({
      absWorkingDir: packed.installed,
      entryPoints: packed.files
        .filter(({ path }) => /\.c?js$/.test(path))
        .map(({ path }) => ({ in: path, out: path.replaceAll('.', '-') })),
      outdir: 'unwritten',
      write: false,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      metafile: true,
      logLevel: 'silent',
    });
    // Node's own entries ask for the CommonJS files by `createRequire`; bundlers take others.
    const imports = Object.values(metafile.inputs)
      .flatMap((input) => input.imports)
      .filter(({ path }) => path !== 'node:module');
    assert.deepEqual(
      imports.filter(({ external }) => external).map(({ path }) => path),
      [],
    );
  });

  it('names every package in it with its licence, for people and as a bill of materials', () => {
    const bill = JSON.parse(readFileSync(join(packed.installed, 'dist/sbom.cdx.json'), 'utf8'));
    assert.equal(bill.bomFormat, 'CycloneDX');
    assert.equal(bill.metadata.component.version, manifest.version);
    const names = bill.components.map(({ name }: { name: string }) => name);
    const direct = ['got', 'p-retry', 'lru-cache', 'commander', 'libmime', 'libqp', 'fastest-levenshtein', 'preact'];
    assert.deepEqual(
      direct.filter((name) => !names.includes(name)),
      [],
    );
    const licences = readFileSync(join(packed.installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
    for (const { name, version, licenses } of bill.components) {
      assert.ok(licences.includes(`\n${name} ${version} (`), name);
      assert.equal(licenses.length, 1, name);
    }
  });

  it('gives the same classes to import and require', () => {
    const printed = packed.evaluate(`
      import { createRequire } from 'node:module';
      import * as imported from 'imds';
      import * as emulator from 'imds/emulator';
      const require = createRequire(import.meta.url);
      const [required, requiredEmulator] = [require('imds'), require('imds/emulator')];
      console.log(required.Imds === imported.Imds, required.ImdsError === imported.ImdsError,
        requiredEmulator.createEmulator === emulator.createEmulator);
    `);
    assert.equal(printed, 'true true true');
  });

  for (const [what, code, shown] of [
    ['a refused option', "import { Imds } from 'imds'; new Imds({ bogus: 1 });", /ImdsSettingsError: unknown option/],
    [
      'a failed read',
      "import { Imds } from 'imds'; await new Imds({ endpoint: 'http://127.0.0.1:9' }).instanceId();",
      /ImdsUnreachableError: [\s\S]*hint: '/,
    ],
    [
      'a mistake in the emulator',
      "import { createEmulator } from 'imds/emulator'; await createEmulator({ bogus: 1 });",
      /EmulatorOptionError: /,
    ],
  ] as const) {
    it(`prints little for an error that nobody catches: ${what}`, () => {
      const args = ['--input-type=module', '--eval', code];
      const { stderr, status } = packed.spawn(process.execPath, args);
      assert.equal(status, 1);
      assert.match(stderr, shown);
      assert.match(stderr, /\n {4}at .*imds/);
      assert.ok(stderr.length < 4096, `${stderr.length} bytes`);
    });
  }

  it('is readable: no line holds a file', () => {
    const code = packed.files.filter(({ path }) => /\.(c?js|ts|cts)$/.test(path));
    const long = code.filter(({ path }) =>
      readFileSync(join(packed.installed, path), 'utf8')
        .split('\n')
        .some((line) => line.length > 1500),
    );
    assert.deepEqual(long, []);
  });

  it('has no broken link in its documents', () => {
    const broken = packed.files.flatMap(({ path }) => {
      if (!path.endsWith('.md')) return [];
      const links = readFileSync(join(packed.installed, path), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g);
      const targets = [...links].map(([, target = '']) => target);
      return targets
        .filter((target) => !existsSync(join(packed.installed, dirname(path), target)))
        .map((target) => `${path}: ${target}`);
    });
    assert.deepEqual(broken, []);
  });

  it('loads no got, reads nothing but its own code, starts no timer and keeps no process alive until it is asked for a value', () => {
    const wire = join(packed.installed, 'dist/lib/wire.cjs');
    renameSync(wire, `${wire}-away`);
    try {
      const printed = packed.evaluate(`
        import fs from 'node:fs';
        import { syncBuiltinESMExports } from 'node:module';
        import timers from 'node:timers';
        const own = new URL('.', import.meta.resolve('imds')).pathname;
        const forbid = (target) => {
          for (const [name, { value, writable }] of Object.entries(Object.getOwnPropertyDescriptors(target)))
            if (typeof value === 'function' && writable)
              target[name] = (...args) => {
                if (!String(args[0]).startsWith(own)) throw new Error(name + ' was called');
                return Reflect.apply(value, target, args);
              };
          syncBuiltinESMExports();
        };
        forbid(timers);
        Object.assign(globalThis, timers);
        const { Imds } = await import('imds');
        forbid(fs);
        forbid(fs.promises);
        new Imds({ endpoint: 'http://127.0.0.1:9' });
        console.log('made');
      `);
      assert.equal(printed, 'made');
    } finally {
      renameSync(`${wire}-away`, wire);
    }
  });

  it('has a command that says its version', () => {
    const env = guardedEnv({ npm_config_update_notifier: 'false' });
    assert.equal(packed.run('npx', ['imds', '--version'], { env }), manifest.version);
  });
});
