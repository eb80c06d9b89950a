import { later } from './clock.js';
import { base64Lines, documents, type Field, filler, instant } from './documents.js';
import { identityTree } from './identity.js';
import { ended, maintenanceEvent } from './maintenance.js';
import { account, attachedRole, instanceCredentials, renewing, roleCredentials } from './roles.js';
import type { Tree } from './tree.js';

// Addresses are from the ranges for documentation (RFC 5737, RFC 3849); account, access keys and secrets are the ones in
// AWS's own examples and open nothing.
const instanceId = 'i-1234567890abcdef0';
const roleName = 'example-role';
const primaryMac = '0e:49:61:0f:c3:11';
const secondaryMac = '0e:49:61:0f:c3:77';
const privateIp = '10.0.1.10';
const publicIp = '192.0.2.54';
const hostname = 'ip-10-0-1-10.ec2.internal';
const publicHostname = 'ec2-192-0-2-54.compute-1.amazonaws.com';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const domain = {
  'owner-id': account,
  'vpc-id': 'vpc-0a1b2c3d4e5f60718',
  'vpc-ipv4-cidr-block': '10.0.0.0/16',
  'vpc-ipv4-cidr-blocks': '10.0.0.0/16\n10.1.0.0/16',
  'vpc-ipv6-cidr-blocks': '2001:db8:8::/56',
  profile: 'default',
};

/** Another network interface, with IPv4 only. */
export function furtherInterface(
  mac: string,
  deviceNumber: number,
  networkCard: number,
): Readonly<Record<string, string>> {
  return {
    ...domain,
    'device-number': String(deviceNumber),
    'interface-id': `eni-0${mac.replaceAll(':', '')}bbcc0`,
    'local-hostname': `ip-10-0-3-${deviceNumber}.ec2.internal`,
    'local-ipv4s': `10.0.3.${deviceNumber}`,
    mac,
    'network-card': String(networkCard),
    'security-group-ids': 'sg-0d29ba08ed6a7f6f1',
    'security-groups': 'backend',
    'subnet-id': 'subnet-0ce84776f3a4b5c6d',
    'subnet-ipv4-cidr-block': '10.0.3.0/24',
  };
}

const interfaces: Tree = {
  [primaryMac]: {
    ...domain,
    'device-number': '0',
    'interface-id': 'eni-0f95d3625f5c521cc',
    'ipv4-associations': { [publicIp]: privateIp },
    'ipv4-prefix': '10.0.1.16/28',
    'ipv6-prefix': '2001:db8:8:4:a::/80',
    ipv6s: '2001:db8:8:4::10\n2001:db8:8:4::11',
    'local-hostname': hostname,
    'local-ipv4s': `${privateIp}\n10.0.1.11`,
    mac: primaryMac,
    'network-card': '0',
    'public-hostname': publicHostname,
    'public-ipv4s': publicIp,
    'security-group-ids': 'sg-0b07f8f6cb485d4df\nsg-0c18a9b7dc596e5e0',
    'security-groups': 'web\nssh',
    'subnet-id': 'subnet-0ac62554d1e2f3a4b',
    'subnet-ipv4-cidr-block': '10.0.1.0/24',
    'subnet-ipv6-cidr-blocks': '2001:db8:8:4::/64',
  },
  [secondaryMac]: {
    ...domain,
    'device-number': '1',
    'interface-id': 'eni-0a84c2514e4b410bb',
    ipv6s: '2001:db8:8:5::20',
    'local-hostname': 'ip-10-0-2-20.ec2.internal',
    'local-ipv4s': '10.0.2.20',
    mac: secondaryMac,
    'network-card': '1',
    'security-group-ids': 'sg-0d29ba08ed6a7f6f1',
    'security-groups': 'backend',
    'subnet-id': 'subnet-0bd73665e2f3a4b5c',
    'subnet-ipv4-cidr-block': '10.0.2.0/24',
    'subnet-ipv6-cidr-blocks': '2001:db8:8:5::/64',
  },
};

/** All that does not depend on the time of the launch. */
const metaData: Tree = {
  'ami-id': 'ami-0abcdef1234567890',
  'ami-launch-index': '0',
  'ami-manifest-path': '(unknown)',
  'ancestor-ami-ids': 'ami-0123456789abcdef0',
  'autoscaling/target-lifecycle-state': 'InService',
  'block-device-mapping': {
    ami: '/dev/xvda',
    ebs1: 'sdb',
    ephemeral0: 'sdc',
    root: '/dev/xvda',
    swap: 'sdcs',
  },
  'elastic-gpus/associations/egpu-0123456789abcdef0':
    '{"elastic-gpu-id":"egpu-0123456789abcdef0","elastic-gpu-type":"eg1.medium"}',
  'elastic-inference/associations/eia-bfa21c7904f64a82a21b9f4540169ce1':
    '{"version_2018_04_12":{"elastic-inference-accelerator-id":"eia-bfa21c7904f64a82a21b9f4540169ce1",' +
    '"elastic-inference-accelerator-type":"eia1.medium"}}',
  'hibernation/configured': 'false',
  hostname,
  'instance-action': 'none',
  'instance-id': instanceId,
  'instance-life-cycle': 'spot',
  'instance-type': 'c6in.32xlarge',
  ipv6: '2001:db8:8:4::10',
  'kernel-id': 'aki-5c21674b',
  'local-hostname': hostname,
  'local-ipv4': privateIp,
  mac: primaryMac,
  'metrics/vhostmd': '<?xml version="1.0" encoding="UTF-8"?>',
  'network/interfaces/macs': interfaces,
  placement: {
    'availability-zone': 'us-east-1a',
    'availability-zone-id': 'use1-az4',
    'group-name': 'example-group',
    'host-id': 'h-0da999999f9999fb9',
    'partition-number': '1',
    region: 'us-east-1',
  },
  'product-codes': '3iplms73etrdhxdepv72l6ywj',
  profile: 'default-hvm',
  'public-hostname': publicHostname,
  'public-ipv4': publicIp,
  'public-keys/0=my-key/openssh-key': `${publicKey('my-key')}\n`,
  'ramdisk-id': 'ari-01bb5768',
  'reservation-id': 'r-046cb3eca3e201d2f',
  'security-groups': 'web\nssh',
  services: { domain: 'amazonaws.com', partition: 'aws' },
  system: 'nitro',
  'tags/instance': { Name: 'example', environment: 'test', 'aws:autoscaling:groupName': 'example-group' },
};

/** All that does. */
function datedMetaData(launched: Date): Tree {
  const reboot = (eventId: string, ms: number) =>
    maintenanceEvent('system-reboot', eventId, later(launched, ms), later(launched, ms + 2 * hour));
  const renewed = renewing(launched, 6 * hour, 0);
  const end = instant(later(launched, 2 * minute));
  return {
    events: {
      'maintenance/history': documents([ended(reboot('instance-event-0d59937288b749b31', -30 * day), 'completed')]),
      'maintenance/scheduled': documents([reboot('instance-event-0d59937288b749b32', 14 * day)]),
      'recommendations/rebalance': `{"noticeTime": "${instant(launched)}"}`,
    },
    iam: {
      ...attachedRole(roleName, 'example-profile', renewed),
      'security-credentials-extended': {
        [roleName]: renewed((period) => ({ ...roleCredentials(period), AccountId: account })),
      },
    },
    'identity-credentials/ec2': {
      info: renewed(({ issued }) => ({ Code: 'Success', LastUpdated: instant(issued), AccountId: account })),
      'security-credentials/ec2-instance': renewed(instanceCredentials),
    },
    'managed-ssh-keys': {
      'active-keys/ec2-user': [
        `#Timestamp=${Math.trunc(later(launched, minute).getTime() / 1000)}`,
        `#Instance=${instanceId}`,
        `#Caller=arn:aws:iam::${account}:role/${roleName}`,
        '#Request=1234abcd-12ab-34cd-56ef-1234567890ab',
        publicKey('pushed-key'),
        base64Lines(filler(256)),
      ].join('\n'),
      'signer-cert': `-----BEGIN CERTIFICATE-----\n${base64Lines(filler(600))}\n-----END CERTIFICATE-----`,
      'signer-ocsp/0123456789ABCDEF0123456789ABCDEF01234567': filler(300).toString('base64'),
    },
    spot: {
      'instance-action': `{"action": "terminate", "time": "${end}"}`,
      'termination-time': end,
    },
  };
}

/**
 * The tree below `/latest/` of an instance with every category, retired products included, which no real one has: a Spot
 * Instance in us-east-1, about to be interrupted, with two network interfaces.
 */
export function instanceTree(launched: Date, identity: () => Readonly<Record<string, Field>>): Tree {
  return {
    'meta-data': { ...metaData, ...datedMetaData(launched) },
    dynamic: {
      'fws/instance-monitoring': 'disabled',
      'instance-identity': identityTree(identity, launched),
    },
    'user-data': '#cloud-config\ntimezone: Asia/Tokyo\n',
  };
}

function publicKey(name: string): string {
  const kind = Buffer.from('ssh-ed25519');
  const key = filler(32);
  const length = (bytes: Buffer) => Buffer.of(0, 0, 0, bytes.length);
  return `ssh-ed25519 ${Buffer.concat([length(kind), kind, length(key), key]).toString('base64')} ${name}`;
}
