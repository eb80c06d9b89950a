import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { systemClock } from '../../../src/client/clock.js';

describe('a timer of the system clock', () => {
  // The longest that setTimeout takes; what is longer it does at once.
  const longestMs = 2 ** 31 - 1;
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('takes more milliseconds than setTimeout does, and waits for all of them', () => {
    const acted: string[] = [];
    systemClock.setTimer(() => acted.push('late'), 2 * longestMs + 500);
    systemClock.setTimer(() => acted.push('at the limit'), longestMs);
    systemClock.setTimer(() => acted.push('soon'), 10);
    const steps = [10, longestMs - 10, longestMs, 499, 1].map((ms) => {
      mock.timers.tick(ms);
      return acted.splice(0);
    });
    assert.deepEqual(steps, [['soon'], ['at the limit'], [], [], ['late']]);
  });

  it('can be cancelled at any time', () => {
    const timer = systemClock.setTimer(() => assert.fail(), 2 * longestMs);
    mock.timers.tick(longestMs + 1);
    timer.cancel();
    mock.timers.tick(longestMs);
  });
});
