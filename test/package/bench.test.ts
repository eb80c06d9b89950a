import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { guardedEnv } from '../support/guard.mjs';

const run = promisify(execFile);
const rows = readdirSync('bench/rows').map((file) => file.replace('.mjs', ''));

describe('a row of the benchmarks measures what it says, run for a moment', () => {
  for (const row of rows)
    it(row, async () => {
      const {
        code = 0,
        stdout,
        stderr,
      } = await run(process.execPath, ['bench/run.mjs', '--try', row], {
        env: guardedEnv(),
      }).catch((failed) => failed);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /^ {2}holds {2}/m);
    });
});
