import type { Change, Notice, NoticeKind } from './notices.js';

/** One item of a kind as a poll found it: an interruption, a maintenance event, an interface. */
export interface Item {
  readonly facts: object;
  /** Stays equal while nothing changes. Never leaves this process: it may contain an access key ID. */
  readonly identity: string;
  /** The normal state: at the start it gives no notice, unless the kind was named. */
  readonly isSteady: boolean;
  /** When a poll first found this state, in milliseconds since the epoch. */
  readonly seenAt: number;
}

/** The items of one kind by their keys. */
export type Snapshot = ReadonlyMap<string, Item>;

/** The snapshot after a poll; the same object as before if nothing changed. */
export function update(before: Snapshot | undefined, found: Snapshot): Snapshot {
  const items = [...found].map(([key, item]): [string, Item] => {
    const old = before?.get(key);
    return [key, old?.identity === item.identity ? old : item];
  });
  const isSame = before?.size === items.length && items.every(([key, item]) => before.get(key) === item);
  return isSame ? before : new Map(items);
}

/** One subscriber's view of a kind. */
export interface Topic {
  current: Snapshot;
  /** When a poll last found a change, in milliseconds since the epoch. */
  changedAt: number;
  readonly delivered: Map<string, Item>;
  /** Items that have been there since the subscription began. */
  readonly present: Set<string>;
}

/**
 * The notice of an item that differs from what was delivered, and marks it as delivered. Items that are there come
 * before those that are gone.
 */
export function nextNotice(kind: NoticeKind, topic: Topic, now: number): Notice | undefined {
  const { current, changedAt, delivered, present } = topic;
  const [key, item] =
    [...current].find(([key, { identity }]) => delivered.get(key)?.identity !== identity) ??
    [...delivered].find(([key]) => !current.has(key)) ??
    [];
  if (key === undefined || item === undefined) return undefined;
  const { facts, seenAt } = item;
  const [before, isThere] = [delivered.get(key), current.has(key)];
  if (isThere) delivered.set(key, item);
  else delivered.delete(key);
  const change: Change = !isThere ? 'withdrawn' : before ? 'changed' : present.has(key) ? 'present' : 'appeared';
  const deadline = 'deadline' in facts ? Date.parse(String(facts.deadline)) : undefined;
  // The facts of a kind have the type of its notices: the table of sources is typed that way.
  return Object.freeze({
    kind,
    change,
    seenAt: new Date(isThere ? seenAt : changedAt).toISOString(),
    ...facts,
    ...(deadline !== undefined && { millisecondsLeft: Math.max(0, deadline - now) }),
    ...(change === 'changed' && { previous: before?.facts }),
  }) as Notice;
}
