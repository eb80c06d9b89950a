import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Closing } from '../../../src/client/closing.js';
import { ImdsResponseError, ImdsTimeoutError } from '../../../src/errors.js';
import type { MaintenanceEvent } from '../../../src/metadata/documents.js';
import type { NoticeOf } from '../../../src/watch/notices.js';
import { Poller } from '../../../src/watch/poller.js';
import type { NoticeReader } from '../../../src/watch/sources.js';
import { collect, VirtualTime } from '../../integration/watch/stand.js';

/** What happens in turn, to the service, to a slow consumer, and to time. */
type Step =
  | { readonly do: 'schedule'; readonly ids: readonly string[]; readonly version: number }
  | { readonly do: 'state'; readonly state: string | undefined }
  | { readonly do: 'fail'; readonly times: number; readonly silent: boolean }
  | { readonly do: 'take' }
  | { readonly do: 'join' }
  | { readonly do: 'pass'; readonly ms: number };

const ids = ['instance-event-0a', 'instance-event-0b', 'instance-event-0c'];
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('schedule' as const), ids: fc.subarray(ids), version: fc.integer({ min: 0, max: 2 }) }),
    fc.record({
      do: fc.constant('state' as const),
      state: fc.constantFrom(undefined, 'InService', 'Standby', 'Terminated'),
    }),
    fc.record({ do: fc.constant('fail' as const), times: fc.integer({ min: 1, max: 4 }), silent: fc.boolean() }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('join' as const) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 130_000 }) }),
  ),
  { maxLength: 40 },
);

/** A service without a wire, of which no more is there than a watch for these two kinds asks. */
class Service {
  scheduled: readonly MaintenanceEvent[] = [];
  state: string | undefined;
  failures: Error[] = [];
  reads = 0;

  readonly reader = {
    events: { maintenance: { scheduled: () => this.#answer(() => this.scheduled) } },
    autoscaling: { targetLifecycleState: () => this.#answer(() => this.state) },
  } as unknown as NoticeReader;

  async #answer<T>(value: () => T): Promise<T> {
    this.reads += 1;
    const failure = this.failures.shift();
    if (failure) throw failure;
    return value();
  }
}

type Delivered = NoticeOf<'maintenance' | 'target-lifecycle-state'>;

/** A consumer's picture, from the notices delivered to it. */
class Belief {
  readonly facts = new Map<string, string>();
  readonly seen: Delivered[] = [];

  hear(notice: Delivered): void {
    const [key, facts, previous] =
      notice.kind === 'maintenance'
        ? [notice.event.EventId ?? '', notice.event, notice.previous?.event]
        : ['state', notice.state, notice.previous?.state];
    const text = JSON.stringify(facts);
    const before = this.facts.get(key);
    assert.equal(
      before === undefined,
      notice.change === 'present' || notice.change === 'appeared',
      'delivered twice, or never',
    );
    if (notice.change === 'changed')
      assert.deepEqual({ before, is: before !== text }, { before: JSON.stringify(previous), is: true });
    if (notice.change === 'withdrawn') assert.equal(before, text);
    if (notice.change === 'withdrawn') this.facts.delete(key);
    else this.facts.set(key, text);
    this.seen.push(notice);
  }
}

const kinds = ['maintenance', 'target-lifecycle-state'] as const;

describe('a watch', () => {
  it('leaves each consumer, however slow, late or cut off, with the truth, and delivers nothing twice', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (story) => {
        const service = new Service();
        const time = new VirtualTime();
        const closing = new Closing();
        const poller = new Poller(service.reader, () => {}, time.clock, closing);
        const fast = [collect(poller.watch({ kinds }))];
        const slow = poller.watch({ kinds });
        const waiting: Promise<IteratorResult<Delivered, undefined>>[] = [];
        for (const step of story) {
          if (step.do === 'state') service.state = step.state;
          else if (step.do === 'pass') await time.pass(step.ms);
          else if (step.do === 'take') waiting.push(slow.next());
          else if (step.do === 'join') fast.push(collect(poller.watch({ kinds })));
          else if (step.do === 'fail')
            service.failures = Array.from({ length: step.times }, () =>
              step.silent
                ? new ImdsTimeoutError('silence', { phase: 'response' })
                : new ImdsResponseError('503', { fault: 'status', statusCode: 503 }),
            );
          else
            service.scheduled = step.ids.map((EventId) => ({
              EventId,
              Code: 'system-reboot',
              State: 'active',
              Description: `version ${step.version}`,
              NotBefore: '2026-12-01T09:00:00Z',
            }));
        }
        // Longer than what failed so often is left alone.
        await time.pass(600_000);
        // As many more as there can be to tell, and then none.
        for (let more = 0; more <= 2 * ids.length + 2; more += 1) waiting.push(slow.next());
        await time.pass(600_000);
        await slow.return();
        const truth = new Map(service.scheduled.map((event) => [event.EventId, JSON.stringify(event)]));
        if (service.state !== undefined) truth.set('state', JSON.stringify(service.state));

        const bySlow = (await Promise.all(waiting)).flatMap(({ value }) => value ?? []);
        for (const notices of [...fast.map((each) => each.notices), bySlow]) {
          const belief = new Belief();
          for (const notice of notices) belief.hear(notice);
          assert.deepEqual([...belief.facts].sort(), [...truth].sort());
        }
        closing.close();
        assert.deepEqual(time.timers, { all: 0, ref: 0 });
      }),
      { numRuns: 200 },
    );
  });

  it('asks no more often for many than for one, and never faster than its interval', async () => {
    const joins = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        joins,
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        async (pauses, chance) => {
          const service = new Service();
          const time = new VirtualTime();
          const random = () => chance.next().value;
          const closing = new Closing();
          const poller = new Poller(service.reader, () => {}, { ...time.clock, random }, closing);
          for (const pause of pauses) {
            collect(poller.watch({ kinds: ['target-lifecycle-state'] }));
            await time.pass(pause);
          }
          const passed = time.clock.now();
          // Every 10 seconds, a tenth earlier at the most, and once at the start.
          assert.ok(service.reads <= 1 + passed / 9000, `${service.reads} in ${passed} ms`);
          assert.ok(service.reads >= Math.floor(passed / 11_000), `${service.reads} in ${passed} ms`);
          closing.close();
        },
      ),
      { numRuns: 100 },
    );
  });
});
