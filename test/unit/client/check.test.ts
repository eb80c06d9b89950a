import assert from 'node:assert/strict';
import { checkOptions, milliseconds, oneOf, quoted, trueOrFalse } from '../../../src/client/check.js';

describe('quoted()', () => {
  const cases: readonly [unknown, string][] = [
    ['a "b"', '"a \\"b\\""'],
    [5, '5'],
    [Number.NaN, 'NaN'],
    [5n, '5'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [{ secret: 'x' }, 'object'],
    [['secret'], 'array of 1'],
    [() => {}, 'function'],
    [Symbol('x'), 'symbol'],
  ];
  for (const [value, text] of cases) it(`shows ${text}`, () => assert.equal(quoted(value), text));
});

describe('checkOptions()', () => {
  const checks = { deadlineMs: milliseconds(1), fresh: trueOrFalse };

  it('gives the checked values, those that are undefined left out', () => {
    assert.deepEqual(checkOptions({ deadlineMs: 5, fresh: undefined }, 'option ', checks), { deadlineMs: 5 });
  });

  for (const [options, message] of [
    [{ fresh: 1 }, 'call option fresh is 1: expected true or false'],
    [{ fersh: true }, 'unknown call option fersh: expected deadlineMs or fresh'],
    [{ constructor: 1 }, 'unknown call option constructor: expected deadlineMs or fresh'],
    [{ 'a\nb': true }, 'unknown call option "a\\nb": expected deadlineMs or fresh'],
    [{ ['x'.repeat(65)]: 1 }, `unknown call option "${'x'.repeat(64)}": expected deadlineMs or fresh`],
    [null, 'call options are null: expected an object'],
    ['a token', 'call options are string: expected an object'],
    [
      Object.create({ fresh: true }),
      'call option fresh is inherited or hidden: expected a property of the object itself',
    ],
    [
      new (class {
        readonly #ms = 5;
        get deadlineMs() {
          return this.#ms;
        }
      })(),
      'call option deadlineMs is inherited or hidden: expected a property of the object itself',
    ],
  ] as const)
    it(`refuses ${JSON.stringify(options)}: ${message}`, () => {
      assert.throws(() => checkOptions(options, 'call option ', checks), { code: 'ERR_IMDS_SETTINGS', message });
    });
});

describe('oneOf()', () => {
  it('lists words as a sentence does', () => assert.equal(oneOf(['a', 'b', 'c']), 'a, b or c'));
  it('returns a single word unchanged', () => assert.equal(oneOf(['a']), 'a'));
});
