import { Imds } from 'imds';
import { tsImport } from 'tsx/esm/api';
import { atMost, exactly, helper, line } from '../measure.mjs';

// Timers are no option of the client, so what is measured is the source, on a clock of its own.
const { Closing } = await tsImport('../../src/client/closing.ts', import.meta.url);
const { Poller } = await tsImport('../../src/watch/poller.ts', import.meta.url);

const minutes = 10;
const many = 100;
const day = 24 * 60 * 60_000;
const steps = 4;
const kinds = ['spot-interruption', 'rebalance', 'maintenance', 'target-lifecycle-state'];

/** Time that passes as fast as the polls are answered. */
class VirtualTime {
  #now = 0;
  #timer;
  clock = {
    now: () => this.#now,
    wallClock: () => this.#now,
    random: () => 0.5,
    setTimer: (act, ms) => {
      const timer = { act, at: this.#now + ms };
      this.#timer = timer;
      const cancel = () => {
        if (this.#timer === timer) this.#timer = undefined;
      };
      return { unref() {}, cancel };
    },
  };

  /** @param {number} ms @param {() => Promise<unknown>} settled */
  async pass(ms, settled) {
    const until = this.#now + ms;
    while (this.#timer !== undefined && this.#timer.at <= until) {
      const { act, at } = this.#timer;
      this.#timer = undefined;
      this.#now = Math.max(this.#now, at);
      act();
      await settled();
    }
    this.#now = until;
  }
}

/**
 * Watchers of a reader, on virtual time.
 *
 * @param {object} reader
 * @param {number} watchers
 */
function watching(reader, watchers) {
  const time = new VirtualTime();
  const closing = new Closing();
  let underWay = 0;
  const counted = (read) => async (options) => {
    underWay += 1;
    try {
      return await read(options);
    } finally {
      underWay -= 1;
    }
  };
  const { spot, events, autoscaling } = reader;
  const poller = new Poller(
    {
      spot: { instanceAction: counted(spot.instanceAction) },
      events: {
        recommendations: { rebalance: counted(events.recommendations.rebalance) },
        maintenance: { scheduled: counted(events.maintenance.scheduled) },
      },
      autoscaling: { targetLifecycleState: counted(autoscaling.targetLifecycleState) },
    },
    () => {},
    time.clock,
    closing,
  );
  const consume = async (notices) => {
    for await (const _ of notices);
  };
  for (let number = 0; number < watchers; number += 1) consume(poller.watch({ kinds })).catch(() => {});
  const settled = async () => {
    do await new Promise(setImmediate);
    while (underWay > 0);
  };
  return { pass: (ms) => time.pass(ms, settled), close: () => closing.close(new Error('over')) };
}

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'watch',
  what: `watchers of ${kinds.length} kinds: what the service is asked in a minute, and memory in use over a day, in virtual time`,
  limit: {
    'requests a minute for 1 watcher': exactly('31.0'),
    [`requests a minute for ${many} watchers`]: exactly('31.0'),
    // A poll leaves nothing behind: of 17,280, a hundred bytes each would be 1.6 MiB.
    'growth in MiB over a day': atMost(1),
  },

  async run() {
    const service = await helper('emulator.mjs');
    const perMinute = async (watchers) => {
      const imds = new Imds({ endpoint: service.first });
      const { pass, close } = watching(imds, watchers);
      await pass(60_000);
      await service.ask('requests');
      await pass(minutes * 60_000);
      const { PUT, GET } = await service.ask('requests');
      close();
      imds.close();
      return ((PUT + GET) / minutes).toFixed(1);
    };
    const one = await perMinute(1);
    const all = await perMinute(many);

    // Each poll finds something else, so that there is something to tell each time, and no wire: a day has too many polls.
    let polls = 0;
    const changing = async (value) => {
      polls += 1;
      return value(new Date(polls * 1000).toISOString());
    };
    const { pass, close } = watching(
      {
        spot: { instanceAction: () => changing((time) => ({ action: 'stop', time })) },
        events: {
          recommendations: { rebalance: () => changing((noticeTime) => ({ noticeTime })) },
          maintenance: {
            scheduled: () =>
              changing((NotBefore) => [{ EventId: `event-${polls}`, Code: '', State: '', Description: '', NotBefore }]),
          },
        },
        autoscaling: { targetLifecycleState: () => changing((time) => `state-${time}`) },
      },
      many,
    );
    await pass(day / 24);
    const used = [inUse()];
    for (let step = 0; step < steps; step += 1) {
      await pass(day / steps);
      used.push(inUse());
    }
    close();
    service.end();

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

/** MiB in use, inside the heap and outside. */
function inUse() {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
