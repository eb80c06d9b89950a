import { execFile } from 'node:child_process';
import { environment } from '../client/settings.js';
import { codeOf } from '../errors.js';
import { type Facts, machineFacts } from '../platform.js';

/** Access to the counters of network interfaces. */
export interface Counters {
  readonly read: Facts['read'];
  /** The output of `ethtool -S` for a network interface; rejects with `ENOENT` where that is not installed. */
  readonly statistics: (device: string, signal: AbortSignal | undefined) => Promise<string>;
}

/** The packets to link-local services that a network interface has dropped, or why they are not known. */
export type Allowance = { readonly device: string; readonly dropped: number } | { readonly why: string };

/** The counters of this machine. */
export const machineCounters: Counters = {
  read: machineFacts().read,
  statistics: (device, signal) =>
    new Promise((resolve, reject) => {
      // Not every user has sbin in the PATH.
      const PATH = [environment()['PATH'], '/usr/sbin'].filter(Boolean).join(':');
      const options = {
        env: { PATH },
        timeout: 300,
        killSignal: 'SIGKILL',
        ...(signal && { signal }),
      } as const;
      execFile('ethtool', ['-S', device], options, (error, text) => (error ? reject(error) : resolve(text)));
    }),
};

/**
 * Reads what the network interface of the default route has dropped because IMDS, DNS and time service together were sent
 * more than 1024 packets a second: the counter `linklocal_allowance_exceeded` of the ENA driver. Needs no privilege, sends
 * nothing, and takes a third of a second at most.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-network-performance-ena.html
 */
export async function linkLocalAllowance(
  counters: Counters = machineCounters,
  signal?: AbortSignal,
): Promise<Allowance> {
  const device = defaultDevice(counters.read);
  if (device === undefined) return { why: 'no default route is known' };
  try {
    const [, dropped] =
      /^\s*linklocal_allowance_exceeded: (\d+)$/m.exec(await counters.statistics(device, signal)) ?? [];
    return dropped === undefined ? { why: `${device} has no such counter` } : { device, dropped: Number(dropped) };
  } catch (error) {
    return { why: codeOf(error) === 'ENOENT' ? 'ethtool is not installed' : `ethtool gives no counters of ${device}` };
  }
}

/** The network interface of the default route with the least metric, of IPv6 where IPv4 has none (proc_net(5)). */
function defaultDevice(read: Facts['read']): string | undefined {
  const rows = (path: string): string[][] => (read(path) ?? '').split('\n').map((row) => row.trim().split(/\s+/));
  const ipv4 = rows('/proc/net/route')
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .map(([device, , , , , , metric]) => ({ device, metric: Number(metric) }));
  // The kernel keeps one at lo for what has no route.
  const ipv6 = rows('/proc/net/ipv6_route')
    .filter(([destination, length]) => /^0{32}$/.test(destination ?? '') && length === '00')
    .map((columns) => ({ device: columns[9], metric: Number.parseInt(columns[5] ?? '', 16) }))
    .filter(({ device }) => device !== 'lo');
  const least = (routes: typeof ipv4) => [...routes].sort((one, other) => one.metric - other.metric)[0]?.device;
  return least(ipv4) ?? least(ipv6);
}
