import { type Decoder, integer, isEmpty, lines, text } from './decode.js';
import { fill, type Parameter } from './path.js';

/** The form of a value: one text, one entry a line, a JSON document, the names below a path, or bytes. */
export type Kind = 'scalar' | 'list' | 'json' | 'directory' | 'binary';

/** A value changes never for this instance, only over a stop and start, or while the instance runs. */
export type Mutability = 'immutable' | 'stop-start' | 'live';

/** One value of the metadata service: its path, its form, and how long it may be kept. */
export interface Category<T> {
  /** Absolute path, such as `/latest/meta-data/instance-id`, with parameters filled in. */
  readonly path: string;
  /** Path below the version, with placeholders: `meta-data/block-device-mapping/ebs{n}`. */
  readonly template: string;
  readonly kind: Kind;
  readonly mutability: Mutability;
  /** Absence (404) is normal and stands for `undefined`. */
  readonly optional: boolean;
  /** Holds credentials or user data: never logged, never listed with its value. */
  readonly secret: boolean;
  /** Turns a body into the value. Throws `ImdsDecodeError`, which names `path` and never quotes the body. */
  decode(body: Buffer): T;
  /** False for a value that may be a placeholder, such as a device number of 0, and should be read again soon. */
  isSettled?(value: T): boolean;
  /** Expiry of a value in milliseconds since the epoch; `undefined` if it states none. */
  expiresAt?(value: T): number | undefined;
}

/** Makes the categories below a directory such as `meta-data/`, whose own placeholders are filled with `values`. */
export function under(directory: string, ...values: readonly Parameter[]) {
  const row =
    <T>(kind: Kind, decoder: Decoder<T>) =>
    (name: string, mutability: Mutability, ...more: readonly Parameter[]): Category<T> => {
      const template = directory + name;
      return {
        path: fill(template, [...values, ...more]),
        template,
        kind,
        mutability,
        optional: false,
        secret: false,
        // By `this`, so that a copy with another path names that one.
        decode(body) {
          return decoder(body, this.path);
        },
      };
    };
  return {
    row,
    scalar: row('scalar', text),
    count: row('scalar', integer),
    list: row('list', lines),
    directory: row('directory', lines),
    json: <T>(decoder: Decoder<T>) => row('json', decoder),
  };
}

const none: readonly never[] = Object.freeze([]);

/** May be absent, and an empty body has a meaning of its own; but it may also come before the value does. */
function orEmpty<T, E>(category: Category<T>, empty: E): Category<T | E | undefined> {
  return {
    ...category,
    optional: true,
    decode(body) {
      return isEmpty(body) ? empty : category.decode.call(this, body);
    },
    isSettled: (value) => value !== empty,
  };
}

/** May be absent. An empty list then means "none"; an empty text or document is an error. */
export function optional<T>(category: Category<readonly T[]>): Category<readonly T[] | undefined>;
export function optional<T>(category: Category<T>): Category<T | undefined>;
export function optional<T>(category: Category<T>): Category<T | readonly never[] | undefined> {
  const { kind } = category;
  return kind === 'list' || kind === 'directory' ? orEmpty(category, none) : { ...category, optional: true };
}

/** May be absent, and an empty text means the same. */
export const optionalOrEmpty = <T>(category: Category<T>): Category<T | undefined> => orEmpty(category, undefined);

/** Holds credentials or user data. */
export const secret = <T>(category: Category<T>): Category<T> => ({ ...category, secret: true });
