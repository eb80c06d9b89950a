import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Scenario, scenarios } from '../../../src/emulator/index.js';
import { noticeKinds } from '../../../src/watch/notices.js';
import { collect, stand } from './stand.js';

const minute = 60_000;
const bySecond = (a: string, b: string): number =>
  Number.parseInt(a, 10) - Number.parseInt(b, 10) || a.localeCompare(b);

/** One notice as `second kind change`, and what distinguishes it from others of its kind. */
async function story(scenario: Scenario, forMs: number, kinds = noticeKinds) {
  await using s = await stand({ scenario });
  const { notices } = collect(s.poller.watch({ kinds }));
  await s.time.pass(forMs);
  const start = Date.parse(s.time.iso(0));
  const delivered = notices.map(
    ({ kind, change, seenAt }) => `${(Date.parse(seenAt) - start) / 1000} ${kind} ${change}`,
  );
  return { delivered, notices, events: s.events, tokens: s.tokensAsked() };
}

describe("a watch along an emulator's timeline", () => {
  it('delivers each event with the next poll of its kind', async () => {
    const mac = '0e:49:61:0f:c3:99';
    const { delivered, events } = await story(
      {
        ...scenarios.everything,
        timeline: [
          { at: '+62s', event: 'rebalance' },
          { at: '+65s', event: 'maintenance', startsIn: '2m', lasts: '1m' },
          { at: '+71s', event: 'autoscaling', state: 'Terminated' },
          { at: '+130s', event: 'rotate-credentials' },
          { at: '+131s', event: 'set', path: 'tags/instance/Name', value: 'web-2' },
          { at: '+132s', event: 'attach-interface', mac, lag: '20s' },
          { at: '+200s', event: 'detach-interface', mac },
          { at: '+241s', event: 'spot-interruption', action: 'terminate' },
          { at: '+300s', event: 'remove', path: 'spot' },
        ],
      },
      5.5 * minute,
    );
    // Within one poll, what is answered first is delivered first.
    assert.deepEqual(delivered.toSorted(bySecond), [
      '0 addresses present',
      '0 addresses present',
      '0 credentials present',
      '0 tags present',
      '0 target-lifecycle-state present',
      '65 rebalance appeared',
      '80 target-lifecycle-state changed',
      '120 maintenance appeared',
      '150 addresses appeared',
      '180 addresses changed',
      '180 credentials changed',
      '180 tags changed',
      '210 addresses withdrawn',
      '245 spot-interruption appeared',
      '300 maintenance withdrawn',
      '300 spot-interruption withdrawn',
    ]);
    assert.deepEqual(events, []);
  });

  it('delivers a stop, misses what the stopped instance missed, and goes on with a new token', async () => {
    const { delivered, events, tokens } = await story(
      {
        timeline: [
          { at: '+31s', event: 'spot-interruption', action: 'stop' },
          { at: '+10m', event: 'resume' },
          { at: '+11m', event: 'spot-interruption', action: 'hibernate', notice: '30s' },
        ],
      },
      11.4 * minute,
      ['spot-interruption'],
    );
    assert.deepEqual(delivered, [
      '35 spot-interruption appeared',
      // Back at 600, and found within what is the longest pause after failures: half a minute and up to a quarter.
      '609.25 spot-interruption withdrawn',
      '664.25 spot-interruption appeared',
    ]);
    assert.deepEqual([...new Set(events.map(({ action }) => action))], ['failed', 'recovered']);
    assert.equal(tokens, 2);
  });
});
