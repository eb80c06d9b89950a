import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Clock } from '../../../src/client/clock.js';
import { Closing } from '../../../src/client/closing.js';
import { Events } from '../../../src/client/events.js';
import { CredentialsSource } from '../../../src/credentials/provider.js';
import { ImdsResponseError, ImdsTimeoutError } from '../../../src/errors.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const deadlineMs = 5 * second;

/** New credentials, `leadMs` before the end of the ones before, valid for `lifeMs`. */
interface Rotation {
  readonly leadMs: number;
  readonly lifeMs: number;
}

/** A span in which reads fail, with an answer or by silence. */
interface Outage {
  readonly afterMs: number;
  readonly forMs: number;
  readonly silent: boolean;
}

interface Story {
  readonly rotations: readonly Rotation[];
  readonly outages: readonly Outage[];
  /** Milliseconds each read takes, in turn. */
  readonly latencies: readonly number[];
  /** When callers come: after the one before, or before the end of the newest credentials. */
  readonly visits: readonly { readonly ms: number; readonly beforeEnd: boolean }[];
  /** Random numbers, in turn. */
  readonly chances: readonly number[];
  /** This machine's clock: how far it is off, and an event some time after the start. */
  readonly clock: {
    readonly skewMs: number;
    readonly event: 'none' | 'hibernation' | 'set back';
    readonly afterMs: number;
  };
}

/** Credentials by number, and their validity. */
interface Set {
  readonly number: number;
  readonly from: number;
  readonly to: number;
}

/** One call and its result. */
interface Call {
  readonly at: number;
  readonly endedAt: number | undefined;
  /** Number of the credentials returned; undefined after a failure. */
  readonly given: number | undefined;
}

/** Virtual time: runs what is due, in order. */
class Timeline {
  now = launch;
  readonly #due: { readonly at: number; happen: () => void }[] = [];

  setTimer(happen: () => void, ms: number): ReturnType<Clock['setTimer']> {
    const entry = { at: this.now + ms, happen };
    this.#due.push(entry);
    const cancel = () => {
      entry.happen = () => {};
    };
    return { unref() {}, cancel };
  }

  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settle();
      this.#due.sort((one, other) => other.at - one.at);
      const next = this.#due.at(-1);
      if (!next || next.at > end) break;
      this.#due.pop();
      this.now = next.at;
      next.happen();
    }
    this.now = end;
  }
}

/** Runs everything that does not wait for time to pass. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const inTurn = <T>(items: readonly T[], fallback: T): (() => T) => {
  let index = 0;
  return () => items[index++ % items.length] ?? fallback;
};

const instant = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** Plays a story; returns what was read and what each caller got. */
async function play({ rotations, outages, latencies, visits, chances, clock }: Story) {
  const timeline = new Timeline();
  const sets: Set[] = [];
  for (const { leadMs, lifeMs } of rotations) {
    const from = Math.max(launch, (sets.at(-1)?.to ?? launch) - leadMs);
    sets.push({ number: sets.length, from, to: from + lifeMs });
  }
  const newest = (): Set => sets.findLast(({ from }) => from <= timeline.now) ?? { number: -1, from: 0, to: 0 };
  const outage = (): Outage | undefined =>
    outages.find(({ afterMs, forMs }) => timeline.now >= launch + afterMs && timeline.now < launch + afterMs + forMs);

  const latency = inTurn(latencies, 0);
  const reads: { readonly from: number; to: number; readonly failed: boolean }[] = [];
  const elapsed = () => timeline.now - launch;
  const isAfter = () => elapsed() >= clock.afterMs;
  const source = new CredentialsSource({
    closing: new Closing(),
    reader: {
      ask: (_path, { deadlineMs: limitMs = deadlineMs }) =>
        new Promise((resolve, reject) => {
          const { silent } = outage() ?? {};
          const ms = silent ? Number.POSITIVE_INFINITY : latency();
          const failed = silent !== undefined || ms > limitMs;
          const read = { from: timeline.now, to: Number.POSITIVE_INFINITY, failed };
          reads.push(read);
          timeline.setTimer(
            () => {
              read.to = timeline.now;
              if (ms > limitMs) reject(new ImdsTimeoutError('silence', { phase: 'deadline' }));
              else if (failed) reject(new ImdsResponseError('busy', { fault: 'status', statusCode: 503 }));
              else resolve({ text: text(newest()), servedAt: timeline.now });
            },
            Math.min(ms, limitMs),
          );
        }),
    },
    accountId: () => Promise.reject(new Error('nobody wants it')),
    settings: () => ({
      ...{ deadlineMs, roleName: 'web-role', staticStability: true },
      ...{ maxAttempts: 3, retryDelayMs: 100, waitMs: 0 },
    }),
    events: new Events(undefined),
    clock: {
      running: elapsed,
      setDeadline: (act, at) => timeline.setTimer(act, at - elapsed()).cancel,
      now: () =>
        elapsed() - (clock.event === 'hibernation' && isAfter() ? Math.min(elapsed() - clock.afterMs, hour) : 0),
      wallClock: () => timeline.now + clock.skewMs - (clock.event === 'set back' && isAfter() ? 3 * hour : 0),
      random: inTurn(chances, 0),
      setTimer: (act, ms) => timeline.setTimer(act, ms),
    },
  });

  const text = ({ number, from, to }: Set): string =>
    JSON.stringify({
      Code: 'Success',
      LastUpdated: instant(from),
      AccessKeyId: String(number),
      SecretAccessKey: 'secret',
      Token: 'token',
      Expiration: instant(to),
    });

  const calls: Call[] = [];
  const last = sets.at(-1)?.to ?? 0;
  for (const { ms, beforeEnd } of visits) {
    const untilThen = beforeEnd ? newest().to - ms - timeline.now : ms;
    if (untilThen > 0) await timeline.advance(untilThen);
    if (timeline.now >= last - minute) break;
    const at = timeline.now;
    const index = calls.push({ at, endedAt: undefined, given: undefined }) - 1;
    source.credentials().then(
      ({ accessKeyId }) => {
        calls[index] = { at, endedAt: timeline.now, given: Number(accessKeyId) };
      },
      () => {
        calls[index] = { at, endedAt: timeline.now, given: undefined };
      },
    );
    await settle();
  }
  await timeline.advance(deadlineMs);
  return { sets, reads, refreshes: refreshesOf(reads), calls };
}

interface Read {
  readonly from: number;
  readonly to: number;
  readonly failed: boolean;
}

interface Refresh extends Read {
  readonly servedAt: number;
  readonly isConfirmed: boolean;
}

/** Reads, those of one refresh as one: another one at once confirms a clock that differs from this machine's. */
function refreshesOf(reads: readonly Read[]): readonly Refresh[] {
  const refreshes: Refresh[] = [];
  for (const read of reads) {
    const before = refreshes.at(-1);
    if (!before || before.failed || before.to !== read.from)
      refreshes.push({ ...read, servedAt: read.to, isConfirmed: !read.failed });
    else
      refreshes[refreshes.length - 1] = {
        ...before,
        to: read.to,
        servedAt: read.failed ? before.servedAt : read.to,
        isConfirmed: !read.failed,
      };
  }
  return refreshes;
}

const chances = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
  minLength: 1,
  maxLength: 20,
});
const visits = fc.array(
  fc.oneof(
    fc.record({ ms: fc.integer({ min: 0, max: 20 * second }), beforeEnd: fc.constant(false) }),
    fc.record({ ms: fc.integer({ min: 0, max: 10 * minute }), beforeEnd: fc.constant(false) }),
    fc.record({ ms: fc.integer({ min: 0, max: 3 * hour }), beforeEnd: fc.constant(false) }),
    fc.record({ ms: fc.integer({ min: 0, max: 20 * minute }), beforeEnd: fc.constant(true) }),
  ),
  { minLength: 2, maxLength: 60 },
);
const clock = fc.record({
  skewMs: fc.integer({ min: -48 * hour, max: 48 * hour }),
  event: fc.constantFrom('none' as const, 'hibernation' as const, 'set back' as const),
  afterMs: fc.integer({ min: 0, max: 12 * hour }),
});
const lifeMs = fc.integer({ min: 20, max: 720 }).map((minutes) => minutes * minute);
const rotationsWith = (least: number, most: number) =>
  fc.array(fc.record({ lifeMs, leadMs: fc.integer({ min: least * minute, max: most * minute }) }), {
    minLength: 2,
    maxLength: 5,
  });
const quick = fc.array(fc.integer({ min: 0, max: 4 * second }), { minLength: 1, maxLength: 5 });

/** The service as AWS promises it: new credentials at least five minutes early, and every read answered. */
const onTime: fc.Arbitrary<Story> = fc.record({
  rotations: rotationsWith(5, 15),
  outages: fc.constant([]),
  latencies: quick,
  visits,
  chances,
  clock,
});

/** A service that is late, slow, busy or silent. */
const unreliable: fc.Arbitrary<Story> = fc.record({
  rotations: rotationsWith(-120, 15),
  outages: fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 24 * hour }),
      forMs: fc.integer({ min: second, max: 6 * hour }),
      silent: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  latencies: fc.array(fc.integer({ min: 0, max: 7 * second }), { minLength: 1, maxLength: 5 }),
  visits,
  chances,
  clock,
});

describe('CredentialsSource with random callers and outages', () => {
  const seed = Number(process.env['FAST_CHECK_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  const check = (story: fc.Arbitrary<Story>, judge: (played: Awaited<ReturnType<typeof play>>) => void) =>
    fc.assert(
      fc.asyncProperty(story, async (told) => judge(await play(told))),
      { seed, numRuns: 150 },
    );
  before(() => console.log(`    FAST_CHECK_SEED=${seed}`));

  it('never returns expired credentials when the service is on time', async () => {
    await check(onTime, ({ sets, calls }) => {
      for (const { at, endedAt, given } of calls) {
        assert.ok(given !== undefined && endedAt !== undefined, `the call at ${at} failed`);
        assert.ok(endedAt < (sets[given]?.to ?? 0), `set ${given} was returned past its end`);
      }
    });
  });

  it('makes one read at a time', async () => {
    await check(fc.oneof(onTime, unreliable), ({ reads }) => {
      for (const [index, { from }] of reads.entries())
        assert.ok(index === 0 || (reads[index - 1]?.to ?? 0) <= from, 'two reads at once');
    });
  });

  it('never waits while the current credentials have more than a minute left', async () => {
    await check(fc.oneof(onTime, unreliable), ({ sets, refreshes, calls }) => {
      for (const { at, endedAt } of calls) {
        const obtained = refreshes.filter(({ to, failed }) => !failed && to <= at).at(-1);
        const atHand = obtained && sets.findLast(({ from }) => from <= obtained.servedAt);
        // A read takes seconds, which count against what was read.
        if (obtained?.isConfirmed && atHand && atHand.to - at > minute + deadlineMs)
          assert.equal(endedAt, at, 'a call waited');
      }
    });
  });

  it('always returns credentials after the first success, when the service is late, slow, busy or silent', async () => {
    await check(unreliable, ({ calls }) => {
      const first = calls.findIndex(({ given }) => given !== undefined);
      for (const { given } of first < 0 ? [] : calls.slice(first)) assert.ok(given !== undefined);
    });
  });

  it('reads every ten seconds at most, and past the end every five minutes', async () => {
    await check(fc.oneof(onTime, unreliable), ({ sets, refreshes }) => {
      let atHand: Set | undefined;
      for (const [index, read] of refreshes.entries()) {
        const newest = read.failed ? atHand : sets.findLast(({ from }) => from <= read.servedAt);
        const next = refreshes[index + 1];
        if (atHand && next && newest === atHand) {
          const leftMs = atHand.to - read.to;
          const leastMs = leftMs > deadlineMs ? Math.min(10 * second, leftMs) : leftMs < -deadlineMs ? 5 * minute : 0;
          // A clock that is read when the request leaves is ahead by as long as that takes.
          assert.ok(next.from - read.to >= leastMs - deadlineMs, `${next.from - read.to} ms after the last`);
        }
        atHand = newest;
      }
    });
  });
});
