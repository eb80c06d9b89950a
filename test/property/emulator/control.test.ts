import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { createEmulator, type Emulator, parseScenario, type TimelineEvent } from '../../../src/emulator/index.js';

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
const step: fc.Arbitrary<(emulator: Emulator) => unknown> = fc.oneof(
  fc.tuple(path, value).map(
    ([at, one]) =>
      (emulator: Emulator) =>
        emulator.set(at, one),
  ),
  path.map((at) => (emulator: Emulator) => emulator.remove(at)),
  event.map((one) => (emulator: Emulator) => emulator.trigger(one)),
  duration.map((ms) => (emulator: Emulator) => emulator.advance(ms)),
  duration.map((until) => (emulator: Emulator) => emulator.fault({ kind: 'refuse', until: until + 1 })),
);

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
  it('is the state, whatever has happened', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.constantFrom('instance', 'empty'), async (steps, base) => {
        const tree = base === 'instance' ? { spot: null } : {};
        await using emulator = await createEmulator({ base, tree, control: true, speed: 0, now: () => launch });
        for (const one of steps) {
          try {
            await one(emulator);
          } catch (error) {
            // A directory in the place of a value, or the other way round.
            assert.match(String(error), /cannot be set|is no path|is the most/);
          }
        }
        const text = await (await fetch(`${emulator.controlUrl}/v1/scenario`)).text();
        const now = emulator.now();
        await using copy = await createEmulator({
          scenario: parseScenario(text),
          control: true,
          speed: 0,
          now: () => now,
        });
        assert.deepEqual(await shown(copy), await shown(emulator));
      }),
      { numRuns: 60 },
    );
  });
});
