import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import { picture } from '../../../scripts/hop-limit-picture.mjs';

describe('docs/images/hop-limit.svg', () => {
  it('shows what the doctor prints now (else: npm run docs)', () => {
    const committed = readFileSync(new URL('../../../docs/images/hop-limit.svg', import.meta.url), 'utf8');
    assert.equal(committed, picture());
  });

  it('says in words what it shows', () => {
    assert.match(
      picture(),
      /<desc id="desc">.* the token reply dies between instance and Docker bridge, with 2 it arrives\./,
    );
  });
});
