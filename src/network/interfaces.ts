import { isEmptyAnswer, isNotFound } from '../errors.js';
import type { Accessor, CallOptions } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';
import { namesIn } from '../metadata/template.js';

/** Properties that any interface may lack. */
interface OptionalProperties {
  /** Private IPv4 addresses, primary first, such as `['10.0.1.10']`; absent on IPv6-only and EFA-only interfaces. */
  readonly localIpv4s?: readonly string[];
  /** IPv6 addresses, such as `['2001:db8:8:4::10']`; absent when there are none. */
  readonly ipv6s?: readonly string[];
  /** Public and Elastic IPv4 addresses, such as `['192.0.2.54']`; absent when there are none. */
  readonly publicIpv4s?: readonly string[];
  /** Public DNS name, such as `ec2-192-0-2-54.compute-1.amazonaws.com`; absent when there is none. */
  readonly publicHostname?: string;
  /** Private addresses by the public address that leads to them, such as `{ '192.0.2.54': ['10.0.1.10'] }`; absent without any. */
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

/** Properties of every interface on EC2, once the service has them. */
interface RequiredProperties {
  /** Index of the network card, such as `1`; 0 on instances with one card, where the service omits it. */
  readonly networkCard: number;
  /** Device index on its network card, such as `1`: 0 for the primary interface, and for one on each further card. */
  readonly deviceNumber: number;
  /** ID of the interface, such as `eni-0f95d3625f5c521cc`. */
  readonly interfaceId: string;
  /** ID of the subnet, such as `subnet-0ac62554d1e2f3a4b`. */
  readonly subnetId: string;
  /** ID of the VPC, such as `vpc-0a1b2c3d4e5f60718`. */
  readonly vpcId: string;
  /** Account that owns the interface, such as `123456789012`; may differ from the instance's. */
  readonly ownerId: string;
  /** Private DNS name, such as `ip-10-0-1-10.ec2.internal`; with several domain names in the VPC's DHCP options, all of them. */
  readonly localHostname: string;
  /** Names of the security groups, such as `['web', 'ssh']`. */
  readonly securityGroups: readonly string[];
  /** IDs of the security groups, such as `['sg-0b07f8f6cb485d4df']`; not necessarily in the order of the names. */
  readonly securityGroupIds: readonly string[];
  /** Primary IPv4 range of the VPC, such as `10.0.0.0/16`. */
  readonly vpcIpv4CidrBlock: string;
  /** All IPv4 ranges of the VPC, such as `['10.0.0.0/16', '10.1.0.0/16']`. */
  readonly vpcIpv4CidrBlocks: readonly string[];
}

interface Identity {
  /** MAC address, such as `0e:49:61:0f:c3:11`. */
  readonly mac: string;
  /** `true` for the primary interface, whose `mac` is the instance's. */
  readonly isPrimary: boolean;
}

/** A network interface whose required properties have all been read. */
export interface CompleteNetworkInterface extends Identity, RequiredProperties, OptionalProperties {
  /** `true`: nothing is missing. */
  readonly isComplete: true;
  readonly isSettling: false;
}

/** A network interface that the service does not describe in full, or not yet. */
export interface IncompleteNetworkInterface extends Identity, Partial<RequiredProperties>, OptionalProperties {
  /** `false`: something is missing. */
  readonly isComplete: false;
  /**
   * `true` for the first minute in which this client sees it incomplete: it was attached moments ago, and each call reads
   * all of it again. `false` afterwards: the service does not serve the missing values.
   */
  readonly isSettling: boolean;
}

/**
 * A network interface of the instance. Properties are named after the paths below `network/interfaces/macs/{mac}/`; an
 * absent path is an absent property. Check `isComplete` to narrow the type to the required properties. Deeply frozen.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
export type NetworkInterface = CompleteNetworkInterface | IncompleteNetworkInterface;

/** The accessors that network interfaces need; a client has them. */
export type NetworkReader = Pick<Categories, 'mac' | 'network'>;

type Nic = ReturnType<Categories['network']['interfaces']['macs']['mac']>;
type Properties = Partial<RequiredProperties> & OptionalProperties;
/** The values of the accessors, so that the compiler compares them with {@link Properties}. */
type Values = {
  readonly [Name in keyof Properties]: Name extends 'ipv4Associations'
    ? Readonly<Record<string, readonly string[]>>
    : NonNullable<Awaited<ReturnType<Nic[Name]>>>;
};
/** Returns the options of the next read, with the call's remaining time. */
type Options = () => CallOptions;

/** An interface as read, before it is compared with the others. */
interface Snapshot {
  readonly properties: Properties;
  /** Everything listed could be read, and no mandatory value was missing. */
  readonly isComplete: boolean;
}

// The service takes a few seconds to fully serve an attached interface.
const settlingMs = 60_000;

/** The network interfaces of an instance. */
export class NetworkInterfaces {
  readonly #reader: NetworkReader;
  readonly #now: () => number;
  /** By the MAC addresses of the interfaces that were incomplete when last read. */
  #incompleteSince: ReadonlyMap<string, number> = new Map();

  /** @param now milliseconds by a monotonic clock */
  constructor(reader: NetworkReader, now: () => number) {
    this.#reader = reader;
    this.#now = now;
  }

  /** Reads only what the service lists, one interface at a time. Leaves out one that is detached meanwhile. */
  async read(options: Options): Promise<readonly NetworkInterface[]> {
    const { macs } = this.#reader.network.interfaces;
    const fresh: Options = () => ({ ...options(), fresh: true });
    const list = async (how: CallOptions) => namesIn(await macs(how), macs.category);

    const [primary, attached] = await Promise.all([this.#reader.mac(options()), list(options())]);
    const snapshots = new Map<string, Snapshot>();
    for (const mac of attached) snapshots.set(mac, await snapshot(macs.mac(mac), options));
    const found = this.#sorted(snapshots, primary);
    const again = found.filter(({ isSettling }) => isSettling);
    if (again.length === 0) return found;

    // It may be gone, about to appear, or newer than its cached values, so read it once more.
    const stillAttached = await list(fresh());
    for (const mac of attached) if (!stillAttached.includes(mac)) snapshots.delete(mac);
    for (const { mac } of again) if (snapshots.has(mac)) snapshots.set(mac, await snapshot(macs.mac(mac), fresh));
    return this.#sorted(snapshots, primary);
  }

  #sorted(snapshots: ReadonlyMap<string, Snapshot>, primary: string): readonly NetworkInterface[] {
    const now = this.#now();
    const incompleteSince = new Map<string, number>();
    // On instances with several network cards, the service states the card of every interface.
    const hasCards = [...snapshots.values()].some(({ properties }) => properties.networkCard !== undefined);
    const interfaces = Array.from(snapshots, ([mac, { properties, isComplete }]): NetworkInterface => {
      const isPrimary = mac === primary;
      const { networkCard = hasCards ? undefined : 0, deviceNumber, ...others } = properties;
      // Only the primary interface is device 0 on card 0; any other has no number yet.
      const hasNumber = isPrimary || deviceNumber !== 0 || Boolean(networkCard);
      const known = {
        ...(networkCard !== undefined && { networkCard }),
        ...(deviceNumber !== undefined && hasNumber && { deviceNumber }),
        ...others,
      };
      if (isComplete && networkCard !== undefined && hasNumber)
        // Everything else required was read: the snapshot is complete.
        return { mac, isPrimary, isComplete, isSettling: false, ...(known as typeof known & RequiredProperties) };
      const since = this.#incompleteSince.get(mac) ?? now;
      incompleteSince.set(mac, since);
      return { mac, isPrimary, isComplete: false, isSettling: now - since < settlingMs, ...known };
    });
    this.#incompleteSince = incompleteSince;
    return Object.freeze(interfaces.sort(byPlace).map((each) => Object.freeze(each)));
  }
}

/** Reads what the service lists of one interface. */
async function snapshot(nic: Nic, options: Options): Promise<Snapshot> {
  let isComplete = true;
  const readListed = async <T>(reading: Promise<T>, mayBeEmpty = false): Promise<T | undefined> => {
    const value = await reading.catch((error: unknown) => {
      // A 404, or an empty reply for a mandatory value: both happen before a value is there.
      if (isNotFound(error) || isEmptyAnswer(error)) return undefined;
      throw error;
    });
    isComplete &&= value !== undefined || mayBeEmpty;
    return value;
  };
  const { category: directory, mac, profile, ...accessors } = nic;
  const listed = new Set(await readListed(nic(options())));
  const properties = await readAll(Object.keys(accessors) as (keyof typeof accessors)[], async (name) => {
    const { category }: Accessor<unknown> = nic[name];
    if (!listed.has(category.path.slice(directory.path.length))) {
      isComplete &&= category.optional;
      return undefined;
    }
    // Empty if DNS hostnames are disabled for the VPC.
    if (name !== 'ipv4Associations') return await readListed<unknown>(nic[name](options()), name === 'publicHostname');
    const addresses = await readListed(nic.ipv4Associations(options()));
    return (
      addresses &&
      readAll(namesIn(addresses, category), (ip) => readListed(nic.ipv4Associations.publicIp(ip, options())))
    );
  });
  // Each value has its accessor's type.
  return { properties: properties as Values, isComplete };
}

/** Reads a value for each name, all at once; returns an object without undefined ones. Frozen. */
async function readAll<Name extends string, T>(
  names: readonly Name[],
  read: (name: Name) => Promise<T | undefined>,
): Promise<Readonly<Record<string, T>>> {
  const pairs = await Promise.all(names.map(async (name): Promise<[Name, T | undefined]> => [name, await read(name)]));
  return Object.freeze(Object.fromEntries(pairs.filter((pair): pair is [Name, T] => pair[1] !== undefined)));
}

function byPlace(a: NetworkInterface, b: NetworkInterface): number {
  const unknown = Number.MAX_SAFE_INTEGER;
  return (
    Number(b.isPrimary) - Number(a.isPrimary) ||
    (a.networkCard ?? unknown) - (b.networkCard ?? unknown) ||
    (a.deviceNumber ?? unknown) - (b.deviceNumber ?? unknown)
  );
}
