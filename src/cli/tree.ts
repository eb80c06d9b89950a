import { isUtf8 } from 'node:buffer';
import { categoryOf } from '../metadata/lookup.js';
import { nested } from '../record/nested.js';
import type { Item } from '../record/walk.js';
import { columnsOf } from './layout.js';
import { jsonValue } from './values.js';

// An RSA key of 4096 bits has some 750 characters.
const longest = 1000;
const head = 60;
// The room that the beginning of a value is worth showing in.
const least = 30;

/**
 * Items as objects in objects, their values as in {@link jsonValue}. What was left out is not there.
 *
 * @param root the absolute path that they are below
 */
export function treeJson(items: readonly Item[], root: string): unknown {
  const [first] = items;
  if (first?.path === root) return first.body && jsonValue(root, first.body);
  return nested(
    items.map(({ path, body }) => {
      const names = path.slice(root.length).split('/');
      // The directory of what was left out is there, and empty.
      return body ? ([names, jsonValue(path, body)] as const) : ([names.slice(0, -1), {}] as const);
    }),
  );
}

/**
 * An item as text: a line, or several for a value of several lines, which begin with its path as it is shown.
 *
 * @param columns of a terminal, where only the beginning is shown of long values that are one word, such as base64
 */
export function itemLines(item: Item, shown: string, columns = Number.POSITIVE_INFINITY): string {
  const { path, body, omitted } = item;
  const below = columns - 2;
  const besideOf = (start: string): number => columns - columnsOf(start) - 1;
  // What fits the line below, but not the one of its path, stands there.
  const put = (start: string, text: string): string => {
    const width = columnsOf(text);
    return `${start}${width > besideOf(start) && width <= below ? '\n ' : ''} ${text}\n`;
  };
  if (body === undefined) return put(shown, `(left out: ${omitted ?? 'its name cannot be part of a path'})`);
  if (!isUtf8(body)) return put(shown, `(${body.length} bytes that are not text)`);
  const kind = categoryOf(path)?.kind;
  const text = body.toString();
  const lines = (kind === 'json' ? compact(text) : text).trimEnd().split(/\r?\n/);
  const [first = ''] = lines;
  const start = `${shown} =`;
  const beside = besideOf(start);
  const cut = (most: number, note: string): string =>
    put(start, first.slice(0, Math.min(most, (beside < least ? below : beside) - note.length)) + note);
  // Certificates and signatures: nobody reads those.
  if (kind === 'scalar' && lines.length > 1) return cut(longest, ` … (${lines.length} lines)`);
  const isCut = first.length > longest || (/\S{61}/.test(first) && first.length > beside);
  if (kind === 'scalar' && isCut) return cut(head, ` … (${first.length} characters)`);
  if (lines.length > 1) return `${start}\n${lines.map((line) => `  ${line}\n`).join('')}`;
  return first === '' ? `${start}\n` : put(start, first);
}

function compact(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}
