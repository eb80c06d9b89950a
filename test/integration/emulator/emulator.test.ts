import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { afterEach, describe, it } from 'mocha';
import type { Emulator, EmulatorOptions } from '../../../src/emulator/index.js';
import { hasIPv6 } from '../../support/ipv6.js';
import { createEmulator, describeBothWays } from './both-ways.js';
import { ask, connect, header, token } from './socket.js';

const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const minute = 60_000;
const hour = 60 * minute;

const read = async (emulator: Emulator, path: string) => {
  const { status, body } = await ask(emulator, 'GET', path.startsWith('/') ? path : `/latest/meta-data/${path}`);
  return status === 200 ? body : status;
};

describeBothWays('emulator', () => {
  describe('default instance', () => {
    const listings: Readonly<Record<string, readonly string[]>> = {
      '/latest/': ['dynamic', 'meta-data', 'user-data'],
      '/latest/dynamic/': ['fws/', 'instance-identity/'],
      '/latest/dynamic/fws': ['instance-monitoring'],
      '/latest/dynamic/instance-identity/': ['document', 'dsa2048', 'pkcs7', 'rsa2048', 'signature'],
      'block-device-mapping': ['ami', 'ebs1', 'ephemeral0', 'root', 'swap'],
      'elastic-gpus/associations': ['egpu-0123456789abcdef0'],
      events: ['maintenance/', 'recommendations/'],
      'events/maintenance': ['history', 'scheduled'],
      iam: ['info', 'security-credentials-extended/', 'security-credentials/'],
      'iam/security-credentials/': ['example-role'],
      'identity-credentials/ec2/security-credentials': ['ec2-instance'],
      'network/interfaces/macs/': ['0e:49:61:0f:c3:11/', '0e:49:61:0f:c3:77/'],
      'network/interfaces/macs/0e:49:61:0f:c3:11/ipv4-associations': ['192.0.2.54'],
      placement: ['availability-zone', 'availability-zone-id', 'group-name', 'host-id', 'partition-number', 'region'],
      'public-keys/': ['0=my-key'],
      'public-keys/0/': ['openssh-key'],
      spot: ['instance-action', 'termination-time'],
      'tags/instance': ['Name', 'aws:autoscaling:groupName', 'environment'],
    };
    it('lists directories, one name per line, subdirectories with a slash', async () => {
      await using emulator = await createEmulator({ scenario: 'everything' });
      for (const [path, names] of Object.entries(listings)) {
        assert.equal(await read(emulator, path), names.join('\n'), path);
      }
    });

    it('serves every name it lists, and ends only the public key with a newline', async () => {
      await using emulator = await createEmulator({ scenario: 'everything' });
      const values = new Map<string, string>();
      const walk = async (path: string): Promise<void> => {
        const listing = await read(emulator, path);
        assert.ok(typeof listing === 'string' && listing !== '', path);
        for (const name of listing.split('\n')) {
          const key = path.endsWith('/public-keys/') ? `${name.split('=')[0]}/` : name;
          if (key.endsWith('/')) await walk(path + key);
          else values.set(path + key, String(await read(emulator, path + key)));
        }
      };
      await walk('/latest/meta-data/');
      await walk('/latest/dynamic/');
      const ended = [...values].filter(([, value]) => value.endsWith('\n')).map(([path]) => path);
      assert.deepEqual(ended, ['/latest/meta-data/public-keys/0/openssh-key']);
      assert.ok([...values.values()].every((value) => value !== '' && value !== '404'));
    });

    // Every category AWS documents or instances were seen to have; braces stand for names found in the listing above.
    const categories = `
      ami-id ami-launch-index ami-manifest-path ancestor-ami-ids autoscaling/target-lifecycle-state
      block-device-mapping/ami block-device-mapping/ebs1 block-device-mapping/ephemeral0 block-device-mapping/root
      block-device-mapping/swap elastic-gpus/associations/{} elastic-inference/associations/{}
      events/maintenance/history events/maintenance/scheduled events/recommendations/rebalance hibernation/configured
      hostname iam-ecs-example/info iam-ecs-example/security-credentials/{} iam/info iam/security-credentials/{} iam/security-credentials-extended/{} identity-credentials/ec2/info
      identity-credentials/ec2/security-credentials/ec2-instance instance-action instance-id instance-life-cycle
      instance-type ipv6 kernel-id local-hostname local-ipv4 mac managed-ssh-keys/active-keys/{}/
      managed-ssh-keys/signer-cert/ managed-ssh-keys/signer-ocsp/{} metrics/vhostmd
      network/interfaces/macs/{}device-number network/interfaces/macs/{}interface-id
      network/interfaces/macs/{}ipv4-associations/{} network/interfaces/macs/{}ipv4-prefix
      network/interfaces/macs/{}ipv6-prefix network/interfaces/macs/{}ipv6s network/interfaces/macs/{}local-hostname
      network/interfaces/macs/{}local-ipv4s network/interfaces/macs/{}mac network/interfaces/macs/{}network-card
      network/interfaces/macs/{}owner-id network/interfaces/macs/{}profile network/interfaces/macs/{}public-hostname
      network/interfaces/macs/{}public-ipv4s network/interfaces/macs/{}security-groups
      network/interfaces/macs/{}security-group-ids network/interfaces/macs/{}subnet-id
      network/interfaces/macs/{}subnet-ipv4-cidr-block network/interfaces/macs/{}subnet-ipv6-cidr-blocks
      network/interfaces/macs/{}vpc-id network/interfaces/macs/{}vpc-ipv4-cidr-block
      network/interfaces/macs/{}vpc-ipv4-cidr-blocks network/interfaces/macs/{}vpc-ipv6-cidr-blocks
      placement/availability-zone placement/availability-zone-id placement/group-name placement/host-id
      placement/partition-number placement/region product-codes profile public-hostname public-ipv4
      public-keys/0/openssh-key ramdisk-id reservation-id security-groups services/domain services/partition
      spot/instance-action spot/termination-time system tags/instance/{} /latest/dynamic/fws/instance-monitoring
      /latest/dynamic/instance-identity/document /latest/dynamic/instance-identity/pkcs7
      /latest/dynamic/instance-identity/signature /latest/dynamic/instance-identity/rsa2048
      /latest/dynamic/instance-identity/dsa2048 /latest/user-data
    `
      .trim()
      .split(/\s+/);
    it('is quiet unless a scenario says otherwise', async () => {
      await using emulator = await createEmulator();
      for (const path of ['spot', 'events/recommendations', 'autoscaling'])
        assert.equal(await read(emulator, path), 404);
      const { macs, ...values } = Object.fromEntries(
        await Promise.all(
          Object.entries({
            lifeCycle: 'instance-life-cycle',
            scheduled: 'events/maintenance/scheduled',
            history: 'events/maintenance/history',
            macs: 'network/interfaces/macs',
            roles: 'iam/security-credentials',
            tags: 'tags/instance',
          }).map(async ([name, path]) => [name, await read(emulator, path)] as const),
        ),
      );
      assert.deepEqual(values, {
        lifeCycle: 'on-demand',
        scheduled: '[]',
        history: '[]',
        roles: 'example-role',
        tags: 'Name\nenvironment',
      });
      assert.equal(macs, '0e:49:61:0f:c3:11/');
      for (const leaf of ['local-ipv4s', 'ipv6s'])
        assert.equal(typeof (await read(emulator, `network/interfaces/macs/${macs}${leaf}`)), 'string');
      assert.notEqual(await read(emulator, '/latest/user-data'), 404);
    });

    it('has every category in the scenario everything', async () => {
      await using emulator = await createEmulator({ scenario: 'everything' });
      const missing: string[] = [];
      for (const category of categories) {
        let path = category;
        while (path.includes('{}')) {
          const [directory = ''] = path.split('{}');
          const [first = ''] = String(await read(emulator, directory)).split('\n');
          path = path.replace('{}', first);
        }
        if (typeof (await read(emulator, path)) !== 'string') missing.push(category);
      }
      assert.deepEqual(missing, []);
    });

    it('has the same values in the identity document, the interfaces and elsewhere', async () => {
      await using emulator = await createEmulator({ scenario: 'everything' });
      const text = async (path: string) => String(await read(emulator, path));
      const document = JSON.parse(await text('/latest/dynamic/instance-identity/document'));
      assert.equal(document.instanceId, await text('instance-id'));
      assert.equal(document.instanceType, await text('instance-type'));
      assert.equal(document.imageId, await text('ami-id'));
      assert.equal(document.region, await text('placement/region'));
      assert.equal(document.availabilityZone, await text('placement/availability-zone'));
      assert.equal(document.privateIp, await text('local-ipv4'));
      assert.deepEqual(document.marketplaceProductCodes, [await text('product-codes')]);
      const nic = `network/interfaces/macs/${await text('mac')}`;
      assert.equal(await text(`${nic}/device-number`), '0');
      assert.equal(await text(`${nic}/owner-id`), document.accountId);
      assert.equal((await text(`${nic}/local-ipv4s`)).split('\n')[0], document.privateIp);
      assert.equal((await text(`${nic}/ipv6s`)).split('\n')[0], await text('ipv6'));
      assert.equal(await text(`${nic}/ipv4-associations/${await text('public-ipv4')}`), document.privateIp);
      assert.equal(await text(`${nic}/public-hostname`), await text('public-hostname'));
      assert.equal(await text(`${nic}/security-groups`), await text('security-groups'));
      assert.equal(JSON.parse(await text('identity-credentials/ec2/info')).AccountId, document.accountId);
    });

    it('has the values merged into it or set in the identity document, unless they bring their own document', async () => {
      const tree = { 'placement/region': 'eu-west-1', 'ami-id': 'ami-1', 'local-ipv4': null };
      await using emulator = await createEmulator({ tree });
      const path = '/latest/dynamic/instance-identity/document';
      const { region, imageId, privateIp, accountId } = JSON.parse(String(await read(emulator, path)));
      assert.deepEqual([region, imageId, privateIp, accountId], ['eu-west-1', 'ami-1', null, '123456789012']);
      emulator.set('ami-id', 'ami-2');
      assert.equal(JSON.parse(String(await read(emulator, path))).imageId, 'ami-2');
      emulator.set('ami-id', () => assert.fail('one that cannot be computed'));
      assert.equal(JSON.parse(String(await read(emulator, path))).imageId, null);
      await using other = await createEmulator({ tree: { ...tree, 'dynamic/instance-identity': null, [path]: '{}' } });
      assert.equal(await read(other, path), '{}');
      assert.equal(await read(other, '/latest/dynamic/instance-identity/'), 'document');
    });

    it('prints the identity document and its signatures in the form of the service', async () => {
      await using emulator = await createEmulator({ now: () => launch });
      const document = await read(emulator, '/latest/dynamic/instance-identity/document');
      assert.match(String(document), /^\{\n {2}"accountId" : "123456789012",\n[\s\S]+"version" : "2017-09-30"\n\}$/);
      assert.match(String(document), /\n {2}"pendingTime" : "2026-11-23T09:00:00Z",\n/);
      const signature = String(await read(emulator, '/latest/dynamic/instance-identity/signature'));
      assert.deepEqual([signature.length, Buffer.from(signature, 'base64').length], [174, 128]);
      for (const kind of ['pkcs7', 'rsa2048', 'dsa2048']) {
        const lines = String(await read(emulator, `/latest/dynamic/instance-identity/${kind}`)).split('\n');
        assert.ok(lines.slice(0, -1).every((line) => line.length === 76));
        const message = Buffer.from(lines.join(''), 'base64');
        assert.equal(message.subarray(0, 15).toString('hex'), '308006092a864886f70d010702a080');
        assert.ok(message.includes(String(document)));
      }
    });

    it('renews role credentials five minutes before they end', async () => {
      let time = launch;
      await using emulator = await createEmulator({ now: () => time });
      const path = '/latest/meta-data/iam/security-credentials/example-role';
      const credentials = async () => {
        const answer = await ask(emulator, 'GET', path);
        return { ...JSON.parse(answer.body), lastModified: header(answer, 'Last-Modified') };
      };
      const first = await credentials();
      assert.equal(first.Code, 'Success');
      assert.equal(first.Type, 'AWS-HMAC');
      assert.equal(first.AccessKeyId, 'ASIAIOSFODNN7EXAMPLE');
      assert.equal(first.LastUpdated, '2026-11-23T09:00:00Z');
      assert.equal(first.Expiration, '2026-11-23T15:00:00Z');
      assert.equal(first.lastModified, 'Mon, 23 Nov 2026 09:00:00 GMT');
      time += 6 * hour - 5 * minute - 1;
      assert.deepEqual(await credentials(), first);
      time += 1;
      const second = await credentials();
      assert.equal(second.AccessKeyId, 'ASIAIOSFODNN8EXAMPLE');
      assert.notEqual(second.Token, first.Token);
      assert.equal(second.LastUpdated, '2026-11-23T14:55:00Z');
      assert.equal(second.Expiration, '2026-11-23T20:55:00Z');
      assert.equal(second.lastModified, 'Mon, 23 Nov 2026 14:55:00 GMT');
      const info = JSON.parse(String(await read(emulator, 'iam/info')));
      assert.equal(info.LastUpdated, second.LastUpdated);
    });
  });

  describe('tree', () => {
    it('serves a value that was set under any spelling of the path, and dates it', async () => {
      let time = launch;
      await using emulator = await createEmulator({ now: () => time });
      time += hour;
      emulator.set('instance-type', 't4g.nano');
      emulator.set('meta-data/hostname', 'a.example');
      emulator.set('/latest/meta-data/placement/region/', 'eu-west-1');
      emulator.set('/latest/dynamic/fws/instance-monitoring', 'enabled');
      emulator.set('user-data', new Uint8Array([0x61]));
      assert.equal(await read(emulator, 'instance-type'), 't4g.nano');
      assert.equal(await read(emulator, 'hostname'), 'a.example');
      assert.equal(await read(emulator, 'placement/region'), 'eu-west-1');
      assert.equal(await read(emulator, '/latest/dynamic/fws/instance-monitoring'), 'enabled');
      assert.equal(await read(emulator, '/latest/user-data'), 'a');
      const dated = async (path: string) => header(await ask(emulator, 'GET', path), 'Last-Modified');
      assert.equal(await dated('/latest/meta-data/hostname'), 'Mon, 23 Nov 2026 10:00:00 GMT');
      assert.equal(await dated('/latest/meta-data/instance-id'), 'Mon, 23 Nov 2026 09:00:00 GMT');
      assert.equal(await dated('/latest/meta-data/'), 'Mon, 23 Nov 2026 10:00:00 GMT');
    });

    it('lists a directory while something is in it', async () => {
      await using emulator = await createEmulator({ scenario: 'everything' });
      assert.equal(emulator.remove('spot/instance-action'), true);
      assert.equal(await read(emulator, 'spot/'), 'termination-time');
      assert.equal(emulator.remove('spot/termination-time'), true);
      assert.equal(emulator.remove('spot/termination-time'), false);
      assert.equal(await read(emulator, 'spot/'), 404);
      assert.doesNotMatch(String(await read(emulator, '')), /spot/);
      emulator.set('spot/instance-action', '{}');
      assert.equal(await read(emulator, 'spot/'), 'instance-action');
      assert.match(String(await read(emulator, '')), /^spot\/$/m);
      assert.equal(emulator.remove('/latest/user-data'), true);
      assert.equal(await read(emulator, '/latest/'), 'dynamic\nmeta-data');
    });

    it('sets and removes whole directories', async () => {
      await using emulator = await createEmulator();
      emulator.set('tags/instance', { one: '1', 'two=2': '', nested: null });
      assert.equal(await read(emulator, 'tags/instance/'), 'one\ntwo=2');
      assert.equal(await read(emulator, 'tags/instance/two=2'), '');
      assert.equal(await read(emulator, 'tags/instance/two%3D2'), '');
      assert.equal(await read(emulator, 'tags/instance/two'), 404);
      assert.equal(emulator.remove('network'), true);
      assert.equal(await read(emulator, 'network/interfaces/macs/'), 404);
    });

    it('finds public keys by their index', async () => {
      await using emulator = await createEmulator();
      emulator.set('public-keys/0/openssh-key', 'changed\n');
      emulator.set('public-keys/1=a,b=c/openssh-key', 'second\n');
      assert.equal(await read(emulator, 'public-keys/'), '0=my-key\n1=a,b=c');
      assert.equal(await read(emulator, 'public-keys/0/openssh-key'), 'changed\n');
      assert.equal(await read(emulator, 'public-keys/1/openssh-key'), 'second\n');
      assert.equal(await read(emulator, 'public-keys/2/'), 404);
      assert.equal(emulator.remove('public-keys/0'), true);
      assert.equal(await read(emulator, 'public-keys/'), '1=a,b=c');
      emulator.set('public-keys', { 1: { 'openssh-key': 'third\n' } });
      assert.equal(await read(emulator, 'public-keys/'), '1=a,b=c');
      assert.equal(await read(emulator, 'public-keys/1/openssh-key'), 'third\n');
    });

    it('computes values when they are read', async () => {
      let time = launch;
      await using emulator = await createEmulator({
        now: () => time,
        tree: {
          hostname: (now) => now.toISOString(),
          'iam/info': (now) => ({ content: '{}', lastModified: new Date(now.getTime() - hour) }),
        },
      });
      time += minute;
      assert.equal(await read(emulator, 'hostname'), '2026-11-23T09:01:00.000Z');
      const info = await ask(emulator, 'GET', '/latest/meta-data/iam/info');
      assert.equal(header(info, 'Last-Modified'), 'Mon, 23 Nov 2026 08:01:00 GMT');
    });

    it('answers 500 for a value that throws, and keeps the error', async () => {
      const failure = new Error('out of values');
      await using emulator = await createEmulator();
      emulator.set('hostname', () => {
        throw failure;
      });
      assert.equal(await read(emulator, 'hostname'), 500);
      assert.equal(emulator.requests[0]?.error, failure);
      assert.equal(await read(emulator, 'placement/region'), 'us-east-1');
    });

    const noContents: readonly [what: string, compute: () => unknown, message: RegExp][] = [
      [
        'nothing',
        () => undefined,
        /^the value computed for meta-data\/hostname must be text, bytes, .* not undefined$/,
      ],
      ['a promise', async () => 'later', /^the value computed for .* not a promise$/],
      ['a rejected promise', async () => Promise.reject(new Error('late')), /^the value .* not a promise$/],
      ['a value without a date', () => ({ content: 'x' }), /^the value computed for .* not an object of content$/],
      ['a list', () => ['secret'], /^the value computed for .* not a list$/],
      ['a date', () => new Date(0), /^the value computed for .* not \[object Date\]$/],
    ];
    for (const [what, compute, message] of noContents) {
      it(`answers 500 for a computed value that is ${what}, and says what is accepted`, async () => {
        await using emulator = await createEmulator();
        Reflect.apply(emulator.set, emulator, ['hostname', compute]);
        assert.equal(await read(emulator, 'hostname'), 500);
        const error = emulator.requests[0]?.error;
        assert.ok(error instanceof Error);
        assert.match(error.message, message);
      });
    }

    it('starts with values merged into the instance, or into nothing', async () => {
      const tree = { 'placement/region': 'eu-west-1', spot: null, 'tags/instance': { added: 'yes' } };
      await using over = await createEmulator({ tree });
      assert.equal(await read(over, 'placement/region'), 'eu-west-1');
      assert.equal(await read(over, 'placement/availability-zone'), 'us-east-1a');
      assert.equal(await read(over, 'spot/'), 404);
      assert.match(String(await read(over, 'tags/instance/')), /^Name\nadded\n/);
      await using alone = await createEmulator({ base: 'empty', tree });
      assert.equal(await read(alone, '/latest/'), 'meta-data');
      assert.equal(await read(alone, ''), 'placement/\ntags/');
    });

    const unusable: readonly [what: string, change: (emulator: Emulator) => void, message: RegExp][] = [
      ['the empty path', (emulator) => emulator.set('', 'x'), /'' is not a metadata path/],
      ['no path', (emulator) => Reflect.apply(emulator.remove, emulator, []), /^'undefined' is not a metadata path/],
      [
        'a symbol',
        (emulator) => Reflect.apply(emulator.set, emulator, [Symbol('a'), 'x']),
        /^'Symbol\(a\)' is not a metadata path/,
      ],
      ['a slash', (emulator) => emulator.remove('/'), /'\/' is not a metadata path/],
      ['another version', (emulator) => emulator.set('/2021-03-23/meta-data/x', 'x'), /is not a metadata path/],
      ['a blank path', (emulator) => emulator.set(' / ', 'x'), /is not a metadata path/],
      ['latest without a slash', (emulator) => emulator.set('latest/x', 'x'), /'latest\/x' is not a metadata path/],
      [
        'a path with too many names',
        (emulator) => emulator.set('a/'.repeat(20_000), 'x'),
        /^meta-data\/a\/a\/a\/… is too long: a path has at most 100 names$/,
      ],
      [
        'a directory in which a name is both a value and a directory',
        (emulator) => emulator.set('placement', { b: '1', 'b/c': '2' }),
        /^meta-data\/placement\/b\/c cannot be set: meta-data\/placement\/b is a value, not a directory$/,
      ],
      ['the token path', (emulator) => emulator.set('/latest/api/token', 'x'), /is not a metadata path/],
      [
        'a path below a value',
        (emulator) => emulator.set('instance-id/more', 'x'),
        /^meta-data\/instance-id\/more cannot be set: meta-data\/instance-id is a value, not a directory$/,
      ],
      [
        'a number',
        (emulator) => emulator.set('placement', JSON.parse('{"region": "x", "partition-number": 1}')),
        /^meta-data\/placement\/partition-number must be text, bytes, a function .* not 1$/,
      ],
      ...[new Date(0), new Map([['region', 'x']]), Promise.resolve('x')].map((value): (typeof unusable)[number] => [
        `a ${value.constructor.name}`,
        (emulator) => Reflect.apply(emulator.set, emulator, ['placement', value]),
        /^meta-data\/placement must be text, bytes, a function .*, not (\[object (Date|Map)\]|a promise)$/,
      ]),
      [
        'a list of what JSON cannot hold',
        (emulator) => Reflect.apply(emulator.set, emulator, ['user-data', [1n, 'secret']]),
        /^user-data must be text, bytes, a function .* not a list$/,
      ],
    ];
    for (const [what, change, message] of unusable) {
      it(`refuses ${what}, and stays unchanged`, async () => {
        await using emulator = await createEmulator();
        const before = await read(emulator, 'placement/');
        assert.throws(() => change(emulator), { name: 'EmulatorOptionError', code: 'ERR_EMULATOR_OPTION', message });
        assert.equal(await read(emulator, 'placement/'), before);
        assert.equal(await read(emulator, 'instance-id'), 'i-1234567890abcdef0');
      });
    }
  });

  describe('options', () => {
    it('change from the next request on', async () => {
      await using emulator = await createEmulator();
      assert.equal(emulator.options.httpTokens, 'optional');
      assert.equal(await read(emulator, 'placement/region'), 'us-east-1');
      emulator.configure({ httpTokens: 'required' });
      assert.equal(emulator.options.httpTokens, 'required');
      assert.equal(await read(emulator, 'placement/region'), 401);
      emulator.configure({ httpEndpoint: 'disabled' });
      assert.equal(await read(emulator, 'placement/region'), 403);
      assert.equal((await ask(emulator, 'PUT', '/latest/api/token')).status, 403);
      emulator.configure({ httpEndpoint: 'enabled', httpTokens: 'optional', instanceMetadataTags: 'disabled' });
      assert.equal(await read(emulator, 'tags/instance/Name'), 404);
      assert.equal(await read(emulator, 'tags'), 404);
      assert.doesNotMatch(String(await read(emulator, '')), /tags/);
      emulator.configure({ instanceMetadataTags: 'enabled' });
      assert.equal(await read(emulator, 'tags/instance/Name'), 'example');
      assert.match(String(await read(emulator, '')), /^tags\/$/m);
    });

    it('are readable, and change through configure only', async () => {
      await using emulator = await createEmulator({ hops: 2 });
      assert.deepEqual(emulator.options, {
        httpTokens: 'optional',
        httpEndpoint: 'enabled',
        httpPutResponseHopLimit: 1,
        httpProtocolIpv6: 'enabled',
        instanceMetadataTags: 'enabled',
        hops: 2,
        system: 'nitro',
      });
      assert.throws(() => Object.assign(emulator.options, { hops: 0 }), TypeError);
      emulator.configure({ hops: undefined });
      assert.equal(emulator.options.hops, 2);
      const hops = { '127.0.0.2': 1 };
      emulator.configure({ hops });
      hops['127.0.0.2'] = 99;
      assert.deepEqual(emulator.options.hops, { '127.0.0.2': 1 });
      assert.throws(() => Object.assign(emulator.options.hops, hops), TypeError);
    });

    // As a JavaScript caller or a parsed file would give them.
    const refused: readonly [json: string, message: string][] = [
      ['{"httpTokens": "maybe"}', "httpTokens must be 'optional' or 'required', not 'maybe'"],
      ['{"httpTokens": null}', "httpTokens must be 'optional' or 'required', not null"],
      ['{"httpEndpoint": true}', "httpEndpoint must be 'enabled' or 'disabled', not true"],
      ['{"httpProtocolIpv6": "on"}', "httpProtocolIpv6 must be 'enabled' or 'disabled', not 'on'"],
      ['{"instanceMetadataTags": ""}', "instanceMetadataTags must be 'enabled' or 'disabled', not ''"],
      ['{"httpPutResponseHopLimit": 0}', 'httpPutResponseHopLimit must be a whole number from 1 to 64, not 0'],
      ['{"httpPutResponseHopLimit": 65}', 'httpPutResponseHopLimit must be a whole number from 1 to 64, not 65'],
      ['{"httpPutResponseHopLimit": "2"}', "httpPutResponseHopLimit must be a whole number from 1 to 64, not '2'"],
      ['{"hops": {"127.0.0.1": 65}}', 'hops["127.0.0.1"] must be a whole number from 0 to 64, not 65'],
      ['{"hops": {"localhost": 1}}', "the key in hops must be a caller's address or *, not 'localhost'"],
      ['{"hops": {"a": 1}}', "the key in hops must be a caller's address or *, not 'a'"],
      ['{"hops": {".": 1}}', "the key in hops must be a caller's address or *, not '.'"],
      ['{"hops": {"127.0.1": 1}}', "the key in hops must be a caller's address or *, not '127.0.1'"],
      ['{"hops": {"127.0.0.01": 1}}', "the key in hops must be a caller's address or *, not '127.0.0.01'"],
      ['{"hops": {"300.0.0.1": 1}}', "the key in hops must be a caller's address or *, not '300.0.0.1'"],
      ['{"hops": {"0::1": 1}}', "the key in hops must be a caller's address or *, not '0::1'"],
      ['{"hops": {"::ffff:127.0.0.1": 1}}', "the key in hops must be a caller's address or *, not '::ffff:127.0.0.1'"],
      ['{"hops": {"fe80::1%": 1}}', "the key in hops must be a caller's address or *, not 'fe80::1%'"],
      ['{"hops": 1.5}', 'hops must be a whole number from 0 to 64, not 1.5'],
      ['{"hops": -1}', 'hops must be a whole number from 0 to 64, not -1'],
      ['{"system": "kvm"}', "system must be 'nitro' or 'xen', not 'kvm'"],
    ];
    for (const [json, message] of refused) {
      it(`${json} are refused, at the start and later`, async () => {
        const error = { name: 'EmulatorOptionError', code: 'ERR_EMULATOR_OPTION', message };
        await assert.rejects(createEmulator(JSON.parse(json)), error);
        await using emulator = await createEmulator();
        const before = emulator.options;
        assert.throws(() => emulator.configure({ httpTokens: 'required', ...JSON.parse(json) }), error);
        assert.deepEqual(emulator.options, before);
      });
    }

    it('of the start are refused later', async () => {
      await using emulator = await createEmulator();
      assert.throws(() => emulator.configure(JSON.parse('{"port": 80}')), {
        message: /^there is no option 'port'; the options are httpTokens, /,
      });
      assert.throws(() => emulator.configure(JSON.parse('null')), {
        code: 'ERR_EMULATOR_OPTION',
        message: 'what configure() is given must be an object of options, not null',
      });
    });
  });

  const starts: readonly [json: string, message: RegExp][] = [
    ['{"httpToken": "required"}', /^there is no option 'httpToken'; the options are httpTokens, .*, onOptions$/],
    ['{"port": 65536}', /^port must be a whole number from 0 to 65535, not 65536$/],
    ['{"host": ""}', /^host must be an address such as '127\.0\.0\.1', without a port, or a list of them, not ''$/],
    ['{"host": "127.0.0.1:80"}', /^host must be an address .*, without a port, .* not '127\.0\.0\.1:80'$/],
    ['{"control": {"host": "[::1]:80"}}', /^control\.host must be an address .*, without a port, not '\[::1\]:80'$/],
    ['{"host": []}', /^host must be .* not \[\]$/],
    ['{"base": "none"}', /^base must be 'instance' or 'empty', not 'none'$/],
    ['{"tree": null}', /^tree must be an object of values by path, not null$/],
    ['{"tree": {"instance-id": 7}}', /^meta-data\/instance-id must be text, bytes, .* not 7$/],
    ['{"speed": -1}', /^speed must be a number from 0 to 1000000, not -1$/],
    ['{"speed": "60"}', /^speed must be .* not '60'$/],
    ['{"onRequest": true}', /^onRequest must be a function, not true$/],
    ['{"onEvent": {}}', /^onEvent must be a function, not \{\}$/],
    ['{"scenario": 7}', /^a scenario must be an object of .* not 7$/],
    ['{"now": 7}', /^now must be a function that returns milliseconds since the epoch, .* not 7$/],
    ['null', /^what createEmulator\(\) is given must be an object of options, not null$/],
    ['5', /^what createEmulator\(\) is given must be an object of options, not 5$/],
    ['[]', /^what createEmulator\(\) is given must be an object of options, not \[\]$/],
  ];
  for (const [json, message] of starts) {
    it(`does not start with ${json}`, async () => {
      await assert.rejects(createEmulator(JSON.parse(json)), { code: 'ERR_EMULATOR_OPTION', message });
    });
  }

  it("takes a module's exports for options", async () => {
    const file = 'data:text/javascript,export const httpTokens = "required"';
    await using emulator = await createEmulator(await import(file));
    assert.equal(emulator.options.httpTokens, 'required');
  });

  for (const time of [new Date(0), '0', Number.NaN, -1, Date.UTC(9001, 0)])
    it(`does not start with a clock that shows ${typeof time} ${time}`, async () => {
      const message = /^now must be a function that returns milliseconds since the epoch, up to the year 9000, not /;
      await assert.rejects(createEmulator({ now: () => time as number }), { code: 'ERR_EMULATOR_OPTION', message });
    });

  it('records requests without a token', async () => {
    await using emulator = await createEmulator({ httpTokens: 'required', now: () => launch });
    assert.deepEqual(emulator.requests, []);
    const session = await token(emulator);
    await ask(emulator, 'GET', '//latest/user-data', { 'X-aws-ec2-metadata-token': session });
    await ask(emulator, 'HEAD', '/latest/meta-data/mac');
    const hopLimit = { had: 1, needed: 1 };
    const expected = [
      { method: 'PUT', path: '/latest/api/token', version: 2, status: 200, hopLimit },
      { method: 'GET', path: '//latest/user-data', version: 2, status: 200 },
      { method: 'HEAD', path: '/latest/meta-data/mac', version: 1, status: 401, reason: 'v1 off' },
    ];
    assert.deepEqual(
      emulator.requests,
      expected.map((one, index) => ({ number: index + 1, at: launch, caller: '127.0.0.1', ...one })),
    );
    assert.ok(!inspect(emulator, { depth: Number.POSITIVE_INFINITY, showHidden: true }).includes(session));
  });

  it('records no token that came in the path or the query', async () => {
    const seen: unknown[] = [];
    await using emulator = await createEmulator({ onRequest: (request) => seen.push(request) });
    const session = await token(emulator);
    const hidden = [...session].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
    const region = '/latest/meta-data/placement/region';
    const asked = [`${region}?token=${session}`, `${region}?`, `${region}/${session}`, `/latest/${hidden}/x?${hidden}`];
    for (const target of asked) await ask(emulator, 'GET', target);
    assert.deepEqual(
      emulator.requests.slice(1).map(({ path }) => path),
      [`${region}?…`, `${region}?…`, `${region}/…`, '/latest/…/x?…'],
    );
    assert.deepEqual(seen, emulator.requests);
  });

  it('answers and goes on when onRequest or onEvent throws, and lets the error surface', async () => {
    const thrown: string[] = [];
    process.setUncaughtExceptionCaptureCallback(({ message }) => thrown.push(message));
    try {
      await using emulator = await createEmulator({
        speed: 0,
        scenario: { timeline: [{ at: '1s', event: 'set', path: 'hostname', value: 'new' }] },
        onRequest: () => {
          throw new Error('of onRequest');
        },
        onEvent: () => {
          throw new Error('of onEvent');
        },
      });
      assert.equal(await read(emulator, 'placement/region'), 'us-east-1');
      await emulator.advance(1000);
      assert.equal(await read(emulator, 'hostname'), 'new');
      assert.deepEqual(thrown, ['of onRequest', 'of onEvent', 'of onRequest']);
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
  });

  it('has its own port, tokens, tree and options beside others', async () => {
    const regions = ['us-east-1', 'eu-west-1', 'ap-northeast-1'];
    const emulators = await Promise.all(
      regions.map((region) => createEmulator({ tree: { 'placement/region': region } })),
    );
    assert.equal(new Set(emulators.map(({ url }) => url)).size, 3);
    emulators[0]?.configure({ httpTokens: 'required' });
    const served = await Promise.all(emulators.map((emulator) => read(emulator, 'placement/region')));
    assert.deepEqual(served, [401, 'eu-west-1', 'ap-northeast-1']);
    await Promise.all(emulators.map((emulator) => emulator.close()));
  });

  it('frees its port when it is closed, even twice', async () => {
    const first = await createEmulator();
    const port = Number(new URL(first.url).port);
    await first.close();
    await first.close();
    await assert.rejects(connect(first.url), { code: 'ECONNREFUSED' });
    await using second = await createEmulator({ port });
    assert.equal(second.url, first.url);
    await assert.rejects(createEmulator({ port }), { code: 'EADDRINUSE' });
    await assert.rejects(createEmulator({ host: ['127.0.0.2', '127.0.0.1'], port }), { code: 'EADDRINUSE' });
    await assert.rejects(connect(`http://127.0.0.2:${port}`), { code: 'ECONNREFUSED' });
  });

  it('listens on loopback alone unless told otherwise', async () => {
    await using emulator = await createEmulator();
    assert.match(emulator.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.deepEqual(emulator.urls, [emulator.url]);
    const control = emulator.controlUrl === undefined ? {} : { IMDS_EMULATOR_CONTROL_URL: emulator.controlUrl };
    assert.deepEqual(emulator.env, {
      ...control,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `${emulator.url}/`,
      AWS_EC2_METADATA_DISABLED: 'false',
      NO_PROXY: '127.0.0.1',
      no_proxy: '127.0.0.1',
    });
  });

  describe('env and proxies', () => {
    const proxies = ['NO_PROXY', 'no_proxy'];
    const given = Object.fromEntries(proxies.map((name) => [name, process.env[name]]));
    const restore = (values: Readonly<Record<string, string | undefined>>): void => {
      for (const [name, value] of Object.entries(values)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    };
    afterEach(() => restore(given));

    for (const [before, after] of [
      [{}, '127.0.0.1'],
      [{ NO_PROXY: 'a.example,b.example' }, 'a.example,b.example,127.0.0.1'],
      [{ no_proxy: 'a.example', NO_PROXY: 'b.example' }, 'b.example,a.example,127.0.0.1'],
      [{ NO_PROXY: '127.0.0.1', no_proxy: '' }, '127.0.0.1'],
      [{ no_proxy: '*' }, '*'],
    ] as const) {
      it(`joins its host to ${JSON.stringify(before)}`, async () => {
        restore({ NO_PROXY: undefined, no_proxy: undefined, ...before });
        await using emulator = await createEmulator();
        const { NO_PROXY, no_proxy } = emulator.env;
        assert.deepEqual([NO_PROXY, no_proxy], [after, after]);
      });
    }

    it('names an IPv6 host with and without its brackets', async function () {
      if (!hasIPv6) this.skip(); // no ::1 on this machine
      await using emulator = await createEmulator({ host: ['127.0.0.1', '::1'] });
      assert.equal(emulator.env['NO_PROXY'], '127.0.0.1,[::1],::1');
    });
  });

  it('answers to the names in allowedHosts, in any case and with any port', async () => {
    await using emulator = await createEmulator({ allowedHosts: ['imds', 'Metadata.example'] });
    const statuses = ['imds:1338', 'IMDS', 'metadata.example', 'imds.example', 'x'].map(
      async (Host) => (await ask(emulator, 'GET', '/latest/', { Host })).status,
    );
    assert.deepEqual(await Promise.all(statuses), [200, 200, 200, 403, 403]);
    for (const allowedHosts of ['imds', [''], ['a b'], [1], ['http://imds'], ['imds:1338'], Array(101).fill('x')])
      await assert.rejects(createEmulator(JSON.parse(JSON.stringify({ allowedHosts }))), {
        code: 'ERR_EMULATOR_OPTION',
        message: /^allowedHosts/,
      });
  });

  it('accepts the Host header of its own host', async () => {
    await using emulator = await createEmulator({ host: 'localhost' });
    const { status } = await ask(emulator, 'GET', '/latest/', { Host: 'localhost:80' });
    assert.equal(status, 200);
  });

  describe('with an IPv6 listener', () => {
    const it6 = hasIPv6 ? it : it.skip; // skipped where there is no ::1
    const both: EmulatorOptions = { host: ['::1', '127.0.0.1'] };

    it6('serves both address families', async () => {
      await using emulator = await createEmulator(both);
      assert.match(emulator.url, /^http:\/\/\[::1\]:\d+$/);
      assert.match(emulator.urls[1] ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
      for (const url of emulator.urls) {
        assert.equal((await ask({ url }, 'GET', '/latest/meta-data/placement/region')).body, 'us-east-1');
      }
    });

    it6('accepts an address in brackets', async () => {
      await using emulator = await createEmulator({ host: '[::1]' });
      assert.match(emulator.url, /^http:\/\/\[::1\]:\d+$/);
    });

    it6('resets IPv6 connections while the protocol is disabled, and only those', async () => {
      await using emulator = await createEmulator({ ...both, httpProtocolIpv6: 'disabled' });
      const [v6 = '', v4 = ''] = emulator.urls;
      await assert.rejects(ask({ url: v6 }, 'GET', '/latest/'), { code: 'ECONNRESET' });
      assert.equal((await ask({ url: v4 }, 'GET', '/latest/')).status, 200);
      assert.equal(emulator.requests.length, 1);
      emulator.configure({ httpProtocolIpv6: 'enabled' });
      assert.equal((await ask({ url: v6 }, 'GET', '/latest/')).status, 200);
    });
  });

  it('keeps the latest 10,000 requests and nothing else of thousands of sessions', async function () {
    this.timeout(120_000);
    await using emulator = await createEmulator();
    for (let round = 0; round < 101; round++) {
      const target = `/latest/meta-data/${round}`;
      await Promise.all(Array.from({ length: 100 }, () => ask(emulator, 'GET', target)));
    }
    assert.equal(emulator.requests.length, 10_000);
    assert.equal(emulator.requests[0]?.path, '/latest/meta-data/1');
    assert.equal(emulator.requests.at(-1)?.path, '/latest/meta-data/100');
  });
});

describe('the source of the emulator', () => {
  it('imports nothing but itself and Node', async () => {
    const folder = new URL('../../../src/emulator/', import.meta.url);
    const files = (await readdir(folder, { recursive: true })).filter((file) => /\.\w+$/.test(file));
    assert.ok(files.includes('index.ts'));
    for (const file of files) {
      const source = await readFile(new URL(file, folder), 'utf8');
      const imports = [...source.matchAll(/from '([^']+)'/g)].map(([, from = '']) => from);
      const isOwn = (from: string): boolean =>
        from.startsWith('.') && new URL(from, new URL(file, folder)).href.startsWith(folder.href);
      assert.deepEqual(
        imports.filter((from) => !from.startsWith('node:') && !isOwn(from)),
        [],
        file,
      );
    }
  });
});
