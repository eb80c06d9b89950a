/** Writes ASN.1 (X.690): elements of definite length unless said otherwise. */

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

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => tlv(0x31, ...parts);
export const octetString = (content: Uint8Array): Buffer => tlv(0x04, content);
/** A positive number whose first bit is 0. */
export const integer = (...bytes: readonly number[]): Buffer => tlv(0x02, Buffer.of(...bytes));
/** From the identifier as encoded, in hexadecimal. */
export const objectId = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));
/** An algorithm whose parameters are NULL. */
export const algorithm = (id: string): Buffer => sequence(objectId(id), tlv(0x05));

/** A time before 2050. */
export const utcTime = (time: Date): Buffer =>
  tlv(0x17, Buffer.from(`${time.toISOString().slice(2, 19).replace(/\D/g, '')}Z`));

/** A distinguished name that is a common name only. */
export const commonName = (name: string): Buffer =>
  sequence(set(sequence(objectId('550403'), tlv(0x0c, Buffer.from(name)))));
