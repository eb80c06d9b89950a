import { ImdsPathError } from '../errors.js';

/**
 * The path rule, the same everywhere: a leading `/` makes a path absolute; otherwise one that begins with `meta-data`,
 * `dynamic` or `user-data` is taken under `/latest/`, and anything else under `/latest/meta-data/`.
 *
 * @throws {@link ImdsPathError} for what would be read as something else on the way, or by the service.
 */
export function absolutePath(path: string): string {
  const flaw = typeof path === 'string' ? flawOf(path) : `is of type ${typeof path}`;
  if (flaw)
    throw new ImdsPathError(`the path ${typeof path === 'string' ? JSON.stringify(path) : 'given'} ${flaw}`, {
      hint: 'Give a path such as placement/region, dynamic/instance-identity/document or /latest/user-data.',
    });
  if (path.startsWith('/')) return path;
  return /^(meta-data|dynamic|user-data)(\/|$)/.test(path) ? `/latest/${path}` : `/latest/meta-data/${path}`;
}

/** What a URL would not carry unchanged to the service, in words. */
function flawOf(path: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return 'is a URL: expected a path alone';
  if (path === '') return 'is empty';
  if (path.startsWith('//')) return 'begins with a second slash';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(path)) return 'holds a control character';
  if (path.includes(' ')) return 'holds a space';
  if (/[?#]/.test(path)) return 'holds a query or fragment (? or #)';
  if (path.includes('\\')) return 'holds a backslash';
  // RFC 3986, section 3.3: the characters of a path. URL parsers encode some of the others, and leave some as they are.
  if (/[^\w.~!$&'()*+,;=:@%/-]/.test(path))
    return 'holds a character that is not one of a URL path: expected it percent-encoded';
  if (/%(?![0-9a-f]{2})/i.test(path)) return 'holds a % that encodes nothing';
  // A URL takes %2e for a dot, and an interceptor may take %2f and %5c for slashes.
  const segments = path
    .replace(/%2e/gi, '.')
    .replace(/%(2f|5c)/gi, '/')
    .split('/');
  if (segments.includes('..') || segments.includes('.')) return 'holds a . or .. segment';
  return /%(0[0-9a-f]|1[0-9a-f]|7f)/i.test(path) ? 'holds an encoded control character' : undefined;
}
