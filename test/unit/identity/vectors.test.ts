import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificatesFolder, identityKeysSource, keysFile } from '../../../scripts/identity-keys.mjs';
import { identityKeys } from '../../../src/identity/keys.js';
import { type IdentitySignatureKind, verifyIdentityDocument } from '../../../src/identity/verify.js';

const kinds = ['rsa2048', 'pkcs7', 'signature'] as const;

/** The fields used of the documents and certificates beside the checkout. */
interface Vectors {
  readonly vectors: readonly {
    readonly id: string;
    readonly region: string;
    readonly files: { readonly document: string } & { readonly [kind in IdentitySignatureKind]?: string };
  }[];
}
interface Certificates {
  readonly certificates: readonly { readonly region: string; readonly kind: string; readonly pem: string }[];
}

const vectorsFolder = join(certificatesFolder, '../identity-vectors');
const missing = !existsSync(join(certificatesFolder, 'index.json')) || !existsSync(join(vectorsFolder, 'index.json'));
const checked = missing ? it.skip : it;
const note = missing ? ' (skipped: no real documents and certificates beside the checkout)' : '';

describe('the built-in identity keys', () => {
  const regionsOf = (kind: IdentitySignatureKind): readonly string[] =>
    identityKeys[kind].flatMap(([regions]) => regions.split(' '));

  it('name each region once for each kind of signature', () => {
    for (const kind of kinds) assert.equal(new Set(regionsOf(kind)).size, regionsOf(kind).length, kind);
  });

  it('have the type and length that AWS uses', () => {
    for (const kind of kinds) {
      for (const [regions, key] of identityKeys[kind]) {
        const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({
          key: Buffer.from(key, 'base64'),
          format: 'der',
          type: 'spki',
        });
        const china = kind === 'pkcs7' && regions === 'cn-north-1 cn-northwest-1';
        assert.deepEqual(
          [asymmetricKeyType, asymmetricKeyDetails?.modulusLength],
          kind === 'rsa2048' || china ? ['rsa', 2048] : kind === 'pkcs7' ? ['dsa', 1024] : ['rsa', 1024],
          `${kind} of ${regions}`,
        );
      }
    }
  });

  it('are stored once', () => {
    const keys = kinds.flatMap((kind) => identityKeys[kind].map(([, key]) => key));
    assert.equal(new Set(keys).size, keys.length);
  });

  it('have one region for each rsa2048 key', () => {
    for (const [regions] of identityKeys.rsa2048) assert.match(regions, /^[a-z0-9-]+$/);
  });

  checked(`are those of AWS's certificates${note}`, () => {
    const labels = { rsa2048: 'rsa2048', pkcs7: 'dsa', signature: 'rsa' };
    const { certificates }: Certificates = JSON.parse(readFileSync(join(certificatesFolder, 'index.json'), 'utf8'));
    for (const kind of kinds) {
      const published = new Map<string, Set<string>>();
      for (const each of certificates.filter((one) => one.kind === labels[kind] && one.region !== '*')) {
        const { publicKey } = new X509Certificate(readFileSync(join(certificatesFolder, each.pem)));
        const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
        published.set(each.region, (published.get(each.region) ?? new Set()).add(key));
      }
      const builtIn = new Map<string, Set<string>>();
      for (const [regions, key] of identityKeys[kind])
        for (const region of regions.split(' ')) builtIn.set(region, (builtIn.get(region) ?? new Set()).add(key));
      assert.deepEqual(builtIn, published, kind);
    }
  });

  checked(`are what scripts/identity-keys.mjs generates${note}`, () => {
    assert.equal(readFileSync(keysFile, 'utf8'), identityKeysSource(certificatesFolder));
  });
});

describe('real instance identity documents', () => {
  const { vectors }: Vectors = missing
    ? { vectors: [] }
    : JSON.parse(readFileSync(join(vectorsFolder, 'index.json'), 'utf8'));
  const read = (file: string): Buffer => readFileSync(join(vectorsFolder, file));

  for (const { id, region, files } of vectors) {
    for (const kind of kinds) {
      const file = files[kind];
      if (file === undefined) continue;
      it(`are verified: ${id}, ${kind}`, async () => {
        const document = read(files.document);
        const verified = await verifyIdentityDocument({ kind, signature: read(file), document }, { region });
        assert.equal(verified.region, region);
        assert.deepEqual(verified.document, JSON.parse(String(document)));
        const forged = Buffer.from(String(document).replace('"accountId" : "', '"accountId" : "0'));
        await assert.rejects(verifyIdentityDocument({ kind, signature: read(file), document: forged }), {
          code: 'ERR_IMDS_IDENTITY',
          reason: kind === 'signature' ? 'signature' : 'mismatch',
        });
      });
    }
  }

  checked(`exist for every kind of signature${note}`, () => {
    for (const kind of kinds) assert.ok(vectors.filter(({ files }) => files[kind]).length >= 5, kind);
  });

  checked(`are refused with the rsa2048 key of another region${note}`, async () => {
    const [vector] = vectors.filter(({ files }) => files.rsa2048);
    assert.ok(vector?.files.rsa2048);
    const signature = read(vector.files.rsa2048);
    for (const [region, key] of identityKeys.rsa2048) {
      const certificate = Buffer.from(key, 'base64');
      const certificates = [{ kind: 'rsa2048', region: vector.region, certificate } as const];
      const verifying = verifyIdentityDocument({ signature }, { certificates, builtInKeys: false });
      if (region === vector.region) await verifying;
      else await assert.rejects(verifying, { reason: 'signature' });
    }
  });
});
