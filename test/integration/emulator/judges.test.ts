import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { MetadataService } from '@aws-sdk/ec2-metadata-service';
import { it } from 'mocha';
import type { Emulator, EmulatorOptions } from '../../../src/emulator/index.js';
import { guardedEnv } from '../../support/guard.mjs';
import { createEmulator, describeBothWays } from './both-ways.js';

const run = promisify(execFile);

/** What a program prints, run in an environment that leads it to the emulator and no further. */
async function output(emulator: Emulator, file: string, args: readonly string[], extra: Record<string, string> = {}) {
  const { stdout } = await run(file, args, { env: { ...guardedEnv(), ...emulator.env, ...extra } });
  return stdout;
}

/** What a module, given as text, prints. */
function node(emulator: Emulator, module: string, extra?: Record<string, string>) {
  return output(emulator, process.execPath, ['--input-type=module', '--eval', module], extra);
}

const summary = ({ requests }: Emulator) =>
  requests.map(({ method, version, status }) => `${method} v${version} ${status}`);

describeBothWays('AWS’s metadata client for JavaScript, asking the emulator', () => {
  for (const httpTokens of ['optional', 'required'] as const) {
    it(`reads values with a session token where tokens are ${httpTokens}`, async () => {
      await using emulator = await createEmulator({ httpTokens });
      const service = new MetadataService({ endpoint: emulator.url });
      assert.equal(await service.request('/latest/meta-data/placement/region', {}), 'us-east-1');
      assert.equal(await service.request('/latest/user-data', {}), '#cloud-config\ntimezone: Asia/Tokyo\n');
      assert.deepEqual(summary(emulator), ['PUT v2 200', 'GET v2 200', 'PUT v2 200', 'GET v2 200']);
    });
  }

  it('finds the emulator through its environment variables', async () => {
    await using emulator = await createEmulator({ httpTokens: 'required' });
    const module = `
      import { MetadataService } from '@aws-sdk/ec2-metadata-service';
      process.stdout.write(await new MetadataService().request('/latest/meta-data/instance-id', {}));
    `;
    assert.equal(await node(emulator, module), 'i-1234567890abcdef0');
    assert.deepEqual(summary(emulator), ['PUT v2 200', 'GET v2 200']);
  });

  it('falls back to version 1 when its token request vanishes, and is refused where tokens are required', async () => {
    const httpOptions = { timeout: 500 };
    await using emulator = await createEmulator({ hops: 1 });
    const service = new MetadataService({ endpoint: emulator.url, httpOptions, retries: 0 });
    assert.equal(await service.request('/latest/meta-data/placement/region', {}), 'us-east-1');
    emulator.configure({ httpTokens: 'required' });
    await assert.rejects(service.request('/latest/meta-data/placement/region', {}), /401/);
    emulator.configure({ httpPutResponseHopLimit: 2 });
    const next = new MetadataService({ endpoint: emulator.url, retries: 0 });
    assert.equal(await next.request('/latest/meta-data/placement/region', {}), 'us-east-1');
    assert.deepEqual(summary(emulator), [
      'PUT v2 unanswered',
      'GET v1 200',
      'PUT v2 unanswered',
      'GET v1 401',
      'PUT v2 200',
      'GET v2 200',
    ]);
  });

  it('fails as it does on EC2 when the endpoint is disabled', async () => {
    await using emulator = await createEmulator({ httpEndpoint: 'disabled' });
    const service = new MetadataService({ endpoint: emulator.url, retries: 0 });
    await assert.rejects(service.request('/latest/meta-data/placement/region', {}), /403/);
  });
});

describeBothWays('the credential provider of AWS’s SDK for JavaScript, asking the emulator', () => {
  const module = `
    import { fromInstanceMetadata } from '@smithy/credential-provider-imds';
    const provide = fromInstanceMetadata({ timeout: Number(process.env.TIMEOUT ?? 1000) });
    const print = (result) => process.stdout.write(JSON.stringify(result));
    await provide().then(print, ({ message }) => print({ message }));
  `;
  const credentials = async (options: EmulatorOptions, extra?: Record<string, string>) => {
    await using emulator = await createEmulator(options);
    return { result: JSON.parse(await node(emulator, module, extra)), requests: summary(emulator) };
  };

  for (const httpTokens of ['optional', 'required'] as const) {
    it(`gets the role’s credentials where tokens are ${httpTokens}`, async () => {
      const { result, requests } = await credentials({ httpTokens, now: () => Date.UTC(2126, 0, 1) });
      assert.equal(result.accessKeyId, 'ASIAIOSFODNN7EXAMPLE');
      assert.equal(result.secretAccessKey, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
      assert.match(result.sessionToken, /^FAKE\+SESSION\+TOKEN/);
      assert.equal(result.expiration, '2126-01-01T06:00:00.000Z');
      assert.deepEqual(requests, ['PUT v2 200', 'GET v2 200', 'GET v2 200']);
    });
  }

  it('gets none where no role is attached', async () => {
    const { result, requests } = await credentials({ tree: { iam: null } });
    assert.ok(result.message, JSON.stringify(result));
    assert.deepEqual(requests, ['PUT v2 200', 'GET v2 404']);
  });

  it('falls back to version 1 behind too many hops unless that is forbidden', async () => {
    const TIMEOUT = '500';
    const fallen = await credentials({ hops: 1 }, { TIMEOUT });
    assert.equal(fallen.result.accessKeyId, 'ASIAIOSFODNN7EXAMPLE');
    assert.deepEqual(fallen.requests, ['PUT v2 unanswered', 'GET v1 200', 'GET v1 200']);
    const refused = await credentials({ hops: 1 }, { TIMEOUT, AWS_EC2_METADATA_V1_DISABLED: 'true' });
    assert.match(refused.result.message, /v1/);
    assert.deepEqual(refused.requests, ['PUT v2 unanswered']);
  });
});

describeBothWays('curl, asking the emulator', () => {
  const itCurl = spawnSync('curl', ['--version']).status === 0 ? it : it.skip; // skipped where there is no curl
  const direct = ['--silent', '--show-error', '--noproxy', '*'];
  const curl = (emulator: Emulator, ...args: readonly string[]) => output(emulator, 'curl', [...direct, ...args]);

  itCurl('reads a value by the two lines of AWS’s manual', async () => {
    await using emulator = await createEmulator({ httpTokens: 'required' });
    const script = `
      TOKEN=$(curl -sS --noproxy '*' -X PUT "$0/latest/api/token" -H "X-aws-ec2-metadata-token-ttl-seconds: 21600") \\
        && curl -sS --noproxy '*' -H "X-aws-ec2-metadata-token: $TOKEN" "$0/latest/meta-data/instance-id"
    `;
    assert.equal(await output(emulator, 'sh', ['-c', script, emulator.url]), 'i-1234567890abcdef0');
  });

  itCurl('reads without a token as long as it may', async () => {
    await using emulator = await createEmulator();
    const path = `${emulator.url}/latest/meta-data/placement/region`;
    assert.equal(await curl(emulator, path), 'us-east-1');
    emulator.configure({ httpTokens: 'required' });
    assert.equal(await curl(emulator, '--write-out', '%{http_code}', path), '401');
  });

  itCurl('waits in vain for a token behind too many hops', async () => {
    await using emulator = await createEmulator({ hops: 1 });
    const request = ['-X', 'PUT', `${emulator.url}/latest/api/token`, '-H', 'X-aws-ec2-metadata-token-ttl-seconds: 60'];
    const timedOut = 28;
    await assert.rejects(curl(emulator, '--max-time', '1', ...request), { code: timedOut, stdout: '' });
    assert.deepEqual(summary(emulator), ['PUT v2 unanswered']);
  });
});
