import type { Logger } from './events.js';

/** The IP family of the service's well-known address. */
export type EndpointMode = 'IPv4' | 'IPv6';

/** The limits of a client's cache. */
export interface CacheOptions {
  /** Maximum number of cached values, which may take 16 MiB; the least recently used are evicted first. Default 1000. */
  readonly maxEntries?: number | undefined;
  /**
   * Maximum age in milliseconds of a value that may change while the instance runs, and of a 404 for an optional value.
   * Default 1000. Values that cannot change are cached for the client's lifetime regardless.
   */
  readonly liveMaxAgeMs?: number | undefined;
}

/**
 * Client options, all optional: on EC2 nothing needs configuring. Precedence: option, environment variable, shared
 * config file (`~/.aws/config`), default. The names of variables and keys are those of the AWS SDKs and Tools Reference
 * Guide, "IMDS client" and "IMDS credential provider".
 */
export interface ImdsOptions {
  /**
   * URL of the service, such as `http://127.0.0.1:1338`. Plain http; a path before `/latest` is kept. Or a Unix socket
   * forwarded to it, `unix:/run/imds.sock`. Environment `AWS_EC2_METADATA_SERVICE_ENDPOINT`, config key
   * `ec2_metadata_service_endpoint`. Default: the well-known address for `endpointMode`.
   */
  readonly endpoint?: string | URL | undefined;
  /**
   * `IPv4` (http://169.254.169.254) or `IPv6` (http://[fd00:ec2::254]), in any case. Not together with `endpoint`.
   * Environment `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`, config key `ec2_metadata_service_endpoint_mode`. Default `IPv4`.
   */
  readonly endpointMode?: EndpointMode | Lowercase<EndpointMode> | undefined;
  /** TTL of session tokens in seconds, 1 to 21600. Default 21600 (six hours). */
  readonly tokenTtlSeconds?: number | undefined;
  /**
   * `true` allows IMDSv1 when the token request gets a 403, 404 or 405, or no reply.
   * `AWS_EC2_METADATA_V1_DISABLED=true` and the config key `ec2_metadata_v1_disabled` win over it. Default false.
   */
  readonly allowV1?: boolean | undefined;
  /**
   * Milliseconds to wait for a connection. Default 1000.
   * Environment `AWS_METADATA_SERVICE_TIMEOUT`, config key `metadata_service_timeout` (both in seconds).
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Milliseconds one attempt may take, from start to last byte. Default and sources as for `connectTimeoutMs`. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Maximum number of attempts, counted separately for the token request and the read. Default 3.
   * Environment `AWS_METADATA_SERVICE_NUM_ATTEMPTS`, config key `metadata_service_num_attempts`.
   */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds before the second attempt, doubled before each further one; jitter may double it. Default 100. */
  readonly retryDelayMs?: number | undefined;
  /**
   * Milliseconds one call may take in all, retries included. Default 5000, proportionally more where `requestTimeoutMs`
   * or `maxAttempts` is above its default, plus `waitMs`.
   */
  readonly deadlineMs?: number | undefined;
  /**
   * Milliseconds a call keeps trying while the service is not ready, as during boot: connections are refused, there is
   * no route, fresh tokens get a 401, or there are no role credentials yet. Default 0.
   */
  readonly waitMs?: number | undefined;
  /** Name of the IAM role whose credentials are read. Default: the first one listed. */
  readonly roleName?: string | undefined;
  /** `false` stops using expired role credentials even while the service has no newer ones. Default true. */
  readonly staticStability?: boolean | undefined;
  /** `false` asks the service for every value; concurrent reads of one path still share a request. Default true. */
  readonly cache?: boolean | CacheOptions | undefined;
  /** Profile of the shared config file. Environment `AWS_PROFILE`. Default `default`. */
  readonly profile?: string | undefined;
  /** Receives the events, such as `console` or an AWS SDK logger. Never gets a token, a credential or user data. */
  readonly logger?: Logger | undefined;
  /** Monotonic clock in milliseconds, for tests. Default `performance.now`. */
  readonly now?: (() => number) | undefined;
}
