import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { noticeEnv } from '../../../src/cli/notice-command.js';
import { jsonLine, noticeLine } from '../../../src/cli/notice-line.js';
import { difference, type Item, type Items, known, type Notice, notice } from '../../../src/watch/notices.js';
import { ownCircumstances } from '../../../src/watch/watch.js';

const seenAt = Date.parse('2026-11-23T09:28:00.123Z');
const item = (name: string): Item => ({ facts: { role: name }, identity: name, seenAt });
const items = (...names: readonly string[]): Items => new Map(names.map((name) => [name.charAt(0), item(name)]));

describe('what is known after a look', () => {
  const later = seenAt + 5000;

  it('is the same as before when nothing changed', () => {
    const before = items('a1', 'b1');
    const found = [...before].map(([key, { facts, identity }]) => [key, { facts, identity }] as const).reverse();
    assert.equal(known(before, new Map(found), later), before);
  });

  it('is since when it is so', () => {
    const found = new Map([
      ['a', { facts: {}, identity: 'a1' }],
      ['b', { facts: {}, identity: 'b2' }],
      ['c', { facts: {}, identity: 'c1' }],
    ]);
    const now = known(items('a1', 'b1', 'd1'), found, later);
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

describe('the difference between what was told and what is known', () => {
  const cases: readonly [title: string, told: Items, now: Items, expected: object | undefined][] = [
    ['none, when there is nothing', items(), items(), undefined],
    ['none, when all was told', items('a1', 'b1'), items('b1', 'a1'), undefined],
    ['what is new', items('a1'), items('a1', 'b1'), { key: 'b', told: undefined, now: item('b1') }],
    ['what is another', items('a1'), items('a2'), { key: 'a', told: item('a1'), now: item('a2') }],
    ['what is no more', items('a1', 'b1'), items('b1'), { key: 'a', told: item('a1') }],
    ['what is there before what is no more', items('a1'), items('b1'), { key: 'b', told: undefined, now: item('b1') }],
  ];
  for (const [title, told, now, expected] of cases)
    it(`is ${title}`, () => {
      assert.deepEqual(difference(told, now), expected);
    });
});

describe('a notice', () => {
  const spot = (deadline: string): Item => ({ facts: { action: 'stop', deadline }, identity: deadline, seenAt });
  const of = (told: Item | undefined, now: Item | undefined, wasPresent = false): Notice =>
    notice(
      'spot-interruption',
      { key: '', told, now },
      { wasPresent, changedAt: seenAt + 9000, time: Date.parse('2026-11-23T09:29:00Z') },
    );
  const deadline = '2026-11-23T09:30:00Z';
  const seen = { kind: 'spot-interruption', action: 'stop', deadline, millisecondsLeft: 60_000 };

  it('says whether its subject was there before the watch began', () => {
    const at = '2026-11-23T09:28:00.123Z';
    assert.deepEqual(of(undefined, spot(deadline)), { ...seen, change: 'appeared', seenAt: at });
    assert.deepEqual(of(undefined, spot(deadline), true), { ...seen, change: 'present', seenAt: at });
  });

  it('says what was told before', () => {
    const { previous } = of(spot('2026-11-23T09:31:00Z'), spot(deadline));
    assert.deepEqual(previous, { action: 'stop', deadline: '2026-11-23T09:31:00Z' });
  });

  it('says when the withdrawal was noticed, and what was told last', () => {
    const withdrawn = of(spot(deadline), undefined);
    assert.deepEqual(withdrawn, { ...seen, change: 'withdrawn', seenAt: '2026-11-23T09:28:09.123Z' });
  });

  it('has no time left after the deadline', () => {
    const late = of(undefined, spot('2026-11-23T09:00:00Z'));
    assert.ok('millisecondsLeft' in late);
    assert.equal(late.millisecondsLeft, 0);
  });
});

describe("the process's own timer", () => {
  // The longest that setTimeout takes; what is longer it does at once.
  const longestMs = 2 ** 31 - 1;
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('takes more milliseconds than setTimeout does, and waits for all of them', () => {
    const acted: string[] = [];
    ownCircumstances.setTimer(() => acted.push('late'), 2 * longestMs + 500);
    ownCircumstances.setTimer(() => acted.push('at the limit'), longestMs);
    ownCircumstances.setTimer(() => acted.push('soon'), 10);
    const steps = [10, longestMs - 10, longestMs, 499, 1].map((ms) => {
      mock.timers.tick(ms);
      return acted.splice(0);
    });
    assert.deepEqual(steps, [['soon'], ['at the limit'], [], [], ['late']]);
  });

  it('can be called off at any time', () => {
    const timer = ownCircumstances.setTimer(() => assert.fail(), 2 * longestMs);
    mock.timers.tick(longestMs + 1);
    timer.cancel();
    mock.timers.tick(longestMs);
  });
});

describe('the line of a notice', () => {
  const at = { seenAt: '2026-11-23T09:28:00.123Z' };
  const plain = { bold: String, red: String, cyan: String };
  const spot = { ...at, kind: 'spot-interruption', action: 'terminate', deadline: '2026-11-23T09:30:00Z' } as const;
  const event = {
    EventId: 'instance-event-0a',
    Code: 'system-reboot',
    State: 'active',
    Description: 'scheduled\nreboot\x1b[2J',
    NotBefore: '2026-12-01T09:00:00Z',
  } as const;
  const none = { publicIpv4s: [], ipv6s: [], ipv4Prefix: [], ipv6Prefix: [] };
  const nic = {
    ...at,
    kind: 'addresses',
    mac: '0e:49:61:0f:c3:11',
    localIpv4s: ['10.0.1.10', '10.0.1.11'],
    ...none,
  } as const;
  const mac = '0e:49:61:0f:c3:11';

  const cases: readonly [Notice, string][] = [
    [
      { ...spot, change: 'appeared', millisecondsLeft: 118_700 },
      'spot-interruption: terminate at 2026-11-23T09:30:00Z, 119 s left',
    ],
    [
      { ...spot, change: 'withdrawn', millisecondsLeft: 0 },
      'spot-interruption: withdrawn: no terminate at 2026-11-23T09:30:00Z',
    ],
    [
      { ...at, kind: 'rebalance', change: 'present', noticeTime: '2026-11-23T09:20:00Z' },
      'rebalance: recommended at 2026-11-23T09:20:00Z',
    ],
    [
      { ...at, kind: 'rebalance', change: 'withdrawn', noticeTime: '2026-11-23T09:20:00Z' },
      'rebalance: withdrawn: that of 2026-11-23T09:20:00Z',
    ],
    [
      { ...at, kind: 'maintenance', change: 'appeared', event },
      'maintenance: system-reboot from 2026-12-01T09:00:00Z, scheduled reboot\\x1b[2J (instance-event-0a)',
    ],
    [
      {
        ...at,
        kind: 'maintenance',
        change: 'withdrawn',
        event: { ...event, NotAfter: '2026-12-01T11:00:00Z', Description: '' },
      },
      'maintenance: no longer scheduled: system-reboot from 2026-12-01T09:00:00Z to 2026-12-01T11:00:00Z, (instance-event-0a)',
    ],
    [
      { ...at, kind: 'target-lifecycle-state', change: 'present', state: 'InService' },
      'target-lifecycle-state: InService',
    ],
    [
      {
        ...at,
        kind: 'target-lifecycle-state',
        change: 'changed',
        state: 'Terminated',
        previous: { state: 'InService' },
      },
      'target-lifecycle-state: Terminated, was InService',
    ],
    [
      { ...at, kind: 'target-lifecycle-state', change: 'withdrawn', state: 'InService' },
      'target-lifecycle-state: none, was InService',
    ],
    [
      {
        ...at,
        kind: 'credentials',
        change: 'changed',
        role: 'web',
        code: 'Success',
        expiration: '2026-11-23T15:00:00Z',
      },
      'credentials: of the role web until 2026-11-23T15:00:00Z',
    ],
    [
      { ...at, kind: 'credentials', change: 'changed', role: 'web', code: 'AssumeRoleUnauthorizedAccess' },
      'credentials: none of the role web: AssumeRoleUnauthorizedAccess',
    ],
    [
      { ...at, kind: 'credentials', change: 'withdrawn', role: 'web', code: 'Success' },
      'credentials: no role, was web',
    ],
    [{ ...at, kind: 'tags', change: 'present', tags: { Name: 'web-1', Empty: '' } }, 'tags: Name=web-1, Empty='],
    [
      {
        ...at,
        kind: 'tags',
        change: 'changed',
        tags: { Name: 'web-2', Stage: 'prod' },
        previous: { tags: { Name: 'web-1', Owner: 'me', Stage: 'prod' } },
      },
      'tags: Name=web-2, no Owner',
    ],
    [{ ...at, kind: 'tags', change: 'withdrawn', tags: { Name: 'web-1' } }, 'tags: none any more'],
    [{ ...nic, change: 'present' }, `addresses: ${mac} has 10.0.1.10 10.0.1.11`],
    [{ ...nic, change: 'present', localIpv4s: [] }, `addresses: ${mac} has none`],
    [
      {
        ...nic,
        change: 'changed',
        ipv6s: ['2001:db8::1'],
        previous: { mac, ...none, localIpv4s: ['10.0.1.10', '10.0.1.12'] },
      },
      `addresses: ${mac} has +10.0.1.11 +2001:db8::1 -10.0.1.12`,
    ],
    [
      { ...nic, change: 'changed', previous: { mac, ...none, localIpv4s: ['10.0.1.11', '10.0.1.10'] } },
      `addresses: ${mac} has 10.0.1.10 10.0.1.11`,
    ],
    [{ ...nic, change: 'withdrawn' }, `addresses: ${mac} is no longer attached`],
  ];
  for (const [each, expected] of cases)
    it(`is ${expected}`, () => {
      assert.equal(noticeLine(each, plain), `2026-11-23T09:28:00Z ${expected}\n`);
    });

  it('stands out for an interruption that is announced', () => {
    const paint = { bold: (text: string) => `<b>${text}</b>`, red: (text: string) => `<r>${text}</r>`, cyan: String };
    const announced = noticeLine({ ...spot, change: 'present', millisecondsLeft: 1 }, paint);
    assert.match(announced, /Z <r><b>spot-interruption<\/b><\/r>: terminate/);
    assert.match(
      noticeLine({ ...spot, change: 'withdrawn', millisecondsLeft: 1 }, paint),
      /Z <b>spot-interruption<\/b>: /,
    );
  });

  it('has a counterpart in JSON, which does nothing to a terminal and is one line for every reader', () => {
    const tags = { 'a\u009bb': 'c\u2028d\u2029e\u0085f\x7f\0', Name: 'wéb "1"' };
    const line = jsonLine({ ...at, kind: 'tags', change: 'present', tags });
    assert.deepEqual(JSON.parse(line).tags, tags);
    assert.match(line, /^[^\p{Cc}\u2028\u2029]+\n$/u);
    assert.ok(line.includes('wéb') && line.includes('a\\u009bb'), line);
  });

  it('leaves out of the environment of a command what is too long for it, and spells out what it cannot hold', () => {
    const { IMDS_NOTICE_ROLE, ...others } = noticeEnv({
      ...at,
      kind: 'credentials',
      change: 'present',
      role: 'r\0le\0',
      code: 'é'.repeat(16_385),
      expiration: 'x'.repeat(32_768),
    });
    assert.equal(IMDS_NOTICE_ROLE, 'r\\x00le\\x00');
    assert.deepEqual(Object.keys(others), [
      'IMDS_NOTICE_SEEN_AT',
      'IMDS_NOTICE_KIND',
      'IMDS_NOTICE_CHANGE',
      'IMDS_NOTICE_EXPIRATION',
    ]);
  });

  it('has a counterpart in the environment of a command: texts and numbers', () => {
    assert.deepEqual(
      noticeEnv({ ...spot, change: 'changed', millisecondsLeft: 5, previous: { action: 'stop', deadline: '' } }),
      {
        IMDS_NOTICE_KIND: 'spot-interruption',
        IMDS_NOTICE_CHANGE: 'changed',
        IMDS_NOTICE_SEEN_AT: at.seenAt,
        IMDS_NOTICE_ACTION: 'terminate',
        IMDS_NOTICE_DEADLINE: '2026-11-23T09:30:00Z',
        IMDS_NOTICE_MILLISECONDS_LEFT: '5',
      },
    );
  });
});
