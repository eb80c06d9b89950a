import { ImdsSettingsError } from '../errors.js';
import { longestTimerMs } from './clock.js';

/**
 * Returns a value if it is acceptable, perhaps converted, or throws {@link ImdsSettingsError}.
 *
 * @param name where the value came from, such as `option deadlineMs`
 */
export type Check<T> = (value: unknown, name: string) => T;

export function refuse(name: string, value: unknown, expected: string): never {
  throw new ImdsSettingsError(`${name} is ${quoted(value)}: expected ${expected}`);
}

/** Formats a wrong value for a message. An object could hold a secret, so only its type is shown. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const isPlain = value === null || !['object', 'function', 'symbol'].includes(typeof value);
  return isPlain ? String(value) : Array.isArray(value) ? `array of ${value.length}` : typeof value;
}

/** `a, b or c`. */
export const oneOf = (words: readonly string[]): string => words.join(', ').replace(/, (?=[^,]*$)/, ' or ');

/** Accepts values that pass a test, which only values of the type must pass. */
export const checked =
  <T>(test: (value: unknown) => boolean, expected: string): Check<T> =>
  (value, name) =>
    test(value) ? (value as T) : refuse(name, value, expected);

const isBetween = (value: unknown, low: number, high: number): boolean =>
  typeof value === 'number' && value >= low && value <= high;

export const wholeNumber = (low: number, high: number, unit: string) =>
  checked<number>(
    (value) => isBetween(value, low, high) && Number.isInteger(value),
    `a whole number of ${unit} from ${low} to ${high}`,
  );

export const milliseconds = (low: number) =>
  checked<number>((value) => isBetween(value, low, longestTimerMs), `milliseconds from ${low} to ${longestTimerMs}`);

export const trueOrFalse = checked<boolean>((value) => typeof value === 'boolean', 'true or false');

export const nonEmptyText = checked<string>((value) => typeof value === 'string' && value.trim() !== '', 'a name');

export const abortSignal = checked<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal');

/** Converts numeric text to a number; returns anything else unchanged. */
export const numberOf = (value: unknown): unknown =>
  typeof value === 'string' && /^\s*\d*\.?\d+\s*$/.test(value) ? Number(value) : value;

/** AWS states timeouts in seconds; fractions are allowed. */
export const seconds: Check<number> = (value, name) => {
  const ms = Number(numberOf(value)) * 1000;
  return isBetween(ms, Number.MIN_VALUE, longestTimerMs) ? ms : refuse(name, value, 'a number of seconds above 0');
};

/** Accepts one of a few words, in any case, and returns its meaning. */
export const wordFor =
  <T>(meanings: Readonly<Record<string, T>>): Check<T> =>
  (value, name) => {
    const text = typeof value === 'string' ? value.trim().toLowerCase() : value;
    const found = Object.entries(meanings).find(([word]) => word.toLowerCase() === text);
    return found ? found[1] : refuse(name, value, oneOf(Object.keys(meanings)));
  };

export const endpointUrl: Check<string> = (value, name) => {
  const text = value instanceof URL ? value.href : value;
  // Never quoted back: a password must not end up in a log.
  if (typeof text === 'string' && text.includes('@'))
    throw new ImdsSettingsError(
      `${name} contains a user name or password: expected a URL without, such as http://127.0.0.1:1338`,
    );
  if (typeof text !== 'string' || !(text.includes('://') || text.trim().toLowerCase().startsWith('unix:')))
    return refuse(name, value, 'a URL with its scheme, such as http://127.0.0.1:1338');
  if (text.startsWith('unix:'))
    return /^unix:\/[\w.~/+=,@-]+$/.test(text) ? text : refuse(name, text, 'unix: and an absolute path without spaces');
  if (!URL.canParse(text)) return refuse(name, value, 'a URL such as http://127.0.0.1:1338');
  const url = new URL(text);
  if (url.protocol !== 'http:') return refuse(name, text, 'the scheme http:');
  if (text.includes('?') || text.includes('#'))
    throw new ImdsSettingsError(`${name} contains a query or fragment: expected a URL without, such as ${url.origin}`);
  let base = url.origin + url.pathname;
  while (base.endsWith('/')) base = base.slice(0, -1);
  return base;
};

/**
 * Checks an options object: refuses unknown names and checks each value. `undefined` counts as not given.
 *
 * @param prefix text before an option's name in messages, such as `call option `
 * @returns the values as returned by their checks
 */
export function checkOptions(
  options: unknown,
  prefix: string,
  checks: Readonly<Record<string, Check<unknown>>>,
): Readonly<Record<string, unknown>> {
  // Text is not quoted: it may be a token, which other clients take in this place.
  if (typeof options !== 'object' || options === null)
    throw new ImdsSettingsError(
      `${prefix.trim()}s are ${typeof options === 'string' ? 'string' : quoted(options)}: expected an object`,
    );
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) {
      // A proof of identity may come from a stranger, names included.
      const shown = /^[\w$]{1,64}$/.test(name) ? name : JSON.stringify(name.slice(0, 64));
      throw new ImdsSettingsError(`unknown ${prefix}${shown}: expected ${oneOf(Object.keys(checks))}`);
    }
    if (value !== undefined) checked[name] = check(value, prefix + name);
  }
  // A getter of a class, for example: neither to be used without a check nor to be passed over.
  for (const name of Object.keys(checks))
    if (!Object.hasOwn(checked, name) && Reflect.get(options, name) !== undefined)
      throw new ImdsSettingsError(`${prefix}${name} is inherited or hidden: expected a property of the object itself`);
  return checked;
}
