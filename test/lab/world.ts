/**
 * Network namespaces that stand for an EC2 instance and what runs on it: `imds` with the link-local addresses, `host`
 * next to it, `pod` behind the host as behind a Docker bridge, `nested` behind the pod, and `alone` without a network, as
 * an enclave is; a relay in the host forwards a Unix socket for it.
 * Everything that speaks to a link-local address runs in one of them; nothing leaves them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent } from './agent.js';
import type { Relay } from './relay.js';
import { type Offer, type Remote, startIn } from './remote.js';
import type { Service } from './service.js';

export const places = ['host', 'pod', 'nested'] as const;
export type Place = (typeof places)[number];

export interface World {
  readonly imds: Remote<Service>;
  readonly host: Remote<Agent>;
  readonly pod: Remote<Agent>;
  readonly nested: Remote<Agent>;
  readonly alone: Remote<Agent>;
  /** In the host, forwards a Unix socket, which every place sees: files are not apart. */
  readonly relay: Remote<Relay>;
  /** For sockets; gone with the world. */
  readonly folder: string;
  /** Drops or otherwise treats packets on their way through the host, by rules of nftables; none: all as it was. */
  readonly filter: (...rules: readonly string[]) => void;
  readonly end: () => Promise<void>;
}

const sh = (script: string): void =>
  void execFileSync('sh', ['-ec', script], { stdio: ['ignore', 'ignore', 'inherit'] });

/** Why no world can be made here; undefined when one can. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'making network namespaces takes root';
  const probe = `imds-lab-${process.pid}-probe`;
  const made = spawnSync('ip', ['netns', 'add', probe]);
  if (made.error) return 'the command ip (iproute2) is missing';
  if (made.status !== 0) return `network namespaces cannot be made: ${made.stderr.toString().trim()}`;
  spawnSync('ip', ['netns', 'del', probe]);
  if (spawnSync('nft', ['--version']).status !== 0) return 'the command nft (nftables) is missing';
  return undefined;
}

/** Installs what only the lab needs, on a runner that is thrown away afterwards. */
export function installTools(): void {
  const missing = ['ip', 'nft'].some((tool) => spawnSync(tool, ['-V']).error);
  if (missing && process.getuid?.() === 0)
    sh(
      'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends iproute2 nftables',
    );
}

export async function createWorld(): Promise<World> {
  const prefix = `imds-lab-${process.pid}`;
  const names = ['imds', 'host', 'pod', 'nested', 'alone'];
  const folder = mkdtempSync(join(tmpdir(), `${prefix}-`));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
    for (const name of names) spawnSync('ip', ['netns', 'del', `${prefix}-${name}`]);
  };
  process.once('exit', remove);
  const stops: (() => Promise<void>)[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(stops.map((stop) => stop()));
    remove();
    process.removeListener('exit', remove);
  };
  try {
    sh(layout(prefix));
    const start = <T extends Offer>(name: string, program: string): Promise<Remote<T>> => {
      const { remote, stop } = startIn<T>(`${prefix}-${name}`, program);
      stops.push(stop);
      return remote;
    };
    const [imds, host, pod, nested, alone, relay] = await Promise.all([
      start<Service>('imds', 'service.ts'),
      start<Agent>('host', 'agent.ts'),
      start<Agent>('pod', 'agent.ts'),
      start<Agent>('nested', 'agent.ts'),
      start<Agent>('alone', 'agent.ts'),
      start<Relay>('host', 'relay.ts'),
    ]);
    return {
      imds,
      host,
      pod,
      nested,
      alone,
      relay,
      folder,
      filter(...rules) {
        const inHost = (script: string): void => sh(`ip netns exec ${prefix}-host nft '${script}'`);
        inHost('flush chain inet lab way');
        for (const rule of rules) inHost(`add rule inet lab way ${rule}`);
      },
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** In each place `eth0` leads towards IMDS and `docker0` away from it. */
function layout(prefix: string): string {
  const ns = (name: string): string => `${prefix}-${name}`;
  const exec = (name: string, command: string): string => `ip netns exec ${ns(name)} ${command}`;
  const address = (name: string, device: string, ...addresses: string[]): string[] =>
    addresses.map((one) => `ip -n ${ns(name)} addr add ${one} dev ${device}${one.includes(':') ? ' nodad' : ''}`);
  const link = (upper: string, lower: string): string[] => [
    `ip -n ${ns(upper)} link add docker0 type veth peer name eth0 netns ${ns(lower)}`,
    `ip -n ${ns(upper)} link set docker0 up`,
    `ip -n ${ns(lower)} link set eth0 up`,
  ];
  const router = (name: string): string[] => [
    exec(name, `sh -c "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"`),
    // Otherwise one test would use up the notices that the next one's firewall sends.
    exec(name, `sh -c "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit"`),
    exec(name, `nft 'add table inet lab'`),
    exec(name, `nft 'add chain inet lab out { type nat hook postrouting priority 100; }'`),
    exec(name, `nft 'add rule inet lab out oifname eth0 masquerade'`),
    exec(name, `nft 'add chain inet lab way { type filter hook prerouting priority -200; }'`),
  ];
  return [
    ...['imds', 'host', 'pod', 'nested', 'alone'].flatMap((name) => [
      `ip netns add ${ns(name)}`,
      `ip -n ${ns(name)} link set lo up`,
    ]),
    ...link('imds', 'host'),
    ...link('host', 'pod'),
    ...link('pod', 'nested'),
    ...address('imds', 'docker0', '10.77.0.1/24', 'fd77::1/64'),
    ...address('imds', 'docker0', '169.254.169.254/32', '169.254.169.123/32', '169.254.169.253/32'),
    ...address('imds', 'docker0', 'fd00:ec2::254/128', 'fd00:ec2::123/128', 'fd00:ec2::253/128'),
    ...address('host', 'eth0', '10.77.0.2/24', 'fd77::2/64'),
    `ip -n ${ns('host')} route add 169.254.169.0/24 dev eth0`,
    `ip -n ${ns('host')} route add fd00:ec2::/64 dev eth0`,
    ...address('host', 'docker0', '10.88.0.1/24', 'fd88::1/64'),
    ...address('pod', 'eth0', '10.88.0.2/24', 'fd88::2/64'),
    `ip -n ${ns('pod')} route add default via 10.88.0.1`,
    `ip -n ${ns('pod')} route add default via fd88::1`,
    ...address('pod', 'docker0', '10.99.0.1/24', 'fd99::1/64'),
    ...address('nested', 'eth0', '10.99.0.2/24', 'fd99::2/64'),
    `ip -n ${ns('nested')} route add default via 10.99.0.1`,
    `ip -n ${ns('nested')} route add default via fd99::1`,
    ...router('host'),
    ...router('pod'),
  ].join('\n');
}
