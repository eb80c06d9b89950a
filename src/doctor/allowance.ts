import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { environment } from '../client/settings.js';
import { codeOf } from '../errors.js';

/** The output of `ethtool -S` for a network interface; rejects with `ENOENT` where that is not installed. */
export type Statistics = (device: string, signal: AbortSignal | undefined) => Promise<string>;

/** The number of packets to link-local services that a network interface dropped, or why it is unknown. */
export type Allowance = { readonly device: string; readonly dropped: number } | { readonly why: string };

const machineStatistics: Statistics = async (device, signal) => {
  // Not every user has sbin in the PATH.
  const PATH = [environment()['PATH'], '/usr/sbin'].filter(Boolean).join(':');
  const options = { env: { PATH }, timeout: 300, killSignal: 'SIGKILL', signal } as const;
  return (await promisify(execFile)('ethtool', ['-S', device], options)).stdout;
};

/**
 * Reads how many packets a network interface dropped because IMDS, DNS and time service together got more than 1024 a
 * second: the counter `linklocal_allowance_exceeded` of the ENA driver. Needs no privilege, sends nothing, and takes at
 * most a third of a second.
 *
 * @param device the interface that packets to IMDS leave through
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-network-performance-ena.html
 */
export async function linkLocalAllowance(
  device: string | undefined,
  signal?: AbortSignal,
  statistics = machineStatistics,
): Promise<Allowance> {
  if (device === undefined) return { why: 'there is no route to IMDS' };
  try {
    const text = await statistics(device, signal);
    const dropped = /^\s*linklocal_allowance_exceeded: (\d+)$/m.exec(text)?.[1];
    return dropped === undefined ? { why: `${device} has no such counter` } : { device, dropped: Number(dropped) };
  } catch (error) {
    return { why: codeOf(error) === 'ENOENT' ? 'ethtool is not installed' : `ethtool gives no counters of ${device}` };
  }
}
