import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { Clock } from '../../../src/emulator/clock.js';
import { Faults } from '../../../src/emulator/fault-list.js';
import { createEmulator, EmulatorOptionError, parseScenario, scenarios } from '../../../src/emulator/index.js';
import { scenarioSchema } from '../../../src/emulator/scenario.js';
import { SessionTokens } from '../../../src/emulator/tokens.js';

const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const validate = new Ajv2020({ strict: true }).compile(scenarioSchema);
/** What a JSON Schema cannot say: an end before its beginning, a value that is a directory, too, an IPv6 address of another form. */
const beyondSchema =
  /\.until must be later than from|^tree: .* is a value, not a directory$|^the key in .*hops must be .*, not '[^']*:/;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** A scenario with all there can be in one. */
const everything: Json = {
  ...JSON.parse(JSON.stringify(scenarios['eks-node'])),
  $schema: 'x',
  base: 'empty',
  seed: 7,
  tree: {
    a: 'b',
    'c/d': { e: null, f: { $base64: 'AAAA' }, g: { $template: '{{+2m}}' }, h: { $credentials: { lifetime: '1h' } } },
  },
  timeline: Object.values(scenarios).flatMap(({ timeline = [] }) => JSON.parse(JSON.stringify(timeline))),
  faults: [
    ...Object.values(scenarios).flatMap(({ faults = [] }) => JSON.parse(JSON.stringify(faults))),
    {
      kind: 'redirect',
      location: '/x',
      status: 307,
      paths: ['a/**', 'b'],
      method: 'PUT',
      times: 3,
      from: 5,
      until: '+1d',
    },
    { kind: 'refuse', from: '1s' },
    { kind: 'wrong-length', by: -3 },
    { kind: 'slow-body', interval: '5ms' },
    { kind: 'foreign-server', server: 'nginx' },
  ],
};

/** Every place in a JSON value, by the way that leads to it. */
function* places(value: Json, way: readonly string[] = []): Generator<readonly string[]> {
  yield way;
  if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) yield* places(inner, [...way, name]);
  }
}

/** The value with another one at a place, or nothing there, or the place under another name. */
function changed(value: Json, [name, ...rest]: readonly string[], change: Change): Json {
  if (name === undefined || typeof value !== 'object' || value === null) return change.to ?? null;
  if (Array.isArray(value)) {
    return value.flatMap((inner, index) => {
      if (String(index) !== name) return [inner];
      return rest.length === 0 && change.to === undefined ? [] : [changed(inner, rest, change)];
    });
  }
  const entries = Object.entries(value).flatMap(([own, inner]): [string, Json][] => {
    if (own !== name) return [[own, inner]];
    if (rest.length > 0) return [[own, changed(inner, rest, change)]];
    if (change.rename !== undefined) return [[change.rename, inner]];
    return change.to === undefined ? [] : [[own, change.to]];
  });
  return Object.fromEntries(entries);
}

interface Change {
  readonly to?: Json;
  readonly rename?: string;
}

const ways = [...places(everything)];
// Words and names of the scenarios, so that what is put somewhere may well be right there.
const words = [...new Set(JSON.stringify(everything).match(/[\w$+/{}.*-]+/g))];
const addresses = [
  '.',
  '1.2.3',
  '127.0.0.2',
  '127.0.0.02',
  '256.0.0.1',
  ':',
  '::1',
  '0::1',
  'fe80::1%br-0',
  '::1.2.3.4',
];
const leaf = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    0,
    -1,
    1,
    1.5,
    65,
    503,
    '',
    {},
    [],
    '+30s',
    '30',
    '1h',
    '/',
    '$',
    '/latest/user-data',
  ),
  fc.constantFrom(...words),
  fc.string({ maxLength: 8 }),
  fc.integer(),
);
const change: fc.Arbitrary<Change> = fc.oneof(
  leaf.map((to) => ({ to })),
  fc
    .dictionary(fc.oneof(fc.constantFrom(...words, ...addresses), fc.string()), leaf, { maxKeys: 2 })
    .map((to) => ({ to })),
  fc.constant({}),
  fc.oneof(fc.constantFrom(...words, '__proto__', 'constructor'), fc.string()).map((rename) => ({ rename })),
);

describe('scenario check', () => {
  it('accepts exactly what the JSON Schema accepts', () => {
    assert.equal(validate(everything), true, JSON.stringify(validate.errors));
    let accepted = 0;
    const runs = 3000;
    fc.assert(
      fc.property(fc.constantFrom(...ways), change, (way, to) => {
        const scenario: Json = JSON.parse(JSON.stringify(changed(everything, way, to)));
        const isAccepted = validate(scenario);
        if (isAccepted) {
          accepted += 1;
          try {
            assert.deepEqual(parseScenario(scenario), scenario);
          } catch (error) {
            if (!(error instanceof EmulatorOptionError && beyondSchema.test(error.message))) throw error;
          }
        } else {
          assert.throws(() => parseScenario(scenario), { code: 'ERR_EMULATOR_OPTION' });
        }
      }),
      { numRuns: runs },
    );
    assert.ok(accepted > runs / 20 && accepted < runs, `${accepted} of ${runs} were accepted`);
  });
});

describe('emulator clock', () => {
  it('shows its speed times the time since the start, plus what it was advanced by', () => {
    const ms = fc.integer({ min: 0, max: 10 ** 9 });
    fc.assert(
      fc.property(fc.constantFrom(0, 0.5, 1, 60), fc.array(fc.tuple(ms, ms)), (speed, steps) => {
        let real = launch;
        const clock = new Clock(() => real, speed);
        let [passed, moved] = [0, 0];
        for (const [pass, move] of steps) {
          real += pass;
          clock.advance(move);
          passed += pass;
          moved += move;
          assert.equal(clock.now(), Math.floor(launch + passed * speed + moved));
        }
      }),
    );
  });
});

describe('emulator timeline', () => {
  it('runs the same events at the same times in whatever steps the clock advances', async () => {
    const entry = fc.record({ at: fc.integer({ min: 0, max: 600 }), value: fc.integer({ min: 0, max: 99 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 8 }),
        async (entries, steps) => {
          const total = steps.reduce((sum, step) => sum + step, 0);
          const history = async (moves: readonly number[]) => {
            const events: string[] = [];
            await using emulator = await createEmulator({
              base: 'empty',
              now: () => launch,
              speed: 0,
              scenario: {
                timeline: entries.map(({ at, value }) => ({
                  at,
                  event: 'set',
                  path: `key-${value % 3}`,
                  value: String(value),
                })),
              },
              onEvent: ({ at, detail }) => events.push(`${at - launch} ${detail}`),
            });
            for (const move of moves) await emulator.advance(move);
            return events;
          };
          const inSteps = await history(steps);
          assert.deepEqual(inSteps, await history([total]));
          const due = entries.filter(({ at }) => at <= total).sort((one, other) => one.at - other.at);
          assert.deepEqual(
            inSteps,
            due.map(({ at, value }) => `${at} key-${value % 3} is set`),
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('emulator faults', () => {
  it('apply to the same requests for the same seed, whatever else is asked, and never too often', () => {
    const fault = fc.record({
      kind: fc.constant('newline' as const),
      paths: fc.constantFrom('a', 'b', '*'),
      probability: fc.double({ min: 0, max: 1, noNaN: true }),
      times: fc.integer({ min: 1, max: 5 }),
    });
    const asked = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 });
    fc.assert(
      fc.property(fc.nat(), fc.array(fault, { minLength: 1, maxLength: 4 }), asked, (seed, all, names) => {
        const matches = (asks: readonly string[]) => {
          const faults = new Faults(seed);
          const handles = all.map((one) => faults.add(one, launch));
          const matched = asks.map((name) =>
            faults.match('GET', `/latest/meta-data/${name}`, launch).map(({ fault: one, random }) => ({ one, random })),
          );
          return { matched, hits: handles.map(({ hits }) => hits) };
        };
        const { matched, hits } = matches(names);
        assert.deepEqual(matches(names), { matched, hits });
        for (const [index, one] of all.entries()) assert.ok((hits[index] ?? 0) <= one.times);
        // Those of other paths take nothing from a fault's random numbers.
        const onlyA = names.filter((name) => name === 'a');
        const ofA = (all: typeof matched, asks: readonly string[]) =>
          all.filter((_, index) => asks[index] === 'a').map((hit) => hit.filter(({ one }) => one.paths === 'a'));
        assert.deepEqual(ofA(matches(onlyA).matched, onlyA), ofA(matched, names));
      }),
    );
  });

  it('apply about as often as their probability says', () => {
    for (const probability of [0.02, 0.1, 0.5, 0.9]) {
      for (let seed = 0; seed < 5; seed++) {
        const faults = new Faults(seed);
        const { hits } = ((handle) => {
          for (let count = 0; count < 10_000; count++) faults.match('GET', '/', launch);
          return handle;
        })(faults.add({ kind: 'newline', probability }, launch));
        const deviation = Math.sqrt(10_000 * probability * (1 - probability));
        assert.ok(Math.abs(hits - 10_000 * probability) < 4 * deviation, `${hits} at ${probability}, seed ${seed}`);
      }
    }
  });
});

describe('emulator session token', () => {
  it('gives both its ends, and nothing once a character is changed', () => {
    const tokens = new SessionTokens();
    const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    fc.assert(
      fc.property(time, time, fc.nat(53), fc.constantFrom('A', 'Q', '_', '7'), (end, promisedEnd, place, letter) => {
        const token = tokens.issue({ end, promisedEnd });
        assert.match(token, /^AQAEA[\w-]{49}==$/);
        assert.deepEqual(tokens.lifeOf(token), { end, promisedEnd });
        const altered = token.slice(0, place) + letter + token.slice(place + 1);
        if (altered !== token) assert.equal(tokens.lifeOf(altered), undefined);
      }),
    );
  });
});
