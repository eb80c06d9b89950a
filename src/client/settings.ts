import { parse as parseIni } from 'ini';
import { codeOf, ImdsSettingsError } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import type { Logger } from './events.js';

/** The IP family of the service's well-known address. */
export type EndpointMode = 'IPv4' | 'IPv6';

/** How much a client remembers. */
export interface CacheOptions {
  /** Most values kept, the least recently used going first. Default 1000. */
  readonly maxEntries?: number | undefined;
  /**
   * Milliseconds that a value which may change while the instance runs is reused, and a normal absence (404) is
   * remembered. Default 1000. What cannot change is kept for the client's life whatever this says.
   */
  readonly liveMaxAgeMs?: number | undefined;
}

/**
 * What a client can be told. Every option is optional: on EC2 nothing needs configuring. An option wins over the
 * environment, that over the shared config file (`~/.aws/config`), that over the default. Names follow the AWS SDKs
 * and Tools Reference Guide, "IMDS client" and "IMDS credential provider".
 */
export interface ImdsOptions {
  /**
   * Where the service is, such as `http://127.0.0.1:1338`. Plain http; a path before `/latest` is kept. Or a Unix socket
   * that is forwarded to it, `unix:/run/imds.sock`.
   * Environment `AWS_EC2_METADATA_SERVICE_ENDPOINT`, config key `ec2_metadata_service_endpoint`.
   * Default: the well-known address of `endpointMode`.
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
   * Whether IMDSv1 may be used when the token request is answered 403, 404 or 405, or its reply never comes.
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
   * Milliseconds one call may take with everything in it. Default 5000, and more in proportion when
   * `requestTimeoutMs` or `maxAttempts` are set above their defaults, so that it never cuts short what they ask for.
   */
  readonly deadlineMs?: number | undefined;
  /** Name of the IAM role whose credentials are read. Default: the first that the service lists. */
  readonly roleName?: string | undefined;
  /**
   * Whether role credentials are used past their end while the service has no newer ones, as AWS's SDKs do. Default true.
   */
  readonly staticStability?: boolean | undefined;
  /** `false` asks the service for every value; concurrent reads of one path still share a request. Default true. */
  readonly cache?: boolean | CacheOptions | undefined;
  /** Profile of the shared config file. Environment `AWS_PROFILE`. Default `default`. */
  readonly profile?: string | undefined;
  /** Receives what happens, as `console` or an AWS SDK logger would. Never given a token, a credential or user data. */
  readonly logger?: Logger | undefined;
  /** Monotonic clock in milliseconds, for tests. Default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

export type { CallOptions };

/** Where the value of a setting came from, in words such as `AWS_EC2_METADATA_DISABLED` or `default`. */
export type Origins = Readonly<Record<string, string>>;

/** How much is remembered; see {@link CacheOptions}. */
export interface CacheSettings {
  readonly maxEntries: number;
  readonly liveMaxAgeMs: number;
}

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
  readonly roleName: string | undefined;
  readonly staticStability: boolean;
  /** Where each setting came from. */
  readonly origins: Origins;
}

const wellKnownEndpoint = { IPv4: 'http://169.254.169.254', IPv6: 'http://[fd00:ec2::254]' } as const;
const defaultAttempts = 3;
const defaultTimeoutMs = 1000;
const defaultDeadlineMs = 5000;
// setTimeout's own limit: anything longer fires at once.
const longestMs = 2 ** 31 - 1;

type Check<T> = (value: unknown, culprit: string) => T;

const refuse = (culprit: string, value: unknown, accepted: string): never => {
  const shown = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  const quoted = shown ? `${JSON.stringify(value)}` : typeof value;
  throw new ImdsSettingsError(`${culprit} is ${quoted}: expected ${accepted}`);
};

const whole =
  (low: number, high: number, unit: string): Check<number> =>
  (value, culprit) =>
    typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high
      ? value
      : refuse(culprit, value, `a whole number of ${unit} from ${low} to ${high}`);

const milliseconds =
  (low: number): Check<number> =>
  (value, culprit) =>
    typeof value === 'number' && value >= low && value <= longestMs
      ? value
      : refuse(culprit, value, `milliseconds from ${low} to ${longestMs}`);

const trueOrFalse: Check<boolean> = (value, culprit) =>
  typeof value === 'boolean' ? value : refuse(culprit, value, 'true or false');

const nonEmpty: Check<string> = (value, culprit) =>
  typeof value === 'string' && value.trim() !== '' ? value : refuse(culprit, value, 'a name');

const asNumber =
  (check: Check<number>): Check<number> =>
  (value, culprit) =>
    typeof value === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(value)
      ? check(Number(value), culprit)
      : check(value, culprit);

/** AWS states timeouts in seconds; fractions are allowed. */
const seconds: Check<number> = (value, culprit) =>
  typeof value === 'string' && /^\s*\d*\.?\d+\s*$/.test(value) && Number(value) > 0 && Number(value) * 1000 <= longestMs
    ? Number(value) * 1000
    : refuse(culprit, value, 'a number of seconds above 0');

/** SDKs disagree on what other texts mean, so anything but these two is refused. */
const flag: Check<boolean> = (value, culprit) => {
  const text = String(value).trim().toLowerCase();
  return text === 'true' || text === 'false' ? text === 'true' : refuse(culprit, value, 'true or false');
};

const mode: Check<EndpointMode> = (value, culprit) => {
  const text = String(value).trim().toLowerCase();
  return text === 'ipv4' ? 'IPv4' : text === 'ipv6' ? 'IPv6' : refuse(culprit, value, 'IPv4 or IPv6');
};

const endpointUrl: Check<string> = (value, culprit) => {
  const text = value instanceof URL ? value.href : value;
  // Never quoted back: a password must not end up in a log.
  if (typeof text === 'string' && text.includes('@'))
    throw new ImdsSettingsError(
      `${culprit} holds a user name or password: expected a URL without, such as http://127.0.0.1:1338`,
    );
  if (typeof text === 'string' && text.startsWith('unix:'))
    return /^unix:\/[\w.~/+=,@-]+$/.test(text)
      ? text
      : refuse(culprit, text, 'unix: and an absolute path without spaces');
  if (typeof text !== 'string' || !/^[a-z][a-z0-9+.-]*:\/\//i.test(text.trim()))
    return refuse(culprit, value, 'a URL with its scheme, such as http://127.0.0.1:1338');
  if (!URL.canParse(text)) return refuse(culprit, value, 'a URL such as http://127.0.0.1:1338');
  const url = new URL(text);
  if (url.protocol !== 'http:') return refuse(culprit, text, 'the scheme http:');
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text))
    throw new ImdsSettingsError(`${culprit} holds a query or fragment: expected a URL without, such as ${url.origin}`);
  return (url.origin + url.pathname).replace(/\/+$/, '');
};

interface Setting<T> {
  readonly option?: keyof ImdsOptions;
  readonly check?: Check<T>;
  readonly variable?: string;
  readonly key?: string;
  /** Reads the text of a variable or key. */
  readonly parse?: Check<T>;
}

/** What was found, by whom, and how strong: 0 option, 1 environment, 2 config file, 3 default. */
interface Found<T> {
  readonly value: T;
  readonly origin: string;
  readonly rank: number;
}

const timeout = (option: 'connectTimeoutMs' | 'requestTimeoutMs'): Setting<number> => ({
  option,
  check: milliseconds(1),
  variable: 'AWS_METADATA_SERVICE_TIMEOUT',
  key: 'metadata_service_timeout',
  parse: seconds,
});

const attempts = whole(1, 100, 'attempts');

const table = {
  disabled: { variable: 'AWS_EC2_METADATA_DISABLED', parse: flag } satisfies Setting<boolean>,
  endpoint: {
    option: 'endpoint',
    check: endpointUrl,
    variable: 'AWS_EC2_METADATA_SERVICE_ENDPOINT',
    key: 'ec2_metadata_service_endpoint',
    parse: endpointUrl,
  } satisfies Setting<string>,
  endpointMode: {
    option: 'endpointMode',
    check: mode,
    variable: 'AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE',
    key: 'ec2_metadata_service_endpoint_mode',
    parse: mode,
  } satisfies Setting<EndpointMode>,
  v1Disabled: {
    variable: 'AWS_EC2_METADATA_V1_DISABLED',
    key: 'ec2_metadata_v1_disabled',
    parse: flag,
  } satisfies Setting<boolean>,
  allowV1: { option: 'allowV1', check: trueOrFalse } satisfies Setting<boolean>,
  tokenTtlSeconds: { option: 'tokenTtlSeconds', check: whole(1, 21600, 'seconds') } satisfies Setting<number>,
  connectTimeoutMs: timeout('connectTimeoutMs'),
  requestTimeoutMs: timeout('requestTimeoutMs'),
  maxAttempts: {
    option: 'maxAttempts',
    check: attempts,
    variable: 'AWS_METADATA_SERVICE_NUM_ATTEMPTS',
    key: 'metadata_service_num_attempts',
    parse: asNumber(attempts),
  } satisfies Setting<number>,
  retryDelayMs: { option: 'retryDelayMs', check: milliseconds(0) } satisfies Setting<number>,
  deadlineMs: { option: 'deadlineMs', check: milliseconds(1) } satisfies Setting<number>,
  roleName: { option: 'roleName', check: nonEmpty } satisfies Setting<string>,
  staticStability: { option: 'staticStability', check: trueOrFalse } satisfies Setting<boolean>,
  profile: { option: 'profile', check: nonEmpty, variable: 'AWS_PROFILE', parse: nonEmpty } satisfies Setting<string>,
};

const optionNames: ReadonlySet<string> = new Set<keyof ImdsOptions>([
  'endpoint',
  'endpointMode',
  'tokenTtlSeconds',
  'allowV1',
  'connectTimeoutMs',
  'requestTimeoutMs',
  'maxAttempts',
  'retryDelayMs',
  'deadlineMs',
  'roleName',
  'staticStability',
  'cache',
  'profile',
  'logger',
  'now',
]);

/**
 * Checks the options and the environment at once and returns the settings on demand: the shared config file is read
 * at the first call, and only for what neither an option nor the environment decides.
 *
 * @throws {@link ImdsSettingsError} naming the option, variable or key and what would be accepted.
 */
export function resolveSettings(options: ImdsOptions): {
  readonly settings: () => Settings;
  readonly cache: CacheSettings | undefined;
} {
  if (typeof options !== 'object' || options === null) refuse('options', options, 'an object');
  for (const name of Object.keys(options))
    if (!optionNames.has(name))
      throw new ImdsSettingsError(`unknown option ${name}: expected one of ${[...optionNames].join(', ')}`);
  checkFunctions(options);
  const cache = resolveCache(options.cache);

  const early = <T>(setting: Setting<T>): Found<T> | undefined => {
    const { option, check, variable, parse } = setting;
    const given = option && options[option];
    if (option && check && given !== undefined)
      return { value: check(given, `option ${option}`), origin: `option ${option}`, rank: 0 };
    const text = variable && process.env[variable];
    if (variable && parse && text) return { value: parse(text, variable), origin: variable, rank: 1 };
    return undefined;
  };
  // Everything that can be refused now is refused now; the file is consulted for the rest, later.
  const found = {
    disabled: early(table.disabled),
    endpoint: early(table.endpoint),
    endpointMode: early(table.endpointMode),
    v1Disabled: early(table.v1Disabled),
    allowV1: early(table.allowV1),
    tokenTtlSeconds: early(table.tokenTtlSeconds),
    connectTimeoutMs: early(table.connectTimeoutMs),
    requestTimeoutMs: early(table.requestTimeoutMs),
    maxAttempts: early(table.maxAttempts),
    retryDelayMs: early(table.retryDelayMs),
    deadlineMs: early(table.deadlineMs),
    roleName: early(table.roleName),
    staticStability: early(table.staticStability),
    profile: early(table.profile),
  };
  if (found.endpoint?.rank === 0 && found.endpointMode?.rank === 0)
    throw new ImdsSettingsError('options endpoint and endpointMode are both given: expected one of them');
  const configFile = process.env['AWS_CONFIG_FILE'];

  let complete: Settings | undefined;
  return {
    cache,
    settings: () => {
      complete ??= withSharedConfig();
      return complete;
    },
  };

  function withSharedConfig(): Settings {
    const file = sharedConfig(configFile, found.profile);
    const late = <T>(known: Found<T> | undefined, setting: Setting<T>): Found<T> | undefined => {
      if (known || !setting.key || !setting.parse) return known;
      const text = file(setting.key);
      if (text === undefined) return undefined;
      const origin = `${setting.key} in ${text.where}`;
      return { value: setting.parse(text.value, origin), origin, rank: 2 };
    };
    const origins: Record<string, string> = {};
    const settle = <T, D>(name: string, known: Found<T> | undefined, fallback: D): T | D => {
      origins[name] = known?.origin ?? 'default';
      return known ? known.value : fallback;
    };

    // One source may set both: an endpoint then wins, as in the AWS SDKs. A stronger source wins over either.
    let endpoint = found.endpoint;
    let endpointMode = found.endpointMode;
    if (!endpoint && !endpointMode) {
      endpoint = late(endpoint, table.endpoint);
      if (!endpoint) endpointMode = late(endpointMode, table.endpointMode);
    }
    const address =
      endpointMode && (!endpoint || endpointMode.rank < endpoint.rank)
        ? { ...endpointMode, value: wellKnownEndpoint[endpointMode.value] }
        : endpoint;

    const v1Disabled = late(found.v1Disabled, table.v1Disabled);
    const allowV1 = settle('allowV1', found.allowV1, false);
    const v1ForbiddenBy = v1Disabled?.value
      ? `${v1Disabled.origin} is true`
      : allowV1
        ? undefined
        : found.allowV1
          ? 'option allowV1 is false'
          : 'option allowV1 is false, its default';
    origins['v1ForbiddenBy'] = v1Disabled?.value ? v1Disabled.origin : `${origins['allowV1']}`;
    const requestTimeoutMs = settle(
      'requestTimeoutMs',
      late(found.requestTimeoutMs, table.requestTimeoutMs),
      defaultTimeoutMs,
    );
    const maxAttempts = settle('maxAttempts', late(found.maxAttempts, table.maxAttempts), defaultAttempts);
    // A hidden deadline must not cancel the patience that was asked for.
    const patience = Math.max(1, requestTimeoutMs / defaultTimeoutMs) * Math.max(1, maxAttempts / defaultAttempts);

    return Object.freeze({
      endpoint: settle('endpoint', address, wellKnownEndpoint.IPv4),
      disabledBy: settle('disabled', found.disabled, false) ? `${found.disabled?.origin}` : undefined,
      tokenTtlSeconds: settle('tokenTtlSeconds', found.tokenTtlSeconds, 21600),
      allowV1: v1ForbiddenBy === undefined,
      v1ForbiddenBy,
      connectTimeoutMs: settle(
        'connectTimeoutMs',
        late(found.connectTimeoutMs, table.connectTimeoutMs),
        defaultTimeoutMs,
      ),
      requestTimeoutMs,
      maxAttempts,
      retryDelayMs: settle('retryDelayMs', found.retryDelayMs, 100),
      deadlineMs: settle('deadlineMs', found.deadlineMs, Math.min(longestMs, defaultDeadlineMs * patience)),
      roleName: settle('roleName', found.roleName, undefined),
      staticStability: settle('staticStability', found.staticStability, true),
      origins: Object.freeze(origins),
    });
  }
}

/** The environment, for those who tell of it; what it sets for a client is in {@link Settings}. */
export const environment = (): Readonly<Record<string, string | undefined>> => process.env;

/** Checks what a single call says for itself. @throws {@link ImdsSettingsError} */
export function checkCallOptions(options: CallOptions): void {
  for (const name of Object.keys(options))
    if (name !== 'signal' && name !== 'fresh' && name !== 'deadlineMs')
      throw new ImdsSettingsError(`unknown call option ${name}: expected signal, fresh or deadlineMs`);
  if (options.deadlineMs !== undefined) milliseconds(1)(options.deadlineMs, 'call option deadlineMs');
  if (options.fresh !== undefined) trueOrFalse(options.fresh, 'call option fresh');
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal))
    refuse('call option signal', options.signal, 'an AbortSignal');
}

function checkFunctions({ logger, now }: ImdsOptions): void {
  if (now !== undefined && typeof now !== 'function') refuse('option now', now, 'a function giving milliseconds');
  if (logger !== undefined && (typeof logger !== 'object' || logger === null))
    refuse('option logger', logger, 'an object with debug, info, warn or error functions');
}

function resolveCache(cache: ImdsOptions['cache']): CacheSettings | undefined {
  if (cache === false) return undefined;
  if (cache !== undefined && cache !== true && (typeof cache !== 'object' || cache === null))
    return refuse('option cache', cache, 'true, false or { maxEntries, liveMaxAgeMs }');
  const given = typeof cache === 'object' ? cache : {};
  for (const name of Object.keys(given))
    if (name !== 'maxEntries' && name !== 'liveMaxAgeMs')
      throw new ImdsSettingsError(`unknown option cache.${name}: expected maxEntries or liveMaxAgeMs`);
  return {
    maxEntries: whole(1, 1_000_000, 'entries')(given.maxEntries ?? 1000, 'option cache.maxEntries'),
    liveMaxAgeMs: milliseconds(0)(given.liveMaxAgeMs ?? 1000, 'option cache.liveMaxAgeMs'),
  };
}

/**
 * Looks keys up in one profile of the shared config file, which is read at the first look-up. A missing file is fine.
 * See "Shared config and credentials files" in the AWS SDKs and Tools Reference Guide.
 */
function sharedConfig(configFile: string | undefined, profile: Found<string> | undefined) {
  const name = profile?.value ?? 'default';
  let section: Readonly<Record<string, unknown>> | undefined;
  let where = '';
  return (key: string): { value: string; where: string } | undefined => {
    section ??= load();
    const value = section[key];
    return value === undefined || value === '' ? undefined : { value: String(value), where };
  };

  function load(): Readonly<Record<string, unknown>> {
    // Imported, node:fs would load all of Node's streams with it, in programs that never come here.
    const { readFileSync } = process.getBuiltinModule('node:fs');
    const { homedir } = process.getBuiltinModule('node:os');
    const { join } = process.getBuiltinModule('node:path');
    const path = configFile ? configFile.replace(/^~(?=\/|$)/, homedir()) : join(homedir(), '.aws', 'config');
    where = `profile ${name} of ${path}`;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') text = '';
      else
        throw new ImdsSettingsError(`the shared config file ${path} cannot be read (${String(code)})`, {
          hint: 'Make it readable, or name another with AWS_CONFIG_FILE.',
          cause: error,
        });
    }
    // The parser takes a dot in a section name for nesting; in AWS's files it is part of the profile's name.
    const sections = parseIni(text.replace(/^\s*\[[^\]\n]*\]/gm, (header) => header.replaceAll('.', '\\.')));
    const named = Object.entries(sections).find(([title]) => profileName(title) === name && /^profile\s/.test(title));
    const found = named?.[1] ?? (name === 'default' ? sections['default'] : undefined);
    // AWS_PROFILE may name a profile of the credentials file alone; an option that names nothing is a mistake.
    if (found === undefined && profile?.rank === 0)
      throw new ImdsSettingsError(`option profile is ${JSON.stringify(name)}: there is no such profile in ${path}`);
    return isRecord(found) ? found : {};
  }
}

const profileName = (title: string): string =>
  title
    .replace(/^profile\s+/, '')
    .trim()
    .replace(/^(["'])(.*)\1$/, '$2');

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
