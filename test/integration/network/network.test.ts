import assert from 'node:assert/strict';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/imds.js';
import { categoryOf } from '../../../src/metadata/lookup.js';
import { networkInterfaces } from '../../../src/network/interfaces.js';
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

/** What instances have of an interface in a subnet of both IP versions. */
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

/** An instance that has these interfaces and nothing else, the first being the primary one. */
function withInterfaces(...interfaces: readonly (readonly [mac: string, leaves: Readonly<Record<string, string>>])[]) {
  const tree = { mac: interfaces[0]?.[0] ?? '', [macs]: Object.fromEntries(interfaces) };
  return createEmulator({ base: 'empty', tree, httpTokens: 'required' });
}

/** What is asked for, tokens left out, while `act` runs. */
async function asked(emulator: Emulator, act: () => Promise<unknown>): Promise<string[]> {
  const before = emulator.requests.length;
  await act();
  const paths = emulator.requests.slice(before).map(({ path }) => path);
  return paths.filter((path) => path !== '/latest/api/token');
}

/** Passes requests on to an emulator, each after some time, and counts how many are under way. */
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
    request.pipe(onward);
  };
  return { ...(await serve(passOn, passOn)), mostAtOnce: () => most };
}

describe('the network interfaces of an instance', () => {
  it('are given as they are, the primary one first', async () => {
    await using emulator = await createEmulator({ httpTokens: 'required' });
    using imds = new Imds({ endpoint: emulator.url });
    const inVpc = {
      vpcId: 'vpc-0a1b2c3d4e5f60718',
      ownerId: '123456789012',
      vpcIpv4CidrBlock: '10.0.0.0/16',
      vpcIpv4CidrBlocks: ['10.0.0.0/16', '10.1.0.0/16'],
      vpcIpv6CidrBlocks: ['2001:db8:8::/56'],
      isSettling: false,
    };
    assert.deepEqual(await networkInterfaces(imds), [
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

  it('can all be IPv6-only', async () => {
    const { 'local-ipv4s': _, 'subnet-ipv4-cidr-block': __, ...ipv6Only } = leaves(0, primary);
    await using emulator = await withInterfaces([primary, ipv6Only]);
    using imds = new Imds({ endpoint: emulator.url });
    const [found] = await networkInterfaces(imds);
    assert.deepEqual(
      [found?.isSettling, found?.localIpv4s, found?.subnetIpv4CidrBlock, found?.ipv6s],
      [false, undefined, undefined, ['2001:db8:8:4::0']],
    );
  });

  it('can be for EFA only, on a further network card: device 0 again, and no address', async () => {
    const { ipv6s: _, 'local-ipv4s': __, ...efaOnly } = leaves(0, secondary);
    await using emulator = await withInterfaces(
      [primary, { ...leaves(0, primary), 'network-card': '0' }],
      [secondary, { ...efaOnly, 'network-card': '1' }],
    );
    using imds = new Imds({ endpoint: emulator.url });
    const [, found] = await networkInterfaces(imds);
    assert.ok(found && !found.isSettling && !found.isPrimary);
    assert.deepEqual([found.networkCard, found.deviceNumber], [1, 0]);
    assert.ok(!('localIpv4s' in found || 'ipv6s' in found));
  });

  it('have the private addresses behind each public one, and prefixes', async () => {
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
    const [found] = await networkInterfaces(imds);
    assert.deepEqual(found?.ipv4Associations, {
      '192.0.2.54': ['10.0.1.10'],
      '198.51.100.7': ['10.0.1.11', '10.0.1.12'],
    });
    assert.deepEqual(found.ipv4Prefix, ['10.0.1.16/28', '10.0.1.32/28']);
    assert.deepEqual(found.ipv6Prefix, ['2001:db8:8:4:a::/80']);
  });

  describe('attached to a running instance', () => {
    const attach = (emulator: Emulator, tree: Readonly<Record<string, string>>) =>
      emulator.set(`${macs}/${hotPlugged}`, { mac: hotPlugged, 'device-number': '0', ...tree });

    it('settle: until then, each call asks for all of them, and for nothing else that is kept', async () => {
      await using emulator = await createEmulator();
      using imds = new Imds({ endpoint: emulator.url, cache: { liveMaxAgeMs: 60_000 } });
      attach(emulator, { 'interface-id': 'eni-0f95d3625f5c521aa' });
      const [, , settling] = await networkInterfaces(imds);
      assert.deepEqual(settling, {
        mac: hotPlugged,
        isPrimary: false,
        isSettling: true,
        interfaceId: 'eni-0f95d3625f5c521aa',
      });

      attach(emulator, { ...leaves(2, hotPlugged), 'network-card': '1' });
      const again = await asked(emulator, async () => {
        const [, , settled] = await networkInterfaces(imds);
        assert.deepEqual(
          [settled?.isSettling, settled?.networkCard, settled?.deviceNumber, settled?.localIpv4s],
          [false, 1, 2, ['10.0.1.2']],
        );
      });
      const elsewhere = again.filter((path) => !path.startsWith(`/latest/meta-data/${macs}/${hotPlugged}/`));
      assert.deepEqual(elsewhere, [`/latest/meta-data/${macs}/`]);
      assert.deepEqual(await asked(emulator, () => networkInterfaces(imds)), []);
    });

    it('are known by what the service says, not by being device 0', async () => {
      await using emulator = await createEmulator();
      using imds = new Imds({ endpoint: emulator.url });
      attach(emulator, { ...leaves(0, hotPlugged), 'network-card': '0' });
      const found = await networkInterfaces(imds);
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
    it(`are those that stay, when one is detached as its ${leaf} is read`, async () => {
      await using emulator = await createEmulator();
      using imds = new Imds({ endpoint: emulator.url });
      emulator.set(`${macs}/${secondary}/${leaf}`, () => {
        emulator.remove(`${macs}/${secondary}`);
        return 'the last that is heard of it';
      });
      assert.deepEqual(
        (await networkInterfaces(imds)).map(({ mac }) => mac),
        [primary],
      );
    });

  it('cannot be told when a request fails, and then no more is asked for', async () => {
    await using emulator = await createEmulator();
    using imds = new Imds({ endpoint: emulator.url });
    emulator.set(`${macs}/${primary}/interface-id`, () => {
      emulator.configure({ httpEndpoint: 'disabled' });
      return 'eni-0f95d3625f5c521cc';
    });
    const all = await asked(emulator, () => assert.rejects(networkInterfaces(imds), { code: 'ERR_IMDS_FORBIDDEN' }));
    // Two listings and `mac` first; then, at most, as many as are read at a time were on their way twice.
    assert.ok(all.length <= 4 + 2 * 4, all.join('\n'));
  });

  it('come within the time given to the call, or not at all', async () => {
    await using emulator = await createEmulator();
    const { url, close } = await relay(emulator, 50);
    using imds = new Imds({ endpoint: url });
    await imds.token();
    const some = await asked(emulator, () =>
      assert.rejects(networkInterfaces(imds, { deadlineMs: 100 }), { code: 'ERR_IMDS_TIMEOUT' }),
    );
    assert.ok(some.length <= 3 * 4, some.join('\n'));
    await close();
  });

  it('reject with the reason of the signal', async () => {
    await using emulator = await createEmulator();
    using imds = new Imds({ endpoint: emulator.url });
    const caller = new AbortController();
    emulator.set(`${macs}/${primary}/vpc-id`, () => {
      caller.abort(new Error('enough'));
      return 'vpc-0a1b2c3d4e5f60718';
    });
    await assert.rejects(networkInterfaces(imds, { signal: caller.signal }), { message: 'enough' });
  });
});

describe('fifteen network interfaces', function () {
  this.timeout(20_000);
  const fifteen = Array.from({ length: 15 }, (_, number) => {
    const mac = `0e:49:61:0f:c3:${String(number + 10)}`;
    return [mac, leaves(number, mac)] as const;
  });

  it('take fewer requests than reading them leaf by leaf', async () => {
    await using emulator = await withInterfaces(...fifteen);
    using one = new Imds({ endpoint: emulator.url });
    using other = new Imds({ endpoint: emulator.url });
    const ours = await asked(emulator, () => networkInterfaces(one));
    const leafByLeaf = await asked(emulator, async () => {
      for (const name of await other.network.interfaces.macs()) {
        const { profile: _, ...nic } = other.network.interfaces.macs.mac(name);
        await Promise.all(Object.values(nic).map((leaf) => typeof leaf === 'function' && leaf()));
      }
    });
    // A listing is read in the place of the leaf that repeats the MAC address.
    assert.equal(ours.length, 2 + fifteen.flatMap(([, each]) => Object.keys(each)).length);
    assert.ok(ours.length < leafByLeaf.length, `${ours.length} requests, and ${leafByLeaf.length}`);
  });

  it('take requests only for what may have changed, when they are read again', async () => {
    await using emulator = await withInterfaces(...fifteen);
    let now = 0;
    using imds = new Imds({ endpoint: emulator.url, now: () => now });
    const first = await networkInterfaces(imds);
    assert.deepEqual(await asked(emulator, () => networkInterfaces(imds)), []);
    now += 2000;
    const again = await asked(emulator, async () => assert.deepEqual(await networkInterfaces(imds), first));
    assert.ok(again.length > 0);
    for (const path of again) {
      // A zero is never kept for long: other interfaces have it until their own number has come.
      const isPrimaryNumber = path === `/latest/meta-data/${macs}/${fifteen[0]?.[0]}/device-number`;
      assert.ok(isPrimaryNumber || categoryOf(path)?.mutability === 'live', path);
    }
  });

  it('are read a few at a time, and in order', async () => {
    await using emulator = await withInterfaces(...fifteen);
    const { url, close, mostAtOnce } = await relay(emulator, 2);
    using imds = new Imds({ endpoint: url });
    const found = await networkInterfaces(imds);
    assert.deepEqual(
      found.map(({ deviceNumber }) => deviceNumber),
      fifteen.map((_, number) => number),
    );
    assert.equal(mostAtOnce(), 4);
    await close();
  });
});

describe('docs/network.md', () => {
  let examples: DocExamples;
  let emulator: Emulator;
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required' });
    examples = new DocExamples('network.md');
    process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = emulator.url;
  });
  afterEach(async () => {
    delete process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
    examples[Symbol.dispose]();
    await emulator.close();
  });

  for (const words of ['for (const { interfaceId', 'const [primary]'])
    it(`prints what it says after ${words}`, async () => {
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
    const isLooking = () => emulator.requests.some(({ path }) => path.includes(`${hotPlugged}/device-number`));
    while (!isLooking()) await sleep(5);
    attach({ ...leaves(2, hotPlugged), 'network-card': '0' });
    const found = await settled;
    assert.ok(typeof found === 'object' && found !== null && 'deviceNumber' in found);
    assert.equal(found.deviceNumber, 2);
  });

  it('has no example that is not run here', () => {
    assert.equal(examples.all.length, 3);
  });

  it('shows what imds network prints', async () => {
    const [, shown] = /^```text\n([\s\S]*?)^```$/m.exec(examples.page) ?? [];
    const { stdout } = await imdsCommand('network', '--endpoint', emulator.url);
    assert.equal(shown, stdout.toString());
  });

  it('tells of every property', async () => {
    using imds = new Imds({ endpoint: emulator.url });
    const [primary] = await networkInterfaces(imds);
    const told = examples.page.matchAll(/^\| `(\w+)` \|/gm);
    assert.deepEqual(
      Array.from(told, ([, name]) => name),
      Object.keys(primary ?? {}),
    );
  });
});
