import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { difference, type Item, notice, type Snapshot, update } from '../../../src/watch/changes.js';
import type { Notice } from '../../../src/watch/notices.js';

const seenAt = Date.parse('2026-11-23T09:28:00.123Z');
const item = (name: string): Item => ({ facts: { role: name }, identity: name, seenAt });
const items = (...names: readonly string[]): Snapshot => new Map(names.map((name) => [name.charAt(0), item(name)]));

describe('the snapshot after a poll', () => {
  const later = seenAt + 5000;

  it('is the same as before when nothing changed', () => {
    const before = items('a1', 'b1');
    const found = [...before].map(([key, { facts, identity }]) => [key, { facts, identity }] as const).reverse();
    assert.equal(update(before, new Map(found), later), before);
  });

  it('is since when it is so', () => {
    const found = new Map([
      ['a', { facts: {}, identity: 'a1' }],
      ['b', { facts: {}, identity: 'b2' }],
      ['c', { facts: {}, identity: 'c1' }],
    ]);
    const now = update(items('a1', 'b1', 'd1'), found, later);
    assert.deepEqual(
      [...now].map(([key, item]) => [key, item.seenAt]),
      [
        ['a', seenAt],
        ['b', later],
        ['c', later],
      ],
    );
  });
});

describe('the difference between delivered and current notices', () => {
  const cases: readonly [title: string, delivered: Snapshot, current: Snapshot, expected: object | undefined][] = [
    ['none, when there is nothing', items(), items(), undefined],
    ['none, when all was delivered', items('a1', 'b1'), items('b1', 'a1'), undefined],
    ['what is new', items('a1'), items('a1', 'b1'), { key: 'b', delivered: undefined, current: item('b1') }],
    ['what is another', items('a1'), items('a2'), { key: 'a', delivered: item('a1'), current: item('a2') }],
    ['what is no more', items('a1', 'b1'), items('b1'), { key: 'a', delivered: item('a1') }],
    [
      'what is there before what is no more',
      items('a1'),
      items('b1'),
      { key: 'b', delivered: undefined, current: item('b1') },
    ],
  ];
  for (const [title, delivered, current, expected] of cases)
    it(`is ${title}`, () => {
      assert.deepEqual(difference(delivered, current), expected);
    });
});

describe('a notice', () => {
  const spot = (deadline: string): Item => ({ facts: { action: 'stop', deadline }, identity: deadline, seenAt });
  const of = (delivered: Item | undefined, current: Item | undefined, wasPresent = false): Notice =>
    notice(
      'spot-interruption',
      { key: '', delivered, current },
      { wasPresent, changedAt: seenAt + 9000, now: Date.parse('2026-11-23T09:29:00Z') },
    );
  const deadline = '2026-11-23T09:30:00Z';
  const seen = { kind: 'spot-interruption', action: 'stop', deadline, millisecondsLeft: 60_000 };

  it('says whether its subject was there before the watch began', () => {
    const at = '2026-11-23T09:28:00.123Z';
    assert.deepEqual(of(undefined, spot(deadline)), { ...seen, change: 'appeared', seenAt: at });
    assert.deepEqual(of(undefined, spot(deadline), true), { ...seen, change: 'present', seenAt: at });
  });

  it('says what was delivered before', () => {
    const { previous } = of(spot('2026-11-23T09:31:00Z'), spot(deadline));
    assert.deepEqual(previous, { action: 'stop', deadline: '2026-11-23T09:31:00Z' });
  });

  it('says when the withdrawal was noticed, and what was last delivered', () => {
    const withdrawn = of(spot(deadline), undefined);
    assert.deepEqual(withdrawn, { ...seen, change: 'withdrawn', seenAt: '2026-11-23T09:28:09.123Z' });
  });

  it('has no time left after the deadline', () => {
    const late = of(undefined, spot('2026-11-23T09:00:00Z'));
    assert.ok('millisecondsLeft' in late);
    assert.equal(late.millisecondsLeft, 0);
  });
});
