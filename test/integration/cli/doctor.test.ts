import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import type { Diagnosis } from '../../../src/doctor/diagnose.js';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { guardedEnv } from '../../support/guard.mjs';
import { imds, listen, nobody, outcomeOf, start, Terminal } from './harness.js';

describe('imds doctor', () => {
  let emulator: Emulator;
  beforeEach(async () => {
    emulator = await createEmulator();
  });
  afterEach(() => emulator.close());

  const doctor = (terminal: Terminal, ...args: readonly string[]) =>
    terminal.run('doctor', '--endpoint', emulator.url, ...args);

  it('exits with 0 when IMDSv2 works', async () => {
    const { code, stdout, stderr } = await imds('doctor', '--endpoint', emulator.url);
    assert.equal(code, 0);
    assert.match(stdout.toString(), /^ {2}this process -- http:[^\n]*\n\nhealthy\nIMDSv2 works/);
    assert.equal(stderr, '');
  });

  it('exits with the code of what it found, and prints the command that helps', async () => {
    emulator.configure({ hops: 1 });
    const { code, stdout } = await doctor(new Terminal());
    assert.equal(code, 7);
    const command = /^ {4}(aws ec2 [^\n]*) \\\n {6}([^\n]*)$/m.exec(stdout.toString());
    assert.match(`${command?.[1]} ${command?.[2]}`, /--http-put-response-hop-limit 2 --http-endpoint enabled$/);
  });

  it('exits with 4 when the endpoint is off, 3 when nothing listens', async () => {
    emulator.configure({ httpEndpoint: 'disabled' });
    assert.equal((await doctor(new Terminal())).code, 4);
    assert.equal((await imds('doctor', '--endpoint', (await nobody()).url)).code, 3);
  });

  it('prints the diagnosis as JSON', async () => {
    const { code, stdout } = await doctor(new Terminal(), '--json');
    const diagnosis: Diagnosis = JSON.parse(stdout.toString());
    assert.equal(code, 0);
    assert.deepEqual(Object.keys(diagnosis), ['verdict', 'summary', 'path', 'findings', 'fix']);
    for (const finding of diagnosis.findings) assert.deepEqual(Object.keys(finding), ['id', 'status', 'detail']);
  });

  it('tells the node of a pod, and puts a role of its own first where EKS Auto Mode manages that', async () => {
    emulator.configure({ hops: 1 });
    const pod = { ...guardedEnv(), KUBERNETES_SERVICE_HOST: '10.100.0.1', NODE_NAME: 'i-0123456789abcdef0' };
    const { stdout } = await outcomeOf(start(['doctor', '--json', '--endpoint', emulator.url], { env: pod }));
    const { findings, fix }: Diagnosis = JSON.parse(stdout.toString());
    assert.match(findings.find(({ id }) => id === 'container')?.detail ?? '', / on the node i-0123456789abcdef0, /);
    assert.match(fix[0]?.command ?? '', /^aws eks create-pod-identity-association /);
  });

  const locales: readonly { env: Record<string, string>; line: string }[] = [
    { env: {}, line: '--X--' },
    { env: { LANG: 'C' }, line: '--X--' },
    { env: { LANG: 'de_DE.UTF-8', LC_ALL: 'C' }, line: '--X--' },
    { env: { LANG: 'C.UTF-8' }, line: '──╳──' },
    { env: { LC_CTYPE: 'en_US.utf8' }, line: '──╳──' },
  ];
  for (const { env, line } of locales)
    it(`draws with ${line} in the locale ${JSON.stringify(env)}`, async () => {
      emulator.configure({ httpEndpoint: 'disabled' });
      const { stdout } = await doctor(new Terminal({ env }));
      assert.ok(stdout.toString().includes(line));
      if (line === '--X--') assert.match(stdout.toString(), /^[\n\x20-\x7e]*$/);
    });

  it('fits into 80 columns, without colours, where there is no terminal', async () => {
    emulator.configure({ hops: 1 });
    const { stdout } = await doctor(new Terminal({ env: { LANG: 'C.UTF-8' } }));
    const wide = stdout
      .toString()
      .split('\n')
      .filter((line) => line.length > 80);
    assert.deepEqual(wide, []);
    assert.ok(!stdout.toString().includes('\x1b'));
  });

  it('draws a Unix socket that is not there, and the command that makes it', async () => {
    const terminal = new Terminal({ env: { LANG: 'C.UTF-8' } });
    const { code, stdout } = await terminal.run('doctor', '--endpoint', 'unix:/run/imds-absent/imds.sock');
    const text = stdout.toString();
    assert.equal(code, 3);
    assert.match(text, /^ {2}this process ──╳── Unix socket ── IMDS\n {17}↑ nothing gets through\n/);
    assert.match(
      text,
      /\nNo connection to unix:\/run\/imds-absent\/imds.sock: there is no such socket\n\(ENOENT\)\.\n/,
    );
    assert.match(text, /\n {4}socat UNIX-LISTEN:\/run\/imds-absent\/imds.sock,\S*mode=660 \\\n {6}\S+:\S+\n/);
    assert.ok(text.split('\n').every((line) => line.length <= 80));
  });

  for (const [title, options] of [
    ['a healthy service', {}],
    ['a lost token', { hops: 1 }],
    ['an endpoint that is off', { httpEndpoint: 'disabled' }],
  ] as const)
    it(`fits on a screen of 24 lines for ${title}, and shows all with --verbose`, async () => {
      emulator.configure(options);
      const { stdout } = await doctor(new Terminal());
      const short = stdout.toString();
      assert.ok(short.split('\n').length <= 24, short);
      assert.match(short, /\n {2}\d+ (of \d+ )?findings .*: --verbose shows (them|all)\n$/);
      assert.doesNotMatch(short, /^ {2}(ok|skip) /m);
      const verbose = await doctor(new Terminal(), '--verbose');
      for (const id of ['settings', 'machine', 'container', 'credentials', 'token'])
        assert.match(verbose.stdout.toString(), new RegExp(`^  (ok|skip|warn|fail) +${id} `, 'm'));
    });

  it('fits into a narrow terminal, with colours', async () => {
    emulator.configure({ hops: 1 });
    const { stdout } = await doctor(new Terminal({ tty: true, columns: 60, env: { LANG: 'C.UTF-8' } }));
    assert.ok(stdout.toString().includes('\x1b[1m'));
  });

  it('never sends a request without a token with --no-v1-probe', async () => {
    const silent = await listen(() => {});
    const { code, stderr } = await imds('doctor', '--endpoint', silent.url, '--no-v1-probe');
    await silent.close();
    assert.equal(code, 6);
    assert.equal(stderr, '');
  });

  it('announces a request without a token on standard error', async () => {
    const silent = await listen(() => {});
    const { stderr } = await imds('doctor', '--endpoint', silent.url);
    await silent.close();
    assert.match(stderr, /^imds: nothing else tells, so .* is read once without a token\n$/);
  });

  describe('with --summarize', () => {
    const reports = async (): Promise<string> => {
      const healthy = (await doctor(new Terminal(), '--json')).stdout.toString();
      emulator.configure({ hops: 1 });
      const lost = (await doctor(new Terminal(), '--json')).stdout.toString();
      return `${healthy}${lost}${lost.slice(0, 100)}`;
    };

    it('makes a table of what --json printed, from standard input and files, and exits with the worst code', async () => {
      const text = await reports();
      const folder = mkdtempSync(join(tmpdir(), 'imds-doctor-'));
      const file = join(folder, 'log');
      writeFileSync(file, text);
      const terminal = new Terminal({ stdin: text });
      const { code, stdout, stderr } = await terminal.run('doctor', '--summarize', '-', file);
      rmSync(folder, { recursive: true });
      assert.equal(code, 7);
      assert.match(
        stdout.toString(),
        /^verdict .*\nhop-limit +2 +2 .*\nhealthy +- +2 +i-1234567890abcdef0, i-1234567890abcdef0\n$/,
      );
      assert.equal(stderr, 'imds: 2 damaged reports were left out\n');
    });

    it('prints JSON and metrics', async () => {
      const text = await reports();
      const json = await new Terminal({ stdin: text }).run('doctor', '--summarize', '--json');
      const { groups, damaged } = JSON.parse(json.stdout.toString());
      assert.deepEqual([groups.length, damaged], [2, 1]);
      const metrics = await new Terminal({ stdin: text }).run('doctor', '--summarize', '--format', 'prometheus');
      assert.match(metrics.stdout.toString(), /^imds_doctor_reports\{verdict="hop-limit",hop_limit="2"\} 1$/m);
    });

    it('takes files before and after other options', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'imds-doctor-'));
      const [a, b] = [join(folder, 'a'), join(folder, 'b')];
      for (const file of [a, b]) writeFileSync(file, await reports());
      for (const args of [
        ['--summarize', '--json', a, b],
        ['--summarize', a, '--json', b],
        [a, '--summarize', '--json', '--', b],
      ]) {
        const { stdout } = await new Terminal().run('doctor', ...args);
        assert.deepEqual([args, JSON.parse(stdout.toString()).damaged], [args, 2]);
      }
      rmSync(folder, { recursive: true });
    });

    it('exits with 8 when there is no report, 2 when a file cannot be read, for --format alone, for a file alone', async () => {
      const none = await new Terminal({ stdin: 'nothing' }).run('doctor', '--summarize');
      assert.deepEqual([none.code, none.stderr], [8, 'imds: there is no report of imds doctor --json in the input\n']);
      const missing = await new Terminal().run('doctor', '--summarize', '/nowhere/log');
      assert.deepEqual([missing.code, missing.stderr.split('\n')[0]], [2, 'imds: /nowhere/log cannot be read: ENOENT']);
      const alone = await new Terminal().run('doctor', 'a.json');
      assert.deepEqual([alone.code, alone.stderr.split(',')[0]], [2, 'imds: a.json needs --summarize']);
      assert.equal((await new Terminal().run('doctor', '--format', 'prometheus')).code, 2);
    });
  });

  it('ends on Ctrl-C', async () => {
    const silent = await listen(() => {});
    const terminal = new Terminal();
    const running = terminal.run('doctor', '--endpoint', silent.url);
    setTimeout(() => terminal.signals.emit('SIGINT'), 100);
    assert.equal((await running).code, 130);
    await silent.close();
  });
});
