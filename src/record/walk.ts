import { setTimeout as delay } from 'node:timers/promises';
import { type ImdsError, ImdsResponseError, isEmptyAnswer, isImdsError, isNotFound } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import { categoryOf, isDirectory, rows } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';

/** Reads the service: a client. */
export interface WalkReader {
  list(path: string, options?: CallOptions): Promise<readonly string[]>;
  getBuffer(path: string, options?: CallOptions): Promise<Buffer>;
}

export interface WalkOptions {
  /** Also read what is no category of this version, unless it is named like a secret. Default false. */
  readonly unknown?: boolean | undefined;
  /** Also read credentials and user data, and go on after failures, which become items. Default false. */
  readonly recording?: boolean | undefined;
  /** Default: no limit. */
  readonly requestsPerSecond?: number | undefined;
  /** Called after each value with the number of values so far. */
  readonly onValue?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Why something is not read. */
export type Omitted = 'credentials' | 'user data' | 'named like a secret' | 'short-lived keys' | 'unknown';

/** A value, or what stands in its way: exactly one of `body`, `omitted` and `error` is there. */
export interface Item {
  /** Absolute. */
  readonly path: string;
  /** The names in the listings that lead here, below the version. */
  readonly names: readonly string[];
  /** As served; empty where nothing is served yet. */
  readonly body?: Buffer;
  readonly omitted?: Omitted;
  readonly error?: ImdsError;
}

type Place = Pick<Item, 'path' | 'names'>;

// IMDS throttles simultaneous requests; the number is not published.
const parallelReads = 4;
// The deepest path of the table has seven segments below the version.
const deepest = 16;
// An instance with sixty interfaces has some two thousand.
const mostEntries = 4096;
// After so many failures in a row the rest would fail too.
const patience = 8;

/**
 * Reads everything below some paths, in the order of the service. What vanishes meanwhile is passed over.
 *
 * @param roots absolute; the first one is listed before the others, and gets the session token that they share
 * @throws every error of a failed request, or when recording only that of the first listing; and the signal's reason
 */
export async function walk(
  reader: WalkReader,
  [first, ...others]: readonly [string, ...string[]],
  options: WalkOptions = {},
): Promise<readonly Item[]> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, ...(options.signal ? [options.signal] : [])]);
  const walking = new Walk(reader, { ...options, signal });
  try {
    const top = await walking.top(first);
    return (await Promise.all([top(), ...others.map((root) => walking.root(root))])).flat();
  } finally {
    // Of what failed nothing goes on.
    ended.abort();
  }
}

class Walk {
  readonly #reader: WalkReader;
  readonly #options: WalkOptions;
  readonly #ask: ReturnType<typeof asker>;
  #values = 0;
  #entriesSeen = 0;

  constructor(reader: WalkReader, options: WalkOptions) {
    this.#reader = reader;
    this.#options = options;
    this.#ask = asker(options);
  }

  /** Lists a root, whose failure is that of the whole walk, and gives what reads the rest. */
  async top(root: string): Promise<() => Promise<readonly Item[]>> {
    if (!isDirectory(root)) return () => this.root(root);
    const listed = await this.#ask((options) => this.#reader.list(root, options));
    return () => this.#entries({ path: root, names: namesOf(root) }, listed);
  }

  async root(path: string): Promise<readonly Item[]> {
    const place = { path: path.replace(/\/$/, ''), names: namesOf(path) };
    return isDirectory(path) ? await this.#directory(place) : await this.#value({ ...place, path });
  }

  async #entries({ path, names }: Place, listed: readonly string[]): Promise<readonly Item[]> {
    this.#entriesSeen += listed.length;
    if (this.#entriesSeen > mostEntries) throw new EndlessError(path);
    const all = await Promise.all(listed.map((line) => this.#entry(childOf(path, names, line), path + line)));
    return all.flat();
  }

  async #entry(place: Place, listed: string): Promise<readonly Item[]> {
    const flaw = flawOf(place.path);
    if (flaw) return [{ ...place, error: flaw }];
    const omitted = omission(place.path, this.#options);
    if (omitted) return [{ ...place, omitted }];
    const isKey = place.path !== listed.replace(/\/$/, '');
    return isKey || isDirectory(listed) ? await this.#directory(place) : await this.#value(place);
  }

  async #directory({ path: file, names }: Place): Promise<readonly Item[]> {
    const place = { path: `${file}/`, names };
    return await this.#attempt(place, [], async () => {
      if (names.length > deepest)
        throw new ImdsResponseError(`${place.path} is deeper than instance metadata goes`, foreign);
      return await this.#entries(place, await this.#ask((options) => this.#reader.list(place.path, options)));
    });
  }

  async #value(place: Place): Promise<readonly Item[]> {
    const items = await this.#attempt(place, [{ ...place, body: Buffer.alloc(0) }], async () => [
      { ...place, body: await this.#ask((options) => this.#reader.getBuffer(place.path, options)) },
    ]);
    if (items[0]?.body) {
      this.#values += 1;
      this.#options.onValue?.(this.#values);
    }
    return items;
  }

  /** Reads; gives `empty` where nothing is served, and handles failures. */
  async #attempt(place: Place, empty: readonly Item[], read: () => Promise<readonly Item[]>): Promise<readonly Item[]> {
    try {
      return await read();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (isNotFound(error)) return [];
      if (isEmptyAnswer(error)) return empty;
      if (!this.#options.recording || !isImdsError(error)) throw error;
      if (error.code === 'ERR_IMDS_CLOSED' || error instanceof EndlessError) throw error;
      return [{ ...place, error }];
    }
  }
}

const foreign = {
  fault: 'too-large',
  hint: 'Something other than IMDS answers at this address. Check the endpoint.',
} as const;

/** There is no end of it, as where directories list themselves. */
class EndlessError extends ImdsResponseError {
  constructor(path: string) {
    super(`there are more than ${mostEntries} values and directories, the last in ${path}; no more are read`, foreign);
  }
}

const namesOf = (path: string): readonly string[] => path.split('/').slice(2).filter(Boolean);

/** Where a line of a listing leads. */
function childOf(path: string, names: readonly string[], line: string): Place {
  const name = line.replace(/\/$/, '');
  // Key 0 is listed as `0=its-name`, and its directory is `0/`.
  const key = categoryOf(path)?.template === 'meta-data/public-keys/' && /^\d+(?==)/.exec(name)?.[0];
  return { path: path + (key || name), names: [...names, name] };
}

/** The error of a name that no path can hold. */
function flawOf(path: string): ImdsError | undefined {
  try {
    absolutePath(path);
    return undefined;
  } catch (error) {
    if (isImdsError(error)) return error;
    throw error;
  }
}

/** True for a category of this version, and for a directory that leads to some. */
export function isKnown(path: string): boolean {
  if (categoryOf(path) !== undefined) return true;
  const directory = path.replace(/^\/[^/]+\//, '/latest/').replace(/\/?$/, '/');
  return rows().some(({ category }) => category.path.startsWith(directory));
}

/** Words that stand in the names of secrets, or before them. */
export const secretWords = 'credential|secret|token|passw|passphrase|pwd|(?:private|api|access).?key|user.?data';
const secretNames = new RegExp(secretWords, 'i');

/** The one rule for what is not read without being asked for by its path: `imds list -r` and `imds record` follow it. */
function omission(path: string, { unknown = false, recording = false }: WalkOptions): Omitted | undefined {
  const category = categoryOf(path);
  if (category?.secret && !recording) return category.kind === 'binary' ? 'user data' : 'credentials';
  if (/^\/[^/]+\/meta-data\/managed-ssh-keys\/active-keys$/.test(path)) return 'short-lived keys';
  if (isKnown(path)) return undefined;
  // A newer kind of credentials will have such a path.
  if (secretNames.test(path)) return 'named like a secret';
  return unknown ? undefined : 'unknown';
}

/** Makes requests at the rate and in the number that the service can bear, and none once it has stopped answering. */
function asker({ requestsPerSecond = Number.POSITIVE_INFINITY, signal }: WalkOptions) {
  let next = performance.now();
  let failures: ImdsError[] = [];
  let free = parallelReads;
  const waiting: (() => void)[] = [];

  async function request<T>(send: (options: CallOptions) => Promise<T>): Promise<T> {
    const last = failures.at(-1);
    if (last && failures.length >= patience) throw last;
    signal?.throwIfAborted();
    const waitMs = next - performance.now();
    next = Math.max(next, performance.now()) + 1000 / requestsPerSecond;
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
    try {
      const answer = await send({ signal });
      signal?.throwIfAborted();
      failures = [];
      return answer;
    } catch (error) {
      if (isImdsError(error)) failures = isOfOnePath(error) ? [] : [...failures, error];
      throw error;
    }
  }

  return async <T>(send: (options: CallOptions) => Promise<T>): Promise<T> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await request(send);
    } finally {
      // After an abort the first that fails is enough.
      const begin = signal?.aborted ? undefined : waiting.shift();
      if (begin) begin();
      else free += 1;
    }
  };
}

/** True for a failure of one path, which says nothing about the service. */
const isOfOnePath = ({ code }: ImdsError): boolean =>
  code === 'ERR_IMDS_NOT_FOUND' || code === 'ERR_IMDS_DECODE' || code === 'ERR_IMDS_PATH';
