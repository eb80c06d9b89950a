import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mock } from 'node:test';
import { type Clock, clockWith, systemClock } from '../../../src/client/clock.js';
import { Closing } from '../../../src/client/closing.js';
import { Events } from '../../../src/client/events.js';
import { refusedAgain } from '../../../src/client/failures.js';
import { abortRetry, isRetryable, type RetryOptions, retry } from '../../../src/client/retry.js';
import {
  ImdsDecodeError,
  ImdsForbiddenError,
  ImdsHopLimitError,
  ImdsNotFoundError,
  ImdsResponseError,
  ImdsTimeoutError,
  ImdsTokenError,
  ImdsUnreachableError,
  type ResponseFault,
  type TimeoutPhase,
} from '../../../src/errors.js';
import { stopwatch } from '../../support/stopwatch.js';

const status = (statusCode: number): ImdsResponseError =>
  new ImdsResponseError(`answered ${statusCode}`, { fault: 'status', statusCode });
const fault = (what: ResponseFault): ImdsResponseError => new ImdsResponseError(what, { fault: what });
const timeout = (phase: TimeoutPhase): ImdsTimeoutError => new ImdsTimeoutError('no answer in time', { phase });

describe('isRetryable()', () => {
  const cases: readonly [string, unknown, boolean][] = [
    ['429', status(429), true],
    ['500', status(500), true],
    ['502', status(502), true],
    ['503', status(503), true],
    ['504', status(504), true],
    ['a connection that was reset', fault('reset'), true],
    ['a body that was cut off', fault('cut'), true],
    ['no byte of an answer in time', timeout('response'), true],
    ['half an answer in time', timeout('body'), true],
    ['no session token in time', timeout('token'), true],
    ['a lost token reply', new ImdsHopLimitError('lost'), true],
    ['credentials that cannot be decoded', new ImdsDecodeError('x'), true],
    ['the end of the time for the call', timeout('deadline'), false],
    ['400', status(400), false],
    ['405', status(405), false],
    ['418', status(418), false],
    ['204', status(204), false],
    ['a redirect', new ImdsResponseError('moved', { fault: 'redirect', statusCode: 301 }), false],
    ['a body too large', fault('too-large'), false],
    ['no HTTP', fault('not-http'), false],
    ['no connection', new ImdsUnreachableError('refused'), false],
    ['403', new ImdsForbiddenError('403'), false],
    ['404', new ImdsNotFoundError('404', { path: '/x' }), false],
    ['401 with a fresh token', new ImdsTokenError('401', { statusCode: 401 }), false],
    ['a bug', new TypeError('x is not a function'), false],
    ['no error at all', undefined, false],
  ];
  for (const [what, error, heals] of cases) {
    it(`${heals ? 'allows another attempt' : 'allows no other attempt'} after ${what}`, () =>
      assert.equal(isRetryable(error), heals));
  }
});

describe('retry()', () => {
  /** What each attempt throws; the next one succeeds. */
  function series(failures: readonly unknown[], change: Partial<RetryOptions> = {}) {
    const state = { made: 0 };
    const attempt = async (): Promise<string> => {
      const failure = failures[state.made];
      state.made += 1;
      if (failure !== undefined) throw failure;
      return `value ${state.made}`;
    };
    const result = retry(attempt, {
      maxAttempts: 3,
      retryDelayMs: 0,
      waitMs: 0,
      events: new Events(undefined),
      path: '/latest/x',
      deadline: systemClock.running() + 5000,
      clock: systemClock,
      closing: new Closing(),
      ...change,
    });
    return { result, state };
  }

  it('makes one attempt when that succeeds', async () => {
    const { result, state } = series([]);
    assert.equal(await result, 'value 1');
    assert.equal(state.made, 1);
  });

  it('goes on after a retryable failure', async () => {
    const { result } = series([status(503), fault('reset')]);
    assert.equal(await result, 'value 3');
  });

  it('ends with the failure of the last attempt that the setting allows', async () => {
    for (const maxAttempts of [1, 2, 3, 7]) {
      const failures = Array.from({ length: 10 }, (_, index) => status(500 + index));
      const { result, state } = series(failures, { maxAttempts, retryDelayMs: 0 });
      await assert.rejects(result, (error) => error === failures[maxAttempts - 1]);
      assert.equal(state.made, maxAttempts);
    }
  });

  for (const [what, failure] of [
    ['is not retryable', new ImdsForbiddenError('403')],
    ['is a bug', new TypeError('x is not a function')],
  ] as const) {
    it(`ends at once with a failure that ${what}`, async () => {
      const { result, state } = series([failure]);
      await assert.rejects(result, (error) => error === failure);
      assert.equal(state.made, 1);
    });
  }

  it('ends at once with a failure in abortRetry(), given as it is', async () => {
    const failure = status(503);
    assert.throws(
      () => abortRetry(failure),
      (error) => error === failure,
    );
    const { result, state } = series([failure]);
    await assert.rejects(result, (error) => error === failure);
    assert.equal(state.made, 1);
  });

  for (const [random, delays] of [
    [0, [100, 200, 400, 800]],
    [0.5, [150, 300, 600, 1200]],
    [0.9999, [200, 400, 800, 1600]],
  ] as const) {
    it(`waits ${delays.join(', ')} ms from a delay of 100 when random() gives ${random}`, async () => {
      const waited: number[] = [];
      const clock: Clock = {
        ...systemClock,
        random: () => random,
        setTimer(act, ms) {
          waited.push(ms);
          return systemClock.setTimer(act, 0);
        },
      };
      const settings = { maxAttempts: 5, retryDelayMs: 100, clock };
      await series([status(503), status(503), status(503), status(503)], settings).result;
      assert.deepEqual(waited, delays);
    });
  }

  it('ends at the deadline, with the last failure', async () => {
    let time = 0;
    const failure = status(503);
    const { result, state } = series([failure], {
      deadline: 50,
      clock: clockWith(() => {
        time += 30;
        return time;
      }),
    });
    await assert.rejects(result, (error) => error === failure);
    assert.equal(state.made, 1);
  });

  it('does not pause if there is no time for another attempt', async () => {
    let time = 0;
    const delays = mock.method(globalThis, 'setTimeout');
    const attempt = async (): Promise<never> => {
      time = 100;
      throw status(503);
    };
    const settings = { maxAttempts: 3, retryDelayMs: 10, waitMs: 0 };
    const clock = clockWith(() => time);
    const attempts = {
      ...settings,
      events: new Events(undefined),
      path: '/x',
      deadline: 100,
      clock,
      closing: new Closing(),
    };
    await assert.rejects(retry(attempt, attempts), { statusCode: 503 });
    const waits = delays.mock.callCount();
    delays.mock.restore();
    assert.equal(waits, 0);
  });

  it('makes no attempt after a delay that passed the deadline', async () => {
    const failure = status(503);
    const settings = { maxAttempts: 3, retryDelayMs: 60_000 };
    const { result, state } = series([failure], { ...settings, deadline: systemClock.running() + 20 });
    await assert.rejects(result, (error) => error === failure);
    assert.equal(state.made, 1);
  });

  describe('when the last attempt fails at the deadline', () => {
    const busy = status(503);

    /** How a series ends in which the first attempt is answered 503, and the second fails like this. */
    async function endOf(second: Error): Promise<unknown> {
      let time = 0;
      const failures = [busy, second];
      const attempt = async (): Promise<never> => {
        if (failures.length === 1) time = 100;
        throw failures.shift();
      };
      const settings = { maxAttempts: 3, retryDelayMs: 0, waitMs: 0 };
      const events = new Events(undefined);
      const clock = clockWith(() => time);
      return await retry(attempt, {
        ...settings,
        events,
        path: '/x',
        deadline: 100,
        clock,
        closing: new Closing(),
      }).catch((error: unknown) => error);
    }

    for (const [what, cutShort] of [
      ['a timeout', timeout('response')],
      ['no connection in time', new ImdsUnreachableError('no connection within 3 ms')],
    ] as const) {
      it(`ends with the failure before, if this one was ${what}`, async () => {
        assert.equal(await endOf(cutShort), busy);
      });
    }

    for (const definite of [new ImdsForbiddenError('403'), status(500), fault('reset')]) {
      it(`ends with this failure, if it was definite: ${definite.message}`, async () => {
        assert.equal(await endOf(definite), definite);
      });
    }
  });

  it('ends with the first failure when there is no earlier one', async () => {
    const failure = timeout('response');
    const { result } = series([failure], { deadline: systemClock.running() });
    await assert.rejects(result, (error) => error === failure);
  });

  it('ends a delay when the client is closed, with the error of that', async () => {
    const closing = new Closing();
    const settings = { maxAttempts: 3, retryDelayMs: 2000 };
    const { result, state } = series([status(503)], { ...settings, closing });
    setTimeout(() => closing.close(), 5);
    const elapsedMs = stopwatch();
    await assert.rejects(result, (error) => error === closing.reason);
    assert.ok(elapsedMs() < 1000);
    assert.equal(state.made, 1);
  });

  it('begins no delay when a subscriber to its event has closed the client', async () => {
    const closing = new Closing();
    const events = new Events({ info: () => closing.close() });
    const setTimer = mock.fn(systemClock.setTimer);
    const { result } = series([status(503)], {
      retryDelayMs: 10,
      events,
      closing,
      clock: { ...systemClock, setTimer },
    });
    await assert.rejects(result, (error) => error === closing.reason);
    assert.equal(setTimer.mock.callCount(), 0);
  });

  describe('with waitMs', () => {
    const refused = new ImdsUnreachableError('refused');

    /** Runs on a clock on which only pauses take time, and gives the pauses. */
    async function waiting(failures: readonly unknown[], settings: Partial<RetryOptions>) {
      const pauses: number[] = [];
      let time = 0;
      const clock: Clock = {
        ...clockWith(() => time),
        random: () => 0,
        setTimer(act, ms) {
          pauses.push(ms);
          time += ms;
          return systemClock.setTimer(act, 0);
        },
      };
      const outcome = await series(failures, { clock, deadline: 60_000, ...settings }).result.catch((error) => error);
      return { pauses, outcome };
    }

    it('retries a service that is not ready, with growing pauses, and then makes all attempts', async () => {
      const failures = [...Array(5).fill(refused), status(503), status(503)];
      const { pauses, outcome } = await waiting(failures, { waitMs: 30_000, maxAttempts: 3, retryDelayMs: 100 });
      assert.equal(outcome, 'value 8');
      assert.deepEqual(pauses, [250, 500, 1000, 2000, 2000, 100, 200]);
    });

    it('ends when that time is over', async () => {
      const { pauses, outcome } = await waiting(Array(99).fill(refused), { waitMs: 3000 });
      assert.equal(outcome, refused);
      assert.deepEqual(pauses, [250, 500, 1000, 1250]);
    });

    it('ends with the deadline, if that comes first', async () => {
      const { pauses, outcome } = await waiting(Array(99).fill(refused), { waitMs: 60_000, deadline: 1000 });
      assert.equal(outcome, refused);
      assert.deepEqual(pauses, [250, 500, 250]);
    });

    it('of 0 waits for nothing', async () => {
      assert.deepEqual(await waiting([refused], {}), { pauses: [], outcome: refused });
    });
  });

  it('pauses five times as long after a fresh token was refused', async () => {
    const pauses: number[] = [];
    const clock: Clock = {
      ...systemClock,
      random: () => 0,
      setTimer(act, ms) {
        pauses.push(ms);
        return systemClock.setTimer(act, 0);
      },
    };
    const failures = [refusedAgain('GET /x'), refusedAgain('GET /x')];
    await series(failures, { clock, retryDelayMs: 100 }).result;
    assert.deepEqual(pauses, [500, 1000]);
  });

  it('publishes each failure that is retried', async () => {
    const published: unknown[] = [];
    const listener = (message: unknown): void => void published.push(message);
    subscribe('imds:retry', listener);
    try {
      const failures = [status(503), timeout('response'), status(500)];
      await assert.rejects(series(failures).result, { statusCode: 500 });
    } finally {
      unsubscribe('imds:retry', listener);
    }
    assert.deepEqual(published, [
      { path: '/latest/x', attempt: 1, error: 'ERR_IMDS_RESPONSE' },
      { path: '/latest/x', attempt: 2, error: 'ERR_IMDS_TIMEOUT' },
    ]);
  });
});
