import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../../../src/client/clock.js';
import { Limit } from '../../../src/client/limit.js';

describe('Limit', () => {
  /** Starts pieces of work that end when the test says so. */
  function start(limit: Limit, count: number, waitMs = 60_000) {
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const results = Array.from({ length: count }, (_, index) =>
      limit.run(`/${index}`, systemClock.now() + waitMs, () => {
        begun.push(index);
        return new Promise<number>((resolve) => {
          ends[index] = () => resolve(index);
        });
      }),
    );
    return { begun, results, end: (index: number) => ends[index]?.() };
  }

  it('runs so many pieces at a time, the others in the order in which they came', async () => {
    const { begun, results, end } = start(new Limit(2, systemClock), 5);
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
    const limit = new Limit(1, systemClock);
    const failing = limit.run('/a', systemClock.now() + 60_000, () => Promise.reject(new Error('failed')));
    const next = limit.run('/b', systemClock.now() + 60_000, async () => 'value');
    await assert.rejects(failing, { message: 'failed' });
    assert.equal(await next, 'value');
  });

  it('gives up work whose turn does not come before its deadline, and never begins it', async () => {
    const limit = new Limit(1, systemClock);
    const { results, end } = start(limit, 1);
    const late = start(limit, 1, 5);
    await assert.rejects(late.results[0] ?? assert.fail(), { code: 'ERR_IMDS_TIMEOUT', phase: 'deadline' });
    end(0);
    await Promise.all(results);
    assert.equal(await limit.run('/next', systemClock.now() + 60_000, async () => 'value'), 'value');
    assert.deepEqual(late.begun, []);
  });
});
