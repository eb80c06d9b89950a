import { distance } from 'fastest-levenshtein';
import { rows } from '../metadata/lookup.js';
import { shortPath } from './values.js';

/**
 * Suggestions for a path of no category: paths with a similar spelling, and paths of that name in another place.
 *
 * @param path absolute, such as `/latest/meta-data/regoin`
 * @returns at most three, the likeliest first, in the form that `imds get` takes
 */
export function nearest(path: string): string[] {
  const asked = segmentsOf(shortPath(path.replace(/^\/[^/]+\//, '')));
  return likeliest(rows().map(({ category }) => guess(asked, shortPath(category.template))));
}

/** The candidates of the least cost; infinite ones are excluded. */
function likeliest(guesses: readonly { readonly candidate: string; readonly cost: number }[]): string[] {
  const best = Math.min(...guesses.map(({ cost }) => cost));
  const close = guesses.filter(({ cost }) => cost < Infinity && cost <= 2 * best + 1).sort((a, b) => a.cost - b.cost);
  return [...new Set(close.map(({ candidate }) => candidate))].slice(0, 3);
}

/** A template, and the cost of turning the given path into it. */
function guess(asked: readonly string[], template: string) {
  const expected = segmentsOf(template);
  // A wrong place is a likelier mistake than a wrong letter; of equal places, one near the top.
  const place = 0.5 + expected.length / 100;
  const name = expected.at(-1) ?? '';
  // A placeholder is not a name, and no command can be run with one.
  const elsewhere = {
    candidate: template,
    cost: name.includes('{') ? Infinity : place + cost(asked.at(-1) ?? '', name),
  };
  if (asked.length !== expected.length) return elsewhere;
  const filled = expected.map((segment, index) => (fits(asked[index], segment) ? asked[index] : segment)).join('/');
  const here = { candidate: template.endsWith('/') ? `${filled}/` : filled, cost: cost(asked.join('/'), filled) };
  return here.cost <= elsewhere.cost ? here : elsewhere;
}

/** @returns at most three of the words, the likeliest first */
export const nearestWords = (given: string, words: readonly string[]): string[] =>
  likeliest(words.map((word) => ({ candidate: word, cost: isBeginning(given, word) ? 0.5 : cost(given, word) })));

const isBeginning = (given: string, word: string): boolean =>
  normal(given).length > 2 && normal(word).startsWith(normal(given));

const segmentsOf = (path: string): string[] => path.replace(/\/$/, '').split('/');

/** True if this may be a segment with a placeholder, such as `ebs{n}`. */
const fits = (text = '', segment: string): boolean =>
  segment.includes('{') && text.startsWith(segment.slice(0, segment.indexOf('{')));

/** The cost of turning the given text into a name: its wrong letters, at most a third of them, or less. */
function cost(given: string, name: string): number {
  const [asked, expected] = [normal(given), normal(name)];
  const [words, all] = [asked.split('-'), expected.split('-')];
  const wrong = distance(asked, expected);
  return Math.min(
    wrong <= Math.max(1, asked.length / 3) ? wrong : Infinity,
    // Transposed letters are as likely as one wrong letter.
    sorted(asked) === sorted(expected) ? 1 : Infinity,
    // Half a point for each missing word, as from `zone` to `availability-zone`.
    words.every((word) => all.includes(word)) ? (all.length - words.length) / 2 : Infinity,
  );
}

const sorted = (text: string): string => [...text].sort().join('');

/** Normalises an option without its dashes, and names in other styles: `instanceId` and `instance_id`. */
const normal = (text: string): string =>
  text
    .replace(/^--/, '')
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
