import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { createEmulator, type Fault, parseScenario, type TimelineEntry } from '../../../src/emulator/index.js';
import { assertHeldBriefly, processorMs } from '../../support/event-loop.js';
import { ask, connect, token } from './socket.js';

/** `work` for ten times as much takes ten times as long, give or take; the square would be a hundred times. */
async function assertLinear(count: number, work: (count: number) => Promise<unknown>): Promise<void> {
  const spent = async (size: number): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 3; round++) {
      const before = processorMs();
      await work(size);
      times.push(processorMs() - before);
    }
    return Math.min(...times);
  };
  await spent(count);
  const [few, many] = [await spent(count), await spent(10 * count)];
  assert.ok(many < 40 * Math.max(few, 2), `${count}: ${few} ms, ${10 * count}: ${many} ms`);
}

// What the headers of a request hold.
const longest = 7900;
const deep = `/latest/${'a/'.repeat(longest / 2)}`;
const wide = `/latest/${'a'.repeat(longest)}`;

describe('bounds of the emulator', () => {
  const patterns = [
    '**/a/**/a/**/a/**/b',
    `/${'**/a/'.repeat(50)}b`,
    `/latest/${'*a'.repeat(120)}b`,
    `${'**/*a*a*a*b/'.repeat(20)}b`,
    `/${'*'.repeat(255)}`,
  ];
  for (const paths of patterns) {
    it(`compares the longest paths with ${paths.slice(0, 40)} without blocking the event loop`, async () => {
      await using emulator = await createEmulator({ scenario: { faults: [{ kind: 'newline', paths }] } });
      for (const target of [deep, wide])
        await assertHeldBriefly(async () => assert.equal((await ask(emulator, 'GET', target)).status, 404));
    });
  }

  it('compares a request with the most faults without blocking the event loop', async () => {
    const faults = Array.from(
      { length: 1000 },
      (_, index): Fault => ({ kind: 'newline', paths: `**/x${index}/**/y*z` }),
    );
    await using emulator = await createEmulator({ scenario: { faults } });
    await assertHeldBriefly(async () => assert.equal((await ask(emulator, 'GET', deep)).status, 404));
  });

  const refused: readonly [what: string, scenario: object, message: RegExp][] = [
    [
      'events',
      { timeline: Array(10_000).fill({ at: 0, event: 'rebalance' }) },
      /^timeline has 10000 items; the maximum is 1000$/,
    ],
    ['faults', { faults: Array(10_000).fill({ kind: 'empty' }) }, /^faults has 10000 items; the maximum is 1000$/],
    [
      'patterns',
      { faults: [{ kind: 'empty', paths: Array(1000).fill('iam/**') }] },
      /^faults\[0\]\.paths must be a pattern .* or a list of up to 100, /,
    ],
    ['names in a path', { tree: { ['a/'.repeat(1000)]: 'x' } }, /^tree: .* is too long: a path has at most 100 names$/],
  ];
  for (const [what, scenario, message] of refused) {
    it(`refuses ten times too many ${what} without blocking the event loop`, async () => {
      await assertHeldBriefly(() => assert.throws(() => parseScenario(scenario), { message }));
      await assert.rejects(createEmulator({ scenario }), { message });
    });
  }

  it('refuses one fault more than the most, and takes it when another has ended', async () => {
    await using emulator = await createEmulator({ speed: 0 });
    const handles = Array.from({ length: 999 }, () => emulator.fault({ kind: 'newline', paths: 'x' }));
    emulator.fault({ kind: 'newline', paths: 'x', until: '1s' });
    const message = 'there are 1000 faults already, which is the maximum; remove one first';
    assert.throws(() => emulator.fault({ kind: 'empty' }), { code: 'ERR_EMULATOR_OPTION', message });
    handles[0]?.remove();
    emulator.fault({ kind: 'newline', paths: 'instance-id', times: 1 });
    assert.throws(() => emulator.fault({ kind: 'empty' }), { message });
    assert.match((await ask(emulator, 'GET', '/latest/meta-data/instance-id')).body, /\n$/);
    emulator.fault({ kind: 'newline', paths: 'x' });
    await emulator.advance(1000);
    emulator.fault({ kind: 'newline', paths: 'x' });
    assert.throws(() => emulator.fault({ kind: 'empty' }), { message });
  });

  const events: readonly TimelineEntry[] = [
    { at: '1s', event: 'set', path: 'a', value: 'b' },
    { at: '1s', event: 'break-trust' },
    { at: '1s', event: 'maintenance' },
    { at: '1s', event: 'spot-interruption', notice: '14d' },
    { at: '1s', event: 'attach-interface', mac: '0e:49:61:0f:c3:99' },
    { at: '1s', event: 'rotate-credentials' },
    { at: '1s', event: 'fault', fault: { kind: 'newline', paths: 'x' } },
    { at: '1s', event: 'replace-root-volume', imageId: 'ami-1' },
  ];
  for (const entry of events) {
    it(`runs the most ${entry.event} events, all due at once, without blocking the event loop`, async () => {
      const scenario = { timeline: Array.from({ length: 1000 }, () => entry) };
      await assertHeldBriefly(async () => {
        await using emulator = await createEmulator({ scenario, speed: 0 });
        await new Promise((resolve) => setTimeout(resolve, 20));
        await emulator.advance(1000);
      });
    });
  }

  it('sets values in a time that grows as their number, at once or one by one', async () => {
    const values = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']));
    await assertLinear(2000, async (count) => {
      await using emulator = await createEmulator({ tree: { 'tags/instance': values(count) } });
      for (const [name, value] of Object.entries(values(count))) emulator.set(`more/${name}`, value);
      for (const name of Object.keys(values(count))) emulator.remove(`more/${name}`);
    });
  });

  it('keeps 1,024 characters of a path, and no token beside them', async () => {
    await using emulator = await createEmulator();
    const session = await token(emulator);
    for (const target of [deep, `${'/a'.repeat(500)}/${session}/${'a/'.repeat(500)}`])
      await ask(emulator, 'GET', target);
    const [, first, second] = emulator.requests.map(({ path }) => path);
    assert.equal(first, `${deep.slice(0, 1024)}…`);
    assert.equal(second, `${`${'/a'.repeat(500)}/…/${'a/'.repeat(500)}`.slice(0, 1024)}…`);
  });

  it('keeps no more than 1,024 silent connections, and answers meanwhile', async function () {
    this.timeout(120_000);
    await using emulator = await createEmulator();
    const sockets = [];
    for (let count = 0; count < 2048; count++) {
      const socket = await connect(emulator.url);
      sockets.push(socket.on('error', () => {}).resume());
    }
    while (sockets.filter(({ destroyed }) => !destroyed).length > 1024) await new Promise(setImmediate);
    assert.equal((await ask(emulator, 'GET', '/latest/')).status, 200);
    for (const socket of sockets) socket.destroy();
  });
});
