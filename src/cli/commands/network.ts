import type { NetworkInterface } from '../../network/interfaces.js';
import { type AddCommand, withExamples } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import type { Paint } from '../paint.js';
import { printable } from '../text.js';

/** `imds network` */
export const network: AddCommand = (program, run) => {
  program
    .command('network')
    .summary('the network interfaces with their addresses')
    .description(
      withExamples(
        'Prints the network interfaces, the primary one first, then by network card and device number: their addresses, ' +
          'names, security groups, subnet and VPC.',
        {
          'imds network': 'for people',
          "imds network --json | jq -r '.[0].interfaceId'": 'the ID of the primary interface',
          "imds network --json | jq -r '.[].ipv6s[]?'": 'all IPv6 addresses',
        },
      ),
    )
    .option('--json', 'a JSON array of objects; what an interface lacks is left out')
    .action(
      run(async ({ io, paint, connect }, { json }: { readonly json?: boolean }) => {
        const imds = await connect();
        const { jsonText } = await import('../values.js');
        const interfaces = await imds.networkInterfaces();
        const columns = Math.min(io.stdout.columns ?? 100, 100);
        const blocks = interfaces.map((each) => block(each, columns, paint));
        await io.stdout.write(json ? jsonText(interfaces) : blocks.join('\n'));
        return exitCodes.done;
      }),
    );
};

// Wider than every label.
const indent = 20;

/** One interface: which it is, and below that what it has, no wider than the terminal where that can be. */
function block(nic: NetworkInterface, columns: number, { bold }: Paint): string {
  const lines = Object.entries(factsOf(nic)).flatMap(([label, facts]) => {
    const items = facts.flat().filter((item) => item !== undefined);
    return wrapped(items.map(printable), columns - indent).map(
      (line, index) => (index === 0 ? `  ${label}` : '').padEnd(indent) + line,
    );
  });
  return [`${bold(printable(nic.interfaceId ?? nic.mac))}  ${place(nic)}`, ...lines]
    .map((line) => `${line}\n`)
    .join('');
}

function place({ isPrimary, isSettling, networkCard, deviceNumber }: NetworkInterface): string {
  return [
    ...(isPrimary ? ['primary'] : []),
    ...(networkCard === undefined ? [] : [`network card ${networkCard}`]),
    ...(deviceNumber === undefined ? [] : [`device ${deviceNumber}`]),
    ...(isSettling ? ['not all of it is known yet'] : []),
  ].join(', ');
}

/** What there is to say, by label. */
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

/** Items in lines of at most so many characters; an item that is longer has a line of its own. */
function wrapped(items: readonly string[], width: number): readonly string[] {
  const words = items.map((item, index) => (index < items.length - 1 ? `${item},` : item));
  const lines: string[] = [];
  for (const word of words) {
    const longer = [...lines.slice(-1), word].join(' ');
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
