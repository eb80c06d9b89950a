import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { describe, it } from 'mocha';
import { Application, preload } from './audited.js';

const read = (path: string): string => `fetch(process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '${path}')`;

/** A package that reads when the application calls it. */
const reader = {
  'node_modules/@scope/reader/package.json': '{ "name": "@scope/reader", "version": "4.5.6", "main": "lib/main.js" }',
  // The nearest package.json says nothing of the package.
  'node_modules/@scope/reader/lib/package.json': '{ "type": "commonjs" }',
  'node_modules/@scope/reader/lib/main.js': `
    exports.read = async () => { await null; return await ${read('/latest/meta-data/mac')}; };`,
};

const calling = `
  import { read } from '@scope/reader';
  const later = () => new Promise((resolve) => setTimeout(resolve, 1));
  async function main() {
    await later();
    await read();
  }
  main();`;

describe('imds audit names', () => {
  it('the package that asks, and the line of the application that awaits it', async () => {
    await using application = await Application.create();
    const { callers } = await application.report({ 'src/app.mjs': calling, ...reader });
    const [{ package: name, packageVersion, file, line } = {}] = callers;
    assert.deepEqual(
      [name, packageVersion, file, line],
      ['@scope/reader', '4.5.6', `${application.folder}/src/app.mjs`, 6],
    );
  });

  it('the line that led to a package last, for requests that it puts off', async () => {
    await using application = await Application.create();
    const { callers } = await application.report({
      'app.cjs': `
        const { start } = require('poller');
        start();`,
      'node_modules/poller/package.json': '{ "name": "poller", "version": "1.0.0" }',
      'node_modules/poller/index.js': `
        exports.start = () => ${read('/1')}.then(() => setTimeout(() => ${read('/2')}, 10));
        setImmediate(() => ${read('/3')});`,
    });
    const [{ package: name, file, line, v1 } = {}, ...more] = callers;
    assert.deepEqual(more, []);
    assert.deepEqual([name, file, line, v1], ['poller', `${application.folder}/app.cjs`, 3, 3]);
  });

  it('the line that calls a client, which sends in a later tick', async () => {
    await using application = await Application.create();
    application.install('got');
    const { callers } = await application.report({
      'app.mjs': `
        import got from 'got';
        import request from 'request';
        const url = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
        await Promise.all([
          got(url + '/latest/meta-data/mac'),
          got(url + '/latest/meta-data/hostname'),
          new Promise((resolve) => request(url + '/3', resolve)),
        ]);`,
      'node_modules/request/package.json': '{ "name": "request" }',
      'node_modules/request/index.js': `
        const { parse } = require('node:url');
        module.exports = (text, done) => {
          const url = parse(text);
          setImmediate(() => require('node:http').get(url, (response) => response.resume().on('end', done)));
        };`,
    });
    assert.deepEqual(callers.map(({ package: name, line, paths }) => [name, line, ...paths]).toSorted(), [
      ['my-app', 6, '/latest/meta-data/mac'],
      ['my-app', 7, '/latest/meta-data/hostname'],
      ['my-app', 8, '/3'],
    ]);
  });

  it('a package that asks by itself, without a line of the application', async () => {
    await using application = await Application.create();
    const main = application.write('app.mjs', "import 'agent';");
    application.write('node_modules/agent/package.json', '{ "name": "agent", "version": "1.0.0" }');
    application.write('node_modules/agent/index.js', `setImmediate(() => ${read('/')});`);
    const { stderr } = await application.audit('--', process.execPath, main);
    assert.match(stderr, /^agent 1\.0\.0 +1 +0 +0 +1 +0\n {2}\(the application's line is not known\)$/m);
    await application.audit('--json', 'report.json', '--', process.execPath, main);
    const [{ package: name, file, line } = {}] = application.readReport().callers;
    assert.deepEqual([name, file, line], ['agent', null, null]);
  });

  it('the line of a program that is installed itself', async () => {
    await using application = await Application.create();
    const { callers } = await application.report({
      'node_modules/tool/main.mjs': "import { read } from '@scope/reader';\nawait read();",
      ...reader,
    });
    const [{ package: name, file, line } = {}] = callers;
    assert.deepEqual([name, file, line], ['@scope/reader', `${application.folder}/node_modules/tool/main.mjs`, 2]);
  });

  for (const sourcemap of ['linked', 'inline'] as const) {
    it(`the same in a bundle with a source map that is ${sourcemap}`, async () => {
      await using application = await Application.create();
      for (const [name, text] of Object.entries(reader)) application.write(name, text);
      const source = application.write('src/app.mjs', calling);
      const outfile = `${application.folder}/dist/bundle.cjs`;
      await build({ entryPoints: [source], outfile, bundle: true, minify: true, platform: 'node', sourcemap });
      const { stderr } = await application.audit('--json', 'report.json', '--', process.execPath, outfile);
      assert.match(stderr, /1 caller uses IMDSv1/);
      const { callers } = application.readReport();
      const [{ package: name, packageVersion, file, line } = {}] = callers;
      assert.deepEqual([name, packageVersion, file, line], ['@scope/reader', '4.5.6', source, 6]);
    });
  }

  it("the same by a source map with webpack's names", async () => {
    await using application = await Application.create();
    for (const [name, text] of Object.entries(reader)) application.write(name, text);
    const source = application.write('src/app.mjs', calling);
    const outfile = `${application.folder}/dist/bundle.cjs`;
    await build({ entryPoints: [source], outfile, bundle: true, minify: true, platform: 'node', sourcemap: true });
    const map = JSON.parse(readFileSync(`${outfile}.map`, 'utf8'));
    map.sources = map.sources.map((name: string) => name.replace('../', 'webpack://my-app/./'));
    application.write('dist/bundle.cjs.map', JSON.stringify(map));
    await application.audit('--json', 'report.json', '--', process.execPath, outfile);
    const [{ package: name, packageVersion, file, line } = {}] = application.readReport().callers;
    assert.deepEqual([name, packageVersion, file, line], ['@scope/reader', '4.5.6', source, 6]);
  });

  it('a bundle of many megabytes without a source map, at once', async () => {
    await using application = await Application.create();
    const { callers } = await application.report({ 'app.cjs': `${'// sourceMap\n'.repeat(400_000)}${read('/')};` });
    assert.deepEqual(callers[0]?.line, 400_001);
  });

  it('AWS SDK v3, which falls back to version 1 where tokens do not arrive', async () => {
    await using application = await Application.create({ hops: 1 });
    application.install('@smithy/credential-provider-imds');
    const { callers, findings } = await application.report({
      'app.mjs': `
        import { fromInstanceMetadata } from '@smithy/credential-provider-imds';
        await fromInstanceMetadata()();`,
    });
    const [{ package: name, line, v1, tokenRequests, paths, failures } = {}, ...more] = callers;
    assert.deepEqual(more, []);
    assert.deepEqual(
      { name, line, v1, tokenRequests, paths, failures },
      {
        name: '@smithy/credential-provider-imds',
        line: 3,
        v1: 2,
        tokenRequests: 1,
        paths: [
          '/latest/api/token',
          '/latest/meta-data/iam/security-credentials/',
          '/latest/meta-data/iam/security-credentials/*',
        ],
        failures: { unauthorized: 0, forbidden: 0, noReply: 1 },
      },
    );
    assert.deepEqual(
      findings.map(({ id }) => id),
      ['v1', 'token-reply-lost'],
    );
  });

  it("AWS's metadata client, which asks for a token for each value", async () => {
    await using application = await Application.create();
    application.install('@aws-sdk/ec2-metadata-service');
    const { callers, findings } = await application.report({
      'app.mjs': `
        import { MetadataService } from '@aws-sdk/ec2-metadata-service';
        const service = new MetadataService();
        for (const name of ['mac', 'hostname', 'ami-id']) await service.request('/latest/meta-data/' + name, {});`,
    });
    const [{ package: name, line, v2, tokenRequests, readsPerToken } = {}] = callers;
    assert.deepEqual([name, line, v2, tokenRequests, readsPerToken], ['@aws-sdk/ec2-metadata-service', 4, 3, 3, 1]);
    assert.deepEqual(
      findings.map(({ id }) => id),
      ['token-per-value'],
    );
  });

  it('imds itself, with the line that calls it', async () => {
    await using application = await Application.create();
    const { callers, findings } = await application.report({
      'app.mjs': `
        import { Imds } from '${new URL('../../../dist/index.js', import.meta.url)}';
        const imds = new Imds();
        await imds.instanceId();
        await imds.placement.region();`,
    });
    assert.deepEqual(
      callers.map(({ package: name, line, v2, tokenRequests, readsPerToken }) => [
        name,
        line,
        v2,
        tokenRequests,
        readsPerToken,
      ]),
      [
        ['imds', 4, 1, 1, 1],
        ['imds', 5, 1, 0, 1],
      ],
    );
    assert.deepEqual(findings, []);
  });

  it('a program without a package, and code without a file', async () => {
    await using application = await Application.create();
    const { code, stderr } = await application.run(process.execPath, [
      '--import',
      preload.import,
      '-e',
      read('/latest/'),
    ]);
    assert.equal(code, 0);
    assert.match(stderr, /^my-app 1\.2\.3 +1 +0 +0 +1 +0$\n {2}\[eval\](-wrapper)?:1$/m);
  });
});
