/** An IP network; an address is a network of one. */
export interface Network {
  readonly version: 4 | 6;
  readonly base: bigint;
  /** Length of its prefix. */
  readonly length: number;
}

const bits = { 4: 32, 6: 128 } as const;

const ipv4 = (text: string): bigint => text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);

function ipv6(text: string): bigint {
  const [before = '', after] = text.split('::');
  const groups = (half: string): string[] => half.split(':').filter((group) => group !== '');
  const [first, last] = [groups(before), groups(after ?? '')];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
}

/** The number that an address is. Its text must be one of that version, without a dotted end. */
export const numberOf = (version: 4 | 6, text: string): bigint => (version === 4 ? ipv4(text) : ipv6(text));

/** The text of an IPv4 address. */
export const ipv4Text = (address: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');

/** The text of an IPv6 address: the shortest (RFC 5952, section 4.2), or where `isLong` all eight groups. */
export function ipv6Text(address: bigint, isLong: boolean): string {
  const groups = Array.from({ length: 8 }, (_, index) => (address >> BigInt(112 - 16 * index)) & 65535n);
  const text = groups.map((group) => group.toString(16)).join(':');
  if (isLong) return text;
  const runs = text.match(/(?:^|:)0(?::0)+(?:$|:)/g) ?? [];
  const [longest = ''] = runs.sort((a, b) => b.length - a.length);
  return longest === '' ? text : text.replace(longest, '::');
}

const within = (network: string): ((address: Network) => boolean) => {
  const [text = '', prefix = ''] = network.split('/');
  const version = text.includes(':') ? 6 : 4;
  const outer = { version, base: numberOf(version, text), length: Number(prefix) } as const;
  return (inner) => contains(outer, inner);
};

const contains = (outer: Network, inner: Network): boolean =>
  outer.version === inner.version &&
  outer.length <= inner.length &&
  (inner.base ^ outer.base) >> BigInt(bits[outer.version] - outer.length) === 0n;

// What is the same everywhere: this host, loopback, link-local, multicast, and AWS's own addresses.
const common = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/127',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::/32',
].map(within);
// RFC 1918, and RFC 6598, which VPCs may use too.
const isPrivate = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].map(within);

/** Whether an address is to be replaced. */
export const isTelling = (network: Network): boolean => !common.some((holds) => holds(network));

/** The largest networks that are replaced: a VPC has at most a /16, and the documentation's IPv6 network is a /32. */
export const shortestPrefix = { 4: 16, 6: 32 } as const;

const keyOf = ({ version, base, length }: Network): string => `${version} ${base} ${length}`;

const byPlace = (a: Network, b: Network): number => (a.base < b.base ? -1 : a.base > b.base ? 1 : a.length - b.length);

/**
 * Finds other places for networks and addresses, such that one that lies within another still does, each has the size
 * that it had, and all are in the order they were in. They are packed together from the beginning of each range, so what
 * has been replaced once has its place already.
 *
 * IPv6 goes to 2001:db8::/32 (RFC 3849), public IPv4 addresses to 192.0.2.0/24 and on (RFC 5737). Private ones, and what
 * is in the same networks, stay private, in 10.0.0.0/8: a VPC does not fit into the documentation's.
 *
 * @returns the new first address of each that was given
 */
export function replaceNetworks(networks: readonly Network[]): (network: Network) => bigint {
  const unique = [...new Map(networks.map((network) => [keyOf(network), network])).values()].sort(byPlace);
  const ranges = unique.filter(({ version, length }) => version === 4 && length < bits[4]);
  const kindOf = (network: Network): 'IPv6' | 'private' | 'public' => {
    if (network.version === 6) return 'IPv6';
    const isInside = isPrivate.some((holds) => holds(network)) || ranges.some((range) => contains(range, network));
    return isInside ? 'private' : 'public';
  };
  const all = { IPv6: [] as Network[], private: [] as Network[], public: [] as Network[] };
  for (const network of unique) all[kindOf(network)].push(network);
  const places = new Map([
    ...packed(all.IPv6, ipv6('2001:db8::')),
    ...packed(all.private, ipv4('10.0.0.0')),
    ...all.public.map((network, index): [string, bigint] => [keyOf(network), documented(index)]),
  ]);
  return (network) => places.get(keyOf(network)) ?? network.base;
}

/** The addresses of RFC 5737 in turn, without the first and last of each network; then of those reserved (RFC 1112). */
function documented(index: number): bigint {
  const range = ['192.0.2.1', '198.51.100.1', '203.0.113.1'][Math.floor(index / 254)];
  return range === undefined ? ipv4('240.0.0.0') + BigInt(index) : ipv4(range) + BigInt(index % 254);
}

/** A network that others are put into. */
interface Frame {
  readonly from: bigint;
  readonly end: bigint;
  readonly to: bigint;
  free: bigint;
}

// The first four addresses of a subnet are AWS's.
const reserved = 4n;

/** Puts networks, in their order, at the first places from `start` on that are free and fit. */
function packed(sorted: readonly Network[], start: bigint): [string, bigint][] {
  const frames: Frame[] = [{ from: -reserved, end: 1n << 128n, to: start, free: start }];
  return sorted.map((network) => {
    const { version, base, length } = network;
    const size = 1n << BigInt(bits[version] - length);
    let frame = frames.at(-1);
    while (frame !== undefined && base >= frame.end) {
      frames.pop();
      frame = frames.at(-1);
    }
    // The outermost never ends.
    if (frame === undefined) throw new RangeError('no network is there for this address');
    const offset = base - frame.from;
    const skipped = size > 1n ? 0n : offset < reserved ? offset : reserved;
    const earliest = frame.free > frame.to + skipped ? frame.free : frame.to + skipped;
    const place = ((earliest + size - 1n) / size) * size;
    frame.free = place + size;
    if (size > 1n) frames.push({ from: base, end: base + size, to: place, free: place });
    return [keyOf(network), place];
  });
}
