import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { noticeEnv, noticeLine } from '../../../src/cli/notices.js';
import { jsonLine } from '../../../src/cli/output.js';
import type { Notice } from '../../../src/index.js';

describe('the line of a notice', () => {
  const at = { seenAt: '2026-11-23T09:28:00.123Z' };
  const plain = { bold: String, red: String, cyan: String };
  const spot = { ...at, kind: 'spot-interruption', action: 'terminate', deadline: '2026-11-23T09:30:00Z' } as const;
  const mac = '0e:49:61:0f:c3:11';
  const reboot = { Code: 'system-reboot', EventId: 'instance-event-0a', NotBefore: '2026-12-01T09:00:00Z' };
  const { action, deadline } = spot;
  const none = { mac, localIpv4s: [], publicIpv4s: [], ipv6s: [], ipv4Prefix: [], ipv6Prefix: [] };
  const nic = { ...none, localIpv4s: ['10.0.1.10', '10.0.1.11'] };
  const state = 'InService';
  const noticeTime = '2026-11-23T09:20:00Z';

  for (const [kind, change, facts, expected] of [
    [
      'spot-interruption',
      'appeared',
      { action, deadline, millisecondsLeft: 118_700 },
      `terminate at ${deadline}, 119 s left`,
    ],
    [
      'spot-interruption',
      'withdrawn',
      { action, deadline, millisecondsLeft: 0 },
      `withdrawn: no terminate at ${deadline}`,
    ],
    ['spot-interruption', 'present', {}, 'interruption at an unknown time'],
    ['rebalance', 'present', {}, 'recommended at an unknown time'],
    ['rebalance', 'present', { noticeTime }, `recommended at ${noticeTime}`],
    ['rebalance', 'withdrawn', { noticeTime }, `withdrawn: that of ${noticeTime}`],
    [
      'maintenance',
      'present',
      { event: { EventId: 'instance-event-0a' } },
      'event from an unknown time (instance-event-0a)',
    ],
    [
      'maintenance',
      'appeared',
      { event: { ...reboot, State: 'active', Description: 'scheduled\nreboot\x1b[2J' } },
      'system-reboot from 2026-12-01T09:00:00Z, scheduled reboot\\x1b[2J (instance-event-0a)',
    ],
    [
      'maintenance',
      'withdrawn',
      { event: { ...reboot, NotAfter: '2026-12-01T11:00:00Z', Description: '' } },
      'no longer scheduled: system-reboot from 2026-12-01T09:00:00Z to 2026-12-01T11:00:00Z (instance-event-0a)',
    ],
    ['target-lifecycle-state', 'present', { state }, 'InService'],
    ['target-lifecycle-state', 'changed', { state: 'Terminated', previous: { state } }, 'Terminated, was InService'],
    ['target-lifecycle-state', 'withdrawn', { state }, 'none, was InService'],
    [
      'credentials',
      'changed',
      { role: 'web', code: 'Success', expiration: '2026-11-23T15:00:00Z' },
      'of the role web until 2026-11-23T15:00:00Z',
    ],
    [
      'credentials',
      'changed',
      { role: 'web', code: 'AssumeRoleUnauthorizedAccess' },
      'none of the role web: AssumeRoleUnauthorizedAccess',
    ],
    ['credentials', 'withdrawn', { role: 'web', code: 'Success' }, 'no role, was web'],
    ['tags', 'present', { tags: { Name: 'web-1', Empty: '' } }, 'Name=web-1, Empty='],
    [
      'tags',
      'changed',
      {
        tags: { Name: 'web-2', Stage: 'prod' },
        previous: { tags: { Name: 'web-1', Owner: 'me', Stage: 'prod' } },
      },
      'Name=web-2, no Owner',
    ],
    ['tags', 'withdrawn', { tags: { Name: 'web-1' } }, 'none any more'],
    ['addresses', 'present', nic, `${mac} has 10.0.1.10 10.0.1.11`],
    ['addresses', 'present', none, `${mac} has none`],
    [
      'addresses',
      'changed',
      { ...nic, ipv6s: ['2001:db8::1'], previous: { ...none, localIpv4s: ['10.0.1.10', '10.0.1.12'] } },
      `${mac} has +10.0.1.11 +2001:db8::1 -10.0.1.12`,
    ],
    [
      'addresses',
      'changed',
      { ...nic, previous: { ...none, localIpv4s: ['10.0.1.11', '10.0.1.10'] } },
      `${mac} has 10.0.1.10 10.0.1.11`,
    ],
    ['addresses', 'withdrawn', nic, `${mac} is no longer attached`],
  ] as const)
    it(`is ${kind}: ${expected}`, () => {
      // The compiler does not match kinds with their facts in a table.
      const notice = { ...at, kind, change, ...facts } as Notice;
      assert.equal(noticeLine(notice, plain), `2026-11-23T09:28:00Z ${kind}: ${expected}\n`);
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
