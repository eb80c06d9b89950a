import type { Categories } from '../metadata/categories.js';
import type { MaintenanceEvent, SpotInstanceAction, Word } from '../metadata/documents.js';

/**
 * `present`: there when the watch began. `appeared`: there since. `changed`: differs from what was last delivered.
 * `withdrawn`: no longer there.
 */
export type Change = 'present' | 'appeared' | 'changed' | 'withdrawn';

interface Seen<Kind extends string, Facts> {
  /** The subject; narrows the type of the notice. */
  readonly kind: Kind;
  readonly change: Change;
  /** When a poll first saw it so, by the clock of this machine, such as `2026-11-23T09:28:00.123Z`. */
  readonly seenAt: string;
  /** The facts delivered before; with `changed` only. */
  readonly previous?: Facts;
}

/** EC2 is going to take this Spot Instance back. */
interface SpotInterruption {
  /** The fate of the instance, such as `terminate`. */
  readonly action: SpotInstanceAction['action'];
  /** About when it happens, such as `2026-11-23T09:30:00Z`. */
  readonly deadline: string;
}

/**
 * A Spot interruption notice, usually two minutes ahead; before a hibernation there is no such time.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
 */
export interface SpotInterruptionNotice extends Seen<'spot-interruption', SpotInterruption>, SpotInterruption {
  /** Milliseconds from the delivery of the notice to the deadline, by the clock of this machine; never below 0. */
  readonly millisecondsLeft: number;
}

/** This Spot Instance is at elevated risk of interruption. */
interface Rebalance {
  /** When AWS said so, such as `2026-11-23T09:20:00Z`. */
  readonly noticeTime: string;
}

/**
 * A rebalance recommendation: ahead of the interruption notice, together with it, or never.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
 */
export interface RebalanceNotice extends Seen<'rebalance', Rebalance>, Rebalance {}

/** A maintenance event to come. */
interface Maintenance {
  /** The documented fields of the event, under AWS's own names. */
  readonly event: MaintenanceEvent;
}

/**
 * A scheduled maintenance event, one notice each. It is `withdrawn` when no longer scheduled: completed or cancelled,
 * as `imds.events.maintenance.history()` says.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
 */
export interface MaintenanceNotice extends Seen<'maintenance', Maintenance>, Maintenance {}

/** The state that Auto Scaling moves this instance to. */
interface TargetLifecycleState {
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

/** Which role credentials the service has. The credentials themselves are not in it. */
export interface CredentialsState {
  /** Name of the IAM role, such as `web-role`. */
  readonly role: string;
  /** `Success`, or why there are none, such as `AssumeRoleUnauthorizedAccess`. */
  readonly code: Word<'Success'>;
  /** When they expire, such as `2026-11-23T15:05:00Z`; absent unless the code is `Success`. */
  readonly expiration?: string;
}

/** The credentials of the role were rotated, another role was attached, or the service got none for it. */
export interface CredentialsNotice extends Seen<'credentials', CredentialsState>, CredentialsState {}

/** The tags of the instance. */
interface Tags {
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

/** The addresses of a network interface, one notice each; `withdrawn` when it was detached. */
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

/** The subject of a notice. */
export type NoticeKind = Notice['kind'];

/** The notices of some kinds. */
export type NoticeOf<Kind extends NoticeKind> = Extract<Notice, { readonly kind: Kind }>;

/** The kinds watched unless others are named: those that may end the work of the instance. */
export const defaultNoticeKinds = ['spot-interruption', 'rebalance', 'maintenance', 'target-lifecycle-state'] as const;

/** All kinds, the most urgent first. */
export const noticeKinds: readonly NoticeKind[] = [...defaultNoticeKinds, 'credentials', 'tags', 'addresses'];
