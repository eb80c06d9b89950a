import { isUtf8 } from 'node:buffer';
import { emptyAnswer, ImdsDecodeError } from '../errors.js';

/** The form of a value: one text, one entry a line, a JSON document, the names below a path, or bytes. */
export type Kind = 'scalar' | 'list' | 'json' | 'directory' | 'binary';

/** How a value can change: never for this instance, only over a stop and start, or while the instance runs. */
export type Mutability = 'immutable' | 'stop-start' | 'live';

/** One value of the metadata service: where it is, what it is, how long it may be kept. */
export interface Category<T> {
  /** Where it is read, such as `/latest/meta-data/instance-id`; parameters are filled in. */
  readonly path: string;
  /** The path below the version, with its placeholders: `meta-data/block-device-mapping/ebs{n}`. */
  readonly template: string;
  readonly kind: Kind;
  readonly mutability: Mutability;
  /** Absence (404) is normal and stands for `undefined`. */
  readonly optional: boolean;
  /** Holds credentials or user data: never logged, never listed with its value. */
  readonly secret: boolean;
  /** The value of a body. Throws `ImdsDecodeError` naming `path`, which is the category's own unless another is given. */
  readonly decode: (body: Buffer, path?: string) => T;
  /** False while the text may be a placeholder for the real value, which should then be asked for again soon. */
  readonly settled?: (text: string) => boolean;
  /** When the value ends, in milliseconds since the epoch; `undefined` when it does not say. */
  readonly expires?: (text: string) => number | undefined;
}

/** Turns a body into a value or throws `ImdsDecodeError` naming the path; never quotes the body, which may be secret. */
export type Decoder<T> = (body: Buffer, path: string) => T;

/** One of the known words or a newer one: AWS adds values without notice. */
export type Word<Known extends string> = Known | (string & {});

/** A key pair the instance was launched with. */
export interface PublicKey {
  /** Number of the key below `public-keys/`, such as `0`. */
  readonly index: number;
  /** Name of the key pair, such as `my-public-key`. */
  readonly name: string;
}

/**
 * A scheduled maintenance event. The instants are ISO 8601 in UTC; the service writes `21 Jan 2019 09:00:43 GMT`.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
 */
export interface MaintenanceEvent {
  /** Such as `instance-event-0d59937288b749b32`. */
  readonly EventId: string;
  /** What will be done. */
  readonly Code: Word<
    'instance-reboot' | 'instance-retirement' | 'instance-stop' | 'system-maintenance' | 'system-reboot'
  >;
  readonly State: Word<'active' | 'completed' | 'canceled'>;
  /** Such as `scheduled reboot`; begins with `[Completed]` or `[Canceled]` once the event is over. */
  readonly Description: string;
  /** Earliest start, such as `2019-01-21T09:00:43Z`. */
  readonly NotBefore: string;
  /** Latest end, when there is one. */
  readonly NotAfter?: string;
  /** Until when the start may be moved, when it may. */
  readonly NotBeforeDeadline?: string;
}

/** A rebalance recommendation: this Spot Instance is at elevated risk of interruption. */
export interface RebalanceRecommendation {
  /** When it was emitted, such as `2020-11-05T08:22:00Z`. */
  readonly noticeTime: string;
}

/** A Spot interruption notice. */
export interface SpotInstanceAction {
  readonly action: Word<'terminate' | 'stop' | 'hibernate'>;
  /** About when, such as `2017-09-18T08:22:00Z`. */
  readonly time: string;
}

/** The attached instance profile. The service reports failures in the same form, with another `Code` and a `Message`. */
export interface IamInfo {
  /** `Success`, or what is wrong, such as `InstanceProfileNotFound`. */
  readonly Code: Word<'Success' | 'InstanceProfileNotFound'>;
  /** Such as `2020-04-02T18:50:40Z`. */
  readonly LastUpdated?: string;
  /** Ends in the name of the profile, which need not be the name of the role. */
  readonly InstanceProfileArn?: string;
  /** Such as `AIPA5BOGHHXZELSK34VU4`. */
  readonly InstanceProfileId?: string;
  /** What is wrong; also present with `Success` when the profile holds no role. */
  readonly Message?: string;
}

/** Temporary credentials of a role. */
export interface RoleCredentials {
  readonly Code: 'Success';
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  /** When they end, such as `2026-11-23T15:05:00Z`. */
  readonly Expiration: string;
  /** When they were issued. */
  readonly LastUpdated?: string;
  readonly Type?: Word<'AWS-HMAC'>;
  /** Only in documents of `security-credentials-extended`. */
  readonly AccountId?: string;
}

/** Why there are no credentials. The service answers 200 with this in their place. */
export interface RoleCredentialsFailure {
  /** Such as `AssumeRoleUnauthorizedAccess`. */
  readonly Code: string;
  readonly Message?: string;
  readonly LastUpdated?: string;
  readonly AccessKeyId?: undefined;
}

/** Credentials, or why there are none: told apart by `AccessKeyId !== undefined`. */
export type RoleCredentialsDocument = RoleCredentials | RoleCredentialsFailure;

/** State of the credentials of the instance identity role. */
export interface IdentityCredentialsInfo {
  /** `Success`, or what is wrong. */
  readonly Code: Word<'Success'>;
  /** Such as `2019-07-06T14:22:56Z`. */
  readonly LastUpdated?: string;
  /** Account of the instance, such as `329910648901`. */
  readonly AccountId?: string;
  readonly Message?: string;
}

/**
 * The instance identity document.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
 */
export interface InstanceIdentityDocument {
  /** Account that launched the instance, such as `123456789012`. */
  readonly accountId: string;
  /** Of the AMI. */
  readonly architecture: Word<'x86_64' | 'arm64' | 'i386'>;
  readonly availabilityZone: string;
  readonly imageId: string;
  readonly instanceId: string;
  readonly instanceType: string;
  /** When the instance was launched, such as `2026-02-16T00:38:27Z`. */
  readonly pendingTime: string;
  readonly region: string;
  /** Format of the document, such as `2017-09-30`. */
  readonly version: string;
  readonly privateIp?: string | null;
  readonly billingProducts?: readonly string[] | null;
  readonly marketplaceProductCodes?: readonly string[] | null;
  /** Deprecated by AWS. */
  readonly devpayProductCodes?: readonly string[] | null;
  readonly kernelId?: string | null;
  readonly ramdiskId?: string | null;
}

/** An Elastic Inference accelerator (retired by AWS). */
export interface ElasticInferenceAccelerator {
  readonly version_2018_04_12: {
    /** Such as `eia-bfa21c7904f64a82a21b9f4540169ce1`. */
    readonly 'elastic-inference-accelerator-id': string;
    /** Such as `eia1.medium`. */
    readonly 'elastic-inference-accelerator-type': string;
  };
}

/** An Elastic GPU (retired by AWS); the layout of the document was never published. */
export type ElasticGpuAssociation = Readonly<Record<string, unknown>>;

const newlines = /^[\r\n]*$/;

/** True for a body that holds nothing: no byte, or line breaks alone. */
export const isEmpty = (text: string): boolean => newlines.test(text);

const unusable = (path: string, expected: string): ImdsDecodeError =>
  new ImdsDecodeError(`Expected ${expected} from ${path}, got something else`);

/** UTF-8 text as it came. */
export const utf8: Decoder<string> = (body, path) => {
  if (!isUtf8(body)) throw unusable(path, 'UTF-8 text');
  return body.toString('utf8');
};

// The service puts no newline at the end of a value (but after an SSH key); proxies and mocks do.
const withoutFinalNewline = (text: string): string => text.replace(/\r?\n$/, '');

function filled(body: Buffer, path: string, expected: string): string {
  const content = utf8(body, path);
  if (isEmpty(content)) throw emptyAnswer(expected, path);
  return content;
}

/** UTF-8 text without its final newline; may be empty. */
export const textOrEmpty: Decoder<string> = (body, path) => withoutFinalNewline(utf8(body, path));

/** UTF-8 text without its final newline; never empty. */
export const text: Decoder<string> = (body, path) => withoutFinalNewline(filled(body, path, 'a text'));

/** A count: decimal digits and nothing else. */
export const integer: Decoder<number> = (body, path) => {
  const expected = 'a whole number';
  const digits = withoutFinalNewline(filled(body, path, expected));
  const value = /^(?:0|[1-9]\d*)$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw unusable(path, expected);
  return value;
};

/** `true` or `false`. */
export const boolean: Decoder<boolean> = (body, path) => {
  const expected = 'true or false';
  const word = withoutFinalNewline(filled(body, path, expected));
  if (word !== 'true' && word !== 'false') throw unusable(path, expected);
  return word === 'true';
};

/** One entry a line, at least one; the names of directories keep their final slash. Frozen. */
export const lines: Decoder<readonly string[]> = (body, path) =>
  Object.freeze(
    filled(body, path, 'one entry a line')
      .split(/\r?\n/)
      .filter((line) => line !== ''),
  );

/** The lines `0=my-public-key` of `public-keys/`; names may hold further equals signs. Frozen. */
export const publicKeys: Decoder<readonly PublicKey[]> = (body, path) =>
  Object.freeze(
    lines(body, path).map((line) => {
      const [, index, name] = /^(\d{1,9})=(.+)$/s.exec(line) ?? [];
      if (index === undefined || name === undefined) throw unusable(path, 'lines of the form 0=name');
      return Object.freeze({ index: Number(index), name });
    }),
  );

/** The bytes as they came. */
export const bytes: Decoder<Uint8Array> = (body) => body;

/** True for an instant as AWS writes it, such as `2017-09-18T08:22:00Z`, that exists in the calendar. */
function isInstant(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(value)) return false;
  const date = new Date(value);
  // V8 reads 30 February as 2 March.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value.slice(0, 19));
}

/** An instant, or `undefined` for anything else: `spot/termination-time` is known to hold texts that are no time. */
export const instantIfAny: Decoder<string | undefined> = (body, path) => {
  const value = textOrEmpty(body, path);
  return isInstant(value) ? value : undefined;
};

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `21 Jan 2019 09:00:43 GMT`, the form of maintenance events, as `2019-01-21T09:00:43Z`. */
function eventInstant(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [, day = '', month = '', year, time] = /^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) ([\d:]{8}) GMT$/.exec(value) ?? [];
  const number = String(months.indexOf(month) + 1);
  const instant = year === undefined ? value : `${year}-${number.padStart(2, '0')}-${day.padStart(2, '0')}T${time}Z`;
  return isInstant(instant) ? instant : undefined;
}

/** What a JSON document must be: how an error tells it, and how it is known. */
interface Shape<T> {
  readonly expected: string;
  readonly matches: (value: unknown) => value is T;
}

type Test = (value: unknown) => boolean;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isString: Test = (value) => typeof value === 'string';
const optional =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value);
const nullable = (test: Test): Test => optional((value) => value === null || test(value));
const isStrings: Test = (value) => Array.isArray(value) && value.every(isString);

/** An object with one test for each field of its type. Fields it does not name are left alone. */
function object<T>(tests: Readonly<Record<keyof T & string, Test>>): Shape<T> {
  const fields = Object.entries<Test>(tests);
  const required = fields.filter(([, test]) => !test(undefined)).map(([name]) => name);
  return {
    expected: `a JSON object with ${required.join(', ')}`,
    matches: (value): value is T => isObject(value) && fields.every(([name, test]) => test(value[name])),
  };
}

// The engine's own message quotes the text, which may hold credentials; nothing of it is passed on.
function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

// Values are shared between callers. A list of what is still open, as a document may be nested deeper than the stack.
function deepFreeze<T>(root: T): T {
  const open: unknown[] = [root];
  for (const value of open) {
    if (typeof value === 'object' && value !== null)
      for (const child of Object.values(Object.freeze(value))) open.push(child);
  }
  return root;
}

/** A JSON document of the given shape, with AWS's own field names, unknown fields included. Frozen throughout. */
const json =
  <T>({ expected, matches }: Shape<T>): Decoder<T> =>
  (body, path) => {
    const value = parsed(filled(body, path, expected));
    if (!matches(value)) throw unusable(path, expected);
    return deepFreeze(value);
  };

// The documents: what each must hold, and may hold.

export const elasticGpuAssociation = json<ElasticGpuAssociation>({ expected: 'a JSON object', matches: isObject });

const accelerator = object<ElasticInferenceAccelerator['version_2018_04_12']>({
  'elastic-inference-accelerator-id': isString,
  'elastic-inference-accelerator-type': isString,
});

export const elasticInferenceAccelerator = json(
  object<ElasticInferenceAccelerator>({ version_2018_04_12: accelerator.matches }),
);

export const rebalanceRecommendation = json(object<RebalanceRecommendation>({ noticeTime: isInstant }));

export const spotInstanceAction = json(object<SpotInstanceAction>({ action: isString, time: isInstant }));

export const iamInfo = json(
  object<IamInfo>({
    Code: isString,
    LastUpdated: optional(isString),
    InstanceProfileArn: optional(isString),
    InstanceProfileId: optional(isString),
    Message: optional(isString),
  }),
);

export const identityCredentialsInfo = json(
  object<IdentityCredentialsInfo>({
    Code: isString,
    LastUpdated: optional(isString),
    AccountId: optional(isString),
    Message: optional(isString),
  }),
);

export const instanceIdentityDocument = json(
  object<InstanceIdentityDocument>({
    accountId: isString,
    architecture: isString,
    availabilityZone: isString,
    imageId: isString,
    instanceId: isString,
    instanceType: isString,
    pendingTime: isInstant,
    region: isString,
    version: isString,
    privateIp: nullable(isString),
    billingProducts: nullable(isStrings),
    marketplaceProductCodes: nullable(isStrings),
    devpayProductCodes: nullable(isStrings),
    kernelId: nullable(isString),
    ramdiskId: nullable(isString),
  }),
);

const credentials = object<RoleCredentials>({
  Code: (value) => value === 'Success',
  AccessKeyId: isString,
  SecretAccessKey: isString,
  Token: isString,
  Expiration: isInstant,
  LastUpdated: optional(isString),
  Type: optional(isString),
  AccountId: optional(isString),
});

const credentialsFailure = object<RoleCredentialsFailure>({
  Code: (value) => isString(value) && value !== 'Success',
  Message: optional(isString),
  LastUpdated: optional(isString),
  AccessKeyId: (value) => value === undefined,
});

export const roleCredentials = json<RoleCredentialsDocument>({
  expected: `${credentials.expected}, or one with another Code than Success`,
  matches: (value): value is RoleCredentialsDocument => credentials.matches(value) || credentialsFailure.matches(value),
});

/** When the credentials of a document end, in milliseconds since the epoch. */
export function credentialsExpiry(content: string): number | undefined {
  const document = parsed(content);
  return credentials.matches(document) ? Date.parse(document.Expiration) : undefined;
}

const maintenanceEvent = object<MaintenanceEvent>({
  EventId: isString,
  Code: isString,
  State: isString,
  Description: isString,
  NotBefore: (value) => eventInstant(value) !== undefined,
  NotAfter: optional(isString),
  NotBeforeDeadline: optional(isString),
});

const scheduledEvents = json<readonly MaintenanceEvent[]>({
  expected: `a JSON array, each element ${maintenanceEvent.expected}`,
  matches: (value): value is readonly MaintenanceEvent[] =>
    Array.isArray(value) && value.every(maintenanceEvent.matches),
});

/** Maintenance events with their instants in ISO 8601; a NotAfter or NotBeforeDeadline that is no time is left out. */
export const maintenanceEvents: Decoder<readonly MaintenanceEvent[]> = (body, path) =>
  deepFreeze(
    scheduledEvents(body, path).map(({ NotBefore, NotAfter, NotBeforeDeadline, ...event }) => {
      const notAfter = eventInstant(NotAfter);
      const notBeforeDeadline = eventInstant(NotBeforeDeadline);
      return {
        ...event,
        NotBefore: eventInstant(NotBefore) ?? NotBefore,
        ...(notAfter !== undefined && { NotAfter: notAfter }),
        ...(notBeforeDeadline !== undefined && { NotBeforeDeadline: notBeforeDeadline }),
      };
    }),
  );
