import type { Change, Notice, NoticeKind } from './notices.js';

/** One subject of a kind as a poll found it: an interruption, a maintenance event, an interface. */
export interface Item {
  readonly facts: object;
  /** Equal for as long as nothing has changed. Never leaves this process: it may hold an access key ID. */
  readonly identity: string;
  /** Things are as they should be: at the start no news, unless the kind was named. */
  readonly isSteady: boolean;
  /** When a poll first found it so, in milliseconds since 1970. */
  readonly seenAt: number;
}

/** The subjects of one kind by their keys. */
export type Snapshot = ReadonlyMap<string, Item>;

/** The snapshot after a poll; the same object as before when nothing changed. */
export function update(before: Snapshot | undefined, found: Snapshot): Snapshot {
  const items = [...found].map(([key, item]): [string, Item] => {
    const old = before?.get(key);
    return [key, old?.identity === item.identity ? old : item];
  });
  const isSame = before?.size === items.length && items.every(([key, item]) => before.get(key) === item);
  return isSame ? before : new Map(items);
}

/** A kind as one subscriber sees it. */
export interface Topic {
  current: Snapshot;
  /** When a poll last found a change, in milliseconds since 1970. */
  changedAt: number;
  readonly delivered: Map<string, Item>;
  /** Subjects that were there when the subscription began, and have been ever since. */
  readonly present: Set<string>;
}

/**
 * The notice of a subject that differs from what was delivered, which it is from now on. Subjects that are there come
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
  // The facts of a kind are those of its notices: the table of sources is typed so.
  return Object.freeze({
    kind,
    change,
    seenAt: new Date(isThere ? seenAt : changedAt).toISOString(),
    ...facts,
    ...(deadline !== undefined && { millisecondsLeft: Math.max(0, deadline - now) }),
    ...(change === 'changed' && { previous: before?.facts }),
  }) as Notice;
}
