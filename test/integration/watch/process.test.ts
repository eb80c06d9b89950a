import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { createEmulator, type Tree } from '../../../src/emulator/index.js';
import { DocExamples } from '../../support/doc-examples.js';
import { guardedEnv } from '../../support/guard.mjs';

const run = promisify(execFile);
const client = new URL('../../../src/imds.ts', import.meta.url).href;

/** Runs a script that has a client `imds`; fails if the process does not end by itself. */
async function script(code: string, tree: Tree = { spot: null }): Promise<string> {
  await using emulator = await createEmulator({ scenario: 'everything', tree });
  const given = `import { Imds } from '${client}';\nconst imds = new Imds();\n${code}`;
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', given], {
    env: guardedEnv(emulator.env),
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  return stdout;
}

describe('a process that watches', () => {
  const quiet = "kinds: ['spot-interruption']";
  for (const [title, code] of [
    ['with a watch that does not keep it alive', `void imds.watch({ ${quiet}, persistent: false }).next();`],
    ['with a drain hook', 'imds.onInterruption(() => {});'],
    ['with a watch that was never begun', `imds.watch({ ${quiet} });`],
    ['when the loop is left', 'for await (const notice of imds.watch()) break;'],
    [
      'when the watch is aborted',
      `const signal = AbortSignal.timeout(50);
       await imds.watch({ ${quiet}, signal }).next().catch((error) => { if (error.cause !== signal.reason) throw error; });`,
    ],
    [
      'when the client is closed',
      `void imds.watch({ ${quiet} }).next().catch(() => {}); setTimeout(() => imds.close(), 50);`,
    ],
  ] as const)
    it(`ends by itself ${title}`, async () => {
      const started = Date.now();
      const ended = await script(`${code}\nprocess.on('exit', () => console.log(Date.now()));`);
      // Else it would have gone on for the five seconds until the next poll, and then for ever.
      assert.ok(Number(ended) >= started);
    });

  it('stays alive until the loop is left, with nothing else to do', async () => {
    const code = `
      const notices = imds.watch({ ${quiet} });
      const next = notices.next();
      // Neither this timer nor anything but the watch keeps the process.
      setTimeout(() => { console.log('still here'); notices.return(); }, 1500).unref();
      console.log((await next).done);`;
    assert.equal(await script(code), 'still here\ntrue\n');
  });

  it('drains as docs/watching.md shows it', async () => {
    using examples = new DocExamples('watching.md');
    assert.equal(examples.all.length, 2);
    const code = examples.all.join('').replace(/^[\s\S]*?const imds = .*\n/, '');
    const given = `
      const stop = new AbortController();
      const { signal } = stop;
      const drained = [];
      const drain = async (ms) => {
        drained.push(ms === undefined ? 'for good' : 'in a hurry');
        if (drained.length === 3) { console.log(drained.sort().join()); stop.abort(); }
      };
      const queue = { drain: async ({ signal }) => { if (!signal.aborted) await drain(1); } };`;
    const tree = { 'autoscaling/target-lifecycle-state': 'Terminated' };
    const printed = await script(
      `${given}\n${code.replace(/^for await[\s\S]*/m, 'try {\n$&} catch (error) { if (!signal.aborted) throw error; }')}`,
      tree,
    );
    assert.equal(printed, 'for good,in a hurry,in a hurry\n');
  });
});
