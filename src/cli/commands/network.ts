import type { NetworkInterface } from '../../index.js';
import { command } from '../command.js';
import { widthOf, wrap } from '../layout.js';
import { jsonText, type Paint, printable } from '../output.js';

export const network = command({
  summary: 'the network interfaces with their addresses',
  text:
    'Prints the network interfaces, the primary one first, then by network card and device number: their addresses, ' +
    'names, security groups, subnet and VPC.',
  examples: {
    'imds network': 'for people',
    "imds network --json | jq -r '.[0].interfaceId'": 'the ID of the primary interface',
    "imds network --json | jq -r '.[].ipv6s[]?'": 'all IPv6 addresses',
  },
  options: { '--json': 'a JSON array of objects; what an interface lacks is left out' },
  async run({ io, paint, connect }, { json }) {
    const interfaces = await connect().networkInterfaces();
    const blocks = interfaces.map((each) => block(each, widthOf(io.stdout), paint));
    await io.stdout.write(json ? jsonText(interfaces) : blocks.join('\n'));
  },
});

// Wider than every label.
const indent = 20;

/** One interface: its ID, and below that its properties, no wider than the terminal if possible. */
function block(nic: NetworkInterface, columns: number, { bold }: Paint): string {
  const lines = Object.entries(factsOf(nic)).flatMap(([label, facts]) => {
    const items = facts.flat().filter((item) => item !== undefined);
    const words = items.map((item, index) => printable(item) + (index < items.length - 1 ? ',' : ''));
    return wrap(words, columns - indent).map((line, index) => (index === 0 ? `  ${label}` : '').padEnd(indent) + line);
  });
  return [`${bold(printable(nic.interfaceId ?? nic.mac))}  ${place(nic)}`, ...lines]
    .map((line) => `${line}\n`)
    .join('');
}

function place({ isPrimary, isComplete, isSettling, networkCard, deviceNumber }: NetworkInterface): string {
  return [
    ...(isPrimary ? ['primary'] : []),
    ...(networkCard === undefined ? [] : [`network card ${networkCard}`]),
    ...(deviceNumber === undefined ? [] : [`device ${deviceNumber}`]),
    ...(isComplete ? [] : [isSettling ? 'not fully known yet' : 'not fully served']),
  ].join(', ');
}

function factsOf(nic: NetworkInterface): Readonly<Record<string, readonly (string | readonly string[] | undefined)[]>> {
  const { publicIpv4s = [], ipv4Associations = {} } = nic;
  const publicAddresses = [...new Set([...publicIpv4s, ...Object.keys(ipv4Associations)])];
  return {
    'MAC address': [nic.mac],
    'private IPv4': [nic.localIpv4s],
    'public IPv4': publicAddresses.map((address) => [address, ...(ipv4Associations[address] ?? [])].join(' → ')),
    IPv6: [nic.ipv6s],
    prefixes: [nic.ipv4Prefix, nic.ipv6Prefix],
    'private DNS name': [nic.localHostname],
    'public DNS name': [nic.publicHostname],
    'security groups': [nic.securityGroups],
    'group IDs': [nic.securityGroupIds],
    subnet: [nic.subnetId, nic.subnetIpv4CidrBlock, nic.subnetIpv6CidrBlocks],
    VPC: [nic.vpcId, nic.vpcIpv4CidrBlocks ?? nic.vpcIpv4CidrBlock, nic.vpcIpv6CidrBlocks],
    owner: [nic.ownerId],
  };
}
