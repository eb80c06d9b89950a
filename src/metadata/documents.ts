import { instantOf } from './instant.js';

/** The form of a JSON document: its description in errors, and its parser. */
export interface Shape<T> {
  readonly expected: string;
  /** The document, or undefined if the value is something else. */
  readonly read: (value: unknown) => T | undefined;
  /** The required fields that a value lacks. */
  readonly lacks?: (value: unknown) => readonly string[];
}

/** One of the known words or a newer one: AWS adds values without notice. */
export type Word<Known extends string> = Known | (string & {});

/**
 * Reads a field: its value, or undefined if unusable. A document needs its required fields; an unusable optional one,
 * such as null, is left out; unknown fields are kept.
 */
type Field = (value: unknown) => unknown;
type Required<T> = { [Name in keyof T]-?: object extends Pick<T, Name> ? never : Name }[keyof T] & string;
type Optional<T> = Exclude<keyof T & string, Required<T>>;

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const anyObject = (value: unknown) => (isObject(value) ? value : undefined);
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const filledText: Field = (value) => text(value) || undefined;
const texts: Field = (value) =>
  Array.isArray(value) && value.every((each) => text(each) === each) ? value : undefined;
const textOrNull: Field = (value) => (value === null ? null : text(value));
const textsOrNull: Field = (value) => (value === null ? null : texts(value));

/** The same reader for several fields. */
const all = <Name extends string>(field: Field, ...names: readonly Name[]): Readonly<Record<Name, Field>> =>
  // Its keys are the given names.
  Object.fromEntries(names.map((name) => [name, field])) as Record<Name, Field>;

function object<T>(
  required: Readonly<Record<Required<T>, Field>>,
  optional: Readonly<Record<Optional<T>, Field>>,
): Shape<T> {
  const needed = Object.keys(required) as Required<T>[];
  const fields = Object.entries<Field>({ ...required, ...optional });
  const lacks = (value: unknown) =>
    isObject(value) ? needed.filter((name) => required[name](value[name]) === undefined) : [];
  return {
    expected: needed.length > 0 ? `a JSON object with ${needed.join(', ')}` : 'a JSON object',
    read(value) {
      if (!isObject(value) || lacks(value).length > 0) return undefined;
      const document = { ...value };
      for (const [name, field] of fields) {
        document[name] = field(value[name]);
        if (document[name] === undefined) delete document[name];
      }
      // Each field was read as its type says.
      return document as T;
    },
    lacks,
  };
}

/**
 * A scheduled maintenance event, its times in ISO 8601. EC2 serves the first five fields of every event; one that is
 * missing or unreadable is left out.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
 */
export interface MaintenanceEvent {
  /** Such as `instance-event-0d59937288b749b32`. */
  readonly EventId?: string;
  /** The action, such as `system-reboot`. */
  readonly Code?: Word<`instance-${'reboot' | 'retirement' | 'stop'}` | `system-${'maintenance' | 'reboot'}`>;
  readonly State?: Word<'active' | 'completed' | 'canceled'>;
  /** Such as `scheduled reboot`; begins with `[Completed]` or `[Canceled]` once the event is over. */
  readonly Description?: string;
  /** Earliest start, such as `2019-01-21T09:00:43Z`. */
  readonly NotBefore?: string;
  /** Latest end, if there is one. */
  readonly NotAfter?: string;
  /** Deadline for starting the event, if it can be rescheduled. */
  readonly NotBeforeDeadline?: string;
}

const maintenanceInstants = all(instantOf, 'NotBefore', 'NotAfter', 'NotBeforeDeadline');
const maintenanceTexts = all(text, 'EventId', 'Code', 'State', 'Description');
const maintenanceEvent = object<MaintenanceEvent>({}, { ...maintenanceTexts, ...maintenanceInstants });

export const maintenanceEvents: Shape<readonly MaintenanceEvent[]> = {
  expected: 'a JSON array',
  read: (value) => (Array.isArray(value) ? value.flatMap((event) => maintenanceEvent.read(event) ?? []) : undefined),
};

/** A rebalance recommendation: this Spot Instance is at elevated risk of interruption. */
export interface RebalanceRecommendation {
  /** Time of emission, such as `2020-11-05T08:22:00Z`; absent if unreadable. */
  readonly noticeTime?: string;
}

export const rebalanceRecommendation = object<RebalanceRecommendation>({}, { noticeTime: instantOf });

/** A Spot interruption notice. EC2 serves both fields; one that is missing or unreadable is left out. */
export interface SpotInstanceAction {
  readonly action?: Word<'terminate' | 'stop' | 'hibernate'>;
  /** Approximate time, such as `2017-09-18T08:22:00Z`. */
  readonly time?: string;
}

export const spotInstanceAction = object<SpotInstanceAction>({}, { action: text, time: instantOf });

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
  /** The problem; also present with `Success` when the profile has no role. */
  readonly Message?: string;
}

export const iamInfo = object<IamInfo>(
  { Code: text },
  all(text, 'LastUpdated', 'InstanceProfileArn', 'InstanceProfileId', 'Message'),
);

/**
 * New credentials appear at least this long before the old ones expire ("IAM roles for Amazon EC2", EC2 User Guide).
 * Clients of the AWS SDK for JavaScript call their provider again this long before the `expiration` they got.
 */
export const rotationMs = 5 * 60_000;
/** No credentials are valid for longer: AWS STS gives a role at most twelve hours. */
export const longestLifeMs = 24 * 60 * 60_000;

/** Temporary credentials of a role. */
export interface RoleCredentials {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  /** Expiry, such as `2026-11-23T15:05:00Z`. */
  readonly Expiration: string;
  /** `Success` on EC2; compatible services may leave it out. */
  readonly Code?: Word<'Success'>;
  /** Time of issue. */
  readonly LastUpdated?: string;
  readonly Type?: Word<'AWS-HMAC'>;
  /** Only in documents of `security-credentials-extended`. */
  readonly AccountId?: string;
}

/** Served, with status 200, in place of credentials that could not be obtained. */
interface RoleCredentialsFailure {
  /** Such as `AssumeRoleUnauthorizedAccess`. */
  readonly Code?: string;
  readonly Message?: string;
  readonly LastUpdated?: string;
  readonly AccessKeyId?: undefined;
}

/** Credentials, or why there are none: told apart by `AccessKeyId !== undefined`. */
export type RoleCredentialsDocument = RoleCredentials | RoleCredentialsFailure;

const credentials = object<RoleCredentials>(
  { ...all(filledText, 'AccessKeyId', 'SecretAccessKey', 'Token'), Expiration: instantOf },
  all(filledText, 'Code', 'LastUpdated', 'Type', 'AccountId'),
);

/** Drops incomplete credentials: they are never returned in part. */
const credentialsFailure = object<RoleCredentialsFailure & Partial<RoleCredentials>>(
  {},
  {
    ...all(filledText, 'Code', 'Message', 'LastUpdated', 'Type', 'AccountId'),
    ...all(() => undefined, 'AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration'),
  },
);

/** Four fields make credentials, whatever the rest says, as in the AWS SDKs. Else the service may say what is wrong. */
export const roleCredentials: Shape<RoleCredentialsDocument> = {
  ...credentials,
  expected: `${credentials.expected}, or one with another Code than Success`,
  read(value) {
    const found = credentials.read(value);
    const failure = found ?? credentialsFailure.read(value);
    const saysWhy = failure && ((failure.Code ?? 'Success') !== 'Success' || 'Message' in failure);
    return found ?? (saysWhy ? failure : undefined);
  },
};

/** The roles of ECS tasks, as the ECS agent writes them; no instance has been seen with them. */
export interface EcsTaskCredentialsInfo {
  readonly LastUpdated?: string;
  /** By task ID and role type, such as `0123456789abcdef-TaskApplication`. */
  readonly TaskCredentials?: Readonly<Record<string, { readonly RoleARN?: string }>>;
}

export const ecsTaskCredentialsInfo = object<EcsTaskCredentialsInfo>(
  {},
  { LastUpdated: text, TaskCredentials: anyObject },
);

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

export const identityCredentialsInfo = object<IdentityCredentialsInfo>(
  { Code: text },
  all(text, 'LastUpdated', 'AccountId', 'Message'),
);

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
  /** Launch time, such as `2026-02-16T00:38:27Z`. */
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

export const instanceIdentityDocument = object<InstanceIdentityDocument>(
  {
    ...all(text, 'accountId', 'architecture', 'availabilityZone', 'imageId', 'instanceId', 'instanceType'),
    pendingTime: instantOf,
    ...all(text, 'region', 'version'),
  },
  {
    ...all(textOrNull, 'privateIp', 'kernelId', 'ramdiskId'),
    ...all(textsOrNull, 'billingProducts', 'marketplaceProductCodes', 'devpayProductCodes'),
  },
);

/** One field of the identity document; compatible services serve it with few others. */
export const identityField = (name: 'region' | 'accountId'): Shape<string> => ({
  expected: `a JSON object with ${name}`,
  read: (value) => text(anyObject(value)?.[name])?.trim() || undefined,
});

/** An Elastic Inference accelerator (retired by AWS). */
export interface ElasticInferenceAccelerator {
  readonly version_2018_04_12: {
    /** Such as `eia-bfa21c7904f64a82a21b9f4540169ce1`. */
    readonly 'elastic-inference-accelerator-id': string;
    /** Such as `eia1.medium`. */
    readonly 'elastic-inference-accelerator-type': string;
  };
}

const accelerator = object<ElasticInferenceAccelerator['version_2018_04_12']>(
  all(text, 'elastic-inference-accelerator-id', 'elastic-inference-accelerator-type'),
  {},
);

export const elasticInferenceAccelerator = object<ElasticInferenceAccelerator>(
  { version_2018_04_12: accelerator.read },
  {},
);

/** An Elastic GPU (retired by AWS); the layout of the document was never published. */
export type ElasticGpuAssociation = Readonly<Record<string, unknown>>;

export const elasticGpuAssociation: Shape<ElasticGpuAssociation> = { expected: 'a JSON object', read: anyObject };
