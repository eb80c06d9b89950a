import { codeOf, ImdsSettingsError } from '../errors.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Keys = ReadonlyMap<string, string>;

/** A shared config file that is ignored, and the reason: a system code such as `EACCES`, or words. */
export interface LeftOut {
  readonly file: string;
  readonly why: string;
}

/**
 * The keys of one profile of AWS's shared config file; none if the file is missing, or if it is unreadable and neither
 * it nor the profile was named.
 *
 * @param env may name the file in `AWS_CONFIG_FILE`; default `~/.aws/config`
 * @param source the setting that names the profile, or `default`
 * @throws ImdsSettingsError when a named file is unreadable, or lacks the profile named by `option profile`
 */
export function readProfile(
  env: Environment,
  profile: string,
  source: string,
): { readonly keys: Keys; readonly file: string; readonly leftOut?: LeftOut } {
  const named = env['AWS_CONFIG_FILE'];
  let file = named || '~/.aws/config';
  let text: string | undefined;
  let cause: unknown;
  try {
    if (file === '~' || file.startsWith('~/')) file = homeOf(env) + file.slice(1);
    text = textOf(file);
  } catch (error) {
    cause = error;
  }
  if (text === undefined) {
    const why = cause === undefined ? 'not a text file in UTF-8' : (codeOf(cause) ?? 'not permitted');
    const namer = named ? 'AWS_CONFIG_FILE' : source;
    if (namer === 'default') return { keys: new Map(), file, leftOut: { file, why } };
    const hint = 'Make it readable, or name another with AWS_CONFIG_FILE.';
    const message = `${namer} is set, but the shared config file ${file} cannot be read (${why})`;
    throw new ImdsSettingsError(message, { hint, cause });
  }
  const keys = text ? profileIn(text, profile) : undefined;
  if (!keys && source === 'option profile')
    throw new ImdsSettingsError(`option profile is ${JSON.stringify(profile)}: there is no such profile in ${file}`);
  // AWS_PROFILE may name a profile of the credentials file alone.
  return { keys: keys ?? new Map(), file };
}

const homeOf = (env: Environment): string =>
  env['HOME'] || env['USERPROFILE'] || process.getBuiltinModule('node:os').homedir();

/** The text of a file: empty when it is missing, undefined when it is not text. Throws system errors. */
function textOf(file: string): string | undefined {
  // An import of node:fs would load all of Node's streams, even in programs that never get here.
  const { readFileSync, statSync } = process.getBuiltinModule('node:fs');
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    // Such as /dev/null.
    if (!stat || stat.isCharacterDevice()) return '';
    // Reading a FIFO would block until somebody writes to it.
    if (stat.isFIFO() || stat.isSocket()) return undefined;
    const bytes = readFileSync(file);
    return bytes.includes(0) ? undefined : bytes.toString();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return '';
    throw error;
  }
}

/**
 * The keys of a profile as the AWS SDK for JavaScript reads them; undefined without such a profile. `#` and `;` begin a
 * comment at the start of a line or after whitespace. Indented lines after a key without a value are nested, not the
 * profile's keys. Sections of one name are merged, the last of equal keys wins; `[profile default]` beats `[default]`.
 */
function profileIn(text: string, profile: string): Keys | undefined {
  const sections = new Map<string, Map<string, string>>();
  let section = '';
  let parent = '';
  for (const line of text.split(/\r?\n/)) {
    // trim() also removes a byte order mark from the first line.
    const [code = ''] = line.split(/(?:^|\s)[;#]/, 1).map((part) => part.trim());
    if (code.startsWith('[')) {
      const [, title = ''] = /^\[(.*)\]/.exec(code) ?? [];
      const [, , quoted, name = quoted] = /^profile\s+(?:(["'])(.*)\1|(\S+))\s*$/.exec(title) ?? [];
      section = name === undefined ? `other ${title}` : `profile ${name}`;
      sections.set(section, sections.get(section) ?? new Map());
      parent = '';
      continue;
    }
    const [, key, value] = /^([^=]+?)\s*=\s*(.*)$/s.exec(code) ?? [];
    if (key && !value) parent = `${key}.`;
    if (!key || !value) continue;
    if (!/^\s/.test(line)) parent = '';
    sections.get(section)?.set(parent + key, value);
  }
  const named = sections.get(`profile ${profile}`);
  return named?.size || profile !== 'default' ? named : (sections.get('other default') ?? named);
}
