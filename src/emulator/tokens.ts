import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

// 40 bytes: a mark, the end of life, a random part, a seal over those three. A token vouches for itself, so any number
// can be alive at once and none is stored.
const MARK = Buffer.from([0x01, 0x00, 0x04, 0x00]); // tokens begin with AQAEA
const RANDOM = MARK.length + 6;
const SEAL = RANDOM + 14;
const LENGTH = SEAL + 16;

/** The session tokens of one emulator. To everybody else they are opaque. */
export class SessionTokens {
  #key = randomBytes(32);

  /** A new token that lives until `end`, in milliseconds since 1970. */
  issue(end: number): string {
    const bytes = Buffer.alloc(LENGTH);
    MARK.copy(bytes);
    bytes.writeUIntBE(Math.trunc(end), MARK.length, 6);
    randomBytes(SEAL - RANDOM).copy(bytes, RANDOM);
    this.#seal(bytes).copy(bytes, SEAL);
    return encode(bytes);
  }

  /** When the token's life ends, or `undefined` if it was not issued here or has been voided. */
  endOf(token: string): number | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== LENGTH || encode(bytes) !== token) return undefined;
    if (!timingSafeEqual(bytes.subarray(SEAL), this.#seal(bytes))) return undefined;
    return bytes.readUIntBE(MARK.length, 6);
  }

  /** Ends the life of every token issued so far. */
  voidAll(): void {
    this.#key = randomBytes(32);
  }

  #seal(bytes: Buffer): Buffer {
    const digest = createHmac('sha256', this.#key).update(bytes.subarray(0, SEAL)).digest();
    return digest.subarray(0, LENGTH - SEAL);
  }
}

function encode(bytes: Buffer): string {
  return `${bytes.toString('base64url')}==`;
}
