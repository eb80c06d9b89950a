import { isUtf8 } from 'node:buffer';
import { atMost } from '../client/limit.js';
import { isNotFound } from '../errors.js';
import type { Imds } from '../imds.js';
import { categoryOf } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';

// IMDS throttles simultaneous connections, by how many is not published.
const parallelReads = 4;

/**
 * Reads several paths at once.
 *
 * @returns their values by path, `null` for what may be absent and is
 */
export async function readJson(imds: Imds, paths: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const inTurn = atMost(parallelReads);
  // All of them first: nothing is sent when one cannot be asked for.
  const targets = paths.map((path) => ({ path, absolute: absolutePath(path) }));
  const read = async (absolute: string): Promise<unknown> => {
    try {
      return jsonValue(absolute, await imds.getBuffer(absolute));
    } catch (error) {
      if (isNotFound(error) && categoryOf(absolute)?.optional) return null;
      throw error;
    }
  };
  const values = await Promise.all(targets.map(({ absolute }) => inTurn(() => read(absolute))));
  return Object.fromEntries(targets.map(({ path }, index) => [path, values[index]]));
}

/**
 * A body as JSON shows it: numbers, booleans, arrays and documents where the category is known, text elsewhere, and
 * what is no text as `{ base64 }`.
 *
 * @param path absolute
 * @throws ImdsDecodeError when the body is not what the category promises
 */
export function jsonValue(path: string, body: Buffer): unknown {
  const category = categoryOf(path);
  if (category !== undefined && category.kind !== 'binary') return category.decode(body) ?? null;
  if (!isUtf8(body)) return { base64: body.toString('base64') };
  const text = body.toString();
  return category === undefined ? text.replace(/\r?\n$/, '') : text;
}

/** A document as it is printed. */
export const jsonText = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
