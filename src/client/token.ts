import type { Response } from './transport.js';

// The session token's arithmetic, without I/O. See "Use the Instance Metadata Service to access instance metadata" in
// the EC2 User Guide.

export const tokenPath = '/latest/api/token';
export const tokenHeader = 'x-aws-ec2-metadata-token';
export const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';

const longestTtlSeconds = 21600;
// A token is left unused for its last second, so that it does not lapse on the way to the service.
const marginMs = 1000;
// As in AWS's SDK for Rust. Short-lived tokens are renewed in their last fifth instead.
const renewEarlyMs = 120_000;

/** When a token must no longer be sent, and from when a new one is fetched while reads still use it. */
export interface Lifetime {
  readonly endsAt: number;
  readonly renewAt: number;
}

/** The token in the reply to a token request; undefined when the reply is something else, such as an error page. */
export function tokenOf(response: Response): { readonly token: string; readonly ttlSeconds: number } | undefined {
  const token = response.body.toString('latin1').trim();
  const ttlSeconds = ttlOf(response);
  // Tokens are opaque, but have to fit into a header.
  return /^[\x21-\x7e]{1,4096}$/.test(token) && ttlSeconds ? { token, ttlSeconds } : undefined;
}

/** Seconds that the service says the token still lives, 0 at its end; undefined when it does not say. */
export function ttlOf(response: Response): number | undefined {
  const text = response.header(ttlHeader);
  return text !== undefined && /^\d{1,9}$/.test(text) ? Math.min(Number(text), longestTtlSeconds) : undefined;
}

/** @param sentAt when the request left, on the client's clock: earlier than the service began to count */
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

/** True when a text holds a token. A short one, as mocks give, has to be a line of it or a segment. */
export const holds = (text: string, token: string): boolean =>
  token.length < 16 ? text.split(/[\n/]/).includes(token) : text.includes(token);
