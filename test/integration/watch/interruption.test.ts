import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, it } from 'mocha';
import type { Emulator } from '../../../src/emulator/index.js';
import { isImdsError } from '../../../src/errors.js';
import { Imds } from '../../../src/imds.js';
import { type InterruptionHandler, type InterruptionOptions, onInterruption } from '../../../src/watch/interruption.js';
import type { NoticeOf } from '../../../src/watch/notices.js';
import { stand } from './stand.js';

const announce = (emulator: Emulator, time: string, action = 'terminate'): void =>
  emulator.set('spot/instance-action', JSON.stringify({ action, time }));

type Stand = Awaited<ReturnType<typeof stand>>;

/** Installs a hook on the virtual time of a stand. */
function hook(s: Stand, handler: InterruptionHandler, options: InterruptionOptions = {}) {
  return onInterruption(s.poller, handler, options, (event) => s.events.push(event), s.time.clock);
}

/** A handler that writes down what it is given and goes on until it is told to finish. */
function worker() {
  const runs: { readonly notice: NoticeOf<'spot-interruption'>; readonly signal: AbortSignal }[] = [];
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const handler: InterruptionHandler = async (notice, { signal }) => {
    runs.push({ notice, signal });
    await finished;
  };
  return { runs, handler, finish };
}

/**
 * A stand with a hook whose first poll is over.
 *
 * @param announced the time of an interruption, or the body that announces it
 */
async function hooked(announced?: string) {
  const s = await stand();
  if (announced?.startsWith('2026')) announce(s.emulator, announced);
  else if (announced) s.emulator.set('spot/instance-action', announced);
  const { handler, ...drain } = worker();
  const stop = hook(s, handler);
  await s.time.pass(0);
  /** The number of runs, and whether the signal of the first was aborted. */
  const state = () => [drain.runs.length, drain.runs[0]?.signal.aborted];
  return { ...s, ...drain, state, stop };
}

describe('imds.onInterruption', () => {
  it('calls its handler once, and aborts the signal at the deadline', async () => {
    await using s = await hooked();
    await s.time.pass(31_000);
    assert.equal(s.runs.length, 0);
    announce(s.emulator, '2026-11-23T09:02:35Z');
    await s.time.pass(4000);
    const [run] = s.runs;
    assert.deepEqual(
      { change: run?.notice.change, millisecondsLeft: run?.notice.millisecondsLeft },
      { change: 'appeared', millisecondsLeft: 120_000 },
    );
    await s.time.pass(119_999);
    assert.equal(run?.signal.aborted, false);
    await s.time.pass(1);
    assert.equal(run?.signal.aborted, true);
    assert.equal(run?.signal.reason.name, 'TimeoutError');
    s.emulator.expireTokens();
    await s.time.pass(60_000);
    assert.equal(s.runs.length, 1);
    assert.deepEqual(s.events, []);
  });

  it('calls it at once for an interruption that is announced already', async () => {
    await using s = await hooked('2026-11-23T09:01:00Z');
    assert.deepEqual([s.runs.length, s.runs[0]?.notice.change], [1, 'present']);
  });

  it('leaves no time before a hibernation: the signal is aborted from the start', async () => {
    await using s = await stand();
    announce(s.emulator, '2026-11-23T09:00:00Z', 'hibernate');
    const states: boolean[] = [];
    hook(s, (_notice, { signal }) => states.push(signal.aborted));
    await s.time.pass(0);
    assert.deepEqual(states, [true]);
  });

  for (const body of ['{"action":"terminate"}', '{"action":"terminate","time":"soon"}', '{}', 'terminate'])
    it(`calls it for ${body}, and takes a time that comes later for its deadline`, async () => {
      await using s = await hooked(body);
      await s.time.pass(300_000);
      assert.deepEqual(s.state(), [1, false]);
      announce(s.emulator, '2026-11-23T09:06:00Z');
      await s.time.pass(59_999);
      assert.deepEqual(s.state(), [1, false]);
      await s.time.pass(1);
      assert.deepEqual(s.state(), [1, true]);
    });

  it('keeps a deadline whose time can no longer be read', async () => {
    await using s = await hooked('2026-11-23T09:02:00Z');
    await s.time.pass(30_000);
    s.emulator.set('spot/instance-action', '{"action":"terminate"}');
    await s.time.pass(90_000);
    assert.deepEqual(s.state(), [1, true]);
  });

  it('does not abort the signal of a handler that is done', async () => {
    await using s = await hooked('2026-11-23T09:02:00Z');
    s.finish();
    await s.time.pass(5000);
    announce(s.emulator, '2026-11-23T09:03:00Z');
    await s.time.pass(5000);
    s.stop();
    await s.settled();
    assert.deepEqual(s.time.timers, { all: 0, ref: 0 });
    await s.time.pass(300_000);
    assert.deepEqual(s.state(), [1, false]);
  });

  it('moves the deadline with the notice, without a second call', async () => {
    await using s = await hooked('2026-11-23T09:02:00Z');
    await s.time.pass(30_000);
    announce(s.emulator, '2026-11-23T09:03:00Z');
    await s.time.pass(149_000);
    assert.deepEqual(s.state(), [1, false]);
    await s.time.pass(1000);
    assert.deepEqual(s.state(), [1, true]);
  });

  it('removes the deadline with the notice, and takes the next one for another interruption', async () => {
    await using s = await hooked('2026-11-23T09:02:00Z');
    s.emulator.remove('spot');
    await s.time.pass(300_000);
    assert.deepEqual(s.state(), [1, false]);
    announce(s.emulator, '2026-11-23T09:07:00Z');
    await s.time.pass(5000);
    assert.deepEqual(s.state(), [2, false]);
    await s.time.pass(120_000);
    assert.deepEqual([...s.state(), s.runs[1]?.signal.aborted], [2, false, true]);
  });

  it('takes another time for another interruption once the old one has passed', async () => {
    await using s = await hooked('2026-11-23T09:02:00Z');
    await s.time.pass(3_600_000);
    announce(s.emulator, '2026-11-23T10:02:00Z');
    await s.time.pass(5000);
    assert.deepEqual(
      s.runs.map(({ notice }) => notice.deadline),
      ['2026-11-23T09:02:00Z', '2026-11-23T10:02:00Z'],
    );
  });

  for (const [title, handler] of [
    [
      'throws',
      () => {
        throw new Error('no drain');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no drain'))],
  ] as const)
    it(`reports what a handler ${title}, and goes on`, async () => {
      await using s = await stand();
      announce(s.emulator, '2026-11-23T09:02:00Z');
      hook(s, handler);
      await s.time.pass(0);
      const [event, ...others] = s.events;
      assert.deepEqual(others, []);
      assert.deepEqual(
        { action: event?.action, kind: event?.kind },
        { action: 'handler-failed', kind: 'spot-interruption' },
      );
      assert.ok(event?.thrown instanceof Error);
      assert.equal(event.thrown.message, 'no drain');
      s.emulator.remove('spot');
      await s.time.pass(5000);
      announce(s.emulator, '2026-11-23T09:09:00Z');
      await s.time.pass(5000);
      assert.equal(s.events.length, 2);
    });

  const ways: readonly [title: string, install: (s: Stand, handler: InterruptionHandler) => () => void][] = [
    ['its function', (s, handler) => hook(s, handler)],
    [
      'using',
      (s, handler) => {
        const installed = hook(s, handler);
        return () => installed[Symbol.dispose]();
      },
    ],
    [
      'a signal',
      (s, handler) => {
        const controller = new AbortController();
        hook(s, handler, { signal: controller.signal });
        return () => controller.abort();
      },
    ],
  ];
  for (const [title, install] of ways)
    it(`is removed by ${title}, quietly, and leaves a running handler its deadline`, async () => {
      await using s = await stand();
      announce(s.emulator, '2026-11-23T09:02:00Z');
      const { runs, handler } = worker();
      const stop = install(s, handler);
      await s.time.pass(0);
      stop();
      await s.settled();
      assert.deepEqual(await s.asked(() => s.time.pass(119_999)), []);
      assert.equal(runs[0]?.signal.aborted, false);
      await s.time.pass(1);
      assert.equal(runs[0]?.signal.aborted, true);
      assert.deepEqual({ events: s.events, timers: s.time.timers }, { events: [], timers: { all: 0, ref: 0 } });
    });

  it('cannot be installed at a client that was closed', () => {
    const imds = new Imds({ endpoint: 'http://127.0.0.1:9' });
    imds.close();
    assert.throws(() => imds.onInterruption(() => assert.fail()), { code: 'ERR_IMDS_CLOSED' });
  });

  it('ends quietly with its client', async () => {
    await using s = await stand();
    const events: unknown[] = [];
    const listener = (event: unknown): void => void events.push(event);
    subscribe('imds:watch', listener);
    s.imds.onInterruption(() => assert.fail());
    s.imds.close();
    await s.settled();
    unsubscribe('imds:watch', listener);
    assert.deepEqual(events, []);
  });

  it('says so when nothing can be watched', async () => {
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    try {
      const [message, event] = await new Promise<readonly [message: string, fields?: object]>((resolve) => {
        const logger = { error: (...line: [message: string, fields?: object]) => resolve(line) };
        new Imds({ endpoint: 'http://127.0.0.1:9', logger }).onInterruption(() => assert.fail());
      });
      assert.equal(message, 'imds watch');
      assert.ok(event && 'thrown' in event && isImdsError(event.thrown));
      const { thrown, ...rest } = event;
      assert.deepEqual(rest, { action: 'ended', kind: 'spot-interruption', error: 'ERR_IMDS_DISABLED' });
    } finally {
      delete process.env['AWS_EC2_METADATA_DISABLED'];
    }
  });

  it('keeps no process alive, unless it is told to', async () => {
    await using s = await stand();
    announce(s.emulator, '2026-11-23T09:02:00Z');
    const { handler } = worker();
    hook(s, handler);
    await s.time.pass(0);
    assert.deepEqual(s.time.timers, { all: 2, ref: 0 });
    hook(s, handler, { persistent: true });
    await s.settled();
    assert.deepEqual(s.time.timers, { all: 3, ref: 2 });
  });

  for (const [title, args, message] of [
    ['a handler that is no function', ['drain'], /handler of an interruption is "drain": expected a function/],
    ['an unknown option', [() => {}, { kinds: ['tags'] }], /unknown watch option kinds: expected signal or persistent/],
    ['null for its options', [() => {}, null], /watch options are null: expected an object/],
    ['a signal that is none', [() => {}, { signal: 'SIGTERM' }], /signal is "SIGTERM": expected an AbortSignal/],
  ] as const)
    it(`refuses ${title}`, () => {
      using imds = new Imds({ endpoint: 'http://127.0.0.1:9' });
      assert.throws(() => Reflect.apply(imds.onInterruption, imds, args), { code: 'ERR_IMDS_SETTINGS', message });
    });
});
