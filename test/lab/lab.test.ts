import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'mocha';
import type { EndpointMode } from '../../src/client/options.js';
import type { Platform } from '../../src/platform.js';
import { createWorld, installTools, obstacle, type Place, places, type World } from './world.js';

const instanceId = 'i-1234567890abcdef0';
const modes: readonly EndpointMode[] = ['IPv4', 'IPv6'];
/** The hop limit that each place needs. */
const needs: Readonly<Record<Place, number>> = { host: 1, pod: 2, nested: 3 };

/** The runner is no EC2 instance, so each place is told that it is one. */
const platformOf = (place: Place | 'alone', given: Partial<Platform> = {}): Platform => ({
  onEc2: true,
  why: 'board_asset_tag is an instance ID',
  isElsewhere: false,
  instanceId,
  container: place === 'pod' ? 'docker' : place === 'nested' ? 'kubernetes' : 'none',
  hasHostNetwork: place === 'host' || place === 'alone',
  isEnclave: false,
  ...given,
});

describe('in network namespaces', () => {
  let world: World;

  before(async function () {
    if (process.env['CI'] === 'true') installTools();
    const why = obstacle();
    if (why !== undefined) {
      if (process.env['CI'] === 'true') throw new Error(`the lab is demanded in CI, but ${why}`);
      console.log(`  skipped: ${why}`);
      this.skip();
    }
    world = await createWorld();
  });
  after(() => world?.end());
  afterEach(async () => {
    world.filter();
    await world.imds.become({}, {});
  });

  const diagnose = (place: Place | 'alone', mode: EndpointMode = 'IPv4', given: Partial<Platform> = {}) =>
    world[place].diagnose({ endpointMode: mode }, platformOf(place, given));

  for (const hopLimit of [1, 2, 3])
    for (const httpTokens of ['optional', 'required'] as const)
      it(`tells who is within a hop limit of ${hopLimit} with tokens ${httpTokens}`, async () => {
        await world.imds.become({ hopLimit }, { httpTokens });
        const cells = places.flatMap((place) => modes.map((mode) => ({ place, mode })));
        const found = await Promise.all(
          cells.map(async ({ place, mode }) => {
            const [read, { verdict, distance, hopLimit: recommended, fix, tookMs, announced }] = await Promise.all([
              world[place].read({ endpointMode: mode }),
              diagnose(place, mode),
            ]);
            assert.ok(tookMs < 3000, `the doctor took ${tookMs} ms`);
            assert.deepEqual(announced, []);
            const command = fix[0]?.command;
            return { place, mode, read, verdict, distance, recommended, command };
          }),
        );
        assert.deepEqual(
          found,
          cells.map(({ place, mode }) => {
            const limit = needs[place];
            const isWithin = hopLimit >= limit;
            return {
              place,
              mode,
              read: isWithin ? instanceId : 'ERR_IMDS_HOP_LIMIT',
              verdict: isWithin ? 'healthy' : 'hop-limit',
              distance: limit,
              recommended: limit,
              command: isWithin
                ? undefined
                : `aws ec2 modify-instance-metadata-options --instance-id ${instanceId} ` +
                  `--http-put-response-hop-limit ${limit} --http-endpoint enabled`,
            };
          }),
        );
        assert.equal(await world.imds.tokenless(), 0);
      });

  it('lets no byte of a token reply get further than its TTL, sent again or not', async () => {
    await world.imds.become({ hopLimit: 1 }, {});
    const replies = await Promise.all(
      (['host', 'pod', 'nested'] as const).flatMap((place) =>
        ['169.254.169.254', 'fd00:ec2::254'].map((address) => world[place].bytesOfTokenReply(address, 3000)),
      ),
    );
    const [host4 = 0, host6 = 0, ...behind] = replies;
    assert.ok(host4 > 0 && host6 > 0);
    assert.deepEqual(behind, [0, 0, 0, 0]);
  });

  it('reads by version 1 where that is allowed and the token gets lost', async () => {
    await world.imds.become({ hopLimit: 1 }, {});
    assert.equal(await world.pod.read({ allowV1: true }), instanceId);
    await world.imds.become({ hopLimit: 1 }, { httpTokens: 'required' });
    assert.equal(await world.pod.read({ allowV1: true }), 'ERR_IMDS_HOP_LIMIT');
  });

  describe('the doctor comes to', () => {
    it('endpoint-disabled, wherever it is', async () => {
      await world.imds.become({ hopLimit: 1 }, { httpEndpoint: 'disabled' });
      // Behind a router the refusal of the token may get lost as a token would.
      for (const place of places) assert.equal((await diagnose(place)).verdict, 'endpoint-disabled');
    });

    const rules: readonly { what: string; rules: readonly string[]; connection: RegExp }[] = [
      { what: 'drops packets', rules: ['ip daddr 169.254.169.254 drop'], connection: /none within/ },
      {
        what: 'rejects them',
        rules: ['ip daddr 169.254.169.254 reject with icmp port-unreachable'],
        connection: /refused|no way/,
      },
      {
        what: 'rejects them as administratively prohibited',
        rules: ['ip daddr 169.254.169.254 reject with icmp admin-prohibited'],
        connection: /refused|no way/,
      },
      {
        what: 'resets connections',
        rules: ['ip daddr 169.254.169.254 tcp dport 80 reject with tcp reset'],
        connection: /refused/,
      },
    ];
    for (const { what, rules: filter, connection } of rules)
      it(`unreachable behind a firewall that ${what}`, async () => {
        await world.imds.become({ hopLimit: 2 }, {});
        world.filter(...filter);
        const { verdict, distance, findings } = await diagnose('pod');
        assert.equal(verdict, 'unreachable');
        assert.equal(distance, 2);
        assert.match(findings.find(({ id }) => id === 'connection')?.detail ?? '', connection);
      });

    it('unreachable on an instance without a route, not-ec2 elsewhere, enclave in an enclave', async () => {
      assert.equal((await diagnose('alone')).verdict, 'unreachable');
      assert.equal((await diagnose('alone', 'IPv4', { onEc2: false })).verdict, 'not-ec2');
      assert.equal((await diagnose('alone', 'IPv6', { onEc2: false, isElsewhere: true })).verdict, 'not-ec2');
      assert.equal((await diagnose('alone', 'IPv4', { onEc2: false, isEnclave: true })).verdict, 'enclave');
    });

    it('foreign-responder where another cloud answers', async () => {
      await world.imds.become({ hopLimit: 2, responder: 'foreign' }, {});
      assert.equal((await diagnose('pod')).verdict, 'foreign-responder');
    });

    it('refused behind a proxy that adds X-Forwarded-For', async () => {
      await world.imds.become({ hopLimit: 2, responder: 'forwarded' }, {});
      assert.equal((await diagnose('pod')).verdict, 'refused');
    });

    it('hop-limit by the DNS where the time service is silent', async () => {
      await world.imds.become({ time: false }, {});
      const { verdict, distance } = await diagnose('nested');
      assert.deepEqual({ verdict, distance }, { verdict: 'hop-limit', distance: 3 });
    });

    it('hop-limit where nothing measures the distance, and recommends the usual limit', async () => {
      await world.imds.become({ time: false, names: false }, {});
      const { verdict, distance, hopLimit, tookMs } = await diagnose('pod');
      assert.deepEqual({ verdict, distance, hopLimit }, { verdict: 'hop-limit', distance: undefined, hopLimit: 2 });
      assert.ok(tookMs < 3000);
    });
  });

  it('counts the packets that the interface has dropped, where ethtool tells', async () => {
    await world.imds.become({ hopLimit: 2 }, {});
    const allowance = async () => (await diagnose('pod')).findings.find(({ id }) => id === 'allowance');
    assert.equal((await allowance())?.status, 'skip');
    try {
      await world.pod.setEnvironment({ PATH: `${world.folder}:${process.env['PATH']}` });
      for (const [count, status, detail] of [
        [0, 'ok', /^eth0 has dropped none/],
        [12, 'warn', /^eth0 has dropped 12 packets/],
      ] as const) {
        const script = `#!/bin/sh\n[ "$*" = "-S eth0" ] && echo "     linklocal_allowance_exceeded: ${count}"\n`;
        writeFileSync(join(world.folder, 'ethtool'), script, { mode: 0o755 });
        const found = await allowance();
        assert.equal(found?.status, status);
        assert.match(found?.detail ?? '', detail);
      }
    } finally {
      await world.pod.setEnvironment({ PATH: `${process.env['PATH']}` });
    }
  });

  describe('the doctor does not blame the hop limit', () => {
    it('for one packet in five that gets lost', async () => {
      await world.imds.become({ hopLimit: 3 }, {});
      world.filter('ip daddr 169.254.169.0/24 numgen random mod 100 < 20 drop');
      const all = await Promise.all(Array.from({ length: 6 }, () => diagnose('pod')));
      assert.ok(!all.some(({ verdict }) => verdict === 'hop-limit'));
      assert.ok(all.some(({ verdict }) => verdict === 'healthy'));
    });

    it('for answers that take 200 ms', async () => {
      await world.imds.become({ hopLimit: 3, delayMs: 200 }, {});
      const { verdict, distance } = await diagnose('pod');
      assert.deepEqual({ verdict, distance }, { verdict: 'healthy', distance: 2 });
    });

    it('for more packets than the 1024 a second that the interface lets through', async () => {
      await world.imds.become({ hopLimit: 3 }, {});
      world.filter('ip daddr 169.254.169.0/24 limit rate over 1024/second drop');
      const flood = world.nested.flood('169.254.169.250', 5000, 3500);
      const { verdict, tookMs } = await diagnose('pod');
      await flood;
      assert.notEqual(verdict, 'hop-limit');
      assert.ok(tookMs < 3500);
    });
  });

  describe('through a Unix socket, where there is no network', () => {
    let endpoint: string;
    before(async () => {
      const path = join(world.folder, 'imds.sock');
      endpoint = `unix:${path}`;
      await world.relay.forward(path, '169.254.169.254');
    });
    afterEach(() => world.alone.setEnvironment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: null }));

    const inEnclave = { onEc2: false, isEnclave: true };

    for (const httpTokens of ['optional', 'required'] as const)
      it(`reads as the relay on the host does, with a hop limit of 1 and tokens ${httpTokens}`, async () => {
        await world.imds.become({ hopLimit: 1 }, { httpTokens });
        const before = await world.imds.tokenless();
        assert.equal(await world.alone.read({}), 'ERR_IMDS_UNREACHABLE');
        assert.equal(await world.alone.read({ endpoint }), instanceId);
        await world.alone.setEnvironment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint });
        assert.equal(await world.alone.read({}), instanceId);
        assert.equal(await world.imds.tokenless(), before);
      });

    it('is healthy to the doctor, which without the endpoint comes to enclave', async () => {
      await world.imds.become({ hopLimit: 1 }, {});
      assert.equal((await diagnose('alone', 'IPv4', inEnclave)).verdict, 'enclave');
      const { verdict, distance, path } = await world.alone.diagnose({ endpoint }, platformOf('alone', inEnclave));
      assert.deepEqual({ verdict, distance }, { verdict: 'healthy', distance: undefined });
      assert.deepEqual(
        path.map(({ name }) => name),
        ['this process', 'Unix socket', 'IMDS'],
      );
    });

    it('is healthy to `imds doctor`, which without the endpoint leaves with 3', async () => {
      await world.imds.become({ hopLimit: 1 }, {});
      assert.equal((await world.alone.run(['doctor'], {})).code, 3);
      await world.alone.setEnvironment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint });
      const { code, text } = await world.alone.run(['doctor'], { LANG: 'C.UTF-8' });
      assert.equal(code, 0, text);
      assert.match(text, /^\n {2}this process ── Unix socket ── IMDS\n\nhealthy\nIMDSv2 works; /);
    });
  });

  it('prints the way, the verdict and the command that helps', async () => {
    await world.imds.become({ hopLimit: 1 }, {});
    const { code, text } = await world.nested.run(['doctor'], { LANG: 'C.UTF-8' });
    assert.equal(code, 7);
    assert.match(text, /this process ── router ── .* ──╳── instance ── IMDS/);
    assert.match(text, /--http-put-response-hop-limit 3 /);
  });
});
