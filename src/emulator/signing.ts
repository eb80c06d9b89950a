import { generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { algorithm, commonName, integer, sequence, tlv, utcTime } from './der.js';
import { base64Lines } from './documents.js';

type Hash = 'sha1' | 'sha256';

/** A key that signs identity documents. */
export interface Signer {
  /** In PEM. */
  readonly certificate: string;
  /** Issuer and serial number, which identify the certificate in a message (RFC 5652, section 10.2.4). */
  readonly identifier: Buffer;
  sign(hash: Hash, bytes: Uint8Array): Buffer;
}

/** Identifiers of RSA signatures (PKCS #1 v1.5), as encoded. */
export const rsaWith = { sha1: '2a864886f70d010105', sha256: '2a864886f70d01010b' } as const;

const issuer = commonName('imds emulator (not AWS)');
// Valid at any time of an emulator's clock.
const validity = sequence(utcTime(new Date('2000-01-01T00:00:00Z')), utcTime(new Date('2049-12-31T23:59:59Z')));

/** Makes a 2048-bit RSA key, which takes some tenths of a second but does not block the event loop. */
export async function newSigner(): Promise<Signer> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  // The first byte is not 0, nor its first bit 1, so that the encoding is the shortest.
  const serialNumber = integer(1, ...randomBytes(15));
  return {
    certificate: selfSigned(publicKey, privateKey, serialNumber),
    identifier: sequence(issuer, serialNumber),
    sign: (hash, bytes) => sign(hash, bytes, privateKey),
  };
}

/** An X.509 certificate of version 1, as there are no extensions (RFC 5280, section 4.1). */
function selfSigned(publicKey: KeyObject, privateKey: KeyObject, serialNumber: Buffer): string {
  const signatureAlgorithm = algorithm(rsaWith.sha256);
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const certified = sequence(serialNumber, signatureAlgorithm, issuer, validity, issuer, key);
  const signature = tlv(0x03, Buffer.of(0), sign('sha256', certified, privateKey));
  const lines = base64Lines(sequence(certified, signatureAlgorithm, signature), 64);
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
