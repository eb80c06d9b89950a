import { isUtf8 } from 'node:buffer';
import { type Imds, isImdsError } from '../index.js';
import { categoryOf } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';

/** The shortest form of a template's path: `placement/region` for `meta-data/placement/region`. */
export const shortPath = (template: string): string => template.replace(/^meta-data\/(?=.)/, '');

/**
 * Reads several paths at once.
 *
 * @returns their values by path, `null` for absent values of optional categories
 */
export async function readJson(imds: Imds, paths: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  // All of them first: nothing is sent if one is invalid.
  const targets = paths.map((path) => ({ path, absolute: absolutePath(path) }));
  const read = async (absolute: string): Promise<unknown> => {
    try {
      return jsonValue(absolute, await imds.getBuffer(absolute));
    } catch (error) {
      if (isImdsError(error) && error.code === 'ERR_IMDS_NOT_FOUND' && categoryOf(absolute)?.optional) return null;
      throw error;
    }
  };
  return Object.fromEntries(
    await Promise.all(targets.map(async ({ path, absolute }) => [path, await read(absolute)] as const)),
  );
}

/**
 * A body as JSON: numbers, booleans, arrays and documents for known categories, text for others, and `{ base64 }` for
 * bytes that are not text.
 *
 * @param path absolute
 * @throws ImdsDecodeError when the body does not match the category
 */
export function jsonValue(path: string, body: Buffer): unknown {
  const category = categoryOf(path);
  if (category !== undefined && category.kind !== 'binary') return category.decode(body) ?? null;
  if (!isUtf8(body)) return { base64: body.toString('base64') };
  const text = body.toString();
  return category === undefined ? text.replace(/\r?\n$/, '') : text;
}
