import { isMime, maxParts } from './mime.js';

/**
 * The kind of a part of user data, which decides what handles it: cloud-init, by the first line or the media type in a
 * MIME archive; EC2Launch on Windows, by tags; nodeadm on Amazon EKS nodes, by media type; Bottlerocket, Ignition: as
 * a whole.
 *
 * @see https://docs.cloud-init.io/en/latest/explanation/format/index.html
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
 */
export type UserDataKind =
  /** Begins with `#!`; run once per instance. */
  | 'script'
  | 'script-per-boot'
  | 'script-per-instance'
  | 'script-per-once'
  /** `#cloud-boothook`: a script, run early at every boot. */
  | 'boothook'
  /** `#cloud-config`: YAML. */
  | 'cloud-config'
  /** `#cloud-config-archive`: a YAML list of parts, not split here. */
  | 'cloud-config-archive'
  /** `#cloud-config-jsonp`: a JSON patch. */
  | 'cloud-config-jsonp'
  /** `#include`: URLs of more user data, one per line. */
  | 'include'
  /** `#include-once`: the same, fetched once per instance. */
  | 'include-once'
  /** `#part-handler`: Python code for a custom media type. */
  | 'part-handler'
  /** A batch script, between `<script>` and `</script>`. */
  | 'windows-script'
  /** A PowerShell script, between `<powershell>` and `</powershell>`. */
  | 'windows-powershell'
  /** The YAML form of EC2Launch v2: `version: 1.0` and `tasks:`. */
  | 'ec2launch-tasks'
  /** A `NodeConfig` for nodeadm. */
  | 'eks-node-config'
  /** Settings of Bottlerocket: TOML with a table `settings`. */
  | 'bottlerocket-settings'
  /** A config for Ignition, as on Fedora CoreOS and Flatcar: JSON with `ignition.version`. */
  | 'ignition'
  /** None of these: nothing handles it, except a program of your own. */
  | 'unknown';

/** Bytes of one kind. */
export interface Piece {
  readonly kind: UserDataKind;
  readonly content: Buffer;
  /** Where it begins in the bytes. */
  readonly offset?: number;
  /** A Jinja template. */
  readonly isTemplate?: boolean;
  /** A Windows script that runs at every start. */
  readonly persists?: boolean;
}

/** The kinds cloud-init knows, by media type and by first line. Longer lines come first: some are prefixes. */
const cloudInitKinds: readonly (readonly [kind: UserDataKind, mediaType: string, firstLine?: string])[] = [
  ['cloud-config-archive', 'text/cloud-config-archive', '#cloud-config-archive'],
  ['cloud-config-jsonp', 'text/cloud-config-jsonp', '#cloud-config-jsonp'],
  ['boothook', 'text/cloud-boothook', '#cloud-boothook'],
  ['include-once', 'text/x-include-once-url', '#include-once'],
  ['cloud-config', 'text/cloud-config', '#cloud-config'],
  ['part-handler', 'text/part-handler', '#part-handler'],
  ['include', 'text/x-include-url', '#include'],
  ['script', 'text/x-shellscript', '#!'],
  ['script-per-boot', 'text/x-shellscript-per-boot'],
  ['script-per-instance', 'text/x-shellscript-per-instance'],
  ['script-per-once', 'text/x-shellscript-per-once'],
];
/** nodeadm's media type. */
export const nodeConfigType = 'application/node.eks.aws';
const templateBeginning = '## template: jinja';

/** True for kinds that cloud-init handles. */
export const isForCloudInit = (kind: UserDataKind): boolean => cloudInitKinds.some(([known]) => known === kind);

/** Media types that the first line overrides. */
const vagueTypes: ReadonlySet<string> = new Set(['text/plain', 'text/x-not-multipart', 'text/x-shellscript']);

/**
 * Recognises one piece, or each script of Windows user data. Reads the bytes as Latin-1, so that positions in the text are
 * positions of the bytes; everything searched for is ASCII.
 *
 * @param contentType from the MIME archive, in lower case
 */
export function piecesOf(content: Buffer, contentType = 'text/plain'): readonly Piece[] {
  const text = content.toString('latin1');
  const isVague = vagueTypes.has(contentType);
  if (contentType === 'text/jinja2' || (isVague && beginningOf(text).startsWith(templateBeginning)))
    return [{ kind: kindByBeginning(belowFirstLine(text)) ?? 'unknown', content, isTemplate: true }];

  const kind = (isVague ? kindByBeginning(text) : undefined) ?? kindByType(contentType);
  if (kind !== undefined) return [{ kind, content }];
  if (!isVague) return [{ kind: 'unknown', content }];

  const scripts = windowsScripts(text, content);
  return scripts.length > 0 ? scripts : [{ kind: kindOfDocument(text, content), content }];
}

/** True for anything of a known kind, gzip, or an archive. */
export const isKnown = (content: Buffer): boolean =>
  isGzip(content) || isMime(content) || piecesOf(content).some(({ kind }) => kind !== 'unknown');

/** The beginning as cloud-init compares it: without leading whitespace, in lower case. */
const beginningOf = (text: string): string => text.slice(text.search(/\S|$/)).slice(0, 32).toLowerCase();

/** RFC 1952, section 2.3.1: the magic number and deflate, its only method. */
export const isGzip = (content: Buffer): boolean => content[0] === 0x1f && content[1] === 0x8b && content[2] === 0x08;

function kindByBeginning(text: string): UserDataKind | undefined {
  const beginning = beginningOf(text);
  return cloudInitKinds.find(([, , line]) => line !== undefined && beginning.startsWith(line))?.[0];
}

const kindByType = (contentType: string): UserDataKind | undefined =>
  contentType === nodeConfigType ? 'eks-node-config' : cloudInitKinds.find(([, type]) => type === contentType)?.[0];

const belowFirstLine = (text: string): string => text.slice(text.indexOf('\n', text.search(/\S|$/)) + 1);

/** The scripts between tags. An opening tag that is never closed is ignored. */
function windowsScripts(text: string, content: Buffer): Piece[] {
  // Keeps the length: lower-case Latin-1 is Latin-1.
  const lower = text.toLowerCase();
  const persists = /<persist>\s*true\s*<\/persist>/.test(lower);
  const lastClosing = new Map(['script', 'powershell'].map((name) => [name, lower.lastIndexOf(`</${name}>`)]));
  const scripts: Piece[] = [];
  let end = 0;
  for (const { 0: tag, 1: name = '', index } of lower.matchAll(/<(script|powershell)>/g)) {
    if (index < end || index > (lastClosing.get(name) ?? 0)) continue;
    const offset = index + tag.length;
    end = lower.indexOf(`</${name}>`, offset);
    const kind = name === 'script' ? 'windows-script' : 'windows-powershell';
    if (scripts.push({ kind, content: content.subarray(offset, end), persists, offset }) > maxParts) break;
  }
  return scripts;
}

/** YAML, TOML or JSON; comments may come before the first key. */
function kindOfDocument(text: string, content: Buffer): UserDataKind {
  // An archive behind whitespace or a byte order mark is none of these, whatever it contains.
  if (isMime(content.subarray(text.search(/[!-~]|$/)))) return 'unknown';
  if (/^apiVersion:[ \t]*["']?node\.eks\.aws\//m.test(text)) return 'eks-node-config';
  const beginning = text.slice(0, 4096);
  const isTasks = /^(?:\s|#.*\n|---)*version:[ \t]*["']?1\./.test(beginning) && /^tasks:/m.test(text);
  if (isTasks) return 'ec2launch-tasks';
  if (/^(?:[ \t]*(?:#.*)?\r?\n)*[ \t]*(?:\[\s*settings\s*[.\]]|settings[ \t]*\.)/.test(beginning))
    return 'bottlerocket-settings';
  return isIgnition(text) ? 'ignition' : 'unknown';
}

function isIgnition(text: string): boolean {
  if (!/^\s*\{/.test(text) || !text.includes('"version"')) return false;
  try {
    const { ignition } = JSON.parse(text);
    return typeof ignition?.version === 'string';
  } catch {
    return false;
  }
}
