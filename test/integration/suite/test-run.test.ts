import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { guardedEnv } from '../../support/guard.mjs';

const cases = [
  {
    title: 'a connection beyond loopback was refused and the error swallowed',
    body: "try { net.connect(80, '192.0.2.1') } catch {}",
    says: /192\.0\.2\.1 port 80 was refused/,
  },
  {
    title: 'a request met no prepared answer and the error was swallowed',
    body: "nock('http://127.0.0.1').get('/a').reply(200); await fetch('http://127.0.0.1/a'); await fetch('http://127.0.0.1/b').catch(() => {});",
    says: /nothing answers:\s+GET \/b/,
  },
  {
    title: 'a request went where no answer at all was prepared and the error was swallowed',
    body: "await fetch('http://127.0.0.1:1/c').catch(() => {});",
    says: /nothing answers:\s+GET \/c/,
  },
  {
    title: 'a prepared answer was not asked for',
    body: "nock('http://127.0.0.1').get('/d').reply(200);",
    says: /nobody asked for:\s+GET http:\/\/127\.0\.0\.1:80\/d/,
  },
  {
    title: 'nobody handled a rejection',
    body: "Promise.reject(new Error('left alone')); await new Promise(setImmediate);",
    says: /left alone/,
  },
];

describe('a run of the unit tests', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'imds-test-run-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Runs two tests, the first with this body, as the unit tests are run. */
  const runTests = (body: string, ...options: string[]) => {
    const { spec, ...rest } = JSON.parse(readFileSync('test/unit/.mocharc.json', 'utf8'));
    const config = join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ ...rest, extension: ['mjs'], reporter: 'tap' }));
    const file = join(folder, 'two.test.mjs');
    const nock = createRequire(import.meta.url).resolve('nock');
    const imports = `import net from 'node:net'; import nock from ${JSON.stringify(nock)};`;
    writeFileSync(file, `${imports} it('first', async () => { ${body} }); it('second', async () => {});`);
    const mocha = ['node_modules/mocha/bin/mocha.js', '--config', config, ...options, file];
    const env = { ...guardedEnv(), IMDS_TEST_PATIENCE_MS: '1000' };
    return spawnSync(process.execPath, mocha, { env, encoding: 'utf8' });
  };

  it('passes when all is well', () => {
    const { status, stdout } = runTests(
      "nock('http://127.0.0.1').get('/').reply(200); await fetch('http://127.0.0.1/');",
    );
    assert.equal(stdout.match(/^ok/gm)?.length, 2, stdout);
    assert.equal(status, 0);
  });

  for (const { title, body, says } of cases) {
    it(`fails that test, and goes on to the next, when ${title}`, () => {
      const { status, stdout } = runTests(body);
      assert.match(stdout, /^not ok 1 first$/m);
      assert.match(stdout, says);
      assert.match(stdout, /^ok \d second$/m);
      assert.notEqual(status, 0);
    });
  }

  it('fails when something keeps its process alive after the last test, with workers and without', () => {
    const leak = 'setInterval(() => {}, 1000);';
    const [workers, alone] = [runTests(leak), runTests(leak, '--no-parallel')];
    assert.match(workers.stdout, /two\.test\.mjs are over, but this keeps the process alive: Timeout$/m);
    assert.match(alone.stderr, /keeps the process alive: .*Timeout/);
    assert.deepEqual([workers.status, alone.status], [1, 1]);
  });

  it('has a reporter that writes down its counts, and each failed test with its error', () => {
    const [counts, failures] = [join(folder, 'counts'), join(folder, 'failures')];
    const outputs = `counts=${counts},failures=${failures}`;
    const reporter = ['--reporter', './test/support/reporter.mjs', '--reporter-option', outputs];
    assert.equal(runTests("throw new Error('the cause');", ...reporter).status, 1);
    assert.equal(readFileSync(counts, 'utf8'), '1 1 0\n');
    assert.match(
      readFileSync(failures, 'utf8'),
      /^Node \d.*two\.test\.mjs: first\nError: the cause\n +at .*two\.test\.mjs/,
    );
  });
});
