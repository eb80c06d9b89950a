import type { SplitterChunk } from '@zone-eu/mailsplit';
import { ImdsDecodeError } from '../errors.js';
import { type Head, separateHeaders } from './headers.js';

const maxDepth = 16;
const maxHeaderBytes = 64 * 1024;

/** One body of a MIME archive, its transfer encoding undone. */
export interface Leaf extends Partial<Head> {
  readonly content: Buffer;
  readonly contentType?: string | undefined;
  readonly name?: string | undefined;
  /** It was in base64 or quoted-printable. */
  readonly isEncoded?: boolean;
}

type MimeNode = Extract<SplitterChunk, { type: 'node' }>;

/** The error for user data that cannot be decoded. Quotes nothing of it. */
export const undecodable = (message: string, cause?: unknown): ImdsDecodeError =>
  new ImdsDecodeError(message, {
    cause,
    hint: "Read the bytes instead: imds.getBuffer('user-data'), or imds user-data on the command line.",
  });

/**
 * Reads a MIME archive, archives within it included.
 *
 * @returns its bodies in order; `isCut` when the last boundary of the outer archive is missing.
 * @throws ImdsDecodeError
 */
export async function readMime(served: Buffer): Promise<{ leaves: Leaf[]; isCut: boolean }> {
  const { archive, heads } = separateHeaders(served);
  const headOf = new Map<MimeNode, Head | undefined>();
  const bodies = new Map<MimeNode, Buffer[]>();
  let latest: Buffer[] = [];
  let isCut = false;
  for await (const chunk of split(archive)) {
    if (chunk.type === 'node') {
      if (depthOf(chunk) > maxDepth) throw undecodable(`The user data is MIME nested more than ${maxDepth} deep`);
      headOf.set(chunk, heads[headOf.size]);
      if (chunk.multipart === false) bodies.set(chunk, []);
      else isCut = true;
    } else if (chunk.type === 'body') {
      latest = bodies.get(chunk.node) ?? [];
      latest.push(chunk.value);
    } else {
      // The line break before a boundary belongs to it (RFC 2046, section 5.1.1); after an empty body mailsplit keeps it.
      if (chunk.value[0] === 0x2d && /^\r?\n$/.test(latest.join(''))) latest.pop();
      latest = [];
      if (chunk.node.root && hasLastBoundary(chunk.value, chunk.node)) isCut = false;
    }
  }
  if (bodies.size === 0) throw undecodable('The user data is MIME, but has no parts');

  const { buffer } = await import('node:stream/consumers');
  const leaves: Leaf[] = [];
  for (const [node, chunks] of bodies) {
    const decoder = node.getDecoder();
    decoder.end(Buffer.concat(chunks));
    leaves.push({
      ...headOf.get(node),
      content: await buffer(decoder),
      contentType: typeOf(node),
      name: node.filename || undefined,
      isEncoded: /^(?:base64|quoted-printable)$/i.test(node.encoding || ''),
    });
  }
  return { leaves, isCut };
}

/** mailsplit's chunks: it alters no byte. */
async function* split(archive: Buffer): AsyncGenerator<SplitterChunk> {
  // Bundlers give a CommonJS package a default export only.
  const { default: mailsplit } = await import('@zone-eu/mailsplit');
  const splitter = new mailsplit.Splitter({ ignoreEmbedded: true, maxHeadSize: maxHeaderBytes });
  splitter.end(archive);
  try {
    yield* splitter;
  } catch {
    throw undecodable('The user data is MIME, but cannot be read');
  }
}

const depthOf = ({ parentNode }: MimeNode): number => (parentNode === false ? 0 : 1 + depthOf(parentNode));

const hasLastBoundary = (lines: Buffer, { _boundary: boundary }: MimeNode): boolean =>
  lines
    .toString()
    .split('\n')
    .some((line) => line.trimEnd() === `--${boundary}--`);

/** The media type a node states, if it has the form of one (RFC 2045, section 5.2); mailsplit would guess another. */
function typeOf({ headers, contentType }: MimeNode): string | undefined {
  if (headers === false || contentType === false) return undefined;
  return headers.hasHeader('content-type') && /^[^/]+\/[^/]+$/.test(contentType) ? contentType : undefined;
}
