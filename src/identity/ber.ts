import { ImdsIdentityError } from '../errors.js';

/** One element of an encoding after the Basic Encoding Rules (ITU-T X.690), with all that it holds. */
export interface Element {
  /** The identifier octet, such as 0x30 for a SEQUENCE: class, whether it is constructed, and number. */
  readonly tag: number;
  /** The whole element, identifier and length included. */
  readonly bytes: Buffer;
  /** What follows the length; without the end-of-contents octets of an indefinite length. */
  readonly contents: Buffer;
  /** The elements that a constructed one is made of. */
  readonly children: readonly Element[];
  /** Whether the length is stated, rather than marked by end-of-contents octets. */
  readonly definite: boolean;
}

const constructed = 0x20;
const indefinite = 0x80;
const endOfContents = 0;
// The instance identity documents that were met are nested ten deep.
const deepest = 16;

const malformed = (flaw: string): ImdsIdentityError =>
  new ImdsIdentityError(`The signature is not a PKCS #7 message: ${flaw}`, { reason: 'malformed' });

/**
 * Reads bytes that are exactly one element. Indefinite lengths are understood, as AWS uses them. Refused are what
 * nobody has a use for here: tags above 30, lengths of more than two octets or longer than they need to be, an element
 * more than sixteen deep, and anything behind the end.
 *
 * @throws ImdsIdentityError with the reason `malformed`, and nothing else, for whatever bytes.
 */
export function readElement(bytes: Buffer): Element {
  const element = read(bytes, 0);
  if (element.bytes.length < bytes.length) throw malformed('something follows its end');
  return element;
}

/** The element at the beginning of `bytes`. */
function read(bytes: Buffer, depth: number): Element {
  if (depth > deepest) throw malformed('it is nested too deep');
  const tag = octet(bytes, 0);
  if ((tag & 0x1f) === 0x1f) throw malformed('it has a tag above 30');
  if (tag === endOfContents) throw malformed('it ends within');
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

/** Where the contents of an element with a definite length begin and end. */
function extent(bytes: Buffer): { start: number; end: number } {
  const first = octet(bytes, 1);
  const octets = first < 0x80 ? 0 : first - 0x80;
  if (octets > 2) throw malformed('it has a length beyond all measure');
  let length = octets === 0 ? first : 0;
  for (let at = 2; at < 2 + octets; at++) length = length * 256 + octet(bytes, at);
  if (octets > 0 && length < (octets === 1 ? 0x80 : 0x100)) throw malformed('it has a length longer than need be');
  const start = 2 + octets;
  if (start + length > bytes.length) throw malformed('it is cut short');
  return { start, end: start + length };
}

function octet(bytes: Buffer, at: number): number {
  const value = bytes[at];
  if (value === undefined) throw malformed('it is cut short');
  return value;
}
