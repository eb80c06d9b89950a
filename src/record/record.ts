import { setTimeout as delay } from 'node:timers/promises';
import { atMost } from '../client/limit.js';
import { type ImdsError, ImdsResponseError, isEmptyAnswer, isImdsError, isNotFound } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import { categoryOf, isDirectory } from '../metadata/lookup.js';
import {
  hasMore,
  isStrange,
  looksSecret,
  type Reading,
  type Recorded,
  type RecordedValue,
  replaced,
  withoutSecrets,
} from './values.js';

/** What is recorded from: a client. */
export interface RecordReader {
  list(path: string, options?: CallOptions): Promise<readonly string[]>;
  getBuffer(path: string, options?: CallOptions): Promise<Buffer>;
}

/** How to record. */
export interface RecordOptions {
  /**
   * Leave addresses, identifiers, names and tags as they are, and what is not known where it does not look like a secret.
   * Credentials and user data are replaced all the same. Default false.
   */
  readonly keep?: boolean | undefined;
  /** Requests in a second at most. Default 50. */
  readonly requestsPerSecond?: number | undefined;
  /** Called after each value with how many have been read. */
  readonly onValue?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Values and directories by name. */
export interface RecordedTree {
  readonly [name: string]: RecordedValue | RecordedTree;
}

/** A scenario of the emulator. */
export interface RecordedScenario {
  readonly $schema: string;
  readonly description: string;
  /** There is nothing but what is in `tree`. */
  readonly base: 'empty';
  /** What can be told of the instance's options without a request that operators alarm on. */
  readonly options?: { readonly system: 'xen' };
  readonly tree: RecordedTree;
}

/** Something that is not in a recording. Its path has placeholders for all that tells whose instance it is, unless that is kept. */
export interface Omission {
  readonly path: string;
  readonly why: string;
}

/** What came of it. */
export interface Recording {
  readonly scenario: RecordedScenario;
  /** How many values are in it. */
  readonly values: number;
  /** What could not be read. */
  readonly failures: readonly (Omission & { readonly error: ImdsError })[];
  /** What is not in it although it is there, since it may be secret. */
  readonly leftOut: readonly Omission[];
}

// IMDS throttles simultaneous connections and requests, by how many is not published. Of packets to link-local addresses
// 1024 a second are let through, and a request with its connection takes some ten.
const parallelReads = 4;
const defaultRequestsPerSecond = 50;
// The deepest path of the table has seven segments below the version.
const deepest = 16;
// When so many reads in a row have failed, the others would, too.
const patience = 8;

const notKnown = 'not known to this version';

/**
 * Reads all there is, at a rate that leaves room for others, and makes a scenario of it that the emulator replays. What
 * tells whose instance it is has been replaced by then, the same everywhere and such that a recording of the replay is
 * the same again. What cannot be read is named in the result, and the rest is there.
 *
 * @throws every error of a failed request (docs/errors.md) if there is no listing of the instance metadata, and the
 *   signal's reason.
 */
export async function record(reader: RecordReader, options: RecordOptions = {}): Promise<Recording> {
  const { keep = false } = options;
  const { readings, failed, passedOver } = await walk(reader, options);
  const shown = (path: string): string => (keep ? shortPath(path) : withPlaceholders(path));
  const doubts = new Map(readings.map((reading) => [reading, doubtOf(reading, keep)]));
  const recorded = readings.filter((reading) => doubts.get(reading) === undefined);
  const written = keep ? recorded.map(withoutSecrets) : replaced(recorded);
  const isXen = recorded.some(({ path, body }) => templateOf(path) === 'meta-data/system' && body.toString() === 'xen');
  return {
    scenario: {
      $schema: './node_modules/imds/dist/emulator/scenario.schema.json',
      description: keep
        ? 'Recorded from an instance, without its credentials and user data.'
        : 'Recorded from an instance; names, addresses, identifiers, credentials and user data are replaced.',
      base: 'empty',
      ...(isXen && { options: { system: 'xen' } }),
      tree: treeOf(written),
    },
    values: written.length,
    failures: failed.map(({ path, error }) => ({ path: shown(path), why: reasonOf(error), error })),
    leftOut: [
      ...passedOver.map(({ path, why }) => ({ path: shown(path), why })),
      ...[...doubts].flatMap(([{ path }, why]) => (why === undefined ? [] : [{ path: shown(path), why }])),
      ...(keep ? [] : recorded.filter(hasMore).map(({ path }) => ({ path: shown(path), why: `members ${notKnown}` }))),
    ],
  };
}

/** Why what was read is not in the recording; undefined for most. */
function doubtOf(reading: Reading, keep: boolean): string | undefined {
  if (keep) return looksSecret(reading) ? 'holds what looks like a secret' : undefined;
  return isStrange(reading) ? notKnown : undefined;
}

/** Reads everything. What vanishes meanwhile is passed over. */
async function walk(reader: RecordReader, options: RecordOptions) {
  const { signal, onValue, requestsPerSecond = defaultRequestsPerSecond } = options;
  const readings: Reading[] = [];
  const failed: { readonly path: string; readonly error: ImdsError }[] = [];
  const passedOver: Omission[] = [];
  const inTurn = atMost(parallelReads);
  const nextTurn = atRate(requestsPerSecond, signal);
  let failuresInARow = 0;
  let latest: ImdsError | undefined;

  const ask = async <T>(request: (options: CallOptions) => Promise<T>): Promise<T> =>
    await inTurn(async () => {
      if (latest !== undefined && failuresInARow >= patience) throw latest;
      await nextTurn();
      try {
        const answer = await request({ signal });
        failuresInARow = 0;
        return answer;
      } catch (error) {
        if (isImdsError(error)) {
          failuresInARow = isAnswered(error) ? 0 : failuresInARow + 1;
          latest = error;
        }
        throw error;
      }
    });

  /** What a read gives, unless it fails; whatever does, the others go on. */
  async function orNothing<T>(path: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isImdsError(error) || error.code === 'ERR_IMDS_CLOSED') throw error;
      if (!isNotFound(error)) failed.push({ path, error });
      return undefined;
    }
  }

  async function directory(path: string, names: readonly string[]): Promise<void> {
    const listed = await orNothing(path, async () => {
      if (names.length > deepest)
        throw new ImdsResponseError(`${path} is deeper than instance metadata goes`, { fault: 'too-large' });
      return await ask((callOptions) => reader.list(path, callOptions)).catch((error) => orEmpty(error, []));
    });
    if (listed !== undefined) await entries(path, names, listed);
  }

  async function entries(path: string, names: readonly string[], listed: readonly string[]): Promise<void> {
    await Promise.all(
      listed.map(async (line) => {
        // Key 0 is listed as `0=its-name`, and its directory is `0/`.
        const index = templateOf(path) === 'meta-data/public-keys/' ? /^\d+(?==)/.exec(line)?.[0] : undefined;
        const name = line.replace(/\/$/, '');
        const child = path + (index === undefined ? name : index);
        const why = secrecy(child);
        if (why !== undefined) passedOver.push({ path: child, why });
        else if (index !== undefined || isDirectory(path + line)) await directory(`${child}/`, [...names, name]);
        else await value(child, [...names, name]);
      }),
    );
  }

  async function value(path: string, names: readonly string[]): Promise<void> {
    const body = await orNothing(path, () =>
      ask((callOptions) => reader.getBuffer(path, callOptions)).catch((error) => orEmpty(error, Buffer.alloc(0))),
    );
    if (body === undefined) return;
    readings.push({ path, names, body });
    onValue?.(readings.length);
  }

  // The first one tells whether there is a service, and gets the session token that the others share.
  const top = await ask((callOptions) => reader.list('/latest/meta-data/', callOptions));
  await Promise.all([
    entries('/latest/meta-data/', ['meta-data'], top),
    directory('/latest/dynamic/', ['dynamic']),
    value('/latest/user-data', ['user-data']),
  ]);
  return { readings, failed, passedOver };
}

/** Whether a failure is that of one path, and none of the service. */
const isAnswered = ({ code }: ImdsError): boolean =>
  code === 'ERR_IMDS_NOT_FOUND' || code === 'ERR_IMDS_DECODE' || code === 'ERR_IMDS_PATH';

/** What is promised is not there yet: that happens while interfaces and tags come and go. */
function orEmpty<T>(error: unknown, empty: T): T {
  if (isEmptyAnswer(error)) return empty;
  throw error;
}

/** Gives a function that resolves so many times a second at most, evenly. */
function atRate(perSecond: number, signal: AbortSignal | undefined): () => Promise<void> {
  let next = performance.now();
  return async () => {
    const waitMs = next - performance.now();
    next = Math.max(next, performance.now()) + 1000 / perSecond;
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
  };
}

const templateOf = (path: string): string | undefined => categoryOf(path)?.template;

/** A path as the user knows it. */
const shortPath = (path: string): string => path.replace(/^\/latest\/(meta-data\/)?/, '');

/** The template of a path, also where its last name is none that a path can have, and where it only leads to others. */
const templateNear = (path: string): string | undefined =>
  templateOf(path) ??
  templateOf(path.replace(/[^/]+(?=\/?$)/, '_')) ??
  templateOf(`${path}/_`)?.replace(/\/[^/]*\/?$/, '');

/** A path without what tells whose instance it is: of one that is not known, no more than what it is below. */
function withPlaceholders(path: string): string {
  const template = templateNear(path);
  if (template !== undefined) return shortPath(`/latest/${template}`);
  const names = path.split('/');
  const templates = names.map((_, depth) => templateOf(`${names.slice(0, depth).join('/')}/`));
  const depth = templates.findLastIndex((known) => known !== undefined);
  const above = shortPath(`/latest/${templates[depth] ?? ''}`).replace(/[^/]$/, '$&/');
  return `${above}{unknown}${depth < names.length - 1 ? '/…' : ''}`;
}

function reasonOf(error: ImdsError): string {
  switch (error.code) {
    case 'ERR_IMDS_PATH':
      return 'its name cannot be part of a path';
    case 'ERR_IMDS_TIMEOUT':
    case 'ERR_IMDS_HOP_LIMIT':
      return 'no answer in time';
    case 'ERR_IMDS_UNREACHABLE':
      return 'the service could not be reached';
    case 'ERR_IMDS_RESPONSE':
      return error instanceof ImdsResponseError && error.statusCode !== undefined
        ? `answered ${error.statusCode}`
        : 'the answer cannot be used';
    default:
      return error.code;
  }
}

/** Why what is at a path is not even read; undefined for most. */
function secrecy(path: string): string | undefined {
  if (path === '/latest/meta-data/managed-ssh-keys/active-keys') return 'keys that are good for a minute';
  // A newer kind of credentials will have such a path.
  return categoryOf(path) === undefined && /credential|secret|token|password|user-?data/i.test(path)
    ? `${notKnown}, and named like a secret`
    : undefined;
}

type Directory = Map<string, Directory | Recorded['content']>;

/** The tree of values, in the order of their names. */
function treeOf(values: readonly Recorded[]): RecordedScenario['tree'] {
  const root: Directory = new Map();
  for (const { names, content } of values) {
    let directory = root;
    for (const name of names.slice(0, -1)) {
      const found = directory.get(name);
      const inner: Directory = found instanceof Map ? found : new Map();
      directory.set(name, inner);
      directory = inner;
    }
    const name = names.at(-1) ?? '';
    // Where a value and a directory have the same name, there is only the directory.
    if (!directory.has(name)) directory.set(name, content);
  }
  return plain(root);
}

const plain = (directory: Directory): RecordedTree =>
  Object.fromEntries(
    [...directory]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, node]) => [name, node instanceof Map ? plain(node) : node]),
  );
