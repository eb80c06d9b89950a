import { ImdsIdentityError } from '../errors.js';
import { type Element, readElement } from './ber.js';

/** A signature and what it speaks of. */
export interface Signed {
  /** The instance identity document, byte for byte. */
  readonly content: Buffer;
  /** What `covered` says the digest of `content` is; undefined when `covered` is the content itself. */
  readonly contentDigest: Buffer | undefined;
  /** The bytes that the signature was made over. */
  readonly covered: Buffer;
  readonly signature: Buffer;
  /** The type of key that can have made the signature. */
  readonly keyType: 'rsa' | 'dsa';
}

/** The digest of a signature. Fixed by the kind that is asked for; a message can only agree. */
export type Hash = 'sha256' | 'sha1';

const tag = {
  integer: 0x02,
  octetString: 0x04,
  null: 0x05,
  objectId: 0x06,
  octetStrings: 0x24,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
} as const;

// Object identifiers as they are encoded, in hexadecimal.
const data = '2a864886f70d010701'; // 1.2.840.113549.1.7.1
const signedData = '2a864886f70d010702'; // 1.2.840.113549.1.7.2
const contentType = '2a864886f70d010903'; // 1.2.840.113549.1.9.3
const messageDigest = '2a864886f70d010904'; // 1.2.840.113549.1.9.4
const digestAlgorithm = { sha256: '608648016503040201', sha1: '2b0e03021a' } as const;
const rsaEncryption = '2a864886f70d010101'; // 1.2.840.113549.1.1.1: the digest is said elsewhere
const signatureAlgorithms: Readonly<Record<Hash, Readonly<Record<string, 'rsa' | 'dsa'>>>> = {
  sha256: { [rsaEncryption]: 'rsa', '2a864886f70d01010b': 'rsa' }, // sha256WithRSAEncryption
  sha1: { [rsaEncryption]: 'rsa', '2a864886f70d010105': 'rsa', '2a8648ce380403': 'dsa' }, // sha1WithRSA…, dsaWithSHA1
};

/**
 * Takes apart a SignedData message (RFC 5652, section 5) of the form that AWS gives to instance identity documents: the
 * content inside, one signer, signed attributes. Nothing is verified yet but the form.
 *
 * Ignored are embedded certificates, because a key must not come from the message that it is to vouch for, and the
 * signer's issuer and serial number, because a renewed certificate has another serial number and the same key.
 *
 * @throws ImdsIdentityError with the reason `malformed`
 */
export function openSignedData(message: Buffer, hash: Hash): Signed {
  const [type, wrapped] = parts(readElement(message), tag.sequence, 2);
  expect(equals(type, tag.objectId, signedData), 'signed data');
  const [body] = parts(wrapped, tag.context0, 1);
  const [version, digests, encapsulated, ...rest] = parts(body, tag.sequence);
  expect(equals(version, tag.integer, '01'), 'version 1 of signed data');
  const [digest] = parts(digests, tag.set, 1);
  expect(algorithm(digest) === digestAlgorithm[hash], `the digest ${hash}`);
  // Certificates and revocation lists may stand before the signers.
  expect(/^(a0)?(a1)?31$/.test(rest.map((element) => element.tag.toString(16)).join('')), 'a set of signers');
  const [signer] = parts(rest.at(-1), tag.set, 1);
  return { content: contentOf(encapsulated), ...signatureOf(signer, hash) };
}

function contentOf(encapsulated: Element | undefined): Buffer {
  const [type, wrapped] = parts(encapsulated, tag.sequence, 2);
  expect(equals(type, tag.objectId, data), 'content of the type data');
  const [content] = parts(wrapped, tag.context0, 1);
  if (content?.tag !== tag.octetStrings) return octets(content);
  return Buffer.concat(content.children.map(octets));
}

function signatureOf(signer: Element | undefined, hash: Hash): Omit<Signed, 'content'> {
  const [version, identifier, digest, attributes, signatureAlgorithm, signature] = parts(signer, tag.sequence, 6);
  expect(equals(version, tag.integer, '01'), 'version 1 of a signer');
  const [issuer, serialNumber] = parts(identifier, tag.sequence, 2);
  expect(issuer?.tag === tag.sequence && serialNumber?.tag === tag.integer, 'a signer by issuer and serial number');
  expect(algorithm(digest) === digestAlgorithm[hash], `the digest ${hash}`);
  const keyType = signatureAlgorithms[hash][algorithm(signatureAlgorithm)];
  expect(keyType, `a signature algorithm with ${hash}`);

  // Without them the signature would be over the content, and signed attributes could be passed off as content.
  // What was signed is their encoding by DER, which has no indefinite lengths.
  expect(attributes?.definite, 'signed attributes of a stated length');
  const values = signedAttributes(attributes);
  expect(equals(values.get(contentType), tag.objectId, data), 'the signed content type data');
  return {
    contentDigest: octets(values.get(messageDigest)),
    // Signed as a SET, sent as [0]: RFC 5652, section 5.4.
    covered: Buffer.concat([Buffer.of(tag.set), attributes.bytes.subarray(1)]),
    signature: octets(signature),
    keyType,
  };
}

/** The values of the signed attributes, by type: one value each. */
function signedAttributes(attributes: Element): ReadonlyMap<string, Element | undefined> {
  const list = parts(attributes, tag.context0);
  const values = new Map(
    list.map((attribute) => {
      const [type, set] = parts(attribute, tag.sequence, 2);
      expect(type?.tag === tag.objectId, 'attributes with a type');
      const [value] = parts(set, tag.set, 1);
      return [type.contents.toString('hex'), value];
    }),
  );
  expect(values.size === list.length, 'each signed attribute once');
  return values;
}

const malformed = (expected: string): ImdsIdentityError =>
  new ImdsIdentityError(`The signature is not such a PKCS #7 message as AWS makes: expected ${expected}`, {
    reason: 'malformed',
  });

function expect(holds: unknown, expected: string): asserts holds {
  if (!holds) throw malformed(expected);
}

/** The children of an element with this tag, which must be as many. */
function parts(element: Element | undefined, expected: number, count?: number): readonly Element[] {
  expect(
    element?.tag === expected && element.children.length === (count ?? element.children.length),
    `${count ?? 'elements'} in an element with the tag 0x${expected.toString(16)}`,
  );
  return element.children;
}

const equals = (element: Element | undefined, expected: number, hex: string): boolean =>
  element?.tag === expected && element.contents.toString('hex') === hex;

function octets(element: Element | undefined): Buffer {
  expect(element?.tag === tag.octetString, 'an OCTET STRING');
  return element.contents;
}

/** The object identifier of an AlgorithmIdentifier whose parameters, if it has any, are NULL. */
function algorithm(element: Element | undefined): string {
  const [identifier, parameters, ...rest] = parts(element, tag.sequence);
  expect(identifier?.tag === tag.objectId && rest.length === 0, 'an algorithm');
  expect(!parameters || equals(parameters, tag.null, ''), 'an algorithm without parameters');
  return identifier.contents.toString('hex');
}
