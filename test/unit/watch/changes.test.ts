import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Item, nextNotice, type Snapshot, update } from '../../../src/watch/changes.js';
import type { NoticeKind } from '../../../src/watch/notices.js';

const seenAt = Date.parse('2026-11-23T09:28:00.123Z');
const later = seenAt + 5000;
const item = (role: string, at = seenAt): Item => ({ facts: { role }, identity: role, isSteady: false, seenAt: at });
const items = (names: string, at = seenAt): Map<string, Item> =>
  new Map(names.split(' ').flatMap((name) => (name === '' ? [] : [[name.charAt(0), item(name, at)]])));

describe('the snapshot after a poll', () => {
  it('is the same as before when nothing changed', () => {
    const before = items('a1 b1');
    assert.equal(update(before, items('b1 a1', later)), before);
  });

  it('is since when it is so', () => {
    const now = update(items('a1 b1 d1'), items('a1 b2 c1', later));
    assert.deepEqual(
      [...now].map(([key, { seenAt }]) => [key, seenAt]),
      [
        ['a', seenAt],
        ['b', later],
        ['c', later],
      ],
    );
  });
});

const next = (kind: NoticeKind, delivered: Map<string, Item>, current: Snapshot, present: readonly string[] = []) =>
  nextNotice(
    kind,
    { current, changedAt: seenAt + 9000, delivered, present: new Set(present) },
    Date.parse('2026-11-23T09:29:00Z'),
  );

describe('the next notice', () => {
  for (const [title, delivered, current, expected, after] of [
    ['none, when there is nothing', '', '', undefined, ''],
    ['none, when all was delivered', 'a1 b1', 'b1 a1', undefined, 'a1 b1'],
    ['of what is new', 'a1', 'a1 b1', 'appeared b1', 'a1 b1'],
    ['of what is another', 'a1', 'a2', 'changed a2', 'a2'],
    ['of what is no more', 'a1 b1', 'b1', 'withdrawn a1', 'b1'],
    ['of what is there before what is no more', 'a1', 'b1', 'appeared b1', 'a1 b1'],
  ] as const)
    it(`is ${title}`, () => {
      const told = items(delivered);
      const notice = next('credentials', told, items(current));
      assert.equal(notice && `${notice.change} ${'role' in notice && notice.role}`, expected);
      assert.deepEqual(told, items(after));
    });

  const spot = (deadline: string) =>
    new Map([['', { facts: { action: 'stop', deadline }, identity: deadline, isSteady: false, seenAt }]]);
  const spotKind = 'spot-interruption';
  const deadline = '2026-11-23T09:30:00Z';
  const seen = { kind: spotKind, action: 'stop', deadline, millisecondsLeft: 60_000 };

  it('says whether its subject was there before the watch began', () => {
    const at = '2026-11-23T09:28:00.123Z';
    assert.deepEqual(next(spotKind, items(''), spot(deadline)), { ...seen, change: 'appeared', seenAt: at });
    assert.deepEqual(next(spotKind, items(''), spot(deadline), ['']), { ...seen, change: 'present', seenAt: at });
  });

  it('says what was delivered before', () => {
    const notice = next(spotKind, spot('2026-11-23T09:31:00Z'), spot(deadline));
    assert.deepEqual(notice?.previous, { action: 'stop', deadline: '2026-11-23T09:31:00Z' });
  });

  it('says when the withdrawal was noticed, and what was last delivered', () => {
    const withdrawn = next(spotKind, spot(deadline), items(''));
    assert.deepEqual(withdrawn, { ...seen, change: 'withdrawn', seenAt: '2026-11-23T09:28:09.123Z' });
  });

  it('has no time left after the deadline', () => {
    const late = next(spotKind, items(''), spot('2026-11-23T09:00:00Z'));
    assert.ok(late && 'millisecondsLeft' in late);
    assert.equal(late.millisecondsLeft, 0);
  });
});
