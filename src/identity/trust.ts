import { createHash, createPublicKey, KeyObject, verify, X509Certificate } from 'node:crypto';
import { ImdsIdentityError, ImdsSettingsError } from '../errors.js';
import { identityKeys } from './keys.js';
import type { Hash, Signed } from './signed-data.js';

/**
 * Which signature of the instance identity document it is, by its path below `dynamic/instance-identity/`: `rsa2048`
 * and `pkcs7` hold the document, `signature` goes with it.
 */
export type IdentitySignatureKind = 'rsa2048' | 'pkcs7' | 'signature';

/** A certificate of AWS's, or a public key, that is trusted for one kind of signature in one region. */
export interface IdentityCertificate {
  readonly kind: IdentitySignatureKind;
  /** Such as `us-east-1`. */
  readonly region: string;
  /**
   * A certificate or public key in PEM or DER, or a public `KeyObject`, which saves parsing it each time. Of a
   * certificate only the key counts, not its dates: AWS's are signed by themselves and renewed over the same key.
   */
  readonly certificate: string | Uint8Array | KeyObject;
}

/** The keys that may have signed documents of a region. */
export type Keyring = (kind: IdentitySignatureKind, region: string) => readonly KeyObject[];

/**
 * Trusts the caller's certificates, and for any kind and region without one AWS's key that is built in, unless `builtIn`
 * is false.
 *
 * @throws ImdsSettingsError naming the certificate that cannot be used, whatever region it is for.
 */
export function keyring(certificates: readonly IdentityCertificate[], builtIn: boolean): Keyring {
  const given = certificates.map((each, index) => ({
    ...each,
    key: certifiedKey(each, `option certificates[${index}] certificate`),
  }));
  return (kind, region) => {
    const own = given.filter((each) => each.kind === kind && each.region === region).map(({ key }) => key);
    return own.length > 0 || !builtIn ? own : builtInKeys(kind, region);
  };
}

const builtInKeys: Keyring = (kind, region) =>
  identityKeys[kind].filter(([regions]) => regions.split(' ').includes(region)).map(([, key]) => builtInKey(key));

// To make a key of its encoding takes longer than to verify a signature with it.
const known = new Map<string, KeyObject>();

function builtInKey(spki: string): KeyObject {
  const key =
    known.get(spki) ??
    supported(() => createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' }));
  known.set(spki, key);
  return key;
}

/** Whether one of the keys signed, and what it signed is the content. */
export function isSigned(signed: Signed, hash: Hash, keys: readonly KeyObject[]): boolean {
  const { content, contentDigest, covered, signature, keyType } = signed;
  return supported(
    () =>
      (contentDigest === undefined || contentDigest.equals(createHash(hash).update(content).digest())) &&
      keys.some((key) => key.asymmetricKeyType === keyType && verify(hash, covered, key, signature)),
  );
}

function certifiedKey({ kind, certificate }: IdentityCertificate, culprit: string): KeyObject {
  const key = parsedKey(certificate, culprit);
  const types = kind === 'pkcs7' ? ['rsa', 'dsa'] : ['rsa'];
  if (key.type !== 'public' || !types.includes(key.asymmetricKeyType ?? ''))
    throw new ImdsSettingsError(
      `${culprit} is a key of type ${key.type} ${key.asymmetricKeyType ?? ''}: expected a public key of type ${types.join(' or ')} for ${kind}`,
    );
  return key;
}

function parsedKey(certificate: IdentityCertificate['certificate'], culprit: string): KeyObject {
  if (certificate instanceof KeyObject) return certificate;
  const bytes = Buffer.from(certificate);
  const labels = Array.from(bytes.toString('latin1').matchAll(/-----BEGIN ([^-]+)-----/g), ([, label]) => label);
  try {
    if (labels.length === 0) return derKey(bytes);
    // Of several only the first would be read; and a public key can be made of a private one, which is none to hand out.
    if (labels.length === 1 && /^(CERTIFICATE|PUBLIC KEY)$/.test(`${labels[0]}`)) return createPublicKey(bytes);
  } catch (error) {
    throw unusable(culprit, error);
  }
  throw unusable(culprit);
}

function derKey(bytes: Buffer): KeyObject {
  try {
    return new X509Certificate(bytes).publicKey;
  } catch {
    return createPublicKey({ key: bytes, format: 'der', type: 'spki' });
  }
}

const unusable = (culprit: string, cause?: unknown): ImdsSettingsError =>
  new ImdsSettingsError(`${culprit} cannot be read: expected one certificate or public key, in PEM or DER`, { cause });

/** Builds of OpenSSL and policies of machines exist that refuse SHA-1, DSA or short keys. */
function supported<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new ImdsIdentityError('The cryptography of this Node refuses to check such a signature', {
      reason: 'unsupported',
      hint: 'Of the three signatures rsa2048 asks the least: neither SHA-1 nor DSA nor a key of 1024 bits.',
      cause,
    });
  }
}
