import { setTimeout as delay } from 'node:timers/promises';
import { type ImdsError, ImdsResponseError, isEmptyAnswer, isImdsError, isNotFound } from '../errors.js';
import type { Imds } from '../imds.js';
import { categoryOf, isDirectory, rows } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';

/** Reads from the service: a client. */
export type WalkReader = Pick<Imds, 'list' | 'getBuffer'>;

export interface WalkOptions {
  /** Also read paths that are no category of this version, unless named like a secret. Default false. */
  readonly unknown?: boolean | undefined;
  /** Also read credentials and user data, and continue after failures, which become items. Default false. */
  readonly recording?: boolean | undefined;
  /** Default: no limit. */
  readonly requestsPerSecond?: number | undefined;
  /** Called after each value with the number of values so far. */
  readonly onValue?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const notKnown = 'not known to this version';

interface Place {
  /** Absolute. */
  readonly path: string;
  /** The names in the listings on the way here, below the version. */
  readonly names: readonly string[];
}

/** A value, or what prevents reading it: in the end exactly one of `body`, `omitted` and `error` is set. */
export interface Item extends Place {
  /** As served; empty where nothing is served yet. */
  readonly body?: Buffer;
  /** The reason that it is not read. */
  readonly omitted?: string;
  readonly error?: ImdsError;
}

// IMDS throttles simultaneous requests; the limit is not published.
const parallelReads = 4;
// The deepest path in the table has seven segments below the version.
const deepest = 16;
// An instance with sixty interfaces has about two thousand.
const mostEntries = 4096;
// After this many consecutive failures, the rest would fail too.
const mostFailures = 8;

/**
 * Reads everything below some paths, and returns it in the service's order. Paths that vanish meanwhile are skipped.
 *
 * @param roots absolute
 * @throws any error of a failed request (when recording, only of the first root's listing); and the signal's reason
 */
export async function walk(
  reader: WalkReader,
  roots: readonly string[],
  options: WalkOptions = {},
): Promise<readonly Item[]> {
  const { recording, signal, onValue } = options;
  const ask = paced(options);
  let [values, entries] = [0, 0];

  async function read(place: Place): Promise<readonly Item[]> {
    try {
      return isDirectory(place.path) ? await listed(place) : [{ ...place, body: await value(place) }];
    } catch (error) {
      signal?.throwIfAborted();
      if (place.path === roots[0] || entries > mostEntries) throw error;
      if (isNotFound(error) || isEmptyAnswer(error)) return [];
      if (!recording || !isImdsError(error) || error.code === 'ERR_IMDS_CLOSED') throw error;
      return [{ ...place, error }];
    }
  }
  async function listed(place: Place): Promise<readonly Item[]> {
    const { path, names } = place;
    if (names.length > deepest) throw foreign(`${path} is deeper than any instance metadata`);
    const lines = await ask(() => reader.list(path, { signal }));
    entries += lines.length;
    if (entries > mostEntries)
      throw foreign(`there are more than ${mostEntries} values and directories, the last in ${path}; no more are read`);
    return lines.map((line) => entry(place, line, options));
  }
  async function value({ path }: Place): Promise<Buffer> {
    const body = await ask(() => reader.getBuffer(path, { signal })).catch((error: unknown) => {
      if (isEmptyAnswer(error)) return Buffer.alloc(0);
      throw error;
    });
    values += 1;
    onValue?.(values);
    return body;
  }

  let items: readonly Item[] = roots.map((path) => ({ path, names: path.split('/').slice(2).filter(Boolean) }));
  for (;;) {
    const unread = items.filter(({ body, omitted, error }) => !body && !omitted && !error);
    if (unread.length === 0) return items;
    const found = new Map<Item, readonly Item[]>();
    const readOn = async (): Promise<void> => {
      for (let place = unread.shift(); place; place = unread.shift()) {
        signal?.throwIfAborted();
        found.set(place, await read(place));
      }
    };
    await Promise.all(Array.from({ length: parallelReads }, readOn)).finally(() => unread.splice(0));
    items = items.flatMap((item) => found.get(item) ?? [item]);
  }
}

/** An entry of a listing, to be read unless it is left out. */
function entry({ path: above, names }: Place, line: string, options: WalkOptions): Item {
  const name = line.replace(/\/$/, '');
  // Key 0 is listed as `0=its-name`, and its directory is `0/`.
  const key = categoryOf(above)?.template === 'meta-data/public-keys/' ? /^\d+(?==)/.exec(name)?.[0] : undefined;
  const place = { path: above + (key ?? name), names: [...names, name] };
  try {
    absolutePath(place.path);
  } catch (error) {
    if (isImdsError(error)) return { ...place, error };
    throw error;
  }
  const omitted = omission(place.path, options);
  if (omitted) return { ...place, omitted };
  return key || isDirectory(above + line) ? { ...place, path: `${place.path}/` } : place;
}

/** Sends requests at a rate the service can bear, and none once it has stopped answering. */
function paced({ requestsPerSecond = Number.POSITIVE_INFINITY, signal }: WalkOptions) {
  let [nextAt, failures] = [performance.now(), 0];
  let lastError: unknown;
  return async <T>(send: () => Promise<T>): Promise<T> => {
    if (failures >= mostFailures) throw lastError;
    const now = performance.now();
    const waitMs = nextAt - now;
    nextAt = Math.max(nextAt, now) + 1000 / requestsPerSecond;
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
    try {
      const answer = await send();
      failures = 0;
      return answer;
    } catch (error) {
      failures = saysNothing(error) ? 0 : failures + 1;
      lastError = error;
      throw error;
    }
  };
}

/** True for a failure of one path only, which says nothing about the service. */
const saysNothing = (error: unknown): boolean =>
  isImdsError(error) && ['ERR_IMDS_NOT_FOUND', 'ERR_IMDS_DECODE', 'ERR_IMDS_PATH'].includes(error.code);

const foreign = (message: string): ImdsResponseError =>
  new ImdsResponseError(message, {
    fault: 'too-large',
    hint: 'Something other than IMDS answers at this address. Check the endpoint.',
  });

/** True for a category of this version, and for a directory that leads to one. */
export function isKnown(path: string): boolean {
  if (categoryOf(path) !== undefined) return true;
  const directory = path.replace(/^\/[^/]+\//, '/latest/').replace(/\/?$/, '/');
  return rows().some(({ category }) => category.path.startsWith(directory));
}

/** Words in the names of secrets, or before them. */
export const secretWords = 'credential|secret|token|passw|passphrase|pwd|(?:private|api|access).?key|user.?data';
const secretNames = new RegExp(secretWords, 'i');

/** The one rule for what is read only if its path is given: `imds list -r` and `imds record` follow it. */
function omission(path: string, { unknown = false, recording = false }: WalkOptions): string | undefined {
  const category = categoryOf(path);
  if (category?.secret && !recording) return category.kind === 'binary' ? 'user data' : 'credentials';
  if (/^\/[^/]+\/meta-data\/managed-ssh-keys\/active-keys$/.test(path)) return 'keys that are valid for a minute';
  if (isKnown(path)) return undefined;
  // A new kind of credentials will have such a path.
  if (secretNames.test(path)) return `${notKnown}, and named like a secret`;
  return unknown ? undefined : notKnown;
}
