import type { Change, Notice, NoticeKind } from './notices.js';

/** One subject of a kind as a poll found it: an interruption, a maintenance event, an interface. */
export interface Found<Facts extends object = object> {
  readonly facts: Facts;
  /** Equal for as long as nothing has changed. Never leaves this process: it may hold an access key ID. */
  readonly identity: string;
  /** Things are as they should be: at the start no news, unless the kind was named. */
  readonly isSteady?: boolean;
}

/** A subject with the time at which a poll first found it so, in milliseconds since 1970. */
export interface Item extends Found {
  readonly seenAt: number;
}

/** The subjects of one kind by their keys: the current ones, or those delivered. */
export type Snapshot = ReadonlyMap<string, Item>;

/** The snapshot after a poll; the same object as before when nothing changed. */
export function update(before: Snapshot | undefined, found: ReadonlyMap<string, Found>, seenAt: number): Snapshot {
  const items = [...found].map(([key, each]): [string, Item] => {
    const old = before?.get(key);
    return [key, old?.identity === each.identity ? old : { ...each, seenAt }];
  });
  const isSame = before?.size === items.length && items.every(([key, item]) => before.get(key) === item);
  return isSame ? before : new Map(items);
}

/** One subject that differs from what was delivered. */
export interface Difference {
  readonly key: string;
  /** As last delivered; absent if it never was. */
  readonly delivered?: Item | undefined;
  /** As it is now; absent if it is gone. */
  readonly current?: Item | undefined;
}

/** The first difference: subjects that are there come before those that are gone. */
export function difference(delivered: Snapshot, current: Snapshot): Difference | undefined {
  for (const [key, item] of current)
    if (delivered.get(key)?.identity !== item.identity) return { key, delivered: delivered.get(key), current: item };
  for (const [key, item] of delivered) if (!current.has(key)) return { key, delivered: item };
  return undefined;
}

/** Times in milliseconds since 1970, and what the subscriber has seen. */
export interface Delivery {
  /** The subject was there when the watch began, and has been ever since. */
  readonly wasPresent: boolean;
  /** When a poll last found a change of the kind. */
  readonly changedAt: number;
  readonly now: number;
}

/** The notice of a difference. */
export function notice(kind: NoticeKind, { delivered, current }: Difference, delivery: Delivery): Notice {
  const { facts } = current ?? delivered ?? {};
  const change: Change = !current ? 'withdrawn' : delivered ? 'changed' : delivery.wasPresent ? 'present' : 'appeared';
  const deadline = facts && 'deadline' in facts ? Date.parse(String(facts.deadline)) : undefined;
  // The facts of a kind are those of its notices: the table of sources is typed so.
  return Object.freeze({
    kind,
    change,
    seenAt: new Date(current?.seenAt ?? delivery.changedAt).toISOString(),
    ...facts,
    ...(deadline !== undefined && { millisecondsLeft: Math.max(0, deadline - delivery.now) }),
    ...(change === 'changed' && { previous: delivered?.facts }),
  }) as Notice;
}
