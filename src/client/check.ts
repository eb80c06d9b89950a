import { ImdsSettingsError } from '../errors.js';
import { longestTimerMs } from './clock.js';

/**
 * Accepts a value, perhaps in another form, or throws {@link ImdsSettingsError}.
 *
 * @param name what the value was given as, such as `option deadlineMs`
 */
export type Check<T> = (value: unknown, name: string) => T;

/** Throws the error of a value that cannot be used. */
export function refuse(name: string, value: unknown, expected: string): never {
  throw new ImdsSettingsError(`${name} is ${quoted(value)}: expected ${expected}`);
}

/** A wrong value as a message may show it: an object could hold a secret, so only its type is named. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const isPlain = value === null || !['object', 'function', 'symbol'].includes(typeof value);
  return isPlain ? String(value) : typeof value;
}

/** `a, b or c`. */
export const oneOf = (words: readonly string[]): string => words.join(', ').replace(/, (?=[^,]*$)/, ' or ');

export const wholeNumber =
  (low: number, high: number, unit: string): Check<number> =>
  (value, name) =>
    typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high
      ? value
      : refuse(name, value, `a whole number of ${unit} from ${low} to ${high}`);

export const milliseconds =
  (low: number): Check<number> =>
  (value, name) =>
    typeof value === 'number' && value >= low && value <= longestTimerMs
      ? value
      : refuse(name, value, `milliseconds from ${low} to ${longestTimerMs}`);

export const trueOrFalse: Check<boolean> = (value, name) =>
  typeof value === 'boolean' ? value : refuse(name, value, 'true or false');

export const nonEmptyText: Check<string> = (value, name) =>
  typeof value === 'string' && value.trim() !== '' ? value : refuse(name, value, 'a name');

export const abortSignal: Check<AbortSignal> = (value, name) =>
  value instanceof AbortSignal ? value : refuse(name, value, 'an AbortSignal');

/** Text that holds a number, as one; anything else as it is. */
export const numberOf = (value: unknown): unknown =>
  typeof value === 'string' && /^\s*\d*\.?\d+\s*$/.test(value) ? Number(value) : value;

/** AWS states timeouts in seconds; fractions are allowed. */
export const seconds: Check<number> = (value, name) => {
  const ms = Number(numberOf(value)) * 1000;
  return ms > 0 && ms <= longestTimerMs ? ms : refuse(name, value, 'a number of seconds above 0');
};

/** SDKs disagree on what other texts mean, so anything but these two is refused. */
export const trueOrFalseText: Check<boolean> = (value, name) => {
  const text = String(value).trim().toLowerCase();
  return text === 'true' || text === 'false' ? text === 'true' : refuse(name, value, 'true or false');
};

/** The service's address for `IPv4` or `IPv6`. */
export const wellKnownEndpoint: Check<string> = (value, name) => {
  const text = String(value).trim().toLowerCase();
  if (text === 'ipv4') return 'http://169.254.169.254';
  return text === 'ipv6' ? 'http://[fd00:ec2::254]' : refuse(name, value, 'IPv4 or IPv6');
};

export const endpointUrl: Check<string> = (value, name) => {
  const text = value instanceof URL ? value.href : value;
  // Never quoted back: a password must not end up in a log.
  if (typeof text === 'string' && text.includes('@'))
    throw new ImdsSettingsError(
      `${name} holds a user name or password: expected a URL without, such as http://127.0.0.1:1338`,
    );
  if (typeof text === 'string' && text.startsWith('unix:'))
    return /^unix:\/[\w.~/+=,@-]+$/.test(text) ? text : refuse(name, text, 'unix: and an absolute path without spaces');
  if (typeof text !== 'string' || !/^[a-z][a-z0-9+.-]*:\/\//i.test(text.trim()))
    return refuse(name, value, 'a URL with its scheme, such as http://127.0.0.1:1338');
  if (!URL.canParse(text)) return refuse(name, value, 'a URL such as http://127.0.0.1:1338');
  const url = new URL(text);
  if (url.protocol !== 'http:') return refuse(name, text, 'the scheme http:');
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text))
    throw new ImdsSettingsError(`${name} holds a query or fragment: expected a URL without, such as ${url.origin}`);
  return (url.origin + url.pathname).replace(/\/+$/, '');
};

/**
 * Checks an object of options: it has no unknown name, and each value passes the check of its name. Options that are
 * `undefined` count as not given.
 *
 * @param prefix what messages say before the name of one, such as `call option `
 * @returns the values as their checks gave them
 */
export function checkOptions(
  options: unknown,
  prefix: string,
  checks: Readonly<Record<string, Check<unknown>>>,
): Readonly<Record<string, unknown>> {
  if (typeof options !== 'object' || options === null)
    throw new ImdsSettingsError(`${prefix.trim()}s are ${quoted(options)}: expected an object`);
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) throw new ImdsSettingsError(`unknown ${prefix}${name}: expected ${oneOf(Object.keys(checks))}`);
    if (value !== undefined) checked[name] = check(value, prefix + name);
  }
  return checked;
}
