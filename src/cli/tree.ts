import { isUtf8 } from 'node:buffer';
import { categoryOf } from '../metadata/lookup.js';
import { nested } from '../record/nested.js';
import type { Item } from '../record/walk.js';
import { columnsOf } from './output.js';
import { jsonValue } from './values.js';

// An RSA key of 4096 bits has some 750 characters.
const longest = 1000;
const head = 60;

/** Why the value of an item is not shown. */
function leftOut({ omitted, error }: Item): string | undefined {
  if (error) return 'its name cannot be part of a path';
  return omitted === 'named like a secret' ? 'perhaps credentials' : omitted;
}

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
export function itemLines(item: Item, shown: string, columns?: number): string {
  const { path, body } = item;
  if (body === undefined) return `${shown} (left out: ${leftOut(item)})\n`;
  if (!isUtf8(body)) return `${shown} (${body.length} bytes that are no text)\n`;
  const kind = categoryOf(path)?.kind;
  const text = body.toString();
  const lines = (kind === 'json' ? compact(text) : text).trimEnd().split(/\r?\n/);
  const [first = ''] = lines;
  const room = (note: string): number => Math.max(8, (columns ?? Infinity) - columnsOf(shown) - note.length - 3);
  // Certificates and signatures: nobody reads those.
  if (kind === 'scalar' && lines.length > 1) {
    const note = ` … (${lines.length} lines)`;
    return `${shown} = ${first.slice(0, room(note))}${note}\n`;
  }
  if (kind === 'scalar' && (first.length > longest || (/\S{61}/.test(first) && first.length > room('')))) {
    const note = ` … (${first.length} characters)`;
    return `${shown} = ${first.slice(0, Math.min(head, room(note)))}${note}\n`;
  }
  if (lines.length > 1) return `${shown} =\n${lines.map((line) => `  ${line}\n`).join('')}`;
  return first === '' ? `${shown} =\n` : `${shown} = ${first}\n`;
}

/** A JSON document on one line; text that is none as it is. */
function compact(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}
