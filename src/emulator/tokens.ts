import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

// 40 bytes: a mark, the end of life, the end that was promised, a random part, a seal over those four. A token vouches
// for itself, so any number can be alive at once and none is stored.
const MARK = Buffer.from([0x01, 0x00, 0x04, 0x00]); // tokens begin with AQAEA
const PROMISED = MARK.length + 6;
const RANDOM = PROMISED + 6;
const SEAL = RANDOM + 8;
const LENGTH = SEAL + 16;
/** Characters of a token, but for the two of padding. */
export const tokenLength = 54;

/** How long a token lives, in milliseconds since 1970. */
export interface TokenLife {
  readonly end: number;
  /** What the answers say; later than the end if a fault has the token lapse early. */
  readonly promisedEnd: number;
}

/** The session tokens of one emulator. To everybody else they are opaque. */
export class SessionTokens {
  #key = randomBytes(32);

  /** A new token. */
  issue({ end, promisedEnd }: TokenLife): string {
    const bytes = Buffer.alloc(LENGTH);
    MARK.copy(bytes);
    bytes.writeUIntBE(Math.trunc(end), MARK.length, 6);
    bytes.writeUIntBE(Math.trunc(promisedEnd), PROMISED, 6);
    randomBytes(SEAL - RANDOM).copy(bytes, RANDOM);
    this.#seal(bytes).copy(bytes, SEAL);
    return encode(bytes);
  }

  /** The token's life, or `undefined` if it was not issued here or has been voided. */
  lifeOf(token: string): TokenLife | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== LENGTH || encode(bytes) !== token) return undefined;
    if (!timingSafeEqual(bytes.subarray(SEAL), this.#seal(bytes))) return undefined;
    return { end: bytes.readUIntBE(MARK.length, 6), promisedEnd: bytes.readUIntBE(PROMISED, 6) };
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

const shape = new RegExp(`AQAEA[\\w-]{${tokenLength - 5}}`);

/** Whether there is a session token, of whichever emulator, in a segment of a path. */
export function holdsToken(segment: string): boolean {
  // Escapes of which some are malformed are left as they are.
  const plain = segment.replace(/%[0-7][0-9a-f]/gi, (byte) => String.fromCharCode(Number.parseInt(byte.slice(1), 16)));
  return shape.test(plain);
}

function encode(bytes: Buffer): string {
  return `${bytes.toString('base64url')}==`;
}
