import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { afterEach, describe, it } from 'mocha';
import { systemClock } from '../../../src/client/clock.js';

describe('a timer of the system clock', () => {
  // The longest that setTimeout takes; what is longer it does at once.
  const longestMs = 2 ** 31 - 1;
  afterEach(() => mock.restoreAll());

  for (const [ms, parts] of [
    [10, 1],
    [longestMs, 1],
    [longestMs + 1, 2],
    [2 * longestMs + 500, 3],
  ] as const)
    it(`waits for all of ${ms} milliseconds, in ${parts} of what setTimeout takes`, () => {
      const waits: number[] = [];
      let pass = (): void => {};
      // Node's own mocks of timers cannot be refreshed.
      mock.method(globalThis, 'setTimeout', (act: () => void, partMs: number) => {
        pass = act;
        waits.push(partMs);
        return { refresh: () => waits.push(partMs) };
      });
      let acted = 0;
      systemClock.setTimer(() => (acted += 1), ms);
      for (let part = 1; part < parts; part += 1) pass();
      assert.equal(acted, 0);
      pass();
      assert.equal(acted, 1);
      assert.deepEqual(waits, Array(parts).fill(ms / parts));
      assert.ok(ms / parts <= longestMs);
    });

  it('can be cancelled', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    systemClock.setTimer(() => assert.fail(), 10).cancel();
    mock.timers.tick(10);
    mock.timers.reset();
  });
});

describe('the running time', () => {
  it('counts a block of the event loop once, however many deadlines begin in it', () => {
    const cancels = [systemClock.setDeadline(() => {}, Number.MAX_VALUE)];
    const start = systemClock.running();
    for (let part = 0; part < 3; part += 1) {
      const until = performance.now() + 60;
      while (performance.now() < until);
      cancels.push(systemClock.setDeadline(() => {}, Number.MAX_VALUE));
    }
    const counted = systemClock.running() - start;
    for (const cancel of cancels) cancel();
    assert.ok(counted <= 50, `${counted} ms`);
  });
});
