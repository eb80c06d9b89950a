import assert from 'node:assert/strict';
import { categoryOf, isDirectory, rows } from '../../../src/metadata/lookup.js';

describe('the lookup of a category by its path', () => {
  for (const [path, template] of [
    ['/latest/meta-data/instance-id', 'meta-data/instance-id'],
    ['/latest/meta-data/instance-id/', 'meta-data/instance-id'],
    ['/2021-03-23/meta-data/placement', 'meta-data/placement/'],
    ['/1.0/meta-data/', 'meta-data/'],
    ['/latest/meta-data', 'meta-data/'],
    ['/latest/user-data', 'user-data'],
    ['/latest/dynamic/instance-identity/document', 'dynamic/instance-identity/document'],
    ['/latest/meta-data/block-device-mapping/ebs12', 'meta-data/block-device-mapping/ebs{n}'],
    ['/latest/meta-data/block-device-mapping/ami', 'meta-data/block-device-mapping/ami'],
    ['/latest/meta-data/public-keys/0', 'meta-data/public-keys/{n}/'],
    // The accessors of these are called like the parameter.
    ['/latest/meta-data/iam/security-credentials/role', 'meta-data/iam/security-credentials/{role}'],
    ['/latest/meta-data/tags/instance/tag-key', 'meta-data/tags/instance/{tag-key}'],
    // Every object has a member of this name.
    ['/latest/meta-data/tags/instance/constructor', 'meta-data/tags/instance/{tag-key}'],
    ['/latest/meta-data/managed-ssh-keys/active-keys/user', 'meta-data/managed-ssh-keys/active-keys/{user}/'],
    [
      '/latest/meta-data/network/interfaces/macs/0e:00/ipv4-associations/192.0.2.1',
      'meta-data/network/interfaces/macs/{mac}/ipv4-associations/{public-ip}',
    ],
    ['/latest/meta-data/managed-ssh-keys/active-keys/root', 'meta-data/managed-ssh-keys/active-keys/{user}/'],
  ] as const)
    it(`finds ${template} at ${path}`, () => {
      const found = categoryOf(path);
      assert.equal(found?.template, template);
      assert.equal(found.path, path);
      const row = rows().find(({ category }) => category.template === template);
      assert.deepEqual({ ...found, path }, { ...row?.category, path });
    });

  for (const path of [
    '',
    '/',
    '/latest',
    '/latest/',
    'meta-data/instance-id',
    '/meta-data/instance-id',
    '/next/meta-data/instance-id',
    '/latest/api/token',
    '/latest/meta-data/instance-ids',
    '/latest/meta-data/instance-id//',
    '/latest/meta-data//instance-id',
    '/latest/meta-data/iam-ecs-/info',
    '/latest/meta-data/block-device-mapping/ebs',
    '/latest/meta-data/block-device-mapping/ebsx',
    '/latest/meta-data/public-keys/n',
    '/latest/meta-data/network/interfaces/macs/0e:00/instanceId',
    '/latest/meta-data/instanceId',
    '/latest/meta-data/tags/instance/..',
    '/latest/meta-data/tags/instance/Name/more',
  ])
    it(`finds nothing at ${JSON.stringify(path)}`, () => assert.equal(categoryOf(path), undefined));

  it('decodes under the path that was asked for', () => {
    const path = '/2021-03-23/meta-data/network/interfaces/macs/0e:00/device-number';
    assert.equal(categoryOf(path)?.decode(Buffer.from('1')), 1);
    assert.throws(() => categoryOf(path)?.decode(Buffer.from('one')), {
      message: `Expected a whole number from ${path}, got something else`,
    });
  });

  it('decodes under the path that was asked for where an empty body has a meaning', () => {
    const path = '/2021-03-23/meta-data/public-hostname';
    assert.equal(categoryOf(path)?.decode(Buffer.alloc(0)), undefined);
    assert.throws(() => categoryOf(path)?.decode(Buffer.from([0xe9])), {
      message: `Expected UTF-8 text from ${path}, got something else`,
    });
  });
});

describe('isDirectory', () => {
  for (const [path, expected] of [
    ['/latest/meta-data/placement/', true],
    ['/latest/meta-data/placement', true],
    ['/latest/meta-data/iam/security-credentials/', true],
    ['/latest/meta-data/public-keys/0', true],
    ['/latest/meta-data/tags/instance/', true],
    ['/latest/meta-data/security-groups', false],
    ['/latest/meta-data/managed-ssh-keys/active-keys/root/', false],
    ['/latest/meta-data/instance-id', false],
    ['/latest/meta-data/of-no-row/', true],
    ['/latest/meta-data/of-no-row', false],
  ] as const)
    it(`is ${expected} for ${path}`, () => assert.equal(isDirectory(path), expected));
});
