import assert from 'node:assert/strict';
import { tsImport } from 'tsx/esm/api';
import { amount, exactly, inUse, line, moreByAtMost } from '../measure.mjs';

// Timers are no option of the client, so what is measured is the source, on the virtual time of its tests.
const { pollerOn, stand, VirtualTime } = await tsImport('../../test/integration/watch/stand.ts', import.meta.url);

const minutes = amount(10);
const many = amount(100, 2);
const day = amount(24 * 60, 24) * 60_000;
const steps = 4;

let delivered = 0;

/**
 * @param {object} poller
 * @param {number} watchers
 */
function watch(poller, watchers) {
  const consume = async (notices) => {
    for await (const { change } of notices) if (change !== 'withdrawn') delivered += 1;
  };
  for (let number = 0; number < watchers; number += 1) void consume(poller.watch());
}

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'watch',
  what: 'watchers of the default kinds: what the service is asked in a minute, and memory in use over a day, in virtual time',
  limit: {
    'requests a minute for 1 watcher': exactly('31.0'),
    [`requests a minute for ${many} watchers`]: exactly('31.0'),
    // A poll leaves nothing behind: of 17,280, a hundred bytes each would be 1.6 MiB.
    'growth in MiB over a day': moreByAtMost(1),
  },

  async run() {
    const perMinute = async (watchers) => {
      const { emulator, poller, time, ...rest } = await stand();
      watch(poller, watchers);
      await time.pass(60_000);
      const before = emulator.requests.length;
      await time.pass(minutes * 60_000);
      const requests = emulator.requests.length - before;
      await rest[Symbol.asyncDispose]();
      return (requests / minutes).toFixed(1);
    };
    const one = await perMinute(1);
    const all = await perMinute(many);

    // Each poll finds something else, so that there is something to tell each time, and no wire: a day has too many polls.
    let polls = 0;
    const changing = async (value) => {
      polls += 1;
      return value(new Date(polls * 1000).toISOString());
    };
    const time = new VirtualTime();
    const reader = {
      spot: { instanceAction: () => changing((time) => ({ action: 'stop', time })) },
      events: {
        recommendations: { rebalance: () => changing((noticeTime) => ({ noticeTime })) },
        maintenance: {
          scheduled: () =>
            changing((NotBefore) => [{ EventId: `event-${polls}`, Code: '', State: '', Description: '', NotBefore }]),
        },
      },
      autoscaling: { targetLifecycleState: () => changing((time) => `state-${time}`) },
    };
    watch(pollerOn(time.clock, reader), many);
    await time.pass(day / 24);
    const used = [await inUse()];
    for (let step = 0; step < steps; step += 1) {
      await time.pass(day / steps);
      used.push(await inUse());
    }

    // Four polls at the start, and 31 a minute; each finds something else, of which all watchers are told.
    const polledMinutes = (day / 24 + day) / 60_000;
    assert.deepEqual({ polls, delivered }, { polls: 4 + 31 * polledMinutes, delivered: many * polls });
    return {
      lines: [
        line('after an hour, then after each quarter of a day, in MiB', used.map((mib) => mib.toFixed(2)).join('  ')),
        line('reads in that time', String(polls)),
      ],
      figures: {
        'requests a minute for 1 watcher': one,
        [`requests a minute for ${many} watchers`]: all,
        'growth in MiB over a day': used.at(-1) - used[0],
      },
    };
  },
};
