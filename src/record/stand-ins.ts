import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** True for an address in one of these networks. */
function within(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  const familyOf = (address: string) => (isIPv4(address) ? 'ipv4' : 'ipv6');
  for (const network of networks) {
    const [address = '', length] = network.split('/');
    list.addSubnet(address, Number(length), familyOf(address));
  }
  return (address) => list.check(address, familyOf(address));
}

// The same on every instance: this host, loopback, link-local, multicast, and AWS's own addresses.
const isCommon = within([
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32'],
  ...['::/127', 'fe80::/10', 'ff00::/8', 'fd00:ec2::/32'],
]);
// RFC 1918, and RFC 6598, which VPCs can use, too.
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

const bits = (number: number, width: number): string => number.toString(2).padStart(width, '0');

/** The bits of an address as text, such as `00001010…`. */
function bitsOf(address: string): string {
  const [count, width, radix] = isIPv4(address) ? [4, 8, 10] : [8, 16, 16];
  const [before = [], after = []] = address.split('::').map((half) => half.split(/[.:]/).filter(Boolean));
  const zeros = Array<string>(count - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].map((part) => bits(Number.parseInt(part, radix), width)).join('');
}

/** The address of these bits, in the shortest form (RFC 5952). */
function addressOf(all: string): string {
  const [width, radix, separator] = all.length === 32 ? [8, 10, '.'] : [16, 16, ':'];
  const parts = all.match(new RegExp(`.{${width}}`, 'g')) ?? [];
  const long = parts.map((part) => Number.parseInt(part, 2).toString(radix)).join(separator);
  return isIPv4(long) ? long : new URL(`http://[${long}]`).hostname.slice(1, -1);
}

// Networks larger than a VPC's are kept. The others are moved to 10.0.0.0/8 and 2001:db8::/32 (RFC 3849).
const ipv4Range = { shortest: 16, start: bits(10, 8) };
const ipv6Range = { shortest: 44, start: bits(0x2001_0db8, 32) };
// RFC 5737, without the first and last address of each network; then the reserved range (RFC 1112).
const publicRanges = ['192.0.2', '198.51.100', '203.0.113'];
// Those in AWS's examples. More than one or two are unlikely.
const accounts = ['111122223333', '444455556666', '777788889999'];
const firstDocumentedMac = 0x00_00_5e_00_53_00;

// Things recognised by their form; the first match counts.
const forms = new RegExp(
  [
    '\\barn:[\\w-]+:[\\w-]*:[\\w-]*:\\w*:[^\\s"\'<>]+',
    '(?<![\\w:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\\w:])',
    '(?<![\\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:/\\d{1,3})?(?![\\w:]|\\.\\d)',
    // ip-10-0-1-10.ec2.internal, ec2-192-0-2-54.compute-1.amazonaws.com
    '(?<![\\w-])(?:ip|ec2)-\\d{1,3}(?:-\\d{1,3}){3}(?![\\w-])',
    '(?<![\\w.])\\d{1,3}(?:\\.\\d{1,3}){3}(?:/\\d{1,2})?(?![\\w]|\\.\\d)',
    // EC2's have 8 or 17 digits, those of accelerators 32. bp-… is an AWS product code.
    '(?<![\\w-])(?!bp-)[a-z]+(?:-[a-z]+)*-(?:[0-9a-f]{32}|[0-9a-f]{17}|[0-9a-f]{8})(?![\\w-])',
    // IAM's unique identifiers and access key IDs (IAM User Guide, "IAM identifiers"), except those in examples.
    '(?<![A-Za-z0-9])(?![A-Z0-9]*EXAMPLE(?![A-Za-z0-9]))(?:ABIA|ACCA|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|APKA|AROA|ASCA|ASIA)[A-Z0-9]{12,124}(?![A-Za-z0-9])',
    '(?<![\\w.])\\d{12}(?!\\w|\\.\\d)',
  ].join('|'),
  'g',
);

/**
 * Gives the same thing the same stand-in everywhere, numbered in order of first appearance. Private IPv4 addresses stay
 * private: a VPC does not fit into the networks for documentation. Networks keep their size, and addresses stay within
 * their network.
 */
export class StandIns {
  readonly #groups = new Map<string, Map<string, number>>();
  readonly #names = new Map<string, string>();
  readonly #isPrivate: (address: string) => boolean;

  /** @param networks of the VPC, whose addresses are private whatever they look like */
  constructor(networks: readonly string[] = []) {
    this.#isPrivate = within([...privateNetworks, ...networks]);
  }

  /** For a name that somebody chose: `kind` with a number. An address, an identifier or an ARN is replaced as such. */
  name(kind: string, text: string): string {
    const replaced = text.match(forms)?.[0] === text ? this.#replaced(text) : undefined;
    if (text === '' || replaced !== undefined) return replaced ?? text;
    const known = this.#names.get(text) ?? `${kind}${this.#number(kind, text) + 1}`;
    this.#names.set(text, known);
    return known;
  }

  /** Replaces addresses, identifiers and names in ARNs anywhere in a text. */
  text(text: string): string {
    return text.replace(forms, (found) => this.#replaced(found) ?? found);
  }

  /** Numbers the members of a group in order of first appearance, from 0. */
  #number(group: string, member: string): number {
    const known = this.#groups.get(group) ?? new Map<string, number>();
    this.#groups.set(group, known);
    const number = known.get(member) ?? known.size;
    known.set(member, number);
    return number;
  }

  /** The stand-in of something in one of the forms; undefined if it only looks like one. */
  #replaced(text: string): string | undefined {
    if (text.startsWith('arn:')) return this.#arn(text);
    if (/^(?:\w\w:){5}\w\w$/.test(text)) {
      // 256 of them are for documentation (RFC 9542, section 2.1.2), more than an instance can have interfaces.
      const mac = firstDocumentedMac + this.#number('mac', text.toLowerCase());
      return mac
        .toString(16)
        .padStart(12, '0')
        .replace(/..(?=.)/g, '$&:');
    }
    const [start, ...parts] = text.split('-');
    if (/^(?:ip|ec2)(?:-\d+){4}$/.test(text)) {
      const address = this.#address(parts.join('.'));
      return address && `${start}-${address.replaceAll('.', '-')}`;
    }
    if (/[.:]/.test(text)) return this.#address(text);
    if (parts.length > 0) return this.#identifier(text, text.lastIndexOf('-') + 1, 16, '');
    if (!/^\d+$/.test(text)) return this.#identifier(text, 4, 10, 'EXAMPLE');
    const number = this.#number('account', text);
    return accounts[number] ?? String(900_000_000_000 + number);
  }

  /** A stand-in of the same length, with the same prefix. */
  #identifier(text: string, startLength: number, radix: number, end: string): string {
    const start = text.slice(0, startLength);
    const number = this.#number(`${start} ${text.length}`, text) + 1;
    return start + number.toString(radix).padStart(text.length - startLength - end.length, '0') + end;
  }

  /** Replaces the account, and the names after it. */
  #arn(text: string): string {
    const [, start = '', type = '', names = ''] =
      /^((?:[^:]*:){5})((?:role|assumed-role|instance-profile|instance|user|federated-user|group|policy)(?=[/:]))?(.*)$/.exec(
        text,
      ) ?? [];
    const kind = type.includes('role') ? 'role' : type.includes('profile') ? 'profile' : 'resource';
    return this.text(start) + type + names.replace(/[^/:]+/g, (name) => this.name(kind, name));
  }

  #address(text: string): string | undefined {
    const [address = '', prefix] = text.split('/');
    if (!(isIPv4(address) || isIPv6(address)) || isCommon(address)) return undefined;
    const all = bitsOf(address);
    const range = isIPv4(address) ? ipv4Range : ipv6Range;
    const length = Number(prefix ?? all.length);
    if (length < range.shortest || length > all.length) return undefined;
    const end = prefix === undefined ? '' : `/${prefix}`;
    if (length < 32 || range === ipv6Range || this.#isPrivate(address)) return this.#moved(all, length, range) + end;
    const number = this.#number('public', address);
    const at = Math.floor(number / 254);
    return `${publicRanges[at] ?? `240.0.${at}`}.${1 + (number % 254)}${end}`;
  }

  /**
   * Moves an address to another range, with numbered first bits, and hides the other bits such that two addresses keep
   * the length of their common prefix. So an address in a network is in the network's stand-in.
   */
  #moved(all: string, length: number, { shortest, start }: typeof ipv4Range): string {
    const numberWidth = shortest - start.length;
    const number = this.#number(start, all.slice(0, shortest)) % 2 ** numberWidth;
    const hidden = Array.from(all.slice(shortest, length), (bit, index) => {
      const before = all.slice(0, shortest + index);
      // The first address ends in 10, so that few look like a network address.
      const first = [1, 0, 1, 0][before.length - all.length + 4] ?? 0;
      // The first bit seen after a common prefix becomes 0.
      return first ^ this.#number(before, bit);
    });
    return addressOf((start + bits(number, numberWidth) + hidden.join('')).padEnd(all.length, '0'));
  }
}
