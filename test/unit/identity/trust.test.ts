import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { type IdentityCertificate, keyring } from '../../../src/identity/trust.js';

describe('keyring()', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const given = (kind: IdentityCertificate['kind'], region: string): IdentityCertificate => ({
    kind,
    region,
    certificate: publicKey,
  });

  it('has one AWS key for each kind and region', () => {
    const keysFor = keyring([], true);
    for (const kind of ['rsa2048', 'pkcs7', 'signature'] as const) assert.equal(keysFor(kind, 'eu-west-1').length, 1);
    assert.notEqual(keysFor('rsa2048', 'eu-west-1')[0], keysFor('rsa2048', 'us-east-1')[0]);
  });

  it('gives regions that share a key the same object', () => {
    assert.equal(keyring([], true)('pkcs7', 'eu-west-1')[0], keyring([], true)('pkcs7', 'us-gov-east-1')[0]);
  });

  it('has no key for an unknown region', () => {
    const keysFor = keyring([], true);
    for (const region of ['', ' ', 'us-east-9', 'us-east', 'cn-north-1 cn-northwest-1', 'toString', '__proto__'])
      assert.deepEqual(keysFor('pkcs7', region), []);
  });

  it("has the given keys instead of AWS's, for their kind and region only", () => {
    const keysFor = keyring([given('rsa2048', 'us-east-1'), given('signature', 'eu-west-1')], true);
    assert.deepEqual(keysFor('rsa2048', 'us-east-1'), [publicKey]);
    assert.deepEqual(keysFor('signature', 'eu-west-1'), [publicKey]);
    for (const key of [...keysFor('rsa2048', 'eu-west-1'), ...keysFor('signature', 'us-east-1')])
      assert.notEqual(key, publicKey);
  });

  it('has only the given keys without the built-in ones', () => {
    const keysFor = keyring([given('rsa2048', 'us-east-1')], false);
    assert.deepEqual(keysFor('rsa2048', 'us-east-1'), [publicKey]);
    assert.deepEqual(keysFor('rsa2048', 'eu-west-1'), []);
  });
});
