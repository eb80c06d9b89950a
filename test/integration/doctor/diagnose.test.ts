import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Transport } from '../../../src/client/transport.js';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/imds.js';
import { DocExamples } from '../../support/doc-examples.js';

describe('diagnosis and platform of a client', () => {
  let emulator: Emulator;
  let imds: Imds;
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required' });
    imds = new Imds({ endpoint: emulator.url });
  });
  afterEach(async () => {
    imds.close();
    await emulator.close();
  });

  describe('imds.diagnose', () => {
    it('is healthy where IMDSv2 works, and needs nothing', async () => {
      const { verdict, summary, fix, path } = await imds.diagnose();
      assert.equal(verdict, 'healthy');
      assert.match(summary, /^IMDSv2 works; this is i-1234567890abcdef0 in us-east-1\./);
      assert.deepEqual(fix, []);
      assert.deepEqual(
        path.map(({ name }) => name),
        ['this process', emulator.url],
      );
      assert.ok(emulator.requests.every(({ version }) => version === 2));
    });

    it('blames the hop limit where the token reply is lost, and has the command that helps', async () => {
      emulator.configure({ hops: 1 });
      const { verdict, hopLimit, fix } = await imds.diagnose();
      assert.equal(verdict, 'hop-limit');
      assert.equal(hopLimit, 2);
      assert.match(fix[0]?.command ?? '', /--http-put-response-hop-limit 2 --http-endpoint enabled$/);
      assert.ok(emulator.requests.every(({ version }) => version === 2));
    });

    it('finds the endpoint disabled', async () => {
      emulator.configure({ httpEndpoint: 'disabled' });
      const { verdict, fix } = await imds.diagnose();
      assert.equal(verdict, 'endpoint-disabled');
      assert.match(fix[0]?.command ?? '', /--http-endpoint enabled$/);
    });

    it('rejects with what keeps it from asking, when that is no answer of a service', async () => {
      const damaged = new Error('a damaged installation');
      const request = mock.method(Transport.prototype, 'request', async () => {
        throw damaged;
      });
      try {
        await assert.rejects(imds.diagnose(), damaged);
      } finally {
        request.mock.restore();
      }
    });

    it('ends when its signal aborts', async () => {
      const reason = new Error('enough');
      await assert.rejects(imds.diagnose({ signal: AbortSignal.abort(reason) }), reason);
      assert.equal(emulator.requests.length, 0);
    });

    it('finds why its own reads fail', async () => {
      emulator.configure({ hops: 1 });
      const impatient = new Imds({ endpoint: emulator.url, maxAttempts: 1, requestTimeoutMs: 50 });
      await assert.rejects(impatient.instanceId(), { code: 'ERR_IMDS_HOP_LIMIT' });
      assert.equal((await impatient.diagnose()).verdict, 'hop-limit');
    });
  });

  it('imds.platform tells where it runs without a request, and once for the process', () => {
    const platform = imds.platform();
    assert.equal(typeof platform.onEc2, 'boolean');
    assert.match(platform.why, /./);
    assert.equal(imds.platform(), platform);
    assert.equal(new Imds({ endpoint: emulator.url }).platform(), platform);
    assert.ok(Object.isFrozen(platform));
    assert.equal(emulator.requests.length, 0);
  });

  it('imds.isEC2 answers yes or no, without a request', () => {
    assert.equal(imds.isEC2(), imds.platform().onEc2);
    assert.equal(emulator.requests.length, 0);
  });

  it('the example of docs/doctor.md prints what is wrong and the command that helps', async () => {
    emulator.configure({ hops: 1 });
    process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = emulator.url;
    try {
      using examples = new DocExamples('doctor.md');
      const { printed } = await examples.run('imds.diagnose');
      const { summary, fix } = await imds.diagnose();
      assert.deepEqual(printed, [`${summary} ${fix[0]?.command}`]);
    } finally {
      delete process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
    }
  });

  it('docs/doctor.md has every field of a platform', () => {
    using examples = new DocExamples('doctor.md');
    const fields = Object.keys(imds.platform());
    assert.deepEqual(
      fields.filter((field) => !examples.page.includes(`\n| \`${field}\` |`)),
      [],
    );
  });
});
