import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'mocha';
import type { EndpointMode } from '../../src/client/options.js';
import type { Platform } from '../../src/platform.js';
import { demanded, obstacle } from './labs.js';
import { type Place, places, World } from './world.js';

const instanceId = 'i-1234567890abcdef0';
const modes: readonly EndpointMode[] = ['IPv4', 'IPv6'];
/** The hop limit that each place needs. */
const needs: Readonly<Record<Place, number>> = { host: 1, container: 2, nested: 3 };

/** The runner is no EC2 instance, so each place is told that it is one. */
const platformOf = (place: Place | 'alone', given: Partial<Platform> = {}): Platform => ({
  onEc2: true,
  why: 'board_asset_tag is an instance ID',
  isElsewhere: false,
  instanceId,
  container: place === 'container' ? 'docker' : place === 'nested' ? 'kubernetes' : 'none',
  hasHostNetwork: place === 'host' || place === 'alone',
  isEnclave: false,
  ...given,
});

describe('the doctor, in labs', () => {
  let worlds: Record<'optional' | 'required' | 'disabled' | 'forwarded', World>;
  /** The lab with the options of a new instance. */
  let world: World;

  before(async function () {
    this.timeout(240_000);
    demanded(this, await obstacle());
    const lab = (...args: string[]): Promise<World> => World.create('root', args);
    const [optional, required, disabled, forwarded] = await Promise.all([
      lab(),
      lab('--http-tokens', 'required'),
      lab('--http-endpoint', 'disabled'),
      lab('--trouble', 'forwarded-for', '--hop-limit', '2'),
    ]);
    worlds = { optional, required, disabled, forwarded };
    await Promise.all([optional, required].flatMap((each) => places.map((place) => each.agent(place))));
    world = optional;
  });
  after(() => worlds && Promise.all(Object.values(worlds).map((each) => each.end())));
  afterEach(() => {
    world?.reset();
    worlds?.required.reset();
  });

  const diagnose = async (
    place: Place | 'alone',
    mode: EndpointMode = 'IPv4',
    given: Partial<Platform> = {},
    lab = world,
  ) => (await lab.agent(place)).diagnose({ endpointMode: mode }, platformOf(place, given));

  for (const hopLimit of [1, 2, 3])
    for (const httpTokens of ['optional', 'required'] as const)
      it(`tells who is within a hop limit of ${hopLimit} with tokens ${httpTokens}`, async () => {
        const lab = worlds[httpTokens];
        lab.limitHops(hopLimit);
        const already = await lab.tokenless();
        const cells = places.flatMap((place) => modes.map((mode) => ({ place, mode })));
        const found = await Promise.all(
          cells.map(async ({ place, mode }) => {
            const agent = await lab.agent(place);
            const [read, { verdict, distance, hopLimit: recommended, fix, tookMs, announced }] = await Promise.all([
              agent.read({ endpointMode: mode }),
              diagnose(place, mode, {}, lab),
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
        assert.equal(await lab.tokenless(), already);
      });

  it('lets no byte of a token reply get further than its TTL, sent again or not', async () => {
    const replies = await Promise.all(
      places.flatMap((place) =>
        ['169.254.169.254', 'fd00:ec2::254'].map(async (address) =>
          (await world.agent(place)).bytesOfTokenReply(address, 3000),
        ),
      ),
    );
    const [host4 = 0, host6 = 0, ...behind] = replies;
    assert.ok(host4 > 0 && host6 > 0);
    assert.deepEqual(behind, [0, 0, 0, 0]);
  });

  it('reads by version 1 where that is allowed and the token is lost', async () => {
    assert.equal(await (await world.agent('container')).read({ allowV1: true }), instanceId);
    assert.equal(await (await worlds.required.agent('container')).read({ allowV1: true }), 'ERR_IMDS_HOP_LIMIT');
  });

  describe('the doctor gives the verdict', () => {
    it('endpoint-disabled, wherever it is', async () => {
      // Behind a router the refusal of the token may get lost as a token would.
      for (const place of places)
        assert.equal((await diagnose(place, 'IPv4', {}, worlds.disabled)).verdict, 'endpoint-disabled');
    });

    const rules: readonly { what: string; rules: readonly string[]; connection: RegExp }[] = [
      { what: 'drops packets', rules: ['ip daddr 169.254.169.254 drop'], connection: /no answer within/ },
      {
        what: 'rejects them',
        rules: ['ip daddr 169.254.169.254 reject with icmp port-unreachable'],
        connection: /refused|rejected on the way/,
      },
      {
        what: 'rejects them as administratively prohibited',
        rules: ['ip daddr 169.254.169.254 reject with icmp admin-prohibited'],
        connection: /refused|rejected on the way/,
      },
      {
        what: 'resets connections',
        rules: ['ip daddr 169.254.169.254 tcp dport 80 reject with tcp reset'],
        connection: /refused/,
      },
    ];
    for (const { what, rules: filter, connection } of rules)
      it(`unreachable behind a firewall that ${what}`, async () => {
        world.limitHops(2);
        world.filter(...filter, 'ip6 daddr fd00:ec2::254 drop');
        const { verdict, distance, findings } = await diagnose('container');
        assert.equal(verdict, 'unreachable');
        assert.equal(distance, 2);
        assert.match(findings.find(({ id }) => id === 'connection')?.detail ?? '', connection);
      });

    for (const [mode, rule, other] of [
      ['IPv4', 'ip daddr 169.254.169.254 drop', 'IPv6'],
      ['IPv6', 'ip6 daddr fd00:ec2::254 drop', 'IPv4'],
    ] as const)
      it(`other-family where only ${other} gets through, and names the setting`, async () => {
        world.limitHops(1);
        world.filter(rule);
        const { verdict, fix, tookMs, announced } = await diagnose('container', mode);
        assert.equal(verdict, 'other-family');
        assert.equal(fix[0]?.command, `export AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=${other}`);
        assert.ok(tookMs < 3000, `the doctor took ${tookMs} ms`);
        assert.deepEqual(announced, []);
      });

    it('unreachable on an instance without a route, not-ec2 elsewhere, enclave in an enclave', async () => {
      assert.equal((await diagnose('alone')).verdict, 'unreachable');
      assert.equal((await diagnose('alone', 'IPv4', { onEc2: false })).verdict, 'not-ec2');
      assert.equal((await diagnose('alone', 'IPv6', { onEc2: false, isElsewhere: true })).verdict, 'not-ec2');
      assert.equal((await diagnose('alone', 'IPv4', { onEc2: false, isEnclave: true })).verdict, 'enclave');
    });

    it('foreign-responder where another cloud answers', async () => {
      await (await world.standIn()).beForeign();
      assert.equal((await diagnose('container')).verdict, 'foreign-responder');
    });

    it('refused behind a proxy that adds X-Forwarded-For', async () => {
      assert.equal((await diagnose('container', 'IPv4', {}, worlds.forwarded)).verdict, 'refused');
    });

    it('hop-limit by the DNS where the time service is silent', async () => {
      world.filter('udp dport 123 drop');
      const { verdict, distance } = await diagnose('nested');
      assert.deepEqual({ verdict, distance }, { verdict: 'hop-limit', distance: 3 });
    });

    it('hop-limit where nothing measures the distance, and recommends the usual limit', async () => {
      world.filter('udp dport 123 drop', 'udp dport 53 drop');
      const { verdict, distance, hopLimit, tookMs } = await diagnose('container');
      assert.deepEqual({ verdict, distance, hopLimit }, { verdict: 'hop-limit', distance: undefined, hopLimit: 2 });
      assert.ok(tookMs < 3000);
    });
  });

  it('counts the packets that the interface has dropped, where ethtool tells', async () => {
    world.limitHops(2);
    const agent = await world.agent('container');
    const allowance = async () => (await diagnose('container')).findings.find(({ id }) => id === 'allowance');
    assert.equal((await allowance())?.status, 'skip');
    try {
      await agent.setEnvironment({ PATH: `${world.folder}:${process.env['PATH']}` });
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
      await agent.setEnvironment({ PATH: `${process.env['PATH']}` });
    }
  });

  describe('the doctor does not blame the hop limit', () => {
    it('for one packet in five that is lost', async () => {
      world.limitHops(3);
      world.filter('ip daddr 169.254.169.0/24 numgen random mod 100 < 20 drop');
      const all = await Promise.all(Array.from({ length: 6 }, () => diagnose('container')));
      assert.ok(!all.some(({ verdict }) => verdict === 'hop-limit'));
      assert.ok(all.some(({ verdict }) => verdict === 'healthy'));
    });

    it('for answers that take 200 ms', async () => {
      world.limitHops(3);
      await (await world.standIn()).beLate(200);
      const { verdict, distance } = await diagnose('container');
      assert.deepEqual({ verdict, distance }, { verdict: 'healthy', distance: 2 });
    });

    it('for more packets than the 1024 a second that the interface lets through', async () => {
      world.limitHops(3);
      world.filter('ip daddr 169.254.169.0/24 limit rate over 1024/second drop');
      const flood = (await world.agent('nested')).flood('169.254.169.250', 5000, 3500);
      const { verdict, tookMs } = await diagnose('container');
      await flood;
      assert.notEqual(verdict, 'hop-limit');
      assert.ok(tookMs < 3500);
    });
  });

  describe('through a Unix socket, where there is no network', () => {
    const socketOf = (lab: World): string => join(lab.folder, 'imds.sock');
    const endpointOf = (lab: World): string => `unix:${socketOf(lab)}`;
    before(async () => {
      for (const lab of [worlds.optional, worlds.required])
        await (await lab.relay()).forward(socketOf(lab), '169.254.169.254');
    });
    afterEach(async () => {
      for (const lab of [worlds.optional, worlds.required])
        await (await lab.agent('alone')).setEnvironment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: null });
    });

    const inEnclave = { onEc2: false, isEnclave: true };

    for (const httpTokens of ['optional', 'required'] as const)
      it(`reads as the relay on the host does, with a hop limit of 1 and tokens ${httpTokens}`, async () => {
        const lab = worlds[httpTokens];
        const alone = await lab.agent('alone');
        const endpoint = endpointOf(lab);
        const before = await lab.tokenless();
        assert.equal(await alone.read({}), 'ERR_IMDS_UNREACHABLE');
        assert.equal(await alone.read({ endpoint }), instanceId);
        await alone.setEnvironment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint });
        assert.equal(await alone.read({}), instanceId);
        assert.equal(await lab.tokenless(), before);
      });

    it('is healthy to the doctor, which without the endpoint says enclave', async () => {
      assert.equal((await diagnose('alone', 'IPv4', inEnclave)).verdict, 'enclave');
      const alone = await world.agent('alone');
      const endpoint = endpointOf(world);
      const { verdict, distance, path } = await alone.diagnose({ endpoint }, platformOf('alone', inEnclave));
      assert.deepEqual({ verdict, distance }, { verdict: 'healthy', distance: undefined });
      assert.deepEqual(
        path.map(({ name }) => name),
        ['this process', 'Unix socket', 'IMDS'],
      );
    });

    it('is healthy to `imds doctor`, which without the endpoint exits with 3', async () => {
      const alone = await world.agent('alone');
      assert.equal((await alone.run(['doctor'], {})).code, 3);
      await alone.setEnvironment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: endpointOf(world) });
      const { code, text } = await alone.run(['doctor'], { LANG: 'C.UTF-8' });
      assert.equal(code, 0, text);
      assert.match(text, /^ {2}this process ── Unix socket ── IMDS\n\nhealthy\nIMDSv2 works; /);
    });
  });

  it('prints the way, the verdict and the command that helps', async () => {
    const { code, text } = await (await world.agent('nested')).run(['doctor'], { LANG: 'C.UTF-8' });
    assert.equal(code, 7);
    assert.match(text, /this process ── router ── .* ──╳── instance ── IMDS/);
    assert.match(text, /--http-put-response-hop-limit 3 /);
  });
});
