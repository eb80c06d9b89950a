import type { ImdsOptions } from '../index.js';
import { exitCodes, Failure, misuse } from './exit-codes.js';
import type { Output } from './io.js';
import { oneOfThese } from './layout.js';
import { oneLine } from './output.js';

/** Parses the value of an option or argument; `earlier` is its result for an earlier occurrence. */
export type Reader<Value> = (text: string, flag: string, earlier?: Value) => Value;

/** Parses one of a few words, in any case. */
export const oneOf =
  <Word extends string>(words: readonly Word[]): Reader<Word> =>
  (text, flag) =>
    words.find((word) => word.toLowerCase() === text.toLowerCase()) ?? refuse(flag, text, oneOfThese(words), words);

/** Parses a whole number of some unit. */
export const wholeNumber = (unit: string, least: number, most: number) => numeric(/^\d+$/, unit, least, most);

/** Parses a number, with or without a decimal point. */
export const aNumber = (unit: string, least: number, most: number) => numeric(/^\d+(\.\d+)?$/, unit, least, most);

const numeric =
  (form: RegExp, unit: string, least: number, most: number): Reader<number> =>
  (text, flag) => {
    const value = form.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : refuse(flag, text, `${unit}, ${least} to ${most}`);
  };

/** Refuses an option or argument, and says what would be accepted. */
export function refuse(flag: string, text: string, expected: string, accepted: readonly string[] = []): never {
  const message = `${flag} ${shown(text)}: expected ${expected}`;
  throw new Failure(exitCodes.usage, message, { choice: { given: text, accepted } });
}

const shown = (text: string): string => (/^[!-~]+$/.test(text) ? text : JSON.stringify(text));

/** Accepts any non-empty text that is not an option, which means a forgotten value; `-` and `-5` are values. */
export const someText: Reader<string> = (text, flag) => {
  if (!/^(?:$|-\D)/.test(text)) return text;
  throw misuse(`${flag} needs a value, not ${shown(text)}`);
};

/** The client options that each command line option sets, except --verbose. */
const sets = {
  endpoint: ['endpoint'],
  endpointMode: ['endpointMode'],
  timeout: ['connectTimeoutMs', 'requestTimeoutMs'],
  attempts: ['maxAttempts'],
  wait: ['waitMs'],
  allowV1: ['allowV1'],
} as const satisfies Readonly<Record<string, readonly (keyof ImdsOptions)[]>>;

const seconds = aNumber('seconds', 0, 86_400);

/** The options that every command takes, before or after its name. */
export const globalOptions = {
  '--endpoint <url>': 'URL of the service, such as http://127.0.0.1:1338',
  '--endpoint-mode <mode>': ['IPv4 or IPv6: which well-known address to use', ['IPv4', 'IPv6'], 'endpoint'],
  '--timeout <ms>': [
    'milliseconds to wait for a connection, and for each reply (1000)',
    wholeNumber('milliseconds', 1, 2 ** 31 - 1),
  ],
  '--attempts <n>': ['attempts for each request (3)', wholeNumber('a number of attempts', 1, 100)],
  '--wait <seconds>': [
    'at boot: seconds to keep trying until the service is ready (0)',
    (text: string, flag: string) => seconds(text, flag) * 1000,
  ],
  '--allow-v1': 'use IMDSv1 if IMDSv2 is refused, or its token is lost',
  '--verbose': 'log requests and replies on stderr',
  '--no-color': 'no colours, even at a terminal',
} as const;

/** Converts command line options to client options. */
export function clientOptions(given: Readonly<Record<string, unknown>>, stderr: Output): ImdsOptions {
  return {
    ...Object.fromEntries(Object.entries(sets).flatMap(([name, all]) => all.map((option) => [option, given[name]]))),
    ...(given['verbose'] === true && { logger: verboseLogger(stderr) }),
    // A run reads each value once, and to start fast it must not load what decides how long values are kept.
    cache: false,
  };
}

/** A message of the client, options named as on the command line, and not twice where it has both names. */
export const withFlags = (message: string): string =>
  message.replace(/(?:\bthe )?\boption (\w+)(?: \(`--[^`]+`\))?/g, (whole, option: string) => {
    const [name] = Object.entries<readonly string[]>(sets).find(([, all]) => all.includes(option)) ?? [];
    return name === undefined ? whole : `--${name.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
  });

/** The wording of the fields of the client's events; the others go by their names. */
const phrases: Readonly<Record<string, (value: string) => string>> = {
  method: (value) => value,
  path: (value) => value,
  action: (value) => value,
  version: (value) => `(IMDSv${value})`,
  to: (value) => `to IMDSv${value}`,
  durationMs: (value) => `took ${Number(value).toFixed(1)} ms`,
  statusCode: (value) => `and returned ${value}`,
  ttlSeconds: (value) => `for ${value} s`,
};

/** Writes a line for each client event except those of the cache, such as `imds token obtained for 21600 s`. */
function verboseLogger(stderr: Output): NonNullable<ImdsOptions['logger']> {
  const log = (kind: string, fields: object = {}): void => {
    if (kind === 'imds cache') return;
    const words = Object.entries(fields).map(([name, value]) => phrases[name]?.(String(value)) ?? `${name} ${value}`);
    stderr.write(`${oneLine([kind, ...words].join(' '))}\n`).catch(() => {});
  };
  return { debug: log, info: log, warn: log, error: log };
}
