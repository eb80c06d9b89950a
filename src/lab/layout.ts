import { type Plan, places, type Trouble } from './plan.js';

/**
 * The lab's own folder: names of its network namespaces, and files to mount over others. It exists on every Linux,
 * programs do not use it, and mounts there vanish with the lab even if that is killed, whereas a folder in /tmp would
 * stay.
 */
export const folder = '/proc/fs';

/** The link-local addresses of the service, and of those next to it on EC2. */
export const addresses = {
  imds: ['169.254.169.254', 'fd00:ec2::254'],
  time: ['169.254.169.123', 'fd00:ec2::123'],
  names: ['169.254.169.253', 'fd00:ec2::253'],
} as const;

/** EC2's own name for IMDS. */
export const imdsName = 'instance-data.ec2.internal';

/** The interface through which `--internet` reaches the machine's network, in the host. */
export const internetInterface = 'internet0';

export const isIpv6 = (address: string): boolean => address.includes(':');

type Network = Pick<Plan, 'place' | 'trouble' | 'hasIpv6'>;

/** Both ends of each link: the address nearer to IMDS, then the one farther away. */
const links = {
  vpc: [
    ['10.0.10.1/24', 'fd12:3456:789a:1::1/64'],
    ['10.0.10.5/24', 'fd12:3456:789a:1::5/64'],
  ],
  container: [
    ['172.17.0.1/16', 'fd12:3456:789a:2::1/64'],
    ['172.17.0.2/16', 'fd12:3456:789a:2::2/64'],
  ],
  nested: [
    ['172.18.0.1/16', 'fd12:3456:789a:3::1/64'],
    ['172.18.0.2/16', 'fd12:3456:789a:3::2/64'],
  ],
} as const;

/**
 * A shell script that makes the network, run in the namespace of IMDS: `eth0` leads towards IMDS in each place, `docker0`
 * away from it. The host has no default route, so that everything else fails at once instead of waiting.
 */
export function layout(network: Network): string {
  const { hasIpv6 } = network;
  const all = Object.values(addresses).flat();
  const [vpc, container, nested] = [links.vpc, links.container, links.nested];
  const scripts = {
    imds: [
      ...link('eth0', 'eth0', 'host'),
      ...up('eth0', vpc[0], hasIpv6),
      ...all.map((address) => `address add ${single(address)} dev eth0${isIpv6(address) ? ' nodad' : ''}`),
    ],
    host: [
      ...up('eth0', vpc[1], hasIpv6),
      ...all.map((address) => `route add ${single(address)} dev eth0`),
      // Other link-local addresses, such as that of container credentials, must not be reached outside the lab.
      'route add unreachable 169.254.0.0/16',
      'route add unreachable fd00:ec2::/32',
      ...link('docker0', 'eth0', 'container'),
      ...up('docker0', container[0], hasIpv6),
    ],
    container: [
      ...up('eth0', container[1], hasIpv6),
      ...defaultRoutes(container[0]),
      ...link('docker0', 'eth0', 'nested'),
      ...up('docker0', nested[0], hasIpv6),
    ],
    nested: [...up('eth0', nested[1], hasIpv6), ...defaultRoutes(nested[0])],
  };
  const inPlace = places.map((place) => {
    const batch = place === network.place ? [...scripts[place], ...closedRoutes(network)] : scripts[place];
    const rules = place === 'nested' ? '' : router(hasIpv6, place === 'host' ? network.trouble : undefined);
    return `nsenter --net=${folder}/${place} sh -e <<'PLACE'\n${ipBatch(batch, hasIpv6)}${rules}PLACE\n`;
  });
  return [
    `mount -t tmpfs -o mode=755 imds-lab ${folder}\n`,
    ...places.map((place) => `: >${folder}/${place}\nunshare --net=${folder}/${place} true\n`),
    ipBatch(scripts.imds, hasIpv6),
    ...inPlace,
  ].join('');
}

const single = (address: string): string => `${address}/${isIpv6(address) ? 128 : 32}`;

const link = (name: string, peer: string, namespace: string): string[] => [
  `link add ${name} type veth peer name ${peer} netns ${folder}/${namespace}`,
];

/** Without a generated address, and without duplicate detection, an interface can be used at once. */
const up = (name: string, own: readonly string[], hasIpv6: boolean): string[] => [
  `link set ${name} ${hasIpv6 ? 'addrgenmode none ' : ''}up`,
  ...own.map((address) => `address add ${address} dev ${name}${isIpv6(address) ? ' nodad' : ''}`),
];

const defaultRoutes = (gateways: readonly string[]): string[] =>
  gateways.map((gateway) => `route add ${isIpv6(gateway) ? '::/0' : 'default'} via ${gateway.replace(/\/.*/, '')}`);

/** Routes in the command's place that make IMDS unreachable. */
function closedRoutes({ place, trouble }: Network): string[] {
  const kind = trouble === 'no-route' ? 'unreachable' : trouble === 'locked' ? 'prohibit' : undefined;
  if (kind === undefined) return [];
  return addresses.imds.flatMap((address) => [
    // `replace` would only add another IPv6 route, with another metric.
    ...(place === 'host' ? [`route del ${single(address)} dev eth0`] : []),
    `route add ${kind} ${single(address)}`,
  ]);
}

function ipBatch(lines: readonly string[], hasIpv6: boolean): string {
  const possible = ['link set lo up', ...lines].filter((line) => hasIpv6 || !/ \S*::/.test(line));
  return `ip -batch - <<'IP'\n${possible.join('\n')}\nIP\n`;
}

/** Firewall rules on the host for packets to IMDS. */
const barriers: { readonly [T in Trouble]?: { readonly ipv4: string; readonly ipv6: string } } = {
  drop: { ipv4: 'drop', ipv6: 'drop' },
  // The same ICMPv6 message would arrive as EACCES, which stands for a prohibit route on the caller's side.
  reject: { ipv4: 'reject with icmp type admin-prohibited', ipv6: 'reject with icmpv6 type addr-unreachable' },
};

/** Forwards behind one address, as set up by container runtimes. */
function router(hasIpv6: boolean, trouble: Trouble | undefined): string {
  const switches = ['ipv4/ip_forward', ...(hasIpv6 ? ['ipv6/conf/all/forwarding'] : [])];
  const forwarding = switches.map((name) => {
    const file = `/proc/sys/net/${name}`;
    // In a container the files may be read-only, and already have the right values.
    return `[ "$(cat ${file})" = 1 ] || echo 1 >${file}\n`;
  });
  const [ipv4, ipv6] = addresses.imds;
  const verdicts = trouble && barriers[trouble];
  const barrier = ['forward', 'output'].map(
    (hook) => `chain ${hook} { type filter hook ${hook} priority 0;
ip daddr ${ipv4} ${verdicts?.ipv4}
ip6 daddr ${ipv6} ${verdicts?.ipv6}
}
`,
  );
  return `${forwarding.join('')}nft -f - <<'NFT'
table inet lab {
chain out { type nat hook postrouting priority 100; oifname "eth0" masquerade; oifname "${internetInterface}" masquerade; }
${verdicts ? barrier.join('') : ''}}
NFT
`;
}
