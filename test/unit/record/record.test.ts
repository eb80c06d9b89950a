import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ImdsDecodeError, ImdsError, ImdsResponseError, ImdsTimeoutError } from '../../../src/errors.js';
import { type RecordOptions, record } from '../../../src/record/record.js';
import { type WalkReader, walk } from '../../../src/record/walk.js';
import { assertHeldBriefly } from '../../support/event-loop.js';
import { treeReader } from '../../support/tree-reader.js';

const take = (tree: object, options: RecordOptions = {}, onRead?: (path: string) => void | Promise<void>) =>
  record(treeReader(tree, onRead), { requestsPerSecond: 100_000, ...options });

/** What becomes of a tree of instance metadata. */
const metadata = async (tree: object, options?: RecordOptions): Promise<unknown> =>
  (await take({ 'meta-data': tree }, options)).scenario.tree['meta-data'];

const instanceId = { 'instance-id': 'i-0abcdef1234567890' };

describe('record replaces', () => {
  const macs = (...all: readonly object[]) => ({
    network: { interfaces: { macs: Object.fromEntries(all.map((nic, index) => [`0e:49:61:0f:c3:${index}1`, nic])) } },
  });
  const replacedMacs = (...all: readonly object[]) => ({
    network: { interfaces: { macs: Object.fromEntries(all.map((nic, index) => [`00:00:5e:00:53:0${index}`, nic])) } },
  });

  const cases: readonly { readonly what: string; readonly from: object; readonly to: object }[] = [
    {
      what: 'identifiers by ones of the same length',
      from: { 'ami-id': 'ami-0a887e401f7654935', 'instance-id': 'i-1234567890abcdef0', 'kernel-id': 'aki-5c21674b' },
      to: { 'ami-id': 'ami-00000000000000001', 'instance-id': 'i-00000000000000001', 'kernel-id': 'aki-00000001' },
    },
    {
      what: 'a private address within the networks that it is in, and the name made of it',
      from: {
        hostname: 'ip-172-31-44-13.eu-west-1.compute.internal',
        ...macs({
          'local-ipv4s': '172.31.44.13\n172.31.45.70',
          'ipv4-prefix': '172.31.45.80/28',
          'subnet-ipv4-cidr-block': '172.31.44.0/23',
          'vpc-ipv4-cidr-blocks': '172.31.0.0/16\n100.64.0.0/17',
        }),
      },
      to: {
        hostname: 'ip-10-0-0-10.eu-west-1.compute.internal',
        ...replacedMacs({
          'local-ipv4s': '10.0.0.10\n10.0.1.10',
          'ipv4-prefix': '10.0.1.16/28',
          'subnet-ipv4-cidr-block': '10.0.0.0/23',
          'vpc-ipv4-cidr-blocks': '10.0.0.0/16\n10.1.0.0/17',
        }),
      },
    },
    {
      what: 'an address of a public range that is the subnet’s as a private one',
      from: macs({ 'local-ipv4s': '44.31.2.9', 'subnet-ipv4-cidr-block': '44.31.2.0/24' }),
      to: replacedMacs({ 'local-ipv4s': '10.0.0.10', 'subnet-ipv4-cidr-block': '10.0.0.0/24' }),
    },
    {
      what: 'public addresses, also as names of values and in names of hosts',
      from: {
        'public-ipv4': '52.10.20.30',
        'public-hostname': 'ec2-52-10-20-30.us-west-2.compute.amazonaws.com',
        ...macs({ 'ipv4-associations': { '52.10.20.30': '10.9.0.7' } }),
      },
      to: {
        'public-ipv4': '192.0.2.1',
        'public-hostname': 'ec2-192-0-2-1.us-west-2.compute.amazonaws.com',
        ...replacedMacs({ 'ipv4-associations': { '192.0.2.1': '10.0.0.10' } }),
      },
    },
    {
      what: 'IPv6 addresses, in the shortest form',
      from: {
        ipv6: '2600:1f16:67f:f201:8d2e:1f2a:3b4c:5d6e',
        ...macs({
          'subnet-ipv6-cidr-blocks': '2600:1f16:67f:f201:0:0:0:0/64',
          'vpc-ipv6-cidr-blocks': '2600:1f16:67f:f200::/56',
        }),
      },
      to: {
        ipv6: '2001:db8::a',
        ...replacedMacs({
          'subnet-ipv6-cidr-blocks': '2001:db8::/64',
          'vpc-ipv6-cidr-blocks': '2001:db8::/56',
        }),
      },
    },
    {
      what: 'hardware addresses, which name directories too',
      from: { mac: '0e:49:61:0f:c3:11', ...macs({ mac: '0e:49:61:0f:c3:01' }, { mac: '0e:49:61:0f:c3:11' }) },
      to: {
        mac: '00:00:5e:00:53:00',
        network: {
          interfaces: {
            macs: {
              '00:00:5e:00:53:00': { mac: '00:00:5e:00:53:00' },
              '00:00:5e:00:53:01': { mac: '00:00:5e:00:53:01' },
            },
          },
        },
      },
    },
    {
      what: 'names of hosts below domains of one’s own',
      from: { hostname: 'db.corp.example.com', 'local-hostname': 'ip-10-0-0-9.corp.example.com' },
      to: { hostname: 'host1.domain1.example', 'local-hostname': 'ip-10-0-0-10.domain1.example' },
    },
    {
      what: 'names of a role and a profile, in paths, ARNs and sentences',
      from: {
        iam: {
          info: '{\n  "Code" : "Success",\n  "InstanceProfileArn" : "arn:aws:iam::329910648901:instance-profile/team/web",\n  "InstanceProfileId" : "AIPA5BOGHHXZELSK34VU4"\n}',
          'security-credentials': {
            'web-role':
              '{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role web-role.", "X": "y"}',
          },
        },
      },
      to: {
        iam: {
          info: '{\n  "Code": "Success",\n  "InstanceProfileArn": "arn:aws:iam::111122223333:instance-profile/profile1/profile2",\n  "InstanceProfileId": "AIPA0000000001EXAMPLE"\n}',
          'security-credentials': {
            role1:
              '{\n  "Code": "AssumeRoleUnauthorizedAccess",\n  "Message": "What the service said of it is not in this recording."\n}',
          },
        },
      },
    },
    {
      what: 'tags but the keys of AWS and Name, a name by the same everywhere',
      from: {
        placement: { 'group-name': 'fast' },
        tags: {
          instance: { Name: 'web 1', 'aws:autoscaling:groupName': 'fast', Team: 'i-0abcdef1234567890', Empty: '' },
        },
      },
      to: {
        placement: { 'group-name': 'placement1' },
        tags: {
          instance: {
            Name: 'value1',
            'aws:autoscaling:groupName': 'placement1',
            tag1: 'i-00000000000000001',
            tag2: '',
          },
        },
      },
    },
    {
      what: 'names of security groups but the default one, and of the key, whose text is not that of the key',
      from: {
        'security-groups': 'web\ndefault',
        'public-keys': { '0=a,b=c': { 'openssh-key': 'ssh-rsa AAAA a,b=c\n' } },
      },
      to: {
        'security-groups': 'group1\ndefault',
        'public-keys': {
          '0=key1': {
            'openssh-key': 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG5vIGtleSwgYnV0IHRoZSBwbGFjZSBvZiBvbmUga2V5 key1\n',
          },
        },
      },
    },
    {
      what: 'nothing that is the same for everybody',
      from: {
        'ami-manifest-path': '(unknown)',
        events: { maintenance: { history: '[]', scheduled: '[ { "NotBefore" : "21 Jan 2019 09:00:43 GMT" } ]' } },
        'instance-type': 'm4.xlarge',
        placement: { 'availability-zone': 'us-east-1a', 'partition-number': '1', region: 'us-east-1' },
        services: { domain: 'amazonaws.com', partition: 'aws' },
        spot: { 'instance-action': '{"action": "stop", "time": "2026-11-23T09:02:00Z"}' },
      },
      to: {
        'ami-manifest-path': '(unknown)',
        events: {
          maintenance: { history: '[]', scheduled: '[\n  {\n    "NotBefore": "21 Jan 2019 09:00:43 GMT"\n  }\n]' },
        },
        'instance-type': 'm4.xlarge',
        placement: { 'availability-zone': 'us-east-1a', 'partition-number': '1', region: 'us-east-1' },
        services: { domain: 'amazonaws.com', partition: 'aws' },
        spot: { 'instance-action': '{\n  "action": "stop",\n  "time": "2026-11-23T09:02:00Z"\n}' },
      },
    },
  ];
  for (const { what, from, to } of cases)
    it(what, async () => {
      assert.deepEqual(await metadata(from), to);
    });

  it('what identifies the account in the identity document', async () => {
    const { scenario } = await take({
      'meta-data': instanceId,
      dynamic: {
        'instance-identity': {
          document:
            '{\n  "accountId" : "329910648901",\n  "privateIp" : "172.31.0.9",\n  "marketplaceProductCodes" : [ "3iplms73etrdhxdepv72l6ywj" ],\n  "billingProducts" : [ "bp-6ba54002" ]\n}',
          pkcs7: 'MIAGCSqGSIb3DQEH',
          signature: 'TesTTKmBbj+DUw6u',
        },
      },
    });
    assert.deepEqual(scenario.tree['dynamic'], {
      'instance-identity': {
        document:
          '{\n  "accountId": "111122223333",\n  "privateIp": "10.0.0.10",\n  "marketplaceProductCodes": [\n    "product1"\n  ],\n  "billingProducts": [\n    "bp-6ba54002"\n  ]\n}',
        pkcs7: 'bm8gc2lnbmF0dXJlLCBidXQgdGhlIHBsYWNlIG9mIG9uZQ==',
        signature: 'bm8gc2lnbmF0dXJlLCBidXQgdGhlIHBsYWNlIG9mIG9uZQ==',
      },
    });
  });
});

describe('record', () => {
  it('makes a scenario with nothing but what was there', async () => {
    const { scenario, values, failures, leftOut } = await take({ 'meta-data': instanceId });
    assert.deepEqual(scenario, {
      $schema: './node_modules/imds/dist/emulator/scenario.schema.json',
      description: 'Recorded from an instance; names, addresses, identifiers, credentials and user data are replaced.',
      base: 'empty',
      tree: { 'meta-data': { 'instance-id': 'i-00000000000000001' } },
    });
    assert.deepEqual([values, failures, leftOut], [1, [], []]);
  });

  it('says so of an instance that is not of the Nitro generations', async () => {
    const { scenario } = await take({ 'meta-data': { system: 'xen' } });
    assert.deepEqual(scenario.options, { system: 'xen' });
  });

  it('puts fake credentials where there were some, and of others tells why there were none', async () => {
    const success = '{"Code": "Success", "AccessKeyId": "ASIA", "SecretAccessKey": "secret", "Token": "token"}';
    const odd = '{"Code": "Odd", "SecretAccessKey": "secret"}';
    const failure = '{"Code": "Failed", "Message": "No.", "Token": "token", "LastUpdated": "2026-11-23T09:00:00Z"}';
    for (const keep of [false, true]) {
      const tree = { a: success, b: odd, c: 'secret', d: failure };
      assert.deepEqual(Object.values(Object(await metadata({ iam: { 'security-credentials': tree } }, { keep })).iam), [
        {
          [keep ? 'a' : 'role1']: { $credentials: {} },
          [keep ? 'b' : 'role2']: '{\n  "Code": "Odd"\n}',
          [keep ? 'c' : 'role3']: { $credentials: {} },
          [keep ? 'd' : 'role4']:
            '{\n  "Code": "Failed",\n  "Message": "What the service said of it is not in this recording.",\n  "LastUpdated": "2026-11-23T09:00:00Z"\n}',
        },
      ]);
    }
  });

  it('says that there was user data, and not which', async () => {
    for (const keep of [false, true]) {
      const { scenario } = await take({ 'meta-data': instanceId, 'user-data': '#!/bin/sh\nPASSWORD=secret' }, { keep });
      assert.equal(
        scenario.tree['user-data'],
        '#cloud-config\n# The user data of the instance is not in this recording.\n',
      );
    }
  });

  it('leaves out what it does not know, and says what that was below', async () => {
    const tree = {
      ...instanceId,
      news: 'secret',
      'new-things': { deep: { down: 'secret' } },
      iam: { info: 'secret', 'security-credentials-v3': { role: 'secret' } },
      'managed-ssh-keys': { 'active-keys': { someone: 'secret' }, 'active-keys-of-SECRET': { someone: 'secret' } },
      network: { interfaces: { macs: { '0e:49:61:0f:c3:11': { 'secret-thing': 'secret', thing: 'secret' } } } },
      tags: { instance: { 'a SECRET key': 'secret', 'SECRET/key': 'secret', 'what?': 'secret' } },
      hostname: Buffer.of(0xff),
    };
    const { scenario, leftOut, failures } = await take({ 'meta-data': tree });
    assert.deepEqual(scenario.tree['meta-data'], { 'instance-id': 'i-00000000000000001' });
    assert.deepEqual(
      failures.map(({ path, why }) => `${path}: ${why}`),
      Array.from({ length: 2 }, () => 'tags/instance/{tag-key}: its name cannot be part of a path'),
    );
    const namedLikeASecret = 'not known to this version, and named like a secret';
    assert.deepEqual(
      leftOut.map(({ path, why }) => `${path}: ${why}`).sort(),
      [
        `iam/{unknown}: ${namedLikeASecret}`,
        'iam/info: not known to this version',
        'managed-ssh-keys/active-keys: keys that are valid for a minute',
        `managed-ssh-keys/{unknown}: ${namedLikeASecret}`,
        `network/interfaces/macs/{mac}/{unknown}: ${namedLikeASecret}`,
        'network/interfaces/macs/{mac}/{unknown}: not known to this version',
        'hostname: not known to this version',
        `tags/instance/{tag-key}/{unknown}: ${namedLikeASecret}`,
        '{unknown}: not known to this version',
        '{unknown}: not known to this version',
      ].sort(),
    );
  });

  it('leaves out names with slashes in succession', async () => {
    const { scenario, leftOut } = await take({
      'meta-data': { ...instanceId, '/etc/passwd': 'a', tags: { instance: { '//team/x': 'b' } } },
    });
    assert.deepEqual(scenario.tree['meta-data'], { 'instance-id': 'i-00000000000000001' });
    assert.deepEqual(leftOut.map(({ path }) => path).sort(), [
      'tags/instance/{unknown}/{unknown}/{unknown}/{unknown}',
      '{unknown}/{unknown}/{unknown}',
    ]);
  });

  it('leaves out members of documents that it does not know, and says so', async () => {
    const { scenario, leftOut } = await take({
      'meta-data': {
        events: {
          maintenance: { scheduled: '[{"Code": "system-reboot", "By": "secret"}, "secret", [{"Code": "x"}]]' },
        },
        iam: { info: '{\n  "Code" : "Success",\n  "Extra" : { "Code" : "secret" }\n}' },
        'identity-credentials': { ec2: { info: '{"Code": {"Code": "secret"}, "__proto__": "secret", "toString": 1}' } },
        'elastic-inference': {
          associations: {
            'eia-bfa21c7904f64a82a21b9f4540169ce1':
              '{"version_2018_04_12": {"elastic-inference-accelerator-type": "eia1.medium", "by": "secret"}}',
          },
        },
        spot: { 'instance-action': '{"action": {"by": "secret"}, "action": "stop", "time": {"by": "secret"}}' },
      },
      dynamic: {
        'instance-identity': {
          document:
            '{\n  "region" : "eu-west-1",\n  "owner" : "secret",\n  "billingProducts" : ["bp-1", ["secret"]]\n}',
        },
      },
    });
    assert.deepEqual(scenario.tree, {
      'meta-data': {
        events: { maintenance: { scheduled: '[\n  {\n    "Code": "system-reboot"\n  }\n]' } },
        iam: { info: '{\n  "Code": "Success"\n}' },
        'identity-credentials': { ec2: { info: '{}' } },
        'elastic-inference': {
          associations: {
            'eia-00000000000000000000000000000001':
              '{\n  "version_2018_04_12": {\n    "elastic-inference-accelerator-type": "eia1.medium"\n  }\n}',
          },
        },
        spot: { 'instance-action': '{\n  "action": "stop"\n}' },
      },
      dynamic: {
        'instance-identity': {
          document: '{\n  "region": "eu-west-1",\n  "billingProducts": [\n    "bp-1"\n  ]\n}',
        },
      },
    });
    assert.deepEqual(leftOut.map(({ path, why }) => `${path}: ${why}`).sort(), [
      'dynamic/instance-identity/document: members not known to this version',
      'elastic-inference/associations/{eia-id}: members not known to this version',
      'events/maintenance/scheduled: members not known to this version',
      'iam/info: members not known to this version',
      'identity-credentials/ec2/info: members not known to this version',
      'spot/instance-action: members not known to this version',
    ]);
  });

  it('prints a document anew, however it was written, names kept or not', async () => {
    for (const keep of [false, true])
      for (const info of [
        '{"Code":"Success"}',
        '\n{ "Code" :\t"Success"\n}',
        '{ "Code": "Odd", "\\u0043ode" : "Success" }',
      ]) {
        const { scenario, leftOut } = await take({ 'meta-data': { iam: { info } } }, { keep });
        assert.deepEqual(scenario.tree, { 'meta-data': { iam: { info: '{\n  "Code": "Success"\n}' } } });
        assert.deepEqual(leftOut, []);
      }
  });

  it('is not stopped by a document that is nested too deep', async () => {
    const deep = '['.repeat(8000) + ']'.repeat(8000);
    const iam = { info: deep, 'security-credentials': { a: deep } };
    assert.deepEqual(await metadata({ iam }), {
      iam: { info: '[]', 'security-credentials': { role1: { $credentials: {} } } },
    });
    assert.deepEqual(await metadata({ iam }, { keep: true }), {
      iam: { info: deep, 'security-credentials': { a: { $credentials: {} } } },
    });
  });

  it('has of the state of credentials no word but those of AWS', async () => {
    const state = (members: object) => JSON.stringify({ Message: 'with token=secret', ...members });
    const tree = {
      info: state({ Code: 'a secret' }),
      'security-credentials': {
        a: state({ Code: 'token=secret', LastUpdated: 'secret' }),
        b: state({ Code: 'InvalidRole', LastUpdated: '2026-11-23T09:00:00Z', Because: 'secret' }),
      },
    };
    const told = 'What the service said of it is not in this recording.';
    assert.deepEqual(await metadata({ iam: tree }), {
      iam: {
        info: `{\n  "Message": "${told}",\n  "Code": "Unknown"\n}`,
        'security-credentials': {
          role1: `{\n  "Message": "${told}",\n  "Code": "Unknown",\n  "LastUpdated": ""\n}`,
          role2: `{\n  "Message": "${told}",\n  "Code": "InvalidRole",\n  "LastUpdated": "2026-11-23T09:00:00Z"\n}`,
        },
      },
    });
  });

  it('keeps domains of AWS, and none that is only below one', async () => {
    const kept = [
      'ec2.internal',
      'eu-west-1.compute.internal',
      'us-gov-east-1.compute.internal',
      'compute-1.amazonaws.com',
      'ap-southeast-7.compute.amazonaws.com',
      'cn-north-1.compute.amazonaws.com.cn',
      'eusc-de-east-1.compute.internal',
    ];
    for (const domain of kept)
      assert.deepEqual(await metadata({ hostname: `a.${domain}` }), { hostname: `host1.${domain}` });
    const replaced = [
      'secretzone.ec2.internal',
      'secretpriv.compute.internal',
      'secretpriv.compute.amazonaws.com',
      'my-secret-1.compute.internal',
      'a.eu-west-1.compute.internal',
    ];
    for (const domain of replaced)
      assert.deepEqual(await metadata({ hostname: `ip-10-1-2-3.${domain}` }), {
        hostname: 'ip-10-0-0-10.domain1.example',
      });
  });

  it('does not even read what may be a newer kind of credentials', async () => {
    const paths: string[] = [];
    await take(
      { 'meta-data': { ...instanceId, secrets: { a: 'b' }, 'managed-ssh-keys': { 'active-keys': { a: 'b' } } } },
      {},
      (path) => {
        paths.push(path);
      },
    );
    assert.deepEqual(
      paths.filter((path) => /secrets|active/.test(path)),
      [],
    );
  });

  it('does not read what is named like a secret, and neither does the walk of a listing', async () => {
    const named = [
      ...['agent-token', 'db-password', 'db_pwd', 'role-credentials', 'api-key', 'apiKey', 'private_key', 'passphrase'],
      ...['access-keys', 'user-data-2', 'client.secret', 'AgentToken'],
    ];
    const things = Object.fromEntries(
      named.flatMap((name) => [
        [name, 'hunter2'],
        [`${name}-of`, { a: 'hunter2' }],
      ]),
    );
    const tree = {
      'meta-data': {
        ...instanceId,
        ...things,
        iam: { ...things },
        'iam-ecs-x': { info: '{}', 'security-credentials': { 'a-TaskExecution': 'hunter2' } },
        'managed-ssh-keys': { 'active-keys': { someone: 'hunter2' } },
        placement: { region: 'us-east-1', ...things },
      },
      dynamic: { ...things, tomorrow: { ...things } },
    };
    const paths: string[] = [];
    const reader = treeReader(tree, (path) => void paths.push(path));
    for (const keep of [false, true]) await record(reader, { keep, requestsPerSecond: 100_000 });
    for (const unknown of [false, true])
      for (const root of [
        '/latest/',
        '/latest/dynamic/',
        '/latest/meta-data/',
        '/latest/meta-data/placement/',
      ] as const) {
        const items = await walk(reader, [root], { unknown });
        assert.ok(items.every(({ body }) => !body?.includes('hunter2')));
      }
    const isSecret = new RegExp(`/(?:${named.join('|')}|active-keys)`);
    assert.deepEqual(
      paths.filter((path) => isSecret.test(path)),
      [],
    );
  });

  it('keeps names, addresses and what is not known if asked to, but no secret', async () => {
    const tree = {
      'public-keys': { '0=me': { 'openssh-key': 'ssh-rsa AAAA me\n' } },
      hostname: 'db.corp.example.com',
      iam: { info: '{"Message": "a\\/b"}', 'security-credentials-v3': { role: 'secret' } },
      news: Buffer.of(0xff, 0x00),
      tags: { instance: { Team: 'web' } },
    };
    const { scenario, leftOut } = await take({ 'meta-data': tree }, { keep: true });
    assert.deepEqual(scenario.tree['meta-data'], {
      ...tree,
      iam: { info: '{\n  "Message": "a/b"\n}' },
      news: { $base64: '/wA=' },
    });
    assert.match(scenario.description, /without its credentials and user data/);
    assert.deepEqual(leftOut, [
      { path: 'iam/security-credentials-v3', why: 'not known to this version, and named like a secret' },
    ]);
  });

  const secrets: readonly { readonly what: string; readonly tree: object }[] = [
    { what: 'a key of AWS', tree: { iam: { newthing: '{"SecretAccessKey": "wJalr"}' } } },
    { what: 'a private key', tree: { news: { key: '-----BEGIN EC PRIVATE KEY-----\nMHcC' } } },
    { what: 'an access key', tree: { news: 'ASIA5BOGHHXZELSK34VU' } },
    { what: 'a password', tree: { news: Buffer.from('\xffpassword: a', 'latin1') } },
    { what: 'user data', tree: { news: '#!/bin/sh\ncurl -u me:wJalr' } },
    { what: 'the name of user data', tree: { 'user-data': 'wJalr' } },
    { what: 'a name like that of user data', tree: { news: { userdata_2: 'wJalr' } } },
    {
      what: 'a key of AWS in a document',
      tree: { iam: { info: '{"Code": "Success", "X": {"SecretAccessKey": "a"}}' } },
    },
  ];
  for (const { what, tree } of secrets)
    it(`leaves out what it does not know with ${what}, also if asked to keep everything`, async () => {
      const { scenario, leftOut } = await take({ 'meta-data': { ...instanceId, ...tree } }, { keep: true });
      assert.deepEqual(scenario.tree, { 'meta-data': instanceId });
      assert.match(
        leftOut.map(({ why }) => why).join(),
        /^(?:contains something that looks|not known to this version, and named) like a secret$/,
      );
    });

  it('keeps if asked to what is known, be it called a secret', async () => {
    const tree = {
      iam: { info: '{ "InstanceProfileArn": "arn:aws:iam::329910648901:instance-profile/secrets-reader" }' },
      tags: { instance: { password: 'token' } },
      news: '{"harmless": true}',
    };
    assert.deepEqual(await metadata(tree, { keep: true }), {
      ...tree,
      iam: { info: JSON.stringify(JSON.parse(tree.iam.info), undefined, 2) },
    });
  });

  it('skips what vanishes, and keeps empty values', async () => {
    const reader = treeReader({ 'meta-data': { ...instanceId, mac: '', tags: { instance: { a: '' } } } });
    const { scenario, failures } = await record(
      {
        ...reader,
        list: async (path = '') => [
          ...(await reader.list(path)),
          ...(path.endsWith('meta-data/') ? ['ami-id', 'spot/'] : []),
        ],
        async getBuffer(path) {
          if (path.endsWith('/mac'))
            throw new ImdsDecodeError(`Expected a value from ${path}, got an empty answer`, { fault: 'empty' });
          return await reader.getBuffer(path);
        },
      },
      { requestsPerSecond: 100_000 },
    );
    assert.deepEqual(scenario.tree['meta-data'], {
      'instance-id': 'i-00000000000000001',
      mac: '',
      tags: { instance: { tag1: '' } },
    });
    assert.deepEqual(failures, []);
  });

  it('names what could not be read, without telling whose instance it is, and has the rest', async () => {
    const tags = { instance: { 'top-secret': 'a', harmless: 'b' } };
    const { scenario, failures } = await take(
      { 'meta-data': { ...instanceId, tags, iam: { info: '{}' } } },
      {},
      (path) => {
        if (path.endsWith('/iam/')) throw new ImdsTimeoutError('waited in vain', { phase: 'response' });
        if (path.endsWith('top-secret'))
          throw new ImdsResponseError(`${path} returned 500`, { fault: 'status', statusCode: 500 });
      },
    );
    assert.deepEqual(failures.map(({ path, why }) => `${path}: ${why}`).sort(), [
      'iam/: no answer in time',
      'tags/instance/{tag-key}: answered 500',
    ]);
    assert.deepEqual(scenario.tree['meta-data'], {
      'instance-id': 'i-00000000000000001',
      tags: { instance: { tag1: 'value1' } },
    });
  });

  it('names with its own path what could not be read if names are kept', async () => {
    const { failures } = await take({ 'meta-data': { tags: { instance: { Team: 'a' } } } }, { keep: true }, (path) => {
      if (path.endsWith('Team')) throw new ImdsResponseError('no', { fault: 'reset' });
    });
    assert.deepEqual(
      failures.map(({ path, why }) => ({ path, why })),
      [{ path: 'tags/instance/Team', why: 'the answer is unusable' }],
    );
  });

  it('sends no more requests once the service stops answering', async () => {
    const instance = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`tag${index}`, 'a']));
    let asked = 0;
    // Without a rate, so that no timer lets a value be read after the failures, which would begin their count anew.
    const atOnce = { requestsPerSecond: Number.POSITIVE_INFINITY };
    const { failures } = await take({ 'meta-data': { ...instanceId, tags: { instance } } }, atOnce, (path) => {
      if (!path.includes('tags/instance/t')) return;
      asked += 1;
      throw new ImdsTimeoutError('waited in vain', { phase: 'response' });
    });
    assert.equal(failures.length, 50);
    // Eight in a row, and those that were under way.
    assert.ok(asked >= 8 && asked < 12, `${asked} requests`);
  });

  it('fails when the first listing does', async () => {
    const reason = new ImdsTimeoutError('waited in vain', { phase: 'token' });
    await assert.rejects(
      take({ 'meta-data': instanceId }, {}, () => {
        throw reason;
      }),
      reason,
    );
  });

  it('goes no deeper than instance metadata does', async () => {
    let bottomless: object = { a: 'b' };
    for (let depth = 0; depth < 30; depth += 1) bottomless = { deeper: bottomless };
    const { failures } = await take({ 'meta-data': { ...instanceId, bottomless } }, { keep: true });
    assert.deepEqual(
      failures.map(({ path, why }) => ({ path, why })),
      [{ path: `bottomless/${'deeper/'.repeat(15)}`, why: 'the answer is unusable' }],
    );
  });

  for (const [title, list] of [
    ['directories that list themselves', ['a/', 'b/', 'c']],
    ['ten times as many entries as it reads', Array.from({ length: 40_960 }, (_, index) => `entry-${index}`)],
  ] as const) {
    it(`gives up on ${title}, without blocking the event loop`, async () => {
      let requests = 0;
      const reader: WalkReader = {
        async list() {
          requests += 1;
          await new Promise(setImmediate);
          return list;
        },
        async getBuffer() {
          requests += 1;
          await new Promise(setImmediate);
          return Buffer.from('value');
        },
      };
      const endless = /there are more than 4096 values and directories, the last in \/latest\/.*no more are read/;
      await assertHeldBriefly(async () => {
        requests = 0;
        await assert.rejects(walk(reader, ['/latest/meta-data/'], { unknown: true }), endless);
        await assert.rejects(record(reader, { keep: true, requestsPerSecond: 1e6 }), endless);
        const asked = requests;
        await new Promise((resolve) => setTimeout(resolve, 50));
        assert.ok(requests <= 2 * 4096, `${requests}`);
        assert.equal(requests, asked);
      });
    });
  }

  it('ends at once when it is aborted or its client closed', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = take({ 'meta-data': instanceId, 'user-data': 'a' }, { signal: controller.signal }, (path) => {
      if (path.endsWith('instance-id')) controller.abort(reason);
      controller.signal.throwIfAborted();
    });
    await assert.rejects(aborted, reason);
    const closed = new ImdsError('ERR_IMDS_CLOSED', 'this client was closed');
    const rejected = take({ 'meta-data': instanceId }, {}, (path) => {
      if (path.endsWith('instance-id')) throw closed;
    });
    await assert.rejects(rejected, closed);
  });

  it('reports its progress', async () => {
    const counts: number[] = [];
    await take(
      { 'meta-data': { ...instanceId, mac: '0e:49:61:0f:c3:11' }, 'user-data': 'a' },
      { onValue: (count) => counts.push(count) },
    );
    assert.deepEqual(counts, [1, 2, 3]);
  });

  it('sends at most four requests at once, and a limited number per second', async () => {
    let [now, most, asked] = [0, 0, 0];
    const instance = Object.fromEntries(Array.from({ length: 26 }, (_, index) => [`tag${index}`, 'a']));
    const begun = performance.now();
    await take({ 'meta-data': { tags: { instance } } }, { requestsPerSecond: 100 }, async () => {
      asked += 1;
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 60));
      now -= 1;
    });
    assert.equal(asked, 31);
    assert.equal(most, 4);
    assert.ok(performance.now() - begun >= 30 * 10 - 2, `${performance.now() - begun} ms`);
  });
});
