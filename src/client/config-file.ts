import { parse } from 'ini';
import { codeOf, ImdsSettingsError } from '../errors.js';

/** Looks up a key; gives its text, and where it stands, in words. */
export type ConfigFile = (key: string) => { readonly text: string; readonly where: string } | undefined;

/**
 * One profile of AWS's shared config file. The first look-up reads the file, which may be missing. See "Shared config and
 * credentials files" in the AWS SDKs and Tools Reference Guide.
 *
 * @param file its path; default `~/.aws/config`
 * @param isRequired true when the profile was named by an option, so that it must exist
 */
export function configFile(file: string | undefined, profile: string, isRequired: boolean): ConfigFile {
  let path = '';
  let keys: Readonly<Record<string, unknown>> | undefined;
  return (key) => {
    if (!keys) {
      path = pathOf(file);
      keys = profileOf(read(path), profile);
      if (!keys && isRequired)
        throw new ImdsSettingsError(
          `option profile is ${JSON.stringify(profile)}: there is no such profile in ${path}`,
        );
      // AWS_PROFILE may name a profile of the credentials file alone.
      keys ??= {};
    }
    const text = keys[key];
    return text === undefined || text === ''
      ? undefined
      : { text: String(text), where: `profile ${profile} of ${path}` };
  };
}

function pathOf(file: string | undefined): string {
  const { homedir } = process.getBuiltinModule('node:os');
  const { join } = process.getBuiltinModule('node:path');
  return file ? file.replace(/^~(?=\/|$)/, homedir()) : join(homedir(), '.aws', 'config');
}

function read(path: string): string {
  try {
    // Imported, node:fs would load all of Node's streams with it, in programs that never come here.
    return process.getBuiltinModule('node:fs').readFileSync(path, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw new ImdsSettingsError(`the shared config file ${path} cannot be read (${code})`, {
      hint: 'Make it readable, or name another with AWS_CONFIG_FILE.',
      cause: error,
    });
  }
}

function profileOf(text: string, profile: string): Readonly<Record<string, unknown>> | undefined {
  // The parser takes a dot in a section name for nesting; in AWS's files it is part of the profile's name.
  const sections = parse(text.replace(/^\s*\[[^\]\n]*\]/gm, (header) => header.replaceAll('.', '\\.')));
  const isNamed = (title: string): boolean => /^profile\s/.test(title) && unquoted(title.slice(8)) === profile;
  const [, named] = Object.entries(sections).find(([title]) => isNamed(title)) ?? [];
  const found: unknown = named ?? (profile === 'default' ? sections['default'] : undefined);
  return typeof found === 'object' && found !== null ? { ...found } : undefined;
}

const unquoted = (name: string): string => name.trim().replace(/^(["'])(.*)\1$/, '$2');
