/** The form of a value: one text, one entry per line, a JSON document, the names below a path, or bytes. */
export type Kind = 'scalar' | 'list' | 'json' | 'directory' | 'binary';

/** When a value can change: never for this instance, only across a stop and start, or while the instance runs. */
export type Mutability = 'immutable' | 'stop-start' | 'live';

/** One value of the metadata service: its path, its form, and how long it may be cached. */
export interface Category<T> {
  /** Absolute path, such as `/latest/meta-data/instance-id`, with its parameters filled in. */
  readonly path: string;
  /** Path below the version, with placeholders: `meta-data/block-device-mapping/ebs{n}`. */
  readonly template: string;
  readonly kind: Kind;
  readonly mutability: Mutability;
  /** Absence (404) is normal and read as `undefined`. */
  readonly optional: boolean;
  /** Contains credentials or user data: never logged, never listed with its value. */
  readonly secret: boolean;
  /** Turns a body into the value. Throws `ImdsDecodeError`, which names `path` and never quotes the body. */
  decode(body: Buffer): T;
  /** False for a value that may be a placeholder, such as a device number of 0, and should be read again soon. */
  isSettled?(value: T): boolean;
  /** Expiry of a value in milliseconds since the epoch; `undefined` if it has none. */
  expiresAt?(value: T): number | undefined;
}
