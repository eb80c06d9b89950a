import { ImdsPathError } from '../errors.js';

/**
 * The path rule, the same everywhere: a path with a leading `/` is absolute; one that begins with `meta-data`,
 * `dynamic` or `user-data` is relative to `/latest/`, and any other to `/latest/meta-data/`.
 *
 * @throws {@link ImdsPathError} for a path that would not reach the service unchanged.
 */
export function absolutePath(path: string): string {
  const isText = typeof path === 'string';
  // Patterns take time on first use, and hardly any path needs one.
  const isPlain = isText && /^\/?[\w:-]+(?:\/[\w:-]+)*\/?$/.test(path);
  const flaw = isText
    ? !isPlain && flaws.find(([pattern]) => pattern.test(path))?.[1]
    : `is of type ${typeof path}: expected a string`;
  if (flaw)
    throw new ImdsPathError(`the path ${isText ? JSON.stringify(path) : 'given'} ${flaw}`, {
      hint: 'Give a path such as placement/region, dynamic/instance-identity/document or /latest/user-data.',
    });
  if (path.startsWith('/')) return path;
  const isRooted = ['meta-data', 'dynamic', 'user-data'].includes(path.split('/', 1)[0] ?? '');
  return isRooted ? `/latest/${path}` : `/latest/meta-data/${path}`;
}

// Anything that a URL parser or a proxy would change, or that the service would read as another path.
const flaws: readonly (readonly [pattern: RegExp, flaw: string])[] = [
  [/^[a-z][a-z0-9+.-]*:\/\//i, 'is a URL: expected only its path'],
  [/^$/, 'is empty'],
  [/^\/\//, 'begins with a second slash'],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  [/[\x00-\x1f\x7f]/, 'contains a control character'],
  [/ /, 'contains a space'],
  [/[?#]/, 'contains a query or fragment (? or #)'],
  [/\\/, 'contains a backslash'],
  // RFC 3986, section 3.3.
  [/[^\w.~!$&'()*+,;=:@%/-]/, 'contains a character that is not allowed in a URL path: expected it percent-encoded'],
  [/%(?![0-9a-f]{2})/i, 'contains a % that encodes nothing'],
  // URL parsers read %2e as a dot, and a proxy may read %2f and %5c as slashes.
  [/(?:^|\/|%2f|%5c)(?:\.|%2e){1,2}(?:$|\/|%2f|%5c)/i, 'contains a . or .. segment'],
  [/%(?:0[0-9a-f]|1[0-9a-f]|7f)/i, 'contains an encoded control character'],
];
