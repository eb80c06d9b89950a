import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { binary, demanded, environment, obstacle, outcome, users } from './labs.js';

const page = readFileSync('docs/lab.md', 'utf8');
/** Each command of the page that is shown with what it prints. */
const experiments = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
  [...block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = '', output = '']) => ({ command, output })),
);

describe('docs/lab.md', () => {
  let folder = '';
  before(async function () {
    this.timeout(240_000);
    demanded(this, await obstacle());
    folder = mkdtempSync(join(tmpdir(), 'imds-lab-'));
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'imds'), `#!/bin/sh\nexec '${process.execPath}' '${binary}' "$@"\n`, { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { command, output } of experiments)
    it(`shows what is printed: ${command}`, async () => {
      const [program = '', ...args] = [...users['an unprivileged user'], 'sh', '-c', command];
      const env = environment({ PATH: `${folder}:${process.env['PATH']}`, LANG: 'C.UTF-8' });
      const { stdout, stderr } = await outcome(spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] }));
      // What is served ends its line at a terminal alone.
      assert.equal(stdout.replace(/\n?$/, '\n') + stderr, output);
    });

  it('has five experiments with what they print', () => assert.equal(experiments.length, 9));
});
