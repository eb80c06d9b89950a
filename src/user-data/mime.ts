import type { ParsedHeaderValue } from 'libmime';
import { ImdsDecodeError } from '../errors.js';

export const maxParts = 256;
const maxDepth = 16;
// Nested archives and empty parts count, too.
const mostBegun = 2 * maxParts;
const maxHeaderBytes = 64 * 1024;

/** User data that is not an archive, or one body of a MIME archive, with its transfer encoding decoded. */
export interface Leaf {
  readonly content: Buffer;
  readonly contentType?: string | undefined;
  readonly name?: string | undefined;
  /** It was in base64 or quoted-printable. */
  readonly isEncoded?: boolean;
  /** It was gzipped on its own. */
  readonly isGzipped?: boolean;
  /** Position of the body in the archive. */
  readonly offset: number;
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

/** Header fields, each with the lines that continue it (RFC 5322, section 2.2). */
const fieldsPattern = /^(?:[!-9;-~]+:[^\r\n]*(?:\r\n?|\n|$)(?:[ \t][^\r\n]*(?:\r\n?|\n|$))*)*/;

/** Like cloud-init: a MIME archive begins with a header, with `mime-version:` near the beginning. */
export function isMime(content: Buffer): boolean {
  const beginning = content.toString('latin1', 0, 4096);
  return /^[!-9;-~]+:/.test(beginning) && /mime-version:/i.test(beginning);
}

/**
 * Reads a MIME archive, including nested ones, and finds the bodies that cloud-init finds: a header ends at the first
 * line that is not a field, with or without an empty line, and a line may end with a bare carriage return.
 *
 * @returns its bodies in order; `isCut` when the last boundary of the outer archive is missing.
 * @throws ImdsDecodeError
 */
export async function readMime(archive: Buffer): Promise<{ leaves: readonly Leaf[]; isCut: boolean }> {
  const read = await fieldReader();
  // Latin-1 keeps each byte, so positions in the text are positions in the bytes.
  const text = archive.toString('latin1');
  const leaves: Leaf[] = [];
  let begun = 0;

  /** Reads a part, or the archive itself; false when it lacks its last boundary. */
  function readPart(at: number, end: number, depth: number): boolean {
    begun += 1;
    if (begun > mostBegun) throw tooManyParts();
    const isBeforeBoundary = end < text.length;
    // Python, and so cloud-init, treats consecutive boundaries as one.
    if (at === end && isBeforeBoundary) return true;
    const { headEnd, bodyAt, lacksEmptyLine } = headAt(text, at, end);
    const { boundary, decode, ...fields } = read(archive.subarray(at, headEnd));
    const body = text.slice(bodyAt, end);
    if (boundary === undefined) {
      // The line break before a boundary belongs to it (RFC 2046, section 5.1.1).
      const [lineBreak = ''] = (isBeforeBoundary && /(?:\r?\n|\r)$/.exec(body.slice(-2))) || [];
      const content = decode(archive.subarray(bodyAt, end - lineBreak.length));
      leaves.push({ ...fields, content, offset: bodyAt, lacksEmptyLine });
      return true;
    }
    if (depth === maxDepth) throw undecodable(`The user data is MIME nested more than ${maxDepth} deep`);
    let partAt: number | undefined;
    for (const { 0: line, 1: isLast, index } of boundary === '' ? [] : body.matchAll(delimiterOf(boundary))) {
      if (partAt !== undefined) readPart(partAt, bodyAt + index, depth + 1);
      if (isLast) return true;
      partAt = bodyAt + index + line.length;
    }
    if (partAt !== undefined) readPart(partAt, end, depth + 1);
    return false;
  }

  const isCut = !readPart(0, text.length, 0);
  if (leaves.length === 0) throw undecodable('The user data is MIME, but has no parts');
  return { leaves, isCut };
}

/** The lines that begin a part of an archive, or end the last one. */
const delimiterOf = (boundary: string): RegExp =>
  new RegExp(`^--${boundary.replace(/\W/g, '\\$&')}(--)?[ \\t]*(?:\\r\\n?|\\n|$)`, 'gm');

/** Finds the end of a header, and the beginning of the body below it. */
function headAt(text: string, at: number, end: number) {
  const beginning = text.slice(at, Math.min(end, at + maxHeaderBytes + 2));
  const { length } = fieldsPattern.exec(beginning)?.[0] ?? '';
  const isCutShort = beginning.length > maxHeaderBytes && !/[\r\n]/.test(beginning.slice(length));
  if (length > maxHeaderBytes || isCutShort) throw undecodable('The user data is MIME, but cannot be read');
  const { length: emptyLine } = /^(?:\r\n?|\n)?/.exec(beginning.slice(length))?.[0] ?? '';
  const headEnd = at + length;
  return { headEnd, bodyAt: headEnd + emptyLine, lacksEmptyLine: emptyLine === 0 && headEnd < end };
}

/** Loads the parser of part headers. */
async function fieldReader() {
  const [{ default: libmime }, { decode: fromQuotedPrintable }] = await Promise.all([
    import('libmime'),
    import('libqp'),
  ]);
  const decoders: Readonly<Record<string, (body: Buffer) => Buffer>> = {
    // Node would read these two as base64url.
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
      // Empty if there is none (RFC 2046, section 5.1.1): then nothing below is a part.
      boundary: contentType.startsWith('multipart/') ? (/^[ -~]+$/.exec(boundary.trimEnd())?.[0] ?? '') : undefined,
      // RFC 2045, section 5.2.
      contentType: /^[^/]+\/[^/]+$/.test(contentType) ? contentType : undefined,
      name: nameIn(parsed('content-disposition'), 'filename') || nameIn(type, 'name') || undefined,
      isEncoded: decoder !== undefined,
      decode: decoder ?? ((body: Buffer) => body),
    };
  };
}
