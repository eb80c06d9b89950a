import { isUtf8 } from 'node:buffer';
import { isIPv4 } from 'node:net';
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
import { categoryOf } from '../metadata/lookup.js';
import { StandIns } from './stand-ins.js';

/** A value as scenarios have it: text, bytes, or fake credentials that are renewed for ever. */
export type RecordedValue = string | { readonly $base64: string } | { readonly $credentials: Record<string, never> };

/** A value as it was read. */
export interface Reading {
  /** Absolute. */
  readonly path: string;
  /** The names in the listings that lead to it, below the version. */
  readonly names: readonly string[];
  readonly body: Buffer;
}

/** A value and its place in the recording, and what had to be left out. */
export interface Recorded {
  readonly names: readonly string[];
  /** Absent where nobody can tell what is in it. */
  readonly content?: RecordedValue;
  /** Why there is no content, or not all of it. */
  readonly leftOut?: string;
}

export const notKnown = 'not known to this version';

// Words that stand before secrets, access key IDs of AWS, and how user data begins.
const secretMarks =
  /secret|token|credential|passw|passphrase|private.?key|api.?key|\b(?:AKIA|ASIA)[A-Z0-9]{12}|^\s*(?:#!|#cloud-|MIME-Version:)/i;

/** A value with all that it tells, but no secret. */
export function withoutSecrets({ path, names, body }: Reading): Recorded {
  const secret = stoodIn(path, body);
  if (secret !== undefined) return { names, content: secret };
  const category = categoryOf(path);
  const shape = documents[category?.template ?? ''];
  const document = shape && parsed(body.toString());
  const known = shape && document && redacted(document, shape, asItIs);
  const isKnown = category !== undefined && (known ? !known.hasMore : category.kind !== 'json' && isUtf8(body));
  if (!isKnown && secretMarks.test(body.toString('latin1')))
    return { names, leftOut: 'holds what looks like a secret' };
  if (!isUtf8(body)) return { names, content: { $base64: body.toString('base64') } };
  // Printed anew, a document has no member that came twice.
  return { names, content: document && isKnown ? JSON.stringify(document, undefined, 2) : body.toString() };
}

/** Gives a function that replaces secrets and all that tells whose instance it is, the same by the same everywhere. */
export function redactor(readings: readonly Reading[]): (reading: Reading) => Recorded {
  const standIns = new StandIns(readings.flatMap(networksIn));
  return ({ path, names, body }) => {
    const template = categoryOf(path)?.template ?? '';
    const placeholders = template.split('/');
    const renamed = names.map((name, depth) => segment(name, placeholders[depth] ?? '', standIns));
    const content = contentOf({ path, names: renamed, body }, template, standIns);
    return { names: renamed, ...content };
  };
}

/** The IPv4 networks of the VPC, which tell which addresses are private. */
function networksIn({ path, body }: Reading): readonly string[] {
  if (!/-ipv4-cidr-blocks?$/.test(path)) return [];
  return body
    .toString()
    .split(/\s+/)
    .filter((network) => isIPv4(network.split('/')[0] ?? '') && /\/(1[6-9]|2\d|3[0-2])$/.test(network));
}

// Those of AWS have this prefix, and `Name` is everybody's.
const isCommonTag = (key: string): boolean => key === 'Name' || key.startsWith('aws:');

/** One name on the way to a value. */
function segment(name: string, placeholder: string, standIns: StandIns): string {
  if (placeholder === '{role}') return standIns.name('role', name);
  if (placeholder === '{tag-key}' && !isCommonTag(name)) return standIns.name('tag', name);
  if (placeholder === '{n}') return name.replace(/(?<==).+/s, (key) => standIns.name('key', key));
  return standIns.text(name);
}

function contentOf({ path, names, body }: Reading, template: string, standIns: StandIns): Omit<Recorded, 'names'> {
  if (template === 'meta-data/public-keys/{n}/openssh-key')
    return { content: `${fakeKey} ${names[2]?.replace(/^\d+=/, '') ?? ''}\n` };
  const secret = stoodIn(path, body);
  if (secret !== undefined) return { content: secret };
  if (!isUtf8(body)) return { leftOut: notKnown };
  const text = body.toString();
  if (text === '' || categoryOf(path)?.kind !== 'json')
    return { content: (rules[template] ?? anyText)(text, standIns) };
  const [shape, document] = [documents[template], parsed(text)];
  if (shape === undefined || document === undefined) return { leftOut: notKnown };
  const { value, hasMore } = redacted(document, shape, standIns);
  return { content: JSON.stringify(value, undefined, 2), ...(hasMore && { leftOut: `members ${notKnown}` }) };
}

/** What stands in the place of a secret; undefined for what is none. */
function stoodIn(path: string, body: Buffer): RecordedValue | undefined {
  const category = categoryOf(path);
  return category?.kind === 'json' && category.secret ? credentials(body.toString()) : fakes[category?.template ?? ''];
}

/** Of credentials their state alone: that there are none, and by which code of AWS, or others in their place. */
function credentials(text: string): RecordedValue {
  const found: Readonly<Record<string, unknown>> = { ...parsed(text) };
  if (typeof found['Code'] !== 'string' || found['Code'] === 'Success' || 'SecretAccessKey' in found)
    return { $credentials: {} };
  const told = Object.keys(failure).filter((member) => typeof found[member] === 'string');
  const state = Object.fromEntries(told.map((member) => [member, found[member]]));
  return JSON.stringify(redacted(state, failure, asItIs).value, undefined, 2);
}

/** A JSON object or array; undefined for anything else. */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

type Replacing = Pick<StandIns, 'name' | 'text'>;
type Rule = (text: string, standIns: Replacing) => string;

/** The members that a document is known to have: what becomes of the strings of each, or which members that has. */
interface Shape {
  readonly [member: string]: Rule | Shape;
}

const asItIs: Replacing = { name: (_, name) => name, text: (text) => text };

/** What is known of a document, its strings replaced, and whether there was more. */
function redacted(document: object, shape: Shape, standIns: Replacing): { value: unknown; hasMore: boolean } {
  let hasMore = false;
  const drop = (): [] => {
    hasMore = true;
    return [];
  };
  /** Members are known only where there should be some. */
  const fits = (value: unknown, expected: Rule | Shape): boolean => isObject(value) === (typeof expected === 'object');
  function shown(value: unknown, expected: Rule | Shape): unknown {
    if (Array.isArray(value))
      return value.flatMap((item) => (Array.isArray(item) || !fits(item, expected) ? drop() : [shown(item, expected)]));
    if (typeof expected === 'function') return scalar(value, expected, standIns);
    const members = Object.entries(Object(value)).flatMap(([name, member]): [string, unknown][] => {
      const rule = Object.hasOwn(expected, name) ? expected[name] : undefined;
      return rule === undefined || !fits(member, rule) ? drop() : [[name, shown(member, rule)]];
    });
    return Object.fromEntries(members);
  }
  return { value: shown(document, shape), hasMore };
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

function scalar(value: unknown, rule: Rule, standIns: Replacing): unknown {
  if (typeof value === 'string') return rule(value, standIns);
  return typeof value === 'number' ? Number(standIns.text(String(value))) : value;
}

/** What may have any form. */
const anyText: Rule = (text, standIns) => standIns.text(text);
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
const fakeKey = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20no key, but the place of one key').toString('base64')}`;
const fakeSignature = Buffer.from('no signature, but the place of one').toString('base64');

const failure = { Code: code, LastUpdated: instant, Message: message } satisfies Members<
  Omit<RoleCredentialsFailure, 'AccessKeyId'>
>;

/** By template, what stands in the place of what is secret. */
const fakes: Readonly<Record<string, string>> = {
  // Who has them proves to others, as to HashiCorp Vault, that it is this instance.
  'dynamic/instance-identity/dsa2048': fakeSignature,
  'dynamic/instance-identity/pkcs7': fakeSignature,
  'dynamic/instance-identity/rsa2048': fakeSignature,
  'dynamic/instance-identity/signature': fakeSignature,
  'user-data': '#cloud-config\n# The user data of the instance is not in this recording.\n',
};

/** By template, what tells more than addresses and identifiers do, and so has a rule of its own. */
const rules: Readonly<Record<string, Rule>> = {
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

/** The members of a type, each with what becomes of it. */
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
const documents: Readonly<Record<string, Shape>> = {
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
