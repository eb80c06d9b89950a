import { createHash } from 'node:crypto';

export type Field = string | null | readonly string[];

/** A JSON document the way the service prints one: a field a line, ` : ` between, no newline at the end. */
export function document(fields: Readonly<Record<string, Field>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `  ${JSON.stringify(name)} : ${print(value)}`);
  return `{\n${lines.join(',\n')}\n}`;
}

/** A list of such documents. */
export function documents(all: readonly Readonly<Record<string, Field>>[]): string {
  return all.length === 0 ? '[]' : `[ ${all.map(document).join(', ')} ]`;
}

/** `2026-11-23T09:00:00Z` */
export function instant(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** `21 Jan 2019 09:00:43 GMT`, the form of the scheduled events. */
export function eventDate(time: Date): string {
  const [, day = '', month = '', year = '', clock = ''] = time.toUTCString().split(' ');
  return `${Number(day)} ${month} ${year} ${clock} GMT`;
}

/** Base64 in lines of 76 characters. */
export function base64Lines(bytes: Uint8Array): string {
  return (
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  ).join('\n');
}

/** Readable bytes in the place of a signature or a key. */
export function filler(length: number): Buffer {
  return Buffer.alloc(length, 'not a real signature, made by an emulator; ');
}

/**
 * The instance identity document in a PKCS #7 message, complete but for the signature, which no key has made (RFC 5652,
 * section 5; BER with indefinite lengths, X.690).
 */
export function signedData(
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

function print(value: Field): string {
  return Array.isArray(value) ? `[ ${value.map((item) => JSON.stringify(item)).join(', ')} ]` : JSON.stringify(value);
}
