import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { folder, internetInterface } from './layout.js';
import { find, LabError } from './requirements.js';
import { internetResolver } from './surroundings.js';

/** Connects the lab's host with the machine's network. */
export interface Internet {
  /** @param pid of the process that made the namespaces */
  start(pid: number, setpriv: string, isPrivileged: boolean): ChildProcess;
}

/**
 * Finds pasta, which carries connections between a namespace and the machine's network without privileges.
 *
 * @see https://passt.top
 * @throws LabError when it is not installed or cannot work here
 */
export function pasta(path: string): Internet {
  const program = find('pasta', path);
  if (program === undefined) throw new LabError('--internet needs pasta', 'install the package passt, which brings it');
  if (!isUsable('/dev/net/tun'))
    throw new LabError(
      '--internet needs /dev/net/tun, readable and writable for this user',
      'sudo modprobe tun; sudo chmod 666 /dev/net/tun; for a container --device /dev/net/tun',
    );
  return {
    start(pid, setpriv, isPrivileged) {
      const user = isPrivileged ? ['--netns-only', '--runas', '0'] : ['--userns', `/proc/${pid}/ns/user`];
      const terms = [
        // Otherwise it would become a daemon that outlives the lab.
        '--foreground',
        '--quiet',
        '--config-net',
        ...['--ns-ifname', internetInterface],
        // A test address (RFC 2544): the machine's own could be one of the lab's.
        ...['--ipv4-only', '--address', '198.18.0.2', '--netmask', '30', '--gateway', '198.18.0.1'],
        ...['--dns-forward', internetResolver],
        // The machine itself is unreachable, and so is the lab.
        '--no-map-gw',
        ...['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none'],
        ...user,
        ...['--netns', '/proc/self/fd/0'],
      ];
      // Started as root, it has dropped the right to open this by its path, but keeps standard input.
      const namespace = openSync(`/proc/${pid}/root${folder}/host`, 'r');
      try {
        const stdio = [namespace, 'ignore', 'pipe'] as const;
        return spawn(setpriv, ['--pdeathsig', 'KILL', program, ...terms], { stdio: [...stdio] });
      } finally {
        closeSync(namespace);
      }
    },
  };
}

function isUsable(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
