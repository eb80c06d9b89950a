import { createHash, createPublicKey, KeyObject, verify, X509Certificate } from 'node:crypto';
import { ImdsIdentityError, ImdsSettingsError } from '../errors.js';
import { identityKeys } from './keys.js';
import type { Hash, Signed } from './signed-data.js';

/**
 * A signature of the instance identity document, by its path below `dynamic/instance-identity/`: `rsa2048` and `pkcs7`
 * contain the document, `signature` does not.
 */
export type IdentitySignatureKind = 'rsa2048' | 'pkcs7' | 'signature';

/** A certificate or public key that is trusted for one kind of signature in one region. */
export interface IdentityCertificate {
  readonly kind: IdentitySignatureKind;
  /** Such as `us-east-1`. */
  readonly region: string;
  /**
   * A certificate or public key in PEM or DER, or a public `KeyObject`, which saves parsing it each time. Only the key of
   * a certificate counts, not its dates: AWS's are self-signed and renewed over the same key.
   */
  readonly certificate: string | Uint8Array | KeyObject;
}

/**
 * Trusts the given certificates; for a kind and region without one, AWS's built-in key, unless `builtIn` is false.
 *
 * @returns the keys that may have signed a document of a region
 * @throws ImdsSettingsError naming the first certificate that cannot be used, whatever its region.
 */
export function keyring(certificates: readonly IdentityCertificate[], builtIn: boolean) {
  const given = certificates.map((each, index) => ({
    ...each,
    key: certifiedKey(each, `option certificates[${index}] certificate`),
  }));
  return (kind: IdentitySignatureKind, region: string): readonly KeyObject[] => {
    const own = given.filter((each) => each.kind === kind && each.region === region).map(({ key }) => key);
    if (own.length > 0 || !builtIn) return own;
    return identityKeys[kind]
      .filter(([regions]) => regions.split(' ').includes(region))
      .map(([, key]) => builtInKey(key));
  };
}

// Parsing a key takes longer than verifying a signature with it.
const parsedKeys = new Map<string, KeyObject>();

function builtInKey(spki: string): KeyObject {
  const key =
    parsedKeys.get(spki) ??
    orUnsupported(() => createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' }));
  parsedKeys.set(spki, key);
  return key;
}

/** True when one of the keys made the signature, and what it covers is the content. */
export function isSigned(signed: Signed, hash: Hash, keys: readonly KeyObject[]): boolean {
  const { content, contentDigest, covered, signature, keyType } = signed;
  return orUnsupported(
    () =>
      (contentDigest === undefined || contentDigest.equals(createHash(hash).update(content).digest())) &&
      keys.some((key) => key.asymmetricKeyType === keyType && verify(hash, covered, key, signature)),
  );
}

function certifiedKey({ kind, certificate }: IdentityCertificate, name: string): KeyObject {
  const key = certificate instanceof KeyObject ? certificate : parsedKey(Buffer.from(certificate), name);
  const types = kind === 'pkcs7' ? ['rsa', 'dsa'] : ['rsa'];
  if (key.type !== 'public' || !types.includes(key.asymmetricKeyType ?? ''))
    throw new ImdsSettingsError(
      `${name} is a key of type ${key.type} ${key.asymmetricKeyType ?? ''}: expected a public key of type ${types.join(' or ')} for ${kind}`,
    );
  return key;
}

function parsedKey(bytes: Buffer, name: string): KeyObject {
  const labels = bytes.toString('latin1').match(/-----BEGIN [^-]+-----/g) ?? [];
  const isPem = labels.length > 0;
  const readers = [
    () => new X509Certificate(bytes).publicKey,
    () => createPublicKey(isPem ? bytes : { key: bytes, format: 'der', type: 'spki' }),
  ];
  let cause: unknown;
  // Node reads only the first of several, and derives a public key from a private one, which does not belong here.
  if (!isPem || /^-----BEGIN (CERTIFICATE|PUBLIC KEY)-----$/.test(labels.join('')))
    for (const read of readers)
      try {
        return read();
      } catch (error) {
        cause = error;
      }
  throw new ImdsSettingsError(`${name} cannot be read: expected one certificate or public key, in PEM or DER`, {
    cause,
  });
}

/** Some builds of OpenSSL, and policies such as FIPS, refuse SHA-1, DSA or short keys. */
function orUnsupported<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new ImdsIdentityError("Node's cryptography refuses to check this signature", {
      reason: 'unsupported',
      hint: 'Use the rsa2048 signature: it needs no SHA-1, no DSA and no key of 1024 bits.',
      cause,
    });
  }
}
