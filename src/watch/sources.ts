import { isNotFound } from '../errors.js';
import type { Accessor, CallOptions } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';
import type { MaintenanceEvent } from '../metadata/documents.js';
import type { Found } from './changes.js';
import type { Addresses, CredentialsState, NoticeKind, NoticeOf } from './notices.js';

/** The accessors that notices are read by: a client has them. */
export type NoticeReader = Pick<Categories, 'spot' | 'events' | 'autoscaling' | 'iam' | 'tags' | 'network'>;

/** Finds the notices of a kind. */
interface Source<Facts extends object> {
  /** Milliseconds between two polls. */
  readonly intervalMs: number;
  /** Asks the service and gives what there is, by keys that tell several subjects apart. */
  readonly poll: (reader: NoticeReader, options: CallOptions) => Promise<ReadonlyMap<string, Found<Facts>>>;
}

interface Row<Value, Facts> {
  readonly intervalMs: number;
  /** Reads what there is, one value for each subject. */
  readonly read: (reader: NoticeReader, options: CallOptions) => Promise<readonly Value[]>;
  readonly parse: (value: Value) => Facts;
  /** Tells several subjects apart. */
  readonly key?: (facts: Facts) => string;
  /** Stays equal as JSON while nothing has changed. Default: the facts. */
  readonly compare?: (facts: Facts, value: Value) => unknown;
  readonly isSteady?: (facts: Facts) => boolean;
}

const source = <Value, Facts extends object>(row: Row<Value, Facts>): Source<Facts> => ({
  intervalMs: row.intervalMs,
  async poll(reader, options) {
    const found = (await row.read(reader, options)).map((value): [key: string, Found<Facts>] => {
      const facts = Object.freeze(row.parse(value));
      const identity = JSON.stringify(row.compare ? row.compare(facts, value) : facts);
      return [row.key?.(facts) ?? '', { facts, identity, isSteady: row.isSteady?.(facts) ?? false }];
    });
    // The order of a list has no meaning, so it must not decide which of two with one key counts.
    return new Map(found.sort(([, a], [, b]) => (a.identity < b.identity ? -1 : 1)));
  },
});

const second = 1000;

/**
 * A row for each kind. Every 5 seconds is AWS's own advice for the first two ("Spot Instance interruption notices",
 * "EC2 instance rebalance recommendations"); the other intervals are ours.
 */
export const sources: { readonly [Kind in NoticeKind]: Source<NonNullable<NoticeOf<Kind>['previous']>> } = {
  'spot-interruption': source({
    intervalMs: 5 * second,
    read: async ({ spot }, options) => oneOrNone(await spot.instanceAction(options)),
    parse: ({ action, time }) => ({ action, deadline: time }),
  }),
  rebalance: source({
    intervalMs: 5 * second,
    read: async ({ events }, options) => oneOrNone(await events.recommendations.rebalance(options)),
    parse: ({ noticeTime }) => ({ noticeTime }),
  }),
  maintenance: source({
    intervalMs: 60 * second,
    read: async ({ events }, options) => (await ifPresent(events.maintenance.scheduled(options))) ?? none,
    parse: (event) => ({ event: documented(event) }),
    key: ({ event }) => event.EventId,
  }),
  'target-lifecycle-state': source({
    intervalMs: 10 * second,
    read: async ({ autoscaling }, options) => oneOrNone(await autoscaling.targetLifecycleState(options)),
    parse: (state) => ({ state }),
    isSteady: ({ state }) => state === 'InService',
  }),
  credentials: source({
    intervalMs: 60 * second,
    async read({ iam }, options) {
      const [role] = (await iam.securityCredentials(options)) ?? none;
      if (role === undefined) return none;
      const document = await iam.securityCredentials.role(role, options);
      return document ? [{ role, ...document }] : none;
    },
    parse: ({ role, Code, ...document }): CredentialsState =>
      document.AccessKeyId === undefined
        ? { role, code: Code ?? 'Failed' }
        : { role, code: Code ?? 'Success', expiration: document.Expiration },
    compare: (facts, { AccessKeyId }) => [facts, AccessKeyId],
  }),
  tags: source({
    intervalMs: 60 * second,
    read: async ({ tags }, options) => oneOrNone(await tags(options)),
    parse: (tags) => ({ tags }),
    compare: ({ tags }) => Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)),
  }),
  addresses: source({
    intervalMs: 30 * second,
    async read({ network }, options) {
      const { macs } = network.interfaces;
      const found: Addresses[] = [];
      // One interface after the other, so that a poll that fails asks no more.
      for (const name of (await ifPresent(macs(options))) ?? none) {
        const addresses = await readAddresses(macs, name.replace(/\/$/, ''), options);
        if (addresses) found.push(addresses);
      }
      return found;
    },
    parse: (addresses) => addresses,
    key: ({ mac }) => mac,
    compare: unordered,
  }),
};

const none: readonly never[] = Object.freeze([]);

const oneOrNone = <T>(value: T | undefined): readonly T[] => (value === undefined ? none : [value]);

/** Undefined after a 404, also where a value is promised: interfaces come and go, and mocks lack what instances have. */
const ifPresent = <T>(read: Promise<T>): Promise<T | undefined> =>
  read.catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });

type Macs = Categories['network']['interfaces']['macs'];

/** The addresses of an interface; undefined when it was detached. */
async function readAddresses(macs: Macs, mac: string, options: CallOptions): Promise<Addresses | undefined> {
  const nic = macs.mac(mac);
  const listed = await ifPresent(nic(options));
  if (listed === undefined) return undefined;
  const list = async (name: string, accessor: Accessor<readonly string[] | undefined>): Promise<readonly string[]> =>
    (listed.includes(name) ? await ifPresent(accessor(options)) : undefined) ?? none;
  const [localIpv4s, publicIpv4s, ipv6s, ipv4Prefix, ipv6Prefix] = await Promise.all([
    list('local-ipv4s', nic.localIpv4s),
    list('public-ipv4s', nic.publicIpv4s),
    list('ipv6s', nic.ipv6s),
    list('ipv4-prefix', nic.ipv4Prefix),
    list('ipv6-prefix', nic.ipv6Prefix),
  ]);
  return { mac, localIpv4s, publicIpv4s, ipv6s, ipv4Prefix, ipv6Prefix };
}

/** The order of addresses has no meaning, but for the first private one, which is the primary one. */
function unordered({ mac, localIpv4s: [primary, ...secondary], ...others }: Addresses): unknown {
  return [mac, primary, secondary.sort(), Object.values(others).map((addresses) => addresses.toSorted())];
}

/** The documented fields of an event, in one order; anything else may be there, and has no meaning yet. */
function documented(event: MaintenanceEvent): MaintenanceEvent {
  const { EventId, Code, State, Description, NotBefore, NotAfter, NotBeforeDeadline } = event;
  return Object.freeze({
    EventId,
    Code,
    State,
    Description,
    NotBefore,
    ...(NotAfter !== undefined && { NotAfter }),
    ...(NotBeforeDeadline !== undefined && { NotBeforeDeadline }),
  });
}
