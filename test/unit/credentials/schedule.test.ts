import assert from 'node:assert/strict';
import { systemClock } from '../../../src/client/clock.js';
import { refreshDelayMs, steadyClock } from '../../../src/credentials/schedule.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

describe('refreshDelayMs()', () => {
  const cases: readonly (readonly [title: string, leftMs: number, isNew: boolean, random: number, delayMs: number])[] =
    [
      ['is 5 minutes before the end of new credentials', 6 * hour, true, 0, 6 * hour - 5 * minute],
      ['is up to 15 minutes before the end of new credentials', 6 * hour, true, 1, 6 * hour - 15 * minute],
      ['is not negative for new credentials with 8 minutes left', 8 * minute, true, 1, 0],
      ['is a quarter of the time left when there is nothing newer', 4 * minute, false, 0, minute],
      ['is three quarters of the time left when there is nothing newer', 4 * minute, false, 1, 3 * minute],
      ['is at least ten seconds', 20 * second, false, 0, 10 * second],
      ['ends at the end', 4 * second, false, 0.5, 4 * second],
      ['is 5 minutes past the end', -hour, false, 0, 5 * minute],
      ['is up to 15 minutes past the end', 0, true, 1, 15 * minute],
    ];
  for (const [title, leftMs, isNew, random, delayMs] of cases)
    it(title, () => assert.equal(refreshDelayMs(leftMs, isNew, random), delayMs));
});

describe('steadyClock()', () => {
  for (const [title, monotonic, wall] of [
    ['counts a hibernation, in which the monotonic clock stood still', 0, hour],
    ['does not run back with the wall clock', hour, -hour],
  ] as const)
    it(title, () => {
      let [now, wallClock] = [5, 5 * hour];
      const time = steadyClock({ ...systemClock, now: () => now, wallClock: () => wallClock });
      assert.equal(time(), 5 * hour);
      now += monotonic;
      wallClock += wall;
      assert.equal(time(), 6 * hour);
    });
});
