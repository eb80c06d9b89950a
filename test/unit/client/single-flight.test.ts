import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { clockWith, systemClock } from '../../../src/client/clock.js';
import { type Call, SingleFlight } from '../../../src/client/single-flight.js';

const now = systemClock.running;
const within = (ms = 5000): Call => ({ deadline: now() + ms });

/** Work that ends when the test says so. */
class Work {
  readonly begun: number[] = [];
  readonly #ends: { resolve: (value: string) => void; reject: (error: unknown) => void }[] = [];

  readonly begin = (deadline: number): Promise<string> => {
    this.begun.push(deadline);
    return new Promise((resolve, reject) => {
      this.#ends.push({ resolve, reject });
    });
  };

  /** Ends the piece begun as the `nth`, from 1. */
  succeed(value: string, nth = 1): void {
    this.#ends[nth - 1]?.resolve(value);
  }

  fail(error: unknown, nth = 1): void {
    this.#ends[nth - 1]?.reject(error);
  }
}

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('SingleFlight', () => {
  let flights: SingleFlight<string>;
  let work: Work;
  beforeEach(() => {
    flights = new SingleFlight(systemClock);
    work = new Work();
  });
  // What nobody waits for any more would run until its deadline.
  afterEach(() => {
    for (const nth of work.begun.keys()) work.succeed('over', nth + 1);
  });
  const join = (call: Call = within(), key = 'a'): Promise<string> => flights.run(key, call, work.begin);

  it('does work once for all concurrent callers', async () => {
    const callers = Array.from({ length: 100 }, () => join());
    work.succeed('value');
    assert.deepEqual(new Set(await Promise.all(callers)), new Set(['value']));
    assert.equal(work.begun.length, 1);
  });

  it('keeps the work of each key apart', async () => {
    const callers = [join(within(), 'a'), join(within(), 'b')];
    work.succeed('of b', 2);
    work.succeed('of a', 1);
    assert.deepEqual(await Promise.all(callers), ['of a', 'of b']);
  });

  it('begins anew once the work has ended, well or not', async () => {
    const first = join();
    work.fail(new Error('failed'));
    await assert.rejects(first, { message: 'failed' });
    const second = join();
    work.succeed('second', 2);
    assert.equal(await second, 'second');
    const third = join();
    work.succeed('third', 3);
    assert.equal(await third, 'third');
  });

  it('gives all who wait the same failure, and does not repeat work that failed before its time was up', async () => {
    const callers = [join(within(1000)), join(within(60_000))];
    const failure = new Error('failed');
    work.fail(failure);
    for (const caller of callers) await assert.rejects(caller, (error) => error === failure);
    assert.equal(work.begun.length, 1);
  });

  describe('with a signal', () => {
    for (const [what, reason] of [
      ['an error', new Error('enough')],
      ['a text', 'enough'],
      ['null', null],
      ['a frozen object', Object.freeze({})],
    ] as const) {
      it(`rejects the caller who aborts with the reason itself: ${what}`, async () => {
        const controller = new AbortController();
        const caller = join({ ...within(), signal: controller.signal });
        controller.abort(reason);
        await assert.rejects(caller, (error) => error === reason);
      });
    }

    it('rejects with the AbortError of a signal aborted without a reason', async () => {
      const controller = new AbortController();
      const caller = join({ ...within(), signal: controller.signal });
      controller.abort();
      await assert.rejects(caller, { name: 'AbortError' });
    });

    it('begins nothing for a signal that is aborted already', async () => {
      await assert.rejects(join({ ...within(), signal: AbortSignal.abort('early') }), (error) => error === 'early');
      assert.equal(work.begun.length, 0);
    });

    it('lets the work go on for the others when the caller who began it aborts', async () => {
      const controller = new AbortController();
      const first = join({ ...within(), signal: controller.signal });
      const others = [join(), join({ ...within(), signal: new AbortController().signal })];
      controller.abort('mine');
      await assert.rejects(first, (error) => error === 'mine');
      work.succeed('value');
      assert.deepEqual(await Promise.all(others), ['value', 'value']);
      assert.equal(work.begun.length, 1);
    });

    it('rejects all callers of one signal, and nobody else', async () => {
      const { signal, ...controller } = withAbort();
      const callers = [join({ ...within(), signal }), join({ ...within(), signal }, 'b')];
      const other = join();
      controller.abort('all');
      for (const caller of callers) await assert.rejects(caller, (error) => error === 'all');
      work.succeed('value');
      assert.equal(await other, 'value');
    });

    it('listens once for a thousand callers, and no more when they have their answer', async () => {
      const warnings: Error[] = [];
      const warned = (warning: Error): void => void warnings.push(warning);
      process.on('warning', warned);
      const { signal } = withAbort();
      const callers = Array.from({ length: 1000 }, (_, index) =>
        join({ ...within(1000 + index), signal }, `${index % 2}`),
      );
      assert.equal(getEventListeners(signal, 'abort').length, 1);
      work.succeed('even', 1);
      work.succeed('odd', 2);
      await Promise.all(callers);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
      await sleep(0);
      process.off('warning', warned);
      assert.deepEqual(warnings, []);
    });

    it('leaves no listener behind after an abort', async () => {
      const { signal, abort } = withAbort();
      const caller = join({ ...within(), signal });
      abort('enough');
      await assert.rejects(caller, (error) => error === 'enough');
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    });
  });

  describe('with a deadline', () => {
    it('ends the wait of a caller with less time than the work has, naming what it waited for', async () => {
      const longer = join(within(5000), '/latest/a');
      await assert.rejects(join(within(20), '/latest/a'), {
        code: 'ERR_IMDS_TIMEOUT',
        phase: 'deadline',
        message: 'no answer for /latest/a before the deadline of the call',
      });
      work.succeed('value');
      assert.equal(await longer, 'value');
    });

    it('gives the work the time of the caller who begins it', async () => {
      const call = within(1234);
      const caller = join(call);
      assert.deepEqual(work.begun, [call.deadline]);
      work.succeed('value');
      await caller;
    });

    it('gives the work a least time, though a caller in a hurry does not wait for it', async () => {
      let time = 0;
      flights = new SingleFlight(
        clockWith(() => time),
        1000,
      );
      await assert.rejects(join({ deadline: 20 }), { phase: 'deadline' });
      assert.deepEqual(work.begun, [1000]);
      const joining = join({ deadline: 900 });
      time = 500;
      work.succeed('value');
      assert.equal(await joining, 'value');
      const later = join({ deadline: 3000 });
      assert.deepEqual(work.begun, [1000, 3000]);
      work.succeed('value', 2);
      await later;
    });

    it('begins anew, once, for those who have more time than the work that ended for lack of time', async () => {
      let time = 0;
      flights = new SingleFlight(clockWith(() => time));
      const hasty = join({ deadline: 100 });
      const othersWaiting = [join({ deadline: 5000 }), join({ deadline: 4000 }), join({ deadline: 3000 })];
      time = 100;
      work.fail(new Error('out of time'));
      await assert.rejects(hasty, { message: 'out of time' });
      work.succeed('value', 2);
      assert.deepEqual(await Promise.all(othersWaiting), ['value', 'value', 'value']);
      assert.deepEqual(work.begun, [100, 5000]);
    });

    it('does not begin anew for the little time that callers of one moment differ by', async () => {
      let time = 0;
      flights = new SingleFlight(clockWith(() => time));
      const callers = Array.from({ length: 50 }, (_, index) => join({ deadline: 100 + index }));
      time = 100;
      work.fail(new Error('out of time'));
      for (const caller of callers) await assert.rejects(caller, { message: 'out of time' });
      assert.equal(work.begun.length, 1);
    });

    it('does not begin anew for a caller who aborts in that moment', async () => {
      let time = 0;
      flights = new SingleFlight(clockWith(() => time));
      const { signal, abort } = withAbort();
      const hasty = join({ deadline: 100 });
      const caller = join({ deadline: 5000, signal });
      time = 100;
      work.fail(new Error('out of time'));
      await hasty.catch(() => abort('enough'));
      await assert.rejects(caller, (error) => error === 'enough');
    });

    it('leaves no timer behind', async () => {
      await sleep(0); // mocha sets its own timer when a test has given a promise
      const before = timers();
      const first = join(within(60_000));
      const { signal, abort } = withAbort();
      const callers = [join(within(50_000)), join({ ...within(50_000), signal })];
      abort('enough');
      work.succeed('value');
      await Promise.allSettled([first, ...callers]);
      assert.equal(timers(), before);
    });
  });

  it('causes no unhandled rejection when nobody waits for a failure any more', async () => {
    const { signal, abort } = withAbort();
    const caller = join({ ...within(), signal });
    abort('enough');
    await assert.rejects(caller, (error) => error === 'enough');
    const unhandled = once(process, 'unhandledRejection', { signal: AbortSignal.timeout(20) });
    work.fail(new Error('failed'));
    await assert.rejects(unhandled, { name: 'AbortError' });
  });
});

function withAbort(): { signal: AbortSignal; abort: (reason?: unknown) => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) };
}
