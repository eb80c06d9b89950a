import { isKnown, nodeConfigType, type Piece } from './kinds.js';
import { isMime, type Leaf } from './mime.js';

/**
 * A problem that keeps user data, or a part of it, from working.
 * - `too-large`: over the 16 KB that EC2 accepts.
 * - `no-last-boundary`: the last boundary of the MIME archive is missing, so it may have been cut off.
 * - `blank-before-shebang`, `no-shebang`: a script that does not begin with `#!` cannot be executed.
 * - `carriage-return`: its first line ends with a bare carriage return, which becomes part of the interpreter's name.
 * - `byte-order-mark`: content that begins with one, or is in UTF-16, is not recognised.
 * - `blank-before-mime`: a MIME archive must begin with a header.
 * - `missing-empty-line`: it follows its MIME header without an empty line in between.
 * - `unclosed-tag`: `<powershell>` or `<script>` without its closing tag.
 * - `packed`: gzip, base64 or a MIME archive around something that the agent does not unpack.
 * - `media-type`: a `NodeConfig` in a MIME archive under a media type other than `application/node.eks.aws`.
 */
export type FlawName =
  | 'too-large'
  | 'no-last-boundary'
  | 'blank-before-shebang'
  | 'no-shebang'
  | 'carriage-return'
  | 'byte-order-mark'
  | 'blank-before-mime'
  | 'missing-empty-line'
  | 'unclosed-tag'
  | 'packed'
  | 'media-type';

/** A flaw of user data, and where it is. */
export interface Flaw {
  readonly flaw: FlawName;
  /** Line of the unpacked user data, counted from 1. */
  readonly line: number;
}

/** The packing around the parts. */
export interface Packing {
  readonly isBase64: boolean;
  readonly isGzipped: boolean;
  readonly isMime: boolean;
}

/** The flaws of a piece of a body. */
export function flawsOf(piece: Piece, leaf: Leaf, { isBase64, ...whole }: Packing): readonly FlawName[] {
  const { kind, content, isTemplate } = piece;
  const isGzipped = whole.isGzipped || leaf.isGzipped;
  const flaws: FlawName[] = leaf.lacksEmptyLine ? ['missing-empty-line'] : [];
  const beginning = content.toString('latin1', 0, 4096);
  // The kernel executes these by their first line.
  if (kind.startsWith('script') && !isTemplate) {
    if (/^\s+#!/.test(beginning)) flaws.push('blank-before-shebang');
    else if (!beginning.startsWith('#!')) flaws.push('no-shebang');
    else if (/^[^\r\n]*\r(?!\n)/.test(beginning)) flaws.push('carriage-return');
  }
  if (kind === 'unknown') {
    if (isKnownBelowMark(content)) flaws.push('byte-order-mark');
    else if (isMime(content.subarray(beginning.search(/\S|$/)))) flaws.push('blank-before-mime');
    else if (/<(?:script|powershell)>/i.test(content.toString('latin1'))) flaws.push('unclosed-tag');
    else if (isBase64Lines(content.toString('latin1'))) flaws.push('packed');
  }
  if (kind === 'eks-node-config' && whole.isMime && leaf.contentType !== nodeConfigType) flaws.push('media-type');
  const isPacked =
    (kind.startsWith('windows-') && (isBase64 || isGzipped || leaf.isEncoded)) ||
    (kind === 'ec2launch-tasks' && (isBase64 || isGzipped || whole.isMime)) ||
    ((kind === 'bottlerocket-settings' || kind === 'ignition') && (isBase64 || whole.isMime));
  if (isPacked) flaws.push('packed');
  return flaws;
}

/** True for something known in base64 with line breaks, as the program base64 prints it. */
const isBase64Lines = (text: string): boolean => /^[\w+/=\s]+$/.test(text) && isKnown(Buffer.from(text, 'base64'));

/** True for bytes that would be recognised without a byte order mark, or not in UTF-16. */
function isKnownBelowMark(content: Buffer): boolean {
  const mark = [...content.subarray(0, 3)];
  if (mark[0] === 0xff && mark[1] === 0xfe) return isKnown(Buffer.from(content.toString('utf16le').slice(1)));
  if (mark[0] === 0xfe && mark[1] === 0xff) return true;
  return String(mark) === '239,187,191' && isKnown(content.subarray(3));
}
