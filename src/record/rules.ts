import type { StandIns } from './stand-ins.js';

type Rule = (text: string, standIns: StandIns) => string;

/** A name in each line; some are everybody's. */
const named =
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
  text.replace(/\S+/g, (host) => {
    const [label = '', ...rest] = host.split('.');
    const [name, domain] = [standIns.name('host', label), rest.join('.')];
    if (domain === '') return name;
    // RFC 2606 keeps `.example` free.
    return `${name}.${awsDomain.test(domain) ? domain : `${standIns.name('domain', domain)}.example`}`;
  });

// There may be anything in it.
const message = (): string => 'What the service said of it is not in this recording.';

/** AWS's own words, as documented; anything else is a message. */
const wordsOf =
  (pattern: RegExp, other: () => string): Rule =>
  (text) =>
    pattern.test(text) ? text : other();

// ssh-ed25519 with 32 bytes that say what they are.
const fakeKey = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20no key, but the place of one key').toString('base64')}`;
const fakeSignature = Buffer.from('no signature, but the place of one').toString('base64');

/** By the last name of a template, the stand-ins of secrets. */
export const fakes: Readonly<Record<string, string>> = {
  // They prove to others, as to HashiCorp Vault, that they come from this instance.
  dsa2048: fakeSignature,
  pkcs7: fakeSignature,
  rsa2048: fakeSignature,
  signature: fakeSignature,
  'user-data': '#cloud-config\n# The user data of the instance is not in this recording.\n',
};

/** By the last name of a template or the name of a member, what holds more than addresses and identifiers. */
const rules: Readonly<Record<string, Rule>> = {
  'ami-manifest-path': wordsOf(/^\(unknown\)$/, () => 'example-bucket/image.manifest.xml'),
  'group-name': named('placement'),
  hostname: hosts,
  'local-hostname': hosts,
  // The name of the key stands behind it.
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

/** The members of a failure to get credentials. */
export const failure = ['Code', 'LastUpdated', 'Message'];
const maintenanceEvents = [
  ...['EventId', 'Code', 'State', 'Description'],
  ...['NotBefore', 'NotAfter', 'NotBeforeDeadline'],
];

/** By template, the documents whose members are known, with these. */
export const documents: Readonly<Record<string, readonly string[]>> = {
  // The layout was never published. An ID and a type are what EC2 tells of one (DescribeElasticGpus).
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
