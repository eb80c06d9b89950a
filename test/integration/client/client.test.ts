import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { ImdsOptions } from '../../../src/client/options.js';
import { createEmulator, type Emulator, type EmulatorOptions } from '../../../src/emulator/index.js';
import { isImdsError } from '../../../src/errors.js';
import { Imds } from '../../../src/imds.js';
import { rows } from '../../../src/metadata/lookup.js';
import { hasIPv6 } from '../../support/ipv6.js';

const mac = '0e:49:61:0f:c3:11';

/** An emulator and a client of it, whose clock the test moves. */
async function pair(emulation: EmulatorOptions = {}, options: ImdsOptions = {}) {
  const clock = { ms: 0 };
  const start = Date.now();
  const emulator = await createEmulator({ now: () => start + clock.ms, ...emulation });
  const imds = new Imds({ endpoint: emulator.url, retryDelayMs: 1, now: () => clock.ms, ...options });
  return {
    emulator,
    imds,
    clock,
    async [Symbol.asyncDispose]() {
      imds.close();
      await emulator.close();
    },
  };
}

const seen = (emulator: Emulator): string[] => emulator.requests.map(({ method, path }) => `${method} ${path}`);

describe('the client with the emulator', () => {
  it('reads values of every kind, each with the least requests', async () => {
    await using it = await pair();
    const { imds, emulator } = it;
    assert.match(await imds.instanceId(), /^i-[0-9a-f]{17}$/);
    assert.equal(await imds.amiLaunchIndex(), 0);
    assert.deepEqual(await imds.network.interfaces.macs.mac(mac).ipv4Associations(), ['192.0.2.54']);
    assert.equal((await imds.dynamic.instanceIdentity.document()).instanceId, await imds.instanceId());
    assert.equal(await imds.region(), (await imds.dynamic.instanceIdentity.document()).region);
    assert.equal(await imds.get('placement/region'), await imds.region());
    assert.ok((await imds.userData())?.raw.length);
    assert.deepEqual(
      seen(emulator).filter((request) => !request.startsWith('GET /latest/')),
      ['PUT /latest/api/token'],
    );
    assert.equal(new Set(seen(emulator)).size, emulator.requests.length, 'nothing is asked for twice');
    assert.ok(emulator.requests.every(({ version, status }) => version === 2 && status === 200));
  });

  it('decodes what the emulator serves for every category of the table', async () => {
    await using it = await pair({ scenario: 'everything' });
    // Where the table's examples have other names than the instance that the emulator brings along.
    for (const directory of ['iam/security-credentials', 'iam/security-credentials-extended'])
      it.emulator.set(`${directory}/web-role`, await it.imds.get(`${directory}/example-role`));
    it.emulator.set('managed-ssh-keys/signer-ocsp/9bf6a4d1e2', 'MIIB');
    const unread: string[] = [];
    for (const { call, category } of rows())
      try {
        assert.notEqual(category.decode(await it.imds.getBuffer(category.path)), undefined);
      } catch (error) {
        assert.ok(isImdsError(error) && error.code === 'ERR_IMDS_NOT_FOUND', `${call}: ${error}`);
        unread.push(call);
      }
    assert.deepEqual(unread, []);
  });

  it('gives all tags as a record, and undefined once they are disabled', async () => {
    await using it = await pair();
    const tags = await it.imds.tags();
    assert.deepEqual(Object.keys(tags ?? {}), await it.imds.list('tags/instance'));
    it.emulator.configure({ instanceMetadataTags: 'disabled' });
    it.clock.ms += 1000;
    assert.equal(await it.imds.tags(), undefined);
    await assert.rejects(it.imds.get('tags/instance/Name', { fresh: true }), (error) => {
      assert.ok(isImdsError(error));
      assert.match(error.hint ?? '', /InstanceMetadataTags/);
      return true;
    });
  });

  it('reads where session tokens are required, and gives one to other programs that do', async () => {
    await using it = await pair({ httpTokens: 'required' });
    await it.imds.instanceId();
    const headers = { 'X-aws-ec2-metadata-token': await it.imds.token() };
    const answer = await fetch(`${it.imds.endpoint}/latest/meta-data/instance-id`, { headers });
    assert.equal(await answer.text(), await it.imds.instanceId());
  });

  it('fetches one new token when the service no longer accepts the old one', async () => {
    await using it = await pair();
    const { imds, emulator } = it;
    const type = await imds.instanceType();
    emulator.expireTokens();
    emulator.set('instance-type', 'm7g.16xlarge');
    assert.equal(await imds.instanceType(), type, 'nothing tells of another life yet');
    await Promise.all([imds.mac(), imds.amiId(), imds.reservationId()]);
    assert.equal(await imds.instanceType(), 'm7g.16xlarge');
    assert.equal(seen(emulator).filter((request) => request.startsWith('PUT')).length, 2);
  });

  it('is never refused a token, however often one ends', async () => {
    await using it = await pair({}, { tokenTtlSeconds: 60, cache: false });
    for (let minute = 0; minute < 20; minute++) {
      it.clock.ms += 7919;
      await it.imds.instanceId();
    }
    assert.ok(it.emulator.requests.every(({ status }) => status === 200));
  });

  it('names the hop limit when the token reply is lost, and reads once it is raised', async () => {
    await using it = await pair({ hops: 1 }, { requestTimeoutMs: 200, maxAttempts: 1 });
    const { imds, emulator, clock } = it;
    await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_HOP_LIMIT' });
    emulator.configure({ httpPutResponseHopLimit: 2 });
    await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_HOP_LIMIT' });
    assert.equal(emulator.requests.length, 1);
    clock.ms += 5000;
    await imds.instanceId();
  });

  it('reads in version 1 behind too many hops where that is allowed, and in version 2 once it can', async () => {
    await using it = await pair({ hops: 1 }, { requestTimeoutMs: 1000, maxAttempts: 1, allowV1: true });
    const { imds, emulator, clock } = it;
    await imds.instanceId();
    emulator.configure({ httpTokens: 'required', httpPutResponseHopLimit: 2 });
    clock.ms += 5000;
    await imds.mac();
    await imds.amiId();
    assert.deepEqual(
      emulator.requests.map(({ method, version, status }) => `${method} v${version} ${status}`),
      ['PUT v2 unanswered', 'GET v1 200', 'GET v1 401', 'PUT v2 200', 'GET v2 200', 'GET v2 200'],
    );
  });

  it('says how to enable a service that is disabled', async () => {
    await using it = await pair({ httpEndpoint: 'disabled' });
    await assert.rejects(it.imds.instanceId(), (error) => {
      assert.ok(isImdsError(error));
      assert.equal(error.code, 'ERR_IMDS_FORBIDDEN');
      assert.match(error.hint ?? '', /HttpEndpoint=disabled.*--http-endpoint enabled/);
      return true;
    });
    assert.equal(it.emulator.requests.length, 1);
  });

  it('sees a Spot interruption notice within a second of its being issued', async () => {
    await using it = await pair();
    it.emulator.remove('spot');
    assert.equal(await it.imds.spot.instanceAction(), undefined);
    it.emulator.set('spot/instance-action', '{"action": "stop", "time": "2026-11-23T09:30:00Z"}');
    it.clock.ms += 1000;
    assert.deepEqual(await it.imds.spot.instanceAction(), { action: 'stop', time: '2026-11-23T09:30:00Z' });
  });

  it('reads a directory without its slash on Xen, which redirects to it', async () => {
    await using it = await pair({ system: 'xen' });
    assert.equal(await it.imds.get('iam/security-credentials'), await it.imds.get('iam/security-credentials/'));
    assert.equal(await it.imds.instanceId(), await it.imds.get('instance-id'));
  });

  it('reads over IPv6', async function () {
    if (!hasIPv6) this.skip(); // no ::1 on this machine
    await using it = await pair({ host: '::1' });
    assert.match(it.imds.endpoint, /^http:\/\/\[::1\]:\d+$/);
    await it.imds.instanceId();
  });
});
