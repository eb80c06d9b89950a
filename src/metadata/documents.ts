import { type Decoder, deepFreeze, isInstant, json, type Shape } from './decode.js';

/** One of the known words or a newer one: AWS adds values without notice. */
export type Word<Known extends string> = Known | (string & {});

// Tests of fields. A document matches if every field of its type passes its test; further fields are left alone.

type Test = (value: unknown) => boolean;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isString: Test = (value) => typeof value === 'string';
const isStrings: Test = (value) => Array.isArray(value) && value.every(isString);
const optional =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value);
const nullable = (test: Test): Test => optional((value) => value === null || test(value));

/** The same test for several fields. */
const all = <Name extends string>(test: Test, ...names: readonly Name[]): Readonly<Record<Name, Test>> =>
  // The entries are the names given.
  Object.fromEntries(names.map((name) => [name, test])) as Record<Name, Test>;

function object<T>(tests: Readonly<Record<keyof T & string, Test>>): Shape<T> {
  const fields = Object.entries<Test>(tests);
  const required = fields.filter(([, test]) => !test(undefined)).map(([name]) => name);
  return {
    expected: `a JSON object with ${required.join(', ')}`,
    matches: (value): value is T => isObject(value) && fields.every(([name, test]) => test(value[name])),
  };
}

/**
 * A scheduled maintenance event. The instants are ISO 8601 in UTC; the service writes `21 Jan 2019 09:00:43 GMT`.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
 */
export interface MaintenanceEvent {
  /** Such as `instance-event-0d59937288b749b32`. */
  readonly EventId: string;
  /** The action, such as `system-reboot`. */
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
  /** Deadline for moving the start, when it can be moved. */
  readonly NotBeforeDeadline?: string;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `21 Jan 2019 09:00:43 GMT`, as maintenance events have it, or ISO 8601, as `2019-01-21T09:00:43Z`. */
function eventInstant(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [, day = '', month = '', year, time] = /^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) ([\d:]{8}) GMT$/.exec(value) ?? [];
  const number = String(months.indexOf(month) + 1);
  const instant = year === undefined ? value : `${year}-${number.padStart(2, '0')}-${day.padStart(2, '0')}T${time}Z`;
  return isInstant(instant) ? instant : undefined;
}

const maintenanceEvent = object<MaintenanceEvent>({
  ...all(isString, 'EventId', 'Code', 'State', 'Description'),
  NotBefore: (value) => eventInstant(value) !== undefined,
  ...all(optional(isString), 'NotAfter', 'NotBeforeDeadline'),
});

const eventsAsServed = json<readonly MaintenanceEvent[]>({
  expected: `a JSON array, each element ${maintenanceEvent.expected}`,
  matches: (value): value is readonly MaintenanceEvent[] =>
    Array.isArray(value) && value.every(maintenanceEvent.matches),
});

/** Maintenance events with instants in ISO 8601; a NotAfter or NotBeforeDeadline that is no time is left out. */
export const maintenanceEvents: Decoder<readonly MaintenanceEvent[]> = (body, path) =>
  deepFreeze(
    eventsAsServed(body, path).map(({ NotBefore, NotAfter, NotBeforeDeadline, ...event }) => {
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

/** A rebalance recommendation: this Spot Instance is at elevated risk of interruption. */
export interface RebalanceRecommendation {
  /** Instant of emission, such as `2020-11-05T08:22:00Z`. */
  readonly noticeTime: string;
}

export const rebalanceRecommendation = json(object<RebalanceRecommendation>({ noticeTime: isInstant }));

/** A Spot interruption notice. */
export interface SpotInstanceAction {
  readonly action: Word<'terminate' | 'stop' | 'hibernate'>;
  /** About when, such as `2017-09-18T08:22:00Z`. */
  readonly time: string;
}

export const spotInstanceAction = json(object<SpotInstanceAction>({ action: isString, time: isInstant }));

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
  /** The problem; also present with `Success` when the profile holds no role. */
  readonly Message?: string;
}

export const iamInfo = json(
  object<IamInfo>({
    Code: isString,
    ...all(optional(isString), 'LastUpdated', 'InstanceProfileArn', 'InstanceProfileId', 'Message'),
  }),
);

/** Temporary credentials of a role. */
export interface RoleCredentials {
  readonly Code: 'Success';
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  /** Instant of expiry, such as `2026-11-23T15:05:00Z`. */
  readonly Expiration: string;
  /** Instant of issue. */
  readonly LastUpdated?: string;
  readonly Type?: Word<'AWS-HMAC'>;
  /** Only in documents of `security-credentials-extended`. */
  readonly AccountId?: string;
}

/** Served, with status 200, in place of credentials that could not be obtained. */
export interface RoleCredentialsFailure {
  /** Such as `AssumeRoleUnauthorizedAccess`. */
  readonly Code: string;
  readonly Message?: string;
  readonly LastUpdated?: string;
  readonly AccessKeyId?: undefined;
}

/** Credentials, or why there are none: told apart by `AccessKeyId !== undefined`. */
export type RoleCredentialsDocument = RoleCredentials | RoleCredentialsFailure;

const credentials = object<RoleCredentials>({
  Code: (value) => value === 'Success',
  ...all(isString, 'AccessKeyId', 'SecretAccessKey', 'Token'),
  Expiration: isInstant,
  ...all(optional(isString), 'LastUpdated', 'Type', 'AccountId'),
});

const credentialsFailure = object<RoleCredentialsFailure>({
  Code: (value) => isString(value) && value !== 'Success',
  ...all(optional(isString), 'Message', 'LastUpdated'),
  AccessKeyId: (value) => value === undefined,
});

export const roleCredentials = json<RoleCredentialsDocument>({
  expected: `${credentials.expected}, or one with another Code than Success`,
  matches: (value): value is RoleCredentialsDocument => credentials.matches(value) || credentialsFailure.matches(value),
});

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

export const identityCredentialsInfo = json(
  object<IdentityCredentialsInfo>({
    Code: isString,
    ...all(optional(isString), 'LastUpdated', 'AccountId', 'Message'),
  }),
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

export const instanceIdentityDocument = json(
  object<InstanceIdentityDocument>({
    ...all(isString, 'accountId', 'architecture', 'availabilityZone', 'imageId', 'instanceId', 'instanceType'),
    pendingTime: isInstant,
    ...all(isString, 'region', 'version'),
    ...all(nullable(isString), 'privateIp', 'kernelId', 'ramdiskId'),
    ...all(nullable(isStrings), 'billingProducts', 'marketplaceProductCodes', 'devpayProductCodes'),
  }),
);

/** An Elastic Inference accelerator (retired by AWS). */
export interface ElasticInferenceAccelerator {
  readonly version_2018_04_12: {
    /** Such as `eia-bfa21c7904f64a82a21b9f4540169ce1`. */
    readonly 'elastic-inference-accelerator-id': string;
    /** Such as `eia1.medium`. */
    readonly 'elastic-inference-accelerator-type': string;
  };
}

const accelerator = object<ElasticInferenceAccelerator['version_2018_04_12']>({
  ...all(isString, 'elastic-inference-accelerator-id', 'elastic-inference-accelerator-type'),
});

export const elasticInferenceAccelerator = json(
  object<ElasticInferenceAccelerator>({ version_2018_04_12: accelerator.matches }),
);

/** An Elastic GPU (retired by AWS); the layout of the document was never published. */
export type ElasticGpuAssociation = Readonly<Record<string, unknown>>;

export const elasticGpuAssociation = json<ElasticGpuAssociation>({ expected: 'a JSON object', matches: isObject });
