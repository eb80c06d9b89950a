import { createHash } from 'node:crypto';
import { algorithm, commonName, integer, objectId, octetString, open, sequence, set, tlv, utcTime } from './der.js';
import { base64Lines, document, type Field, filler, instant } from './documents.js';
import { account } from './roles.js';
import { rsaWith, type Signer } from './signing.js';
import type { DatedContent, MetadataTree, Tree } from './tree.js';

const directory = 'dynamic/instance-identity';
export const documentPath = `${directory}/document`;

/** The identity document of the instance in `tree` at each read, and its signatures. */
export function identityTree(tree: MetadataTree, launched: Date): Tree {
  return { [documentPath]: (now) => identityOf(tree, launched, now), ...identitySignatures(tree) };
}

/** As new as the newest of its values. */
function identityOf(tree: MetadataTree, launched: Date, now: Date): DatedContent {
  let lastModified = launched;
  const value = (path: string): string | null => {
    try {
      const found = tree.read(['meta-data', ...path.split('/')], now);
      if (found?.kind !== 'value') return null;
      if (found.lastModified > lastModified) lastModified = found.lastModified;
      return Buffer.from(found.content).toString();
    } catch {
      // Computed by a function of the user's; a read of that value gets the error.
      return null;
    }
  };
  const fields: Readonly<Record<string, Field>> = {
    accountId: account,
    architecture: 'x86_64',
    availabilityZone: value('placement/availability-zone'),
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: value('product-codes')?.split('\n') ?? null,
    imageId: value('ami-id'),
    instanceId: value('instance-id'),
    instanceType: value('instance-type'),
    kernelId: value('kernel-id'),
    pendingTime: instant(launched),
    privateIp: value('local-ipv4'),
    ramdiskId: value('ramdisk-id'),
    region: value('placement/region'),
    version: '2017-09-30',
  };
  return { content: document(fields), lastModified };
}

const hashIds = { sha1: '2b0e03021a', sha256: '608648016503040201' } as const;

/** The messages, with algorithm and length of the signature that AWS makes of each. */
const messages = {
  dsa2048: { hash: 'sha256', id: '608648016503040302', length: 70 },
  pkcs7: { hash: 'sha1', id: '2a8648ce380403', length: 46 },
  rsa2048: { hash: 'sha256', id: rsaWith.sha256, length: 256 },
} as const;
type Message = (typeof messages)[keyof typeof messages];

/**
 * Signatures of the identity document in `tree` at each read. Without a signer they have the right form, but are not
 * made with a key; with one, its RSA key makes them all.
 */
export function identitySignatures(tree: MetadataTree, signer?: Signer): Tree {
  const dated = (signature: (document: Buffer, changed: Date) => Buffer) => (now: Date) => {
    const { content, lastModified } = tree.read(documentPath.split('/'), now) ?? { content: '', lastModified: now };
    return { content: base64Lines(signature(Buffer.from(content), lastModified)), lastModified };
  };
  const all = Object.entries(messages).map(([name, message]) => [
    name,
    dated((document, changed) => signedData(document, changed, message, signer)),
  ]);
  const detached = dated((document) => signer?.sign('sha256', document) ?? filler(128));
  return { [`/latest/${directory}`]: { ...Object.fromEntries(all), signature: detached } };
}

const version = integer(1);
const nobody = sequence(commonName('imds emulator'), version);

/** The instance identity document in a PKCS #7 message (RFC 5652, section 5; BER with indefinite lengths, X.690). */
function signedData(content: Buffer, signed: Date, { hash, id, length }: Message, signer?: Signer): Buffer {
  const data = objectId('2a864886f70d010701');
  const digestAlgorithm = algorithm(hashIds[hash]);
  const attribute = (type: string, value: Buffer) => sequence(objectId(type), set(value));
  const attributes = [
    attribute('2a864886f70d010903', data),
    attribute('2a864886f70d010905', utcTime(signed)),
    attribute('2a864886f70d010904', octetString(createHash(hash).update(content).digest())),
  ];
  const signerInfo = sequence(
    version,
    signer?.identifier ?? nobody,
    digestAlgorithm,
    tlv(0xa0, ...attributes),
    signer ? algorithm(rsaWith[hash]) : sequence(objectId(id)),
    octetString(signer?.sign(hash, set(...attributes)) ?? filler(length)),
  );
  const encapsulated = open(0x30, data, open(0xa0, open(0x24, octetString(content))));
  const message = open(0x30, version, set(digestAlgorithm), encapsulated, set(signerInfo));
  return open(0x30, objectId('2a864886f70d010702'), open(0xa0, message));
}
