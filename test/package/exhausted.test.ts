import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { createEmulator } from '../../src/emulator/index.js';
import { guardedEnv } from '../support/guard.mjs';

const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url));
const program = `
  const { openSync } = require('node:fs');
  const { Imds } = require(process.argv[1]);
  const imds = new Imds({ endpoint: process.argv[2] });
  imds.instanceId().then((id) => {
    console.log(id);
    try {
      for (;;) openSync('/dev/null');
    } catch ({ code }) {
      console.log(code);
    }
    return imds.get('placement/region');
  }).catch(({ code }) => console.log('rejected', code));`;

describe('a process without a file descriptor left', () => {
  it('gets a rejection for its first failure, and is not ended by it', async function () {
    // There is no limit on file descriptors to set.
    if (process.platform === 'win32') this.skip();
    await using emulator = await createEmulator();
    const args = ['-c', 'ulimit -n 100; exec "$@"', 'sh', process.execPath, '--eval', program, library, emulator.url];
    const env = guardedEnv({ NODE_OPTIONS: undefined });
    const { stdout } = await promisify(execFile)('sh', args, { env, timeout: 60_000, killSignal: 'SIGKILL' });
    assert.equal(stdout, 'i-1234567890abcdef0\nEMFILE\nrejected EMFILE\n');
  });
});
