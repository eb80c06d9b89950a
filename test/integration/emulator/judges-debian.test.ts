import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'mocha';
import type { InstanceSettings } from '../../../src/emulator/index.js';
import { type Remote, startBy } from '../../lab/remote.js';
import { judges, python } from '../../support/debian.js';
import { describeBothWays, isControlled } from './both-ways.js';
import type { Judging, Verdict } from './judging.js';

const namespace = `imds-judges-${process.pid}`;
const token = 'PUT /latest/api/token';
const roles = 'GET /latest/meta-data/iam/security-credentials/';
const zone = 'GET /latest/meta-data/placement/availability-zone/';

/** Makes the namespace; gives the reason if that cannot be done. */
function madeNamespace(): string | undefined {
  const steps = [
    ['netns', 'add', namespace],
    ['-n', namespace, 'link', 'set', 'lo', 'up'],
    ['-n', namespace, 'address', 'add', '169.254.169.254/32', 'dev', 'lo'],
  ];
  for (const step of steps) {
    const { error, status, stderr } = spawnSync('ip', step);
    if (error) return 'the command ip (iproute2) is missing';
    if (status !== 0) return `a network namespace cannot be made: ${stderr.toString().trim()}`;
  }
  return undefined;
}

describeBothWays('what Debian packages, asking the emulator', () => {
  let root: string;
  let remote: Remote<Judging>;
  let stop = async (): Promise<void> => {};

  before(async function () {
    root = await judges(this);
    const why = madeNamespace();
    if (why !== undefined) {
      console.log(`  skipped: ${why}`);
      return this.skip();
    }
    const running = startBy<Judging>(['ip', 'netns', 'exec', namespace], '../integration/emulator/judging.ts');
    stop = running.stop;
    remote = await running.remote;
  });
  after(async () => {
    await stop();
    spawnSync('ip', ['netns', 'del', namespace]);
  });

  /** What a program says of such an instance, and what it asked for. */
  async function asking(
    settings: InstanceSettings,
    command: readonly string[],
    patienceMs = 60_000,
  ): Promise<Verdict & { readonly requests: readonly string[] }> {
    await remote.become({ scenario: 'everything', ...settings, control: isControlled() });
    // However busy the machine is, an answer that is on its way shall arrive; one that is not, nobody shall wait for.
    const seconds = settings.hops === undefined ? '20' : '2';
    const variables = {
      PYTHONPATH: `${root}/usr/lib/python3/dist-packages`,
      // With a slash at its end, because AWS CLI 2.9 puts the path right behind it.
      AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1/',
      AWS_METADATA_SERVICE_TIMEOUT: seconds,
      METADATA_TIMEOUT: seconds,
    };
    const verdict = await remote.ask(command, variables, patienceMs);
    return { ...verdict, requests: await remote.requests() };
  }

  /** What a Python program prints as JSON, and what it asked for. */
  async function script(settings: InstanceSettings, text: string) {
    const { code, stdout, stderr, requests } = await asking(settings, [python, '-c', text]);
    assert.equal(code, 0, stderr);
    return { result: JSON.parse(stdout), requests };
  }

  describe('botocore', () => {
    const botocore = `
import json
import botocore.session
from botocore.utils import InstanceMetadataRegionFetcher
found = botocore.session.get_session().get_credentials()
print(json.dumps({
    'region': InstanceMetadataRegionFetcher().retrieve_region(),
    'credentials': found and [found.method, found.access_key, found.secret_key, found.token[:19]],
}))
`;
    const everything = {
      region: 'us-east-1',
      credentials: [
        'iam-role',
        'ASIAIOSFODNN7EXAMPLE',
        'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
        'FAKE+SESSION+TOKEN+',
      ],
    };

    for (const httpTokens of ['optional', 'required'] as const)
      it(`gets the role’s credentials and the region where tokens are ${httpTokens}`, async () => {
        const { result, requests } = await script({ httpTokens }, botocore);
        assert.deepEqual(result, everything);
        assert.deepEqual(requests, [
          `${token} v2 200`,
          `${roles} v2 200`,
          `${roles}example-role v2 200`,
          `${token} v2 200`,
          `${zone} v2 200`,
        ]);
      }).timeout(90_000);

    it('waits in vain for a token behind too many hops, and goes on in version 1', async () => {
      const { result, requests } = await script({ hops: 1 }, botocore);
      assert.deepEqual(result, everything);
      assert.deepEqual(requests, [
        `${token} v2 unanswered`,
        `${roles} v1 200`,
        `${roles}example-role v1 200`,
        `${token} v2 unanswered`,
        `${zone} v1 200`,
      ]);
    }).timeout(90_000);

    it('is refused version 1 where tokens are required', async () => {
      const { result, requests } = await script({ hops: 1, httpTokens: 'required' }, botocore);
      assert.deepEqual(result, { region: null, credentials: null });
      assert.deepEqual(requests, [
        `${token} v2 unanswered`,
        `${roles} v1 401`,
        `${token} v2 unanswered`,
        `${zone} v1 401`,
      ]);
    }).timeout(90_000);
  });

  describe('the AWS CLI', () => {
    const configuration = async (settings: InstanceSettings) => {
      const { code, stdout, stderr, requests } = await asking(settings, [
        python,
        `${root}/usr/bin/aws`,
        'configure',
        'list',
      ]);
      assert.equal(code, 0, stderr);
      const rows = stdout.split('\n').map((line) => line.trim().split(/\s{2,}/));
      return { rows: Object.fromEntries(rows.map(([name, ...row]) => [name, row.join(' ')])), requests };
    };

    it('finds the role’s credentials and the region of the instance', async () => {
      const { rows, requests } = await configuration({ httpTokens: 'required' });
      assert.match(rows['access_key'] ?? '', /^\*+MPLE iam-role$/);
      assert.match(rows['secret_key'] ?? '', /^\*+EKEY iam-role$/);
      assert.equal(rows['region'], 'us-east-1 imds');
      assert.ok(
        requests.every((request) => request.endsWith(' v2 200')),
        requests.join('\n'),
      );
    }).timeout(90_000);

    it('finds none behind too many hops where tokens are required', async () => {
      const { rows, requests } = await configuration({ hops: 1, httpTokens: 'required' });
      assert.match(rows['access_key'] ?? '', /^<not set>/);
      assert.match(rows['region'] ?? '', /^<not set>/);
      assert.deepEqual([...new Set(requests)], [`${token} v2 unanswered`, `${roles} v1 401`, `${zone} v1 401`]);
    }).timeout(90_000);
  });

  describe('cloud-init', () => {
    // Ended at once, for else the threads that wait for a token would be waited for.
    const crawler = `
import json, os, sys
from cloudinit import helpers
from cloudinit.sources.DataSourceEc2 import DataSourceEc2
seconds = int(os.environ['METADATA_TIMEOUT'])
settings = {'metadata_urls': ['http://127.0.0.1'], 'max_wait': seconds, 'timeout': seconds}
paths = helpers.Paths({'cloud_dir': '/nonexistent', 'run_dir': '/nonexistent'})
source = DataSourceEc2({'datasource': {'Ec2': settings}}, None, paths)
source._cloud_name = 'aws'
print(json.dumps(source.crawl_metadata(), default=bytes.decode), flush=True)
os._exit(0)
`;

    for (const httpTokens of ['optional', 'required'] as const)
      it(`crawls all of the metadata where tokens are ${httpTokens}`, async () => {
        const { result, requests } = await script({ httpTokens }, crawler);
        const { 'meta-data': metadata, 'user-data': userData, dynamic } = result;
        assert.equal(metadata['instance-id'], 'i-1234567890abcdef0');
        assert.equal(metadata.network.interfaces.macs['0e:49:61:0f:c3:77']['device-number'], '1');
        assert.deepEqual(metadata['security-groups'], ['web', 'ssh']);
        assert.match(metadata['public-keys']['my-key'].join('\n'), /^ssh-ed25519 \S+ my-key$/);
        assert.equal(metadata.tags.instance['aws:autoscaling:groupName'], 'example-group');
        assert.equal(userData, '#cloud-config\ntimezone: Asia/Tokyo\n');
        assert.equal(dynamic['instance-identity'].document.accountId, '123456789012');
        assert.equal(requests[0], `${token} v2 200`);
        assert.ok(requests.length > 80, `${requests.length} requests`);
        assert.deepEqual(
          requests.slice(1).filter((request) => !/^GET \/2021-03-23\/\S+ v2 200$/.test(request)),
          [],
        );
      }).timeout(90_000);

    it('waits in vain for a token behind too many hops, and asks for nothing else', async () => {
      const { result, requests } = await script({ hops: 1 }, crawler);
      assert.deepEqual(result, {});
      assert.deepEqual([...new Set(requests)], [`${token} v2 unanswered`]);
    }).timeout(90_000);

    it('takes the endpoint for disabled where it is', async () => {
      const { result, requests } = await script({ httpEndpoint: 'disabled' }, crawler);
      assert.deepEqual(result, {});
      assert.deepEqual(requests, [`${token} v2 403`]);
    }).timeout(90_000);
  });

  describe('ec2-metadata', () => {
    const ec2Metadata = (settings: InstanceSettings, args: readonly string[], patienceMs?: number) =>
      asking(settings, ['bash', `${root}/usr/bin/ec2-metadata`, ...args], patienceMs);

    for (const httpTokens of ['optional', 'required'] as const)
      it(`prints what the instance is where tokens are ${httpTokens}`, async () => {
        const { code, stdout, requests } = await ec2Metadata({ httpTokens }, []);
        assert.equal(code, 0);
        for (const line of [
          'ami-id: ami-0abcdef1234567890',
          '\t root: /dev/xvda',
          'instance-type: c6in.32xlarge',
          'placement: us-east-1a',
          'keyname:my-key',
          'security-groups: web',
          'user-data: #cloud-config',
          '\t aws:autoscaling:groupName: example-group',
        ])
          assert.ok(stdout.split('\n').includes(line), `${line} in:\n${stdout}`);
        assert.doesNotMatch(stdout, /not available/);
        assert.ok(
          requests.every((request) => request.endsWith(' v2 200')),
          requests.join('\n'),
        );
      }).timeout(90_000);

    it('says of what there is not that it is not available', async () => {
      const { stdout, requests } = await ec2Metadata({ instanceMetadataTags: 'disabled' }, ['--tags']);
      assert.equal(stdout, 'tags: \nnot available\n');
      assert.deepEqual(requests, [`${token} v2 200`, 'GET /latest/meta-data/tags/instance/ v2 404']);
    }).timeout(90_000);

    it('waits in vain for a token behind too many hops', async () => {
      const { code, stdout, requests } = await ec2Metadata({ hops: 1 }, ['--instance-id'], 3000);
      assert.deepEqual([code, stdout], [null, '']);
      assert.deepEqual(requests, [`${token} v2 unanswered`]);
    }).timeout(90_000);

    it('supposes a disabled endpoint where there is one', async () => {
      const { code, stdout, requests } = await ec2Metadata({ httpEndpoint: 'disabled' }, ['--instance-id']);
      assert.equal(code, 1);
      assert.match(stdout, /^\[ERROR\] Could not get IMDSv2 token/);
      assert.deepEqual(requests, [`${token} v2 403`]);
    }).timeout(90_000);
  });
});
