import { codeOf } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';
import { json } from '../metadata/decode.js';
import { identityField } from '../metadata/documents.js';

// Values that may take several reads. `rest` gives the options for each read, with the time left of the call.

interface Source extends Pick<Categories, 'placement' | 'identityCredentials' | 'dynamic'> {
  get(path: string, options: CallOptions): Promise<string>;
}

/** The region: from `placement/region`, or where that is missing, from the identity document. */
export async function region(from: Source, rest: () => CallOptions): Promise<string> {
  const region = await unless(from.placement.region(rest()), ...absent);
  return region?.trim() || (await ofDocument(from, 'region', rest()));
}

/** The account ID: from the identity credentials, or where those are missing, from the identity document. */
export async function accountId(from: Source, rest: () => CallOptions): Promise<string> {
  const info = await unless(from.identityCredentials.ec2.info(rest()), ...absent);
  return info?.AccountId?.trim() || (await ofDocument(from, 'accountId', rest()));
}

/** Nothing at the path, or nothing usable. */
const absent = ['ERR_IMDS_NOT_FOUND', 'ERR_IMDS_DECODE'];

/** A value, or undefined if the read fails with one of these codes. */
async function unless<T>(read: Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** One field of the identity document, whatever else the document lacks. */
async function ofDocument(from: Source, field: 'region' | 'accountId', options: CallOptions): Promise<string> {
  const { path } = from.dynamic.instanceIdentity.document.category;
  return json(identityField(field))(Buffer.from(await from.get(path, options)), path);
}

/** All tags by key, frozen; undefined when tags are not served. */
export async function tags({ instance }: Categories['tags'], rest: () => CallOptions) {
  const keys = await instance(rest());
  // A key that breaks the rules for tags in instance metadata may be listed, but cannot be read.
  const tag = (key: string) => unless(instance.tagKey(key, rest()), 'ERR_IMDS_PATH');
  const pairs = await Promise.all((keys ?? []).map(async (key) => [key, await tag(key)] as const));
  return keys && Object.freeze(Object.fromEntries(pairs.filter(([, value]) => value !== undefined)));
}
