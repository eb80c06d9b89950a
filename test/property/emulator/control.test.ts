import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import {
  createEmulator,
  type Emulator,
  type EmulatorOptions,
  parseScenario,
  type TimelineEvent,
} from '../../../src/emulator/index.js';

const launch = Date.UTC(2026, 10, 23, 9);
const path = fc.constantFrom(
  ...['a', 'a/b', 'a/b/c', 'a/$x', 'spot', 'spot/termination-time', 'iam', 'iam/info', 'iam/security-credentials/r'],
  ...[
    'placement',
    'placement/region',
    'user-data',
    'dynamic/x',
    'meta-data/dynamic',
    'public-keys/0=my-key/openssh-key',
  ],
);
const content = fc.oneof(
  fc.string(),
  fc.uint8Array(),
  fc.constantFrom('{{', '2026-11-23T09:00:59Z and 2027-01-01T00:00:00Z'),
);
const value = fc.oneof(content, fc.dictionary(fc.constantFrom('b', 'c', 'd/e', '__proto__'), content));
const duration = fc.integer({ min: 0, max: 300_000 });
const event: fc.Arbitrary<TimelineEvent> = fc.oneof(
  fc.constantFrom<TimelineEvent>(
    ...[{ event: 'rebalance' } as const, { event: 'hibernate' } as const, { event: 'resume' } as const],
    ...[{ event: 'detach-role' } as const, { event: 'attach-role' } as const, { event: 'rotate-credentials' } as const],
    ...[{ event: 'break-trust' } as const, { event: 'maintenance', startsIn: '1s', lasts: '2m' } as const],
  ),
  duration.map((notice) => ({ event: 'spot-interruption', notice }) as const),
  duration.map((lag) => ({ event: 'attach-interface', mac: '0e:49:61:0f:c3:99', lag }) as const),
);
type Step = (emulator: Emulator) => unknown;
const change: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(path, value).map(
    ([at, one]) =>
      (emulator: Emulator) =>
        emulator.set(at, one),
  ),
  path.map((at) => (emulator: Emulator) => emulator.remove(at)),
  event.map((one) => (emulator: Emulator) => emulator.trigger(one)),
  duration.map((until) => (emulator: Emulator) => emulator.fault({ kind: 'refuse', until: until + 1 })),
);
const advance: fc.Arbitrary<Step> = duration.map((ms) => (emulator) => emulator.advance(ms));
const steps = fc.array(fc.oneof({ arbitrary: change, weight: 4 }, advance), { maxLength: 12 });
// The times in the tree of a scenario count from the start of each emulator that has it.
const changes = fc.array(change, { maxLength: 12 });

/** All that is shown, but for what counts from the start of each emulator. */
async function shown({ controlUrl }: Emulator) {
  const get = async (name: string) => JSON.parse(await (await fetch(`${controlUrl}/v1/${name}`)).text());
  const { options, running, clock, timeline, faults } = await get('state');
  const { 'meta-data': meta = {}, dynamic = {}, ...others } = await get('tree');
  const { iam: _, events: __, 'identity-credentials': ___, 'managed-ssh-keys': ____, ...rest } = meta;
  const { 'instance-identity': _____, ...documents } = dynamic;
  return {
    ...{ options, running, now: clock.now, rest, documents, others },
    timeline: timeline.map(({ time, event: one }: { time: string; event: object }) => ({ time, event: one })),
    faults: faults.filter(({ over }: { over: boolean }) => !over).length,
  };
}

describe('the scenario of the control service', () => {
  it('is the state, whatever has happened since it started, by such a scenario, too', async () => {
    await fc.assert(
      fc.asyncProperty(steps, changes, fc.constantFrom('instance', 'empty'), async (first, later, base) => {
        const tree = base === 'instance' ? { spot: null } : {};
        await using emulator = await still({ base, tree, now: () => launch });
        await using copy = await copyAfter(first, emulator);
        await (await copyAfter(later, copy)).close();
      }),
      { numRuns: 60 },
    );
  });
});

const still = (options: EmulatorOptions) => createEmulator({ control: true, speed: 0, ...options });

/** An emulator with the scenario of another, after some steps; asserts that it is as that one is. */
async function copyAfter(all: readonly Step[], emulator: Emulator): Promise<Emulator> {
  for (const one of all) {
    try {
      await one(emulator);
    } catch (error) {
      // A directory in the place of a value, or the other way round.
      assert.match(String(error), /cannot be set|is not a metadata path|is the maximum/);
    }
  }
  const text = await (await fetch(`${emulator.controlUrl}/v1/scenario`)).text();
  const now = emulator.now();
  const copy = await still({ scenario: parseScenario(text), now: () => now });
  assert.deepEqual(await shown(copy), await shown(emulator));
  return copy;
}
