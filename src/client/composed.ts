import { isImdsError, isNotFound } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';

// Values that may take more than one read. `rest` gives each further read what is left of the time of the call.

/** The region: of the placement, or on builds that lack it of the identity document. */
export async function region(
  { placement, dynamic }: Pick<Categories, 'placement' | 'dynamic'>,
  options: CallOptions | undefined,
  rest: () => CallOptions,
): Promise<string> {
  try {
    return await placement.region(options);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return (await dynamic.instanceIdentity.document(rest())).region;
  }
}

/** The account: of the identity credentials, or where those are missing of the identity document. */
export async function accountId(
  { identityCredentials, dynamic }: Pick<Categories, 'identityCredentials' | 'dynamic'>,
  options: CallOptions | undefined,
  rest: () => CallOptions,
): Promise<string> {
  try {
    const { AccountId } = await identityCredentials.ec2.info(options);
    if (AccountId) return AccountId;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return (await dynamic.instanceIdentity.document(rest())).accountId;
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
