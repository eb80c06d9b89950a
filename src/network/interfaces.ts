import { atMost } from '../client/limit.js';
import { isEmptyAnswer, isNotFound } from '../errors.js';
import type { Accessor, CallOptions } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';

/** What may be absent of any interface. */
interface OptionalFacts {
  /** Private IPv4 addresses, primary first, such as `['10.0.1.10']`; absent on IPv6-only and EFA-only interfaces. */
  readonly localIpv4s?: readonly string[];
  /** IPv6 addresses, such as `['2001:db8:8:4::10']`; absent when there are none. */
  readonly ipv6s?: readonly string[];
  /** Public and Elastic IPv4 addresses, such as `['192.0.2.54']`; absent when there are none. */
  readonly publicIpv4s?: readonly string[];
  /** Public DNS name, such as `ec2-192-0-2-54.compute-1.amazonaws.com`; absent when there is none. */
  readonly publicHostname?: string;
  /** Private addresses by the public one they are behind, such as `{ '192.0.2.54': ['10.0.1.10'] }`; absent without any. */
  readonly ipv4Associations?: Readonly<Record<string, readonly string[]>>;
  /** Delegated IPv4 prefixes, such as `['10.0.1.16/28']`; absent when there are none. */
  readonly ipv4Prefix?: readonly string[];
  /** Delegated IPv6 prefixes, such as `['2001:db8:8:4:a::/80']`; absent when there are none. */
  readonly ipv6Prefix?: readonly string[];
  /** IPv4 range of the subnet, such as `10.0.1.0/24`; absent in an IPv6-only subnet. */
  readonly subnetIpv4CidrBlock?: string;
  /** IPv6 ranges of the subnet, such as `['2001:db8:8:4::/64']`; absent when there are none. */
  readonly subnetIpv6CidrBlocks?: readonly string[];
  /** IPv6 ranges of the VPC, such as `['2001:db8:8::/56']`; absent when there are none. */
  readonly vpcIpv6CidrBlocks?: readonly string[];
}

/** What every interface has, once the service knows it. */
interface PromisedFacts {
  /** Index of the network card, such as `1`; 0 on instances with one card, where the service does not tell it. */
  readonly networkCard: number;
  /** Device index on its network card, such as `1`: 0 for the primary interface, but also for one on each further card. */
  readonly deviceNumber: number;
  /** ID of the interface, such as `eni-0f95d3625f5c521cc`. */
  readonly interfaceId: string;
  /** ID of the subnet, such as `subnet-0ac62554d1e2f3a4b`. */
  readonly subnetId: string;
  /** ID of the VPC, such as `vpc-0a1b2c3d4e5f60718`. */
  readonly vpcId: string;
  /** Account that owns the interface, such as `123456789012`; may differ from the instance's. */
  readonly ownerId: string;
  /** Private DNS name, such as `ip-10-0-1-10.ec2.internal`. */
  readonly localHostname: string;
  /** Names of the security groups, such as `['web', 'ssh']`. */
  readonly securityGroups: readonly string[];
  /** IDs of the security groups, such as `['sg-0b07f8f6cb485d4df']`; need not be in the order of the names. */
  readonly securityGroupIds: readonly string[];
  /** Primary IPv4 range of the VPC, such as `10.0.0.0/16`. */
  readonly vpcIpv4CidrBlock: string;
  /** All IPv4 ranges of the VPC, such as `['10.0.0.0/16', '10.1.0.0/16']`. */
  readonly vpcIpv4CidrBlocks: readonly string[];
}

interface Identity {
  /** MAC address, such as `0e:49:61:0f:c3:11`. */
  readonly mac: string;
  /** Whether it is the primary interface, whose `mac` is that of the instance; such as `true` for the first. */
  readonly isPrimary: boolean;
}

/** A network interface of which all that is promised has been read. */
export interface SettledNetworkInterface extends Identity, PromisedFacts, OptionalFacts {
  /** `false`: nothing is missing. */
  readonly isSettling: false;
}

/** A network interface attached moments ago, which the service does not know in full yet. */
export interface SettlingNetworkInterface extends Identity, Partial<PromisedFacts>, OptionalFacts {
  /** `true`: the service does not know all of it yet. Each call asks for all of it anew. */
  readonly isSettling: true;
}

/**
 * A network interface of the instance. Properties are named after the paths below `network/interfaces/macs/{mac}/`;
 * what is absent there is absent here. Narrow by `isSettling` to be sure of what every interface has in the end. Frozen
 * throughout.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
export type NetworkInterface = SettledNetworkInterface | SettlingNetworkInterface;

/** What interfaces are read from: a client. */
export type NetworkReader = Pick<Categories, 'mac' | 'network'>;

type Nic = ReturnType<Categories['network']['interfaces']['macs']['mac']>;
type Associations = NonNullable<OptionalFacts['ipv4Associations']>;
type Facts = Partial<PromisedFacts> & OptionalFacts;

/** What was read of one interface. */
interface Look {
  readonly mac: string;
  readonly facts: Facts;
  /** Whether everything that is listed could be read. */
  readonly isComplete: boolean;
}

/** Reads something that the table of categories names; `fresh` past the cache. */
type Read = <T>(from: (options: CallOptions) => Promise<T>, fresh?: boolean) => Promise<T>;

// IMDS throttles simultaneous connections, by how many is not published.
const parallelReads = 4;

const promised = [
  'networkCard',
  'deviceNumber',
  'interfaceId',
  'subnetId',
  'vpcId',
  'ownerId',
  'localHostname',
  'securityGroups',
  'securityGroupIds',
  'vpcIpv4CidrBlock',
  'vpcIpv4CidrBlocks',
] as const satisfies readonly (keyof PromisedFacts)[];

/**
 * Reads the instance's network interfaces: the primary one first, then by network card and device number. Of each it
 * asks for what the service lists and nothing else. One that is detached meanwhile is left out; one that was attached
 * moments ago is marked `isSettling`, and asked for anew by every call.
 *
 * @param options `deadlineMs` is for everything together; without it each read has the reader's own.
 * @throws every error of a failed request (docs/errors.md), and the signal's reason.
 */
export async function networkInterfaces(
  reader: NetworkReader,
  options: CallOptions = {},
): Promise<readonly NetworkInterface[]> {
  const { macs } = reader.network.interfaces;
  const { read, end } = reads(options);
  const list = async (fresh?: boolean) => (await read(macs, fresh)).map((name) => name.replace(/\/$/, ''));
  const look = async (mac: string, fresh?: boolean) => lookAt(macs.mac(mac), mac, (from) => read(from, fresh));
  try {
    const [primary, attached] = await Promise.all([read(reader.mac), list()]);
    const looks = await Promise.all(attached.map((mac) => look(mac)));
    const interfaces = arranged(looks, primary);
    const unclear = interfaces.filter(({ isSettling }) => isSettling).map(({ mac }) => mac);
    if (unclear.length === 0) return interfaces;

    // What is missing may be gone, may be about to come, or may have come since it was cached: a second look tells.
    const left = await list(true);
    const stillThere = looks.filter(({ mac }) => left.includes(mac));
    const again = stillThere.map((seen) => (unclear.includes(seen.mac) ? look(seen.mac, true) : seen));
    return arranged(await Promise.all(again), primary);
  } finally {
    end();
  }
}

/** The reads of one call: a few at a time, all within its deadline, and none once it has ended or failed. */
function reads(options: CallOptions): { readonly read: Read; readonly end: () => void } {
  const ended = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, ended.signal]) : ended.signal;
  const { deadlineMs, fresh: alwaysFresh } = options;
  const begun = performance.now();
  const rest = () => deadlineMs && Math.max(1, deadlineMs - (performance.now() - begun));
  const inTurn = atMost(parallelReads);
  return {
    read: (from, fresh) => inTurn(() => from({ ...options, signal, deadlineMs: rest(), fresh: fresh || alwaysFresh })),
    end: () => ended.abort(),
  };
}

/** Reads what the service lists of one interface. */
async function lookAt(nic: Nic, mac: string, read: Read): Promise<Look> {
  let isComplete = true;
  const expected = async <T>(
    from: (options: CallOptions) => Promise<T>,
    mayBeEmpty = false,
  ): Promise<T | undefined> => {
    const value = await read(from).catch(undefinedIfMissing);
    isComplete &&= value !== undefined || mayBeEmpty;
    return value;
  };
  const listed = new Set(await expected(nic));
  const leaf = async <T>(accessor: Accessor<T | undefined>, mayBeEmpty?: boolean): Promise<T | undefined> =>
    listed.has(accessor.category.path.slice(nic.category.path.length)) ? expected(accessor, mayBeEmpty) : undefined;
  const associations = async (): Promise<Associations | undefined> => {
    const addresses = await leaf(nic.ipv4Associations);
    const behind = (address: string) => expected((options) => nic.ipv4Associations.publicIp(address, options));
    return addresses && together<Associations>(Object.fromEntries(addresses.map((each) => [each, behind(each)])));
  };

  const facts = await together<Facts>({
    networkCard: leaf(nic.networkCard),
    deviceNumber: leaf(nic.deviceNumber),
    interfaceId: leaf(nic.interfaceId),
    subnetId: leaf(nic.subnetId),
    vpcId: leaf(nic.vpcId),
    ownerId: leaf(nic.ownerId),
    localHostname: leaf(nic.localHostname),
    localIpv4s: leaf(nic.localIpv4s),
    ipv6s: leaf(nic.ipv6s),
    publicIpv4s: leaf(nic.publicIpv4s),
    // Served empty in a VPC that gives no DNS names.
    publicHostname: leaf(nic.publicHostname, true),
    ipv4Associations: associations(),
    ipv4Prefix: leaf(nic.ipv4Prefix),
    ipv6Prefix: leaf(nic.ipv6Prefix),
    securityGroups: leaf(nic.securityGroups),
    securityGroupIds: leaf(nic.securityGroupIds),
    subnetIpv4CidrBlock: leaf(nic.subnetIpv4CidrBlock),
    subnetIpv6CidrBlocks: leaf(nic.subnetIpv6CidrBlocks),
    vpcIpv4CidrBlock: leaf(nic.vpcIpv4CidrBlock),
    vpcIpv4CidrBlocks: leaf(nic.vpcIpv4CidrBlocks),
    vpcIpv6CidrBlocks: leaf(nic.vpcIpv6CidrBlocks),
  });
  return { mac, facts, isComplete };
}

/** What the promises give, by their names and in their order, but what gives `undefined`. Frozen. */
async function together<T extends object>(
  promises: {
    readonly [Name in keyof T]-?: Promise<T[Name] | undefined>;
  },
): Promise<T> {
  const pairs = await Promise.all(
    Object.entries<Promise<unknown>>(promises).map(async ([name, promise]) => [name, await promise] as const),
  );
  // Each value bears the name of its promise, whose type says what it gives.
  return Object.freeze(Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as T);
}

/** A 404, or an empty answer where a value was promised: both come before a value does. */
function undefinedIfMissing(error: unknown): undefined {
  if (isNotFound(error) || isEmptyAnswer(error)) return undefined;
  throw error;
}

/** The interfaces as they are given out, in their order. */
function arranged(looks: readonly Look[], primary: string): readonly NetworkInterface[] {
  // Where there are several network cards, the service tells the card of every interface.
  const hasCards = looks.some(({ facts }) => facts.networkCard !== undefined);
  const interfaces = looks.map(({ mac, facts, isComplete }): NetworkInterface => {
    const isPrimary = mac === primary;
    const { networkCard = hasCards ? undefined : 0, deviceNumber, ...others } = facts;
    // Only the primary interface is 0 on card 0; another that seems to be has not got its number yet.
    const hasNumber = isPrimary || deviceNumber !== 0 || Boolean(networkCard);
    const known: Facts = {
      ...(networkCard !== undefined && { networkCard }),
      ...(deviceNumber !== undefined && hasNumber && { deviceNumber }),
      ...others,
    };
    return Object.freeze(
      isComplete && hasPromised(known)
        ? { mac, isPrimary, isSettling: false, ...known }
        : { mac, isPrimary, isSettling: true, ...known },
    );
  });
  return Object.freeze(interfaces.sort(byPlace));
}

const hasPromised = (facts: Facts): facts is PromisedFacts & OptionalFacts =>
  promised.every((name) => facts[name] !== undefined);

function byPlace(a: NetworkInterface, b: NetworkInterface): number {
  const unknown = Number.MAX_SAFE_INTEGER;
  return (
    Number(b.isPrimary) - Number(a.isPrimary) ||
    (a.networkCard ?? unknown) - (b.networkCard ?? unknown) ||
    (a.deviceNumber ?? unknown) - (b.deviceNumber ?? unknown)
  );
}
