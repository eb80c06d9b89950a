import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { after, before, describe, it } from 'mocha';
import { guardedEnv } from '../support/guard.mjs';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** Every file that is published, by pattern. */
const published = [
  /^package\.json$/,
  /^(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md$/,
  /^LICENSE$/,
  /^docs\/[a-z-]+\.md$/,
  /^docs\/(containers|watching)\/[A-Za-z.-]+$/,
  /^dist\/(emulator\/)?index\.(js|cjs|d\.ts|d\.cts)$/,
  /^dist\/cli\/imds\.cjs$/,
  /^dist\/lib\/[a-z0-9-]+\.cjs$/,
  /^dist\/emulator\/scenario\.schema\.json$/,
  /^dist\/THIRD-PARTY-LICENSES\.txt$/,
  /^dist\/sbom\.cdx\.json$/,
];

/** Every name that users may import: values exactly, and the types that must not go. */
const exported: Record<string, { values: string[]; types: string[] }> = {
  imds: {
    values: [
      'Imds',
      'ImdsCredentialsError',
      'ImdsDecodeError',
      'ImdsDisabledError',
      'ImdsError',
      'ImdsForbiddenError',
      'ImdsHopLimitError',
      'ImdsIdentityError',
      'ImdsNotFoundError',
      'ImdsPathError',
      'ImdsResponseError',
      'ImdsSettingsError',
      'ImdsTimeoutError',
      'ImdsTokenError',
      'ImdsUnreachableError',
      'decodeUserData',
      'defaultNoticeKinds',
      'isImdsError',
      'noticeKinds',
      'verifyIdentityDocument',
    ],
    types: [
      'Accessor',
      'AddressesNotice',
      'CacheOptions',
      'CallOptions',
      'Categories',
      'Category',
      'Change',
      'CredentialProviderOptions',
      'CredentialsFault',
      'CredentialsNotice',
      'CredentialsOptions',
      'DefaultNoticeKind',
      'EndpointMode',
      'IamInfo',
      'IdentityCertificate',
      'IdentityCredentialsInfo',
      'IdentityFault',
      'IdentityProof',
      'IdentitySignatureKind',
      'ImdsCredentialProvider',
      'ImdsCredentials',
      'ImdsErrorCode',
      'ImdsEvents',
      'ImdsOptions',
      'InstanceIdentityDocument',
      'InterruptionHandler',
      'InterruptionHook',
      'InterruptionOptions',
      'Logger',
      'MaintenanceEvent',
      'MaintenanceNotice',
      'NetworkInterface',
      'Notice',
      'NoticeIterator',
      'NoticeKind',
      'NoticeOf',
      'PublicKey',
      'RebalanceNotice',
      'RebalanceRecommendation',
      'ResponseFault',
      'RoleCredentialsDocument',
      'SettledNetworkInterface',
      'SpotInstanceAction',
      'SpotInterruptionNotice',
      'TagsNotice',
      'TargetLifecycleStateNotice',
      'TimeoutPhase',
      'UserData',
      'UserDataKind',
      'UserDataPart',
      'VerifiedIdentity',
      'VerifyIdentityOptions',
      'WatchOptions',
    ],
  },
  'imds/emulator': {
    values: ['EmulatorOptionError', 'createEmulator', 'parseScenario', 'scenarios'],
    types: [
      'Duration',
      'Emulator',
      'EmulatorOptions',
      'Fault',
      'FaultHandle',
      'InstanceOptions',
      'InstanceSettings',
      'JsonTree',
      'Scenario',
      'ScenarioName',
      'SeenEvent',
      'SeenRequest',
      'TimelineEntry',
      'TimelineEvent',
      'Tree',
      'Value',
    ],
  },
};

describe('the packed package, installed into an empty folder', () => {
  let folder = '';
  let installed = '';
  let files: { path: string }[] = [];

  function run(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
    const defaults = { cwd: folder, env: guardedEnv(), timeout: 100_000, encoding: 'utf8' } as const;
    const { status, stdout, stderr, error } = spawnSync(command, args, { ...defaults, ...options });
    assert.equal(status, 0, `${command} ${args.join(' ')}\n${error ?? ''}${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Runs an ECMAScript module in the folder and gives what it prints. */
  const evaluate = (code: string): string => run(process.execPath, ['--input-type=module', '--eval', code]);

  before(() => {
    assert.ok(existsSync('dist/cli/imds.cjs'), 'there is no build to pack; `npm run build` makes one');
    folder = mkdtempSync(join(tmpdir(), 'imds-package-'));
    const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const [packed] = JSON.parse(run('npm', pack, { cwd: process.cwd(), env: process.env }));
    files = packed.files;
    console.log(`  ${files.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} bytes unpacked`);

    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, packed.filename)];
    run('npm', install, { env: process.env });
    installed = join(folder, 'node_modules', 'imds');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('holds what users need and nothing else', () => {
    const paths = files.map(({ path }) => path);
    const unexpected = paths.filter((path) => !published.some((pattern) => pattern.test(path)));
    const missing = published.filter((pattern) => !paths.some((path) => pattern.test(path)));
    assert.deepEqual({ unexpected, missing }, { unexpected: [], missing: [] });
  });

  for (const [entry, { values }] of Object.entries(exported)) {
    it(`exports from ${entry} what it promises, by import and by require`, () => {
      const names = 'console.log(Object.keys(module).sort().join())';
      const expected = values.toSorted().join();
      assert.equal(evaluate(`import * as module from '${entry}'; ${names}`), expected);
      assert.equal(run(process.execPath, ['--eval', `{ const module = require('${entry}'); ${names} }`]), expected);
    });
  }

  it('is typed for ECMAScript modules, CommonJS and bundlers, every declaration included', () => {
    const consumer = Object.entries(exported).map(([entry, { values, types }]) => {
      const names = [...values, ...types.map((name) => `type ${name}`)];
      return `export { ${names.join(', ')} } from '${entry}';\n`;
    });
    for (const name of ['consumer.mts', 'consumer.cts']) writeFileSync(join(folder, name), consumer.join(''));
    for (const mode of [
      { module: 'nodenext', files: ['consumer.mts', 'consumer.cts'] },
      { module: 'preserve', files: ['consumer.mts'] },
    ]) {
      const typeRoots = [resolve('node_modules/@types')];
      const compilerOptions = {
        module: mode.module,
        target: 'es2022',
        strict: true,
        noEmit: true,
        types: ['node'],
        typeRoots,
      };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: mode.files }));
      run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '--project', folder]);
    }
  });

  it('comes alone: without a package beside it, and without an install script', () => {
    const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
    assert.deepEqual(Object.keys(packages), ['node_modules/imds']);
    assert.equal(packages['node_modules/imds'].hasInstallScript, undefined);
  });

  it('takes at most 1.6 MB', () => {
    const sizes = files.map(({ path }) => statSync(join(installed, path)).size);
    const size = sizes.reduce((sum, each) => sum + each, 0);
    assert.ok(size <= 1_600_000, `${size} bytes`);
  });

  it('imports its own files and Node, nothing else', async () => {
    const { metafile } = await build({
      absWorkingDir: installed,
      entryPoints: files
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
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
    assert.deepEqual(
      imports.filter(({ external }) => external).map(({ path }) => path),
      [],
    );
  });

  it('names every package in it with its licence, for people and as a bill of materials', () => {
    const bill = JSON.parse(readFileSync(join(installed, 'dist/sbom.cdx.json'), 'utf8'));
    assert.equal(bill.bomFormat, 'CycloneDX');
    assert.equal(bill.metadata.component.version, manifest.version);
    const names = bill.components.map(({ name }: { name: string }) => name);
    const direct = ['got', 'p-retry', 'lru-cache', 'ini', 'commander', '@zone-eu/mailsplit', 'fastest-levenshtein'];
    assert.deepEqual(
      direct.filter((name) => !names.includes(name)),
      [],
    );
    const licences = readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
    for (const { name, version, licenses } of bill.components) {
      assert.ok(licences.includes(`\n${name} ${version} (`), name);
      assert.equal(licenses.length, 1, name);
    }
  });

  it('gives the same classes to import and require', () => {
    const printed = evaluate(`
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
      const { stderr, status } = spawnSync(process.execPath, args, {
        cwd: folder,
        env: guardedEnv(),
        encoding: 'utf8',
      });
      assert.equal(status, 1);
      assert.match(stderr, shown);
      assert.match(stderr, /\n {4}at .*imds/);
      assert.ok(stderr.length < 4096, `${stderr.length} bytes`);
    });
  }

  it('is readable: no line holds a file', () => {
    const code = files.filter(({ path }) => /\.(c?js|ts|cts)$/.test(path));
    const long = code.filter(({ path }) =>
      readFileSync(join(installed, path), 'utf8')
        .split('\n')
        .some((line) => line.length > 1500),
    );
    assert.deepEqual(long, []);
  });

  it('has no broken link in its documents', () => {
    const broken = files.flatMap(({ path }) => {
      if (!path.endsWith('.md')) return [];
      const links = readFileSync(join(installed, path), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g);
      const targets = [...links].map(([, target = '']) => target);
      return targets
        .filter((target) => !existsSync(join(installed, dirname(path), target)))
        .map((target) => `${path}: ${target}`);
    });
    assert.deepEqual(broken, []);
  });

  it('neither loads got nor reads a file nor starts a timer nor keeps the process alive until it is asked for a value', () => {
    const wire = join(installed, 'dist/lib/wire.cjs');
    renameSync(wire, `${wire}-away`);
    try {
      const printed = evaluate(`
        import fs from 'node:fs';
        import { syncBuiltinESMExports } from 'node:module';
        import timers from 'node:timers';
        const forbid = (target) => {
          for (const [name, { value, writable }] of Object.entries(Object.getOwnPropertyDescriptors(target)))
            if (typeof value === 'function' && writable) target[name] = () => { throw new Error(name + ' was called'); };
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
    assert.equal(run('npx', ['imds', '--version'], { env }), manifest.version);
  });
});
