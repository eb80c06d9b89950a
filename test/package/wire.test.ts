import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'mocha';
import { guardedEnv } from '../support/guard.mjs';

const mocha = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'));

describe('the bundled got', () => {
  it('passes all tests of the client on a socket', () => {
    const imports = ['tsx/esm', './test/support/guard.mjs', './test/support/bundled-got.mjs'];
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        ...imports.map((name) => `--import=${name}`),
        mocha,
        '--no-config',
        '--extension=ts',
        '--timeout=60000',
        '--require=test/support/environment.mjs',
        '--require=test/support/hooks.mjs',
        ...['wire', 'odd-input', 'unix-socket'].map((name) => `test/integration/client/${name}.test.ts`),
      ],
      { encoding: 'utf8', env: guardedEnv() },
    );
    assert.equal(status, 0, stdout);
    assert.match(stdout, /\b[1-9]\d* passing/);
  });
});
