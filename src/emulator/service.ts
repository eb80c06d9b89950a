import type { IncomingHttpHeaders } from 'node:http';
import { type Answer, empty, found, granted, page, withHeader } from './answers.js';
import { milliseconds } from './clock.js';
import type { Match } from './faults.js';
import type { SeenRequest } from './journal.js';
import { decodedNames } from './path.js';
import type { State } from './state.js';
import type { SessionTokens } from './tokens.js';

export interface Request {
  readonly method: string;
  /** The request target as it was sent, such as `/latest/meta-data/`. */
  readonly target: string;
  /** Such as `1.1`. */
  readonly httpVersion: string;
  /** The caller's address. */
  readonly caller: string;
  readonly headers: IncomingHttpHeaders;
  /** The status for a request that is not HTTP, too large, or waits to be told to go on. */
  readonly rejection?: 400 | 413 | 417 | 431;
}

const tokenHeader = 'x-aws-ec2-metadata-token';
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';
const longestTtlSeconds = 21600;
const serviceHost = '169.254.169.254';
const allowedReads = 'GET, HEAD, OPTIONS';

// The versions that `GET /` lists.
const versions = `
  1.0 2007-01-19 2007-03-01 2007-08-29 2007-10-10 2007-12-15 2008-02-01 2008-09-01 2009-04-04 2011-01-01 2011-05-01
  2012-01-12 2014-02-25 2014-11-05 2015-10-20 2016-04-19 2016-06-30 2016-09-02 2018-03-28 2018-08-17 2018-09-24
  2019-10-01 2020-10-27 2021-01-03 2021-03-23 2021-07-15 2022-09-24 2024-04-11 latest
`
  .trim()
  .split(/\s+/);
// In the table of categories, but in no published listing.
const unlistedVersions = ['2016-11-15', '2016-11-30', '2018-05-23', '2018-11-29', '2020-08-24', '2020-11-01'];
const knownVersions = new Set([...versions, ...unlistedVersions]);

export interface Decision extends Pick<SeenRequest, 'reason' | 'hopLimit' | 'error'> {
  /** `undefined` if the reply dies on its way. */
  readonly answer: Answer | undefined;
}

/** 2 for a request for a session token or with one, valid or not. */
export function versionOf({ method, headers }: Request): 1 | 2 {
  return method === 'PUT' || headers[tokenHeader] !== undefined ? 2 : 1;
}

/**
 * The service's reply, with a body even for HEAD. Of the faults, only those that change session tokens matter.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */
export function decide(request: Request, state: State, now: Date, faults: readonly Match[]): Decision {
  const { method, target } = request;
  if (state.options.httpEndpoint === 'disabled') return { answer: empty(now, 403), reason: 'endpoint off' };
  const hopLimit = { had: state.options.httpPutResponseHopLimit, needed: state.hopsOf(request.caller) + 1 };
  // The target of CONNECT is a host and a port, not a path.
  if (method === 'CONNECT') return otherMethod(method, now, allowedReads);
  const segments = decodedNames(target);
  if (segments === undefined) return { answer: page(now, 400), reason: 'bad path' };
  const [version = '', area, name] = segments;

  if (area === 'api' && name === 'token' && segments.length === 3 && knownVersions.has(version)) {
    if (method === 'PUT') {
      // Each router decrements the TTL of the packet, and the last one drops it silently.
      // https://aws.amazon.com/blogs/security/defense-in-depth-open-firewalls-reverse-proxies-ssrf-vulnerabilities-ec2-instance-metadata-service/
      // In the lab, real routers do.
      const isLost = state.network.kind === 'pretended' && hopLimit.needed > hopLimit.had;
      if (isLost) return { answer: undefined, reason: 'hop limit', hopLimit };
      return { ...grant(request, version, state.tokens, now, faults), hopLimit };
    }
    if (version === 'latest') return otherMethod(method, now, 'OPTIONS, PUT');
  }
  return method === 'GET' || method === 'HEAD'
    ? read(segments, request, state, now, faults)
    : otherMethod(method, now, allowedReads);
}

function otherMethod(method: string, now: Date, allowed: string): Decision {
  const allow = [['Allow', allowed]] as const;
  if (method === 'OPTIONS') return { answer: empty(now, 200, allow) };
  return { answer: empty(now, 405, allow), reason: 'bad method' };
}

function grant(
  { target, headers }: Request,
  version: string,
  tokens: SessionTokens,
  now: Date,
  faults: readonly Match[],
): Decision {
  const reason = 'bad token request';
  if (/^[^?]*\/(\?|$)/.test(target)) return { answer: withHeader(empty(now, 403), 'Connection'), reason };
  if (version !== 'latest' || headers['x-forwarded-for'] !== undefined) return { answer: empty(now, 403), reason };
  const header = headers[ttlHeader];
  const ttlSeconds = typeof header === 'string' && /^\d+$/.test(header) ? Number(header) : 0;
  if (ttlSeconds < 1 || ttlSeconds > longestTtlSeconds) return { answer: page(now, 400), reason };
  const lifetimeMs = ttlSeconds * 1000;
  const promisedEnd = now.getTime() + lifetimeMs;
  const lives = faults.map(({ fault }) => (fault.kind === 'short-token' ? milliseconds(fault.lifetime) : lifetimeMs));
  const end = now.getTime() + Math.min(lifetimeMs, ...lives);
  return { answer: granted(now, tokens.issue({ end, promisedEnd }), ttlSeconds) };
}

function read(
  segments: readonly string[],
  { target, headers }: Request,
  state: State,
  now: Date,
  faults: readonly Match[],
): Decision {
  const { options, tree, tokens, launched } = state;
  const token = headers[tokenHeader];
  const life = typeof token === 'string' ? tokens.lifeOf(token) : undefined;
  const isAnyGood = faults.some(({ fault }) => fault.kind === 'any-token');
  const unauthorized = (reason: 'v1 off' | 'token unknown' | 'token expired') => ({ answer: empty(now, 401), reason });
  if (token === undefined && options.httpTokens === 'required') return unauthorized('v1 off');
  if (token !== undefined && life === undefined && !isAnyGood) return unauthorized('token unknown');
  if (life && life.end <= now.getTime() && !isAnyGood) return unauthorized('token expired');
  const ttlSeconds = life && Math.max(0, Math.floor((life.promisedEnd - now.getTime()) / 1000));

  const [version, ...path] = segments;
  if (version === undefined) {
    return { answer: found(now, { content: versions.join('\n'), lastModified: launched }, 'text/plain', ttlSeconds) };
  }
  const hidden = options.instanceMetadataTags === 'disabled' ? 'meta-data/tags' : undefined;
  const value = knownVersions.has(version) ? tree.read(path, now, hidden) : undefined;
  if (value === undefined) return { answer: page(now, 404, ttlSeconds), reason: 'not there' };
  if (options.system === 'xen' && value.kind === 'directory' && !/\/(\?|$)/.test(target)) {
    const location = `http://${headers.host ?? serviceHost}${target.replace(/\?.*/, '')}/`;
    return { answer: empty(now, 301, [['Location', location]]) };
  }
  const type = path[0] === 'user-data' ? 'application/octet-stream' : 'text/plain';
  return { answer: found(now, value, type, ttlSeconds) };
}
