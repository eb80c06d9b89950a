import { type ImdsError, ImdsResponseError } from '../errors.js';
import { categoryOf } from '../metadata/lookup.js';
import { nested, type Tree } from './nested.js';
import { notKnown, type RecordedValue, redactor, withoutSecrets } from './redact.js';
import { isKnown, type Omitted, type WalkReader, walk } from './walk.js';

export interface RecordOptions {
  /**
   * Leave addresses, identifiers, names and tags as they are, and what is not known where it does not look like a secret.
   * Credentials and user data are replaced all the same. Default false.
   */
  readonly keep?: boolean | undefined;
  /** Requests in a second at most. Default 50. */
  readonly requestsPerSecond?: number | undefined;
  /** Called after each value with the number of values so far. */
  readonly onValue?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A scenario of the emulator. */
interface RecordedScenario {
  readonly $schema: string;
  readonly description: string;
  /** There is nothing but what is in `tree`. */
  readonly base: 'empty';
  /** Those of the instance's options that show without a request that operators alarm on. */
  readonly options?: { readonly system: 'xen' };
  readonly tree: Tree<RecordedValue>;
}

/** Something that is not in a recording. Its path has placeholders for names, unless these are kept. */
export interface Omission {
  readonly path: string;
  readonly why: string;
}

export interface Recording {
  readonly scenario: RecordedScenario;
  /** The number of values in it. */
  readonly values: number;
  /** Values and directories that could not be read. */
  readonly failures: readonly (Omission & { readonly error: ImdsError })[];
  /** Values that are there but left out, since they may be secret. */
  readonly leftOut: readonly Omission[];
}

// Of packets to link-local addresses 1024 a second are let through, and a request with its connection takes some ten.
const defaultRequestsPerSecond = 50;
const roots = ['/latest/meta-data/', '/latest/dynamic/', '/latest/user-data'] as const;

/**
 * Reads an instance, at a rate that leaves room for others, and makes a scenario of it that the emulator replays. Secrets
 * and all that tells whose instance it is are replaced, the same by the same everywhere. What cannot be read is named in
 * the result, and the rest is there.
 *
 * @throws every error of a failed request (docs/errors.md) if there is no listing of the instance metadata, and the
 *   signal's reason.
 */
export async function record(reader: WalkReader, options: RecordOptions = {}): Promise<Recording> {
  const { keep = false, requestsPerSecond = defaultRequestsPerSecond } = options;
  const items = await walk(reader, roots, { ...options, requestsPerSecond, unknown: keep, recording: true });
  const shown = keep ? shortPath : withPlaceholders;
  const readings = items.flatMap(({ body, ...place }) => (body ? [{ ...place, body }] : []));
  const redact = keep ? withoutSecrets : redactor(readings);
  const all = readings.map((reading) => ({ ...redact(reading), path: shown(reading.path) }));
  const values = all.flatMap(({ names, content }) => (content === undefined ? [] : [[names, content] as const]));
  const isXen = readings.some(({ path, body }) => path === '/latest/meta-data/system' && body.toString() === 'xen');
  return {
    scenario: {
      $schema: './node_modules/imds/dist/emulator/scenario.schema.json',
      description: keep
        ? 'Recorded from an instance, without its credentials and user data.'
        : 'Recorded from an instance; names, addresses, identifiers, credentials and user data are replaced.',
      base: 'empty',
      ...(isXen && { options: { system: 'xen' } }),
      tree: nested(values),
    },
    values: values.length,
    failures: items.flatMap(({ path, error }) => (error ? [{ path: shown(path), why: reasonOf(error), error }] : [])),
    leftOut: [
      ...items.flatMap(({ path, omitted }) => (omitted ? [{ path: shown(path), why: whyOmitted[omitted] }] : [])),
      ...all.flatMap(({ path, leftOut }) => (leftOut === undefined ? [] : [{ path, why: leftOut }])),
    ],
  };
}

const whyOmitted: Readonly<Record<Omitted, string>> = {
  credentials: 'credentials',
  'user data': 'user data',
  'short-lived keys': 'keys that are good for a minute',
  'named like a secret': `${notKnown}, and named like a secret`,
  unknown: notKnown,
};

/** A path as the user knows it. */
const shortPath = (path: string): string => path.replace(/^\/latest\/(meta-data\/)?/, '');

/** A path without the names in it, such as `tags/instance/{tag-key}`, also where no path can hold its last name. */
function withPlaceholders(path: string): string {
  const template = [path, path.replace(/[^/]+(?=\/?$)/, '_')].map((each) => categoryOf(each)?.template).find(Boolean);
  if (template !== undefined) return shortPath(`/latest/${template}`).replace(/\/$/, path.endsWith('/') ? '/' : '');
  if (isKnown(path)) return shortPath(path);
  return `${withPlaceholders(path.replace(/[^/]+\/?$/, '')).replace(/[^/]$/, '$&/')}{unknown}`;
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
