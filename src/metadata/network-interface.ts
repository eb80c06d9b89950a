import { below, each, group, optional, optionalOrEmpty, orPlaceholder, under } from './rows.js';

const { scalar, count, list, directory } = under('meta-data/network/interfaces/macs/{mac}/');

/** The part of the table for one network interface. */
export const networkInterface = below('0e:49:61:0f:c3:11', directory('', 'live'), () => ({
  /** Device index, such as `1`; 0 for a while after an interface is attached to a running instance. */
  deviceNumber: orPlaceholder(count('device-number', 'immutable'), 0),
  /** ID of the interface, such as `eni-0f95d3625f5c521cc`. */
  interfaceId: scalar('interface-id', 'immutable'),
  /** Public and Elastic IP addresses, such as `['192.0.2.54']`; `undefined` when there are none. */
  ipv4Associations: group(optional(directory('ipv4-associations/', 'live')), () => ({
    /** Private addresses behind a public one, such as `['172.16.34.43']`. */
    publicIp: each('192.0.2.54', optional(list('ipv4-associations/{public-ip}', 'live'))),
  })),
  /** Delegated IPv4 prefixes, such as `['10.0.1.16/28']`; `undefined` when there are none. */
  ipv4Prefix: optional(list('ipv4-prefix', 'live')),
  /** Delegated IPv6 prefixes, such as `['2001:db8:0:1:a::/80']`; `undefined` when there are none. */
  ipv6Prefix: optional(list('ipv6-prefix', 'live')),
  /** IPv6 addresses, such as `['2001:db8:8:4::2']`; `undefined` when there are none. */
  ipv6s: optional(list('ipv6s', 'live')),
  /** Private DNS name, such as `ip-172-16-34-43.ec2.internal`. */
  localHostname: scalar('local-hostname', 'stop-start'),
  /** Private IPv4 addresses, primary first, such as `['172.31.44.13']`; `undefined` when there are none. */
  localIpv4s: optional(list('local-ipv4s', 'live')),
  /** MAC address, such as `0e:49:61:0f:c3:11`. */
  mac: scalar('mac', 'immutable'),
  /** Index of the network card, such as `1`; `undefined` stands for 0. */
  networkCard: optional(count('network-card', 'immutable')),
  /** Account that owns the interface, such as `515336597381`; may differ from the instance's. */
  ownerId: scalar('owner-id', 'immutable'),
  /** Seen in very old listings only, meaning unknown; presumably a text such as `default-hvm`. */
  profile: optional(scalar('profile', 'immutable')),
  /** Public DNS name, such as `ec2-192-0-2-54.compute-1.amazonaws.com`; `undefined` when there is none. */
  publicHostname: optionalOrEmpty(scalar('public-hostname', 'live')),
  /** Public and Elastic IP addresses, such as `['192.0.2.54']`; `undefined` when there are none. */
  publicIpv4s: optional(list('public-ipv4s', 'live')),
  /** Names of the security groups, such as `['web-servers']`. */
  securityGroups: list('security-groups', 'live'),
  /** IDs of the security groups, such as `['sg-0b07f8f6cb485d4df']`. */
  securityGroupIds: list('security-group-ids', 'live'),
  /** ID of the subnet, such as `subnet-0ac62554`. */
  subnetId: scalar('subnet-id', 'immutable'),
  /** IPv4 range of the subnet, such as `192.0.2.0/24`; `undefined` in an IPv6-only subnet. */
  subnetIpv4CidrBlock: optional(scalar('subnet-ipv4-cidr-block', 'immutable')),
  /** IPv6 ranges of the subnet, such as `['2600:1f16:67f:f201:0:0:0:0/64']`; `undefined` without any. */
  subnetIpv6CidrBlocks: optional(list('subnet-ipv6-cidr-blocks', 'live')),
  /** ID of the VPC, such as `vpc-d295a6a7`. */
  vpcId: scalar('vpc-id', 'immutable'),
  /** Primary IPv4 range of the VPC, such as `192.0.2.0/24`. */
  vpcIpv4CidrBlock: scalar('vpc-ipv4-cidr-block', 'immutable'),
  /** All IPv4 ranges of the VPC, such as `['192.0.2.0/24', '198.51.100.0/24']`. */
  vpcIpv4CidrBlocks: list('vpc-ipv4-cidr-blocks', 'live'),
  /** IPv6 ranges of the VPC, such as `['2600:1f16:67f:f200:0:0:0:0/56']`; `undefined` without any. */
  vpcIpv6CidrBlocks: optional(list('vpc-ipv6-cidr-blocks', 'live')),
}));
