import type { ParsedHeaderValue } from 'libmime';
import { ImdsDecodeError } from '../errors.js';

export const maxParts = 256;
const maxDepth = 16;
// Archives within and empty parts count, too.
const mostBegun = 2 * maxParts;
const maxHeaderBytes = 64 * 1024;

/** One body of a MIME archive, its transfer encoding undone. */
export interface Leaf {
  readonly content: Buffer;
  readonly contentType?: string | undefined;
  readonly name?: string | undefined;
  /** It was in base64 or quoted-printable. */
  readonly isEncoded?: boolean;
  /** Line of the archive, counted from 1, on which the body begins. */
  readonly bodyLine?: number;
  /** The body follows without the empty line that ends a header. */
  readonly lacksEmptyLine?: boolean;
}

/** The error for user data that cannot be decoded. Quotes nothing of it. */
export const undecodable = (message: string, cause?: unknown): ImdsDecodeError =>
  new ImdsDecodeError(message, {
    cause,
    hint: "Read the bytes instead: imds.getBuffer('user-data'), or imds user-data on the command line.",
  });

export const tooManyParts = (): ImdsDecodeError => undecodable(`The user data has more than ${maxParts} parts`);

/** RFC 5322, section 2.2: a name of visible characters, and a colon. */
const isHeader = (line: string): boolean => /^[!-9;-~]+:/.test(line);

/** Like cloud-init: a MIME archive begins with a header, and `mime-version:` stands near the beginning. */
export function isMime(content: Buffer): boolean {
  const beginning = content.toString('latin1', 0, 4096);
  return isHeader(beginning) && /mime-version:/i.test(beginning);
}

/** The number of lines that end in these bytes: with a newline, a carriage return, or both. */
export function lineEnds(content: Buffer): number {
  let count = 0;
  for (let index = 0; index < content.length; index += 1)
    if (content[index] === 0x0a || (content[index] === 0x0d && content[index + 1] !== 0x0a)) count += 1;
  return count;
}

/**
 * Reads a MIME archive, archives within it included, and finds the bodies that cloud-init finds: a header ends at the first
 * line that is none, with an empty line or without, and a line may end with a carriage return alone.
 *
 * @returns its bodies in order; `isCut` when the last boundary of the outer archive is missing.
 * @throws ImdsDecodeError
 */
export async function readMime(archive: Buffer): Promise<{ leaves: readonly Leaf[]; isCut: boolean }> {
  const read = await fieldReader();
  // Latin-1 keeps each byte, so positions in the text are those of the bytes.
  const text = archive.toString('latin1');
  const leaves: Leaf[] = [];
  /** The boundaries of the archives that have begun and not ended, the innermost last. */
  const open: string[] = [];
  let [at, isPart, begun, bodyLine, counted] = [0, true, 0, 1, 0];
  for (;;) {
    const delimiter = nextDelimiter(text, at, open);
    const end = delimiter?.index ?? text.length;
    if (isPart) begun += 1;
    if (begun > mostBegun) throw tooManyParts();
    // Python, and so cloud-init, take boundaries in succession for one.
    if (isPart && delimiter?.index !== at) {
      const { headEnd, bodyAt, lacksEmptyLine } = headAt(text, at, end);
      const { boundary, decode, ...fields } = read(archive.subarray(at, headEnd));
      if (boundary !== undefined) {
        [at, isPart] = [bodyAt, false];
        if (open.push(boundary) > maxDepth)
          throw undecodable(`The user data is MIME nested more than ${maxDepth} deep`);
        continue;
      }
      // The line break before a boundary belongs to it (RFC 2046, section 5.1.1).
      const [lineBreak = ''] = (delimiter && /\r?\n$|\r$/.exec(text.slice(Math.max(bodyAt, end - 2), end))) || [];
      const content = decode(archive.subarray(bodyAt, end - lineBreak.length));
      bodyLine += lineEnds(archive.subarray(counted, bodyAt));
      counted = bodyAt;
      leaves.push({ ...fields, content, bodyLine, lacksEmptyLine });
    }
    if (!delimiter) break;
    const [whole, boundary = '', isLast] = delimiter;
    open.length = open.lastIndexOf(boundary) + (isLast ? 0 : 1);
    [at, isPart] = [end + whole.length, !isLast];
  }
  if (leaves.length === 0) throw undecodable('The user data is MIME, but has no parts');
  return { leaves, isCut: open.length > 0 };
}

/** The next line that begins or ends a part of an open archive. */
function nextDelimiter(text: string, from: number, open: readonly string[]): RegExpExecArray | null {
  const boundaries = open.filter((boundary) => boundary !== '').map((boundary) => boundary.replace(/\W/g, '\\$&'));
  if (boundaries.length === 0) return null;
  const pattern = new RegExp(`^--(${boundaries.reverse().join('|')})(--)?[ \\t]*(?:\\r\\n?|\\n|$)`, 'gm');
  pattern.lastIndex = from;
  return pattern.exec(text);
}

/** Finds the end of a header, and the beginning of the body below it. */
function headAt(text: string, at: number, end: number) {
  const nextLine = /([^\r\n]*)(?:\r\n|[\r\n]|$)/y;
  nextLine.lastIndex = at;
  while (nextLine.lastIndex < end) {
    const headEnd = nextLine.lastIndex;
    const line = nextLine.exec(text)?.[1] ?? '';
    if (line === '') return { headEnd, bodyAt: nextLine.lastIndex, lacksEmptyLine: false };
    const isFolded = headEnd > at && /^[ \t]/.test(line);
    if (!isFolded && !isHeader(line)) return { headEnd, bodyAt: headEnd, lacksEmptyLine: true };
    if (nextLine.lastIndex - at > maxHeaderBytes) throw undecodable('The user data is MIME, but cannot be read');
  }
  return { headEnd: end, bodyAt: end, lacksEmptyLine: false };
}

/** Loads what reads the header of a part. */
async function fieldReader() {
  const [{ default: libmime }, { decode: fromQuotedPrintable }] = await Promise.all([
    import('libmime'),
    import('libqp'),
  ]);
  const decoders: Readonly<Record<string, (body: Buffer) => Buffer>> = {
    // Node would take these two for base64url.
    base64: (body) => Buffer.from(body.toString('latin1').replace(/[-_]/g, ''), 'base64'),
    'quoted-printable': fromQuotedPrintable,
  };
  const nameIn = ({ params, decodedParams }: ParsedHeaderValue, key: string): string | undefined =>
    decodedParams.includes(key) ? params[key] : libmime.decodeWords(params[key]);
  return (head: Buffer) => {
    const utf8 = head.toString();
    const fields = libmime.decodeHeaders(utf8.includes('\ufffd') ? head.toString('latin1') : utf8);
    const parsed = (name: string) => libmime.parseHeaderValue(fields[name]?.[0] ?? '', { stripComments: true });
    const type = parsed('content-type');
    const contentType = type.value.trim().toLowerCase();
    const { boundary = '' } = type.params;
    const encoding = fields['content-transfer-encoding']?.[0]?.trim().toLowerCase() ?? '';
    const decoder = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined;
    return {
      // Empty where there is none (RFC 2046, section 5.1.1): then nothing below is a part.
      boundary: contentType.startsWith('multipart/') ? (/^[ -~]+$/.exec(boundary.trimEnd())?.[0] ?? '') : undefined,
      // RFC 2045, section 5.2.
      contentType: /^[^/]+\/[^/]+$/.test(contentType) ? contentType : undefined,
      name: nameIn(parsed('content-disposition'), 'filename') || nameIn(type, 'name') || undefined,
      isEncoded: decoder !== undefined,
      decode: decoder ?? ((body: Buffer) => body),
    };
  };
}
