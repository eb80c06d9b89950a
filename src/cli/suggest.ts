import { distance } from 'fastest-levenshtein';
import { rows } from '../metadata/lookup.js';
import { shortPath } from './values.js';

/**
 * Paths that may have been meant by one of no category: those spelt alike, and those of that name in another place.
 *
 * @param path absolute, such as `/latest/meta-data/regoin`
 * @returns at most three, the likeliest first, in the form that `imds get` takes
 */
export function nearest(path: string): string[] {
  const asked = segmentsOf(shortPath(path.replace(/^\/[^/]+\//, '')));
  return likeliest(rows().map(({ category }) => guess(asked, shortPath(category.template))));
}

/** Those of the least cost; infinity is not likely at all. */
function likeliest(guesses: readonly { readonly candidate: string; readonly cost: number }[]): string[] {
  const best = Math.min(...guesses.map(({ cost }) => cost));
  const close = guesses.filter(({ cost }) => cost < Infinity && cost <= 2 * best + 1).sort((a, b) => a.cost - b.cost);
  return [...new Set(close.map(({ candidate }) => candidate))].slice(0, 3);
}

/** A template, and what it costs to turn what was asked into it. */
function guess(asked: readonly string[], template: string) {
  const expected = segmentsOf(template);
  const [leaf = '', name = ''] = [asked.at(-1), expected.at(-1)];
  const elsewhere = {
    candidate: template,
    // Another place is a likelier mistake than a wrong letter; of places alike, one near the top.
    cost: isOpen(name) ? Infinity : 0.5 + expected.length / 100 + Math.min(edits(leaf, name), missingWords(leaf, name)),
  };
  if (asked.length !== expected.length) return elsewhere;
  const filled = expected.map((segment, index) => (fits(asked[index], segment) ? asked[index] : segment)).join('/');
  const here = { candidate: template.endsWith('/') ? `${filled}/` : filled, cost: edits(asked.join('/'), filled) };
  return here.cost <= elsewhere.cost ? here : elsewhere;
}

/**
 * Words that may have been meant by another: those of which it is the beginning or a part between hyphens, and those
 * spelt alike.
 *
 * @returns at most three, the likeliest first
 */
export function nearestWords(given: string, words: readonly string[]): string[] {
  const bare = (text: string): string => text.replace(/^--/, '').toLowerCase();
  const asked = bare(given);
  const cost = (word: string): number =>
    asked.length > 2 && (word.startsWith(asked) || word.split('-').includes(asked))
      ? 0.5
      : sorted(asked) === sorted(word)
        ? 1
        : edits(asked, word);
  return likeliest(words.map((word) => ({ candidate: word, cost: cost(bare(word)) })));
}

/** Letters in another order are as likely as one wrong letter. */
const sorted = (text: string): string => [...text].sort().join('');

const segmentsOf = (path: string): string[] => path.replace(/\/$/, '').split('/');

const isOpen = (segment: string): boolean => segment.includes('{');

/** True when this may stand for the placeholder of a segment such as `ebs{n}`. */
const fits = (text = '', segment: string): boolean =>
  isOpen(segment) && text.startsWith(segment.slice(0, segment.indexOf('{')));

/** The edit distance, unless it is more than a third of what was asked. */
function edits(asked: string, candidate: string): number {
  const count = distance(hyphenated(asked), candidate);
  return count <= Math.max(1, asked.length / 3) ? count : Infinity;
}

/** Half a point for each word that `zone` lacks to be `availability-zone`, if nothing else is wrong with it. */
function missingWords(asked: string, candidate: string): number {
  const given = hyphenated(asked).split('-');
  const words = candidate.split('-');
  return given.every((word) => words.includes(word)) ? (words.length - given.length) / 2 : Infinity;
}

/** Names as other worlds have them, `instanceId` and `instance_id`, as they are here. */
const hyphenated = (text: string): string =>
  text
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
