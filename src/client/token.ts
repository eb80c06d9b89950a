import type { Response } from './transport.js';

// The session token's arithmetic, without I/O. See "Use the Instance Metadata Service to access instance metadata" in
// the EC2 User Guide.

export const tokenPath = '/latest/api/token';
export const tokenHeader = 'x-aws-ec2-metadata-token';
export const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';

const longestTtlSeconds = 21600;
// A token without a TTL is used for this long. The AWS SDKs use it once.
const assumedTtlSeconds = 10;
// A token is not used in its last second, so that it does not expire on the way to the service.
const marginMs = 1000;
// As in the AWS SDK for Rust. Short-lived tokens are renewed in their last fifth instead.
const renewEarlyMs = 120_000;

/** When a token must no longer be sent, and from when on it is renewed while reads still use it. */
export interface Lifetime {
  readonly endsAt: number;
  readonly renewAt: number;
}

/**
 * The token in the reply to a token request; undefined when the reply is something else, such as an error page. IMDS
 * returns 200 and the TTL. Some imitations return neither; `hasTtl` is false then.
 */
export function tokenOf(response: Response) {
  if (response.statusCode !== 200 && response.statusCode !== 201) return undefined;
  const token = response.body.toString('latin1').trim();
  const ttlSeconds = ttlOf(response);
  if (ttlSeconds === 0) return undefined;
  // Tokens are opaque, but must fit into a header. Without a TTL, the body may be the start of a page.
  const pattern = ttlSeconds === undefined ? /^[\w+/=.:~-]{1,4096}$/ : /^[\x21-\x7e]{1,4096}$/;
  if (!pattern.test(token)) return undefined;
  return { token, ttlSeconds: ttlSeconds ?? assumedTtlSeconds, hasTtl: ttlSeconds !== undefined };
}

/** The token's remaining TTL in seconds, as stated by the service, 0 when expired; undefined if not stated. */
export function ttlOf(response: Response): number | undefined {
  const text = response.header(ttlHeader);
  return text !== undefined && /^\d{1,9}(\.\d*)?$/.test(text)
    ? Math.min(Math.floor(Number(text)), longestTtlSeconds)
    : undefined;
}

/** @param sentAt when the request left, on the client's clock: before the service began to count */
export function lifetimeOf(sentAt: number, ttlSeconds: number): Lifetime {
  const lifeMs = ttlSeconds * 1000;
  const endsAt = sentAt + lifeMs - Math.min(marginMs, lifeMs / 10);
  return { endsAt, renewAt: endsAt - Math.min(renewEarlyMs, lifeMs / 5) };
}

/** The earlier ends of two lifetimes. */
export const shorterOf = (a: Lifetime, b: Lifetime): Lifetime => ({
  endsAt: Math.min(a.endsAt, b.endsAt),
  renewAt: Math.min(a.renewAt, b.renewAt),
});

/** True when a text contains a token. A short one, as mocks issue, must be a whole line or path segment. */
export const holds = (text: string, token: string): boolean =>
  token.length < 16 ? text.split(/[\n/]/).includes(token) : text.includes(token);
