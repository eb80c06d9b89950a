import { isUtf8 } from 'node:buffer';
import { categoryOf } from '../metadata/lookup.js';
import { nested } from '../record/nested.js';
import type { Item } from '../record/walk.js';
import { columnsOf } from './layout.js';
import { jsonValue } from './values.js';

// A 4096-bit RSA key has about 750 characters.
const longest = 1000;
const head = 60;
// The minimum room for showing the beginning of a value.
const least = 30;

/**
 * Items as nested objects, their values as in {@link jsonValue}, without those left out.
 *
 * @param root the absolute path that they are below
 */
export function treeJson(items: readonly Item[], root: string): unknown {
  const [first] = items;
  if (first?.path === root) return first.body && jsonValue(root, first.body);
  return nested(
    items.map(({ path, body }) => {
      const names = path.slice(root.length).split('/');
      // The directory of an item left out is included, but empty.
      return body ? ([names, jsonValue(path, body)] as const) : ([names.slice(0, -1), {}] as const);
    }),
  );
}

/**
 * An item as text: a line, or several for a multi-line value, beginning with its path as shown.
 *
 * @param columns of a terminal, which shows only the beginning of long values of one word, such as base64
 */
export function itemLines(item: Item, shown: string, columns = Number.POSITIVE_INFINITY): string {
  const { path, body, omitted } = item;
  const below = columns - 2;
  const besideOf = (start: string): number => columns - columnsOf(start) - 1;
  // Text that fits on the next line, but not next to its path, goes there.
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
