import type { Categories } from '../metadata/categories.js';
import type { MaintenanceEvent, SpotInstanceAction, Word } from '../metadata/documents.js';

/**
 * `present`: there when the watch began. `appeared`: there since. `changed`: differs from what was last delivered.
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
   * EC2 takes this Spot Instance back, usually in two minutes, and at once before a hibernation.
   *
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
   */
  'spot-interruption': {
    /** The fate of the instance, such as `terminate`; absent if the service gives none that can be read. */
    readonly action?: NonNullable<SpotInstanceAction['action']>;
    /** About when it happens, such as `2026-11-23T09:30:00Z`; absent if the service gives no time that can be read. */
    readonly deadline?: string;
  };
  /**
   * This Spot Instance is at elevated risk of interruption: told before its interruption, together with it, or without one.
   *
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
   */
  rebalance: {
    /** When AWS said so, such as `2026-11-23T09:20:00Z`; absent if the service gives no time that can be read. */
    readonly noticeTime?: string;
  };
  /**
   * A scheduled maintenance event, one notice each. It is `withdrawn` when no longer scheduled: completed or cancelled, as
   * `imds.events.maintenance.history()` says.
   *
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
   */
  maintenance: {
    /** The documented fields of the event, under AWS's own names. */
    readonly event: MaintenanceEvent;
  };
  /**
   * The state that Auto Scaling moves the instance to.
   *
   * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
   */
  'target-lifecycle-state': {
    /** Such as `Terminated`. */
    readonly state: NonNullable<Awaited<ReturnType<Categories['autoscaling']['targetLifecycleState']>>>;
  };
  /** Credentials were rotated, another role was attached, or the service got none for it. Holds no credentials. */
  credentials: {
    /** Name of the IAM role, such as `web-role`. */
    readonly role: string;
    /** `Success`, or why there are none, such as `AssumeRoleUnauthorizedAccess`. */
    readonly code: Word<'Success'>;
    /** When they expire, such as `2026-11-23T15:05:00Z`; absent unless the code is `Success`. */
    readonly expiration?: string;
  };
  /** The tags of the instance; `withdrawn` when the metadata no longer has tags, or the instance has none. */
  tags: {
    /** All of them, such as `{ Name: 'web-1' }`. */
    readonly tags: Readonly<Record<string, string>>;
  };
  /** The addresses of a network interface, one notice each; `withdrawn` when it was detached. */
  addresses: Addresses;
}

/** The subject of a notice. */
export type NoticeKind = keyof NoticeFacts;

interface Countdown {
  /** From the delivery of the notice to the deadline, by the clock of this machine; never below 0. Absent without one. */
  readonly millisecondsLeft?: number;
}

type Notices = {
  readonly [Kind in NoticeKind]: {
    /** The subject; narrows the type of the notice. */
    readonly kind: Kind;
    readonly change: Change;
    /** When a poll first saw it so, by the clock of this machine, such as `2026-11-23T09:28:00.123Z`. */
    readonly seenAt: string;
    /** The payload delivered before; with `changed` only. */
    readonly previous?: NoticeFacts[Kind];
  } & NoticeFacts[Kind] &
    (Kind extends 'spot-interruption' ? Countdown : unknown);
};

/** Something that happened to the instance, or will. Narrow by `kind`. Frozen throughout. */
export type Notice = Notices[NoticeKind];

/** The notices of some kinds, such as `NoticeOf<'spot-interruption'>`. */
export type NoticeOf<Kind extends NoticeKind> = Extract<Notice, { readonly kind: Kind }>;

/** The kinds watched unless others are named: those that may end the work of the instance. */
export const defaultNoticeKinds = ['spot-interruption', 'rebalance', 'maintenance', 'target-lifecycle-state'] as const;

/** The kinds watched when none are named. */
export type DefaultNoticeKind = (typeof defaultNoticeKinds)[number];

/** All kinds, the most urgent first. */
export const noticeKinds: readonly NoticeKind[] = [...defaultNoticeKinds, 'credentials', 'tags', 'addresses'];
