import { isAscii } from 'node:buffer';
import { isKeyObject, isUint8Array } from 'node:util/types';
import { ImdsIdentityError, ImdsSettingsError } from '../errors.js';
import { type InstanceIdentityDocument, instanceIdentityDocument } from '../metadata/documents.js';
import type { Hash, Signed } from './signed-data.js';
import type { IdentityCertificate, IdentitySignatureKind } from './trust.js';

export type { IdentityCertificate, IdentitySignatureKind } from './trust.js';

/** A signature to verify, as an instance reads it from `dynamic/instance-identity/`. */
export interface IdentityProof {
  /**
   * Base64 as served, in lines or in one, also within `-----BEGIN PKCS7-----` and `-----END PKCS7-----`; or the
   * decoded bytes. Bytes that are all ASCII are taken for base64.
   */
  readonly signature: string | Uint8Array;
  /** The path it was read from. Default `rsa2048`. */
  readonly kind?: IdentitySignatureKind | undefined;
  /**
   * The instance identity document, byte for byte as served. Needed for the kind `signature`. The others hold the
   * document; one given here must equal it.
   */
  readonly document?: string | Uint8Array | undefined;
}

/** What is expected of an instance identity document, and whom to trust. An option that is present must be usable. */
export interface VerifyIdentityOptions {
  /** The region it must be of, such as `us-east-1`. Default: any whose key is known. */
  readonly region?: string;
  /** The account it must be of, such as `123456789012`. Default: any. */
  readonly accountId?: string;
  /** The instance it must be of, such as `i-1234567890abcdef0`. Default: any. */
  readonly instanceId?: string;
  /** Milliseconds that may have passed since its `pendingTime`, when the instance was launched. Default: any number. */
  readonly maxAgeMs?: number;
  /** Trusted for their kind and region in place of AWS's key that is built in. Several for one region are all trusted. */
  readonly certificates?: readonly IdentityCertificate[];
  /** Whether the keys that are built in are trusted; `false` leaves `certificates` alone. Default true. */
  readonly builtInKeys?: boolean;
  /** The clock, in milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/** An instance identity document whose signature holds. */
export interface VerifiedIdentity {
  /** Parsed from the bytes that were signed, fields that AWS added since included. Frozen. */
  readonly document: InstanceIdentityDocument;
  readonly kind: IdentitySignatureKind;
  /** The region whose key made the signature, which is the document's. */
  readonly region: string;
  /** Milliseconds since the document's `pendingTime`; negative where this machine's clock is behind. */
  readonly ageMs: number;
}

const hashes: Readonly<Record<IdentitySignatureKind, Hash>> = { rsa2048: 'sha256', pkcs7: 'sha1', signature: 'sha256' };
// Real ones take less than 2 KiB.
const largest = 64 * 1024;
const clockToleranceMs = 5 * 60_000;

/**
 * Verifies the signature of an EC2 instance identity document with AWS's public keys, offline: on the server that an
 * instance sent it to, or on the instance. Makes no request.
 *
 * A signature proves that AWS made the document; it does not prove who presents it, nor when. See docs/identity.md.
 *
 * @example
 * const { document } = await verifyIdentityDocument({ signature }, { accountId: '123456789012' });
 * console.log(document.instanceId);
 *
 * @throws ImdsIdentityError whose `reason` says why the document is not accepted; ImdsSettingsError when an option
 *   cannot be used.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-iid.html
 */
export async function verifyIdentityDocument(
  input: IdentityProof,
  options: VerifyIdentityOptions = {},
): Promise<VerifiedIdentity> {
  check(input, 'input', inputRules);
  check(options, 'option', optionRules);
  for (const [index, certificate] of (options.certificates ?? []).entries())
    check({ ...incomplete, ...certificate }, `option certificates[${index}]`, certificateRules);

  const { kind = 'rsa2048' } = input;
  const { region, accountId, instanceId, maxAgeMs, certificates = [], builtInKeys = true, now = Date.now } = options;
  // Copied at once: the caller's bytes may change while the modules below are loaded.
  const signature = signatureBytes(input.signature);
  const given = input.document === undefined ? undefined : bytes(input.document, 'document');

  const [{ openSignedData }, { isSigned, keyring }] = await Promise.all([
    import('./signed-data.js'),
    import('./trust.js'),
  ]);
  const keysFor = keyring(certificates, builtInKeys);
  const hash = hashes[kind];
  const signed = kind === 'signature' ? detached(signature, given) : openSignedData(signature, hash);
  if (given && !given.equals(signed.content))
    throw refused('mismatch', 'The document given is not the one that the signature holds');

  // Not to be believed yet; but nobody can gain by naming another region, as only its own key will do.
  const document = parsed(signed.content);
  expectSame('region', document.region, region);
  const keys = keysFor(kind, document.region);
  if (keys.length === 0)
    throw refused('unknown-region', `No key is known for ${kind} signatures of region ${shown(document.region)}`, {
      hint:
        'Pass the certificate of https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/regions-certs.html as option ' +
        `certificates${kind === 'rsa2048' ? '' : ', or verify the rsa2048 signature'}.`,
    });
  if (!isSigned(signed, hash, keys))
    throw refused('signature', `The ${kind} signature does not hold with the key for region ${document.region}`, {
      hint: 'Pass signature and document as they were served: not printed anew, and no newline added.',
    });
  expectSame('accountId', document.accountId, accountId);
  expectSame('instanceId', document.instanceId, instanceId);
  const ageMs = now() - Date.parse(document.pendingTime);
  if (maxAgeMs !== undefined) expectFresh(ageMs, maxAgeMs, document.pendingTime);
  return Object.freeze({ document, kind, region: document.region, ageMs });
}

function detached(signature: Buffer, document: Buffer | undefined): Signed {
  if (!document) throw refused('malformed', 'A signature of the kind signature needs the document');
  return { content: document, contentDigest: undefined, covered: document, signature, keyType: 'rsa' };
}

function parsed(content: Buffer): InstanceIdentityDocument {
  try {
    return instanceIdentityDocument(content, 'the signed content');
  } catch (cause) {
    throw refused('malformed', 'What was signed is not an instance identity document', { cause });
  }
}

function expectSame(field: 'region' | 'accountId' | 'instanceId', actual: string, expected: string | undefined): void {
  if (expected !== undefined && actual !== expected)
    throw refused('mismatch', `The document is of ${field} ${shown(actual)}: expected ${expected}`);
}

function expectFresh(ageMs: number, maxAgeMs: number, pendingTime: string): void {
  // An age that is no number must not pass either.
  if (!(ageMs <= maxAgeMs))
    throw refused('too-old', `The document is of ${pendingTime}, ${ageMs} ms ago: expected at most ${maxAgeMs} ms`, {
      hint: 'It is made when an instance is launched or started. Allow more, or ask the EC2 API about the instance.',
    });
  if (ageMs < -clockToleranceMs)
    throw refused('clock', `The document is of ${pendingTime}, which this machine's clock says is yet to come`, {
      hint: 'Set the clock of this machine: by it, no document would ever be too old.',
    });
}

/** The bytes of a signature, of which nothing but line breaks and PEM armour may be missing in strict base64. */
function signatureBytes(signature: unknown): Buffer {
  const given = bytes(signature, 'signature');
  if (typeof signature !== 'string' && !isAscii(given)) return given;
  const text = given.toString('latin1').trim();
  const [, , armoured] = /^-----BEGIN (PKCS7|CMS)-----([^-]*)-----END \1-----$/.exec(text) ?? [];
  const base64 = (armoured ?? text).replace(/[\r\n]+/g, '');
  const decoded = Buffer.from(base64, 'base64');
  // Node skips what is not base64; written out again, it would be missing.
  if (decoded.toString('base64') !== base64) throw refused('malformed', 'The signature is not base64');
  return decoded;
}

function bytes(value: unknown, name: string): Buffer {
  if (typeof value !== 'string' && !isUint8Array(value))
    throw refused('malformed', `The ${name} is neither a text nor bytes`);
  if (value.length > largest) throw refused('malformed', `The ${name} is longer than ${largest}`);
  return Buffer.from(value);
}

const refused = (
  reason: ImdsIdentityError['reason'],
  message: string,
  options?: { hint?: string; cause?: unknown },
): ImdsIdentityError => new ImdsIdentityError(message, { ...options, reason });

/** A value of a document, if it can be printed: who wrote it may not be known yet. */
const shown = (value: string): string => (/^[\w-]{1,64}$/.test(value) ? value : '(unprintable)');

/** How the values of an object are known to be usable, and what to say of others. */
type Rules<Name extends string = string> = Readonly<Record<Name, Rule>>;
interface Rule {
  readonly test: (value: unknown) => boolean;
  readonly expected: string;
}

const like = (pattern: RegExp, expected: string): Rule => ({
  test: (value) => typeof value === 'string' && pattern.test(value),
  expected,
});
const signatureKind = like(/^(rsa2048|pkcs7|signature)$/, 'rsa2048, pkcs7 or signature');
const regionName = like(/^[a-z0-9-]+$/, 'a region such as us-east-1');
// What a client sent is no setting: it is judged with the signature.
const judgedLater: Rule = { test: () => true, expected: '' };

const inputRules: Rules<keyof IdentityProof> = {
  signature: judgedLater,
  kind: { ...signatureKind, test: (value) => value === undefined || signatureKind.test(value) },
  document: judgedLater,
};
const optionRules: Rules<keyof VerifyIdentityOptions> = {
  region: regionName,
  accountId: like(/^\d{12}$/, 'twelve digits'),
  instanceId: like(/^i-\w+$/, 'an instance ID such as i-1234567890abcdef0'),
  maxAgeMs: {
    test: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
    expected: 'milliseconds from 0',
  },
  certificates: { test: Array.isArray, expected: 'an array of { kind, region, certificate }' },
  builtInKeys: { test: (value) => typeof value === 'boolean', expected: 'true or false' },
  now: { test: (value) => typeof value === 'function', expected: 'a function giving milliseconds' },
};
const certificateRules: Rules<keyof IdentityCertificate> = {
  kind: signatureKind,
  region: regionName,
  certificate: {
    test: (value) => typeof value === 'string' || isUint8Array(value) || isKeyObject(value),
    expected: 'a certificate or public key, in PEM or DER or as a KeyObject',
  },
};
const incomplete: Readonly<Record<keyof IdentityCertificate, undefined>> = {
  kind: undefined,
  region: undefined,
  certificate: undefined,
};

/**
 * Refuses names without a rule and values that break theirs. In options `undefined` breaks any: an expectation taken
 * from a variable that is not set must not turn into none.
 */
function check(values: object, what: string, rules: Rules): void {
  if (typeof values !== 'object' || values === null) throw new ImdsSettingsError(`${what}: expected an object`);
  for (const [name, value] of Object.entries(values)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) throw new ImdsSettingsError(`unknown ${what} ${name}: expected one of ${Object.keys(rules).join(', ')}`);
    if (rule.test(value)) continue;
    const quoted = ['string', 'number', 'boolean', 'undefined'].includes(typeof value);
    const actual = quoted ? (JSON.stringify(value) ?? 'undefined') : typeof value;
    throw new ImdsSettingsError(`${what} ${name} is ${actual}: expected ${rule.expected}`);
  }
}
