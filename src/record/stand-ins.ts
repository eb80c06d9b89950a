import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Numbers the members of groups, each in the order in which they are first seen, from 0. */
class Numbers {
  readonly #groups = new Map<string, Map<string, number>>();

  of(group: string, member: string): number {
    const known = this.#groups.get(group) ?? new Map<string, number>();
    this.#groups.set(group, known);
    const number = known.get(member) ?? known.size;
    known.set(member, number);
    return number;
  }
}

/** True for an address in one of these networks. */
function within(...networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', length] = network.split('/');
    list.addSubnet(address, Number(length), familyOf(address));
  }
  return (address) => list.check(address, familyOf(address));
}

const familyOf = (address: string) => (address.includes(':') ? 'ipv6' : 'ipv4');

// The same everywhere: this host, loopback, link-local, multicast, and AWS's own addresses.
const isCommon = within(
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32'],
  ...['::/127', 'fe80::/10', 'ff00::/8', 'fd00:ec2::/32'],
);
// RFC 1918, and RFC 6598, which VPCs may use too.
const isPrivate = within('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10');

/** The largest networks that are replaced: those that a VPC can have. */
const shortestPrefix = { ipv4: 16, ipv6: 44 } as const;

/** The bits of an address as text, such as `00001010…`. */
function bitsOf(address: string): string {
  if (isIPv4(address))
    return address
      .split('.')
      .map((part) => bits(Number(part), 8))
      .join('');
  const [before = [], after = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].map((group) => bits(Number.parseInt(group, 16), 16)).join('');
}

const bits = (number: number, width: number): string => number.toString(2).padStart(width, '0');

const pieces = (text: string, width: number): number[] =>
  (text.match(new RegExp(`.{${width}}`, 'g')) ?? []).map((piece) => Number.parseInt(piece, 2));

const ipv4Text = (text: string): string => pieces(text, 8).join('.');

/** @param isLong all eight groups, in place of the shortest form (RFC 5952) */
function ipv6Text(text: string, isLong: boolean): string {
  const long = pieces(text, 16)
    .map((group) => group.toString(16))
    .join(':');
  return isLong ? long : new URL(`http://[${long}]`).hostname.slice(1, -1);
}

// AWS's in its examples. More than one or two is not to be expected.
const accounts = ['111122223333', '444455556666', '777788889999'];
// RFC 5737, without the first and last of each network; then those that are reserved (RFC 1112).
const publicRanges = ['192.0.2', '198.51.100', '203.0.113'];
const firstDocumentedMac = 0x00_00_5e_00_53_00;

/** A pattern for a text, and its stand-in; undefined for what only looks like it. */
interface Form {
  readonly pattern: string;
  readonly replace: (text: string) => string | undefined;
}

/**
 * Gives the same stand-in for the same thing wherever it stands, numbered in the order of first sight.
 *
 * IPv6 goes to 2001:db8::/32 (RFC 3849), public IPv4 addresses to RFC 5737. Private ones stay private, in 10.0.0.0/8: a
 * VPC does not fit into the networks for documentation. Networks keep their size, and what lies within them.
 */
export class StandIns {
  readonly #numbers = new Numbers();
  readonly #names = new Map<string, string>();
  /** The bit that was seen first after each beginning of an address. */
  readonly #firstBits = new Map<string, string>();
  readonly #isOwn: (address: string) => boolean;
  readonly #forms: readonly Form[];
  readonly #anyForm: RegExp;

  /** @param networks of the VPC, whose addresses are private whatever they look like */
  constructor(networks: readonly string[] = []) {
    this.#isOwn = within(...networks);
    this.#forms = this.#makeForms();
    this.#anyForm = new RegExp(this.#forms.map(({ pattern }) => `(${pattern})`).join('|'), 'g');
  }

  /** For a name that somebody gave: `kind` with a number. An address, an identifier or an ARN is replaced as such. */
  name(kind: string, text: string): string {
    if (text === '') return text;
    for (const [found, ...groups] of text.matchAll(this.#anyForm))
      if (found === text && this.#formOf(found, groups)?.replace(found) !== undefined) return this.text(text);
    // RFC 2606 keeps `.example` free.
    const known =
      this.#names.get(text) ?? `${kind}${this.#numbers.of(kind, text) + 1}${kind === 'domain' ? '.example' : ''}`;
    this.#names.set(text, known);
    return known;
  }

  /** Replaces addresses, identifiers and the names in ARNs wherever they stand in a text. */
  text(text: string): string {
    return text.replace(
      this.#anyForm,
      (found: string, ...groups: readonly unknown[]) => this.#formOf(found, groups)?.replace(found) ?? found,
    );
  }

  #formOf(found: string, groups: readonly unknown[]): Form | undefined {
    return this.#forms[groups.indexOf(found)];
  }

  /** The first that fits counts. */
  #makeForms(): readonly Form[] {
    const address = (text: string): string | undefined => this.#addressOrNetwork(text);
    return [
      { pattern: '\\barn:[\\w-]+:[\\w-]*:[\\w-]*:\\w*:[^\\s"\'<>]+', replace: (text) => this.#arn(text) },
      {
        pattern: '(?<![\\w:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\\w:])',
        // 256 of them are for documentation (RFC 9542, section 2.1.2), more than an instance can have interfaces.
        replace: (text) =>
          (firstDocumentedMac + this.#numbers.of('mac', text.toLowerCase()))
            .toString(16)
            .padStart(12, '0')
            .replace(/..(?=.)/g, '$&:'),
      },
      {
        pattern: '(?<![\\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:/\\d{1,3})?(?![\\w:]|\\.\\d)',
        replace: address,
      },
      {
        // ip-10-0-1-10.ec2.internal, ec2-192-0-2-54.compute-1.amazonaws.com
        pattern: '(?<![\\w-])(?:ip|ec2)-\\d{1,3}(?:-\\d{1,3}){3}(?![\\w-])',
        replace(text) {
          const [start, ...parts] = text.split('-');
          const replaced = address(parts.join('.'));
          return replaced && `${start}-${replaced.replaceAll('.', '-')}`;
        },
      },
      { pattern: '(?<![\\w.])\\d{1,3}(?:\\.\\d{1,3}){3}(?:/\\d{1,2})?(?![\\w]|\\.\\d)', replace: address },
      {
        // EC2's have 8 or 17 digits, those of accelerators 32. bp-… is a product of AWS.
        pattern: '(?<![\\w-])(?!bp-)[a-z]+(?:-[a-z]+)*-(?:[0-9a-f]{32}|[0-9a-f]{17}|[0-9a-f]{8})(?![\\w-])',
        replace: (text) => this.#identifier(text, text.lastIndexOf('-') + 1, 16, ''),
      },
      {
        // IAM's unique identifiers and access key IDs (IAM User Guide, "IAM identifiers"), but not those of examples.
        pattern:
          '(?<![A-Za-z0-9])(?![A-Z0-9]*EXAMPLE(?![A-Za-z0-9]))(?:ABIA|ACCA|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|APKA|AROA|ASCA|ASIA)[A-Z0-9]{12,124}(?![A-Za-z0-9])',
        replace: (text) => this.#identifier(text, 4, 10, 'EXAMPLE'),
      },
      {
        pattern: '(?<![\\w.])\\d{12}(?!\\w|\\.\\d)',
        replace: (text) => {
          const number = this.#numbers.of('account', text);
          return accounts[number] ?? String(900_000_000_000 + number);
        },
      },
    ];
  }

  /** Of the same length, with the same start. */
  #identifier(text: string, startLength: number, radix: number, end: string): string {
    const start = text.slice(0, startLength);
    const number = this.#numbers.of(`${start} ${text.length}`, text) + 1;
    return start + number.toString(radix).padStart(text.length - start.length - end.length, '0') + end;
  }

  /** Replaces the account, and the names in what comes behind it. */
  #arn(text: string): string {
    const [, start = '', resource = ''] = /^((?:[^:]*:){5})(.*)$/.exec(text) ?? [];
    const [first = ''] = resource.split(/[/:]/, 1);
    const kind = Object.hasOwn(resourceKinds, first) ? resourceKinds[first] : undefined;
    const rest = kind === undefined ? resource : resource.slice(first.length);
    const names = rest.replace(/[^/:]+/g, (name) => this.name(kind ?? 'resource', name));
    return `${this.text(start)}${kind ? first : ''}${names}`;
  }

  #addressOrNetwork(text: string): string | undefined {
    const [address = '', prefix] = text.split('/');
    const isLong = !address.includes('::');
    if (!(isIPv4(address) || isIPv6(address)) || isCommon(address)) return undefined;
    const all = bitsOf(address);
    const length = prefix === undefined ? all.length : Number(prefix);
    if (length < shortestPrefix[familyOf(address)] || length > all.length) return undefined;
    const network = all.slice(0, length);
    const end = prefix === undefined ? '' : `/${prefix}`;
    if (isIPv6(address)) return ipv6Text(this.#moved(network, all.length, 44, bits(0x2001_0db8, 32), 12), isLong) + end;
    const isNetwork = length < all.length;
    if (isNetwork || isPrivate(address) || this.#isOwn(address))
      return ipv4Text(this.#moved(network, all.length, 16, bits(10, 8), 8)) + end;
    const number = this.#numbers.of('public', address);
    const range = publicRanges[Math.floor(number / 254)];
    return (range ? `${range}.${1 + (number % 254)}` : ipv4Text(bits(0xf000_0000 + number, 32))) + end;
  }

  /**
   * Puts the first bits of an address into another range, numbered, and hides the others such that two addresses that
   * begin alike still do, up to the same bit. Thus what lies within a network lies within its stand-in.
   */
  #moved(network: string, width: number, start: number, range: string, numberWidth: number): string {
    const number = this.#numbers.of(`range of ${width}`, network.slice(0, start)) % 2 ** numberWidth;
    const hidden = Array.from(network.slice(start), (bit, index) => {
      const before = network.slice(0, start + index);
      if (!this.#firstBits.has(before)) this.#firstBits.set(before, bit);
      // The first address of all ends in 10, so that most do not look like that of a network.
      const shown = '1010'[before.length - width + 4] ?? '0';
      return this.#firstBits.get(before) === bit ? shown : shown === '0' ? '1' : '0';
    });
    return (range + bits(number, numberWidth) + hidden.join('')).padEnd(width, '0');
  }
}

// Kinds with which the resource of an ARN may begin, before the names.
const resourceKinds: Readonly<Record<string, string>> = {
  role: 'role',
  'assumed-role': 'role',
  'instance-profile': 'profile',
  user: 'resource',
  group: 'resource',
  policy: 'resource',
  instance: 'resource',
  'federated-user': 'resource',
};
