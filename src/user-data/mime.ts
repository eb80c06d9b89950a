import type { SplitterChunk } from '@zone-eu/mailsplit';
import { ImdsDecodeError } from '../errors.js';

const maxDepth = 16;
const maxHeaderBytes = 64 * 1024;

/** One body of a MIME archive, its transfer encoding undone. */
export interface Leaf {
  readonly content: Buffer;
  readonly contentType?: string | undefined;
  readonly name?: string | undefined;
}

type MimeNode = Extract<SplitterChunk, { type: 'node' }>;

/** The error for user data that cannot be decoded. Quotes nothing of it. */
export const undecodable = (message: string, cause?: unknown): ImdsDecodeError =>
  new ImdsDecodeError(message, {
    cause,
    hint: "Read the bytes instead: imds.getBuffer('user-data'), or imds user-data on the command line.",
  });

/** Like cloud-init: begins with a header, and `mime-version:` stands near the beginning. */
export function isMime(content: Buffer): boolean {
  const beginning = content.toString('latin1', 0, 4096);
  return isHeader(beginning) && /mime-version:/i.test(beginning);
}

/** RFC 5322, section 2.2: a name of visible characters, and a colon. */
const isHeader = (line: string): boolean => /^[!-9;-~]+:/.test(line);

/**
 * Reads a MIME archive, archives within it included.
 *
 * @returns its bodies in order; `isCut` when the last boundary of the outer archive is missing.
 * @throws ImdsDecodeError
 */
export async function readMime(archive: Buffer): Promise<{ leaves: Leaf[]; isCut: boolean }> {
  const bodies = new Map<MimeNode, Buffer[]>();
  let latest: Buffer[] = [];
  let isCut = false;
  for await (const chunk of split(archive)) {
    if (chunk.type === 'node') {
      checkNode(chunk);
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
    leaves.push({ content: await buffer(decoder), contentType: typeOf(node), name: node.filename || undefined });
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

function checkNode(node: MimeNode): void {
  if (depthOf(node) > maxDepth) throw undecodable(`The user data is MIME nested more than ${maxDepth} deep`);
  if (node.headers !== false && !node.headers.getList().every(({ line }) => line === '' || isHeader(line)))
    throw undecodable('The user data is MIME, but has a header without an empty line after it');
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
