import { atMost } from '../client/limit.js';
import type { CallOptions } from '../client/settings.js';
import { isNotFound } from '../errors.js';
import type { Accessor } from '../metadata/accessor.js';
import type { Categories } from '../metadata/categories.js';
import type { MaintenanceEvent, SpotInstanceAction, Word } from '../metadata/documents.js';

/**
 * What became of the subject of a notice: it was there when the watch began (`present`), came since (`appeared`), is
 * another than was told last (`changed`), or is no longer there (`withdrawn`).
 */
export type Change = 'present' | 'appeared' | 'changed' | 'withdrawn';

/** What all notices have. */
interface Seen<Kind extends string, Facts> {
  /** What it is about; narrows the type of the notice. */
  readonly kind: Kind;
  /** What became of it. */
  readonly change: Change;
  /** When a poll first saw it so, by the clock of this machine, such as `2026-11-23T09:28:00.123Z`. */
  readonly seenAt: string;
  /** What was told before; with `changed` alone. */
  readonly previous?: Facts;
}

/** That EC2 is going to take this Spot Instance back. */
export interface SpotInterruption {
  /** What happens to the instance then, such as `terminate`. */
  readonly action: SpotInstanceAction['action'];
  /** About when it happens, such as `2026-11-23T09:30:00Z`. */
  readonly deadline: string;
}

/**
 * A Spot interruption notice, two minutes ahead as a rule; before a hibernation there is no such time.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
 */
export interface SpotInterruptionNotice extends Seen<'spot-interruption', SpotInterruption>, SpotInterruption {
  /** Milliseconds from when the notice was handed over to the deadline, by the clock of this machine; never below 0. */
  readonly millisecondsLeft: number;
}

/** That this Spot Instance is at elevated risk of interruption. */
export interface Rebalance {
  /** When AWS said so, such as `2026-11-23T09:20:00Z`. */
  readonly noticeTime: string;
}

/**
 * A rebalance recommendation: ahead of the interruption notice, together with it, or never.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
 */
export interface RebalanceNotice extends Seen<'rebalance', Rebalance>, Rebalance {}

/** A maintenance event that is to come. */
export interface Maintenance {
  /** The event, with AWS's own names; of its fields those that are documented. */
  readonly event: MaintenanceEvent;
}

/**
 * A scheduled maintenance event, one notice for each. It is `withdrawn` once it is no longer scheduled: completed or
 * cancelled, which `imds.events.maintenance.history()` tells.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
 */
export interface MaintenanceNotice extends Seen<'maintenance', Maintenance>, Maintenance {}

/** Where Auto Scaling moves this instance. */
export interface TargetLifecycleState {
  /** Such as `Terminated`. */
  readonly state: NonNullable<Awaited<ReturnType<Categories['autoscaling']['targetLifecycleState']>>>;
}

/**
 * The state that Auto Scaling is moving the instance to.
 *
 * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
 */
export interface TargetLifecycleStateNotice
  extends Seen<'target-lifecycle-state', TargetLifecycleState>,
    TargetLifecycleState {}

/** Which credentials of the role the service has. None of them is in it. */
export interface CredentialsState {
  /** Name of the IAM role, such as `web-role`. */
  readonly role: string;
  /** `Success`, or why there are none, such as `AssumeRoleUnauthorizedAccess`. */
  readonly code: Word<'Success'>;
  /** When they end, such as `2026-11-23T15:05:00Z`; absent unless the code is `Success`. */
  readonly expiration?: string;
}

/** The credentials of the role were rotated, another role was attached, or the service got none for it. */
export interface CredentialsNotice extends Seen<'credentials', CredentialsState>, CredentialsState {}

/** The tags of the instance. */
export interface Tags {
  /** All of them, such as `{ Name: 'web-1' }`. */
  readonly tags: Readonly<Record<string, string>>;
}

/** The tags of the instance; `withdrawn` when the metadata no longer has tags, or the instance has none. */
export interface TagsNotice extends Seen<'tags', Tags>, Tags {}

/** The addresses of one network interface; empty lists where it has none. */
export interface Addresses {
  /** MAC address of the interface, such as `0e:49:61:0f:c3:11`. */
  readonly mac: string;
  /** Private IPv4 addresses, primary first, such as `['10.0.1.10']`. */
  readonly localIpv4s: readonly string[];
  /** Public and Elastic IPv4 addresses, such as `['192.0.2.54']`. */
  readonly publicIpv4s: readonly string[];
  /** IPv6 addresses, such as `['2001:db8:8:4::10']`. */
  readonly ipv6s: readonly string[];
  /** Delegated IPv4 prefixes, such as `['10.0.1.16/28']`. */
  readonly ipv4Prefix: readonly string[];
  /** Delegated IPv6 prefixes, such as `['2001:db8:8:4:a::/80']`. */
  readonly ipv6Prefix: readonly string[];
}

/** The addresses of a network interface, one notice for each interface; `withdrawn` when it was detached. */
export interface AddressesNotice extends Seen<'addresses', Addresses>, Addresses {}

/** Something that happened to the instance, or will. Narrow by `kind`. Frozen throughout. */
export type Notice =
  | SpotInterruptionNotice
  | RebalanceNotice
  | MaintenanceNotice
  | TargetLifecycleStateNotice
  | CredentialsNotice
  | TagsNotice
  | AddressesNotice;

/** What a notice can be about. */
export type NoticeKind = Notice['kind'];

/** The notices of some kinds. */
export type NoticeOf<Kind extends NoticeKind> = Extract<Notice, { readonly kind: Kind }>;

/** What notices are read from: a client. */
export type NoticeReader = Pick<Categories, 'spot' | 'events' | 'autoscaling' | 'iam' | 'tags' | 'network'>;

/** What one look found, by a key that tells several subjects of a kind apart. */
type Findings<Facts> = ReadonlyMap<string, Finding<Facts>>;

interface Finding<Facts> {
  readonly facts: Facts;
  /** Equal for as long as it is the same. Never leaves this process: it may hold an access key ID. */
  readonly identity: string;
  /** Whether this is how things should be, which is no news to those who named no kinds. */
  readonly isCalm?: boolean;
}

interface Source<Facts> {
  /** Milliseconds from one look to the next. */
  readonly rhythmMs: number;
  /** Asks the service. */
  readonly look: (reader: NoticeReader, options: CallOptions) => Promise<Findings<Facts>>;
}

type FactsOf<Kind extends NoticeKind> = NonNullable<NoticeOf<Kind>['previous']>;

type Sources = { readonly [Kind in NoticeKind]: Source<FactsOf<Kind>> };

// IMDS throttles simultaneous connections, by how many is not published.
const parallelReads = 4;

const second = 1000;

/** Where notices come from, the most urgent first. */
export const sources: Sources = {
  // Every 5 seconds is AWS's own advice for both ("Spot Instance interruption notices", "EC2 instance rebalance
  // recommendations"); how often to look for the others is ours.
  'spot-interruption': {
    rhythmMs: 5 * second,
    look: async ({ spot }, options) =>
      single(await spot.instanceAction(options), ({ action, time }) => ({ action, deadline: time })),
  },
  rebalance: {
    rhythmMs: 5 * second,
    look: async ({ events }, options) =>
      single(await events.recommendations.rebalance(options), ({ noticeTime }) => ({ noticeTime })),
  },
  maintenance: {
    rhythmMs: 60 * second,
    look: async ({ events }, options) => {
      const scheduled = (await events.maintenance.scheduled(options).catch(undefinedIfMissing)) ?? none;
      const found = scheduled.map((event) => finding({ event: documented(event) }));
      const byId = new Map<string, Finding<Maintenance>>();
      // The order of the list says nothing, so it must not decide between two of one ID.
      for (const each of found.sort((a, b) => (a.identity < b.identity ? -1 : 1)))
        if (!byId.has(each.facts.event.EventId)) byId.set(each.facts.event.EventId, each);
      return byId;
    },
  },
  'target-lifecycle-state': {
    rhythmMs: 10 * second,
    look: async ({ autoscaling }, options) => {
      const state = await autoscaling.targetLifecycleState(options);
      return new Map(state === undefined ? [] : [['', { ...finding({ state }), isCalm: state === 'InService' }]]);
    },
  },
  credentials: {
    rhythmMs: 60 * second,
    look: async ({ iam }, options) => {
      const [role] = (await iam.securityCredentials(options)) ?? [];
      if (role === undefined) return new Map();
      return single(
        await iam.securityCredentials.role(role, options),
        ({ Code: code, ...document }): CredentialsState =>
          document.AccessKeyId === undefined ? { role, code } : { role, code, expiration: document.Expiration },
        (facts, { AccessKeyId }) => [facts, AccessKeyId],
      );
    },
  },
  tags: {
    rhythmMs: 60 * second,
    look: async ({ tags }, options) =>
      single(
        await tags(options),
        (all) => ({ tags: all }),
        ({ tags: all }) => Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
  },
  addresses: {
    rhythmMs: 30 * second,
    look: async ({ network }, options) => {
      const { macs } = network.interfaces;
      const inTurn = atMost(parallelReads);
      let failure: { readonly error: unknown } | undefined;
      const read = <T>(accessor: Accessor<T>): Promise<T | undefined> =>
        inTurn(async () => {
          // What still waits for its turn would be asked for beside the next look.
          if (failure) throw failure.error;
          try {
            return await accessor(options).catch(undefinedIfMissing);
          } catch (error) {
            failure = { error };
            throw error;
          }
        });
      const listed = (await read(macs)) ?? none;
      const found = listed.map(async (name): Promise<[string, Finding<Addresses>][]> => {
        const addresses = await addressesOf(macs, name.replace(/\/$/, ''), read);
        return addresses ? [[addresses.mac, finding(addresses, unordered(addresses))]] : [];
      });
      return new Map((await Promise.all(found)).flat());
    },
  },
};

const isKind = (name: string): name is NoticeKind => Object.hasOwn(sources, name);

/** All kinds, the most urgent first. */
export const noticeKinds: readonly NoticeKind[] = Object.keys(sources).filter(isKind);

/** The kinds that those watch for who name none: what may end the instance's work. */
export const defaultKinds = ['spot-interruption', 'rebalance', 'maintenance', 'target-lifecycle-state'] as const;

const none: readonly never[] = Object.freeze([]);

type Macs = Categories['network']['interfaces']['macs'];

/** What the service lists of an interface; undefined when it was detached. */
async function addressesOf(
  macs: Macs,
  mac: string,
  read: <T>(accessor: Accessor<T>) => Promise<T | undefined>,
): Promise<Addresses | undefined> {
  const nic = macs.mac(mac);
  const listed = await read(nic);
  if (listed === undefined) return undefined;
  const leaf = async (accessor: Accessor<readonly string[] | undefined>): Promise<readonly string[]> =>
    (listed.includes(accessor.category.path.slice(nic.category.path.length)) ? await read(accessor) : undefined) ??
    none;
  const [localIpv4s, publicIpv4s, ipv6s, ipv4Prefix, ipv6Prefix] = await Promise.all([
    leaf(nic.localIpv4s),
    leaf(nic.publicIpv4s),
    leaf(nic.ipv6s),
    leaf(nic.ipv4Prefix),
    leaf(nic.ipv6Prefix),
  ]);
  return { mac, localIpv4s, publicIpv4s, ipv6s, ipv4Prefix, ipv6Prefix };
}

/** Addresses in another order are the same, but for the first private one, which is the primary one. */
function unordered({ localIpv4s: [primary, ...secondary], ...others }: Addresses): unknown {
  const sorted = Object.values(others).map((each) => (typeof each === 'string' ? each : each.toSorted()));
  return [primary, secondary.sort(), sorted];
}

const finding = <Facts extends object>(facts: Facts, same: unknown = facts): Finding<Facts> => ({
  facts: Object.freeze(facts),
  identity: JSON.stringify(same),
});

/** The one thing of its kind, or that there is none. */
function single<Value, Facts extends object>(
  value: Value | undefined,
  factsOf: (value: Value) => Facts,
  same: (facts: Facts, value: Value) => unknown = (facts) => facts,
): Findings<Facts> {
  if (value === undefined) return new Map();
  const facts = factsOf(value);
  return new Map([['', finding(facts, same(facts, value))]]);
}

/** The fields of an event that are documented, in one order: what else there is has no meaning yet, and may be anything. */
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

/** A 404 is calm, also where something is promised: interfaces come and go, and mocks lack what instances have. */
function undefinedIfMissing(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}

/** Something that is known. */
export interface Item extends Finding<object> {
  /** When a look was the first to find it so, in milliseconds since 1970. */
  readonly seenAt: number;
}

/** What is known of a kind, or was told of it, by key. */
export type Items = ReadonlyMap<string, Item>;

/** What is known after a look: what it found, and since when that is so. The same as before when nothing changed. */
export function known(before: Items | undefined, findings: Findings<object>, seenAt: number): Items {
  const items = [...findings].map(([key, found]): [string, Item] => {
    const old = before?.get(key);
    return [key, old?.identity === found.identity ? old : { ...found, seenAt }];
  });
  const isSame = before?.size === items.length && items.every(([key, item]) => before.get(key) === item);
  return isSame ? before : new Map(items);
}

/** One thing that is not as it was told. */
export interface Difference {
  readonly key: string;
  /** As it was told last; absent if it was not. */
  readonly told?: Item | undefined;
  /** As it is now; absent if it is no more. */
  readonly now?: Item | undefined;
}

/** The first thing that is not as it was told, of those that are there, then of those that are no more. */
export function difference(told: Items, known: Items): Difference | undefined {
  for (const [key, now] of known)
    if (told.get(key)?.identity !== now.identity) return { key, told: told.get(key), now };
  for (const [key, item] of told) if (!known.has(key)) return { key, told: item };
  return undefined;
}

/** When a notice is made, and for whom. */
export interface Telling {
  /** Whether its subject was there when the watch began, and has been ever since, as it is now or otherwise. */
  readonly wasPresent: boolean;
  /** When a look last found anything to be another than before, in milliseconds since 1970. */
  readonly changedAt: number;
  /** The time, in milliseconds since 1970. */
  readonly time: number;
}

/** What is told of a difference. */
export function notice(kind: NoticeKind, { told, now }: Difference, { wasPresent, changedAt, time }: Telling): Notice {
  const { facts } = now ?? told ?? {};
  const change: Change = now === undefined ? 'withdrawn' : told ? 'changed' : wasPresent ? 'present' : 'appeared';
  const deadline = facts && 'deadline' in facts ? Date.parse(String(facts.deadline)) : undefined;
  // The facts of a kind are those of its notices: each source is typed so.
  return Object.freeze({
    kind,
    change,
    seenAt: new Date(now?.seenAt ?? changedAt).toISOString(),
    ...facts,
    ...(deadline !== undefined && { millisecondsLeft: Math.max(0, deadline - time) }),
    ...(change === 'changed' && { previous: told?.facts }),
  }) as Notice;
}
