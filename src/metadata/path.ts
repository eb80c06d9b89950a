import { ImdsPathError } from '../errors.js';

/**
 * The path rule, the same everywhere: a leading `/` makes a path absolute; otherwise one that begins with `meta-data`,
 * `dynamic` or `user-data` is taken under `/latest/`, and anything else under `/latest/meta-data/`.
 *
 * @throws {@link ImdsPathError} for a path that would not reach the service as it is given.
 */
export function absolutePath(path: string): string {
  const isText = typeof path === 'string';
  // Each pattern takes time when it is first used, and nearly no path needs one.
  const isPlain = isText && /^\/?[\w:-]+(?:\/[\w:-]+)*\/?$/.test(path);
  const flaw = isText
    ? !isPlain && flaws.find(([pattern]) => pattern.test(path))?.[1]
    : `is of type ${typeof path}: expected text`;
  if (flaw)
    throw new ImdsPathError(`the path ${isText ? JSON.stringify(path) : 'given'} ${flaw}`, {
      hint: 'Give a path such as placement/region, dynamic/instance-identity/document or /latest/user-data.',
    });
  if (path.startsWith('/')) return path;
  const isRooted = ['meta-data', 'dynamic', 'user-data'].includes(path.split('/', 1)[0] ?? '');
  return isRooted ? `/latest/${path}` : `/latest/meta-data/${path}`;
}

// Each is what a URL parser or a proxy would change on the way, or the service would read as another path.
const flaws: readonly (readonly [pattern: RegExp, flaw: string])[] = [
  [/^[a-z][a-z0-9+.-]*:\/\//i, 'is a URL: expected a path alone'],
  [/^$/, 'is empty'],
  [/^\/\//, 'begins with a second slash'],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  [/[\x00-\x1f\x7f]/, 'holds a control character'],
  [/ /, 'holds a space'],
  [/[?#]/, 'holds a query or fragment (? or #)'],
  [/\\/, 'holds a backslash'],
  // RFC 3986, section 3.3.
  [/[^\w.~!$&'()*+,;=:@%/-]/, 'holds a character that is not one of a URL path: expected it percent-encoded'],
  [/%(?![0-9a-f]{2})/i, 'holds a % that encodes nothing'],
  // URL parsers read %2e as a dot, and a proxy may read %2f and %5c as slashes.
  [/(?:^|\/|%2f|%5c)(?:\.|%2e){1,2}(?:$|\/|%2f|%5c)/i, 'holds a . or .. segment'],
  [/%(?:0[0-9a-f]|1[0-9a-f]|7f)/i, 'holds an encoded control character'],
];

/** The value of a placeholder in a template: a name or an address, or a number for `{n}`. */
export type Parameter = string | number;

const rule = (source: string, expected: string) => ({ source, pattern: new RegExp(`^${source}$`), expected });
const number = rule(String.raw`\d+`, 'a whole number, 0 or more');
// Narrower than RFC 3986: nothing that ends the path, climbs out of it, or needs an escape.
const segment = rule(
  String.raw`(?!\.\.?(?:/|$))(?:(?![/?#%\\])[!-~])+`,
  'one path segment of visible ASCII without / ? # % \\, and neither . nor ..',
);
const ruleOf = (placeholder: string) => (placeholder === 'n' ? number : segment);
const placeholders = /\{([a-z-]+)\}/g;

/**
 * The path of a template such as `meta-data/tags/instance/{tag-key}`, its placeholders replaced by these values in turn.
 *
 * @throws {@link ImdsPathError} when a value is not one path segment of visible ASCII, or for `{n}` not a whole number.
 */
export function fill(template: string, values: readonly Parameter[]): string {
  const left: unknown[] = [...values];
  const filled = template.replace(placeholders, (_, placeholder: string) => {
    const value = left.shift();
    // A listing ends its directories with a slash, so that one of its lines may be given as it is.
    const given = typeof value === 'string' || typeof value === 'number' ? String(value).replace(/\/$/, '') : '';
    const { pattern, expected } = ruleOf(placeholder);
    if (!pattern.test(given))
      throw new ImdsPathError(`the parameter {${placeholder}} of ${template} must be ${expected}${instead(value)}`);
    return given;
  });
  return `/latest/${filled}`;
}

/** A text is not shown: it may come from a reply, and hold a secret. */
function instead(value: unknown): string {
  if (typeof value === 'string') return '';
  return typeof value === 'number' ? `, not ${value}` : `, not of type ${typeof value}`;
}

const patterns = new Map<string, RegExp>();

/** Matches the paths of a template, which has no final slash. */
export function patternOf(template: string): RegExp {
  const source = template.replace(placeholders, (_, placeholder: string) => ruleOf(placeholder).source);
  const pattern = patterns.get(template) ?? new RegExp(`^/latest/${source}$`);
  patterns.set(template, pattern);
  return pattern;
}
