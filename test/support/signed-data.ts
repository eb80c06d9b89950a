/**
 * Signs instance identity documents in the three ways AWS does, in every form seen from 2016 to 2026, with test keys.
 * Written from RFC 5652 and X.690, and shares no code with src/. Every piece of a message can be replaced, before or after
 * signing.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** An element of definite length. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), body]);
}

/** An element of indefinite length. */
export function open(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(tag, 0x80), ...parts, Buffer.of(0, 0)]);
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const octets = [first * 40 + second, ...others].flatMap((arc) => {
    const septets = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) septets.unshift((rest & 0x7f) | 0x80);
    return septets;
  });
  return tlv(0x06, Buffer.from(octets));
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => tlv(0x31, ...parts);
export const octetString = (content: Uint8Array): Buffer => tlv(0x04, content);
export const integer = (value: number): Buffer => tlv(0x02, Buffer.of(value));
const text = (value: string): Buffer => tlv(0x13, Buffer.from(value));
const utcTime = (time: string): Buffer => tlv(0x17, Buffer.from(time));
export const none = tlv(0x05);

export const ids = {
  data: oid('1.2.840.113549.1.7.1'),
  signedData: oid('1.2.840.113549.1.7.2'),
  contentType: oid('1.2.840.113549.1.9.3'),
  messageDigest: oid('1.2.840.113549.1.9.4'),
  signingTime: oid('1.2.840.113549.1.9.5'),
  algorithmProtection: oid('1.2.840.113549.1.9.52'),
  sha1: oid('1.3.14.3.2.26'),
  sha256: oid('2.16.840.1.101.3.4.2.1'),
  sha512: oid('2.16.840.1.101.3.4.2.3'),
  rsaEncryption: oid('1.2.840.113549.1.1.1'),
  sha1WithRsa: oid('1.2.840.113549.1.1.5'),
  sha256WithRsa: oid('1.2.840.113549.1.1.11'),
  sha512WithRsa: oid('1.2.840.113549.1.1.13'),
  rsaPss: oid('1.2.840.113549.1.1.10'),
  dsaWithSha1: oid('1.2.840.10040.4.3'),
  dsaWithSha256: oid('2.16.840.1.101.3.4.3.2'),
  ecdsaWithSha256: oid('1.2.840.10045.4.3.2'),
} as const;

/** A key pair and its certificate. */
export interface Signer {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** DER, self-signed, expired. */
  readonly certificate: Buffer;
  readonly issuer: Buffer;
  readonly serialNumber: Buffer;
}

export type KeyType = 'rsa1024' | 'rsa2048' | 'dsa';

const signers = new Map<string, Signer>();

/** The signer of this name; made once per run, since generating keys takes long. */
export function signer(type: KeyType, name = 'aws'): Signer {
  const known = signers.get(`${type} ${name}`);
  if (known) return known;
  const pair =
    type === 'dsa'
      ? generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })
      : generateKeyPairSync('rsa', { modulusLength: type === 'rsa1024' ? 1024 : 2048 });
  const issuer = sequence(set(sequence(oid('2.5.4.6'), text('US'))), set(sequence(oid('2.5.4.10'), text(name))));
  const serialNumber = tlv(0x02, Buffer.of(0, 0xd3), createHash('sha1').update(name).digest().subarray(0, 7));
  const algorithm = type === 'dsa' ? sequence(ids.dsaWithSha1) : sequence(ids.sha256WithRsa, none);
  const toBeSigned = sequence(
    serialNumber,
    algorithm,
    issuer,
    sequence(utcTime('120105125612Z'), utcTime('140105125612Z')),
    issuer,
    pair.publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign(type === 'dsa' ? 'sha1' : 'sha256', toBeSigned, pair.privateKey);
  const certificate = sequence(toBeSigned, algorithm, tlv(0x03, Buffer.of(0), signature));
  const made = { ...pair, certificate, issuer, serialNumber };
  signers.set(`${type} ${name}`, made);
  return made;
}

/** Base64 in lines of 76 characters, as the service sends it. */
export function lines(bytes: Uint8Array): string {
  return (
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  ).join('\n');
}

export function pem(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${lines(der)}\n-----END ${label}-----\n`;
}

/** An instance identity document, printed like the service's. */
export function identityDocument(fields: Readonly<Record<string, unknown>> = {}): string {
  const all = {
    accountId: '123456789012',
    architecture: 'arm64',
    availabilityZone: 'us-east-1a',
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: 'ami-0123456789abcdef0',
    instanceId: 'i-1234567890abcdef0',
    instanceType: 't4g.small',
    kernelId: null,
    pendingTime: '2026-02-16T00:38:27Z',
    privateIp: '10.0.1.242',
    ramdiskId: null,
    region: 'us-east-1',
    version: '2017-09-30',
    ...fields,
  };
  const rows = Object.entries(all).map(([name, value]) => `  ${JSON.stringify(name)} : ${JSON.stringify(value)}`);
  return `{\n${rows.join(',\n')}\n}`;
}

/** A form of message; they differ by year and kind. */
export interface Form {
  readonly title: string;
  readonly kind: 'rsa2048' | 'pkcs7';
  readonly key: KeyType;
  readonly hash: 'sha256' | 'sha1';
  /** The signature algorithm with its parameters. */
  readonly signatureAlgorithm: readonly Buffer[];
  /** Parameters of the digest algorithm. */
  readonly digestParameters: readonly Buffer[];
  readonly content: (document: Buffer) => Buffer;
  /** With the attribute that protects the algorithms (RFC 6211). */
  readonly protection: boolean;
  /** Writes the outer elements: AWS's have indefinite lengths. */
  readonly around: typeof tlv;
}

const constructed = (document: Buffer): Buffer => open(0x24, octetString(document));

/** From 2021 to 2025; the others differ from it as stated. */
const rsa2021: Form = {
  title: 'rsa2048 as of 2021, with its algorithms protected',
  kind: 'rsa2048',
  key: 'rsa2048',
  hash: 'sha256',
  signatureAlgorithm: [ids.sha256WithRsa, none],
  digestParameters: [none],
  content: constructed,
  protection: true,
  around: open,
};
const pkcs72016: Form = {
  ...rsa2021,
  title: 'pkcs7 as of 2016',
  kind: 'pkcs7',
  key: 'dsa',
  hash: 'sha1',
  signatureAlgorithm: [ids.dsaWithSha1],
  protection: false,
};

export const forms: readonly Form[] = [
  {
    ...rsa2021,
    title: 'rsa2048 as of 2018, signed by rsaEncryption',
    signatureAlgorithm: [ids.rsaEncryption, none],
    protection: false,
  },
  rsa2021,
  { ...rsa2021, title: 'rsa2048 as of 2026, its digest without parameters', digestParameters: [] },
  pkcs72016,
  { ...pkcs72016, title: 'pkcs7 as of 2023, its content in one piece', content: octetString, protection: true },
  {
    ...pkcs72016,
    title: 'pkcs7 of China, with an RSA key',
    key: 'rsa2048',
    signatureAlgorithm: [ids.sha1WithRsa, none],
  },
  {
    ...rsa2021,
    title: 'rsa2048 with content in several pieces',
    content: (document) =>
      open(0x24, octetString(document.subarray(0, 100)), octetString(Buffer.of()), octetString(document.subarray(100))),
  },
  { ...rsa2021, title: 'rsa2048 in DER', content: octetString, around: tlv },
];

/** The pieces of a message that are fixed before signing. */
export interface Pieces {
  readonly hash: string;
  readonly digestAlgorithm: Buffer;
  readonly signatureAlgorithm: Buffer;
  /** Each a SEQUENCE of type and values. */
  readonly attributes: readonly Buffer[];
  /** The bytes to sign. */
  readonly covered: (attributes: readonly Buffer[]) => Buffer;
  readonly signer: Signer;
}

/** The pieces of a message that are put together after signing. */
export interface Assembly {
  readonly type: Buffer;
  readonly version: Buffer;
  readonly digestAlgorithms: readonly Buffer[];
  readonly contentType: Buffer;
  /** The element in [0]; several, or none. */
  readonly content: readonly Buffer[];
  /** Before the signers: certificates in [0], revocation lists in [1]. */
  readonly lists: readonly Buffer[];
  /** The elements of a signer. */
  readonly signer: {
    readonly version: Buffer;
    readonly identifier: Buffer;
    readonly digestAlgorithm: Buffer;
    readonly attributes: Buffer;
    readonly signatureAlgorithm: Buffer;
    readonly signature: Buffer;
  };
  readonly around: typeof tlv;
  /** As signed, to be sent otherwise. */
  readonly signedAttributes: readonly Buffer[];
}

export const attribute = (type: Buffer, ...values: readonly Buffer[]): Buffer => sequence(type, set(...values));

/** Signs a document in a form, with the pieces in `change` replaced. */
export function signedPieces(document: string, form: Form, change: Partial<Pieces> = {}): Assembly {
  const content = Buffer.from(document);
  const hash = change.hash ?? form.hash;
  const signatory = change.signer ?? signer(form.key);
  const digestAlgorithm = change.digestAlgorithm ?? sequence(ids[form.hash], ...form.digestParameters);
  const signatureAlgorithm = change.signatureAlgorithm ?? sequence(...form.signatureAlgorithm);
  const protection = attribute(
    ids.algorithmProtection,
    sequence(digestAlgorithm, tlv(0xa1, ...form.signatureAlgorithm)),
  );
  const ordinary = [
    attribute(ids.contentType, ids.data),
    attribute(ids.signingTime, utcTime('260216003828Z')),
    attribute(ids.messageDigest, octetString(createHash(hash).update(content).digest())),
  ];
  // A SET OF is sorted in DER: X.690, section 11.6.
  const attributes =
    change.attributes ?? (form.protection ? [...ordinary, protection] : ordinary).toSorted(Buffer.compare);
  const covered = (change.covered ?? ((all) => set(...all)))(attributes);
  return {
    type: ids.signedData,
    version: integer(1),
    digestAlgorithms: [digestAlgorithm],
    contentType: ids.data,
    content: [form.content(content)],
    lists: [],
    signer: {
      version: integer(1),
      identifier: sequence(signatory.issuer, signatory.serialNumber),
      digestAlgorithm,
      attributes: tlv(0xa0, ...attributes),
      signatureAlgorithm,
      signature: octetString(sign(hash, covered, signatory.privateKey)),
    },
    around: form.around,
    signedAttributes: attributes,
  };
}

/** The SignedData of a message; `signers` are SEQUENCEs, by default the one of the pieces. */
export function signedBody(pieces: Assembly, signers: readonly Buffer[] = [signerInfo(pieces)]): Buffer {
  const { around, version, digestAlgorithms, contentType, content, lists } = pieces;
  return around(
    0x30,
    version,
    set(...digestAlgorithms),
    around(0x30, contentType, ...content.map((each) => around(0xa0, each))),
    ...lists,
    set(...signers),
  );
}

/** Puts a message together. */
export function assemble(pieces: Assembly, signers?: readonly Buffer[]): Buffer {
  const { around, type } = pieces;
  return around(0x30, type, around(0xa0, signedBody(pieces, signers)));
}

export const signerInfo = ({ signer: elements }: Assembly): Buffer => sequence(...Object.values(elements));

/** A whole message. */
export const signedMessage = (document: string, form: Form, change?: Partial<Pieces>): Buffer =>
  assemble(signedPieces(document, form, change));

/** The detached signature of a document, of the kind `signature`. */
export const detachedSignature = (document: string, by: Signer = signer('rsa1024')): Buffer =>
  sign('sha256', Buffer.from(document), by.privateKey);
