// @ts-check
import { readFileSync } from 'node:fs';

/** @typedef {import('../src/metadata/lookup.js').Row} Row */

/** @param {string} file */
const source = (file) => readFileSync(new URL(`../src/metadata/${file}`, import.meta.url), 'utf8');

/**
 * The doc comments of the table by template. Comments and rows stand in the same order.
 *
 * @param {readonly Row[]} rows
 * @returns {Map<string, string>}
 */
export function descriptions(rows) {
  const [, rest = ''] = source('categories.ts').split('const named');
  const [, ofInterface = ''] = source('network-interface.ts').split('export const networkInterface');
  const table = rest.replace('networkInterface as typeof', () => ofInterface);
  const comments = [...table.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+):/g)];
  if (comments.length !== rows.length) throw new Error(`${comments.length} comments for ${rows.length} rows`);
  return new Map(
    rows.map(({ call, category: { template } }, index) => {
      const [, comment = '', name] = comments[index] ?? [];
      const last = call.replace(/\(.*?\)/g, '').replace(/^.*\./, '');
      if (name !== last) throw new Error(`the comment of ${name} stands where that of ${call} is expected`);
      const lines = comment.split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trim());
      return [template, lines.filter((line) => line !== '' && !line.startsWith('@')).join(' ')];
    }),
  );
}
