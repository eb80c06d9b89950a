import { isAscii } from 'node:buffer';
import { isKeyObject, isUint8Array } from 'node:util/types';
import { type Check, checked, checkOptions, refuse, trueOrFalse } from '../client/check.js';
import { ImdsIdentityError, ImdsSettingsError } from '../errors.js';
import { json } from '../metadata/decode.js';
import { type InstanceIdentityDocument, instanceIdentityDocument } from '../metadata/documents.js';
import type { Hash, Signed } from './signed-data.js';
import type { IdentityCertificate, IdentitySignatureKind } from './trust.js';

export type { IdentityCertificate, IdentitySignatureKind } from './trust.js';

/** A signature to verify, as an instance reads it from `dynamic/instance-identity/`. */
export interface IdentityProof {
  /**
   * Base64 as served, with or without line breaks or `-----BEGIN PKCS7-----` and `-----END PKCS7-----`; or the decoded
   * bytes. Bytes that are all ASCII are taken as base64.
   */
  readonly signature: string | Uint8Array;
  /** The path it was read from. Default `rsa2048`. */
  readonly kind?: IdentitySignatureKind | undefined;
  /**
   * The instance identity document, byte for byte as served. Required for the kind `signature`; the other kinds contain
   * the document, and one given here must equal it.
   */
  readonly document?: string | Uint8Array | undefined;
}

/** Requirements on the document, and the trusted keys. An option that is present must have a usable value. */
export interface VerifyIdentityOptions {
  /** Required region, such as `us-east-1`. Default: every region whose key is known. */
  readonly region?: string;
  /** Required account, such as `123456789012`. Default: not checked. */
  readonly accountId?: string;
  /** Required instance, such as `i-1234567890abcdef0`. Default: not checked. */
  readonly instanceId?: string;
  /** Maximum milliseconds since its `pendingTime`, when the instance was launched or started. Default: not checked. */
  readonly maxAgeMs?: number;
  /** Trusted for their kind and region instead of AWS's built-in key. Several for one region are all trusted. */
  readonly certificates?: readonly IdentityCertificate[];
  /** `false` trusts `certificates` only. Default true. */
  readonly builtInKeys?: boolean;
  /** The clock, in milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/** An instance identity document whose signature is valid. */
export interface VerifiedIdentity {
  /** Parsed from the signed bytes, with any field that AWS has added since. Frozen. */
  readonly document: InstanceIdentityDocument;
  readonly kind: IdentitySignatureKind;
  /** The document's region, whose key made the signature. */
  readonly region: string;
  /** Milliseconds since the document's `pendingTime`; negative when this machine's clock is behind. */
  readonly ageMs: number;
}

const hashes: Readonly<Record<IdentitySignatureKind, Hash>> = { rsa2048: 'sha256', pkcs7: 'sha1', signature: 'sha256' };
// Real documents and signatures are below 2 KiB.
const maxLength = 64 * 1024;
const clockToleranceMs = 5 * 60_000;

/**
 * Verifies the signature of an EC2 instance identity document with AWS's public keys, offline: on a server that an
 * instance sent it to, or on the instance. Makes no request.
 *
 * A valid signature proves that AWS made the document, not who sends it, nor when. See docs/identity.md.
 *
 * @example
 * const { document } = await verifyIdentityDocument({ signature }, { accountId: '123456789012' });
 * console.log(document.instanceId);
 *
 * @throws ImdsIdentityError with the `reason` when the document is rejected, ImdsSettingsError for an unusable option.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-iid.html
 */
export async function verifyIdentityDocument(
  input: IdentityProof,
  options: VerifyIdentityOptions = {},
): Promise<VerifiedIdentity> {
  checkObject(input, 'input', 'an object with a signature');
  checkOptions(input, 'input ', inputChecks);
  checkPresent(options, 'option ', optionChecks);

  const { kind = 'rsa2048' } = input;
  const { region, accountId, instanceId, maxAgeMs, certificates = [], builtInKeys = true, now = Date.now } = options;
  // Copied before the first await: the caller may change its bytes.
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
    throw rejected('mismatch', 'The given document is not the one in the signature');

  // Not trusted yet, but naming another region gains nothing: only that region's key will do.
  const document = parsed(signed.content);
  expectSame('region', document.region, region);
  const keys = keysFor(kind, document.region);
  if (keys.length === 0) throw unknownRegion(kind, document.region);
  if (!isSigned(signed, hash, keys))
    throw rejected('signature', `The ${kind} signature does not verify with the key for region ${document.region}`, {
      hint: 'Pass signature and document as served: not reformatted, and without an added newline.',
    });
  expectSame('accountId', document.accountId, accountId);
  expectSame('instanceId', document.instanceId, instanceId);
  const ageMs = now() - Date.parse(document.pendingTime);
  if (maxAgeMs !== undefined) expectFresh(ageMs, maxAgeMs, document.pendingTime);
  return Object.freeze({ document, kind, region: document.region, ageMs });
}

function detached(signature: Buffer, document: Buffer | undefined): Signed {
  if (!document) throw rejected('malformed', 'A signature of kind signature needs the document');
  return { content: document, contentDigest: undefined, covered: document, signature, keyType: 'rsa' };
}

function parsed(content: Buffer): InstanceIdentityDocument {
  try {
    return json(instanceIdentityDocument)(content, 'the signed content');
  } catch (cause) {
    throw rejected('malformed', 'The signed content is not an instance identity document', { cause });
  }
}

function unknownRegion(kind: IdentitySignatureKind, region: string): ImdsIdentityError {
  const orElse = kind === 'rsa2048' ? '' : ', or verify the rsa2048 signature';
  return rejected('unknown-region', `No key is known for ${kind} signatures of region ${shown(region)}`, {
    hint: `Pass the certificate of https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/regions-certs.html as option certificates${orElse}.`,
  });
}

function expectSame(field: 'region' | 'accountId' | 'instanceId', actual: string, expected: string | undefined): void {
  if (expected !== undefined && actual !== expected)
    throw rejected('mismatch', `The document is of ${field} ${shown(actual)}: expected ${expected}`);
}

function expectFresh(ageMs: number, maxAgeMs: number, pendingTime: string): void {
  // Negated, so that NaN is refused too.
  if (!(ageMs <= maxAgeMs))
    throw rejected('too-old', `The document is of ${pendingTime}, ${ageMs} ms ago: expected at most ${maxAgeMs} ms`, {
      hint: 'It is made when an instance is launched or started. Allow more, or ask the EC2 API about the instance.',
    });
  if (ageMs < -clockToleranceMs)
    throw rejected('clock', `The document is of ${pendingTime}, which is in the future by this machine's clock`, {
      hint: 'Set the clock of this machine: by it, no document would ever be too old.',
    });
}

/** Decodes strict base64, apart from line breaks and PEM armour; other bytes are the signature itself. */
function signatureBytes(signature: unknown): Buffer {
  const given = bytes(signature, 'signature');
  if (typeof signature !== 'string' && !isAscii(given)) return given;
  const text = given.toString('latin1').trim();
  const [, , armoured] = /^-----BEGIN (PKCS7|CMS)-----([^-]*)-----END \1-----$/.exec(text) ?? [];
  const base64 = (armoured ?? text).replace(/[\r\n]+/g, '');
  const decoded = Buffer.from(base64, 'base64');
  // Node skips characters that are not base64, so encode again and compare.
  if (decoded.toString('base64') !== base64) throw rejected('malformed', 'The signature is not base64');
  return decoded;
}

function bytes(value: unknown, name: string): Buffer {
  if (typeof value !== 'string' && !isUint8Array(value))
    throw rejected('malformed', `The ${name} is neither a string nor bytes`);
  if (value.length > maxLength) throw rejected('malformed', `The ${name} is longer than ${maxLength}`);
  return Buffer.from(value);
}

const rejected = (
  reason: ImdsIdentityError['reason'],
  message: string,
  options?: { hint?: string; cause?: unknown },
): ImdsIdentityError => new ImdsIdentityError(message, { ...options, reason });

/** A value of a document, which may not be verified yet, in a form safe to print. */
const shown = (value: string): string => (/^[\w-]{1,64}$/.test(value) ? value : '(unprintable)');

type Checks<Name extends string = string> = Readonly<Record<Name, Check<unknown>>>;

const like = (pattern: RegExp, expected: string) =>
  checked<string>((value) => typeof value === 'string' && pattern.test(value), expected);
const kind = like(/^(rsa2048|pkcs7|signature)$/, 'rsa2048, pkcs7 or signature');
const region = like(/^[a-z0-9-]+$/, 'a region such as us-east-1');
// Signature and document come from a client: a wrong one is an identity error, thrown later.
const anything: Check<unknown> = (value) => value;

const inputChecks: Checks<keyof IdentityProof> = { signature: anything, kind, document: anything };
const certificateChecks: Checks<keyof IdentityCertificate> = {
  kind,
  region,
  certificate: checked(
    (value) => typeof value === 'string' || isUint8Array(value) || isKeyObject(value),
    'a certificate or public key, in PEM or DER or as a KeyObject',
  ),
};
const optionChecks: Checks<keyof VerifyIdentityOptions> = {
  region,
  accountId: like(/^\d{12}$/, 'twelve digits'),
  instanceId: like(/^i-\w+$/, 'an instance ID such as i-1234567890abcdef0'),
  maxAgeMs: checked((value) => Number.isFinite(value) && Number(value) >= 0, 'milliseconds from 0'),
  certificates(value, name) {
    if (!Array.isArray(value)) refuse(name, value, 'an array of { kind, region, certificate }');
    for (const [index, each] of value.entries()) {
      checkObject(each, `${name}[${index}]`, '{ kind, region, certificate }');
      checkPresent(
        { kind: undefined, region: undefined, certificate: undefined, ...each },
        `${name}[${index}] `,
        certificateChecks,
      );
    }
  },
  builtInKeys: trueOrFalse,
  now: checked((value) => typeof value === 'function', 'a function that returns milliseconds'),
};

/** Does not quote the value, which could be a key. */
function checkObject(value: unknown, name: string, expected: string): asserts value is object {
  if (typeof value !== 'object' || value === null) throw new ImdsSettingsError(`${name}: expected ${expected}`);
}

/** Checks `undefined` too: an expectation from an unset variable must not turn into none. */
function checkPresent(options: object, prefix: string, checks: Checks): void {
  checkOptions(options, prefix, checks);
  for (const [name, value] of Object.entries(options)) if (value === undefined) checks[name]?.(value, prefix + name);
}
