import { codeOf } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';
import { json } from '../metadata/decode.js';
import { identityField } from '../metadata/documents.js';

// Values that may take more than one read. `rest` gives the options of each, with what is left of the time of the call.

interface Source extends Pick<Categories, 'placement' | 'identityCredentials' | 'dynamic'> {
  get(path: string, options: CallOptions): Promise<string>;
}

/** The region: of the placement, or on builds that lack it of the identity document. */
export async function region(from: Source, rest: () => CallOptions): Promise<string> {
  const region = await unless(from.placement.region(rest()), ...absent);
  return region?.trim() || (await ofDocument(from, 'region', rest()));
}

/** The account: of the identity credentials, or where those are missing of the identity document. */
export async function accountId(from: Source, rest: () => CallOptions): Promise<string> {
  const info = await unless(from.identityCredentials.ec2.info(rest()), ...absent);
  return info?.AccountId?.trim() || (await ofDocument(from, 'accountId', rest()));
}

/** Nothing at the path, or nothing usable. */
const absent = ['ERR_IMDS_NOT_FOUND', 'ERR_IMDS_DECODE'];

/** A value, or undefined if it cannot be read for one of these reasons. */
async function unless<T>(read: Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** One field of the identity document, whatever the document lacks. */
async function ofDocument(from: Source, field: 'region' | 'accountId', options: CallOptions): Promise<string> {
  const { path } = from.dynamic.instanceIdentity.document.category;
  return json(identityField(field))(Buffer.from(await from.get(path, options)), path);
}

/** All tags by their keys, frozen; undefined when tags are not served. */
export async function tags({ instance }: Categories['tags'], rest: () => CallOptions) {
  const keys = await instance(rest());
  // A key that got around the rules for tags in metadata is listed, but cannot be read.
  const tag = (key: string) => unless(instance.tagKey(key, rest()), 'ERR_IMDS_PATH');
  const pairs = await Promise.all((keys ?? []).map(async (key) => [key, await tag(key)] as const));
  return keys && Object.freeze(Object.fromEntries(pairs.filter(([, value]) => value !== undefined)));
}
