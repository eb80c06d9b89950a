import { createHash } from 'node:crypto';
import { base64Lines, document, type Field, filler, instant } from './documents.js';
import { account } from './roles.js';
import type { MetadataTree, Tree } from './tree.js';

/** The identity document of an instance with these metadata. */
export function identityOf(tree: MetadataTree, launched: Date): Readonly<Record<string, Field>> {
  const value = (path: string): string | null => {
    const found = tree.read(['meta-data', ...path.split('/')], launched);
    return found?.kind === 'value' ? Buffer.from(found.content).toString() : null;
  };
  return {
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
}

/** An identity document and stand-ins for its signatures, made when they are read. */
export function identityTree(fields: () => Readonly<Record<string, Field>>, signed: Date): Tree {
  const text = () => document(fields());
  const sha256 = { hash: 'sha256', hashId: '608648016503040201' } as const;
  const message = (algorithms: Parameters<typeof signedData>[2]) => () =>
    base64Lines(signedData(text(), signed, algorithms));
  return {
    document: text,
    dsa2048: message({ ...sha256, signatureId: '608648016503040302', signatureLength: 70 }),
    pkcs7: message({ hash: 'sha1', hashId: '2b0e03021a', signatureId: '2a8648ce380403', signatureLength: 46 }),
    rsa2048: message({ ...sha256, signatureId: '2a864886f70d01010b', signatureLength: 256 }),
    signature: base64Lines(filler(128)),
  };
}

/**
 * The instance identity document in a PKCS #7 message, complete but for the signature, which no key has made (RFC 5652,
 * section 5; BER with indefinite lengths, X.690).
 */
function signedData(
  content: string,
  signed: Date,
  algorithms: { hash: 'sha1' | 'sha256'; hashId: string; signatureId: string; signatureLength: number },
): Buffer {
  const data = objectId('2a864886f70d010701');
  const hashId = tlv(0x30, objectId(algorithms.hashId), tlv(0x05));
  const digest = createHash(algorithms.hash).update(content).digest();
  const attribute = (id: string, value: Buffer) => tlv(0x30, objectId(id), tlv(0x31, value));
  const signer = tlv(
    0x30,
    version,
    tlv(0x30, tlv(0x30, tlv(0x31, tlv(0x30, objectId('550403'), tlv(0x0c, Buffer.from('imds emulator'))))), version),
    hashId,
    tlv(
      0xa0,
      attribute('2a864886f70d010903', data),
      attribute('2a864886f70d010905', tlv(0x17, Buffer.from(utcTime(signed)))),
      attribute('2a864886f70d010904', tlv(0x04, digest)),
    ),
    tlv(0x30, objectId(algorithms.signatureId)),
    tlv(0x04, filler(algorithms.signatureLength)),
  );
  const encapsulated = open(0x30, data, open(0xa0, open(0x24, tlv(0x04, Buffer.from(content)))));
  return open(
    0x30,
    objectId('2a864886f70d010702'),
    open(0xa0, open(0x30, version, tlv(0x31, hashId), encapsulated, tlv(0x31, signer))),
  );
}

const version = tlv(0x02, Buffer.of(1));

function objectId(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), body]);
}

function open(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(tag, 0x80), ...parts, Buffer.of(0, 0)]);
}

function utcTime(time: Date): string {
  return `${time.toISOString().slice(2, 19).replace(/\D/g, '')}Z`;
}
