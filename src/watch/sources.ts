import { isEmptyAnswer, isImdsError, isNotFound } from '../errors.js';
import type { Accessor, CallOptions } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';
import { deepFreeze } from '../metadata/decode.js';
import type { MaintenanceEvent } from '../metadata/documents.js';
import { namesIn } from '../metadata/template.js';
import type { Item } from './changes.js';
import type { Addresses, NoticeFacts, NoticeKind } from './notices.js';

/** The accessors that notices are read with: a client has them. */
export type NoticeReader = Pick<Categories, 'spot' | 'events' | 'autoscaling' | 'iam' | 'tags' | 'network'>;

/** One item of a kind, such as one interface. */
interface Subject<Facts> {
  readonly facts: Facts;
  /** Distinguishes several items. */
  readonly key?: string;
  /** Stays equal as JSON while nothing changes. Default: the facts. */
  readonly compared?: unknown;
  readonly isSteady?: boolean;
}

interface Source<Facts> {
  /** Milliseconds between two polls. */
  readonly intervalMs: number;
  /** Reads all items from the service. */
  readonly read: (reader: NoticeReader, options: CallOptions) => AsyncIterable<Subject<Facts>>;
}

const second = 1000;

/**
 * A row for each kind. AWS itself recommends 5 seconds for the first two ("Spot Instance interruption notices", "EC2
 * instance rebalance recommendations"); the other intervals are ours.
 */
export const sources: { readonly [Kind in NoticeKind]: Source<NoticeFacts[Kind]> } = {
  'spot-interruption': {
    intervalMs: 5 * second,
    async *read({ spot }, options) {
      const found = await readable(spot.instanceAction(options));
      if (found) yield { facts: defined({ action: found.action, deadline: found.time }) };
    },
  },
  rebalance: {
    intervalMs: 5 * second,
    async *read({ events }, options) {
      const found = await readable(events.recommendations.rebalance(options));
      if (found) yield { facts: defined({ noticeTime: found.noticeTime }) };
    },
  },
  maintenance: {
    intervalMs: 60 * second,
    async *read({ events }, options) {
      for (const scheduled of (await ifPresent(events.maintenance.scheduled(options))) ?? []) {
        const event = documented(scheduled);
        yield { facts: { event }, key: event.EventId ?? JSON.stringify(event) };
      }
    },
  },
  'target-lifecycle-state': {
    intervalMs: 10 * second,
    async *read({ autoscaling }, options) {
      const state = await autoscaling.targetLifecycleState(options);
      if (state !== undefined) yield { facts: { state }, isSteady: state === 'InService' };
    },
  },
  credentials: {
    intervalMs: 60 * second,
    async *read({ iam: { securityCredentials: roles } }, options) {
      const [role] = namesIn((await roles(options))?.slice(0, 1) ?? [], roles.category);
      const document = role === undefined ? undefined : await roles.role(role, options);
      if (role === undefined || document === undefined) return;
      const { Code, AccessKeyId } = document;
      const facts =
        AccessKeyId === undefined
          ? { role, code: Code ?? 'Failed' }
          : { role, code: Code ?? 'Success', expiration: document.Expiration };
      yield { facts, compared: [facts, AccessKeyId] };
    },
  },
  tags: {
    intervalMs: 60 * second,
    async *read({ tags: read }, options) {
      const tags = await read(options);
      if (tags) yield { facts: { tags }, compared: Object.entries(tags).sort() };
    },
  },
  addresses: {
    intervalMs: 30 * second,
    async *read({ network }, options) {
      const { macs } = network.interfaces;
      // One interface at a time, so that a failing poll sends no more requests.
      for (const mac of namesIn((await ifPresent(macs(options))) ?? [], macs.category)) {
        const facts = await readAddresses(macs, mac, options);
        if (facts) yield { facts, key: facts.mac, compared: unordered(facts) };
      }
    },
  },
};

/** Reads a kind from the service; returns its items by keys that distinguish them. */
export async function poll(kind: NoticeKind, reader: NoticeReader, options: CallOptions, wallClock: () => number) {
  const subjects: AsyncIterable<Subject<object>> = sources[kind].read(reader, options);
  const items: [string, Item][] = [];
  for await (const { facts, key = '', compared = facts, isSteady = false } of subjects)
    items.push([key, { facts: deepFreeze(facts), identity: JSON.stringify(compared), isSteady, seenAt: wallClock() }]);
  // The order of a list has no meaning, so it must not decide which of two items with one key is kept.
  return new Map(items.sort(([, a], [, b]) => (a.identity < b.identity ? -1 : 1)));
}

/** A document whose fields are all optional; an unreadable one has none, but is there. */
const readable = <T extends object>(read: Promise<T | undefined>): Promise<Partial<T> | undefined> =>
  read.catch((error: unknown) => {
    if (isImdsError(error) && error.code === 'ERR_IMDS_DECODE' && !isEmptyAnswer(error)) return {};
    throw error;
  });

/** Undefined after a 404, even for mandatory values: interfaces come and go, and mocks lack values of instances. */
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
    (listed.includes(name) ? await ifPresent(accessor(options)) : undefined) ?? [];
  const [localIpv4s, publicIpv4s, ipv6s, ipv4Prefix, ipv6Prefix] = await Promise.all([
    list('local-ipv4s', nic.localIpv4s),
    list('public-ipv4s', nic.publicIpv4s),
    list('ipv6s', nic.ipv6s),
    list('ipv4-prefix', nic.ipv4Prefix),
    list('ipv6-prefix', nic.ipv6Prefix),
  ]);
  return { mac, localIpv4s, publicIpv4s, ipv6s, ipv4Prefix, ipv6Prefix };
}

/** The order of addresses has no meaning, except that the first private one is the primary one. */
function unordered({ mac, localIpv4s: [primary, ...secondary], ...others }: Addresses): unknown {
  return [mac, primary, secondary.sort(), Object.values(others).map((addresses) => addresses.toSorted())];
}

/** The documented fields of an event, in a fixed order; any others have no meaning yet. */
const documented = ({ EventId, Code, State, Description, NotBefore, NotAfter, NotBeforeDeadline }: MaintenanceEvent) =>
  defined({ EventId, Code, State, Description, NotBefore, NotAfter, NotBeforeDeadline });

/** The fields that have a value. */
const defined = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
