import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { page } from '../../../scripts/categories-page.mjs';
import { descriptions } from '../../../scripts/descriptions.mjs';
import { ImdsDecodeError, ImdsPathError } from '../../../src/errors.js';
import type { CallOptions } from '../../../src/metadata/accessor.js';
import { type Categories, table } from '../../../src/metadata/categories.js';
import type { Category } from '../../../src/metadata/category.js';
import { rows } from '../../../src/metadata/lookup.js';
import { bindOnDemand } from '../../../src/metadata/rows.js';

const reference = new URL('../../../../shared/reference/metadata-categories.json', import.meta.url);

/** Accessors that read nothing and tell what they were asked for. */
function bound() {
  const asked: [path: string, options: CallOptions | undefined][] = [];
  const accessors = {} as Categories;
  bindOnDemand(accessors, table, (category, options) => {
    asked.push([category.path, options]);
    return Promise.resolve(category.decode(Buffer.from('answer')));
  });
  return { accessors, asked };
}

const byTemplate = new Map(rows().map(({ category }) => [category.template, category]));

function category(template: string): Category<unknown> {
  const found = byTemplate.get(template);
  assert.ok(found, template);
  return found;
}

/** Rows from source code and scripts, and the directories above others. */
const notDocumented: readonly string[] = [
  'meta-data/elastic-gpus/',
  'meta-data/elastic-gpus/associations/',
  'meta-data/elastic-inference/',
  'meta-data/iam-ecs-{ns}/',
  'meta-data/iam-ecs-{ns}/info',
  'meta-data/iam-ecs-{ns}/security-credentials/{task-role}',
  'meta-data/managed-ssh-keys/active-keys/',
];

const camelCase = (segment: string) => segment.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** The name that a template has to have: its segments in camelCase, and placeholders by their own names. */
function mechanicalName(template: string): string {
  if (template === 'meta-data/') return 'metaData';
  return template
    .replace(/^meta-data\//, '')
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => camelCase(/^\{.*\}$/.test(segment) ? segment.slice(1, -1) : segment.replace(/-?\{.*\}$/, '')))
    .join('.');
}

describe('the table of categories', () => {
  it('has the rows, kinds and mutabilities of AWS’s documentation (compared where ../shared/reference is there)', function () {
    if (!existsSync(reference)) {
      console.log(`      not compared: there is no ${reference.pathname}`);
      return this.skip();
    }
    const documented: { path: string; kind: string; mutability: string; optional: boolean }[] = JSON.parse(
      readFileSync(reference, 'utf8'),
    );
    const facts = ({ kind, mutability, optional }: { kind: string; mutability: string; optional: boolean }) => ({
      kind,
      mutability,
      optional,
    });
    const compared = rows().filter(({ category }) => !notDocumented.includes(category.template));
    assert.deepEqual(
      Object.fromEntries(compared.map(({ category }) => [category.template, facts(category)])),
      Object.fromEntries(documented.map((row) => [row.path, facts(row)])),
    );
  });

  it('has 124 rows, none twice', () => {
    assert.equal(rows().length, 124);
    assert.equal(byTemplate.size, 124);
  });

  it('names every accessor after its path', () => {
    for (const { call, category } of rows())
      assert.equal(call.replace(/\(.*?\)/g, ''), mechanicalName(category.template), category.template);
  });

  it('reads every template at its path, with the parameters of the example', () => {
    for (const { call, category } of rows()) {
      const parameters = [...call.matchAll(/\('?([^)]+?)'?\)/g)].map(([, parameter]) => parameter);
      const path = category.template.replace(/\{[a-z-]+\}/g, () => parameters.shift() ?? '');
      assert.equal(category.path, `/latest/${path}`);
      assert.deepEqual(parameters, []);
    }
  });

  it('explains every accessor, with an example value', () => {
    const found: ReadonlyMap<string, string> = descriptions(rows());
    assert.deepEqual([...found.keys()].sort(), [...byTemplate.keys()].sort());
    for (const [template, text] of found) assert.match(text, /`[^`]+`.*\.$/, template);
  });

  it('is shown in docs/categories.md as it is now (else: npm run docs)', () => {
    assert.equal(readFileSync(new URL('../../../docs/categories.md', import.meta.url), 'utf8'), page());
  });

  it('marks credentials and user data as secret, and nothing else', () => {
    const secrets = rows().filter(({ category }) => category.secret);
    assert.deepEqual(
      secrets.map(({ category }) => category.template),
      [
        'meta-data/iam/security-credentials/{role}',
        'meta-data/iam/security-credentials-extended/{role}',
        'meta-data/iam-ecs-{ns}/security-credentials/{task-role}',
        'meta-data/identity-credentials/ec2/security-credentials/ec2-instance',
        'user-data',
      ],
    );
    assert.deepEqual(
      rows().filter(({ category }) => category.expiresAt !== undefined),
      secrets.slice(0, 4),
    );
  });
});

describe('accessors', () => {
  it('read the category they carry, with the options of the call', async () => {
    const { accessors, asked } = bound();
    assert.equal(await accessors.placement.region({ fresh: true }), 'answer');
    assert.deepEqual(await accessors.placement(), ['answer']);
    assert.deepEqual(asked, [
      ['/latest/meta-data/placement/region', { fresh: true }],
      ['/latest/meta-data/placement/', undefined],
    ]);
    assert.equal(accessors.placement.region.category.path, '/latest/meta-data/placement/region');
  });

  it('take parameters where the path has them, at its end or on the way', async () => {
    const { accessors, asked } = bound();
    const nic = accessors.network.interfaces.macs.mac('0e:49:61:0f:c3:11/');
    await accessors.tags.instance.tagKey('Name', { deadlineMs: 7 });
    await accessors.blockDeviceMapping.ebs(3);
    await accessors.publicKeys.n(0).opensshKey();
    await accessors.managedSshKeys.signerOcsp.name('9bf6');
    await nic();
    await nic.ipv4Associations.publicIp('192.0.2.54');
    assert.deepEqual(asked, [
      ['/latest/meta-data/tags/instance/Name', { deadlineMs: 7 }],
      ['/latest/meta-data/block-device-mapping/ebs3', undefined],
      ['/latest/meta-data/public-keys/0/openssh-key', undefined],
      ['/latest/meta-data/managed-ssh-keys/signer-ocsp/9bf6', undefined],
      ['/latest/meta-data/network/interfaces/macs/0e:49:61:0f:c3:11/', undefined],
      ['/latest/meta-data/network/interfaces/macs/0e:49:61:0f:c3:11/ipv4-associations/192.0.2.54', undefined],
    ]);
  });

  it('are made when they are first used, and can be replaced', async () => {
    const { accessors } = bound();
    const getterOf = (name: string) => Object.getOwnPropertyDescriptor(accessors, name)?.get;
    assert.ok(getterOf('placement'));
    assert.equal(accessors.placement, accessors.placement);
    assert.equal(getterOf('placement'), undefined);
    const replacement = Object.assign(async () => 'i-1', { category: accessors.instanceId.category });
    accessors.instanceId = replacement;
    assert.equal(accessors.instanceId, replacement);
    accessors.hostname = replacement;
    assert.equal(await accessors.hostname(), 'i-1');
  });

  it('are listed by the names of their paths', () => {
    const { accessors } = bound();
    assert.deepEqual(Object.keys(accessors), Object.keys(table));
    assert.deepEqual(Object.keys(accessors.metrics), ['category', 'vhostmd']);
    assert.deepEqual(Object.keys(accessors.managedSshKeys.signerOcsp), ['name', 'category']);
  });

  for (const key of ['Name', 'aws:autoscaling:groupName', 'a+b-c=d.,_:@e', '...', '"{}"', 'x'.repeat(255)])
    it(`take ${key.slice(0, 30)} as a parameter`, () => {
      const { path } = bound().accessors.tags.instance.tagKey.category(key);
      assert.equal(path, `/latest/meta-data/tags/instance/${key}`);
    });

  const refusedTexts = [
    '',
    '/',
    '.',
    '..',
    '../',
    'a/b',
    'a//',
    '/a',
    'a b',
    'a\tb',
    'a\n',
    'a\0',
    'a?b',
    'a#b',
    'a\\b',
  ];
  for (const key of [...refusedTexts, 'a%2fb', 'ä', '\u{1f600}', '\x7f'])
    it(`refuse ${JSON.stringify(key)} as a parameter, before any request`, async () => {
      const { accessors, asked } = bound();
      const message =
        'the parameter {tag-key} of meta-data/tags/instance/{tag-key} must be ' +
        'one path segment of visible ASCII without / ? # % \\, and neither . nor ..';
      await assert.rejects(accessors.tags.instance.tagKey(key), { name: 'ImdsPathError', message });
      assert.throws(() => accessors.network.interfaces.macs.mac(key), ImdsPathError);
      assert.deepEqual(asked, []);
    });

  for (const n of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e21])
    it(`refuse ${n} as a number`, async () => {
      const { accessors } = bound();
      const message = `the parameter {n} of meta-data/block-device-mapping/ebs{n} must be a whole number, 0 or more, not ${n}`;
      await assert.rejects(accessors.blockDeviceMapping.ebs(n), { name: 'ImdsPathError', message });
      assert.throws(() => accessors.publicKeys.n(n), ImdsPathError);
    });

  it('refuse a missing parameter and one of another type, as JavaScript may give it', async () => {
    const { accessors } = bound();
    for (const parameter of [undefined, null, {}, ['Name'], Symbol('Name')])
      await assert.rejects(Reflect.apply(accessors.tags.instance.tagKey, undefined, [parameter]), {
        name: 'ImdsPathError',
        message: new RegExp(`, not of type ${typeof parameter}$`),
      });
  });
});

describe('an empty body', () => {
  const empties = [Buffer.alloc(0), Buffer.from('\n')];
  const of = (template: string, meaning: unknown) =>
    it(`of ${template} is ${JSON.stringify(meaning) ?? 'undefined'}`, () => {
      for (const body of empties) assert.deepEqual(category(template).decode(body), meaning);
    });
  of('meta-data/public-hostname', undefined);
  of('meta-data/network/interfaces/macs/{mac}/public-hostname', undefined);
  of('meta-data/hibernation/configured', undefined);
  of('meta-data/spot/termination-time', undefined);
  of('meta-data/tags/instance/{tag-key}', '');
  of('meta-data/tags/instance/', []);
  of('meta-data/product-codes', []);
  of('meta-data/public-keys/', []);
  of('meta-data/spot/', []);

  it('is an error for every category that is not optional', () => {
    for (const { category } of rows().filter(({ category }) => !category.optional))
      for (const body of empties)
        assert.throws(() => category.decode(body), { name: 'ImdsDecodeError', message: /got an empty answer$/ });
  });

  for (const template of [
    'meta-data/local-ipv4',
    'meta-data/spot/instance-action',
    'meta-data/placement/partition-number',
  ])
    it(`is an error for ${template}, whose absence is a 404`, () => {
      assert.throws(() => category(template).decode(Buffer.alloc(0)), ImdsDecodeError);
    });
});

describe('values that may be placeholders', () => {
  for (const [template, text, settled] of [
    ['meta-data/network/interfaces/macs/{mac}/device-number', '0', false],
    ['meta-data/network/interfaces/macs/{mac}/device-number', '0\n', false],
    ['meta-data/network/interfaces/macs/{mac}/device-number', '10', true],
    ['meta-data/network/interfaces/macs/{mac}/ipv6s', '', false],
    ['meta-data/network/interfaces/macs/{mac}/ipv6s', '2001:db8::1', true],
    ['meta-data/hibernation/configured', '', false],
    ['meta-data/hibernation/configured', 'true', true],
  ] as const)
    it(`${JSON.stringify(text)} of ${template} is ${settled ? '' : 'not '}settled`, () => {
      const found = category(template);
      assert.equal(found.isSettled?.(found.decode(Buffer.from(text))), settled);
    });
});

describe('the expiry of credentials', () => {
  const template = 'meta-data/iam/security-credentials/{role}';
  const expiry = (document: object): number | undefined => {
    const found = category(template);
    return found.expiresAt?.(found.decode(Buffer.from(JSON.stringify(document))));
  };

  it('is the instant of Expiration in milliseconds', () => {
    const keys = { AccessKeyId: 'ASIAEXAMPLE', SecretAccessKey: 'wJalrEXAMPLE', Token: 'IQoJEXAMPLE' };
    const issued = { Code: 'Success', ...keys, Expiration: '2026-11-23T15:05:00Z' };
    assert.equal(expiry(issued), Date.UTC(2026, 10, 23, 15, 5));
  });

  it('is unknown for the report of a failure', () => {
    assert.equal(expiry({ Code: 'AssumeRoleUnauthorizedAccess' }), undefined);
  });
});
