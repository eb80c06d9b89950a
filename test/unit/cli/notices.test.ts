import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { noticeEnv, noticeLine } from '../../../src/cli/notices.js';
import { jsonLine } from '../../../src/cli/output.js';
import type { Notice } from '../../../src/index.js';

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
    [{ ...at, kind: 'spot-interruption', change: 'present' }, 'spot-interruption: interruption at an unknown time'],
    [{ ...at, kind: 'rebalance', change: 'present' }, 'rebalance: recommended at an unknown time'],
    [
      { ...at, kind: 'maintenance', change: 'present', event: { EventId: 'instance-event-0a' } },
      'maintenance: event from an unknown time (instance-event-0a)',
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
      'maintenance: no longer scheduled: system-reboot from 2026-12-01T09:00:00Z to 2026-12-01T11:00:00Z (instance-event-0a)',
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
    const { IMDS_NOTICE_ROLE, ...others } = noticeEnv(
      {
        ...at,
        kind: 'credentials',
        change: 'present',
        role: 'r\0le\0',
        code: 'é'.repeat(16_385),
        expiration: 'x'.repeat(32_768),
      },
      {},
    );
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
      noticeEnv(
        { ...spot, change: 'changed', millisecondsLeft: 5, previous: { action: 'stop', deadline: '' } },
        { IMDS_NOTICE_STATE: 'inherited', HOME: '/' },
      ),
      {
        IMDS_NOTICE_STATE: undefined,
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
