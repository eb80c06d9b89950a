import { setTimeout as delay } from 'node:timers/promises';
import { type ImdsError, ImdsResponseError, isEmptyAnswer, isImdsError, isNotFound } from '../errors.js';
import type { Imds } from '../imds.js';
import { categoryOf, isDirectory, rows } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';

/** Reads the service: a client. */
export type WalkReader = Pick<Imds, 'list' | 'getBuffer'>;

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

export interface Place {
  /** Absolute. */
  readonly path: string;
  /** The names in the listings that lead here, below the version. */
  readonly names: readonly string[];
}

/** A value, or what stands in its way: exactly one of `body`, `omitted` and `error` is there. */
export interface Item extends Place {
  /** As served; empty where nothing is served yet. */
  readonly body?: Buffer;
  readonly omitted?: Omitted;
  readonly error?: ImdsError;
}

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
 * @param roots absolute
 * @throws every error of a failed request, or when recording only that of the first root's listing; and the signal's reason
 */
export async function walk(
  reader: WalkReader,
  roots: readonly string[],
  options: WalkOptions = {},
): Promise<readonly Item[]> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, ...(options.signal ? [options.signal] : [])]);
  const walking = new Walk(reader, options, signal);
  try {
    return (
      await Promise.all(
        roots.map((path, index) =>
          walking.read({ path, names: path.split('/').slice(2).filter(Boolean) }, index === 0),
        ),
      )
    ).flat();
  } finally {
    // Of what failed nothing goes on.
    ended.abort();
  }
}

class Walk {
  readonly #reader: WalkReader;
  readonly #options: WalkOptions;
  readonly #signal: AbortSignal;
  readonly #waiting: (() => void)[] = [];
  #free = parallelReads;
  #nextAt = performance.now();
  /** Failures in a row, and the last of them. */
  #failures = 0;
  #failure: unknown;
  #values = 0;
  #entries = 0;

  constructor(reader: WalkReader, options: WalkOptions, signal: AbortSignal) {
    this.#reader = reader;
    this.#options = options;
    this.#signal = signal;
  }

  /** Reads a root, or what is listed; failures become items, unless the walk ends with them. */
  async read(place: Place, isRequired = false): Promise<readonly Item[]> {
    try {
      return isDirectory(place.path) ? await this.#directory(place) : await this.#value(place);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (isRequired || this.#entries > mostEntries) throw error;
      if (isNotFound(error) || isEmptyAnswer(error)) return [];
      if (!this.#options.recording || !isImdsError(error) || error.code === 'ERR_IMDS_CLOSED') throw error;
      return [{ ...place, error }];
    }
  }

  async #directory({ path, names }: Place): Promise<readonly Item[]> {
    if (names.length > deepest) throw foreign(`${path} is deeper than instance metadata goes`);
    const listed = await this.#ask((options) => this.#reader.list(path, options));
    this.#entries += listed.length;
    if (this.#entries > mostEntries)
      throw foreign(`there are more than ${mostEntries} values and directories, the last in ${path}; no more are read`);
    return (await Promise.all(listed.map((line) => this.#entry(path, names, line)))).flat();
  }

  async #entry(above: string, names: readonly string[], line: string): Promise<readonly Item[]> {
    const name = line.replace(/\/$/, '');
    // Key 0 is listed as `0=its-name`, and its directory is `0/`.
    const key = categoryOf(above)?.template === 'meta-data/public-keys/' ? /^\d+(?==)/.exec(name)?.[0] : undefined;
    const place = { path: above + (key ?? name), names: [...names, name] };
    try {
      absolutePath(place.path);
    } catch (error) {
      if (isImdsError(error)) return [{ ...place, error }];
      throw error;
    }
    const omitted = omission(place.path, this.#options);
    if (omitted) return [{ ...place, omitted }];
    return await this.read(key || isDirectory(above + line) ? { ...place, path: `${place.path}/` } : place);
  }

  async #value(place: Place): Promise<readonly Item[]> {
    const body = await this.#ask((options) => this.#reader.getBuffer(place.path, options)).catch((error: unknown) => {
      if (isEmptyAnswer(error)) return Buffer.alloc(0);
      throw error;
    });
    this.#values += 1;
    this.#options.onValue?.(this.#values);
    return [{ ...place, body }];
  }

  /** Makes a request at the rate and in the number that the service can bear, and none once it has stopped answering. */
  async #ask<T>(send: (options: { readonly signal: AbortSignal }) => Promise<T>): Promise<T> {
    const signal = this.#signal;
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      if (this.#failures >= patience) throw this.#failure;
      signal.throwIfAborted();
      const now = performance.now();
      const waitMs = this.#nextAt - now;
      this.#nextAt = Math.max(this.#nextAt, now) + 1000 / (this.#options.requestsPerSecond ?? Infinity);
      if (waitMs > 0) await delay(waitMs, undefined, { signal });
      const answer = await send({ signal });
      signal.throwIfAborted();
      this.#failures = 0;
      return answer;
    } catch (error) {
      this.#failures = saysNothing(error) ? 0 : this.#failures + 1;
      this.#failure = error;
      throw error;
    } finally {
      // After an abort the first that fails is enough.
      const begin = signal.aborted ? undefined : this.#waiting.shift();
      if (begin) begin();
      else this.#free += 1;
    }
  }
}

/** True for a failure of one path, which says nothing about the service. */
const saysNothing = (error: unknown): boolean =>
  isImdsError(error) && ['ERR_IMDS_NOT_FOUND', 'ERR_IMDS_DECODE', 'ERR_IMDS_PATH'].includes(error.code);

const foreign = (message: string): ImdsResponseError =>
  new ImdsResponseError(message, {
    fault: 'too-large',
    hint: 'Something other than IMDS answers at this address. Check the endpoint.',
  });

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
