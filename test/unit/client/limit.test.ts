import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Limit } from '../../../src/client/limit.js';

describe('Limit', () => {
  /** Starts pieces of work that end when the test says so. */
  function start(limit: Limit, count: number) {
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const results = Array.from({ length: count }, (_, index) =>
      limit.run(() => {
        begun.push(index);
        return new Promise<number>((resolve) => {
          ends[index] = () => resolve(index);
        });
      }),
    );
    return { begun, results, end: (index: number) => ends[index]?.() };
  }

  it('runs so many pieces at a time, the others in the order in which they came', async () => {
    const { begun, results, end } = start(new Limit(2), 5);
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
    const limit = new Limit(1);
    const failing = limit.run(() => Promise.reject(new Error('failed')));
    const next = limit.run(async () => 'value');
    await assert.rejects(failing, { message: 'failed' });
    assert.equal(await next, 'value');
  });
});
