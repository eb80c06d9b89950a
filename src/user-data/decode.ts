import { isUtf8 } from 'node:buffer';
import type { SplitterChunk } from '@zone-eu/mailsplit';
import { codeOf, ImdsDecodeError } from '../errors.js';
import { piecesOf, type UserDataKind } from './kinds.js';

export type { UserDataKind } from './kinds.js';

/** One part of user data. `console.log` shows its kind and size only. */
export interface UserDataPart {
  readonly kind: UserDataKind;
  /** Media type that the MIME archive gives it, in lower case, such as `text/x-shellscript`. */
  readonly contentType: string | undefined;
  /** Name that the MIME archive gives it, such as `setup.sh`. Not to be trusted as a path. */
  readonly name: string | undefined;
  /** The bytes, with transfer encoding and gzip undone. */
  readonly content: Uint8Array;
  /** The content as text; `undefined` when it is not UTF-8. A charset that the archive names is ignored, as by cloud-init. */
  readonly text: string | undefined;
  /** It was compressed by itself. */
  readonly isGzipped: boolean;
  /** A Jinja template, which cloud-init fills in first; `kind` is what its second line makes it. */
  readonly isTemplate: boolean;
  /** A Windows script that runs at every start, not only the first: `<persist>true</persist>`. */
  readonly persists: boolean;
}

/** User data, decoded. It is secret: `console.log` shows kinds and sizes only. */
export interface UserData {
  /** The bytes as served. */
  readonly raw: Uint8Array;
  /** It was base64 once more than EC2 undoes by itself. */
  readonly isBase64: boolean;
  /** It was compressed as a whole. */
  readonly isGzipped: boolean;
  /** It is a MIME archive. */
  readonly isMime: boolean;
  /** The MIME archive ends without its last boundary, forgotten or cut off. cloud-init does not mind. */
  readonly isCut: boolean;
  /** In the order of the user data. */
  readonly parts: readonly UserDataPart[];
}

// EC2 takes 16 KB. Gzip can make 16 MB of that, but of what people write it makes a few hundred KB.
const maxUnpackedBytes = 4 * 2 ** 20;
const maxParts = 256;
const maxDepth = 16;
const maxHeaderBytes = 64 * 1024;

/**
 * Decodes user data: undoes base64 and gzip, opens a MIME archive, and tells what each part is.
 *
 * @param raw the bytes that the metadata service has at `/latest/user-data`
 * @throws ImdsDecodeError for gzip that is broken or unpacks to more than 4 MiB in all, for a MIME archive that cannot
 *   be read or is nested more than 16 deep, and for more than 256 parts. It quotes nothing of the user data.
 * @example
 * const { parts } = await decodeUserData(await imds.getBuffer('user-data'));
 * const script = parts.find(({ kind }) => kind === 'script')?.text;
 */
export async function decodeUserData(raw: Uint8Array): Promise<UserData> {
  const gunzip = unpacker();
  const served = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const decoded = fromBase64(served);
  const packed = decoded ?? served;
  const isGzipped = isGzip(packed);
  const whole = isGzipped ? await gunzip(packed, 'The user data') : packed;
  const archive = isMime(whole) ? await readMime(whole) : undefined;
  const leaves = archive?.leaves ?? [{ content: whole }];

  const parts: UserDataPart[] = [];
  for (const { content, contentType, name } of leaves) {
    const saysGzip = contentType !== undefined && gzipType.test(contentType);
    const isGzipped = saysGzip || isGzip(content);
    const unpacked = isGzipped ? await gunzip(content, 'A part of the user data') : content;
    for (const piece of piecesOf(unpacked, saysGzip ? undefined : contentType))
      parts.push(new Part({ isTemplate: false, persists: false, ...piece, contentType, name, isGzipped }));
    if (parts.length > maxParts) throw undecodable(`The user data has more than ${maxParts} parts`);
  }
  const isBase64 = decoded !== undefined;
  return new Decoded({
    raw,
    isBase64,
    isGzipped,
    isMime: archive !== undefined,
    isCut: archive?.isCut ?? false,
    parts,
  });
}

const inspection = Symbol.for('nodejs.util.inspect.custom');

// Bytes and texts are private, behind accessors, so that neither inspection nor JSON comes upon them by itself.

class Part implements UserDataPart {
  readonly kind: UserDataKind;
  readonly contentType: string | undefined;
  readonly name: string | undefined;
  readonly isGzipped: boolean;
  readonly isTemplate: boolean;
  readonly persists: boolean;
  readonly #content: Buffer;
  #text: string | undefined;

  constructor(part: Omit<UserDataPart, 'content' | 'text'> & { readonly content: Buffer }) {
    this.kind = part.kind;
    this.contentType = part.contentType;
    this.name = part.name;
    this.isGzipped = part.isGzipped;
    this.isTemplate = part.isTemplate;
    this.persists = part.persists;
    this.#content = part.content;
    Object.freeze(this);
  }

  get content(): Uint8Array {
    return this.#content;
  }

  get text(): string | undefined {
    this.#text ??= isUtf8(this.#content) ? this.#content.toString('utf8') : undefined;
    return this.#text;
  }

  [inspection](): string {
    return `UserDataPart { kind: '${this.kind}', size: ${this.#content.length} }`;
  }
}

class Decoded implements UserData {
  readonly isBase64: boolean;
  readonly isGzipped: boolean;
  readonly isMime: boolean;
  readonly isCut: boolean;
  readonly parts: readonly UserDataPart[];
  readonly #raw: Uint8Array;

  constructor(userData: UserData) {
    this.isBase64 = userData.isBase64;
    this.isGzipped = userData.isGzipped;
    this.isMime = userData.isMime;
    this.isCut = userData.isCut;
    this.parts = Object.freeze(userData.parts);
    this.#raw = userData.raw;
    Object.freeze(this);
  }

  get raw(): Uint8Array {
    return this.#raw;
  }

  [inspection](): string {
    const parts = this.parts.map(({ kind, content }) => `${kind} (${content.length} bytes)`);
    return `UserData { size: ${this.#raw.length}, parts: [ ${parts.join(', ')} ] }`;
  }
}

const undecodable = (message: string, cause?: unknown): ImdsDecodeError =>
  new ImdsDecodeError(message, {
    cause,
    hint: "The bytes are to be had all the same: imds.getBuffer('user-data'), or imds user-data on the command line.",
  });

/** Undone if something known comes of it, since many a plain word is base64; without line breaks, as by cloud-init. */
function fromBase64(content: Buffer): Buffer | undefined {
  const text = content.toString('latin1');
  const decoded = Buffer.from(text, 'base64');
  if (decoded.toString('base64') !== text) return undefined;
  return isGzip(decoded) || isMime(decoded) || piecesOf(decoded).some(({ kind }) => kind !== 'unknown')
    ? decoded
    : undefined;
}

/** RFC 1952, section 2.3.1: the magic number and deflate, the only method there is. */
const isGzip = (content: Buffer): boolean => content[0] === 0x1f && content[1] === 0x8b && content[2] === 0x08;

/** The media types that cloud-init unpacks. */
const gzipType = /^application\/(?:gzip|x-gzip|x-gunzip|x-compress)/;

/** What undoes gzip, until all that came of it together is too much. */
function unpacker(): (packed: Buffer, what: string) => Promise<Buffer> {
  let left = maxUnpackedBytes;
  return async (packed, what) => {
    const [{ gunzip }, { promisify }] = await Promise.all([import('node:zlib'), import('node:util')]);
    try {
      const unpacked = await promisify(gunzip)(packed, { maxOutputLength: left });
      left -= unpacked.length;
      return unpacked;
    } catch (error) {
      if (left === 0 || codeOf(error) === 'ERR_BUFFER_TOO_LARGE')
        throw undecodable('The user data unpacks to more than 4 MiB');
      throw undecodable(`${what} is gzip, but broken`, error);
    }
  };
}

/** By `mime-version:` near the beginning, as cloud-init tells; what does not begin with a header is one text for it too. */
function isMime(content: Buffer): boolean {
  const beginning = content.toString('latin1', 0, 4096);
  return isHeader(beginning) && /mime-version:/i.test(beginning);
}

/** RFC 5322, section 2.2: a name of visible characters, and a colon. */
const isHeader = (line: string): boolean => /^[!-9;-~]+:/.test(line);

type MimeNode = Extract<SplitterChunk, { type: 'node' }>;

/** What a MIME archive holds: bytes without their transfer encoding, and what their headers say. */
interface Leaf {
  readonly content: Buffer;
  readonly contentType?: string | undefined;
  readonly name?: string | undefined;
}

async function readMime(archive: Buffer): Promise<{ leaves: Leaf[]; isCut: boolean }> {
  const bodies = new Map<MimeNode, Buffer[]>();
  let latest: Buffer[] = [];
  let isCut = false;
  for await (const chunk of split(archive)) {
    if (chunk.type === 'node') {
      if (depthOf(chunk) > maxDepth) throw undecodable(`The user data is MIME nested more than ${maxDepth} deep`);
      if (chunk.headers !== false && !chunk.headers.getList().every(({ line }) => line === '' || isHeader(line)))
        throw undecodable('The user data is MIME, but has a header without an empty line after it');
      if (chunk.multipart === false) bodies.set(chunk, []);
      else isCut = true;
    } else if (chunk.type === 'body') {
      latest = bodies.get(chunk.node) ?? [];
      latest.push(chunk.value);
    } else {
      // The line break before a boundary belongs to it (RFC 2046, section 5.1.1). After an empty body the parser forgets that.
      if (chunk.value[0] === 0x2d && /^\r?\n$/.test(latest.join(''))) latest.pop();
      latest = [];
      if (chunk.node.root && closes(chunk.value, chunk.node)) isCut = false;
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

/** The nodes of an archive, and their bodies in pieces; by a parser that alters no byte. */
async function* split(archive: Buffer): AsyncGenerator<SplitterChunk> {
  // Bundlers give what is CommonJS a default export only.
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

/** Whether a last boundary is among these lines around the parts. */
function closes(lines: Buffer, { _boundary: boundary }: MimeNode): boolean {
  return lines
    .toString()
    .split('\n')
    .some((line) => line.trimEnd() === `--${boundary}--`);
}

/** RFC 2045, section 5.2: what has not the form of a media type is none. Where there is none, the parser would guess. */
function typeOf({ headers, contentType }: MimeNode): string | undefined {
  if (headers === false || contentType === false) return undefined;
  return headers.hasHeader('content-type') && /^[^/]+\/[^/]+$/.test(contentType) ? contentType : undefined;
}
