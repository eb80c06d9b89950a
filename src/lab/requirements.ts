import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A reason that no lab can be made, and the fix. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** The facts about a machine before anything is tried. */
export interface Machine {
  /** `process.platform` */
  readonly platform: string;
  /** The text of a small file; undefined if it does not exist. */
  readonly read: (path: string) => string | undefined;
  readonly exists: (path: string) => boolean;
}

export const thisMachine: Machine = {
  platform: process.platform,
  read(path) {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      return undefined;
    }
  },
  exists: existsSync,
};

/** The programs that a lab needs, and the package of each in Debian and Fedora. */
const tools = {
  ip: ['iproute2', 'iproute'],
  nft: ['nftables', 'nftables'],
  unshare: ['util-linux', 'util-linux'],
  nsenter: ['util-linux', 'util-linux'],
  setpriv: ['util-linux', 'util-linux'],
  mount: ['mount', 'util-linux'],
} as const;
type Tool = keyof typeof tools;

/** Directories of tools, two of which are not in an ordinary user's PATH. */
const toolFolders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** A PATH with the tools. */
export const toolPath = (path = ''): string => [path, ...toolFolders].filter(Boolean).join(':');

/** The first program of this name on a PATH. */
export function find(name: string, path: string): string | undefined {
  return path
    .split(':')
    .map((folder) => join(folder || '.', name))
    .find((file) => isProgram(file));
}

export function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * Finds the programs that a lab needs.
 *
 * @throws LabError naming what is missing and the command that helps
 */
export function requirements(path: string, machine: Machine): Record<Tool, string> {
  if (machine.platform !== 'linux')
    throw new LabError(`imds lab needs network namespaces, which ${machine.platform} lacks`, inDocker);
  const names = Object.keys(tools) as Tool[];
  const found = names.map((name) => [name, find(name, path)] as const);
  const missing = found.flatMap(([name, file]) => (file === undefined ? [name] : []));
  if (missing.length > 0) throw new LabError(`imds lab needs ${missing.join(', ')}`, installing(missing, machine));
  return Object.fromEntries(found) as Record<Tool, string>;
}

const inDocker =
  'a container has them: docker run --rm -it --privileged -v "$PWD":/work -w /work node:22 ' +
  `sh -c 'apt-get update -qq && apt-get install -qq iproute2 nftables && npx imds lab'`;

function installing(missing: readonly Tool[], { read }: Machine): string {
  const release = read('/etc/os-release') ?? '';
  const family = [...release.matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)/gm)].map(([, words]) => words).join(' ');
  const packages = (index: 0 | 1): string => [...new Set(missing.map((name) => tools[name][index]))].join(' ');
  if (/\b(debian|ubuntu)\b/.test(family)) return `sudo apt-get install ${packages(0)}`;
  if (/\b(fedora|rhel|centos|amzn)\b/.test(family)) return `sudo dnf install ${packages(1)}`;
  if (/\balpine\b/.test(family)) return `sudo apk add ${packages(0).replace('util-linux', 'util-linux-misc setpriv')}`;
  if (/\barch\b/.test(family)) return `sudo pacman -S ${packages(0)}`;
  if (/\bsuse\b/.test(family)) return `sudo zypper install ${packages(0)}`;
  return `install ${packages(0)}`;
}

/** True if this process can make namespaces as it is. Being user 0 is not enough: in containers root usually cannot. */
export function mayMakeNamespaces({ read }: Machine): boolean {
  const [, hex = '0'] = /^CapEff:\s*([0-9a-f]+)/m.exec(read('/proc/self/status') ?? '') ?? [];
  const needed = [12n, 21n]; // CAP_NET_ADMIN, CAP_SYS_ADMIN
  return needed.every((bit) => (BigInt(`0x${hex}`) >> bit) & 1n);
}

const isContainer = ({ exists, read }: Machine): boolean =>
  exists('/.dockerenv') ||
  exists('/run/.containerenv') ||
  exists('/var/run/secrets/kubernetes.io') ||
  /\/(kubepods|docker|libpod|containerd|lxc)/.test(read('/proc/1/cgroup') ?? '');

const containerRights =
  'start the container with --privileged, or with --cap-add SYS_ADMIN --cap-add NET_ADMIN ' +
  '--security-opt apparmor=unconfined (as root), or with --security-opt seccomp=unconfined ' +
  '--security-opt apparmor=unconfined --security-opt systempaths=unconfined (as another user)';

/** Explains a failure to make a lab, from the output of the tools. */
export function explain(said: string, machine: Machine): LabError {
  const { read } = machine;
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  const last = lines.at(-1)?.trim() ?? 'it exited without a message';
  const isDenied = /^unshare: |^setpriv: |Operation not permitted|Permission denied|uid_map/m.test(said);
  const setting = (name: string): string | undefined => read(`/proc/sys/${name.replaceAll('.', '/')}`);
  const forbidden = (why: string, hint: string): LabError =>
    new LabError(`user namespaces are forbidden: ${why}`, hint);
  if (!mayMakeNamespaces(machine) && isDenied) {
    for (const [name, value, better] of [
      ['user.max_user_namespaces', '0', '15000'],
      ['kernel.unprivileged_userns_clone', '0', '1'],
    ] as const)
      if (setting(name) === value) return forbidden(`${name} is ${value}`, `sudo sysctl -w ${name}=${better}`);
    if (setting('kernel.apparmor_restrict_unprivileged_userns') === '1')
      return forbidden(
        'AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns is 1)',
        'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or sudo imds lab',
      );
  }
  if (isContainer(machine) && /Operation not permitted|Permission denied|Read-only file system/.test(said))
    return new LabError(`this container is not allowed to make a lab: ${last}`, containerRights);
  if (/unrecognized option|invalid option/.test(said))
    return new LabError(`the tools here are too old: ${last}`, 'imds lab needs util-linux 2.36 and nftables 0.9.3');
  return new LabError(`the lab cannot be made: ${last}`, isDenied ? 'as root it may work: sudo imds lab' : undefined);
}
