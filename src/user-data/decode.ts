import { isUtf8 } from 'node:buffer';
import { codeOf, ImdsSettingsError } from '../errors.js';
import { type Flaw, flawsOf, type Packing } from './flaws.js';
import { isGzip, isKnown, type Piece, piecesOf, type UserDataKind } from './kinds.js';
import { isMime, type Leaf, maxParts, readMime, tooManyParts, undecodable } from './mime.js';

export type { Flaw as UserDataFlaw } from './flaws.js';
export type { UserDataKind } from './kinds.js';

/** One part of user data. `console.log` shows only its kind and size. */
export interface UserDataPart {
  readonly kind: UserDataKind;
  /** Media type from the MIME archive, in lower case, such as `text/x-shellscript`. */
  readonly contentType: string | undefined;
  /** File name from the MIME archive, such as `setup.sh`. Do not trust it as a path. */
  readonly name: string | undefined;
  /** The bytes, with transfer encoding and gzip decoded. */
  readonly content: Uint8Array;
  /** The content as text; `undefined` when it is not UTF-8. A charset in the archive is ignored, as cloud-init does. */
  readonly text: string | undefined;
  /** This part was gzipped on its own. */
  readonly isGzipped: boolean;
  /** A Jinja template, which cloud-init renders first; `kind` comes from its second line. */
  readonly isTemplate: boolean;
  /** A Windows script that runs at every start, not only the first: `<persist>true</persist>`. */
  readonly persists: boolean;
  /** Line of the unpacked user data where it begins, counted from 1. */
  readonly line: number;
  /** Reasons that it may not work; empty if none were found. {@link checkUserData} says what happens to it. */
  readonly flaws: readonly Flaw[];
}

/** Decoded user data. It is secret: `console.log` shows only kinds and sizes. */
export interface UserData {
  /** The bytes as served. */
  readonly raw: Uint8Array;
  /** It was base64 on top of the base64 that EC2 itself decodes. */
  readonly isBase64: boolean;
  /** It was gzipped as a whole. */
  readonly isGzipped: boolean;
  /** It is a MIME archive. */
  readonly isMime: boolean;
  /** The MIME archive lacks its last boundary: omitted, or cut off. cloud-init reads it all the same. */
  readonly isCut: boolean;
  /** Flaws of the whole; each part has its own. */
  readonly flaws: readonly Flaw[];
  /** In the order of the user data. */
  readonly parts: readonly UserDataPart[];
}

// EC2 accepts 16 KB. Gzip could expand that to 16 MB, but real user data unpacks to a few hundred KB.
const largestUserData = 16 * 1024;
const maxBytes = 2 ** 20;

/**
 * Decodes user data: unpacks base64 and gzip, opens MIME archives and recognises each part.
 *
 * @param raw the bytes served at `/latest/user-data`.
 * @throws ImdsDecodeError when it is over 1 MiB or unpacks to more in all, when gzip is broken, when a MIME archive is
 *   unreadable or nested more than 16 deep, and for more than 256 parts. The error quotes nothing of the user data.
 * @example
 * const { parts } = await decodeUserData(await imds.getBuffer('user-data'));
 * const script = parts.find(({ kind }) => kind === 'script')?.text;
 */
export async function decodeUserData(raw: Uint8Array): Promise<UserData> {
  const gunzip = unpacker();
  // Never quoted back, as user data may contain secrets.
  if (!ArrayBuffer.isView(raw))
    throw new ImdsSettingsError(`user data is of type ${typeof raw}: expected a Uint8Array, as from getBuffer()`);
  const served = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  if (served.length > maxBytes) throw undecodable('The user data is larger than 1 MiB');
  const decoded = fromBase64(served);
  const packed = decoded ?? served;
  const isGzipped = isGzip(packed);
  const whole = isGzipped ? await gunzip(packed, 'The user data') : packed;
  const archive = isMime(whole) ? await readMime(whole) : undefined;

  const packing = { isBase64: decoded !== undefined, isGzipped, isMime: archive !== undefined };
  const isCut = archive?.isCut ?? false;
  const lineOf = lineCounter(whole);
  const parts: UserDataPart[] = [];
  for (const leaf of archive?.leaves ?? [{ content: whole, offset: 0 }]) {
    const saysGzip = gzipType.test(leaf.contentType ?? '');
    const isGzipped = saysGzip || isGzip(leaf.content);
    const content = isGzipped ? await gunzip(leaf.content, 'A part of the user data') : leaf.content;
    for (const piece of piecesOf(content, saysGzip ? undefined : leaf.contentType)) {
      // Lines of unpacked content are not lines of the archive.
      const line = lineOf(leaf.offset + (leaf.isEncoded || isGzipped ? 0 : (piece.offset ?? 0)));
      parts.push(partOf(piece, { ...leaf, isGzipped }, packing, line));
    }
    if (parts.length > maxParts) throw tooManyParts();
  }
  const flaws: Flaw[] = [];
  if (raw.length > largestUserData) flaws.push({ flaw: 'too-large', line: 1 });
  if (isCut) flaws.push({ flaw: 'no-last-boundary', line: lineOf(whole.length) });
  const shown = { ...packing, isCut, flaws: frozen(flaws), parts: Object.freeze(parts) };
  const list = parts.map(({ kind, content }) => `${kind} (${content.length} bytes)`).join(', ');
  return withSecrets(shown, { raw }, `UserData { size: ${raw.length}, parts: [ ${list} ] }`);
}

function partOf(piece: Piece, leaf: Leaf, whole: Packing, line: number): UserDataPart {
  const { kind, content, isTemplate = false, persists = false } = piece;
  const { contentType, name, isGzipped = false } = leaf;
  const secrets = {
    content,
    get text() {
      return isUtf8(content) ? content.toString() : undefined;
    },
  };
  const flaws = frozen(flawsOf(piece, leaf, whole).map((flaw) => ({ flaw, line })));
  const shown = { kind, contentType, name, isGzipped, isTemplate, persists, line, flaws };
  return withSecrets(shown, secrets, `UserDataPart { kind: '${kind}', size: ${content.length} }`);
}

const frozen = (flaws: readonly Flaw[]): readonly Flaw[] => Object.freeze(flaws.map((flaw) => Object.freeze(flaw)));

/** A frozen object whose secrets are not enumerable, so that JSON and copies lack them; inspection shows the summary. */
function withSecrets<Shown extends object, Secrets extends object>(
  shown: Shown,
  secrets: Secrets,
  summary: string,
): Shown & Secrets {
  const inspection = Symbol.for('nodejs.util.inspect.custom');
  for (const name of Object.keys(secrets)) Object.defineProperty(secrets, name, { enumerable: false });
  Object.defineProperty(secrets, inspection, { value: () => summary });
  return Object.freeze(Object.assign(secrets, shown));
}

/** Decodes only to something known, since many plain words are base64. Line breaks prevent it, as in cloud-init. */
function fromBase64(content: Buffer): Buffer | undefined {
  const text = content.toString('latin1');
  const decoded = Buffer.from(text, 'base64');
  if (decoded.toString('base64') !== text) return undefined;
  return isKnown(decoded) ? decoded : undefined;
}

/** Returns the line of a position, counted from 1, for ascending positions. */
function lineCounter(content: Buffer): (offset: number) => number {
  let [line, at] = [1, 0];
  return (offset) => {
    // A line ends with a newline, a carriage return, or both.
    for (; at < offset; at += 1)
      if (content[at] === 0x0a || (content[at] === 0x0d && content[at + 1] !== 0x0a)) line += 1;
    return line;
  };
}

/** The media types that cloud-init unpacks. */
const gzipType = /^application\/(?:gzip|x-gzip|x-gunzip|x-compress)/;

/** A gunzip that refuses to unpack more than 1 MiB over all its calls. */
function unpacker() {
  let left = maxBytes;
  return async (packed: Buffer, subject: string): Promise<Buffer> => {
    const [{ gunzip }, { promisify }] = await Promise.all([import('node:zlib'), import('node:util')]);
    try {
      const unpacked = await promisify(gunzip)(packed, { maxOutputLength: left });
      left -= unpacked.length;
      return unpacked;
    } catch (error) {
      if (left === 0 || codeOf(error) === 'ERR_BUFFER_TOO_LARGE')
        throw undecodable('The user data unpacks to more than 1 MiB');
      throw undecodable(`${subject} is gzip, but broken`, error);
    }
  };
}
