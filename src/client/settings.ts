import { ImdsSettingsError } from '../errors.js';
import {
  abortSignal,
  type Check,
  checked,
  checkOptions,
  endpointUrl,
  milliseconds,
  nonEmptyText,
  numberOf,
  refuse,
  seconds,
  trueOrFalse,
  wholeNumber,
  wordFor,
} from './check.js';
import { longestTimerMs } from './clock.js';
import { type LeftOut, readProfile } from './config-file.js';
import type { CacheOptions, ImdsOptions } from './options.js';

/** The limits of the cache; see {@link CacheOptions}. */
export type CacheSettings = { readonly [Name in keyof CacheOptions]-?: number };

const ipv4 = 'http://169.254.169.254';
const ipv6 = 'http://[fd00:ec2::254]';
const defaultTimeoutMs = 1000;
const defaultAttempts = 3;
const defaultCache: CacheSettings = { maxEntries: 1000, liveMaxAgeMs: 1000 };

const attempts = wholeNumber(1, 100, 'attempts');
// The AWS SDKs disagree on other texts.
const trueOrFalseText = wordFor({ true: true, false: false });

const cacheChecks = { maxEntries: wholeNumber(1, 1_000_000, 'entries'), liveMaxAgeMs: milliseconds(0) };
const cache: Check<CacheSettings | undefined> = (value, name) => {
  if (typeof value === 'boolean') return value ? defaultCache : undefined;
  if (typeof value !== 'object' || value === null)
    return refuse(name, value, 'true, false or { maxEntries, liveMaxAgeMs }');
  return { ...defaultCache, ...checkOptions(value, `${name}.`, cacheChecks) };
};

/** Everything there is to know about one setting. */
interface Row<T> {
  readonly fallback: T;
  /** Checks the value of the option. A row without it is not an option. */
  readonly check?: Check<T>;
  /** Its key in a profile of the shared config file. `AWS_` and the key in upper case are also its variable. */
  readonly key?: string;
  /** Its environment variable, where it has no key. */
  readonly variable?: string;
  /** Parses the text of the variable or key. Default: the check of the option. */
  readonly parse?: Check<T>;
}

const option = <T>(fallback: T, check: Check<T>, row: Partial<Row<T>> = {}): Row<T> => ({ fallback, check, ...row });
const timeout = option(defaultTimeoutMs, milliseconds(1), { key: 'metadata_service_timeout', parse: seconds });
const isLogger = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isClock = (value: unknown): boolean => typeof value === 'function' && Number.isFinite(value());

const table = {
  endpoint: option(ipv4, endpointUrl, { key: 'ec2_metadata_service_endpoint' }),
  endpointMode: option(ipv4, wordFor({ IPv4: ipv4, IPv6: ipv6 }), { key: 'ec2_metadata_service_endpoint_mode' }),
  tokenTtlSeconds: option(21600, wholeNumber(1, 21600, 'seconds')),
  allowV1: option(false, trueOrFalse),
  v1Disabled: { fallback: false, key: 'ec2_metadata_v1_disabled', parse: trueOrFalseText },
  disabled: { fallback: false, variable: 'AWS_EC2_METADATA_DISABLED', parse: trueOrFalseText },
  connectTimeoutMs: timeout,
  requestTimeoutMs: timeout,
  maxAttempts: option(defaultAttempts, attempts, {
    key: 'metadata_service_num_attempts',
    parse: (value, name) => attempts(numberOf(value), name),
  }),
  retryDelayMs: option(100, milliseconds(0)),
  deadlineMs: option(5000, milliseconds(1)),
  waitMs: option(0, milliseconds(0)),
  roleName: option<string | undefined>(undefined, nonEmptyText),
  staticStability: option(true, trueOrFalse),
  cache: option(defaultCache, cache),
  profile: option('default', nonEmptyText, { variable: 'AWS_PROFILE' }),
  logger: option<unknown>(undefined, checked(isLogger, 'an object with debug, info, warn or error functions')),
  now: option<unknown>(undefined, checked(isClock, 'a function giving milliseconds')),
};

type Name = keyof typeof table;
const rows = Object.entries<Row<unknown>>(table) as [Name, Row<unknown>][];
const optionChecks = Object.fromEntries(rows.flatMap(([name, { check }]) => (check ? [[name, check]] : [])));

type Values = { readonly [N in Name]: (typeof table)[N]['fallback'] };

/** Everything a client needs to know to make a request, resolved once. */
export interface Settings
  extends Omit<Values, 'endpointMode' | 'v1Disabled' | 'disabled' | 'cache' | 'logger' | 'now'> {
  /** The setting that forbids every request, or undefined. */
  readonly disabledBy: string | undefined;
  /** The setting that forbids IMDSv1, in words; undefined when it is allowed. */
  readonly v1ForbiddenBy: string | undefined;
  /** The source of each value, in words such as `AWS_EC2_METADATA_DISABLED` or `default`. */
  readonly origins: Readonly<Record<Name | 'v1ForbiddenBy', string>>;
  /** The shared config file, when it is unreadable and was not named. */
  readonly leftOut: LeftOut | undefined;
}

/** A value, and its source in words. */
interface Found {
  readonly value: unknown;
  readonly origin: string;
}

type Layer = { readonly [N in Name]?: Found };

const defaults = Object.fromEntries(
  rows.map(([name, { fallback }]) => [name, { value: fallback, origin: 'default' }]),
) as Record<Name, Found>;

/** Reads what one source decides. If it has both endpoint and mode, the endpoint wins, as in the AWS SDKs. */
function layerOf(source: (name: Name, row: Row<unknown>) => Found | undefined): Layer {
  const found: { [N in Name]?: Found } = {};
  for (const [name, row] of rows) {
    const value = source(name, row);
    if (value) found[name] = value;
  }
  const address = found.endpoint ?? found.endpointMode;
  return address ? { ...found, endpoint: address, endpointMode: address } : found;
}

/** Checks the text of a variable or key. Empty text counts as unset. */
function parsed({ check, parse = check }: Row<unknown>, text: string | undefined, origin: string): Found | undefined {
  return text && parse ? { value: parse(text, origin), origin } : undefined;
}

/**
 * Checks options and environment at once, and resolves the settings on demand: the first call of `settings` reads the
 * shared config file, unless options and environment decide everything.
 *
 * @param tell is called when the config file is ignored
 * @throws ImdsSettingsError naming the option, variable or key and what would be accepted
 */
export function resolveSettings(
  options: ImdsOptions,
  tell: (leftOut: LeftOut) => void = () => {},
): { readonly settings: () => Settings; readonly cache: CacheSettings | undefined } {
  const given = checkOptions(options, 'option ', optionChecks);
  if ('endpoint' in given && 'endpointMode' in given)
    throw new ImdsSettingsError('options endpoint and endpointMode are both given: expected one of them');
  const env = environment();
  const byOptions = layerOf((name) => (name in given ? { value: given[name], origin: `option ${name}` } : undefined));
  const byEnvironment = layerOf((name, row) => {
    const { key, variable = key && `AWS_${key.toUpperCase()}` } = row;
    return variable && !(name in given) ? parsed(row, env[variable], variable) : undefined;
  });
  const known = { ...byEnvironment, ...byOptions };
  const { cache, profile } = { ...defaults, ...known };
  let file: ReturnType<typeof readProfile> | undefined;
  let settings: Settings | undefined;
  return {
    cache: cache.value as Values['cache'],
    settings() {
      if (settings) return settings;
      const byFile = layerOf((name, row) => {
        if (name in known || row.key === undefined) return undefined;
        file ??= readProfile(env, String(profile.value), profile.origin);
        return parsed(row, file.keys.get(row.key), `${row.key} in profile ${profile.value} of ${file.file}`);
      });
      settings = Object.freeze({ ...settle({ ...defaults, ...byFile, ...known }), leftOut: file?.leftOut });
      if (settings.leftOut) tell(settings.leftOut);
      return settings;
    },
  };
}

function settle(found: Readonly<Record<Name, Found>>): Omit<Settings, 'leftOut'> {
  const entries = Object.entries(found);
  const origins = Object.fromEntries(entries.map(([name, { origin }]) => [name, origin])) as Record<Name, string>;
  // Each was checked or is the default of its row.
  const all = Object.fromEntries(entries.map(([name, { value }]) => [name, value])) as Values;
  const { endpointMode, v1Disabled, disabled, cache, logger, now, ...values } = all;
  const { requestTimeoutMs, maxAttempts, deadlineMs, waitMs } = values;
  // A default deadline must not cut short the configured attempts and wait.
  const growth = Math.max(1, requestTimeoutMs / defaultTimeoutMs) * Math.max(1, maxAttempts / defaultAttempts);
  const refusal = `option allowV1 is false${origins.allowV1 === 'default' ? ', its default' : ''}`;
  return {
    ...values,
    deadlineMs: origins.deadlineMs === 'default' ? Math.min(longestTimerMs, deadlineMs * growth + waitMs) : deadlineMs,
    disabledBy: disabled ? origins.disabled : undefined,
    allowV1: values.allowV1 && !v1Disabled,
    v1ForbiddenBy: v1Disabled ? `${origins.v1Disabled} is true` : values.allowV1 ? undefined : refusal,
    origins: Object.freeze({ ...origins, v1ForbiddenBy: origins[v1Disabled ? 'v1Disabled' : 'allowV1'] }),
  };
}

const reader: ProxyHandler<Record<string, string | undefined>> = {
  get(_, name) {
    try {
      return process.env[String(name)];
    } catch {
      return undefined;
    }
  },
};

/** The environment variables. One that may not be read, as in Deno, counts as unset. */
export const environment = (): Readonly<Record<string, string | undefined>> => new Proxy({}, reader);

/** Checks of the options of a single call. */
export const callChecks = { signal: abortSignal, fresh: trueOrFalse, deadlineMs: milliseconds(1) };
