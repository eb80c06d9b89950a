import type { ImdsError, ImdsErrorCode } from '../errors.js';
import { categoryOf } from '../metadata/lookup.js';
import { type Named, nested } from './nested.js';
import { redactor } from './redact.js';
import { isKnown, type WalkOptions, type WalkReader, walk } from './walk.js';

export interface RecordOptions extends Omit<WalkOptions, 'unknown' | 'recording'> {
  /**
   * Keeps addresses, identifiers, names and tags, and unknown values that do not look like a secret. Credentials and
   * user data are replaced all the same. Default false.
   */
  readonly keep?: boolean | undefined;
}

/** A path that is missing from a recording, with placeholders for names, unless these are kept. */
export interface Omission {
  readonly path: string;
  readonly why: string;
}

export type Recording = Awaited<ReturnType<typeof record>>;

const roots = ['/latest/meta-data/', '/latest/dynamic/', '/latest/user-data'];

/**
 * Reads an instance, at a rate that leaves room for others, and makes a scenario that the emulator replays. Secrets
 * and everything that identifies the instance are replaced, consistently. Unreadable values are named in the result;
 * the rest is recorded.
 *
 * @throws any error of a failed request (docs/errors.md) if the root of the instance metadata cannot be listed, and the
 *   signal's reason.
 */
export async function record(reader: WalkReader, options: RecordOptions = {}) {
  // Link-local addresses get 1024 packets a second, and a request with its connection takes about ten.
  const { keep = false, requestsPerSecond = 50 } = options;
  const items = await walk(reader, roots, { ...options, requestsPerSecond, unknown: keep, recording: true });
  const redact = redactor(items, keep);
  const values: Named[] = [];
  const failures: (Omission & { readonly error: ImdsError })[] = [];
  const leftOut: Omission[] = [];
  for (const item of items) {
    const { body, omitted, error } = item;
    const path = (keep ? shortPath : withPlaceholders)(item.path);
    const shown = body && redact(item, body);
    const why = omitted ?? shown?.leftOut;
    if (shown?.content !== undefined) values.push([shown.names, shown.content]);
    if (why !== undefined) leftOut.push({ path, why });
    if (error) failures.push({ path, why: reasonOf(error), error });
  }
  const isXen = items.some(({ path, body }) => path === '/latest/meta-data/system' && body?.toString() === 'xen');
  return {
    scenario: {
      $schema: './node_modules/imds/dist/emulator/scenario.schema.json',
      description: keep
        ? 'Recorded from an instance, without its credentials and user data.'
        : 'Recorded from an instance; names, addresses, identifiers, credentials and user data are replaced.',
      // The tree has everything.
      base: 'empty' as const,
      // The others could be found only with requests that operators have alarms on.
      ...(isXen && { options: { system: 'xen' as const } }),
      tree: nested(values),
    },
    /** The number of values in it. */
    values: values.length,
    /** Values and directories that could not be read. */
    failures,
    /** Values that exist but are left out, since they may be secret. */
    leftOut,
  };
}

/** A path as users write it. */
const shortPath = (path: string): string => path.replace(/^\/latest\/(meta-data\/)?/, '');

/** A path without the names in it, such as `tags/instance/{tag-key}`, even if its last name cannot be in a path. */
function withPlaceholders(path: string): string {
  const template = [path, path.replace(/[^/]+(?=\/?$)/, '_')].map((each) => categoryOf(each)?.template).find(Boolean);
  if (template !== undefined) return shortPath(`/latest/${template}`).replace(/\/$/, path.endsWith('/') ? '/' : '');
  if (isKnown(path)) return shortPath(path);
  return `${withPlaceholders(path.replace(/(?:[^/]+\/?|\/)$/, '')).replace(/[^/]$/, '$&/')}{unknown}`;
}

const reasons: Partial<Readonly<Record<ImdsErrorCode, string>>> = {
  ERR_IMDS_PATH: 'its name cannot be part of a path',
  ERR_IMDS_TIMEOUT: 'no answer in time',
  ERR_IMDS_HOP_LIMIT: 'no answer in time',
  ERR_IMDS_UNREACHABLE: 'the service was unreachable',
  ERR_IMDS_RESPONSE: 'the answer is unusable',
};

const reasonOf = (error: ImdsError): string =>
  'statusCode' in error && error.statusCode !== undefined
    ? `answered ${error.statusCode}`
    : (reasons[error.code] ?? error.code);
