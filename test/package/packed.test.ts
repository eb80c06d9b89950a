import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { after, before, describe, it } from 'mocha';
import { guardedEnv } from '../support/guard.mjs';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** Every file that is published, by pattern. */
const published = [
  /^package\.json$/,
  /^(README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^dist\/(emulator\/)?index\.js$/,
  /^dist\/[a-z-]+-[A-Z0-9]{8}\.js$/,
  /^dist\/(emulator\/)?[a-z-]+\.d\.ts$/,
  /^dist\/cli\/(imds|got|p-retry|emulator)\.cjs$/,
  /^dist\/emulator\/scenario\.schema\.json$/,
  /^dist\/THIRD-PARTY-LICENSES\.txt$/,
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
      'isImdsError',
      'verifyIdentityDocument',
    ],
    types: [
      'Accessor',
      'Addresses',
      'AddressesNotice',
      'CacheEvent',
      'CacheOptions',
      'CallOptions',
      'Categories',
      'Category',
      'Change',
      'CredentialProviderOptions',
      'CredentialsEvent',
      'CredentialsFault',
      'CredentialsNotice',
      'CredentialsOptions',
      'CredentialsState',
      'DefaultNoticeKind',
      'ElasticGpuAssociation',
      'ElasticInferenceAccelerator',
      'EndpointMode',
      'FallbackEvent',
      'IamInfo',
      'IdentityCertificate',
      'IdentityCredentialsInfo',
      'IdentityFault',
      'IdentityProof',
      'IdentitySignatureKind',
      'ImdsCredentialProvider',
      'ImdsCredentials',
      'ImdsErrorCode',
      'ImdsErrorOptions',
      'ImdsEvents',
      'ImdsOptions',
      'InstanceIdentityDocument',
      'InterruptionHandler',
      'InterruptionHook',
      'InterruptionOptions',
      'Logger',
      'Maintenance',
      'MaintenanceEvent',
      'MaintenanceNotice',
      'NetworkInterface',
      'Notice',
      'NoticeIterator',
      'NoticeKind',
      'NoticeOf',
      'PublicKey',
      'Rebalance',
      'RebalanceNotice',
      'RebalanceRecommendation',
      'RequestEvent',
      'ResponseFault',
      'RetryEvent',
      'RoleCredentials',
      'RoleCredentialsDocument',
      'RoleCredentialsFailure',
      'SettledNetworkInterface',
      'SettlingNetworkInterface',
      'SpotInstanceAction',
      'SpotInterruption',
      'SpotInterruptionNotice',
      'Tags',
      'TagsNotice',
      'TargetLifecycleState',
      'TargetLifecycleStateNotice',
      'TimeoutPhase',
      'TokenEvent',
      'UserData',
      'UserDataKind',
      'UserDataPart',
      'VerifiedIdentity',
      'VerifyIdentityOptions',
      'WatchEvent',
      'WatchOptions',
    ],
  },
  'imds/emulator': {
    values: ['EmulatorOptionError', 'createEmulator', 'parseScenario', 'scenarios'],
    types: [
      'Content',
      'CredentialsTerms',
      'DatedContent',
      'Duration',
      'Emulator',
      'EmulatorOptions',
      'Fault',
      'FaultEffect',
      'FaultHandle',
      'FaultScope',
      'FaultStatus',
      'InstanceOptions',
      'InstanceSettings',
      'JsonNode',
      'JsonTree',
      'JsonValue',
      'LifecycleState',
      'MaintenanceCode',
      'Refusal',
      'RefuseFault',
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

  it('imports its own files, Node and its dependencies, and the command line only the one that is not bundled', async () => {
    const { metafile } = await build({
      absWorkingDir: installed,
      entryPoints: files.map(({ path }) => path).filter((path) => /\.c?js$/.test(path)),
      outdir: 'unwritten',
      write: false,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      metafile: true,
      logLevel: 'silent',
    });
    const imports = Object.entries(metafile.inputs).flatMap(([file, input]) =>
      input.imports.filter(({ external, path }) => external && !isBuiltin(path)).map(({ path }) => ({ file, path })),
    );
    assert.deepEqual([...new Set(imports.map(({ path }) => path))].sort(), Object.keys(manifest.dependencies).sort());
    const ofCommandLine = imports.filter(({ file }) => file.startsWith('dist/cli/')).map(({ path }) => path);
    assert.deepEqual([...new Set(ofCommandLine)], ['@zone-eu/mailsplit']);
  });

  it('neither loads got nor reads a file nor starts a timer nor keeps the process alive until it is asked for a value', () => {
    const got = join(folder, 'node_modules', 'got');
    renameSync(got, `${got}-away`);
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
      renameSync(`${got}-away`, got);
    }
  });

  it('has a command that says its version', () => {
    const env = guardedEnv({ npm_config_update_notifier: 'false' });
    assert.equal(run('npx', ['imds', '--version'], { env }), manifest.version);
  });
});
