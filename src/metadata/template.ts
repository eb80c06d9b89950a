import { ImdsDecodeError, ImdsPathError } from '../errors.js';
import type { Category } from './category.js';

/** The value of a placeholder in a template: a name or an address, or a number for `{n}`. */
export type Parameter = string | number;

const number = { pattern: /^\d+$/, expected: 'a whole number, 0 or more' };
// Narrower than RFC 3986: nothing that ends the path, climbs out of it, or needs an escape.
const segment = {
  pattern: /^(?!\.\.?$)(?:(?![/?#%\\])[!-~])+$/,
  expected: 'one path segment of visible ASCII without / ? # % \\, and neither . nor ..',
};
const ruleOf = (placeholder: string) => (placeholder === 'n' ? number : segment);

/**
 * The path of a template such as `meta-data/tags/instance/{tag-key}`, its placeholders replaced by the values in order.
 *
 * @throws {@link ImdsPathError} when a value is not one path segment of visible ASCII, or for `{n}` not a whole number.
 */
export function fill(template: string, values: readonly Parameter[]): string {
  const left: unknown[] = [...values];
  const filled = template.replace(/\{([a-z-]+)\}/g, (_, placeholder: string) => {
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

/**
 * The names in a listing, each of which can be a parameter.
 *
 * @throws {@link ImdsDecodeError} when one is no path segment: the service is to blame for it, not the caller.
 */
export function namesIn(listing: readonly string[], { path }: Category<unknown>): readonly string[] {
  const names = listing.map((line) => line.replace(/\/$/, ''));
  if (names.every((name) => segment.pattern.test(name))) return names;
  throw new ImdsDecodeError(`Expected names of one path segment each from ${path}, got something else`);
}

/** True for a segment that gives the parameter of a template's part a value: `ebs1` for `ebs{n}`. */
export function isFilledBy(part: string, segment: string): boolean {
  const [start = '', placeholder] = part.split(/[{}]/);
  const value = segment.startsWith(start) ? segment.slice(start.length) : '';
  return placeholder !== undefined && ruleOf(placeholder).pattern.test(value);
}
