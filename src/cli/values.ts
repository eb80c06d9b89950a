import { isUtf8 } from 'node:buffer';
import { type Imds, isImdsError } from '../index.js';
import { categoryOf } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';

/** The path of a template in the form that is the shortest to type: `meta-data/placement/region` is `placement/region`. */
export const shortPath = (template: string): string => template.replace(/^meta-data\/(?=.)/, '');

/**
 * Reads several paths at once.
 *
 * @returns their values by path, `null` for what may be absent and is
 */
export async function readJson(imds: Imds, paths: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  // All of them first: nothing is sent when one cannot be asked for.
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
