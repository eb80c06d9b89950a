import assert from 'node:assert/strict';
import fc from 'fast-check';
import { categoryOf, rows } from '../../../src/metadata/lookup.js';

const row = fc.constantFrom(...rows());
const visible = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index));
const segment = fc
  .string({ unit: fc.constantFrom(...visible.filter((character) => !'/?#%\\'.includes(character))), minLength: 1 })
  .filter((text) => text !== '.' && text !== '..');

describe('the lookup of a category by its path', () => {
  const seed = Number(process.env['FAST_CHECK_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  const check = (property: fc.IRawProperty<unknown>, numRuns = 300) => fc.assert(property, { seed, numRuns });
  before(() => console.log(`    FAST_CHECK_SEED=${seed}`));

  it('finds the category of every template, its placeholders filled with legal parameters', () => {
    check(
      fc.property(
        row,
        fc.infiniteStream(segment),
        fc.nat(),
        fc.constantFrom('latest', '1.0', '2021-03-23'),
        fc.boolean(),
        ({ category }, segments, number, version, slash) => {
          const filled = category.template.replace(/\{([a-z-]+)\}/g, (_, name: string) =>
            name === 'n' ? String(number) : String(segments.next().value),
          );
          const asked = `/${version}/${filled.replace(/\/$/, '')}${slash ? '/' : ''}`;
          const found = categoryOf(asked);
          assert.equal(found?.path, asked);
          assert.equal(found?.template, category.template);
        },
      ),
      2000,
    );
  });

  it('finds a category, or none, at any path', () => {
    const anyPath = fc.oneof(
      fc.string(),
      fc
        .array(fc.constantFrom('latest', 'meta-data', 'dynamic', 'user-data', '', 'ebs1', 'x'), { maxLength: 6 })
        .map((parts) => `/${parts.join('/')}`),
    );
    check(
      fc.property(anyPath, (asked) => {
        const found = categoryOf(asked);
        assert.ok(found === undefined || found.path === asked);
      }),
    );
  });
});
