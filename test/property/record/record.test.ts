import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import fc from 'fast-check';
import { before, describe, it } from 'mocha';
import { categoryOf } from '../../../src/metadata/lookup.js';
import { type RecordOptions, record } from '../../../src/record/record.js';
import { StandIns } from '../../../src/record/stand-ins.js';
import { walk } from '../../../src/record/walk.js';
import { treeReader } from '../../support/tree-reader.js';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const id = (...starts: readonly string[]) =>
  fc.tuple(fc.constantFrom(...starts), fc.oneof(hex(8), hex(17))).map(([start, rest]) => start + rest);
const group = fc.integer({ min: 0, max: 65535 }).map((value) => value.toString(16));
const account = fc.integer({ min: 1e11, max: 1e12 - 1 }).map(String);
const mac = fc.array(hex(2), { minLength: 6, maxLength: 6 }).map((parts) => parts.join(':'));
const ipv4 = fc.oneof(
  fc.ipV4(),
  fc.tuple(fc.nat(3), fc.nat(20)).map(([a, b]) => `10.0.${a}.${b}`),
  fc.tuple(fc.nat(3), fc.nat(20)).map(([a, b]) => `192.0.2.${16 * a + b}`),
);
const ipv6 = fc.oneof(
  fc.ipV6(),
  fc.tuple(fc.nat(3), fc.nat(9)).map(([a, b]) => `2001:db8:0:${a}::${b}`),
  fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':')),
);
const cidr = fc.oneof(
  fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([address, length]) => `${address}/${length}`),
  fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([address, length]) => `${address}/${length}`),
);
const word = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.constantFrom('web', 'prod', 'role1', 'value1', 'tag1', 'default', 'aws', '0', '10.0.0.4', 'reboot', 'i', 'arn'),
);
const arn = fc
  .tuple(account, fc.constantFrom('role/', 'instance-profile/', 'user/a/', 'assumed-role/x/', 'bucket-', ''), word)
  .map(([owner, kind, name]) => `arn:aws:iam::${owner}:${kind}${name}`);
const token = fc.oneof(id('i-', 'vpc-', 'instance-event-', 'x-'), account, mac, ipv4, ipv6, cidr, arn, fc.uuid());
const host = fc
  .tuple(
    fc.oneof(
      ipv4.map((address) => `ip-${address.replaceAll('.', '-')}`),
      id('i-'),
      fc.constantFrom('db', 'host2'),
    ),
    fc.constantFrom(
      '',
      '.ec2.internal',
      '.eu-west-1.compute.internal',
      '.zone.ec2.internal',
      '.corp.example.com',
      '.domain1.example',
    ),
  )
  .map((parts) => parts.join(''));
/** Anything that may stand in a text, next to anything else. */
const text = fc
  .array(fc.oneof(token, host, word, fc.constantFrom(' ', ', ', '.', ':', '/', '-', '\n', '"')), { maxLength: 8 })
  .map((parts) => parts.join(''));
const line = text.map((value) => value.replace(/[\n\r]/g, ' '));
const lines = fc.array(fc.oneof(token, line), { minLength: 1, maxLength: 3 }).map((values) => values.join('\n'));
const value = fc.oneof(token, text, word, host);
/** A document with members that are known, and some that are not, in one layout or another. */
const json = fc
  .record(
    {
      Code: fc.oneof(text, fc.constantFrom('Success', 'AssumeRoleUnauthorizedAccess')),
      Message: text,
      LastUpdated: fc.oneof(text, fc.constant('2026-11-23T09:00:00Z')),
      Description: text,
      accountId: fc.oneof(account, fc.nat(), fc.constant(null), fc.record({ accountId: account })),
      marketplaceProductCodes: fc.array(fc.oneof(word, fc.array(word))),
      owner: fc.oneof(text, fc.jsonValue()),
    },
    { requiredKeys: [] },
  )
  .chain((members) => fc.constantFrom<unknown>(members, [members, 'more']))
  .chain((value) =>
    fc.constantFrom(
      JSON.stringify(value),
      JSON.stringify(value, undefined, 2),
      JSON.stringify(value).replaceAll('":', '" :\t'),
    ),
  );

/** A name that can be part of a path, as in tags. */
const name = fc
  .oneof(token, word)
  .map((value) => value.replace(/[^\w+=.,:@-]/g, '_'))
  .filter((value) => !/^\.*$/.test(value));
const some = <T>(key: fc.Arbitrary<string>, inner: fc.Arbitrary<T>) =>
  fc.dictionary(key, inner, { minKeys: 1, maxKeys: 4 });

const nic = fc.record(
  {
    mac,
    'interface-id': id('eni-'),
    'owner-id': account,
    'local-hostname': host,
    'local-ipv4s': fc.array(ipv4, { minLength: 1, maxLength: 3 }).map((all) => all.join('\n')),
    ipv6s: fc.array(ipv6, { minLength: 1, maxLength: 3 }).map((all) => all.join('\n')),
    'ipv4-associations': some(ipv4, ipv4),
    'security-groups': lines,
    'subnet-ipv4-cidr-block': cidr,
    'vpc-ipv4-cidr-blocks': fc.array(cidr, { minLength: 1, maxLength: 3 }).map((all) => all.join('\n')),
    'vpc-ipv6-cidr-blocks': cidr,
  },
  { requiredKeys: [] },
);

const instance = fc.record(
  {
    'meta-data': fc.record(
      {
        'ami-id': id('ami-'),
        'instance-id': fc.oneof(id('i-'), value),
        hostname: fc.oneof(host, value),
        'local-ipv4': ipv4,
        'public-ipv4': ipv4,
        'public-hostname': host,
        events: fc.constant({}).chain(() => json.map((document) => ({ maintenance: { scheduled: document } }))),
        'identity-credentials': json.map((info) => ({ ec2: { info } })),
        iam: fc.record({ info: json, 'security-credentials': some(name, json) }, { requiredKeys: [] }),
        network: some(mac, nic).map((macs) => ({ interfaces: { macs } })),
        placement: fc.record({ 'group-name': value, region: fc.constant('eu-west-1') }, { requiredKeys: [] }),
        'public-keys': some(name, fc.constant({ 'openssh-key': 'ssh-rsa AAAA\n' })).map((keys) =>
          Object.fromEntries(Object.entries(keys).map(([key, inner], index) => [`${index}=${key}`, inner])),
        ),
        'security-groups': lines,
        'product-codes': lines,
        tags: some(name, value).map((tags) => ({ instance: tags })),
        'new-category': value,
      },
      { requiredKeys: ['ami-id'] },
    ),
    dynamic: json.map((document) => ({ 'instance-identity': { document, pkcs7: 'MIAG' } })),
    'user-data': text,
  },
  { requiredKeys: ['meta-data'] },
);

const takeAll = (tree: object, options: RecordOptions = {}) =>
  record(treeReader(tree), { requestsPerSecond: 1e9, ...options });

/** The typed value of each category that is no secret, by its path; `unusable` where there is no such value. */
async function valuesOf(tree: object): Promise<Map<string, unknown>> {
  const items = await walk(treeReader(tree), ['/latest/meta-data/', '/latest/dynamic/']);
  return new Map(items.flatMap(({ path, body }) => (body ? [[path, valueAt(path, body)]] : [])));
}

function valueAt(path: string, body: Buffer): unknown {
  try {
    return categoryOf(path)?.decode(body);
  } catch {
    return 'unusable';
  }
}

/** What is there of a value apart from its texts. */
const shapeOf = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value ?? null), (_, inner) => (typeof inner === 'string' ? '' : inner));

describe('a recording', () => {
  const seed = Number(process.env['FAST_CHECK_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  before(() => console.log(`    FAST_CHECK_SEED=${seed}`));

  const check = <T>(property: fc.IAsyncProperty<T> | fc.IProperty<T>, numRuns: number) =>
    fc.assert(property, { seed, numRuns });

  it('gives a client the values of the instance when it is replayed, names kept', async () => {
    await check(
      fc.asyncProperty(instance, async (tree) => {
        const { scenario, failures, leftOut } = await takeAll(tree, { keep: true });
        assert.deepEqual(failures, []);
        const omitted = new Set(leftOut.map(({ path }) => path));
        const [before, after] = [await valuesOf(tree), await valuesOf(scenario.tree)];
        for (const [path, value] of before)
          if (!omitted.has(path.replace(/^\/latest\/(meta-data\/)?/, '')) && !isReplaced(path))
            assert.deepEqual(after.get(path), value, path);
      }),
      100,
    );
  });

  it('gives a client values of the same form when it is replayed, names replaced', async () => {
    await check(
      fc.asyncProperty(instance, async (tree) => {
        const { scenario, values } = await takeAll(tree);
        const again = await takeAll(scenario.tree);
        // Nothing in it is unknown any more, and everything is there.
        assert.deepEqual([again.values, again.leftOut, again.failures], [values, [], []]);
        const [first, second] = [await valuesOf(scenario.tree), await valuesOf(again.scenario.tree)];
        assert.deepEqual([...second.values()].map(shapeOf), [...first.values()].map(shapeOf));
      }),
      100,
    );
  });

  it('has the same stand-in for the same thing, and another for another', async () => {
    const thing = fc.oneof(id('i-', 'vpc-', 'x-'), account, mac, ipv4);
    await check(
      fc.property(fc.array(thing, { maxLength: 40 }), fc.array(word), (things, names) => {
        const standIns = new StandIns();
        const replaced = [
          ...things.map((text) => [text, standIns.text(`of ${text}, seen`).slice(3, -6)] as const),
          ...names.map((text) => [text, standIns.name('group', text)] as const),
        ];
        for (const [a, ofA] of replaced)
          for (const [b, ofB] of replaced) assert.equal(ofA === ofB, a === b, `${a} ${b}`);
      }),
      200,
    );
  });

  it('tells no name, wherever it stood', async () => {
    const secret = fc.uniqueArray(
      hex(12).map((tail) => `Q${tail}Z`),
      { minLength: 16, maxLength: 16 },
    );
    await check(
      fc.asyncProperty(secret, token, async (names, other) => {
        const [
          role = '',
          profile,
          key,
          tag,
          value,
          group,
          placement,
          product,
          label,
          domain,
          user,
          data,
          unknown,
          strange,
          member,
          zone,
        ] = names;
        const message = `EC2 cannot assume ${role}, of ${group}; ${value}.`;
        const recording = await takeAll({
          'meta-data': {
            'ami-id': other,
            hostname: `${label}.${domain}.corp`,
            'local-hostname': `ip-10-0-0-9.${zone?.toLowerCase()}.compute.internal`,
            events: { maintenance: { scheduled: JSON.stringify([{ Description: message }]) } },
            iam: {
              info: JSON.stringify({
                Code: 'Success',
                InstanceProfileArn: `arn:aws:iam::123456789012:instance-profile/${user}/${profile}`,
                Message: message,
                [`${member}`]: data,
              }),
              'security-credentials': {
                [role]: JSON.stringify({ Code: `not ${unknown}`, LastUpdated: data, Message: data, Token: data }),
              },
            },
            'managed-ssh-keys': { 'active-keys': { [`${user}`]: data } },
            placement: { 'group-name': placement },
            'product-codes': product,
            'public-keys': { [`0=${key}`]: { 'openssh-key': `ssh-rsa ${data} ${key}` } },
            'security-groups': `${group}\n${group} ${value}`,
            tags: { instance: { [`${tag}`]: value, Name: `${other} ${value}`, 'aws:x': role } },
            [`${strange}`]: unknown,
            [`${strange} secret`]: unknown,
            directory: { [`${unknown}`]: { [`${strange}`]: data } },
          },
          dynamic: {
            'instance-identity': {
              document: JSON.stringify({ marketplaceProductCodes: [product], accountId: { [`${member}`]: data } }),
              rsa2048: data,
            },
          },
          'user-data': data,
        });
        const text = JSON.stringify([recording.scenario, recording.leftOut]);
        assert.deepEqual(
          names.filter((name) => text.toLowerCase().includes(name.toLowerCase())),
          [],
        );
      }),
      200,
    );
  });

  it('puts networks and addresses elsewhere, one within another as they were', async () => {
    /** Numbers close to one another, so that many are within others. */
    const numbers = fc.array(fc.nat({ max: 60_000 }), { maxLength: 40 });
    await check(
      fc.property(fc.constantFrom('ipv4' as const, 'ipv6' as const), numbers, (family, numbers) => {
        const width = family === 'ipv4' ? 32 : 128;
        const start = (number: number): string =>
          family === 'ipv4' ? `172.31.${number >> 8}.${number & 255}` : `2600:1f16:0:0:0:0:0:${number.toString(16)}`;
        const networks = numbers.map((number) => {
          const host = [0, 0, 4, 8, 16][number % 5] ?? 0;
          return `${start((number >> host) << host)}/${width - host}`;
        });
        const standIns = new StandIns();
        const moved = networks.map((network) => standIns.text(network));
        const holds = (outer = '', inner = ''): boolean => {
          const list = new BlockList();
          const [base = '', length] = outer.split('/');
          list.addSubnet(base, Number(length), family);
          return list.check(inner.split('/')[0] ?? '', family);
        };
        for (const [a, outer] of networks.entries())
          for (const [b, inner] of networks.entries()) {
            assert.equal(moved[a]?.split('/')[1], outer.split('/')[1]);
            if (Number(outer.split('/')[1]) > Number(inner.split('/')[1])) continue;
            assert.equal(holds(moved[a], moved[b]), holds(outer, inner), `${outer} ${inner}`);
          }
      }),
      200,
    );
  });
});

/** True for what is no secret of the table and replaced all the same. */
const isReplaced = (path: string): boolean => /instance-identity\/pkcs7$/.test(path);
