import type { StandIns } from './stand-ins.js';

type Rule = (text: string, standIns: StandIns) => string;

/** One name per line; some are used by everybody. */
const named =
  (kind: string, ...common: readonly string[]): Rule =>
  (text, standIns) =>
    text.replace(/[^\r\n]+/g, (line) => (common.includes(line) ? line : standIns.name(kind, line)));

// Such as `us-gov-east-1`. Words that AWS does not use for places may be part of somebody's domain name.
const region = '[a-z]{2,4}(?:-[a-z]{2,4})?-(?:central|(?:north|south)(?:east|west)?|east|west)-\\d';
const awsDomain = new RegExp(
  `^(?:ec2\\.internal|${region}\\.(?:compute|ec2)\\.internal|(?:compute-1|${region}\\.compute)\\.amazonaws\\.com(?:\\.cn)?)$`,
);

/** Host names: an address or an identifier below an AWS domain, or as set in the VPC's DHCP options. */
const hosts: Rule = (text, standIns) =>
  text.replace(/\S+/g, (host) => {
    const [label = '', ...rest] = host.split('.');
    const [name, domain] = [standIns.name('host', label), rest.join('.')];
    if (domain === '') return name;
    // RFC 2606 reserves `.example`.
    return `${name}.${awsDomain.test(domain) ? domain : `${standIns.name('domain', domain)}.example`}`;
  });

// It may contain anything.
const message = (): string => 'What the service said of it is not in this recording.';

/** AWS's documented words; anything else is a message. */
const wordsOf =
  (pattern: RegExp, other: () => string): Rule =>
  (text) =>
    pattern.test(text) ? text : other();

// ssh-ed25519 with 32 bytes that say what they are.
const fakeKey = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20no key, but the place of one key').toString('base64')}`;
const fakeSignature = Buffer.from('no signature, but the place of one').toString('base64');

/** Stand-ins for secrets, by the last name of a template. */
export const fakes: Readonly<Record<string, string>> = {
  // They prove to others, such as HashiCorp Vault, that they come from this instance.
  dsa2048: fakeSignature,
  pkcs7: fakeSignature,
  rsa2048: fakeSignature,
  signature: fakeSignature,
  'user-data': '#cloud-config\n# The user data of the instance is not in this recording.\n',
};

/** Rules for more than addresses and identifiers, by the last name of a template or the name of a member. */
const rules: Readonly<Record<string, Rule>> = {
  'ami-manifest-path': wordsOf(/^\(unknown\)$/, () => 'example-bucket/image.manifest.xml'),
  'group-name': named('placement'),
  hostname: hosts,
  'local-hostname': hosts,
  // It ends with the name of the key.
  'openssh-key': (text, standIns) => `${fakeKey} ${standIns.name('key', text.trim().split(' ').slice(2).join(' '))}\n`,
  'product-codes': named('product'),
  'public-hostname': hosts,
  'security-groups': named('group', 'default'),
  '{tag-key}': (text, standIns) => standIns.name('value', text),
  // AWS's are words such as `AssumeRoleUnauthorizedAccess` and `system-reboot`.
  Code: wordsOf(/^(?:[A-Z][A-Za-z]{0,63}|(?:instance|system)-[a-z]+)$/, () => 'Unknown'),
  Description: wordsOf(
    /^(\[(Completed|Canceled)\] )?((scheduled|system|instance) (reboot|maintenance|stop|retirement)|The instance is running on degraded hardware)$/i,
    message,
  ),
  LastUpdated: wordsOf(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, () => ''),
  Message: message,
  devpayProductCodes: named('product'),
  marketplaceProductCodes: named('product'),
};

export const ruleOf = (name: string): Rule => rules[name] ?? ((text, standIns) => standIns.text(text));

/** The members of a credentials failure. */
export const failure = ['Code', 'LastUpdated', 'Message'];
const maintenanceEvents = [
  ...['EventId', 'Code', 'State', 'Description'],
  ...['NotBefore', 'NotAfter', 'NotBeforeDeadline'],
];

/** The documents whose members are known, and those members, by template. */
export const documents: Readonly<Record<string, readonly string[]>> = {
  // The layout was never published. The EC2 API returns an ID and a type (DescribeElasticGpus).
  'meta-data/elastic-gpus/associations/{elastic-gpu-id}': ['elastic-gpu-id', 'elastic-gpu-type'],
  'meta-data/elastic-inference/associations/{eia-id}': [
    'version_2018_04_12',
    'elastic-inference-accelerator-id',
    'elastic-inference-accelerator-type',
  ],
  'meta-data/events/maintenance/history': maintenanceEvents,
  'meta-data/events/maintenance/scheduled': maintenanceEvents,
  'meta-data/events/recommendations/rebalance': ['noticeTime'],
  'meta-data/iam-ecs-{ns}/info': ['LastUpdated', 'TaskCredentials', '{task-role}', 'RoleARN'],
  'meta-data/iam/info': [...failure, 'InstanceProfileArn', 'InstanceProfileId'],
  'meta-data/identity-credentials/ec2/info': [...failure, 'AccountId'],
  'meta-data/spot/instance-action': ['action', 'time'],
  'dynamic/instance-identity/document': [
    ...['accountId', 'architecture', 'availabilityZone', 'billingProducts', 'devpayProductCodes', 'imageId'],
    ...['instanceId', 'instanceType', 'kernelId', 'marketplaceProductCodes', 'pendingTime', 'privateIp'],
    ...['ramdiskId', 'region', 'version'],
  ],
};
