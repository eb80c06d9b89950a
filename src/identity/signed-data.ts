import { ImdsIdentityError } from '../errors.js';
import { type Element, readElement } from './ber.js';

/** A signature and the document it is for. */
export interface Signed {
  /** The instance identity document, byte for byte. */
  readonly content: Buffer;
  /** The digest of `content` stated within `covered`; undefined when `covered` is the content itself. */
  readonly contentDigest: Buffer | undefined;
  /** The bytes that were signed. */
  readonly covered: Buffer;
  readonly signature: Buffer;
  readonly keyType: 'rsa' | 'dsa';
}

/** Digest of a signature. The kind of signature decides it; a message can only agree. */
export type Hash = 'sha256' | 'sha1';

const tag = {
  integer: 0x02,
  octetString: 0x04,
  null: 0x05,
  objectId: 0x06,
  constructedOctetString: 0x24,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
} as const;

// Object identifiers as encoded, in hexadecimal.
const data = '2a864886f70d010701'; // 1.2.840.113549.1.7.1
const signedData = '2a864886f70d010702'; // 1.2.840.113549.1.7.2
const contentType = '2a864886f70d010903'; // 1.2.840.113549.1.9.3
const messageDigest = '2a864886f70d010904'; // 1.2.840.113549.1.9.4
const digestAlgorithm = { sha256: '608648016503040201', sha1: '2b0e03021a' } as const;
const rsaEncryption = '2a864886f70d010101'; // 1.2.840.113549.1.1.1: names no digest
const signatureAlgorithms: Readonly<Record<Hash, Readonly<Record<string, 'rsa' | 'dsa'>>>> = {
  sha256: { [rsaEncryption]: 'rsa', '2a864886f70d01010b': 'rsa' }, // sha256WithRSAEncryption
  sha1: { [rsaEncryption]: 'rsa', '2a864886f70d010105': 'rsa', '2a8648ce380403': 'dsa' }, // sha1WithRSA…, dsaWithSHA1
};

/**
 * Opens a SignedData message (RFC 5652, section 5) in the form AWS uses: content inside, one signer, signed attributes.
 * Checks the form only, no signature.
 *
 * Ignores embedded certificates, since a message must not vouch for itself, and the signer's issuer and serial number,
 * since a renewed certificate has a new serial number and the same key.
 *
 * @throws ImdsIdentityError with the reason `malformed`
 */
export function openSignedData(message: Buffer, hash: Hash): Signed {
  const [type, wrapped] = children(readElement(message), tag.sequence, 2);
  expect(is(type, tag.objectId, signedData), 'signed data');
  const [body] = children(wrapped, tag.context0, 1);
  const [version, digests, encapsulated, ...rest] = children(body, tag.sequence);
  expect(is(version, tag.integer, '01'), 'version 1 of signed data');
  const [digest] = children(digests, tag.set, 1);
  expect(algorithm(digest) === digestAlgorithm[hash], `the digest ${hash}`);
  // Certificates [0] and revocation lists [1] may precede the signers.
  expect(/^(a0)?(a1)?31$/.test(rest.map((element) => element.tag.toString(16)).join('')), 'a set of signers');
  const [signer] = children(rest.at(-1), tag.set, 1);
  return { content: contentOf(encapsulated), ...signatureOf(signer, hash) };
}

function contentOf(encapsulated: Element | undefined): Buffer {
  const [type, wrapped] = children(encapsulated, tag.sequence, 2);
  expect(is(type, tag.objectId, data), 'content of the type data');
  const [content] = children(wrapped, tag.context0, 1);
  return content?.tag === tag.constructedOctetString ? Buffer.concat(content.children.map(octets)) : octets(content);
}

function signatureOf(signer: Element | undefined, hash: Hash): Omit<Signed, 'content'> {
  const [version, identifier, digest, attributes, signatureAlgorithm, signature] = children(signer, tag.sequence, 6);
  expect(is(version, tag.integer, '01'), 'version 1 of a signer');
  const [issuer, serialNumber] = children(identifier, tag.sequence, 2);
  expect(issuer?.tag === tag.sequence && serialNumber?.tag === tag.integer, 'a signer by issuer and serial number');
  expect(algorithm(digest) === digestAlgorithm[hash], `the digest ${hash}`);
  const keyType = signatureAlgorithms[hash][algorithm(signatureAlgorithm)];
  expect(keyType, `a signature algorithm with ${hash}`);

  // Without attributes the signature would be over the content, and signed attributes could be passed off as content.
  // Their DER encoding is what was signed, and DER has no indefinite lengths.
  expect(attributes?.definite, 'signed attributes of a stated length');
  const values = attributeValues(attributes);
  expect(is(values.get(contentType), tag.objectId, data), 'the signed content type data');
  return {
    contentDigest: octets(values.get(messageDigest)),
    // Signed as a SET, sent as [0]: RFC 5652, section 5.4.
    covered: Buffer.concat([Buffer.of(tag.set), attributes.bytes.subarray(1)]),
    signature: octets(signature),
    keyType,
  };
}

/** The signed attributes by type, each once and with one value. */
function attributeValues(attributes: Element): ReadonlyMap<string, Element | undefined> {
  const list = children(attributes, tag.context0);
  const values = new Map(
    list.map((attribute) => {
      const [type, set] = children(attribute, tag.sequence, 2);
      expect(type?.tag === tag.objectId, 'attributes with a type');
      return [type.contents.toString('hex'), children(set, tag.set, 1)[0]];
    }),
  );
  expect(values.size === list.length, 'each signed attribute once');
  return values;
}

/** The object identifier of an AlgorithmIdentifier whose parameters are absent or NULL. */
function algorithm(element: Element | undefined): string {
  const [identifier, parameters, ...rest] = children(element, tag.sequence);
  expect(identifier?.tag === tag.objectId && rest.length === 0, 'an algorithm');
  expect(!parameters || is(parameters, tag.null, ''), 'an algorithm without parameters');
  return identifier.contents.toString('hex');
}

/** The children of an element, which must have this tag and, if given, this number of them. */
function children(element: Element | undefined, expected: number, count?: number): readonly Element[] {
  expect(
    element?.tag === expected && element.children.length === (count ?? element.children.length),
    `${count ?? 'elements'} in an element with the tag 0x${expected.toString(16)}`,
  );
  return element.children;
}

const is = (element: Element | undefined, expected: number, hex: string): boolean =>
  element?.tag === expected && element.contents.toString('hex') === hex;

function octets(element: Element | undefined): Buffer {
  expect(element?.tag === tag.octetString, 'an OCTET STRING');
  return element.contents;
}

function expect(holds: unknown, expected: string): asserts holds {
  if (!holds)
    throw new ImdsIdentityError(`The signature is not a PKCS #7 message of the form AWS uses: expected ${expected}`, {
      reason: 'malformed',
    });
}
