import { ImdsSettingsError } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import {
  abortSignal,
  type Check,
  checkOptions,
  endpointMode,
  endpointUrl,
  milliseconds,
  nonEmptyText,
  numberOf,
  refuse,
  seconds,
  trueOrFalse,
  trueOrFalseText,
  wholeNumber,
} from './check.js';
import { longestTimerMs } from './clock.js';
import { type ConfigFile, configFile } from './config-file.js';
import type { Logger } from './events.js';
import type { CacheOptions, EndpointMode, ImdsOptions } from './options.js';

/** Where the value of a setting came from, in words such as `AWS_EC2_METADATA_DISABLED` or `default`. */
type Origins = Readonly<Record<Name | 'v1ForbiddenBy', string>>;

/** Everything a client needs to know to make a request, resolved once. */
export interface Settings {
  /** Base URL without a slash at its end. */
  readonly endpoint: string;
  /** The setting that forbids every request, or undefined. */
  readonly disabledBy: string | undefined;
  readonly tokenTtlSeconds: number;
  readonly allowV1: boolean;
  /** Which setting forbids IMDSv1, in words; undefined when it is allowed. */
  readonly v1ForbiddenBy: string | undefined;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  readonly deadlineMs: number;
  readonly waitMs: number;
  readonly roleName: string | undefined;
  readonly staticStability: boolean;
  readonly origins: Origins;
}

/** How much is kept; see {@link CacheOptions}. */
export type CacheSettings = { readonly [Name in keyof CacheOptions]-?: number };

const wellKnownEndpoint: Readonly<Record<EndpointMode, string>> = {
  IPv4: 'http://169.254.169.254',
  IPv6: 'http://[fd00:ec2::254]',
};
const defaultTimeoutMs = 1000;
const defaultAttempts = 3;

const attempts = wholeNumber(1, 100, 'attempts');

const cacheChecks = { maxEntries: wholeNumber(1, 1_000_000, 'entries'), liveMaxAgeMs: milliseconds(0) };
const defaultCache: CacheSettings = { maxEntries: 1000, liveMaxAgeMs: 1000 };

const cacheSettings: Check<CacheSettings | undefined> = (value, name) => {
  if (value === false) return undefined;
  if (value === true) return defaultCache;
  if (typeof value !== 'object' || value === null)
    return refuse(name, value, 'true, false or { maxEntries, liveMaxAgeMs }');
  return { ...defaultCache, ...checkOptions(value, `${name}.`, cacheChecks) };
};

const logger: Check<Logger | undefined> = (value, name) =>
  typeof value === 'object' && value !== null
    ? value
    : refuse(name, value, 'an object with debug, info, warn or error functions');

const now: Check<unknown> = (value, name) =>
  typeof value === 'function' ? value : refuse(name, value, 'a function giving milliseconds');

/** All there is to say of one setting. */
interface Row<T> {
  /** Checks the value of the option. A row without it is no option. */
  readonly check?: Check<T>;
  readonly variable?: string;
  /** Its key in a profile of the shared config file. */
  readonly key?: string;
  /** Reads the text of the variable or key. Default: the check of the option. */
  readonly parse?: Check<T>;
  readonly fallback: T;
}

const row = <T>(row: Row<T>): Row<T> => row;

const timeout = row({
  check: milliseconds(1),
  variable: 'AWS_METADATA_SERVICE_TIMEOUT',
  key: 'metadata_service_timeout',
  parse: seconds,
  fallback: defaultTimeoutMs,
});

const table = {
  endpoint: row({
    check: endpointUrl,
    variable: 'AWS_EC2_METADATA_SERVICE_ENDPOINT',
    key: 'ec2_metadata_service_endpoint',
    fallback: wellKnownEndpoint.IPv4,
  }),
  endpointMode: row<EndpointMode>({
    check: endpointMode,
    variable: 'AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE',
    key: 'ec2_metadata_service_endpoint_mode',
    fallback: 'IPv4',
  }),
  tokenTtlSeconds: row({ check: wholeNumber(1, 21600, 'seconds'), fallback: 21600 }),
  allowV1: row({ check: trueOrFalse, fallback: false }),
  v1Disabled: row({
    variable: 'AWS_EC2_METADATA_V1_DISABLED',
    key: 'ec2_metadata_v1_disabled',
    parse: trueOrFalseText,
    fallback: false,
  }),
  disabled: row({ variable: 'AWS_EC2_METADATA_DISABLED', parse: trueOrFalseText, fallback: false }),
  connectTimeoutMs: timeout,
  requestTimeoutMs: timeout,
  maxAttempts: row({
    check: attempts,
    variable: 'AWS_METADATA_SERVICE_NUM_ATTEMPTS',
    key: 'metadata_service_num_attempts',
    parse: (value, name) => attempts(numberOf(value), name),
    fallback: defaultAttempts,
  }),
  retryDelayMs: row({ check: milliseconds(0), fallback: 100 }),
  deadlineMs: row({ check: milliseconds(1), fallback: 5000 }),
  waitMs: row({ check: milliseconds(0), fallback: 0 }),
  roleName: row<string | undefined>({ check: nonEmptyText, fallback: undefined }),
  staticStability: row({ check: trueOrFalse, fallback: true }),
  cache: row({ check: cacheSettings, fallback: defaultCache }),
  profile: row({ check: nonEmptyText, variable: 'AWS_PROFILE', fallback: 'default' }),
  logger: row<Logger | undefined>({ check: logger, fallback: undefined }),
  now: row<unknown>({ check: now, fallback: undefined }),
};

type Table = typeof table;
type Name = keyof Table;

const names = Object.keys(table) as Name[];
const optionChecks = Object.fromEntries(
  Object.entries<Row<unknown>>(table).flatMap(([name, { check }]) => (check ? [[name, check]] : [])),
);

/** Where a value comes from, the strongest first. */
const rank = { option: 0, environment: 1, file: 2, default: 3 } as const;

interface Found<T> {
  readonly value: T;
  readonly rank: (typeof rank)[keyof typeof rank];
  /** The source in words. */
  readonly origin: string;
}

/** The values of all settings. */
type All = { readonly [N in Name]: Table[N] extends Row<infer T> ? Found<T> : never };

/** Something for each row of the table. */
const each = <F>(find: (name: Name) => Found<unknown> | undefined): F =>
  // What is found for a name is what its row checks or defaults to.
  Object.fromEntries(names.map((name) => [name, find(name)])) as F;

/**
 * Checks options and environment at once and resolves the settings on demand: the first call of `settings` reads the shared
 * config file, and only for what neither an option nor the environment decides.
 *
 * @throws ImdsSettingsError naming the option, variable or key and what would be accepted
 */
export function resolveSettings(options: ImdsOptions): {
  readonly settings: () => Settings;
  readonly cache: CacheSettings | undefined;
} {
  const given = checkOptions(options, 'option ', optionChecks);
  const found: Partial<All> = each((name) =>
    name in given ? { value: given[name], rank: rank.option, origin: `option ${name}` } : fromEnvironment(table[name]),
  );
  const { endpoint, endpointMode, profile } = found;
  if (endpoint?.rank === rank.option && endpointMode?.rank === rank.option)
    throw new ImdsSettingsError('options endpoint and endpointMode are both given: expected one of them');
  const file = configFile(process.env['AWS_CONFIG_FILE'], profile?.value ?? 'default', profile?.rank === rank.option);
  let settings: Settings | undefined;
  return {
    cache: found.cache ? found.cache.value : defaultCache,
    settings: () => {
      settings ??= settle(found, file);
      return settings;
    },
  };
}

function fromEnvironment({ check, variable, parse = check }: Row<unknown>): Found<unknown> | undefined {
  const text = variable && process.env[variable];
  return text && parse ? { value: parse(text, variable), rank: rank.environment, origin: variable } : undefined;
}

/** The value of the profile, or else the default. */
function fromFile({ key, check, parse = check, fallback }: Row<unknown>, file: ConfigFile): Found<unknown> {
  const line = key === undefined ? undefined : file(key);
  if (!line || !parse) return { value: fallback, rank: rank.default, origin: 'default' };
  const origin = `${key} in ${line.where}`;
  return { value: parse(line.text, origin), rank: rank.file, origin };
}

function settle(found: Partial<All>, file: ConfigFile): Settings {
  const late = <N extends Name>(name: N): All[N] => (found[name] ?? fromFile(table[name], file)) as All[N];
  const address = addressOf(found, late);
  const all: All = each((name) => (name === 'endpoint' || name === 'endpointMode' ? address : late(name)));
  const { disabled, requestTimeoutMs, maxAttempts, deadlineMs, waitMs } = all;
  const v1 = v1Of(all);
  // A default deadline must not cut short the attempts that were asked for.
  const growth =
    Math.max(1, requestTimeoutMs.value / defaultTimeoutMs) * Math.max(1, maxAttempts.value / defaultAttempts);
  return Object.freeze({
    endpoint: address.value,
    disabledBy: disabled.value ? disabled.origin : undefined,
    tokenTtlSeconds: all.tokenTtlSeconds.value,
    allowV1: v1.forbiddenBy === undefined,
    v1ForbiddenBy: v1.forbiddenBy,
    connectTimeoutMs: all.connectTimeoutMs.value,
    requestTimeoutMs: requestTimeoutMs.value,
    maxAttempts: maxAttempts.value,
    retryDelayMs: all.retryDelayMs.value,
    deadlineMs:
      deadlineMs.rank === rank.default
        ? Math.min(longestTimerMs, deadlineMs.value * growth + waitMs.value)
        : deadlineMs.value,
    waitMs: waitMs.value,
    roleName: all.roleName.value,
    staticStability: all.staticStability.value,
    origins: Object.freeze({
      ...(Object.fromEntries(names.map((name) => [name, all[name].origin])) as Record<Name, string>),
      v1ForbiddenBy: v1.origin,
    }),
  });
}

/** One source may set both endpoint and mode: the endpoint then wins, as in the AWS SDKs. Else the stronger source wins. */
function addressOf({ endpoint, endpointMode }: Partial<All>, late: <N extends Name>(name: N) => All[N]): Found<string> {
  if (endpoint && (!endpointMode || endpoint.rank <= endpointMode.rank)) return endpoint;
  if (!endpointMode) {
    const url = late('endpoint');
    if (url.rank === rank.file) return url;
  }
  const mode = late('endpointMode');
  return { ...mode, value: wellKnownEndpoint[mode.value] };
}

/** What forbids version 1, in words, and where that comes from. */
function v1Of({ allowV1, v1Disabled }: All): { readonly forbiddenBy: string | undefined; readonly origin: string } {
  if (v1Disabled.value) return { forbiddenBy: `${v1Disabled.origin} is true`, origin: v1Disabled.origin };
  const isDefault = allowV1.rank === rank.default;
  const forbiddenBy = `option allowV1 is false${isDefault ? ', its default' : ''}`;
  return { forbiddenBy: allowV1.value ? undefined : forbiddenBy, origin: allowV1.origin };
}

/** The settings that are not at their default, in words: `maxAttempts 5 (AWS_METADATA_SERVICE_NUM_ATTEMPTS)`. */
export function givenSettings(settings: Settings): readonly string[] {
  const origins: Readonly<Record<string, string>> = settings.origins;
  return Object.entries(settings)
    .filter(([name]) => (origins[name] ?? 'default') !== 'default' && name !== 'v1ForbiddenBy')
    .map(([name, value]) => `${name} ${value} (${origins[name]})`);
}

/** The environment, for those who report it; what it sets for a client is in {@link Settings}. */
export const environment = (): Readonly<Record<string, string | undefined>> => process.env;

const callChecks = { signal: abortSignal, fresh: trueOrFalse, deadlineMs: milliseconds(1) };

/** Checks the options of a single call. @throws ImdsSettingsError */
export function checkCallOptions(options: CallOptions): void {
  checkOptions(options, 'call option ', callChecks);
}
