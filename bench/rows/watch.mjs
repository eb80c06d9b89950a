import { tsImport } from 'tsx/esm/api';
import { atMost, exactly, inUse, line } from '../measure.mjs';

// Timers are no option of the client, so what is measured is the source, on the virtual time of its tests.
const { pollerOn, stand, VirtualTime } = await tsImport('../../test/integration/watch/stand.ts', import.meta.url);

const minutes = 10;
const many = 100;
const day = 24 * 60 * 60_000;
const steps = 4;

/**
 * @param {object} poller
 * @param {number} watchers
 */
function watch(poller, watchers) {
  const consume = async (notices) => {
    for await (const _ of notices);
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
    'growth in MiB over a day': atMost(1),
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
