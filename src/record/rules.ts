import type { StandIns } from './stand-ins.js';

export type Rule = (text: string, standIns: StandIns) => string;

/** A text in which addresses and identifiers are all that tells whose instance it is. */
export const anyText: Rule = (text, standIns) => standIns.text(text);
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
  'meta-data/ami-manifest-path': wordsOf(/^\(unknown\)$/, () => 'example-bucket/image.manifest.xml'),
  'meta-data/hostname': hosts,
  'meta-data/local-hostname': hosts,
  'meta-data/network/interfaces/macs/{mac}/local-hostname': hosts,
  'meta-data/network/interfaces/macs/{mac}/public-hostname': hosts,
  'meta-data/network/interfaces/macs/{mac}/security-groups': named('group', 'default'),
  'meta-data/placement/group-name': named('placement'),
  'meta-data/product-codes': named('product'),
  'meta-data/public-hostname': hosts,
  // The name of the key stands behind it.
  'meta-data/public-keys/{n}/openssh-key': (text, standIns) =>
    `${fakeKey} ${standIns.name('key', text.trim().split(' ').slice(2).join(' '))}\n`,
  'meta-data/security-groups': named('group', 'default'),
  'meta-data/tags/instance/{tag-key}': (text, standIns) => standIns.name('value', text),
};

/** By name, the members of documents that hold more than that. */
export const members: Readonly<Record<string, Rule>> = {
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
  'meta-data/iam/info': [...failure, 'InstanceProfileArn', 'InstanceProfileId'],
  'meta-data/identity-credentials/ec2/info': [...failure, 'AccountId'],
  'meta-data/spot/instance-action': ['action', 'time'],
  'dynamic/instance-identity/document': [
    ...['accountId', 'architecture', 'availabilityZone', 'billingProducts', 'devpayProductCodes', 'imageId'],
    ...['instanceId', 'instanceType', 'kernelId', 'marketplaceProductCodes', 'pendingTime', 'privateIp'],
    ...['ramdiskId', 'region', 'version'],
  ],
};
