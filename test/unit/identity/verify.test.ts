import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, setFips } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImdsError, type ImdsIdentityError, isImdsError } from '../../../src/errors.js';
import {
  type IdentityCertificate,
  type IdentityProof,
  type VerifyIdentityOptions,
  verifyIdentityDocument,
} from '../../../src/identity/verify.js';
import {
  assemble,
  detachedSignature,
  forms,
  identityDocument,
  lines,
  pem,
  signedMessage,
  signedPieces,
  signer,
  tlv,
} from '../../support/signed-data.js';

const document = identityDocument();
const pendingTime = Date.parse('2026-02-16T00:38:27Z');
const [form] = forms;
assert.ok(form);

const own = (kind: IdentityCertificate['kind'], name?: string, region = 'us-east-1'): IdentityCertificate => ({
  kind,
  region,
  certificate: signer(kind === 'pkcs7' ? 'dsa' : kind === 'signature' ? 'rsa1024' : 'rsa2048', name).publicKey,
});
const trusted: VerifyIdentityOptions = { builtInKeys: false, certificates: [own('rsa2048')] };

/** An rsa2048 signature of a document with these fields. */
const proof = (fields?: Readonly<Record<string, unknown>>, by?: string): IdentityProof => ({
  signature: lines(signedMessage(identityDocument(fields), form, { signer: signer('rsa2048', by) })),
});

const identityError = (reason: ImdsIdentityError['reason'], message?: RegExp) => (error: unknown) => {
  assert.ok(isImdsError(error), String(error));
  assert.equal(error.code, 'ERR_IMDS_IDENTITY', error.message);
  assert.equal('reason' in error && error.reason, reason, error.message);
  if (message) assert.match(error.message, message);
  return true;
};
const settingsError = (message: RegExp) => (error: ImdsError) => {
  assert.equal(error.code, 'ERR_IMDS_SETTINGS');
  assert.match(error.message, message);
  return true;
};

describe('verifyIdentityDocument', () => {
  it('returns the signed document, its region, its age and the kind of signature', async () => {
    const verified = await verifyIdentityDocument(proof(), { ...trusted, now: () => pendingTime + 5000 });
    assert.deepEqual(verified, {
      document: JSON.parse(document),
      kind: 'rsa2048',
      region: 'us-east-1',
      ageMs: 5000,
    });
  });

  it('keeps unknown fields and freezes everything', async () => {
    const signature = proof({ chassis: { slot: [1] } });
    const verified = await verifyIdentityDocument(signature, trusted);
    assert.deepEqual(Reflect.get(verified.document, 'chassis'), { slot: [1] });
    for (const each of [verified, verified.document, Reflect.get(verified.document, 'chassis')])
      assert.ok(Object.isFrozen(each));
  });

  it('verifies each kind with the keys of that kind', async () => {
    const certificates = [own('rsa2048'), own('pkcs7'), own('signature')];
    const pkcs7 = forms.find(({ key }) => key === 'dsa');
    assert.ok(pkcs7);
    const inputs: readonly IdentityProof[] = [
      proof(),
      { kind: 'rsa2048', ...proof() },
      { kind: 'pkcs7', signature: lines(signedMessage(document, pkcs7)) },
      { kind: 'signature', signature: lines(detachedSignature(document)), document },
    ];
    for (const input of inputs) {
      const { kind } = await verifyIdentityDocument(input, { builtInKeys: false, certificates });
      assert.equal(kind, input.kind ?? 'rsa2048');
    }
  });

  describe('reads a signature', () => {
    const der = signedMessage(document, form, { signer: signer('rsa2048') });
    const base64 = der.toString('base64');
    const armoured = (begin: string, end: string): string =>
      `-----BEGIN ${begin}-----\n${lines(der)}\n-----END ${end}-----`;
    const readable: Readonly<Record<string, IdentityProof['signature']>> = {
      'in lines of 76 characters': lines(der),
      'with a newline at its end': `${lines(der)}\n`,
      'in lines with carriage returns': lines(der).replaceAll('\n', '\r\n'),
      'in one line': base64,
      'between spaces': `  ${base64}\t\n`,
      'in PEM armour': pem('PKCS7', der),
      'in armour without a final newline': armoured('PKCS7', 'PKCS7'),
      'in armour without a newline before its end': `-----BEGIN PKCS7-----\n${base64}-----END PKCS7-----`,
      'in armour labelled CMS': pem('CMS', der),
      'as bytes of base64': Buffer.from(lines(der)),
      'as a view of other bytes': new Uint8Array(new Uint8Array(Buffer.from(`....${base64}`)).buffer, 4),
      'as decoded bytes': der,
    };
    for (const [title, signature] of Object.entries(readable)) {
      it(title, async () => {
        const verified = await verifyIdentityDocument({ signature }, trusted);
        assert.equal(verified.document.instanceId, 'i-1234567890abcdef0');
      });
    }

    it('but not a string outside ASCII', async () => {
      const signature = der.toString('latin1');
      await assert.rejects(
        verifyIdentityDocument({ signature }, trusted),
        identityError('malformed', /is not base64$/),
      );
    });

    it('as it was when called, even if the bytes change meanwhile', async () => {
      const signature = Buffer.from(der);
      const given = Buffer.from(document);
      const verifying = verifyIdentityDocument({ signature, document: given }, trusted);
      signature.fill(0);
      given.fill(0);
      await verifying;
    });

    it('ignoring certificates and revocation lists inside', async () => {
      const lists = [tlv(0xa0, signer('rsa2048', 'another').certificate, signer('dsa').certificate), tlv(0xa1)];
      for (const each of [lists, lists.slice(0, 1), lists.slice(1)]) {
        const signature = assemble({ ...signedPieces(document, form), lists: each });
        await verifyIdentityDocument({ signature }, trusted);
      }
    });

    it('made under another certificate for the same key', async () => {
      const pieces = signedPieces(document, form);
      const { issuer } = signer('rsa2048');
      const identifier = tlv(0x30, issuer, tlv(0x02, Buffer.of(7)));
      const signature = assemble({ ...pieces, signer: { ...pieces.signer, identifier } });
      await verifyIdentityDocument({ signature }, trusted);
    });

    const unreadable: Readonly<Record<string, unknown>> = {
      'a number': 1,
      nothing: undefined,
      null: null,
      'an array of numbers': [48, 128],
      'a Uint16Array': new Uint16Array(4),
      'a string above the limit': 'A'.repeat(65_537),
      'bytes above the limit': Buffer.alloc(65_537, 0x80),
    };
    for (const [title, signature] of Object.entries(unreadable)) {
      it(`but not ${title}`, async () => {
        const input: unknown = { signature };
        await assert.rejects(
          verifyIdentityDocument(input as IdentityProof, trusted),
          identityError('malformed', /signature/),
        );
        const beside: unknown = { ...proof(), document: signature };
        if (signature !== undefined)
          await assert.rejects(
            verifyIdentityDocument(beside as IdentityProof, trusted),
            identityError('malformed', /document/),
          );
      });
    }
  });

  describe('compares', () => {
    it('a document given beside the signature, byte for byte', async () => {
      await verifyIdentityDocument({ ...proof(), document }, trusted);
      await verifyIdentityDocument({ ...proof(), document: Buffer.from(document) }, trusted);
      await verifyIdentityDocument({ ...proof(), document: undefined }, trusted);
      for (const other of [`${document}\n`, '', identityDocument({ accountId: '999999999999' })])
        await assert.rejects(
          verifyIdentityDocument({ ...proof(), document: other }, trusted),
          identityError('mismatch'),
        );
    });

    const expectations: readonly [VerifyIdentityOptions, RegExp | undefined][] = [
      [{ region: 'us-east-1', accountId: '123456789012', instanceId: 'i-1234567890abcdef0' }, undefined],
      [{ region: 'eu-west-1' }, /region us-east-1: expected eu-west-1$/],
      [{ accountId: '999999999999' }, /accountId 123456789012: expected 999999999999$/],
      [{ instanceId: 'i-0' }, /instanceId i-1234567890abcdef0: expected i-0$/],
      [{ region: 'us-east-1', accountId: '123456789012', instanceId: 'i-1234567890abcdef' }, /instanceId/],
    ];
    for (const [expected, message] of expectations) {
      it(`${JSON.stringify(expected)}: ${message ? 'no' : 'yes'}`, async () => {
        const verifying = verifyIdentityDocument(proof(), { ...trusted, ...expected });
        if (message) await assert.rejects(verifying, identityError('mismatch', message));
        else await verifying;
      });
    }

    it('account and instance only after the signature', async () => {
      const options = { ...trusted, accountId: '999999999999' };
      await assert.rejects(verifyIdentityDocument(proof({}, 'another'), options), identityError('signature'));
    });

    it('the signature with the key of the expected region only', async () => {
      const certificates = [own('rsa2048'), own('rsa2048', 'another', 'eu-west-1')];
      const options = { builtInKeys: false, certificates, region: 'eu-west-1' };
      await verifyIdentityDocument(proof({ region: 'eu-west-1' }, 'another'), options);
      await assert.rejects(verifyIdentityDocument(proof({ region: 'eu-west-1' }), options), identityError('signature'));
      await assert.rejects(verifyIdentityDocument(proof(), options), identityError('mismatch'));
    });

    it('without printing unverified control characters', async () => {
      const region = 'nowhere\u001b[2J\nfine';
      const options = { ...trusted, region: 'us-east-1' };
      await assert.rejects(verifyIdentityDocument(proof({ region }), options), identityError('mismatch', /^[ -~]*$/));
      await assert.rejects(
        verifyIdentityDocument(proof({ region }), trusted),
        identityError('unknown-region', /^[ -~]*$/),
      );
    });
  });

  describe('checks the age', () => {
    const minute = 60_000;
    const ages: readonly [string, number, number, ImdsIdentityError['reason'] | undefined][] = [
      ['accepts a younger document', 9 * minute, 10 * minute, undefined],
      ['accepts the last millisecond', 10 * minute, 10 * minute, undefined],
      ['refuses a millisecond more', 10 * minute + 1, 10 * minute, 'too-old'],
      ['accepts age 0 when maxAgeMs is 0', 0, 0, undefined],
      ['accepts a clock that is five minutes behind', -5 * minute, minute, undefined],
      ['refuses a clock that is further behind', -5 * minute - 1, minute, 'clock'],
      ['refuses a clock that returns NaN', Number.NaN, minute, 'too-old'],
    ];
    for (const [title, ageMs, maxAgeMs, reason] of ages) {
      it(title, async () => {
        const verifying = verifyIdentityDocument(proof(), { ...trusted, maxAgeMs, now: () => pendingTime + ageMs });
        if (reason) await assert.rejects(verifying, identityError(reason, /2026-02-16T00:38:27Z/));
        else assert.equal((await verifying).ageMs, ageMs);
      });
    }

    it('only with maxAgeMs', async () => {
      assert.equal((await verifyIdentityDocument(proof(), { ...trusted, now: () => 0 })).ageMs, -pendingTime);
    });

    it('by Date.now by default', async () => {
      const before = Date.now();
      const { ageMs } = await verifyIdentityDocument(proof(), trusted);
      assert.ok(ageMs >= before - pendingTime && ageMs <= Date.now() - pendingTime);
    });
  });

  describe('trusts', () => {
    const given: Readonly<Record<string, () => IdentityCertificate['certificate']>> = {
      'an expired certificate in PEM': () => pem('CERTIFICATE', signer('rsa2048').certificate),
      'a certificate in PEM as bytes': () => Buffer.from(pem('CERTIFICATE', signer('rsa2048').certificate)),
      'a certificate in PEM after other text': () => `us-east-1:\n${pem('CERTIFICATE', signer('rsa2048').certificate)}`,
      'a certificate in DER': () => new Uint8Array(signer('rsa2048').certificate),
      'a public key in PEM': () => signer('rsa2048').publicKey.export({ type: 'spki', format: 'pem' }),
      'a public key in DER': () => signer('rsa2048').publicKey.export({ type: 'spki', format: 'der' }),
      'a KeyObject': () => signer('rsa2048').publicKey,
    };
    for (const [title, certificate] of Object.entries(given)) {
      it(title, async () => {
        const certificates = [{ kind: 'rsa2048', region: 'us-east-1', certificate: certificate() } as const];
        await verifyIdentityDocument(proof(), { certificates });
        await assert.rejects(
          verifyIdentityDocument(proof({}, 'another'), { certificates }),
          identityError('signature'),
        );
      });
    }

    it('a certificate for a new region', async () => {
      const input = proof({ region: 'us-east-9' });
      await assert.rejects(verifyIdentityDocument(input), identityError('unknown-region', /us-east-9/));
      await verifyIdentityDocument(input, { certificates: [own('rsa2048', 'aws', 'us-east-9')] });
    });

    it('each of several certificates for a region', async () => {
      const certificates = [own('rsa2048', 'another'), own('rsa2048')];
      for (const name of ['aws', 'another']) await verifyIdentityDocument(proof({}, name), { certificates });
    });

    it('a certificate for its region and kind only', async () => {
      const elsewhere = [own('rsa2048', 'aws', 'eu-west-1'), { ...own('rsa2048'), kind: 'signature' } as const];
      await assert.rejects(verifyIdentityDocument(proof(), { certificates: elsewhere }), identityError('signature'));
      const options = { certificates: elsewhere, builtInKeys: false };
      await assert.rejects(verifyIdentityDocument(proof(), options), identityError('unknown-region'));
    });

    it('only the keys of AWS by default', async () => {
      await assert.rejects(verifyIdentityDocument(proof()), identityError('signature'));
    });

    it('no key when builtInKeys is false and no certificate is given', async () => {
      await assert.rejects(verifyIdentityDocument(proof(), { builtInKeys: false }), identityError('unknown-region'));
    });

    it('no key for pkcs7 where AWS published none, with a hint', async () => {
      const pkcs7 = forms.find(({ key }) => key === 'dsa');
      assert.ok(pkcs7);
      const signature = signedMessage(identityDocument({ region: 'ap-east-2' }), pkcs7);
      await assert.rejects(verifyIdentityDocument({ kind: 'pkcs7', signature }), (error: ImdsError) => {
        assert.match(error.message, /No key is known for pkcs7 signatures of region ap-east-2/);
        assert.match(`${error.hint}`, /option certificates, or verify the rsa2048 signature/);
        return identityError('unknown-region')(error);
      });
    });
  });

  describe('refuses options', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const certificate = rsa.publicKey;
    const unusable = /option certificates\[0\] certificate cannot be read/;
    const only = (change: object): object => ({
      certificates: [{ kind: 'rsa2048', region: 'us-east-1', certificate, ...change }],
    });
    const refused: readonly [string, unknown, RegExp][] = [
      ['null', null, /^options are null: expected an object$/],
      ['a misspelt option', { regoin: 'us-east-1' }, /^unknown option regoin: expected region, accountId/],
      ['an option named like a method', { toString: 1 }, /^unknown option toString/],
      ['an empty region', { region: '' }, /^option region is "": expected a region such as us-east-1/],
      ['a region with a newline', { region: 'us-east-1\n' }, /^option region is "us-east-1\\n"/],
      [
        'an account as a number',
        { accountId: 123456789012 },
        /^option accountId is 123456789012: expected twelve digits/,
      ],
      ['an account of eleven digits', { accountId: '12345678901' }, /^option accountId/],
      [
        'an account that is undefined, from an unset variable',
        { accountId: undefined },
        /^option accountId is undefined/,
      ],
      [
        'an instance ID of the wrong form',
        { instanceId: 'web-1' },
        /^option instanceId is "web-1": expected an instance ID/,
      ],
      ['a negative age', { maxAgeMs: -1 }, /^option maxAgeMs is -1: expected milliseconds from 0/],
      ['an age that is NaN', { maxAgeMs: Number.NaN }, /^option maxAgeMs/],
      ['an infinite age', { maxAgeMs: Number.POSITIVE_INFINITY }, /^option maxAgeMs/],
      ['an age as a string', { maxAgeMs: '1000' }, /^option maxAgeMs is "1000"/],
      ['a clock that is a number', { now: 0 }, /^option now is 0: expected a function/],
      ['a string for false', { builtInKeys: 'no' }, /^option builtInKeys is "no": expected true or false/],
      [
        'one certificate without an array',
        { certificates: own('rsa2048') },
        /^option certificates is object: expected an array/,
      ],
      [
        'a certificate without kind and region',
        { certificates: ['-----BEGIN'] },
        /^option certificates\[0\]: expected { kind, region, certificate }$/,
      ],
      [
        'a certificate that is null',
        { certificates: [null] },
        /^option certificates\[0\]: expected { kind, region, certificate }$/,
      ],
      [
        'a certificate of an unknown kind',
        only({ kind: 'dsa' }),
        /^option certificates\[0\] kind is "dsa": expected rsa2048/,
      ],
      ['a certificate for every region', only({ region: '*' }), /^option certificates\[0\] region is "\*"/],
      ['a certificate with an unknown property', only({ bits: 2048 }), /^unknown option certificates\[0\] bits/],
      [
        'a certificate that is missing',
        only({ certificate: undefined }),
        /^option certificates\[0\] certificate is undefined/,
      ],
      [
        'a certificate that is an object',
        only({ certificate: {} }),
        /certificate is object: expected a certificate or public/,
      ],
      ['an empty certificate', only({ certificate: '' }), unusable],
      ['a certificate that is other text', only({ certificate: 'ec2.amazonaws.com' }), unusable],
      ['a broken certificate', only({ certificate: pem('CERTIFICATE', Buffer.from('broken')) }), unusable],
      ['bytes that are no certificate', only({ certificate: Buffer.from('3003020101', 'hex') }), unusable],
      [
        'two certificates in one',
        only({ certificate: pem('CERTIFICATE', signer('rsa2048').certificate).repeat(2) }),
        unusable,
      ],
      ['a private key', only({ certificate: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) }), unusable],
      [
        'a private KeyObject',
        only({ certificate: rsa.privateKey }),
        /is a key of type private rsa: expected a public key/,
      ],
      [
        'a DSA key for RSA',
        only({ certificate: signer('dsa').publicKey }),
        /of type public dsa: expected a public key of type rsa for rsa2048/,
      ],
      [
        'a key of a third type',
        only({ kind: 'pkcs7', certificate: generateKeyPairSync('ed25519').publicKey }),
        /of type public ed25519: expected a public key of type rsa or dsa for pkcs7/,
      ],
    ];
    for (const [title, options, message] of refused) {
      it(title, () =>
        assert.rejects(verifyIdentityDocument(proof(), options as VerifyIdentityOptions), settingsError(message)),
      );
    }

    const inputs: readonly [string, unknown, RegExp][] = [
      ['an input that is undefined', undefined, /^input: expected an object with a signature$/],
      ['an unknown kind', { signature: 'AAAA', kind: 'dsa2048' }, /^input kind is "dsa2048": expected rsa2048/],
      ['a misspelt document', { signature: 'AAAA', documnet: '{}' }, /^unknown input documnet: expected signature/],
    ];
    for (const [title, input, message] of inputs)
      it(title, () => assert.rejects(verifyIdentityDocument(input as IdentityProof, trusted), settingsError(message)));

    it('an unusable certificate for another region, before it reads the signature', async () => {
      const broken = { kind: 'pkcs7', region: 'eu-north-9', certificate: '-----BEGIN' } as const;
      const options = { builtInKeys: false, certificates: [own('rsa2048'), broken] };
      for (const input of [proof(), { signature: Buffer.of(0x30, 0x80) }])
        await assert.rejects(
          verifyIdentityDocument(input, options),
          settingsError(/certificates\[1\] certificate cannot/),
        );
    });

    it('without showing a key', async () => {
      const certificate = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const options = only({ certificate }) as VerifyIdentityOptions;
      await assert.rejects(verifyIdentityDocument(proof(), options), (error: ImdsError) => {
        const shown = `${error.message} ${error.hint} ${error.cause}`;
        return !shown.includes(certificate.slice(100, 120));
      });
    });
  });

  it('reports that the cryptography of this machine refuses to check', async () => {
    const input = proof();
    await verifyIdentityDocument(input, trusted);
    // With FIPS demanded and no module for it, OpenSSL has no algorithms left.
    setFips(true);
    try {
      await assert.rejects(verifyIdentityDocument(input, trusted), (error: ImdsError) => {
        assert.ok(error.cause instanceof Error);
        return identityError('unsupported')(error);
      });
    } finally {
      setFips(false);
    }
    await verifyIdentityDocument(input, trusted);
  });

  it('imports node:crypto and the keys only when called', () => {
    const source = readFileSync(new URL('../../../src/identity/verify.ts', import.meta.url), 'utf8');
    const imported = Array.from(source.matchAll(/^import (?!type).* from '(.*)';$/gm), ([, name]) => name);
    assert.deepEqual(imported, [
      'node:buffer',
      'node:util/types',
      '../client/check.js',
      '../errors.js',
      '../metadata/decode.js',
      '../metadata/documents.js',
    ]);
  });
});

describe('signed messages made for these tests', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'imds-identity-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Writes the files and runs openssl beside them. */
  function openssl(files: Readonly<Record<string, string | Uint8Array>>, ...args: readonly string[]) {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return spawnSync('openssl', args, { cwd: folder });
  }

  const missing = spawnSync('openssl', ['version']).status !== 0;
  const judged = missing ? it.skip : it;
  const note = missing ? ' (openssl is not installed)' : '';

  for (const each of forms) {
    const verify = (message: Buffer, certificate = signer(each.key).certificate) =>
      openssl(
        { message, 'certificate.pem': pem('CERTIFICATE', certificate) },
        ...[
          'smime',
          '-verify',
          '-inform',
          'DER',
          '-in',
          'message',
          '-certfile',
          'certificate.pem',
          '-noverify',
          '-nointern',
        ],
      );

    judged(`are accepted by openssl: ${each.title}${note}`, () => {
      const { status, stdout, stderr } = verify(signedMessage(document, each));
      assert.equal(status, 0, String(stderr));
      assert.equal(String(stdout), document);
    });

    judged(`are refused by openssl when forged: ${each.title}${note}`, () => {
      const pieces = signedPieces(document, each);
      const content = [each.content(Buffer.from(identityDocument({ accountId: '999999999999' })))];
      assert.notEqual(verify(assemble({ ...pieces, content })).status, 0);
      const attacker = signer(each.key, 'another');
      const theirs = signedPieces(document, each, { signer: attacker });
      const lists = [tlv(0xa0, attacker.certificate)];
      assert.notEqual(verify(assemble({ ...theirs, lists })).status, 0);
    });
  }

  judged(`are accepted by openssl: a signature beside its document${note}`, () => {
    const files = {
      document,
      signature: detachedSignature(document),
      'key.pem': signer('rsa1024').publicKey.export({ type: 'spki', format: 'pem' }),
    };
    const check = ['dgst', '-sha256', '-verify', 'key.pem', '-signature', 'signature', 'document'];
    assert.equal(openssl(files, ...check).status, 0);
    assert.notEqual(openssl({ ...files, document: `${document}\n` }, ...check).status, 0);
  });
});
