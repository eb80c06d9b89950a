import { instant } from './documents.js';
import { identityTree } from './identity.js';
// Addresses are from the ranges for documentation (RFC 5737, RFC 3849); account, access keys and secrets are the ones in
// AWS's own examples and give access to nothing.
import instance from './instance.json' with { type: 'json' };
import { account, attachedRole, instanceCredentials, renewed } from './roles.js';
import type { MetadataTree, Tree } from './tree.js';
import { toTree } from './values.js';

/** An On-Demand Instance in us-east-1 with a role, to which nothing happens; it is merged into `tree`. */
export function instanceTree(tree: MetadataTree, launched: Date): Tree {
  return {
    ...toTree(instance, launched),
    ...identityTree(tree, launched),
    iam: attachedRole('example-role', 'example-profile', {}, launched),
    'identity-credentials/ec2': {
      info: renewed(({ issued }) => ({ Code: 'Success', LastUpdated: instant(issued), AccountId: account }), launched),
      'security-credentials/ec2-instance': renewed(instanceCredentials, launched),
    },
  };
}

/** Another network interface, in another subnet, with only a private IPv4 address. */
export function furtherInterface(mac: string, deviceNumber: number, networkCard: number) {
  const { 'owner-id': owner, profile, ...first } = instance['network/interfaces/macs']['0e:49:61:0f:c3:11'];
  return {
    'owner-id': owner,
    profile,
    'vpc-id': first['vpc-id'],
    'vpc-ipv4-cidr-block': first['vpc-ipv4-cidr-block'],
    'vpc-ipv4-cidr-blocks': first['vpc-ipv4-cidr-blocks'],
    'vpc-ipv6-cidr-blocks': first['vpc-ipv6-cidr-blocks'],
    'security-groups': 'backend',
    'security-group-ids': 'sg-0d29ba08ed6a7f6f1',
    'device-number': String(deviceNumber),
    'interface-id': `eni-0${mac.replaceAll(':', '')}bbcc0`,
    'local-hostname': `ip-10-0-3-${deviceNumber}.ec2.internal`,
    'local-ipv4s': `10.0.3.${deviceNumber}`,
    mac,
    'network-card': String(networkCard),
    'subnet-id': 'subnet-0ce84776f3a4b5c6d',
    'subnet-ipv4-cidr-block': '10.0.3.0/24',
  };
}
