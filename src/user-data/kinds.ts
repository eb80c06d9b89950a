/**
 * What a part of user data is, and so who acts on it: cloud-init, by how the part begins or by the media type that a
 * MIME archive gives it; EC2Launch on Windows, by tags; nodeadm on nodes of Amazon EKS, by media type.
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
  /** `#cloud-boothook`: a script, run early, at every boot. */
  | 'boothook'
  /** `#cloud-config`: YAML. */
  | 'cloud-config'
  /** `#cloud-config-archive`: a YAML list of parts, given as it is. */
  | 'cloud-config-archive'
  /** `#cloud-config-jsonp`: a JSON patch. */
  | 'cloud-config-jsonp'
  /** `#include`: URLs of further user data, one a line. */
  | 'include'
  /** `#include-once`: the same, fetched only once per instance. */
  | 'include-once'
  /** `#part-handler`: Python code that handles a media type of its own. */
  | 'part-handler'
  /** A batch script: what stands between `<script>` and `</script>`. */
  | 'windows-script'
  /** A PowerShell script: what stands between `<powershell>` and `</powershell>`. */
  | 'windows-powershell'
  /** The YAML form of EC2Launch v2: `version: 1.0` and `tasks:`. */
  | 'ec2launch-tasks'
  /** A `NodeConfig` for nodeadm. */
  | 'eks-node-config'
  /** None of these: for a program of your own, or nothing that anyone acts on. */
  | 'unknown';

/** What some bytes are. */
export interface Piece {
  readonly kind: UserDataKind;
  readonly content: Buffer;
  /** A Jinja template. */
  readonly isTemplate?: boolean;
  /** A Windows script that runs at every start. */
  readonly persists?: boolean;
}

/** How cloud-init knows a kind. Longer ones come first, as one may begin with another. */
const beginnings: readonly (readonly [string, UserDataKind])[] = [
  ['#cloud-config-archive', 'cloud-config-archive'],
  ['#cloud-config-jsonp', 'cloud-config-jsonp'],
  ['#cloud-boothook', 'boothook'],
  ['#include-once', 'include-once'],
  ['#cloud-config', 'cloud-config'],
  ['#part-handler', 'part-handler'],
  ['#include', 'include'],
  ['#!', 'script'],
];
const templateBeginning = '## template: jinja';

/** The media types by which it goes in a MIME archive, and nodeadm's own. */
const kindsByType: ReadonlyMap<string, UserDataKind> = new Map([
  ['application/node.eks.aws', 'eks-node-config'],
  ['text/cloud-boothook', 'boothook'],
  ['text/cloud-config', 'cloud-config'],
  ['text/cloud-config-archive', 'cloud-config-archive'],
  ['text/cloud-config-jsonp', 'cloud-config-jsonp'],
  ['text/part-handler', 'part-handler'],
  ['text/x-include-once-url', 'include-once'],
  ['text/x-include-url', 'include'],
  ['text/x-shellscript', 'script'],
  ['text/x-shellscript-per-boot', 'script-per-boot'],
  ['text/x-shellscript-per-instance', 'script-per-instance'],
  ['text/x-shellscript-per-once', 'script-per-once'],
]);

/** Those that give way to how the part begins. */
const vagueTypes: ReadonlySet<string> = new Set(['text/plain', 'text/x-not-multipart', 'text/x-shellscript']);

/**
 * What some bytes are: one piece, or the scripts of Windows user data. They are looked at one by one as if they were
 * Latin-1, since everything that is looked for is ASCII, and positions remain those of the bytes.
 *
 * @param contentType as a MIME archive says, in lower case
 */
export function piecesOf(content: Buffer, contentType = 'text/plain'): readonly Piece[] {
  const text = content.toString('latin1');
  const isVague = vagueTypes.has(contentType);
  if (contentType === 'text/jinja2' || (isVague && beginningOf(text).startsWith(templateBeginning)))
    return [{ kind: kindByBeginning(belowFirstLine(text)) ?? 'unknown', content, isTemplate: true }];

  const kind = (isVague ? kindByBeginning(text) : undefined) ?? kindsByType.get(contentType);
  if (kind !== undefined) return [{ kind, content }];
  if (!isVague) return [{ kind: 'unknown', content }];

  const scripts = windowsScripts(text, content);
  return scripts.length > 0 ? scripts : [{ kind: kindOfYaml(text), content }];
}

/** The beginning as cloud-init compares it: blanks before it and capital letters do not matter. */
const beginningOf = (text: string): string => text.slice(text.search(/\S|$/)).slice(0, 32).toLowerCase();

function kindByBeginning(text: string): UserDataKind | undefined {
  const beginning = beginningOf(text);
  return beginnings.find(([header]) => beginning.startsWith(header))?.[1];
}

const belowFirstLine = (text: string): string => text.slice(text.indexOf('\n', text.search(/\S|$/)) + 1);

/** The scripts within tags. An opening tag without its closing one opens nothing. */
function windowsScripts(text: string, content: Buffer): Piece[] {
  // Lengths stay: every capital letter of Latin-1 has a small one there.
  const lower = text.toLowerCase();
  const persists = /<persist>\s*true\s*<\/persist>/.test(lower);
  const scripts: Piece[] = [];
  const unclosed = new Set<string>();
  let end = 0;
  for (const { 0: tag, 1: name = '', index } of lower.matchAll(/<(script|powershell)>/g)) {
    if (index < end || unclosed.has(name)) continue;
    const start = index + tag.length;
    const closing = lower.indexOf(`</${name}>`, start);
    if (closing === -1) {
      unclosed.add(name);
      continue;
    }
    const kind = name === 'script' ? 'windows-script' : 'windows-powershell';
    scripts.push({ kind, content: content.subarray(start, closing), persists });
    end = closing;
  }
  return scripts;
}

/** Comments may come before the first key. */
function kindOfYaml(text: string): UserDataKind {
  if (/^apiVersion:[ \t]*["']?node\.eks\.aws\//m.test(text)) return 'eks-node-config';
  const isTasks = /^(?:\s|#.*\n|---)*version:[ \t]*["']?1\./.test(text.slice(0, 4096)) && /^tasks:/m.test(text);
  return isTasks ? 'ec2launch-tasks' : 'unknown';
}
