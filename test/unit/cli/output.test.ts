import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { oneLine } from '../../../src/cli/output.js';
import { assertHeldBriefly } from '../../support/event-loop.js';

describe('text on one line', () => {
  it('has a space for each line break with the blanks around it, and other blanks as they are', () => {
    assert.equal(oneLine('a  b \r\n\t c\n\nd\n'), 'a  b c d ');
  });

  it('is made of long blanks without holding the event loop', async () => {
    const blanks = ' '.repeat(60_000);
    await assertHeldBriefly(() => oneLine(`a${blanks}b${blanks}\nc`));
    assert.equal(oneLine(`a${blanks}\nb`), 'a b');
  });
});
