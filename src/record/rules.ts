import type {
  ElasticInferenceAccelerator,
  IamInfo,
  IdentityCredentialsInfo,
  InstanceIdentityDocument,
  MaintenanceEvent,
  RebalanceRecommendation,
  RoleCredentialsFailure,
  SpotInstanceAction,
} from '../metadata/documents.js';
import type { StandIns } from './stand-ins.js';

/** Replaces names, and what is known by its form. */
export type Replacing = Pick<StandIns, 'name' | 'text'>;
export type Rule = (text: string, standIns: Replacing) => string;

/** The known members of a document: a rule for the strings of each, or the members of an object. */
export interface Shape {
  readonly [member: string]: Rule | Shape;
}

/** A value of any form. */
export const anyText: Rule = (text, standIns) => standIns.text(text);
const named =
  (kind: string): Rule =>
  (text, standIns) =>
    standIns.name(kind, text);
const lines =
  (kind: string, ...common: readonly string[]): Rule =>
  (text, standIns) =>
    text.replace(/[^\r\n]+/g, (line) => (common.includes(line) ? line : standIns.name(kind, line)));

// Such as `us-gov-east-1`. What is none of AWS's words for a place may be the name of somebody's domain.
const region = '[a-z]{2,4}(?:-[a-z]{2,4})?-(?:central|(?:north|south)(?:east|west)?|east|west)-\\d';
const awsDomain = new RegExp(
  `^(?:ec2\\.internal|${region}\\.(?:compute|ec2)\\.internal|(?:compute-1|${region}\\.compute)\\.amazonaws\\.com(?:\\.cn)?)$`,
);

/** Host names: by an address or an identifier below a domain of AWS, or as the DHCP options of the VPC want them. */
const hosts: Rule = (text, standIns) =>
  text.replace(/[^\s]+/g, (host) => {
    const [label = '', ...rest] = host.split('.');
    const domain = rest.join('.');
    const shown = awsDomain.test(domain) ? domain : standIns.name('domain', domain);
    return [standIns.name('host', label), ...(rest.length === 0 ? [] : [shown])].join('.');
  });

// AWS's are words such as `AssumeRoleUnauthorizedAccess`.
const code: Rule = (text) => (/^[A-Z][A-Za-z]{0,63}$/.test(text) ? text : 'Unknown');
// There may be anything in it.
const message: Rule = () => 'What the service said of it is not in this recording.';
// AWS's own words, as documented; anything else is a message.
const description: Rule = (text, standIns) =>
  /^(\[(Completed|Canceled)\] )?((scheduled|system|instance) (reboot|maintenance|stop|retirement)|The instance is running on degraded hardware)$/i.test(
    text,
  )
    ? text
    : `${/^\[(?:Completed|Canceled)\] /.exec(text)?.[0] ?? ''}${message(text, standIns)}`;
const instant: Rule = (text) => (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? text : '');

// ssh-ed25519 with 32 bytes that say what they are.
export const fakeKey = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20no key, but the place of one key').toString('base64')}`;
const fakeSignature = Buffer.from('no signature, but the place of one').toString('base64');

/** The members of a failure to get credentials. */
export const failure = { Code: code, LastUpdated: instant, Message: message } satisfies Members<
  Omit<RoleCredentialsFailure, 'AccessKeyId'>
>;

/** By template, the stand-ins of secrets. */
export const fakes: Readonly<Record<string, string>> = {
  // They prove to others, as to HashiCorp Vault, that they come from this instance.
  'dynamic/instance-identity/dsa2048': fakeSignature,
  'dynamic/instance-identity/pkcs7': fakeSignature,
  'dynamic/instance-identity/rsa2048': fakeSignature,
  'dynamic/instance-identity/signature': fakeSignature,
  'user-data': '#cloud-config\n# The user data of the instance is not in this recording.\n',
};

/** By template, the categories that hold more than addresses and identifiers. */
export const rules: Readonly<Record<string, Rule>> = {
  'meta-data/ami-manifest-path': (text) => (text === '(unknown)' ? text : 'example-bucket/image.manifest.xml'),
  'meta-data/hostname': hosts,
  'meta-data/local-hostname': hosts,
  'meta-data/network/interfaces/macs/{mac}/local-hostname': hosts,
  'meta-data/network/interfaces/macs/{mac}/public-hostname': hosts,
  'meta-data/network/interfaces/macs/{mac}/security-groups': lines('group', 'default'),
  'meta-data/placement/group-name': lines('placement'),
  'meta-data/product-codes': lines('product'),
  'meta-data/public-hostname': hosts,
  'meta-data/security-groups': lines('group', 'default'),
  'meta-data/tags/instance/{tag-key}': named('value'),
};

/** A rule for each member of a type. */
type Members<T> = Readonly<Record<keyof T, Rule | Shape>>;

const maintenanceEvents = {
  EventId: anyText,
  Code: anyText,
  State: anyText,
  Description: description,
  NotBefore: anyText,
  NotAfter: anyText,
  NotBeforeDeadline: anyText,
} satisfies Members<MaintenanceEvent>;

/** By template, the documents whose members are known. */
export const documents: Readonly<Record<string, Shape>> = {
  // The layout was never published. An ID and a type are what EC2 tells of one (DescribeElasticGpus).
  'meta-data/elastic-gpus/associations/{elastic-gpu-id}': { 'elastic-gpu-id': anyText, 'elastic-gpu-type': anyText },
  'meta-data/elastic-inference/associations/{eia-id}': {
    version_2018_04_12: {
      'elastic-inference-accelerator-id': anyText,
      'elastic-inference-accelerator-type': anyText,
    } satisfies Members<ElasticInferenceAccelerator['version_2018_04_12']>,
  } satisfies Members<ElasticInferenceAccelerator>,
  'meta-data/events/maintenance/history': maintenanceEvents,
  'meta-data/events/maintenance/scheduled': maintenanceEvents,
  'meta-data/events/recommendations/rebalance': { noticeTime: anyText } satisfies Members<RebalanceRecommendation>,
  'meta-data/iam/info': {
    Code: code,
    LastUpdated: instant,
    InstanceProfileArn: anyText,
    InstanceProfileId: anyText,
    Message: message,
  } satisfies Members<IamInfo>,
  'meta-data/identity-credentials/ec2/info': {
    Code: code,
    LastUpdated: instant,
    AccountId: anyText,
    Message: message,
  } satisfies Members<IdentityCredentialsInfo>,
  'meta-data/spot/instance-action': { action: anyText, time: anyText } satisfies Members<SpotInstanceAction>,
  'dynamic/instance-identity/document': {
    accountId: anyText,
    architecture: anyText,
    availabilityZone: anyText,
    imageId: anyText,
    instanceId: anyText,
    instanceType: anyText,
    pendingTime: anyText,
    region: anyText,
    version: anyText,
    privateIp: anyText,
    billingProducts: anyText,
    marketplaceProductCodes: named('product'),
    devpayProductCodes: named('product'),
    kernelId: anyText,
    ramdiskId: anyText,
  } satisfies Members<InstanceIdentityDocument>,
};
