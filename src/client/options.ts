import type { Logger } from './events.js';

/** The IP family of the service's well-known address. */
export type EndpointMode = 'IPv4' | 'IPv6';

/** How much a client keeps. */
export interface CacheOptions {
  /** Most values kept, the least recently used going first. Default 1000. */
  readonly maxEntries?: number | undefined;
  /**
   * Milliseconds that a value which may change while the instance runs is reused, and that an optional value counts as
   * absent after a 404. Default 1000. What cannot change is kept for the client's life whatever this says.
   */
  readonly liveMaxAgeMs?: number | undefined;
}

/**
 * The options of a client, all of them optional: on EC2 nothing needs configuring. An option wins over the environment,
 * that over the shared config file (`~/.aws/config`), that over the default. The names are those of the AWS SDKs and
 * Tools Reference Guide, "IMDS client" and "IMDS credential provider".
 */
export interface ImdsOptions {
  /**
   * Where the service is, such as `http://127.0.0.1:1338`. Plain http; a path before `/latest` is kept. Or a Unix socket that
   * is forwarded to it, `unix:/run/imds.sock`. Environment `AWS_EC2_METADATA_SERVICE_ENDPOINT`, config key
   * `ec2_metadata_service_endpoint`. Default: the well-known address of `endpointMode`.
   */
  readonly endpoint?: string | URL | undefined;
  /**
   * `IPv4` (http://169.254.169.254) or `IPv6` (http://[fd00:ec2::254]), in any case. Not together with `endpoint`.
   * Environment `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`, config key `ec2_metadata_service_endpoint_mode`. Default `IPv4`.
   */
  readonly endpointMode?: EndpointMode | Lowercase<EndpointMode> | undefined;
  /** Seconds a session token is asked to live, 1 to 21600. Default 21600 (six hours). */
  readonly tokenTtlSeconds?: number | undefined;
  /**
   * `true` allows IMDSv1 when the token request is answered 403, 404 or 405, or its reply never comes.
   * `AWS_EC2_METADATA_V1_DISABLED=true` and the config key `ec2_metadata_v1_disabled` win over it. Default false.
   */
  readonly allowV1?: boolean | undefined;
  /**
   * Milliseconds to wait for a connection. Default 1000.
   * Environment `AWS_METADATA_SERVICE_TIMEOUT`, config key `metadata_service_timeout` (both in seconds).
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Milliseconds one attempt may take, from start to last byte. Default and sources as `connectTimeoutMs`. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Attempts in all, for the token request and for the read each. Default 3.
   * Environment `AWS_METADATA_SERVICE_NUM_ATTEMPTS`, config key `metadata_service_num_attempts`.
   */
  readonly maxAttempts?: number | undefined;
  /** Milliseconds before the second attempt, doubled before each further one and jittered by up to twice. Default 100. */
  readonly retryDelayMs?: number | undefined;
  /**
   * Milliseconds one call may take with everything in it. Default 5000, in proportion more where `requestTimeoutMs` or
   * `maxAttempts` are above their defaults, plus `waitMs`.
   */
  readonly deadlineMs?: number | undefined;
  /**
   * Milliseconds that a call keeps asking a service that is not ready, as while an instance boots: it refuses connections,
   * there is no route to it, it answers 401 to fresh tokens, or it has no role's credentials yet. Default 0.
   */
  readonly waitMs?: number | undefined;
  /** Name of the IAM role whose credentials are read. Default: the first that the service lists. */
  readonly roleName?: string | undefined;
  /** `false` stops using role credentials at their end even while the service has no newer ones. Default true. */
  readonly staticStability?: boolean | undefined;
  /** `false` asks the service for every value; concurrent reads of one path still share a request. Default true. */
  readonly cache?: boolean | CacheOptions | undefined;
  /** Profile of the shared config file. Environment `AWS_PROFILE`. Default `default`. */
  readonly profile?: string | undefined;
  /** Receives the events, as `console` or an AWS SDK logger would. Never given a token, a credential or user data. */
  readonly logger?: Logger | undefined;
  /** Monotonic clock in milliseconds, for tests. Default `performance.now`. */
  readonly now?: (() => number) | undefined;
}
