import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../src/client/clock.js';
import { type Call, SingleFlight } from '../../../src/client/single-flight.js';

const now = (): number => performance.now();
const clock = (time: () => number) => ({ ...systemClock, now: time });
const patient = (ms = 5000): Call => ({ deadline: now() + ms });

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

describe('a single flight', () => {
  let flights: SingleFlight<string>;
  let work: Work;
  beforeEach(() => {
    flights = new SingleFlight(systemClock);
    work = new Work();
  });
  const join = (call: Call = patient(), key = 'a'): Promise<string> => flights.run(key, call, work.begin);

  it('do one piece of work for all who ask meanwhile', async () => {
    const callers = Array.from({ length: 100 }, () => join());
    work.succeed('value');
    assert.deepEqual(new Set(await Promise.all(callers)), new Set(['value']));
    assert.equal(work.begun.length, 1);
  });

  it('keep the work of each key apart', async () => {
    const callers = [join(patient(), 'a'), join(patient(), 'b')];
    work.succeed('of b', 2);
    work.succeed('of a', 1);
    assert.deepEqual(await Promise.all(callers), ['of a', 'of b']);
  });

  it('begin anew once the work has ended, well or not', async () => {
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

  it('give all who wait the same failure, and do not repeat work that failed before its time was up', async () => {
    const callers = [join(patient(1000)), join(patient(60_000))];
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
      it(`reject the caller who aborts with the reason itself: ${what}`, async () => {
        const controller = new AbortController();
        const caller = join({ ...patient(), signal: controller.signal });
        controller.abort(reason);
        await assert.rejects(caller, (error) => error === reason);
      });
    }

    it('reject with the AbortError of a signal aborted without a reason', async () => {
      const controller = new AbortController();
      const caller = join({ ...patient(), signal: controller.signal });
      controller.abort();
      await assert.rejects(caller, { name: 'AbortError' });
    });

    it('begin nothing for a signal that is aborted already', async () => {
      await assert.rejects(join({ ...patient(), signal: AbortSignal.abort('early') }), (error) => error === 'early');
      assert.equal(work.begun.length, 0);
    });

    it('let the work go on for the others when the caller who began it aborts', async () => {
      const controller = new AbortController();
      const first = join({ ...patient(), signal: controller.signal });
      const others = [join(), join({ ...patient(), signal: new AbortController().signal })];
      controller.abort('mine');
      await assert.rejects(first, (error) => error === 'mine');
      work.succeed('value');
      assert.deepEqual(await Promise.all(others), ['value', 'value']);
      assert.equal(work.begun.length, 1);
    });

    it('reject all callers of one signal, and nobody else', async () => {
      const { signal, ...controller } = withAbort();
      const callers = [join({ ...patient(), signal }), join({ ...patient(), signal }, 'b')];
      const other = join();
      controller.abort('all');
      for (const caller of callers) await assert.rejects(caller, (error) => error === 'all');
      work.succeed('value');
      assert.equal(await other, 'value');
    });

    it('listen once for a thousand callers, and no more when they have their answer', async () => {
      const warnings: Error[] = [];
      const warned = (warning: Error): void => void warnings.push(warning);
      process.on('warning', warned);
      const { signal } = withAbort();
      const callers = Array.from({ length: 1000 }, (_, index) =>
        join({ ...patient(1000 + index), signal }, `${index % 2}`),
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

    it('leave no listener behind after an abort', async () => {
      const { signal, abort } = withAbort();
      const caller = join({ ...patient(), signal });
      abort('enough');
      await assert.rejects(caller, (error) => error === 'enough');
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    });
  });

  describe('with a deadline', () => {
    it('end the wait of a caller with less patience than the work has, naming what it waited for', async () => {
      const patientCaller = join(patient(5000), '/latest/a');
      await assert.rejects(join(patient(20), '/latest/a'), {
        code: 'ERR_IMDS_TIMEOUT',
        phase: 'deadline',
        message: 'no answer for /latest/a in the time given to the call',
      });
      work.succeed('value');
      assert.equal(await patientCaller, 'value');
    });

    it('give the work the time of the caller who begins it', async () => {
      const call = patient(1234);
      const caller = join(call);
      assert.deepEqual(work.begun, [call.deadline]);
      work.succeed('value');
      await caller;
    });

    it('give the work a least time, though a caller in a hurry does not wait for it', async () => {
      let time = 0;
      flights = new SingleFlight(
        clock(() => time),
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

    it('begin anew, once, for those who have more patience than the work that ended for lack of time', async () => {
      let time = 0;
      flights = new SingleFlight(clock(() => time));
      const hasty = join({ deadline: 100 });
      const patientCallers = [join({ deadline: 5000 }), join({ deadline: 4000 }), join({ deadline: 3000 })];
      time = 100;
      work.fail(new Error('out of time'));
      await assert.rejects(hasty, { message: 'out of time' });
      work.succeed('value', 2);
      assert.deepEqual(await Promise.all(patientCallers), ['value', 'value', 'value']);
      assert.deepEqual(work.begun, [100, 5000]);
    });

    it('do not begin anew for the little time that callers of one moment differ by', async () => {
      let time = 0;
      flights = new SingleFlight(clock(() => time));
      const callers = Array.from({ length: 50 }, (_, index) => join({ deadline: 100 + index }));
      time = 100;
      work.fail(new Error('out of time'));
      for (const caller of callers) await assert.rejects(caller, { message: 'out of time' });
      assert.equal(work.begun.length, 1);
    });

    it('do not begin anew for a caller who aborts in that moment', async () => {
      let time = 0;
      flights = new SingleFlight(clock(() => time));
      const { signal, abort } = withAbort();
      const hasty = join({ deadline: 100 });
      const caller = join({ deadline: 5000, signal });
      time = 100;
      work.fail(new Error('out of time'));
      await hasty.catch(() => abort('enough'));
      await assert.rejects(caller, (error) => error === 'enough');
    });

    it('leave no timer behind', async () => {
      await sleep(0); // mocha sets its own timer when a test has given a promise
      const before = timers();
      const first = join(patient(60_000));
      const { signal, abort } = withAbort();
      const callers = [join(patient(50_000)), join({ ...patient(50_000), signal })];
      abort('enough');
      work.succeed('value');
      await Promise.allSettled([first, ...callers]);
      assert.equal(timers(), before);
    });
  });

  it('make no unhandled rejection of a failure that nobody waits for any more', async () => {
    const { signal, abort } = withAbort();
    const caller = join({ ...patient(), signal });
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
