import { ImdsPathError } from '../errors.js';

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
 * The path of a template such as `meta-data/tags/instance/{tag-key}`, its placeholders replaced by the values in order.
 *
 * @throws {@link ImdsPathError} when a value is not one path segment of visible ASCII, or for `{n}` not a whole number.
 */
export function fill(template: string, values: readonly Parameter[]): string {
  const left: unknown[] = [...values];
  const filled = template.replace(placeholders, (_, placeholder: string) => {
    const value = left.shift();
    // Listings end directories with a slash; a line of one may be passed as it is.
    const given = typeof value === 'string' || typeof value === 'number' ? String(value).replace(/\/$/, '') : '';
    const { pattern, expected } = ruleOf(placeholder);
    if (!pattern.test(given))
      throw new ImdsPathError(`the parameter {${placeholder}} of ${template} must be ${expected}${instead(value)}`);
    return given;
  });
  return `/latest/${filled}`;
}

/** Text is not shown: it may come from a reply and contain a secret. */
function instead(value: unknown): string {
  if (typeof value === 'string') return '';
  return typeof value === 'number' ? `, not ${value}` : `, not of type ${typeof value}`;
}

const patterns = new Map<string, RegExp>();

/** Matches the paths of a template, which has no trailing slash. */
export function patternOf(template: string): RegExp {
  const known = patterns.get(template);
  if (known) return known;
  const source = template.replace(placeholders, (_, placeholder: string) => ruleOf(placeholder).source);
  const pattern = new RegExp(`^/latest/${source}$`);
  patterns.set(template, pattern);
  return pattern;
}
