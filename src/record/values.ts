import { isUtf8 } from 'node:buffer';
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
import { inSentences, isToken, type NameKind, Names, Tokens } from './replacements.js';

/** A value as scenarios have it: text, bytes, or fake credentials that are renewed for ever. */
export type RecordedValue = string | { readonly $base64: string } | { readonly $credentials: Record<string, never> };

/** A value as it was read. */
export interface Reading {
  /** Absolute. */
  readonly path: string;
  /** As the directories list them, below the version: where a value stands in the tree. */
  readonly names: readonly string[];
  readonly body: Buffer;
}

/** A value and its place. */
export interface Recorded {
  readonly names: readonly string[];
  readonly content: RecordedValue;
}

const templateOf = (path: string): string | undefined => categoryOf(path)?.template;

/** What is no category, or not in its form: what stands there is anybody's guess. */
export function isStrange({ path, body }: Reading): boolean {
  const category = categoryOf(path);
  if (category === undefined) return true;
  if (category.kind === 'binary') return false;
  if (!isUtf8(body)) return true;
  if (category.kind !== 'json' || category.secret || body.length === 0) return false;
  return !(category.template in documents) || !isJson(body.toString());
}

/** Whether a document has members that are not known. */
export function hasMore({ path, body }: Reading): boolean {
  const shape = documents[templateOf(path) ?? ''];
  const text = body.toString();
  return shape !== undefined && isJson(text) && knownText(text, shape) !== text;
}

// Words that stand before secrets, access key IDs of AWS, and how user data begins.
const secretMarks =
  /secret|token|credential|passw|passphrase|private.?key|api.?key|\b(?:AKIA|ASIA)[A-Z0-9]{12}|^\s*(?:#!|#cloud-|MIME-Version:)/i;

/** Whether there is what looks like a secret where more may be than is known. */
export const looksSecret = (reading: Reading): boolean =>
  (isStrange(reading) || hasMore(reading)) && secretMarks.test(reading.body.toString('latin1'));

/** What becomes of what a value is made of. */
interface Replacing {
  /** A name that somebody gave. */
  readonly name: (kind: NameKind, name: string) => string;
  /** Names in the middle of a text. */
  readonly sentence: (text: string) => string;
}

const asTheyAre: Replacing = { name: (_, name) => name, sentence: (text) => text };

/** Replaces secrets and what tells whose instance it is, in values and in the names of directories. */
export function replaced(readings: readonly Reading[]): readonly Recorded[] {
  // Names first, since what looks like an address may be a part of one.
  const names = new Names();
  const noting: Replacing = {
    ...asTheyAre,
    name(kind, name) {
      names.add(kind, name);
      return name;
    },
  };
  for (const reading of readings) noted(reading, noting);
  const replacements = names.replacements();
  const sentence = inSentences(replacements);
  const renamed = readings.map((reading) =>
    noted(reading, { name: (_, name) => replacements.get(name) ?? name, sentence }),
  );

  const tokens = new Tokens();
  const add = (text: string): string => {
    tokens.add(text);
    return text;
  };
  for (const written of renamed) eachText(written, add);
  const replacement = tokens.replacement();
  return renamed.map((written) => eachText(written, replacement));
}

/** Has its texts replaced: that of the value or, in a document, those of its strings, and its names. */
function eachText({ names, content }: Recorded, replacing: (text: string) => string): Recorded {
  return {
    names: names.map(replacing),
    content: typeof content === 'string' ? inStrings(content, replacing) : content,
  };
}

/** A value as it is written down, what its rules say having been done. */
function noted({ path, names, body }: Reading, replacing: Replacing): Recorded {
  const template = templateOf(path) ?? '';
  const placeholders = template.split('/');
  const renamed = names.map((name, depth) => segment(name, placeholders[depth] ?? '', replacing));
  if (template === 'meta-data/public-keys/{n}/openssh-key')
    return { names: renamed, content: `${fakeKey} ${renamed[2]?.replace(/^\d+=/, '') ?? ''}\n` };
  const shape = documents[template];
  const rule = shape ? document(shape) : (rules[template] ?? anyText);
  return { names: renamed, content: stoodIn(path, body, replacing) ?? rule(body.toString(), replacing) };
}

/** What stands in the place of a secret; undefined for what is none. */
function stoodIn(path: string, body: Buffer, replacing: Replacing): RecordedValue | undefined {
  const category = categoryOf(path);
  if (category === undefined) return undefined;
  return category.kind === 'json' && category.secret
    ? credentials(body.toString(), replacing)
    : standIns[category.template];
}

// Those of AWS have this prefix, and `Name` is everybody's.
const isCommonTag = (key: string): boolean => key === 'Name' || key.startsWith('aws:');

/** One name on the way to a value. */
function segment(name: string, placeholder: string, replacing: Replacing): string {
  if (placeholder === '{role}') return nameOr('role', name, replacing);
  if (placeholder === '{tag-key}' && !isCommonTag(name)) return nameOr('tag', name, replacing);
  if (placeholder === '{n}') return name.replace(/(?<==).+/s, (key) => nameOr('key', key, replacing));
  return name;
}

/** A value with all that it tells, but no secret. */
export function withoutSecrets({ path, names, body }: Reading): Recorded {
  const told = isUtf8(body) ? body.toString() : { $base64: body.toString('base64') };
  return { names, content: stoodIn(path, body, asTheyAre) ?? told };
}

type Rule = (text: string, replacing: Replacing) => string;

/** A name, unless it is an address, an identifier or an ARN, which is replaced as such. */
function nameOr(kind: NameKind, text: string, replacing: Replacing): string {
  if (text === '' || isToken(text)) return text;
  return isArn.test(text) ? arns(text, replacing) : replacing.name(kind, text);
}

// What comes first in the resource of an ARN, where that is a kind and not a name.
const resourceKinds: Readonly<Record<string, NameKind>> = {
  role: 'role',
  'assumed-role': 'role',
  'instance-profile': 'profile',
  user: 'resource',
  group: 'resource',
  policy: 'resource',
  instance: 'resource',
  'federated-user': 'resource',
};

const arn = '(arn:[\\w-]+:[\\w-]*:[\\w-]*:\\w*:)([^\\s"\'<>]+)';
const isArn = new RegExp(`^${arn}$`);
const anyArn = new RegExp(`\\b${arn}`, 'g');

/** Replaces the names in ARNs: what comes behind the account. */
const arns = (text: string, replacing: Replacing): string =>
  text.replace(anyArn, (_, start: string, resource: string) => {
    const [first = ''] = resource.split(/[/:]/, 1);
    const kind = Object.hasOwn(resourceKinds, first) ? resourceKinds[first] : undefined;
    const rest = kind === undefined ? resource : resource.slice(first.length);
    return start + (kind ? first : '') + rest.replace(/[^/:]+/g, (part) => nameOr(kind ?? 'resource', part, replacing));
  });

const lines =
  (kind: NameKind, ...common: readonly string[]): Rule =>
  (text, replacing) =>
    text.replace(/[^\r\n]+/g, (line) => (common.includes(line) ? line : nameOr(kind, line, replacing)));

// Such as `us-gov-east-1`. What is none of AWS's words for a place may be the name of somebody's domain.
const region = '[a-z]{2,4}(?:-[a-z]{2,4})?-(?:central|(?:north|south)(?:east|west)?|east|west)-\\d';
const awsDomain = new RegExp(
  `^(?:ec2\\.internal|${region}\\.(?:compute|ec2)\\.internal|(?:compute-1|${region}\\.compute)\\.amazonaws\\.com(?:\\.cn)?)$`,
);

/** Host names: by an address or an identifier below a domain of AWS, or as the DHCP options of the VPC want them. */
const hosts: Rule = (text, replacing) =>
  text.replace(/[^\s]+/g, (host) => {
    const [label = '', ...rest] = host.split('.');
    const domain = rest.join('.');
    const isCommon = domain === '' || awsDomain.test(domain);
    return [
      nameOr('host', label, replacing),
      ...(rest.length === 0 ? [] : [isCommon ? domain : replacing.name('domain', domain)]),
    ].join('.');
  });

/** The members that a document is known to have: what becomes of the strings of each, or which members that has. */
interface Shape {
  readonly [member: string]: Rule | Shape;
}

/** Of a document what is known. */
const document =
  (shape: Shape): Rule =>
  (text, replacing) =>
    text === ''
      ? text
      : inStrings(knownText(text, shape), (string, member) => {
          const rule = shape[member];
          return (typeof rule === 'function' ? rule : arns)(string, replacing);
        });

/** A document without what is not known, in the layout that it has unless there was such. */
function knownText(text: string, shape: Shape): string {
  const known = knownOf(JSON.parse(text), shape);
  return withoutLayout(text) === JSON.stringify(known) ? text : JSON.stringify(known, undefined, 2);
}

function knownOf(value: unknown, shape: Rule | Shape): unknown {
  if (Array.isArray(value))
    return value.filter((item) => !Array.isArray(item) && fits(item, shape)).map((item) => knownOf(item, shape));
  if (!isObject(value) || typeof shape === 'function') return value;
  const members = Object.entries(value).flatMap(([name, inner]): [string, unknown][] => {
    const known = Object.hasOwn(shape, name) ? shape[name] : undefined;
    return known !== undefined && fits(inner, known) ? [[name, knownOf(inner, known)]] : [];
  });
  return Object.fromEntries(members);
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Members are known only where there should be some. */
const fits = (value: unknown, shape: Rule | Shape): boolean => isObject(value) === (typeof shape === 'object');

/** A JSON document as `JSON.stringify` would write it. */
const withoutLayout = (json: string): string =>
  json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string?: string) =>
    string === undefined ? '' : JSON.stringify(JSON.parse(string)),
  );

/** What may have any form: there may be ARNs. */
const anyText: Rule = (text, replacing) => inStrings(text, (string) => arns(string, replacing));
/** What a person is to read. */
const sentence: Rule = (text, replacing) => replacing.sentence(arns(text, replacing));
const product: Rule = (text, replacing) => nameOr('product', text, replacing);

// AWS's are words such as `AssumeRoleUnauthorizedAccess`.
const code: Rule = (text) => (/^[A-Z][A-Za-z]{0,63}$/.test(text) ? text : 'Unknown');
// Whatever the service did not expect may be in it.
const message: Rule = () => 'What the service said of it is not in this recording.';
const instant: Rule = (text) => (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? text : '');

/**
 * Replaces the strings and numbers of a JSON document, all else as it is; a text that is no document as a whole.
 *
 * @param replaced gets, with a string, the name of the member that it belongs to
 */
function inStrings(text: string, replaced: (text: string, member: string) => string): string {
  if (!isJson(text)) return replaced(text, '');
  let member = '';
  return text.replace(/"(?:[^"\\]|\\.)*"(\s*:)?|-?\d[\d.eE+-]*/g, (literal: string, colon: string | undefined) => {
    if (colon !== undefined) {
      member = String(JSON.parse(literal.slice(0, -colon.length)));
      return literal;
    }
    return literal.startsWith('"')
      ? JSON.stringify(replaced(String(JSON.parse(literal)), member))
      : replaced(literal, '');
  });
}

/** Whether a text is a JSON document, and no single value. */
function isJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

// ssh-ed25519 with 32 bytes that say what they are.
const fakeKey = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20no key, but the place of one key').toString('base64')}`;
const fakeSignature = Buffer.from('no signature, but the place of one').toString('base64');

/** Of credentials their state alone: that there are none, and by which code of AWS, or others in their place. */
function credentials(text: string, replacing: Replacing): RecordedValue {
  const found: Readonly<Record<string, unknown>> = isJson(text) ? JSON.parse(text) : {};
  if (typeof found['Code'] !== 'string' || found['Code'] === 'Success' || 'SecretAccessKey' in found)
    return { $credentials: {} };
  const told = Object.keys(failure).filter((member) => typeof found[member] === 'string');
  const state = Object.fromEntries(told.map((member) => [member, found[member]]));
  return document(failure)(JSON.stringify(state, undefined, 2), replacing);
}

const failure = { Code: code, LastUpdated: instant, Message: message } satisfies Members<
  Omit<RoleCredentialsFailure, 'AccessKeyId'>
>;

/** By template, what stands in the place of what is secret. */
const standIns: Readonly<Record<string, string>> = {
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
  'meta-data/tags/instance/{tag-key}': (text, replacing) => nameOr('value', text, replacing),
};

/** The members of a type, each with what becomes of it. */
type Members<T> = Readonly<Record<keyof T, Rule | Shape>>;

const maintenanceEvents = {
  EventId: arns,
  Code: arns,
  State: arns,
  Description: sentence,
  NotBefore: arns,
  NotAfter: arns,
  NotBeforeDeadline: arns,
} satisfies Members<MaintenanceEvent>;

/** By template, the documents whose members are known. */
const documents: Readonly<Record<string, Shape>> = {
  // The layout was never published. An ID and a type are what EC2 tells of one (DescribeElasticGpus).
  'meta-data/elastic-gpus/associations/{elastic-gpu-id}': { 'elastic-gpu-id': arns, 'elastic-gpu-type': arns },
  'meta-data/elastic-inference/associations/{eia-id}': {
    version_2018_04_12: {
      'elastic-inference-accelerator-id': arns,
      'elastic-inference-accelerator-type': arns,
    } satisfies Members<ElasticInferenceAccelerator['version_2018_04_12']>,
  } satisfies Members<ElasticInferenceAccelerator>,
  'meta-data/events/maintenance/history': maintenanceEvents,
  'meta-data/events/maintenance/scheduled': maintenanceEvents,
  'meta-data/events/recommendations/rebalance': { noticeTime: arns } satisfies Members<RebalanceRecommendation>,
  'meta-data/iam/info': {
    Code: code,
    LastUpdated: instant,
    InstanceProfileArn: arns,
    InstanceProfileId: arns,
    Message: message,
  } satisfies Members<IamInfo>,
  'meta-data/identity-credentials/ec2/info': {
    Code: code,
    LastUpdated: instant,
    AccountId: arns,
    Message: message,
  } satisfies Members<IdentityCredentialsInfo>,
  'meta-data/spot/instance-action': { action: arns, time: arns } satisfies Members<SpotInstanceAction>,
  'dynamic/instance-identity/document': {
    accountId: arns,
    architecture: arns,
    availabilityZone: arns,
    imageId: arns,
    instanceId: arns,
    instanceType: arns,
    pendingTime: arns,
    region: arns,
    version: arns,
    privateIp: arns,
    billingProducts: arns,
    marketplaceProductCodes: product,
    devpayProductCodes: product,
    kernelId: arns,
    ramdiskId: arns,
  } satisfies Members<InstanceIdentityDocument>,
};
