import { ImdsIdentityError } from '../errors.js';

/** An element in the Basic Encoding Rules (ITU-T X.690). */
export interface Element {
  /** The identifier octet, such as 0x30 for a SEQUENCE. */
  readonly tag: number;
  /** The whole element, with identifier and length. */
  readonly bytes: Buffer;
  /** The bytes after the length, without end-of-contents octets. */
  readonly contents: Buffer;
  /** Empty for a primitive element. */
  readonly children: readonly Element[];
  /** False when end-of-contents octets mark the end. */
  readonly definite: boolean;
}

const constructed = 0x20;
const indefinite = 0x80;
const endOfContents = 0;
// Real signatures are nested ten deep.
const maxDepth = 16;

const malformed = (flaw: string): ImdsIdentityError =>
  new ImdsIdentityError(`The signature is not a PKCS #7 message: ${flaw}`, { reason: 'malformed' });

/**
 * Reads bytes that are exactly one element. Reads indefinite lengths, which AWS uses. Refuses what AWS never uses: tags
 * above 30, lengths of more than two octets or longer than necessary, more than 16 levels, and bytes after the end.
 *
 * @throws ImdsIdentityError with the reason `malformed`, whatever the bytes are.
 */
export function readElement(bytes: Buffer): Element {
  const element = read(bytes, 0);
  if (element.bytes.length < bytes.length) throw malformed('there are bytes after its end');
  return element;
}

/** Reads the element at the beginning of `bytes`. */
function read(bytes: Buffer, depth: number): Element {
  if (depth > maxDepth) throw malformed('it is nested too deep');
  const tag = octet(bytes, 0);
  if ((tag & 0x1f) === 0x1f) throw malformed('it has a tag above 30');
  if (tag === endOfContents) throw malformed('it ends too early');
  const isConstructed = (tag & constructed) !== 0;
  const definite = octet(bytes, 1) !== indefinite;
  if (!definite && !isConstructed) throw malformed('it has a value without a length');

  const { start, end } = definite ? extent(bytes) : { start: 2, end: bytes.length };
  const children: Element[] = [];
  let at = start;
  if (isConstructed) {
    while (definite ? at < end : octet(bytes, at) !== endOfContents) {
      const child = read(bytes.subarray(at, end), depth + 1);
      children.push(child);
      at += child.bytes.length;
    }
  }
  if (definite) return { tag, definite, children, contents: bytes.subarray(start, end), bytes: bytes.subarray(0, end) };
  if (octet(bytes, at + 1) !== 0) throw malformed('it has an end with contents');
  return { tag, definite, children, contents: bytes.subarray(start, at), bytes: bytes.subarray(0, at + 2) };
}

/** Start and end of the contents of an element with a definite length. */
function extent(bytes: Buffer): { start: number; end: number } {
  const first = octet(bytes, 1);
  const octets = first < 0x80 ? 0 : first - 0x80;
  if (octets > 2) throw malformed('it has an excessive length');
  let length = octets === 0 ? first : 0;
  for (let at = 2; at < 2 + octets; at++) length = length * 256 + octet(bytes, at);
  if (octets > 0 && length < (octets === 1 ? 0x80 : 0x100)) throw malformed('it has an overlong length');
  const start = 2 + octets;
  if (start + length > bytes.length) throw malformed('it is truncated');
  return { start, end: start + length };
}

function octet(bytes: Buffer, at: number): number {
  const value = bytes[at];
  if (value === undefined) throw malformed('it is truncated');
  return value;
}
