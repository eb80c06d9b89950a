import { isImdsError, isNotFound } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';
import { identityField } from '../metadata/documents.js';

// Values that may take more than one read. `rest` gives each further read what is left of the time of the call.

interface Source extends Pick<Categories, 'placement' | 'identityCredentials' | 'dynamic'> {
  get(path: string, options: CallOptions): Promise<string>;
}

/** The region: of the placement, or on builds that lack it of the identity document. */
export async function region(from: Source, options: CallOptions | undefined, rest: () => CallOptions): Promise<string> {
  const region = await ifTold(from.placement.region(options));
  return region ?? (await ofDocument(from, 'region', rest()));
}

/** The account: of the identity credentials, or where those are missing of the identity document. */
export async function accountId(
  from: Source,
  options: CallOptions | undefined,
  rest: () => CallOptions,
): Promise<string> {
  const account = await ifTold(from.identityCredentials.ec2.info(options).then(({ AccountId }) => AccountId));
  return account ?? (await ofDocument(from, 'accountId', rest()));
}

/** A value without blanks around it; undefined where there is none: nothing at the path, or nothing usable. */
async function ifTold(read: Promise<string | undefined>): Promise<string | undefined> {
  try {
    return (await read)?.trim() || undefined;
  } catch (error) {
    if (isNotFound(error) || (isImdsError(error) && error.code === 'ERR_IMDS_DECODE')) return undefined;
    throw error;
  }
}

/** One field of the identity document, whatever the document lacks. */
async function ofDocument(from: Source, field: 'region' | 'accountId', options: CallOptions): Promise<string> {
  const { path } = from.dynamic.instanceIdentity.document.category;
  return identityField(field)(Buffer.from(await from.get(path, options)), path);
}

/** All tags by their keys, frozen; undefined when tags are not served. */
export async function tags(
  { instance }: Categories['tags'],
  rest: () => CallOptions,
): Promise<Readonly<Record<string, string>> | undefined> {
  const keys = await instance(rest());
  if (keys === undefined) return undefined;
  const pairs = await Promise.all(
    keys.map(async (key) => {
      try {
        return [key, await instance.tagKey(key, rest())] as const;
      } catch (error) {
        // A key that got around the rules for tags in metadata is listed, but cannot be read.
        if (isImdsError(error) && error.code === 'ERR_IMDS_PATH') return [key, undefined] as const;
        throw error;
      }
    }),
  );
  return Object.freeze(Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined)));
}
