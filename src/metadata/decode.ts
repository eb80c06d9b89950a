import { isUtf8 } from 'node:buffer';
import { emptyAnswer, ImdsDecodeError } from '../errors.js';
import type { Shape } from './documents.js';
import { instantOf } from './instant.js';

/** Turns a body into a value, or throws `ImdsDecodeError`, which names the path and never quotes the body. */
export type Decoder<T> = (body: Buffer, path: string) => T;

/** A key pair the instance was launched with. */
export interface PublicKey {
  /** Number of the key below `public-keys/`, such as `0`. */
  readonly index: number;
  /** Name of the key pair, such as `my-public-key`. */
  readonly name: string;
}

/** True for a body without content: no bytes, or only line breaks. */
export const isEmpty = (body: Buffer): boolean => body.every((byte) => byte === 0x0a || byte === 0x0d);

// Well above a hundred interfaces or fifty tags. Thousands would block the event loop of a caller who reads each.
const mostEntries = 1024;
// A hundred maintenance events take about 30 KB, any other document at most 2 KB.
const longestDocument = 64 * 1024;

const unusable = (path: string, expected: string, got = 'something else'): ImdsDecodeError =>
  new ImdsDecodeError(`Expected ${expected} from ${path}, got ${got}`);

/** UTF-8 text as served. */
export const utf8: Decoder<string> = (body, path) => {
  if (!isUtf8(body)) throw unusable(path, 'UTF-8 text');
  return body.toString('utf8');
};

/** UTF-8 text without its trailing newline; may be empty. IMDS adds one only to SSH keys, proxies and mocks to any. */
export const textOrEmpty: Decoder<string> = (body, path) => {
  const content = utf8(body, path);
  if (!content.endsWith('\n')) return content;
  return content.slice(0, content.endsWith('\r\n') ? -2 : -1);
};

function filled(body: Buffer, path: string, expected: string): string {
  if (isEmpty(body)) throw emptyAnswer(expected, path);
  return textOrEmpty(body, path);
}

/** UTF-8 text without its trailing newline; never empty. */
export const text: Decoder<string> = (body, path) => filled(body, path, 'a text');

/** A text that `parse` turns into a value, or into `undefined` if it is not as expected. */
const parsed =
  <T>(expected: string, parse: (content: string) => T | undefined): Decoder<T> =>
  (body, path) => {
    const value = parse(filled(body, path, expected));
    if (value === undefined) throw unusable(path, expected);
    return value;
  };

/** Decimal digits and nothing else. */
export const integer = parsed('a whole number', (digits) =>
  /^(?:0|[1-9]\d*)$/.test(digits) && Number.isSafeInteger(Number(digits)) ? Number(digits) : undefined,
);

export const boolean = parsed('true or false', (word) =>
  word === 'true' || word === 'false' ? word === 'true' : undefined,
);

/** One entry per line, at least one; directories keep their trailing slash. Frozen. */
export const lines: Decoder<readonly string[]> = (body, path) => {
  const entries: string[] = [];
  for (const [line] of filled(body, path, 'one entry per line').matchAll(/[^\n]+/g)) {
    const entry = line.replace(/\r$/, '');
    if (entry === '') continue;
    // Stops here, as a body may have half a million.
    if (entries.length === mostEntries) throw unusable(path, `at most ${mostEntries} entries`, 'more');
    entries.push(entry);
  }
  return Object.freeze(entries);
};

/** The lines `0=my-public-key` of `public-keys/`; names may contain further equals signs. Frozen. */
export const publicKeys: Decoder<readonly PublicKey[]> = (body, path) =>
  Object.freeze(
    lines(body, path).map((line) => {
      const [, index, name] = /^(\d{1,9})=(.+)$/s.exec(line) ?? [];
      if (index === undefined || name === undefined) throw unusable(path, 'lines of the form 0=name');
      return Object.freeze({ index: Number(index), name });
    }),
  );

export const bytes: Decoder<Uint8Array> = (body) => body;

/** An instant, or `undefined` for anything else: `spot/termination-time` sometimes has other text. */
export const instantIfAny: Decoder<string | undefined> = (body, path) => instantOf(textOrEmpty(body, path));

/** A JSON document of the given shape, with AWS's own field names, unknown fields included. Deeply frozen. */
export const json =
  <T>({ expected, read, lacks }: Shape<T>): Decoder<T> =>
  (body, path) => {
    if (body.length > longestDocument)
      throw unusable(path, `${expected}, of at most ${longestDocument} bytes`, `${body.length} bytes`);
    const value = parseJson(filled(body, path, expected));
    const document = read(value);
    if (document !== undefined) return deepFreeze(document);
    const lacking = lacks?.(value) ?? [];
    throw unusable(path, expected, lacking.length > 0 ? `one without ${lacking.join(', ')}` : undefined);
  };

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    // The engine's message quotes the text, which may contain credentials.
    return undefined;
  }
}

/** Freezes a value that callers share; without recursion, as a document may be nested deeper than the stack. */
export function deepFreeze<T>(root: T): T {
  const open: unknown[] = [root];
  for (const value of open) {
    if (typeof value === 'object' && value !== null)
      for (const child of Object.values(Object.freeze(value))) open.push(child);
  }
  return root;
}
