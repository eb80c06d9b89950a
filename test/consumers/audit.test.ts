/** The packed audit on the code of others, from npm. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { CallerReport, Report } from '../../src/audit/report.js';
import { demanded, environment, obstacle, outcome } from '../lab/labs.js';
import { guardedEnv } from '../support/guard.mjs';
import { Installation } from '../support/packed.js';

const packages = [
  '@aws-sdk/credential-providers@3',
  'aws-sdk@2',
  '@opentelemetry/resource-detector-aws@3',
  'axios@1',
  'got@14',
  'undici@6',
];

const read = "const url = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/latest/meta-data/mac';";

describe('imds audit', () => {
  let packed: Installation;
  before(() => {
    packed = new Installation(packages);
  });
  after(() => packed?.remove());

  const versionOf = (name: string): string =>
    JSON.parse(readFileSync(join(packed.folder, 'node_modules', name, 'package.json'), 'utf8')).version;
  const imds = (): string => join(packed.folder, 'node_modules/.bin/imds');
  const report = (): Report => JSON.parse(readFileSync(join(packed.folder, 'report.json'), 'utf8'));

  const summary = ({ package: name, packageVersion, v1, v2, line }: CallerReport): readonly unknown[] => [
    name,
    packageVersion,
    v1,
    v2,
    line,
  ];

  /** The report on a program whose tokens get lost, so that it falls back if it can. */
  function audited(program: string): Report {
    packed.write('app.mjs', program);
    const audit = [imds(), 'audit', '--json', 'report.json', '--'];
    // What the guard wraps would be taken for the program's own code: the emulator is all that is asked.
    const env = guardedEnv({ NODE_OPTIONS: undefined });
    const command = [process.execPath, '--no-warnings', 'app.mjs'];
    packed.run(imds(), ['emulate', '--hops', '1', '--', ...audit, ...command], { env });
    return report();
  }

  it('names AWS SDK v3, which falls back', () => {
    const { callers, findings } = audited(`
      import { fromInstanceMetadata } from '@aws-sdk/credential-providers';
      await fromInstanceMetadata()();`);
    const [{ package: name, packageVersion, v1, tokenRequests, line } = {}, ...more] = callers;
    assert.deepEqual(more, []);
    assert.equal(packageVersion, versionOf('@smithy/credential-provider-imds'));
    assert.deepEqual([name, v1, tokenRequests, line], ['@smithy/credential-provider-imds', 2, 1, 3]);
    assert.deepEqual(
      findings.map(({ id }) => id),
      ['v1', 'token-reply-lost'],
    );
  });

  it('names AWS SDK v2, which falls back, and asks without a token', () => {
    const { callers } = audited(`
      import AWS from 'aws-sdk';
      await new Promise((resolve) => new AWS.EC2MetadataCredentials().get(resolve));
      await new Promise((resolve) => new AWS.MetadataService().request('/latest/meta-data/mac', resolve));`);
    assert.deepEqual(callers.map(summary), [
      ['aws-sdk', versionOf('aws-sdk'), 2, 0, 3],
      ['aws-sdk', versionOf('aws-sdk'), 1, 0, 4],
    ]);
    assert.deepEqual(callers[1]?.paths, ['/latest/meta-data/mac']);
  });

  it('names the call of AWS SDK v2 for which it looks for credentials', () => {
    const { callers } = audited(`
      import S3 from 'aws-sdk/clients/s3.js';
      const s3 = new S3({ region: 'eu-west-1', endpoint: 'http://127.0.0.1:9', maxRetries: 0 });
      setTimeout(async () => {
        await null;
        await s3.listBuckets().promise().catch(() => {});
      }, 1);`);
    assert.deepEqual(callers.map(summary), [['aws-sdk', versionOf('aws-sdk'), 2, 0, 6]]);
  });

  for (const [client, program] of [
    ['axios', `import axios from 'axios';\n${read}\nawait axios.get(url);`],
    ['undici', `import { request } from 'undici';\n${read}\nawait (await request(url)).body.text();`],
    ['got', `import got from 'got';\n${read}\nawait got(url);`],
    ["undici's fetch", `import { fetch } from 'undici';\n${read}\nawait (await fetch(url)).text();`],
  ] as const) {
    it(`looks through ${client} to the program`, () => {
      const [{ file, line, v1 } = {}] = audited(program).callers;
      assert.deepEqual([file?.endsWith('/app.mjs'), line, v1], [true, 3, 1]);
    });
  }

  it('names the detector of OpenTelemetry, at the real address', async function () {
    demanded(this, await obstacle());
    packed.write(
      'app.mjs',
      `import { awsEc2Detector } from '@opentelemetry/resource-detector-aws';
      const { attributes } = awsEc2Detector.detect();
      console.log(await attributes['host.id']);`,
    );
    const audit = [imds(), 'audit', '--json', 'report.json', '--', process.execPath, 'app.mjs'];
    const child = spawn(imds(), ['lab', '--in', 'host', '--', ...audit], { cwd: packed.folder, env: environment() });
    const { code, stdout, stderr } = await outcome(child);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'i-1234567890abcdef0\n');
    const { callers, findings } = report();
    const [{ package: name, packageVersion, v1, v2, tokenRequests, line } = {}, ...more] = callers;
    assert.deepEqual(more, []);
    assert.deepEqual(
      [name, packageVersion, v1, v2, tokenRequests, line],
      ['@opentelemetry/resource-detector-aws', versionOf('@opentelemetry/resource-detector-aws'), 0, 2, 1, 2],
    );
    assert.deepEqual(findings, []);
  });
});
