import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { pathOf } from './path.js';

// 40 bytes: a mark, the expiry, the stated expiry, a random part, and a seal over those four. The seal proves a token,
// so none is stored and any number can be valid.
const mark = Buffer.from([0x01, 0x00, 0x04, 0x00]); // tokens begin with AQAEA
const sealedLength = mark.length + 6 + 6 + 8;
const sealLength = 16;
/** Length of a token without its two padding characters. */
const tokenLength = 54;

/** Expiry of a token, in milliseconds since the epoch. */
interface TokenLife {
  readonly end: number;
  /** As stated by replies; later than the real one if a fault makes the token expire early. */
  readonly promisedEnd: number;
}

/** The session tokens of one emulator. */
export class SessionTokens {
  #key = randomBytes(32);

  /** A new object each time tokens are voided. */
  get generation(): object {
    return this.#key;
  }

  issue({ end, promisedEnd }: TokenLife): string {
    const ends = Buffer.alloc(12);
    ends.writeUIntBE(Math.trunc(end), 0, 6);
    ends.writeUIntBE(Math.trunc(promisedEnd), 6, 6);
    const sealed = Buffer.concat([mark, ends, randomBytes(8)]);
    return encode(Buffer.concat([sealed, this.#sealOf(sealed)]));
  }

  /** The token's expiry, or `undefined` if it was not issued here or has been voided. */
  lifeOf(token: string): TokenLife | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== sealedLength + sealLength || encode(bytes) !== token) return undefined;
    const sealed = bytes.subarray(0, sealedLength);
    if (!timingSafeEqual(bytes.subarray(sealedLength), this.#sealOf(sealed))) return undefined;
    return { end: sealed.readUIntBE(mark.length, 6), promisedEnd: sealed.readUIntBE(mark.length + 6, 6) };
  }

  /** Voids every token issued so far. */
  voidAll(): void {
    this.#key = randomBytes(32);
  }

  #sealOf(sealed: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(sealed).digest().subarray(0, sealLength);
  }
}

const longestShown = 1024;

/** A request target without possible secrets: a token belongs in a header, but some callers put it in the path. */
export function withoutTokens(target: string): string {
  if (target.length < tokenLength && !target.includes('?')) return target;
  const path = pathOf(target);
  const shown = path.replace(/[^/]+/g, (segment) => (holdsToken(segment) ? '…' : segment));
  const clipped = shown.length > longestShown ? `${shown.slice(0, longestShown)}…` : shown;
  return clipped + (path === target ? '' : '?…');
}

const shape = new RegExp(`AQAEA[\\w-]{${tokenLength - 5}}`);

/** True if a segment of a path contains a session token of any emulator. */
export function holdsToken(segment: string): boolean {
  // `decodeURIComponent` would throw on malformed escapes.
  const plain = segment.replace(/%[0-7][0-9a-f]/gi, (byte) => String.fromCharCode(Number.parseInt(byte.slice(1), 16)));
  return shape.test(plain);
}

function encode(bytes: Buffer): string {
  return `${bytes.toString('base64url')}==`;
}
