import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'mocha';
import type { Clock } from '../../../src/client/clock.js';
import { Events } from '../../../src/client/events.js';
import type { ImdsOptions } from '../../../src/client/options.js';
import { type Emulator, type SeenRequest, scenarios } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/imds.js';
import { type Notice, type NoticeKind, noticeKinds } from '../../../src/watch/notices.js';
import { sources } from '../../../src/watch/sources.js';
import { isFrozen } from '../../support/frozen.js';
import { collect, pollerOn, stand } from './stand.js';

const macs = 'network/interfaces/macs';
const primary = '0e:49:61:0f:c3:11';
const added = '0e:49:61:0f:c3:99';
const minute = 60_000;

const maintenance = (id: string, notBefore: string) => ({
  NotBefore: notBefore,
  NotAfter: '02 Dec 2026 11:00:00 GMT',
  Code: 'system-reboot',
  Description: 'scheduled reboot',
  EventId: id,
  State: 'active',
});
const roleDocument = (id: string, expiration: string) =>
  JSON.stringify({
    Code: 'Success',
    LastUpdated: '2026-11-23T09:00:00Z',
    Type: 'AWS-HMAC',
    AccessKeyId: `ASIA${id}EXAMPLE`,
    SecretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    Token: 'a-session-token-EXAMPLE',
    Expiration: expiration,
  });

interface Case {
  readonly kind: NoticeKind;
  /** The paths of one poll that finds something. */
  readonly paths: readonly string[];
  readonly clear: (emulator: Emulator) => void;
  readonly announce: (emulator: Emulator) => void;
  readonly announced: object;
  readonly change: (emulator: Emulator) => void;
  readonly changed: object;
}

const roles = 'iam/security-credentials';
const nothing = { publicIpv4s: [], ipv6s: [], ipv4Prefix: [], ipv6Prefix: [] };
const first = maintenance('instance-event-0a', '01 Dec 2026 09:00:00 GMT');
const event = { ...first, NotBefore: '2026-12-01T09:00:00Z', NotAfter: '2026-12-02T11:00:00Z' };

const cases: readonly Case[] = [
  {
    kind: 'spot-interruption',
    paths: ['spot/instance-action'],
    clear: (emulator) => emulator.remove('spot'),
    announce: (emulator) =>
      emulator.set('spot/instance-action', '{"action":"terminate","time":"2026-11-23T12:02:00Z"}'),
    announced: { action: 'terminate', deadline: '2026-11-23T12:02:00Z' },
    change: (emulator) => emulator.set('spot/instance-action', '{"action":"stop","time":"2026-11-23T12:03:00Z"}'),
    changed: { action: 'stop', deadline: '2026-11-23T12:03:00Z' },
  },
  {
    kind: 'rebalance',
    paths: ['events/recommendations/rebalance'],
    clear: (emulator) => emulator.remove('events/recommendations'),
    announce: (emulator) => emulator.set('events/recommendations/rebalance', '{"noticeTime":"2026-11-23T09:00:01Z"}'),
    announced: { noticeTime: '2026-11-23T09:00:01Z' },
    change: (emulator) => emulator.set('events/recommendations/rebalance', '{"noticeTime":"2026-11-23T09:20:00Z"}'),
    changed: { noticeTime: '2026-11-23T09:20:00Z' },
  },
  {
    kind: 'maintenance',
    paths: ['events/maintenance/scheduled'],
    clear: (emulator) => emulator.set('events/maintenance/scheduled', '[]'),
    announce: (emulator) => emulator.set('events/maintenance/scheduled', JSON.stringify([first])),
    announced: { event },
    change: (emulator) =>
      emulator.set(
        'events/maintenance/scheduled',
        JSON.stringify([{ ...first, NotBefore: '01 Dec 2026 10:00:00 GMT' }]),
      ),
    changed: { event: { ...event, NotBefore: '2026-12-01T10:00:00Z' } },
  },
  {
    kind: 'target-lifecycle-state',
    paths: ['autoscaling/target-lifecycle-state'],
    clear: (emulator) => emulator.remove('autoscaling'),
    announce: (emulator) => emulator.set('autoscaling/target-lifecycle-state', 'InService'),
    announced: { state: 'InService' },
    change: (emulator) => emulator.set('autoscaling/target-lifecycle-state', 'Terminated'),
    changed: { state: 'Terminated' },
  },
  {
    kind: 'credentials',
    paths: [`${roles}/`, `${roles}/web-role`],
    clear: (emulator) => emulator.remove('iam'),
    announce: (emulator) => emulator.set(roles, { 'web-role': roleDocument('ONE', '2026-11-23T15:00:00Z') }),
    announced: { role: 'web-role', code: 'Success', expiration: '2026-11-23T15:00:00Z' },
    change: (emulator) => emulator.set(roles, { 'web-role': roleDocument('TWO', '2026-11-23T21:00:00Z') }),
    changed: { role: 'web-role', code: 'Success', expiration: '2026-11-23T21:00:00Z' },
  },
  {
    kind: 'tags',
    paths: ['tags/instance/', 'tags/instance/Name', 'tags/instance/empty'],
    clear: (emulator) => emulator.remove('tags'),
    announce: (emulator) => emulator.set('tags/instance', { Name: 'web-1', empty: '' }),
    announced: { tags: { Name: 'web-1', empty: '' } },
    change: (emulator) => emulator.set('tags/instance', { Name: 'web-2' }),
    changed: { tags: { Name: 'web-2' } },
  },
  {
    kind: 'addresses',
    paths: [`${macs}/`, `${macs}/${added}/`, `${macs}/${added}/local-ipv4s`],
    clear: (emulator) => {
      for (const mac of [primary, '0e:49:61:0f:c3:77', added]) emulator.remove(`${macs}/${mac}`);
    },
    announce: (emulator) => emulator.set(`${macs}/${added}`, { mac: added, 'local-ipv4s': '10.0.1.20\n10.0.1.21' }),
    announced: { mac: added, localIpv4s: ['10.0.1.20', '10.0.1.21'], ...nothing },
    change: (emulator) =>
      emulator.set(`${macs}/${added}`, { mac: added, 'local-ipv4s': '10.0.1.20', ipv6s: '2001:db8::5' }),
    changed: { mac: added, localIpv4s: ['10.0.1.20'], ...nothing, ipv6s: ['2001:db8::5'] },
  },
];

/** A notice without when it was seen, and without what a Spot interruption has left. */
const timeless = (notices: readonly Notice[]) =>
  notices.map((notice) => {
    const { seenAt, ...rest } = notice;
    assert.match(seenAt, /^2026-11-23T\d\d:\d\d:\d\d\.\d{3}Z$/);
    if (rest.kind !== 'spot-interruption') return rest;
    const { millisecondsLeft, ...others } = rest;
    assert.ok(millisecondsLeft !== undefined && millisecondsLeft >= 0);
    return others;
  });

const underLatest = (path: string): string => `/latest/meta-data/${path}`;

describe('imds.watch', () => {
  it('is tested for every kind', () => {
    assert.deepEqual(
      cases.map(({ kind }) => kind),
      noticeKinds,
    );
  });

  for (const { kind, paths, clear, announce, announced, change, changed } of cases) {
    /** More than an interval, and no less than a failed poll takes to be repeated. */
    const turn = Math.max(2 * sources[kind].intervalMs, 40_000);
    const announcing = async (options?: ImdsOptions) => {
      const s = await stand({}, options);
      clear(s.emulator);
      announce(s.emulator);
      return s;
    };

    describe(`for ${kind}`, () => {
      it('delivers what appears once, then what changes and what is withdrawn, and again when it is back', async () => {
        await using s = await stand();
        clear(s.emulator);
        const { take } = collect(s.poller.watch({ kinds: [kind] }));
        await s.time.pass(turn);
        assert.deepEqual(take(), []);

        announce(s.emulator);
        await s.time.pass(turn);
        assert.deepEqual(timeless(take()), [{ kind, change: 'appeared', ...announced }]);
        await s.time.pass(5 * turn);
        assert.deepEqual(take(), []);

        change(s.emulator);
        await s.time.pass(turn);
        assert.deepEqual(timeless(take()), [{ kind, change: 'changed', ...changed, previous: announced }]);

        clear(s.emulator);
        await s.time.pass(turn);
        assert.deepEqual(timeless(take()), [{ kind, change: 'withdrawn', ...changed }]);
        await s.time.pass(turn);
        assert.deepEqual(take(), []);

        change(s.emulator);
        await s.time.pass(turn);
        assert.deepEqual(timeless(take()), [{ kind, change: 'appeared', ...changed }]);
        assert.deepEqual(s.events, []);
      });

      it('delivers at once what is there when the watch begins', async () => {
        await using s = await announcing();
        const { notices } = await s.watching({ kinds: [kind] });
        assert.deepEqual(timeless(notices), [{ kind, change: 'present', ...announced }]);
      });

      it('reads what it needs at its interval, and nothing else', async () => {
        await using s = await announcing();
        collect(s.poller.watch({ kinds: [kind] }));
        const poll = paths.map(underLatest).sort();
        assert.deepEqual(await s.asked(() => s.time.pass(0)), poll);
        const { intervalMs } = sources[kind];
        assert.deepEqual(await s.asked(() => s.time.pass(intervalMs - 1)), []);
        assert.deepEqual(await s.asked(() => s.time.pass(1)), poll);
        assert.equal(s.tokensAsked(), 1);
      });

      it('does not repeat itself when the token was lost', async () => {
        await using s = await announcing();
        const { take } = await s.watching({ kinds: [kind] });
        assert.equal(take().length, 1);
        s.emulator.expireTokens();
        await s.time.pass(turn);
        assert.deepEqual(take(), []);
        assert.equal(s.tokensAsked(), 2);
        assert.deepEqual(s.events, []);
      });

      for (const mood of ['busy', 'silent'] as const)
        it(`goes on when the service is ${mood} for a while, and delivers afterwards what changed`, async () => {
          await using s = await announcing({ requestTimeoutMs: 250 });
          const { take, outcome } = await s.watching({ kinds: [kind] });
          assert.equal(take().length, 1);

          s.setMood(mood);
          await s.time.pass(turn);
          const failed = s.events.filter(({ action }) => action === 'failed');
          assert.ok(failed.length > 0);
          const error = mood === 'busy' ? 'ERR_IMDS_RESPONSE' : 'ERR_IMDS_TIMEOUT';
          for (const each of failed) assert.deepEqual({ kind: each.kind, error: each.error }, { kind, error });
          change(s.emulator);
          assert.deepEqual({ notices: take(), ...outcome }, { notices: [], isOver: false });

          s.setMood('well');
          await s.time.pass(2 * turn);
          assert.deepEqual(timeless(take()), [{ kind, change: 'changed', ...changed, previous: announced }]);
          // On a busy machine a poll may fail even now, and is recovered from again.
          let failures = 0;
          const recoveries: unknown[] = [];
          for (const event of s.events) {
            failures += 1;
            if (event.action === 'failed') continue;
            recoveries.push(event);
            assert.deepEqual(event, { action: 'recovered', kind, failures: failures - 1 });
            failures = 0;
          }
          assert.ok(recoveries.length > 0);
        });

      it('delivers only the newest state to a slow consumer', async () => {
        await using s = await announcing();
        const notices = s.poller.watch({ kinds: [kind] });
        const next = notices.next();
        await s.time.pass(0);
        assert.deepEqual(timeless([(await next).value ?? assert.fail()]), [{ kind, change: 'present', ...announced }]);
        clear(s.emulator);
        await s.time.pass(turn);
        announce(s.emulator);
        await s.time.pass(turn);
        change(s.emulator);
        await s.time.pass(turn);
        const late = await notices.next();
        assert.deepEqual(timeless([late.value ?? assert.fail()]), [
          { kind, change: 'changed', ...changed, previous: announced },
        ]);
        let isDelivered = false;
        void notices.next().then(() => {
          isDelivered = true;
        });
        await s.time.pass(turn);
        assert.equal(isDelivered, false);
        await notices.return();
      });
    });
  }

  it('watches for what may end the work of the instance unless kinds are named', async () => {
    await using s = await stand({ tree: { 'autoscaling/target-lifecycle-state': 'Terminated' } });
    for (const { announce, kind } of cases) if (kind !== 'target-lifecycle-state') announce(s.emulator);
    const { notices } = collect(s.poller.watch());
    await s.time.pass(5 * minute);
    assert.deepEqual(notices.map(({ kind }) => kind).sort(), [
      'maintenance',
      'rebalance',
      'spot-interruption',
      'target-lifecycle-state',
    ]);
  });

  it('leaves out a target lifecycle state of InService at the start unless the kind is named', async () => {
    await using s = await stand({ tree: { 'autoscaling/target-lifecycle-state': 'InService' } });
    const { take } = collect(s.poller.watch());
    const { notices: named } = collect(s.poller.watch({ kinds: ['target-lifecycle-state'] }));
    await s.time.pass(minute);
    const { notices: late } = collect(s.poller.watch());
    await s.time.pass(minute);
    assert.deepEqual(
      [take(), timeless(named), late],
      [[], [{ kind: 'target-lifecycle-state', change: 'present', state: 'InService' }], []],
    );
    s.emulator.set('autoscaling/target-lifecycle-state', 'Standby');
    await s.time.pass(minute);
    s.emulator.set('autoscaling/target-lifecycle-state', 'InService');
    await s.time.pass(minute);
    assert.deepEqual(
      timeless(take()).map((notice) => 'state' in notice && notice.state),
      ['Standby', 'InService'],
    );
  });

  it('says how much time is left when a notice is delivered, and when it was seen', async () => {
    await using s = await stand();
    const notices = s.poller.watch({ kinds: ['spot-interruption'] });
    const [seen, handed] = [notices.next(), notices.next()];
    await s.time.pass(32_000);
    s.emulator.set('spot/instance-action', '{"action":"terminate","time":"2026-11-23T09:02:35Z"}');
    await s.time.pass(3000);
    const { value } = await seen;
    assert.equal(value?.seenAt, s.time.iso(35_000));
    assert.equal(value?.millisecondsLeft, 120_000);

    s.emulator.set('spot/instance-action', '{"action":"stop","time":"2026-11-23T09:03:00Z"}');
    await s.time.pass(5000);
    assert.equal((await handed).value?.millisecondsLeft, 140_000);
    s.emulator.set('spot/instance-action', '{"action":"hibernate","time":"2026-11-23T09:00:40Z"}');
    await s.time.pass(60_000);
    const late = await notices.next();
    assert.equal(late.value?.seenAt, s.time.iso(45_000));
    assert.equal(late.value?.millisecondsLeft, 0);
    await notices.return();
  });

  it('reads several kinds in one poll, with one token', async () => {
    await using s = await stand();
    collect(s.poller.watch({ kinds: ['rebalance', 'spot-interruption'] }));
    const both = ['events/recommendations/rebalance', 'spot/instance-action'].map(underLatest);
    assert.deepEqual(await s.asked(() => s.time.pass(0)), both);
    assert.deepEqual(await s.asked(() => s.time.pass(5000)), both);
    assert.equal(s.tokensAsked(), 1);
  });

  it('delivers two kinds that came between two polls, the more urgent first', async () => {
    await using s = await stand();
    const notices = s.poller.watch();
    const { take } = collect(notices);
    await s.time.pass(minute);
    cases.find(({ kind }) => kind === 'rebalance')?.announce(s.emulator);
    cases.find(({ kind }) => kind === 'spot-interruption')?.announce(s.emulator);
    await s.time.pass(5000);
    assert.deepEqual(
      take()
        .map(({ kind }) => kind)
        .sort(),
      ['rebalance', 'spot-interruption'],
    );
    const slow = s.poller.watch({ kinds: ['rebalance', 'spot-interruption'] });
    assert.equal((await slow.next()).value?.kind, 'spot-interruption');
    assert.equal((await slow.next()).value?.kind, 'rebalance');
    await slow.return();
  });

  it('makes one poll for ten watchers, whenever and for whatever they began', async () => {
    const requests = async (watchers: number): Promise<number> => {
      await using s = await stand();
      const [spot] = cases;
      spot?.announce(s.emulator);
      const all = [];
      for (let number = 0; number < watchers; number += 1) {
        const kinds: NoticeKind[] = number % 2 ? ['spot-interruption'] : ['rebalance', 'spot-interruption'];
        all.push(collect(s.poller.watch({ kinds })));
        await s.time.pass(700);
      }
      const asked = await s.asked(() => s.time.pass(10 * minute));
      for (const { notices } of all)
        assert.deepEqual(timeless(notices), [{ kind: 'spot-interruption', change: 'present', ...spot?.announced }]);
      return asked.length;
    };
    assert.equal(await requests(1), 240);
    assert.equal(await requests(10), 240);
  });

  for (const beginMs of [1000, 2400, 2600, 4900])
    it(`asks in one poll for kinds whose watches were begun ${beginMs} ms apart`, async () => {
      await using s = await stand();
      const both = ['events/recommendations/rebalance', 'spot/instance-action'].map(underLatest);
      collect(s.poller.watch({ kinds: ['spot-interruption'] }));
      await s.time.pass(beginMs);
      collect(s.poller.watch({ kinds: ['rebalance'] }));
      await s.time.pass(10_000);
      let polls = 0;
      for (let ms = 0; ms < 10_000; ms += 100) {
        const asked = await s.asked(() => s.time.pass(100));
        if (asked.length === 0) continue;
        assert.deepEqual(asked, both);
        polls += 1;
      }
      assert.equal(polls, 2);
    });

  it('delivers what is current to a late watcher without asking', async () => {
    await using s = await stand();
    collect(s.poller.watch({ kinds: ['spot-interruption'] }));
    await s.time.pass(12_000);
    cases[0]?.announce(s.emulator);
    await s.time.pass(12_000);
    const late = s.poller.watch({ kinds: ['spot-interruption'] });
    const asked = await s.asked(async () => {
      const { value } = await late.next();
      const { change, seenAt } = value ?? {};
      assert.deepEqual({ change, seenAt }, { change: 'present', seenAt: s.time.iso(15_000) });
    });
    assert.deepEqual(asked, []);
    await late.return();
  });

  it('stops polling kinds that nobody watches any more', async () => {
    await using s = await stand();
    const spot = s.poller.watch({ kinds: ['spot-interruption'] });
    const rebalance = s.poller.watch({ kinds: ['rebalance'] });
    collect(spot);
    collect(rebalance);
    await s.time.pass(0);
    await spot.return();
    const asked = await s.asked(() => s.time.pass(5000));
    assert.deepEqual(asked, [underLatest('events/recommendations/rebalance')]);
    await rebalance.return();
    assert.deepEqual(await s.asked(() => s.time.pass(10 * minute)), []);
    assert.deepEqual(s.time.timers, { all: 0, ref: 0 });
  });

  it('stops polling when the last loop is left, and begins anew with the next', async () => {
    await using s = await stand();
    cases[0]?.announce(s.emulator);
    for (let round = 0; round < 2; round += 1) {
      let count = 0;
      const loop = async (): Promise<void> => {
        for await (const notice of s.poller.watch()) {
          assert.equal(notice.change, 'present');
          count += 1;
          break;
        }
      };
      const looping = loop();
      await s.time.pass(0);
      await looping;
      assert.equal(count, 1);
      assert.deepEqual(s.time.timers, { all: 0, ref: 0 });
    }
  });

  it('sends no request before the first notice is requested', async () => {
    await using s = await stand();
    s.poller.watch();
    assert.deepEqual(await s.asked(() => s.time.pass(minute)), []);
    assert.deepEqual(s.time.timers, { all: 0, ref: 0 });
  });

  describe('when it is aborted', () => {
    const isAbort = (reason: unknown) => (error: unknown) => {
      assert.ok(error instanceof Error && 'code' in error);
      assert.deepEqual(
        { name: error.name, code: error.code, cause: error.cause },
        { name: 'AbortError', code: 'ABORT_ERR', cause: reason },
      );
      return true;
    };

    it('throws an AbortError with the reason of the signal, and is over then', async () => {
      await using s = await stand();
      const controller = new AbortController();
      const notices = s.poller.watch({ signal: controller.signal });
      const next = notices.next();
      await s.time.pass(0);
      controller.abort('enough');
      await assert.rejects(next, isAbort('enough'));
      assert.deepEqual(await notices.next(), { done: true, value: undefined });
      assert.deepEqual(s.time.timers, { all: 0, ref: 0 });
      assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
    });

    it('begins no more requests of a poll that takes many', async () => {
      const controller = new AbortController();
      const onRequest = ({ path }: SeenRequest): void => {
        if (path.endsWith('/tags/instance/')) controller.abort();
      };
      const tags = Object.fromEntries(Array.from({ length: 40 }, (_, number) => [`tag-${number}`, 'x']));
      await using s = await stand({ onRequest, tree: { 'tags/instance': tags } });
      collect(s.poller.watch({ kinds: ['tags'], signal: controller.signal }));
      assert.deepEqual(await s.asked(() => s.time.pass(0)), [underLatest('tags/instance/')]);
    });

    it('ends in the middle of a poll, silently', async () => {
      await using s = await stand({}, { requestTimeoutMs: 250 });
      const controller = new AbortController();
      const { outcome } = collect(s.poller.watch({ signal: controller.signal }));
      s.setMood('silent');
      await s.time.pass(0, async () => {});
      controller.abort();
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(outcome.isOver, true);
      isAbort(controller.signal.reason)(outcome.error);
      await s.time.pass(minute);
      assert.deepEqual({ events: s.events, timers: s.time.timers }, { events: [], timers: { all: 0, ref: 0 } });
    });

    it('leaves the poll to those who still watch', async () => {
      await using s = await stand();
      cases[0]?.announce(s.emulator);
      const controller = new AbortController();
      collect(s.poller.watch({ signal: controller.signal }));
      const { notices } = collect(s.poller.watch());
      await s.time.pass(0, async () => controller.abort());
      await s.settled();
      assert.equal(notices.length, 1);
    });

    it('throws at the first step when it was aborted before', async () => {
      await using s = await stand();
      const notices = s.poller.watch({ signal: AbortSignal.abort('never') });
      await assert.rejects(notices.next(), isAbort('never'));
      assert.deepEqual(await s.asked(() => s.time.pass(minute)), []);
    });

    it('throws at the next step when nobody waited', async () => {
      await using s = await stand();
      cases[0]?.announce(s.emulator);
      const controller = new AbortController();
      const notices = s.poller.watch({ signal: controller.signal });
      const next = notices.next();
      await s.time.pass(0);
      await next;
      controller.abort('later');
      await assert.rejects(notices.next(), isAbort('later'));
      assert.deepEqual(await notices.next(), { done: true, value: undefined });
    });

    it('throws nothing after the loop was left', async () => {
      await using s = await stand();
      cases[0]?.announce(s.emulator);
      const controller = new AbortController();
      const notices = s.poller.watch({ signal: controller.signal });
      const next = notices.next();
      await s.time.pass(0);
      await next;
      controller.abort();
      await notices.return();
      assert.deepEqual(await notices.next(), { done: true, value: undefined });
    });

    it('shares a signal with a hundred others without a warning', async () => {
      await using s = await stand();
      const warnings: Error[] = [];
      const warn = (warning: Error): void => void warnings.push(warning);
      process.on('warning', warn);
      const controller = new AbortController();
      const all = Array.from({ length: 100 }, () => collect(s.poller.watch({ signal: controller.signal })));
      await s.time.pass(0);
      controller.abort();
      await new Promise((resolve) => setImmediate(resolve));
      process.off('warning', warn);
      assert.ok(all.every(({ outcome }) => outcome.isOver));
      assert.deepEqual(warnings, []);
    });
  });

  it('ends with ERR_IMDS_CLOSED when the client is closed, before and during an iteration', async () => {
    await using s = await stand();
    const notices = s.imds.watch();
    const next = notices.next();
    s.imds.close();
    await assert.rejects(next, { code: 'ERR_IMDS_CLOSED' });
    await assert.rejects(s.imds.watch().next(), { code: 'ERR_IMDS_CLOSED' });
  });

  it('ends with ERR_IMDS_CLOSED at once when it is iterated after the client was closed', async () => {
    await using s = await stand();
    const notices = s.imds.watch({ persistent: false });
    s.imds.close();
    // Without a poll, whose timer would not keep the process alive.
    await assert.rejects(notices.next(), { code: 'ERR_IMDS_CLOSED' });
    assert.equal(s.emulator.requests.length, 0);
  });

  it('ends with ERR_IMDS_DISABLED when nothing may be asked', async () => {
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    try {
      await using s = await stand();
      const { outcome } = await s.watching();
      assert.ok(outcome.error instanceof Error && 'code' in outcome.error);
      assert.equal(outcome.error.code, 'ERR_IMDS_DISABLED');
    } finally {
      delete process.env['AWS_EC2_METADATA_DISABLED'];
    }
  });

  it('reports whatever else is thrown in a poll, and goes on with that kind too', async () => {
    await using s = await stand();
    cases[0]?.announce(s.emulator);
    const broken = new Proxy(s.reader, {
      get: (target, name) => {
        if (name === 'events' || (name === 'spot' && s.time.clock.now() < 5000)) throw new RangeError('a mistake');
        return Reflect.get(target, name);
      },
    });
    const poller = pollerOn(s.time.clock, broken, (event) => s.events.push(event));
    const { notices, outcome } = collect(poller.watch({ kinds: ['spot-interruption', 'rebalance'] }));
    await s.time.pass(0);
    for (const { action, error, thrown } of s.events) {
      assert.deepEqual({ action, error }, { action: 'failed', error: undefined });
      assert.ok(thrown instanceof RangeError);
    }
    await s.time.pass(10_000);
    assert.deepEqual([notices.map(({ kind }) => kind), outcome], [['spot-interruption'], { isOver: false }]);
  });

  it('goes on when a logger throws, as do reads', async () => {
    await using s = await stand();
    const fail = () => {
      throw new Error('disk full');
    };
    const events = new Events({ debug: fail, info: fail, warn: fail, error: fail });
    const poller = pollerOn(s.time.clock, s.reader, (event, level) => events.publish('watch', event, level));
    const { notices } = collect(poller.watch({ kinds: ['spot-interruption'] }));
    s.setMood('busy');
    await s.time.pass(20_000);
    s.setMood('well');
    cases[0]?.announce(s.emulator);
    await s.time.pass(40_000);
    assert.equal(notices.length, 1);
    using imds = new Imds({ endpoint: s.emulator.url, logger: { debug: fail } });
    assert.match(await imds.instanceId(), /^i-/);
  });

  it('sends no request while the client remembers a lost token reply', async () => {
    await using s = await stand({}, { requestTimeoutMs: 250 });
    cases[0]?.announce(s.emulator);
    s.setMood('silent');
    const earliest: Clock = { ...s.time.clock, random: () => 0 };
    const well = { targetLifecycleState: async () => undefined };
    const reader = new Proxy(s.reader, {
      get: (target, name) => (name === 'autoscaling' ? well : Reflect.get(target, name)),
    });
    const poller = pollerOn(earliest, reader, (event) => s.events.push(event));
    // A kind that has not failed, and falls due 750 ms before one that has.
    collect(poller.watch({ kinds: ['target-lifecycle-state'] }));
    await s.time.pass(4500);
    const { notices } = collect(poller.watch({ kinds: ['spot-interruption'] }));
    await s.time.pass(100);
    s.setMood('well');
    await s.time.pass(5400);
    assert.deepEqual(
      s.events.map(({ action, error }) => [action, error]),
      [
        ['failed', 'ERR_IMDS_HOP_LIMIT'],
        ['recovered', undefined],
      ],
    );
    assert.equal(notices.length, 1);
  });

  it('repeats a failed poll after some 6, 12, 23 and then every 35 seconds, and a slower kind about every minute', async () => {
    await using s = await stand();
    s.setMood('busy');
    collect(s.poller.watch({ kinds: ['spot-interruption', 'tags'] }));
    await s.time.pass(5 * minute);
    const pauses = (kind: NoticeKind) =>
      s.events.filter((event) => event.kind === kind).map((event) => event.nextInSeconds);
    assert.deepEqual(pauses('spot-interruption').slice(0, 6), [6, 12, 23, 35, 35, 35]);
    assert.deepEqual(pauses('tags').slice(0, 6), [6, 12, 23, 46, 69, 69]);
    assert.deepEqual(
      s.events
        .filter(({ kind }) => kind === 'tags')
        .map(({ failures }) => failures)
        .slice(0, 3),
      [1, 2, 3],
    );
  });

  it('goes on with the other kinds when one cannot be read', async () => {
    await using s = await stand();
    s.emulator.set('events/maintenance/scheduled', 'no JSON');
    const { notices } = collect(s.poller.watch({ kinds: ['spot-interruption', 'maintenance'] }));
    await s.time.pass(minute);
    cases[0]?.announce(s.emulator);
    await s.time.pass(5000);
    assert.deepEqual(
      notices.map(({ kind }) => kind),
      ['spot-interruption'],
    );
    assert.deepEqual(
      [...new Set(s.events.map(({ kind, error }) => `${kind} ${error}`))],
      ['maintenance ERR_IMDS_DECODE'],
    );
  });

  it('delivers another kind while the poll for one hangs', async () => {
    await using s = await stand();
    const never = new Promise<never>(() => {});
    const reader = new Proxy(s.reader, {
      get: (target, name) => (name === 'tags' ? () => never : Reflect.get(target, name)),
    });
    const { notices } = collect(pollerOn(s.time.clock, reader).watch({ kinds: ['tags', 'spot-interruption'] }));
    await s.time.pass(0);
    cases[0]?.announce(s.emulator);
    await s.time.pass(5000);
    assert.deepEqual(
      notices.map(({ kind }) => kind),
      ['spot-interruption'],
    );
  });

  it('spreads its polls by a tenth of their interval', async () => {
    for (const [random, nextMs] of [
      [0, 4500],
      [0.999999, 5500],
    ] as const) {
      await using s = await stand();
      const clock: Clock = { ...s.time.clock, random: () => random };
      const notices = pollerOn(clock, s.reader).watch({ kinds: ['spot-interruption'] });
      collect(notices);
      await s.time.pass(0);
      assert.deepEqual(await s.asked(() => s.time.pass(nextMs - 10)), []);
      assert.equal((await s.asked(() => s.time.pass(20))).length, 1);
      await notices.return();
    }
  });

  it('bypasses the cache', async () => {
    await using s = await stand({}, { cache: { liveMaxAgeMs: 3_600_000 } });
    const { notices } = await s.watching({ kinds: ['spot-interruption'] });
    cases[0]?.announce(s.emulator);
    await s.time.pass(5000);
    assert.equal(notices.length, 1);
  });

  it('gives no secret with any notice', async () => {
    await using s = await stand();
    const { notices } = await s.watching({ kinds: noticeKinds });
    cases.find(({ kind }) => kind === 'credentials')?.change(s.emulator);
    await s.time.pass(2 * minute);
    const text = JSON.stringify(notices);
    assert.match(text, /"kind":"credentials","change":"changed"/);
    for (const secret of ['wJalrXUtnFEMI', 'a-session-token', 'ASIA', 'AccessKeyId'])
      assert.ok(!text.includes(secret), secret);
  });

  it('says why there are no credentials, and that a role was replaced', async () => {
    await using s = await stand();
    s.emulator.remove('iam');
    s.emulator.set(roles, { 'web-role': '{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}' });
    const { take } = await s.watching({ kinds: ['credentials'] });
    const failed = { role: 'web-role', code: 'AssumeRoleUnauthorizedAccess' };
    assert.deepEqual(timeless(take()), [{ kind: 'credentials', change: 'present', ...failed }]);
    s.emulator.set(roles, { 'other-role': roleDocument('ONE', '2026-11-23T15:00:00Z') });
    await s.time.pass(2 * minute);
    assert.deepEqual(timeless(take()), [
      {
        kind: 'credentials',
        change: 'changed',
        role: 'other-role',
        code: 'Success',
        expiration: '2026-11-23T15:00:00Z',
        previous: failed,
      },
    ]);
  });

  it('notices a rotation by the credentials, not by when they expire', async () => {
    await using s = await stand();
    s.emulator.set(roles, { 'web-role': roleDocument('ONE', '2026-11-23T15:00:00Z') });
    const { take } = await s.watching({ kinds: ['credentials'] });
    take();
    s.emulator.set(roles, { 'web-role': roleDocument('TWO', '2026-11-23T15:00:00Z') });
    await s.time.pass(2 * minute);
    assert.deepEqual(
      take().map(({ change }) => change),
      ['changed'],
    );
  });

  it('does not treat missing categories as failures', async () => {
    await using s = await stand({ base: 'empty' });
    s.emulator.remove('events');
    const { notices } = collect(s.poller.watch({ kinds: noticeKinds }));
    await s.time.pass(5 * minute);
    assert.deepEqual({ notices, events: s.events }, { notices: [], events: [] });
  });

  it('delivers several maintenance events and interfaces, one notice each', async () => {
    await using s = await stand({ scenario: { ...scenarios.everything, timeline: [] } });
    const second = maintenance('instance-event-0b', '05 Dec 2026 09:00:00 GMT');
    const { take } = await s.watching({ kinds: ['maintenance', 'addresses'] });
    assert.deepEqual(
      take()
        .map((notice) => 'mac' in notice && notice.mac)
        .sort(),
      [primary, '0e:49:61:0f:c3:77'],
    );
    s.emulator.set('events/maintenance/scheduled', JSON.stringify([first, second]));
    s.emulator.remove(`${macs}/0e:49:61:0f:c3:77`);
    await s.time.pass(2 * minute);
    s.emulator.set('events/maintenance/scheduled', JSON.stringify([second]));
    await s.time.pass(2 * minute);
    assert.deepEqual(
      take().map(
        (notice) => `${notice.change} ${'event' in notice ? notice.event.EventId : 'mac' in notice && notice.mac}`,
      ),
      [
        'withdrawn 0e:49:61:0f:c3:77',
        'appeared instance-event-0a',
        'appeared instance-event-0b',
        'withdrawn instance-event-0a',
      ],
    );
  });

  it('leaves out an interface that is detached during the poll', async () => {
    await using s = await stand({
      onRequest({ path }) {
        if (path.endsWith(`${macs}/`)) s.emulator.remove(`${macs}/0e:49:61:0f:c3:77`);
      },
    });
    const { notices } = await s.watching({ kinds: ['addresses'] });
    assert.deepEqual(
      notices.map((notice) => 'mac' in notice && notice.mac),
      [primary],
    );
    assert.deepEqual(s.events, []);
  });

  it('treats addresses in another order as the same, unless another is the primary one', async () => {
    await using s = await stand();
    const nic = `${macs}/${primary}`;
    s.emulator.remove(`${macs}/0e:49:61:0f:c3:77`);
    s.emulator.set(nic, { 'local-ipv4s': '10.0.1.1\n10.0.1.2\n10.0.1.3', ipv6s: '2001:db8::1\n2001:db8::2' });
    const { take } = await s.watching({ kinds: ['addresses'] });
    assert.equal(take().length, 1);
    s.emulator.set(nic, { 'local-ipv4s': '10.0.1.1\n10.0.1.3\n10.0.1.2', ipv6s: '2001:db8::2\n2001:db8::1' });
    await s.time.pass(minute);
    assert.deepEqual(take(), []);
    s.emulator.set(nic, { 'local-ipv4s': '10.0.1.2\n10.0.1.1\n10.0.1.3', ipv6s: '2001:db8::2\n2001:db8::1' });
    await s.time.pass(minute);
    assert.equal(take().length, 1);
  });

  it('treats tags and maintenance events in another order as the same', async () => {
    await using s = await stand();
    const scheduled = 'events/maintenance/scheduled';
    const second = maintenance('instance-event-0b', '05 Dec 2026 09:00:00 GMT');
    const twice = { ...second, Description: 'scheduled twice' };
    s.emulator.set('tags/instance', { A: '1', B: '2' });
    s.emulator.set(scheduled, JSON.stringify([first, second, twice]));
    const { take } = await s.watching({ kinds: ['tags', 'maintenance'] });
    assert.deepEqual(
      take()
        .map((notice) => ('event' in notice ? notice.event.EventId : notice.kind))
        .sort(),
      ['instance-event-0a', 'instance-event-0b', 'tags'],
    );
    s.emulator.remove('tags/instance');
    s.emulator.set('tags/instance', { B: '2', A: '1' });
    const reversed = Object.fromEntries(Object.entries(second).reverse());
    s.emulator.set(scheduled, JSON.stringify([twice, reversed, { Later: 'unknown', ...first }]));
    await s.time.pass(3 * minute);
    assert.deepEqual(take(), []);
    s.emulator.set('tags/instance', { A: '2', B: '1' });
    await s.time.pass(2 * minute);
    assert.deepEqual(
      take().map(({ kind, change }) => `${kind} ${change}`),
      ['tags changed'],
    );
  });

  for (const [what, body, payload] of [
    [
      'whose time has an offset',
      '{"action":"terminate","time":"2029-01-21T09:00:43+00:00"}',
      { action: 'terminate', deadline: '2029-01-21T09:00:43Z' },
    ],
    ['without a time', '{"action":"terminate"}', { action: 'terminate' }],
    ['with an odd time', '{"action":"terminate","time":"soon"}', { action: 'terminate' }],
    ['without an action', '{}', {}],
    ['that is no JSON', 'terminate', {}],
  ] as const)
    it(`delivers an interruption ${what}, and its withdrawal`, async () => {
      await using s = await stand();
      s.emulator.set('spot/instance-action', body);
      const { take } = await s.watching({ kinds: ['spot-interruption'] });
      const [notice] = take();
      const { kind, change, seenAt, millisecondsLeft, ...rest } = notice ?? {};
      assert.deepEqual([kind, change, rest], ['spot-interruption', 'present', payload]);
      assert.equal(millisecondsLeft !== undefined, 'deadline' in payload);
      s.emulator.remove('spot/instance-action');
      await s.time.pass(6000);
      assert.deepEqual(
        take().map(({ change }) => change),
        ['withdrawn'],
      );
    });

  it('delivers a recommendation without a time', async () => {
    await using s = await stand();
    s.emulator.set('events/recommendations/rebalance', '{"noticeTime":"lately"}');
    const { take } = await s.watching({ kinds: ['rebalance'] });
    assert.deepEqual(
      take().map(({ seenAt, ...rest }) => rest),
      [{ kind: 'rebalance', change: 'present' }],
    );
  });

  it('delivers what can be read of each maintenance event', async () => {
    await using s = await stand();
    const events = [
      { ...first, NotBefore: '2029-01-21 09:00:43 UTC', NotAfter: null },
      { ...first, EventId: 'instance-event-0b', NotBefore: 'soon' },
      { Code: 'system-reboot' },
    ];
    s.emulator.set('events/maintenance/scheduled', JSON.stringify(events));
    const { take } = await s.watching({ kinds: ['maintenance'] });
    assert.deepEqual(
      take().map((notice) => 'event' in notice && [notice.event.EventId, notice.event.Code, notice.event.NotBefore]),
      [
        [undefined, 'system-reboot', undefined],
        [first.EventId, first.Code, '2029-01-21T09:00:43Z'],
        ['instance-event-0b', first.Code, undefined],
      ],
    );
  });

  it('goes on whatever a maintenance event holds', async () => {
    await using s = await stand();
    const text = JSON.stringify([{ ...first, Nested: 'nested' }]).replace(
      '"nested"',
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    );
    s.emulator.set('events/maintenance/scheduled', text);
    const { notices, outcome } = await s.watching({ kinds: ['maintenance', 'spot-interruption'] });
    cases[0]?.announce(s.emulator);
    await s.time.pass(6000);
    assert.equal(outcome.isOver, false);
    assert.ok(notices.some(({ kind }) => kind === 'spot-interruption'));
    assert.ok(JSON.stringify(notices).length < 1000);
  });

  it('begins no more requests of a poll that has failed', async () => {
    const nics = Array.from({ length: 20 }, (_, number) => `0e:49:61:0f:c4:${10 + number}`);
    const tree = { [macs]: Object.fromEntries(nics.map((mac) => [mac, { mac, ipv6s: Buffer.from([0xff]) }])) };
    await using s = await stand({ tree });
    collect(s.poller.watch({ kinds: ['addresses'] }));
    const asked = await s.asked(() => s.time.pass(0));
    assert.deepEqual(
      s.events.map(({ kind, error }) => [kind, error]),
      [['addresses', 'ERR_IMDS_DECODE']],
    );
    const ipv6s = asked.filter((path) => path.endsWith('/ipv6s'));
    assert.ok(ipv6s.length > 0 && ipv6s.length <= 8, `${ipv6s.length} of ${nics.length}`);
  });

  for (const [kind, directory] of [
    ['addresses', macs],
    ['credentials', roles],
  ] as const)
    it(`blames the service for a listed name that no path can hold: ${kind}`, async () => {
      await using s = await stand({ tree: { [directory]: { 'a b': { x: '1' } } } });
      collect(s.poller.watch({ kinds: [kind] }));
      await s.time.pass(0);
      assert.deepEqual(
        s.events.map(({ kind, error }) => [kind, error]),
        [[kind, 'ERR_IMDS_DECODE']],
      );
    });

  it('calls what was there from the start, though otherwise, present to a slow consumer', async () => {
    await using s = await stand();
    const [spot] = cases;
    s.emulator.set('tags/instance', { Name: 'web-1' });
    spot?.announce(s.emulator);
    const notices = s.poller.watch({ kinds: ['spot-interruption', 'rebalance', 'tags'] });
    const next = notices.next();
    await s.time.pass(0);
    assert.equal((await next).value?.kind, 'spot-interruption');
    s.emulator.set('tags/instance', { Name: 'web-2' });
    cases[1]?.announce(s.emulator);
    await s.time.pass(2 * minute);
    const late = [await notices.next(), await notices.next()].map(({ value }) => [value?.kind, value?.change]);
    assert.deepEqual(late, [
      ['rebalance', 'appeared'],
      ['tags', 'present'],
    ]);
  });

  it('calls what was there from the start, and went and came, appeared to a slow consumer', async () => {
    await using s = await stand();
    cases[0]?.announce(s.emulator);
    cases[1]?.announce(s.emulator);
    const notices = s.poller.watch({ kinds: ['spot-interruption', 'rebalance'] });
    const next = notices.next();
    await s.time.pass(0);
    await next;
    cases[1]?.clear(s.emulator);
    await s.time.pass(minute);
    cases[1]?.change(s.emulator);
    await s.time.pass(minute);
    const { value } = await notices.next();
    assert.deepEqual([value?.kind, value?.change], ['rebalance', 'appeared']);
  });

  it('freezes its notices throughout', async () => {
    await using s = await stand();
    for (const { announce } of cases) announce(s.emulator);
    const { notices } = await s.watching({ kinds: noticeKinds });
    for (const { change } of cases) change(s.emulator);
    await s.time.pass(3 * minute);
    assert.ok(notices.length >= 2 * cases.length);
    for (const each of notices) assert.ok(isFrozen(each), JSON.stringify(each));
  });

  it('keeps the process alive while anybody wants it to', async () => {
    await using s = await stand();
    const idle = s.poller.watch({ persistent: false });
    const keeping = s.poller.watch();
    collect(idle);
    await s.time.pass(0);
    assert.deepEqual(s.time.timers, { all: 1, ref: 0 });
    collect(keeping);
    await s.time.pass(5000);
    assert.deepEqual(s.time.timers, { all: 1, ref: 1 });
    await keeping.return();
    assert.deepEqual(s.time.timers, { all: 1, ref: 0 });
    await idle.return();
  });

  describe('refuses', () => {
    const refused: readonly [title: string, options: object | null, message: RegExp][] = [
      ['null', null, /watch options are null: expected an object/],
      ['a kind that JSON has no word for', { kinds: [1n] }, /kinds\[0\] is 1: expected spot-interruption/],
      ['a signal that JSON has no word for', { signal: 1n }, /signal is 1: expected an AbortSignal/],
      ['a function for true', { persistent: () => true }, /persistent is function: expected true or false/],
      ['an unknown option', { kind: 'tags' }, /unknown watch option kind: expected kinds, signal or persistent/],
      [
        'an unknown kind',
        { kinds: ['tags', 'spot'] },
        /kinds\[1\] is "spot": expected spot-interruption, .* or addresses$/,
      ],
      [
        'no kind at all',
        { kinds: [] },
        /kinds is array of 0: expected an array of spot-interruption, .* or addresses$/,
      ],
      ['a kind that is no array', { kinds: 'tags' }, /kinds is "tags"/],
      ['a signal that is none', { signal: {} }, /signal is object: expected an AbortSignal/],
      ['a word for true', { persistent: 'yes' }, /persistent is "yes": expected true or false/],
    ];
    for (const [title, options, message] of refused)
      it(title, async () => {
        await using s = await stand();
        assert.throws(() => Reflect.apply(s.imds.watch, s.imds, [options]), { code: 'ERR_IMDS_SETTINGS', message });
      });
  });
});
