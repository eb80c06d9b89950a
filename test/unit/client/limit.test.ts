import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { clockWith } from '../../../src/client/clock.js';
import { type Limit, limitOf } from '../../../src/client/limit.js';

describe('the limit of requests', () => {
  let time = 0;
  beforeEach(() => {
    time = 0;
  });
  const limitTo = (most: number): Limit =>
    limitOf(
      most,
      300,
      clockWith(() => time),
    );

  /** Starts pieces of work that end when the test says so. */
  function start(limit: Limit, count: number) {
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const results = Array.from({ length: count }, (_, index) =>
      limit('/latest/a', 1000, () => {
        begun.push(index);
        return new Promise<number>((resolve) => {
          ends[index] = () => resolve(index);
        });
      }),
    );
    return { begun, results, end: (index: number) => ends[index]?.() };
  }

  it('runs a limited number at a time, the others in order of arrival', async () => {
    const { begun, results, end } = start(limitTo(2), 5);
    assert.deepEqual(begun, [0, 1]);
    for (const index of [1, 0, 2, 3, 4]) {
      end(index);
      await turn();
      assert.ok(begun.length <= index + 4);
    }
    assert.deepEqual(begun, [0, 1, 2, 3, 4]);
    assert.deepEqual(await Promise.all(results), [0, 1, 2, 3, 4]);
  });

  it('goes on after a failure', async () => {
    const limit = limitTo(1);
    const failing = limit('/latest/a', 1000, () => Promise.reject(new Error('failed')));
    const next = limit('/latest/a', 1000, async () => 'value');
    await assert.rejects(failing, { message: 'failed' });
    assert.equal(await next, 'value');
  });

  it('passes each request the time it may take, and makes none after the deadline', async () => {
    const limit = limitTo(1);
    const told: number[] = [];
    const request = async (timeoutMs: number): Promise<void> => {
      told.push(timeoutMs);
      time += timeoutMs;
    };
    const requests = [0, 1, 2, 3].map(() => limit('/latest/a', 700, request));
    await Promise.all(requests.slice(0, 3));
    await assert.rejects(requests[3] as Promise<void>, {
      code: 'ERR_IMDS_TIMEOUT',
      message: 'no answer for /latest/a before the deadline of the call',
    });
    assert.deepEqual(told, [300, 300, 100]);
  });
});
