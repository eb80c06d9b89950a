import type { Categories } from '../metadata/categories.js';
import type { MaintenanceEvent, SpotInstanceAction, Word } from '../metadata/documents.js';

/**
 * `present`: there when the watch began. `appeared`: new since then. `changed`: differs from what was last delivered.
 * `withdrawn`: no longer there.
 */
export type Change = 'present' | 'appeared' | 'changed' | 'withdrawn';

/** The addresses of a network interface; empty lists where it has none. */
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

/** The payload of each kind of notice. */
export interface NoticeFacts {
  /**
   * EC2 interrupts this Spot Instance, usually in two minutes, or at once to hibernate it.
   *
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
   */
  'spot-interruption': {
    /** What EC2 will do, such as `terminate`; absent if the service gives no readable action. */
    readonly action?: NonNullable<SpotInstanceAction['action']>;
    /** Approximate time, such as `2026-11-23T09:30:00Z`; absent if the service gives no readable time. */
    readonly deadline?: string;
  };
  /**
   * This Spot Instance is at elevated risk of interruption. Comes before an interruption notice, with it, or alone.
   *
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
   */
  rebalance: {
    /** When AWS emitted it, such as `2026-11-23T09:20:00Z`; absent if the service gives no readable time. */
    readonly noticeTime?: string;
  };
  /**
   * A scheduled maintenance event, one notice each. `withdrawn` when no longer scheduled: completed or cancelled, see
   * `imds.events.maintenance.history()`.
   *
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
   */
  maintenance: {
    /** The documented fields of the event, under AWS's own names. */
    readonly event: MaintenanceEvent;
  };
  /**
   * The state that Auto Scaling is moving the instance to.
   *
   * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
   */
  'target-lifecycle-state': {
    /** Such as `Terminated`. */
    readonly state: NonNullable<Awaited<ReturnType<Categories['autoscaling']['targetLifecycleState']>>>;
  };
  /** Credentials were rotated, another role was attached, or the service got none for it. Contains no credentials. */
  credentials: {
    /** Name of the IAM role, such as `web-role`. */
    readonly role: string;
    /** `Success`, or the reason for having none, such as `AssumeRoleUnauthorizedAccess`. */
    readonly code: Word<'Success'>;
    /** When they expire, such as `2026-11-23T15:05:00Z`; absent unless the code is `Success`. */
    readonly expiration?: string;
  };
  /** The tags of the instance; `withdrawn` when instance metadata no longer has tags, or the instance has none. */
  tags: {
    /** All of them, such as `{ Name: 'web-1' }`. */
    readonly tags: Readonly<Record<string, string>>;
  };
  /** The addresses of a network interface, one notice each; `withdrawn` when it was detached. */
  addresses: Addresses;
}

/** The kind of a notice. */
export type NoticeKind = keyof NoticeFacts;

interface Countdown {
  /** From the delivery of the notice to the deadline, by this machine's clock; never below 0. Absent without one. */
  readonly millisecondsLeft?: number;
}

type Notices = {
  readonly [Kind in NoticeKind]: {
    /** The kind; narrows the type of the notice. */
    readonly kind: Kind;
    readonly change: Change;
    /** When a poll first saw this state, by this machine's clock, such as `2026-11-23T09:28:00.123Z`. */
    readonly seenAt: string;
    /** The payload delivered before; only with `changed`. */
    readonly previous?: NoticeFacts[Kind];
  } & NoticeFacts[Kind] &
    (Kind extends 'spot-interruption' ? Countdown : unknown);
};

/** Something that happened to the instance, or will. Narrow by `kind`. Deeply frozen. */
export type Notice = Notices[NoticeKind];

/** The notices of some kinds, such as `NoticeOf<'spot-interruption'>`. */
export type NoticeOf<Kind extends NoticeKind> = Extract<Notice, { readonly kind: Kind }>;

/** The kinds watched by default: those that may end the instance's work. */
export const defaultNoticeKinds = ['spot-interruption', 'rebalance', 'maintenance', 'target-lifecycle-state'] as const;

/** The kinds watched by default. */
export type DefaultNoticeKind = (typeof defaultNoticeKinds)[number];

/** All kinds, the most urgent first. */
export const noticeKinds: readonly NoticeKind[] = [...defaultNoticeKinds, 'credentials', 'tags', 'addresses'];
