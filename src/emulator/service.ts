import type { IncomingHttpHeaders } from 'node:http';
import { type Answer, empty, found, granted, headersOnly, page, withoutConnection } from './answers.js';
import type { InstanceOptions } from './options.js';
import type { SessionTokens } from './tokens.js';
import type { MetadataTree } from './tree.js';

/** What arrived. */
export interface Asked {
  readonly method: string;
  /** The request target as it was sent, such as `/latest/meta-data/`. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** What the answers depend on. */
export interface Instance {
  readonly options: InstanceOptions;
  readonly tree: MetadataTree;
  readonly tokens: SessionTokens;
  readonly launched: Date;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const tokenHeader = 'x-aws-ec2-metadata-token';
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';
const longestTtlSeconds = 21600;

// What `GET /` lists.
const versions = `
  1.0 2007-01-19 2007-03-01 2007-08-29 2007-10-10 2007-12-15 2008-02-01 2008-09-01 2009-04-04 2011-01-01 2011-05-01
  2012-01-12 2014-02-25 2014-11-05 2015-10-20 2016-04-19 2016-06-30 2016-09-02 2018-03-28 2018-08-17 2018-09-24
  2019-10-01 2020-10-27 2021-01-03 2021-03-23 2021-07-15 2022-09-24 2024-04-11 latest
`
  .trim()
  .split(/\s+/);
// Named in the table of categories, but in no published listing.
const unlistedVersions = ['2016-11-15', '2016-11-30', '2018-05-23', '2018-11-29', '2020-08-24', '2020-11-01'];
const knownVersions = new Set([...versions, ...unlistedVersions]);

/** 2 for a request of IMDSv2, which is one for a session token or with one; the header alone tells. */
export function versionOf({ method, headers }: Asked): 1 | 2 {
  return method === 'PUT' || headers[tokenHeader] !== undefined ? 2 : 1;
}

/**
 * What the service answers; `undefined` if the answer dies on its way back.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */
export function answerTo(asked: Asked, instance: Instance): Answer | undefined {
  const now = new Date(instance.now());
  if (instance.options.httpEndpoint === 'disabled') return empty(now, 403);
  const segments = segmentsOf(asked.target);
  if (segments === undefined) return page(now, 400);
  const [version = '', ...rest] = segments;

  if (knownVersions.has(version) && rest.join('/') === 'api/token') {
    if (asked.method === 'PUT') return answerPut(asked, version, instance, now);
    const allow = [['Allow', 'OPTIONS, PUT']] as const;
    if (version === 'latest') return empty(now, asked.method === 'OPTIONS' ? 200 : 405, allow);
  }

  if (asked.method === 'GET') return read(segments, asked, instance, now);
  if (asked.method === 'HEAD') return headersOnly(read(segments, asked, instance, now));
  return empty(now, asked.method === 'OPTIONS' ? 200 : 405, [['Allow', 'GET, HEAD, OPTIONS']]);
}

function answerPut(asked: Asked, version: string, instance: Instance, now: Date): Answer | undefined {
  const { options, tokens } = instance;
  // Each router takes one off the TTL of the packet, and the last one drops it without a word.
  // https://aws.amazon.com/blogs/security/defense-in-depth-open-firewalls-reverse-proxies-ssrf-vulnerabilities-ec2-instance-metadata-service/
  if (options.hops >= options.httpPutResponseHopLimit) return undefined;
  if (/^[^?]*\/(\?|$)/.test(asked.target)) return withoutConnection(empty(now, 403));
  if (version !== 'latest' || asked.headers['x-forwarded-for'] !== undefined) return empty(now, 403);
  const header = asked.headers[ttlHeader];
  const ttlSeconds = typeof header === 'string' && /^\d+$/.test(header) ? Number(header) : 0;
  if (ttlSeconds < 1 || ttlSeconds > longestTtlSeconds) return page(now, 400);
  return granted(now, tokens.issue(now.getTime() + ttlSeconds * 1000), ttlSeconds);
}

function read(segments: readonly string[], asked: Asked, instance: Instance, now: Date): Answer {
  const { options, tree, tokens, launched } = instance;
  const token = asked.headers[tokenHeader];
  const end = typeof token === 'string' ? (tokens.endOf(token) ?? Number.NEGATIVE_INFINITY) : undefined;
  const isRefused = end === undefined ? options.httpTokens === 'required' : end <= now.getTime();
  if (isRefused) return empty(now, 401);
  const ttlSeconds = end === undefined ? undefined : Math.floor((end - now.getTime()) / 1000);

  const [version, ...path] = segments;
  if (version === undefined) {
    return found(now, { content: versions.join('\n'), type: 'text/plain', lastModified: launched, ttlSeconds });
  }
  const hidden = options.instanceMetadataTags === 'disabled' ? 'meta-data/tags' : undefined;
  const value = knownVersions.has(version) ? tree.read(path, now, hidden) : undefined;
  if (value === undefined) return page(now, 404, ttlSeconds);
  const type = path[0] === 'user-data' ? 'application/octet-stream' : 'text/plain';
  return found(now, { ...value, type, ttlSeconds });
}

/** The decoded segments of a request target; doubled and final slashes make no difference. */
function segmentsOf(target: string): string[] | undefined {
  if (!target.startsWith('/')) return undefined;
  const [path = ''] = target.split('?');
  try {
    return path
      .split('/')
      .filter((segment) => segment !== '')
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
