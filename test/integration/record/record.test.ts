import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'mocha';
import { createEmulator, type Emulator, type EmulatorOptions } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/imds.js';
import type { Category } from '../../../src/metadata/category.js';
import { rows } from '../../../src/metadata/lookup.js';
import { type Recording, type RecordOptions, record } from '../../../src/record/record.js';

// An emulator cannot be overloaded; a real service would be asked less often.
const requestsPerSecond = 10_000;
const noon = Date.UTC(2026, 10, 23, 12);
const now = () => noon;

describe('a recording of an instance', () => {
  const clients = new Set<Imds>();
  afterEach(() => {
    for (const client of clients) client.close();
    clients.clear();
  });
  const connect = ({ url }: Emulator): Imds => {
    const client = new Imds({ endpoint: url, deadlineMs: 20_000 });
    clients.add(client);
    return client;
  };

  async function recordingOf(options: EmulatorOptions, how: RecordOptions = {}): Promise<Recording> {
    await using emulator = await createEmulator({ now, ...options });
    return await record(connect(emulator), { requestsPerSecond, ...how });
  }

  for (const keep of [false, true])
    it(`has every category and nothing left out, names ${keep ? 'kept' : 'replaced'}`, async () => {
      const { scenario, failures, values, leftOut } = await recordingOf({ scenario: 'everything' }, { keep });
      const again = await recordingOf({ scenario: JSON.parse(JSON.stringify(scenario)) }, { keep });
      assert.deepEqual([again.values, again.failures, again.leftOut], [values, [], []]);
      assert.deepEqual(failures, []);
      // The role of a task, which only iam-ecs-{ns}/info names.
      assert.equal(JSON.stringify(scenario).includes('example-task-role'), keep);
      assert.deepEqual(
        leftOut.map(({ path }) => path),
        ['managed-ssh-keys/active-keys'],
      );
    });

  it('gives a client the value of every category when it is replayed, names kept', async () => {
    const { scenario } = await recordingOf({ scenario: 'everything' }, { keep: true });
    await using original = await createEmulator({ now, scenario: 'everything' });
    await using replay = await createEmulator({ now, scenario: JSON.parse(JSON.stringify(scenario)) });
    const [before, after] = [connect(original), connect(replay)];
    const isKept = ({ path, kind, secret }: Category<unknown>): boolean =>
      !secret && kind !== 'directory' && !/active-keys|instance-identity\/(?!document)|openssh-key/.test(path);
    const kept = rows().filter(({ category }) => isKept(category));
    let found = 0;
    for (const { category } of kept) {
      const [was, is] = await Promise.all(
        [before, after].map((imds) =>
          imds.getBuffer(category.path).then(
            (body) => category.decode(body),
            ({ code }) => code,
          ),
        ),
      );
      assert.deepEqual(is, was, category.path);
      if (was !== 'ERR_IMDS_NOT_FOUND') found += 1;
    }
    assert.ok(found >= 80, `${found} categories`);
  });

  it('is read back by every accessor as what was recorded, but for what was replaced', async () => {
    const { scenario } = await recordingOf({ scenario: 'everything' });
    await using original = await createEmulator({ now, scenario: 'everything' });
    await using replay = await createEmulator({ scenario: JSON.parse(JSON.stringify(scenario)) });
    const [before, after] = [connect(original), connect(replay)];

    for (const same of [
      (imds: Imds) => imds.placement.availabilityZone(),
      (imds: Imds) => imds.instanceType(),
      (imds: Imds) => imds.spot.instanceAction(),
      (imds: Imds) => imds.blockDeviceMapping.ebs(1),
    ])
      assert.deepEqual(await same(after), await same(before));

    const [instanceId, accountId] = [await after.instanceId(), await after.accountId()];
    assert.deepEqual([instanceId, accountId], ['i-00000000000000001', '111122223333']);
    const document = await after.identityDocument();
    assert.deepEqual([document.instanceId, document.accountId], [instanceId, accountId]);
    assert.equal(document.privateIp, await after.localIpv4());

    const interfaces = await after.networkInterfaces();
    assert.deepEqual(
      interfaces.map(({ mac, isSettling }) => ({ mac, isSettling })),
      [
        { mac: '00:00:5e:00:53:00', isSettling: false },
        { mac: '00:00:5e:00:53:01', isSettling: false },
      ],
    );
    assert.deepEqual(interfaces[0]?.ipv4Associations, { '192.0.2.1': ['10.0.0.10'] });
    assert.equal(interfaces[0]?.publicHostname, 'ec2-192-0-2-1.compute-1.amazonaws.com');

    const { accessKeyId, expiration } = await after.credentials();
    assert.match(accessKeyId, /^ASIA.*EXAMPLE$/);
    assert.ok(expiration.getTime() > Date.now());
    assert.equal((await after.events.maintenance.scheduled()).length, 1);
    assert.deepEqual(Object.keys((await after.tags()) ?? {}), ['Name', 'aws:autoscaling:groupName', 'tag1']);
    assert.equal((await after.userData())?.parts[0]?.kind, 'cloud-config');
  });

  it('reads each path once, with one session token', async () => {
    await using emulator = await createEmulator({ httpTokens: 'required' });
    await record(connect(emulator), { requestsPerSecond });
    const paths = emulator.requests.map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(paths, [...new Set(paths)]);
    assert.equal(paths.filter((path) => path.startsWith('PUT')).length, 1);
    assert.deepEqual(
      paths.filter((path) => path.includes('active-keys')),
      [],
    );
  });

  it('is made while things come and go', async () => {
    await using emulator = await createEmulator({ now, scenario: 'everything' });
    let count = 0;
    const { failures, scenario } = await record(connect(emulator), {
      requestsPerSecond,
      onValue() {
        count += 1;
        if (count === 5) emulator.remove('tags');
        if (count === 8) emulator.remove('network/interfaces/macs/0e:49:61:0f:c3:77');
      },
    });
    assert.deepEqual(failures, []);
    assert.match(JSON.stringify(scenario), /"instance-id":"i-0{16}1"/);
  });

  it('has the rest when the service refuses to give something', async () => {
    await using emulator = await createEmulator({ now, scenario: 'everything' });
    emulator.set('services/domain', () => {
      throw new Error('out of order');
    });
    const client = new Imds({ endpoint: emulator.url, maxAttempts: 1 });
    clients.add(client);
    const { failures, values } = await record(client, { requestsPerSecond });
    assert.deepEqual(
      failures.map(({ path, why }) => ({ path, why })),
      [{ path: 'services/domain', why: 'answered 500' }],
    );
    assert.ok(values > 90, `${values} values`);
  });
});
