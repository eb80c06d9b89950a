import assert from 'node:assert/strict';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/imds.js';
import { categoryOf } from '../../../src/metadata/lookup.js';
import { DocExamples } from '../../support/doc-examples.js';
import { imds as imdsCommand, type Stand, serve } from '../cli/harness.js';

const macs = 'network/interfaces/macs';
const primary = '0e:49:61:0f:c3:11';
const secondary = '0e:49:61:0f:c3:77';
const hotPlugged = '0e:49:61:0f:c3:99';

const vpc = {
  'owner-id': '123456789012',
  'vpc-id': 'vpc-0a1b2c3d4e5f60718',
  'vpc-ipv4-cidr-block': '10.0.0.0/16',
  'vpc-ipv4-cidr-blocks': '10.0.0.0/16',
};

/** The leaves of an interface in a dual-stack subnet. */
const leaves = (number: number, mac: string) => ({
  ...vpc,
  mac,
  'device-number': String(number),
  'interface-id': `eni-${String(number).padStart(17, '0')}`,
  ipv6s: `2001:db8:8:4::${number}`,
  'local-hostname': `ip-10-0-1-${number}.ec2.internal`,
  'local-ipv4s': `10.0.1.${number}`,
  'security-group-ids': 'sg-0b07f8f6cb485d4df',
  'security-groups': 'web',
  'subnet-id': 'subnet-0ac62554d1e2f3a4b',
  'subnet-ipv4-cidr-block': '10.0.1.0/24',
  'subnet-ipv6-cidr-blocks': '2001:db8:8:4::/64',
  'vpc-ipv6-cidr-blocks': '2001:db8:8::/56',
});

/** An instance with these interfaces and nothing else, the first of them primary. */
function withInterfaces(...interfaces: readonly (readonly [mac: string, leaves: Readonly<Record<string, string>>])[]) {
  const tree = { mac: interfaces[0]?.[0] ?? '', [macs]: Object.fromEntries(interfaces) };
  return createEmulator({ base: 'empty', tree, httpTokens: 'required' });
}

/** The paths asked for while `act` runs, without tokens. */
async function asked(emulator: Emulator, act: () => Promise<unknown>): Promise<string[]> {
  const before = emulator.requests.length;
  await act();
  const paths = emulator.requests.slice(before).map(({ path }) => path);
  return paths.filter((path) => path !== '/latest/api/token');
}

/** A proxy for an emulator that delays each answer and counts simultaneous requests. */
async function relay(emulator: Emulator, delayMs: number): Promise<Stand & { mostAtOnce(): number }> {
  let underWay = 0;
  let most = 0;
  const passOn: http.RequestListener = (request, response) => {
    most = Math.max(most, ++underWay);
    const { method, headers } = request;
    const onward = http.request(`${emulator.url}${request.url}`, { method, headers }, async (answer) => {
      const body = Buffer.concat(await answer.toArray());
      await sleep(delayMs);
      underWay -= 1;
      response.writeHead(answer.statusCode ?? 502, answer.headers).end(body);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  };
  return { ...(await serve(passOn, passOn)), mostAtOnce: () => most };
}

describe('imds.networkInterfaces()', () => {
  it('gives every interface, the primary one first', async () => {
    await using emulator = await createEmulator({ httpTokens: 'required', scenario: 'everything' });
    using imds = new Imds({ endpoint: emulator.url });
    const inVpc = {
      vpcId: 'vpc-0a1b2c3d4e5f60718',
      ownerId: '123456789012',
      vpcIpv4CidrBlock: '10.0.0.0/16',
      vpcIpv4CidrBlocks: ['10.0.0.0/16', '10.1.0.0/16'],
      vpcIpv6CidrBlocks: ['2001:db8:8::/56'],
      isComplete: true,
      isSettling: false,
    };
    assert.deepEqual(await imds.networkInterfaces(), [
      {
        ...inVpc,
        mac: primary,
        isPrimary: true,
        networkCard: 0,
        deviceNumber: 0,
        interfaceId: 'eni-0f95d3625f5c521cc',
        subnetId: 'subnet-0ac62554d1e2f3a4b',
        localHostname: 'ip-10-0-1-10.ec2.internal',
        localIpv4s: ['10.0.1.10', '10.0.1.11'],
        ipv6s: ['2001:db8:8:4::10', '2001:db8:8:4::11'],
        publicIpv4s: ['192.0.2.54'],
        publicHostname: 'ec2-192-0-2-54.compute-1.amazonaws.com',
        ipv4Associations: { '192.0.2.54': ['10.0.1.10'] },
        ipv4Prefix: ['10.0.1.16/28'],
        ipv6Prefix: ['2001:db8:8:4:a::/80'],
        securityGroups: ['web', 'ssh'],
        securityGroupIds: ['sg-0b07f8f6cb485d4df', 'sg-0c18a9b7dc596e5e0'],
        subnetIpv4CidrBlock: '10.0.1.0/24',
        subnetIpv6CidrBlocks: ['2001:db8:8:4::/64'],
      },
      {
        ...inVpc,
        mac: secondary,
        isPrimary: false,
        networkCard: 1,
        deviceNumber: 1,
        interfaceId: 'eni-0a84c2514e4b410bb',
        subnetId: 'subnet-0bd73665e2f3a4b5c',
        localHostname: 'ip-10-0-2-20.ec2.internal',
        localIpv4s: ['10.0.2.20'],
        ipv6s: ['2001:db8:8:5::20'],
        securityGroups: ['backend'],
        securityGroupIds: ['sg-0d29ba08ed6a7f6f1'],
        subnetIpv4CidrBlock: '10.0.2.0/24',
        subnetIpv6CidrBlocks: ['2001:db8:8:5::/64'],
      },
    ]);
  });

  it('gives an IPv6-only interface', async () => {
    const { 'local-ipv4s': _, 'subnet-ipv4-cidr-block': __, ...ipv6Only } = leaves(0, primary);
    await using emulator = await withInterfaces([primary, ipv6Only]);
    using imds = new Imds({ endpoint: emulator.url });
    const [found] = await imds.networkInterfaces();
    assert.deepEqual(
      [found?.isSettling, found?.localIpv4s, found?.subnetIpv4CidrBlock, found?.ipv6s],
      [false, undefined, undefined, ['2001:db8:8:4::0']],
    );
  });

  it('gives an EFA-only interface on another network card: device 0 again, and no address', async () => {
    const { ipv6s: _, 'local-ipv4s': __, ...efaOnly } = leaves(0, secondary);
    await using emulator = await withInterfaces(
      [primary, { ...leaves(0, primary), 'network-card': '0' }],
      [secondary, { ...efaOnly, 'network-card': '1' }],
    );
    using imds = new Imds({ endpoint: emulator.url });
    const [, found] = await imds.networkInterfaces();
    assert.ok(found && !found.isSettling && !found.isPrimary);
    assert.deepEqual([found.networkCard, found.deviceNumber], [1, 0]);
    assert.ok(!('localIpv4s' in found || 'ipv6s' in found));
  });

  it('gives private addresses by public one, and prefixes', async () => {
    await using emulator = await withInterfaces([
      primary,
      {
        ...leaves(0, primary),
        'ipv4-associations/192.0.2.54': '10.0.1.10',
        'ipv4-associations/198.51.100.7': '10.0.1.11\n10.0.1.12',
        'ipv4-prefix': '10.0.1.16/28\n10.0.1.32/28',
        'ipv6-prefix': '2001:db8:8:4:a::/80',
      },
    ]);
    using imds = new Imds({ endpoint: emulator.url });
    const [found] = await imds.networkInterfaces();
    assert.deepEqual(found?.ipv4Associations, {
      '192.0.2.54': ['10.0.1.10'],
      '198.51.100.7': ['10.0.1.11', '10.0.1.12'],
    });
    assert.deepEqual(found.ipv4Prefix, ['10.0.1.16/28', '10.0.1.32/28']);
    assert.deepEqual(found.ipv6Prefix, ['2001:db8:8:4:a::/80']);
  });

  describe('for an interface attached to a running instance', () => {
    const attach = (emulator: Emulator, tree: Readonly<Record<string, string>>) =>
      emulator.set(`${macs}/${hotPlugged}`, { mac: hotPlugged, 'device-number': '0', ...tree });

    it('reads it again until it is settled, and nothing else that is cached', async () => {
      await using emulator = await createEmulator({ scenario: 'everything' });
      using imds = new Imds({ endpoint: emulator.url, cache: { liveMaxAgeMs: 60_000 } });
      attach(emulator, { 'interface-id': 'eni-0f95d3625f5c521aa' });
      const [, , settling] = await imds.networkInterfaces();
      assert.deepEqual(settling, {
        mac: hotPlugged,
        isPrimary: false,
        isComplete: false,
        isSettling: true,
        interfaceId: 'eni-0f95d3625f5c521aa',
      });

      attach(emulator, { ...leaves(2, hotPlugged), 'network-card': '1' });
      const again = await asked(emulator, async () => {
        const [, , settled] = await imds.networkInterfaces();
        assert.deepEqual(
          [settled?.isSettling, settled?.networkCard, settled?.deviceNumber, settled?.localIpv4s],
          [false, 1, 2, ['10.0.1.2']],
        );
      });
      const elsewhere = again.filter((path) => !path.startsWith(`/latest/meta-data/${macs}/${hotPlugged}/`));
      assert.deepEqual(elsewhere, [`/latest/meta-data/${macs}/`]);
      assert.deepEqual(await asked(emulator, () => imds.networkInterfaces()), []);
    });

    it('treats device 0 as missing unless the interface is primary', async () => {
      await using emulator = await createEmulator({ scenario: 'everything' });
      using imds = new Imds({ endpoint: emulator.url });
      attach(emulator, { ...leaves(0, hotPlugged), 'network-card': '0' });
      const found = await imds.networkInterfaces();
      assert.deepEqual(
        found.map(({ mac, isPrimary, deviceNumber }) => [mac, isPrimary, deviceNumber]),
        [
          [primary, true, 0],
          [hotPlugged, false, undefined],
          [secondary, false, 1],
        ],
      );
    });
  });

  for (const leaf of ['interface-id', 'subnet-id', 'vpc-ipv4-cidr-blocks'])
    it(`leaves out an interface that is detached while its ${leaf} is read`, async () => {
      await using emulator = await createEmulator({ scenario: 'everything' });
      using imds = new Imds({ endpoint: emulator.url });
      emulator.set(`${macs}/${secondary}/${leaf}`, () => {
        emulator.remove(`${macs}/${secondary}`);
        return 'the last that is heard of it';
      });
      assert.deepEqual(
        (await imds.networkInterfaces()).map(({ mac }) => mac),
        [primary],
      );
    });

  it('fails when a request fails, and reads no further interface', async () => {
    await using emulator = await createEmulator();
    using imds = new Imds({ endpoint: emulator.url });
    emulator.set(`${macs}/${primary}/interface-id`, () => {
      emulator.configure({ httpEndpoint: 'disabled' });
      return 'eni-0f95d3625f5c521cc';
    });
    const all = await asked(emulator, () => assert.rejects(imds.networkInterfaces(), { code: 'ERR_IMDS_FORBIDDEN' }));
    assert.ok(!all.some((path) => path.includes(secondary)), all.join('\n'));
    assert.equal(new Set(all).size, all.length);
  });

  it('fails when the call runs out of time', async () => {
    await using emulator = await createEmulator({ scenario: 'everything' });
    const { url, close } = await relay(emulator, 250);
    using imds = new Imds({ endpoint: url });
    await imds.token();
    const some = await asked(emulator, () =>
      assert.rejects(imds.networkInterfaces({ deadlineMs: 500 }), { code: 'ERR_IMDS_TIMEOUT' }),
    );
    assert.ok(some.length <= 3 * 4, some.join('\n'));
    await close();
  });

  it('rejects with the reason of the signal', async () => {
    await using emulator = await createEmulator();
    using imds = new Imds({ endpoint: emulator.url });
    const caller = new AbortController();
    emulator.set(`${macs}/${primary}/vpc-id`, () => {
      caller.abort(new Error('enough'));
      return 'vpc-0a1b2c3d4e5f60718';
    });
    await assert.rejects(imds.networkInterfaces({ signal: caller.signal }), { message: 'enough' });
  });
});

describe('imds.networkInterfaces() with fifteen interfaces', () => {
  const fifteen = Array.from({ length: 15 }, (_, number) => {
    const mac = `0e:49:61:0f:c3:${String(number + 10)}`;
    return [mac, leaves(number, mac)] as const;
  });

  it('takes fewer requests than reading every leaf', async () => {
    await using emulator = await withInterfaces(...fifteen);
    const patient = { endpoint: emulator.url, deadlineMs: 60_000 };
    using one = new Imds(patient);
    using other = new Imds(patient);
    const ours = await asked(emulator, () => one.networkInterfaces());
    const leafByLeaf = await asked(emulator, async () => {
      for (const name of await other.network.interfaces.macs()) {
        const { profile: _, ...nic } = other.network.interfaces.macs.mac(name);
        await Promise.all(Object.values(nic).map((leaf) => typeof leaf === 'function' && leaf()));
      }
    });
    // A listing is read instead of the leaf that repeats the MAC address.
    assert.equal(ours.length, 2 + fifteen.flatMap(([, each]) => Object.keys(each)).length);
    assert.ok(ours.length < leafByLeaf.length, `${ours.length} requests, and ${leafByLeaf.length}`);
  });

  it('requests only what may have changed when called again', async () => {
    await using emulator = await withInterfaces(...fifteen);
    let now = 0;
    using imds = new Imds({ endpoint: emulator.url, now: () => now });
    const first = await imds.networkInterfaces();
    assert.deepEqual(await asked(emulator, () => imds.networkInterfaces()), []);
    now += 2000;
    const again = await asked(emulator, async () => assert.deepEqual(await imds.networkInterfaces(), first));
    assert.ok(again.length > 0);
    for (const path of again) {
      // Device number 0 is live: new interfaces have it until they get their own.
      const isPrimaryNumber = path === `/latest/meta-data/${macs}/${fifteen[0]?.[0]}/device-number`;
      assert.ok(isPrimaryNumber || categoryOf(path)?.mutability === 'live', path);
    }
  });

  it('has at most eight requests under way, and gives them in order', async () => {
    await using emulator = await withInterfaces(...fifteen);
    const { url, close, mostAtOnce } = await relay(emulator, 2);
    using imds = new Imds({ endpoint: url, deadlineMs: 60_000 });
    const found = await imds.networkInterfaces();
    assert.deepEqual(
      found.map(({ deviceNumber }) => deviceNumber),
      fifteen.map((_, number) => number),
    );
    assert.ok(mostAtOnce() <= 8, `${mostAtOnce()} at once`);
    await close();
  });
});

describe('docs/network.md', () => {
  let examples: DocExamples;
  let emulator: Emulator;
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required', scenario: 'everything' });
    examples = new DocExamples('network.md');
    process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = emulator.url;
  });
  afterEach(async () => {
    delete process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
    examples[Symbol.dispose]();
    await emulator.close();
  });

  for (const words of ['for (const { interfaceId', 'const [primary]'])
    it(`prints the output shown after ${words}`, async () => {
      const { printed } = await examples.run(words);
      assert.ok(printed.length > 0);
      assert.deepEqual(printed, examples.told(words));
    });

  it('waits until an interface is settled', async () => {
    const { interfaceOnceSettled } = (await examples.run('interfaceOnceSettled')).exported;
    assert.ok(typeof interfaceOnceSettled === 'function');
    const attach = (tree: Readonly<Record<string, string>>) => emulator.set(`${macs}/${hotPlugged}`, tree);
    attach({ 'device-number': '0' });
    const settled: Promise<unknown> = Reflect.apply(interfaceOnceSettled, undefined, [hotPlugged]);
    const isReading = () => emulator.requests.some(({ path }) => path.includes(`${hotPlugged}/device-number`));
    while (!isReading()) await sleep(5);
    attach({ ...leaves(2, hotPlugged), 'network-card': '0' });
    const found = await settled;
    assert.ok(typeof found === 'object' && found !== null && 'deviceNumber' in found);
    assert.equal(found.deviceNumber, 2);
  });

  it('runs every example', () => {
    assert.equal(examples.all.length, 3);
  });

  it('shows the output of imds network', async () => {
    const [, shown] = /^```text\n([\s\S]*?)^```$/m.exec(examples.page) ?? [];
    const { stdout } = await imdsCommand('network', '--endpoint', emulator.url);
    assert.equal(shown, stdout.toString());
  });

  it('lists every property', async () => {
    using imds = new Imds({ endpoint: emulator.url });
    const [primary] = await imds.networkInterfaces();
    const told = examples.page.matchAll(/^\| `(\w+)` \|/gm);
    assert.deepEqual(
      Array.from(told, ([, name]) => name),
      Object.keys(primary ?? {}),
    );
  });
});
