import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { parse } from 'yaml';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { noticeKinds } from '../../../src/watch/notices.js';
import { sources } from '../../../src/watch/sources.js';
import { guardedEnv } from '../../support/guard.mjs';
import { binary, nobody, outcomeOf, serve, start, Terminal } from './harness.js';

/** Waits until something is so; the limit of the test is the limit of the wait. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const lines = (terminal: Terminal): string[] =>
  Buffer.concat(terminal.stdoutChunks).toString().split('\n').filter(Boolean);
const words = (terminal: Terminal): string => Buffer.concat(terminal.stderrChunks).toString();
const timeless = (text: string): string =>
  text.replace(/\d{4}-\d\d-\d\dT[\d:]{8}Z/g, 'then').replace(/\d+ s left/g, 'some left');

describe('imds watch', () => {
  let emulator: Emulator;
  let folder = '';
  const file = (name: string): string => join(folder, name);
  const read = (name: string): string => readFileSync(file(name), 'utf8');
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required', scenario: 'everything' });
    folder = mkdtempSync(join(tmpdir(), 'imds-watch-'));
  });
  afterEach(async () => {
    await emulator.close();
    rmSync(folder, { recursive: true });
  });

  const at = (terminal: Terminal, ...args: readonly string[]) =>
    terminal.run('watch', '--endpoint', emulator.url, ...args);

  it('prints a line for each notice, until SIGTERM stops it quietly', async () => {
    const terminal = new Terminal();
    const running = at(terminal);
    await until(() => lines(terminal).length === 3);
    terminal.signals.emit('SIGTERM');
    const { code, stdout, stderr } = await running;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    // In the order in which the service answers.
    const kinds = timeless(stdout.toString()).match(/(?<= )[\w-]+(?=: )/g) ?? [];
    assert.deepEqual(kinds.sort(), ['maintenance', 'rebalance', 'spot-interruption']);
    assert.deepEqual(terminal.signals.eventNames(), []);
  });

  for (const [signal, expected, ...more] of [
    ['SIGTERM', 0],
    ['SIGINT', 130],
    ['SIGTERM', 143, '--once'],
    ['SIGINT', 130, '--once'],
  ] as const) {
    it(`exits with ${expected} on ${signal} though the reader of its lines has stalled ${more}`, async () => {
      // More than a pipe holds.
      emulator.set('tags/instance/long', 'x'.repeat(1_000_000));
      const child = start(['watch', 'tags', ...more, '--endpoint', emulator.url]);
      const ended = once(child, 'exit');
      assert.ok(child.stdout && child.stderr);
      const stderr = text(child.stderr);
      await once(child.stdout, 'readable');
      child.kill(signal);
      assert.deepEqual(await ended, [expected, null]);
      assert.equal(await stderr, '');
      child.stdout.resume();
    });

    it(`exits with ${expected} on ${signal} before there is a notice ${more}`, async () => {
      emulator.remove('spot');
      for (const exec of [[], ['--exec', 'true']]) {
        const terminal = new Terminal();
        const running = at(terminal, 'spot-interruption', ...more, ...exec);
        const asked = emulator.requests.length;
        await until(() => emulator.requests.length > asked + 1);
        terminal.signals.emit(signal);
        const { code, stdout, stderr } = await running;
        assert.deepEqual({ code, stdout: `${stdout}`, stderr }, { code: expected, stdout: '', stderr: '' });
      }
    });
  }

  it('exits with 130 on Ctrl-C', async () => {
    const terminal = new Terminal();
    const running = at(terminal, 'tags');
    await until(() => lines(terminal).length === 1);
    terminal.signals.emit('SIGINT');
    const { code, stderr } = await running;
    assert.deepEqual({ code, stderr }, { code: 130, stderr: '' });
    assert.deepEqual(terminal.signals.eventNames(), []);
  });

  it('exits with 0 after the first notice when it runs with --once', async () => {
    const { code, stdout, stderr } = await at(new Terminal(), '--once', 'spot-interruption');
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.match(
      stdout.toString(),
      /^\d{4}-\d\d-\d\dT[\d:]{8}Z spot-interruption: terminate at \d{4}-\d\d-\d\dT[\d:]{8}Z, 1\d\d s left\n$/,
    );
  });

  it('prints a JSON object per line', async () => {
    const terminal = new Terminal();
    const running = at(terminal, '--json', 'spot-interruption', 'maintenance', 'credentials', 'tags');
    await until(() => lines(terminal).length === 4);
    terminal.signals.emit('SIGTERM');
    await running;
    const notices = lines(terminal).map((line) => JSON.parse(line));
    assert.deepEqual(notices.map(({ kind, change }) => `${kind} ${change}`).sort(), [
      'credentials present',
      'maintenance present',
      'spot-interruption present',
      'tags present',
    ]);
    const text = JSON.stringify(notices);
    assert.ok(!/wJalrXUtnFEMI|ASIA|AccessKey/.test(text), text);
  });

  it('prints later notices', async () => {
    for (const path of ['spot', 'events/recommendations']) emulator.remove(path);
    const running = at(new Terminal(), '--once', 'spot-interruption', 'rebalance');
    await until(() => emulator.requests.length === 3);
    emulator.set('events/recommendations/rebalance', '{"noticeTime":"2026-11-23T09:20:00Z"}');
    const { code, stdout } = await running;
    assert.equal(code, 0);
    assert.match(stdout.toString(), / rebalance: recommended at 2026-11-23T09:20:00Z\n$/);
  });

  for (const [title, args, expected] of [
    ['an unknown kind', ['spot'], /^imds: watch spot: expected spot-interruption, rebalance.*\n/],
    ['an option without its value', ['--exec'], /^imds: .*--exec <cmd>.*\n/],
  ] as const)
    it(`refuses ${title}`, async () => {
      const { code, stdout, stderr } = await at(new Terminal(), ...args);
      assert.deepEqual({ code, stdout: stdout.toString() }, { code: 2, stdout: '' });
      assert.match(stderr, expected);
      assert.equal(emulator.requests.length, 0);
    });

  it('exits with 3 when a setting forbids requests', async () => {
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    try {
      const { code, stderr } = await at(new Terminal());
      assert.equal(code, 3);
      assert.match(stderr, /AWS_EC2_METADATA_DISABLED/);
    } finally {
      delete process.env['AWS_EC2_METADATA_DISABLED'];
    }
  });

  it('ends quietly when its reader is gone', async () => {
    const failing = new Terminal({
      stdout: {
        isTTY: false,
        columns: undefined,
        write: () => Promise.reject(Object.assign(new Error('write'), { code: 'EPIPE' })),
      },
    });
    const { code, stderr } = await at(failing);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  it('says once that the service cannot be reached, and goes on', async () => {
    const terminal = new Terminal();
    const running = terminal.run('watch', '--endpoint', (await nobody()).url);
    await until(() => words(terminal) !== '');
    await new Promise((resolve) => setTimeout(resolve, 100));
    terminal.signals.emit('SIGTERM');
    const { code, stderr } = await running;
    assert.equal(code, 0);
    assert.match(stderr, /^imds: [\w-]+ cannot be read \(ERR_IMDS_UNREACHABLE\); retrying\n$/);
  });

  it('says that the service can be read again', async () => {
    let reads = 0;
    const service = await serve((_request, response) => {
      reads += 1;
      if (reads > 2) response.end('{"action":"stop","time":"2026-11-23T09:30:00Z"}');
      else response.writeHead(503).end();
    });
    const args = ['spot-interruption', '--once', '--attempts', '2', '--verbose', '--endpoint', service.url];
    const { code, stdout, stderr } = await new Terminal().run('watch', ...args);
    await service.close();
    assert.equal(code, 0);
    assert.match(stdout.toString(), /spot-interruption: stop at/);
    const own = stderr.match(/^imds: .*$/gm);
    assert.deepEqual(own, [
      'imds: spot-interruption cannot be read (ERR_IMDS_RESPONSE); retrying',
      'imds: everything can be read again',
    ]);
    assert.match(stderr, /^imds request GET .*503$/m);
    assert.match(stderr, /^imds watch failed kind spot-interruption failures 1 /m);
  });

  describe('--exec', () => {
    it('runs the command with the notice in its environment and on its standard input', async () => {
      const command = `cat > '${file('json')}'; env | grep ^IMDS_ | sort > '${file('env')}'`;
      const env = { PATH: process.env['PATH'], HOME: folder };
      const { code, stdout, stderr } = await at(
        new Terminal({ env }),
        'spot-interruption',
        '--once',
        '--json',
        '--exec',
        command,
      );
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.equal(read('json'), stdout.toString());
      const { kind, change, seenAt, action, deadline, millisecondsLeft } = JSON.parse(read('json'));
      assert.deepEqual(read('env').trim().split('\n'), [
        `IMDS_NOTICE_ACTION=${action}`,
        `IMDS_NOTICE_CHANGE=${change}`,
        `IMDS_NOTICE_DEADLINE=${deadline}`,
        `IMDS_NOTICE_KIND=${kind}`,
        `IMDS_NOTICE_MILLISECONDS_LEFT=${millisecondsLeft}`,
        `IMDS_NOTICE_SEEN_AT=${seenAt}`,
      ]);
    });

    it('runs one command at a time, and reports each exit code other than 0', async () => {
      const command = `echo "begin $IMDS_NOTICE_KIND" >> '${file('log')}'; sleep 0.1; echo end >> '${file('log')}'; [ $IMDS_NOTICE_KIND = maintenance ] || exit 3`;
      const terminal = new Terminal({ env: { PATH: process.env['PATH'] } });
      const running = at(terminal, '--exec', command);
      await until(() => existsSync(file('log')) && read('log').split('end').length === 4);
      await until(() => words(terminal).split('\n').length === 3);
      await new Promise((resolve) => setTimeout(resolve, 100));
      terminal.signals.emit('SIGTERM');
      const { code, stderr } = await running;
      assert.equal(code, 0);
      assert.deepEqual(stderr.trim().split('\n').sort(), [
        'imds: the command for rebalance exited with code 3',
        'imds: the command for spot-interruption exited with code 3',
      ]);
      assert.match(read('log'), /^(begin [\w-]+\nend\n){3}$/);
    });

    it('exits with the exit code of the command with --once', async () => {
      const terminal = new Terminal({ env: { PATH: process.env['PATH'] } });
      const { code, stderr } = await at(terminal, 'spot-interruption', '--once', '--exec', 'exit 17');
      assert.deepEqual(
        { code, stderr },
        { code: 17, stderr: 'imds: the command for spot-interruption exited with code 17\n' },
      );
    });

    it('goes on after a command that reads nothing, or cannot be found', async () => {
      emulator.set(
        'tags/instance',
        Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`tag-${n}`, 'x'.repeat(256)])),
      );
      emulator.set('tags/instance/long', 'x'.repeat(200_000));
      const terminal = new Terminal({ env: { PATH: process.env['PATH'] } });
      assert.equal((await at(terminal, 'tags', '--once', '--exec', 'exec 0<&-; true')).code, 0);
      const { code } = await at(
        new Terminal({ env: { PATH: process.env['PATH'] } }),
        '--once',
        '--exec',
        'exec 2>&-; no-such-command',
      );
      assert.equal(code, 127);
    });

    it('gives the command what a variable cannot hold on its standard input alone', async () => {
      const action = `terminate\0${'x'.repeat(20_000)}`;
      emulator.set('spot/instance-action', JSON.stringify({ action, time: '2026-11-23T09:30:00Z' }));
      const command = `cat > '${file('json')}'; echo "$IMDS_NOTICE_ACTION" > '${file('action')}'; echo "$IMDS_NOTICE_OTHER"`;
      const env = { PATH: process.env['PATH'], IMDS_NOTICE_ACTION: 'inherited', IMDS_NOTICE_OTHER: 'inherited' };
      const run = async () => {
        const args = ['spot-interruption', '--once', '--exec', `{ ${command}; } > '${file('other')}'`];
        const { code } = await at(new Terminal({ env }), ...args);
        return [code, JSON.parse(read('json')).action, read('action'), read('other')];
      };
      assert.deepEqual(await run(), [0, action, `${action.replace('\0', '\\x00')}\n`, '\n']);
      const long = 'x'.repeat(50_000);
      emulator.set('spot/instance-action', JSON.stringify({ action: long, time: '2026-11-23T09:30:00Z' }));
      assert.deepEqual(await run(), [0, long, '\n', '\n']);
    });

    for (const [title, write] of [
      ['has left', () => Promise.reject(Object.assign(new Error('write'), { code: 'EPIPE' }))],
      ['has no room', () => Promise.reject(Object.assign(new Error('write'), { code: 'ENOSPC' }))],
      ['has stalled', () => new Promise<never>(() => {})],
    ] as const)
      it(`runs the command for every notice though the reader of the lines ${title}`, async () => {
        const stdout = { isTTY: false, columns: undefined, write };
        const terminal = new Terminal({ env: { PATH: process.env['PATH'] }, stdout });
        const running = at(terminal, '--exec', `echo "$IMDS_NOTICE_KIND" >> '${file('log')}'`);
        await until(() => existsSync(file('log')) && read('log').split('\n').length === 4);
        await new Promise((resolve) => setTimeout(resolve, 50));
        terminal.signals.emit('SIGTERM');
        const { code, stderr } = await running;
        assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      });

    it('goes on when a command cannot be started, unless it runs with --once', async () => {
      const terminal = new Terminal({ env: { PATH: folder } });
      const running = at(terminal, '--exec', 'true');
      await until(() => words(terminal).split('\n').length === 4);
      terminal.signals.emit('SIGTERM');
      const { code, stderr } = await running;
      assert.equal(code, 0);
      assert.deepEqual(stderr.trim().split('\n').sort(), [
        'imds: the command for maintenance was not started: sh cannot be run: ENOENT',
        'imds: the command for rebalance was not started: sh cannot be run: ENOENT',
        'imds: the command for spot-interruption was not started: sh cannot be run: ENOENT',
      ]);
    });

    it('starts no command after the signal to stop, however close that comes', async () => {
      for (const [signal, expected] of [
        ['SIGTERM', 0],
        ['SIGINT', 130],
      ] as const)
        for (let turns = 0; turns < 12; turns += 1) {
          rmSync(file('log'), { force: true });
          const terminal = new Terminal({ env: { PATH: process.env['PATH'] } });
          const command = `echo begun >> '${file('log')}'; sleep 0.1`;
          const running = at(terminal, 'spot-interruption', 'rebalance', '--exec', command);
          // So many steps after the end of the first command, unless the second has begun by then.
          const idle = terminal.signals.listenerCount(signal);
          let wasInTime = false;
          const stop = (turn: number): void => {
            if (turn > 0) queueMicrotask(() => stop(turn - 1));
            else {
              wasInTime = terminal.signals.listenerCount(signal) === idle;
              terminal.signals.emit(signal);
            }
          };
          terminal.signals.once('removeListener', () => stop(turns));
          assert.equal((await running).code, expected);
          if (wasInTime) assert.equal(read('log'), 'begun\n', `${signal} after ${turns}`);
        }
    });

    it('says so when there is no shell', async () => {
      const { code, stderr } = await at(new Terminal({ env: { PATH: folder } }), '--once', '--exec', 'true');
      assert.deepEqual({ code, stderr }, { code: 1, stderr: 'imds: sh cannot be run: ENOENT\n' });
    });

    it('does not wait for processes that a command leaves behind', async () => {
      const terminal = new Terminal({ env: { PATH: process.env['PATH'] } });
      const started = performance.now();
      const command = `sleep 60 & echo $! > '${file('pid')}'`;
      const { code } = await at(terminal, 'spot-interruption', '--once', '--exec', command);
      assert.equal(code, 0);
      assert.ok(performance.now() - started < 5000);
      process.kill(Number(read('pid')));
    });

    /** A drain that a signal asks to finish, which takes a while. */
    function slowDrain(): string {
      const script = `#!/bin/sh
        exec 2> /dev/null
        trap 'sleep 0.3; echo drained >> "${file('log')}"; exit 5' TERM INT HUP QUIT
        touch '${file('begun')}'
        while :; do sleep 0.05; done\n`;
      writeFileSync(file('drain'), script, { mode: 0o755 });
      return file('drain');
    }

    for (const [signal, expected] of [
      ['SIGTERM', 0],
      ['SIGINT', 130],
      ['SIGHUP', 129],
      ['SIGQUIT', 131],
    ] as const)
      for (const more of [[], ['--once']])
        it(`forwards ${signal} to the program of a command, waits for it, and exits with ${expected} ${more}`, async () => {
          const command = `'${slowDrain()}'; echo after >> '${file('log')}'`;
          const terminal = new Terminal({ env: { PATH: process.env['PATH'] } });
          const running = at(terminal, ...more, '--exec', command);
          await until(() => existsSync(file('begun')));
          terminal.signals.emit(signal);
          const { code, stderr } = await running;
          assert.deepEqual({ code, stderr, log: read('log') }, { code: expected, stderr: '', log: 'drained\n' });
          assert.deepEqual(terminal.signals.eventNames(), []);
        });
  });

  describe('as the built command', () => {
    for (const [signal, expected] of [
      ['SIGTERM', 0],
      ['SIGINT', 130],
    ] as const)
      it(`exits with ${expected} on ${signal}, silently`, async () => {
        const child = start(['watch', 'tags', '--endpoint', emulator.url]);
        const outcome = outcomeOf(child);
        await once(child.stdout ?? assert.fail(), 'data');
        child.kill(signal);
        const { code, stderr } = await outcome;
        assert.deepEqual({ code, stderr }, { code: expected, stderr: '' });
      });

    for (const [signal, expected] of [
      ['SIGTERM', 0],
      ['SIGINT', 130],
    ] as const)
      it(`forwards ${signal} to its command, and ends with it though the reader of its lines has stalled`, async () => {
        // More than a pipe holds.
        emulator.set('tags/instance/long', 'x'.repeat(1_000_000));
        execFileSync('mkfifo', [file('pipe')]);
        const pipe = openSync(file('pipe'), 'r+');
        const script = `trap 'echo drained > "${file('log')}"; exit' TERM INT; touch '${file('begun')}'; while :; do sleep 0.05; done 2>&-`;
        const child = start(['watch', 'tags', '--endpoint', emulator.url, '--exec', script], {
          stdio: ['ignore', pipe, 'ignore'],
        });
        const ended = once(child, 'exit');
        await until(() => existsSync(file('begun')));
        child.kill(signal);
        assert.deepEqual(await ended, [expected, null]);
        assert.equal(read('log'), 'drained\n');
        closeSync(pipe);
      });

    it('ends quietly with the first notice after its reader is gone', async () => {
      const script = `'${process.execPath}' '${binary}' watch spot-interruption --json | head -n 1`;
      const shell = spawn('bash', ['-o', 'pipefail', '-c', script], { env: guardedEnv(emulator.env) });
      const outcome = outcomeOf(shell);
      await once(shell.stdout, 'data');
      // Found by the next poll, some seconds later.
      emulator.set('spot/instance-action', '{"action":"stop","time":"2026-11-23T09:30:00Z"}');
      const { code, stdout, stderr } = await outcome;
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.equal(JSON.parse(stdout.toString()).change, 'present');
    });
  });

  describe('docs/watching.md', () => {
    const page = readFileSync('docs/watching.md', 'utf8');

    it('has each kind with its interval and its path', async () => {
      const rows = [...page.matchAll(/^\| `([\w-]+)` \| `([\w/-]+)` \| (\d+) s \|/gm)];
      assert.deepEqual(
        rows.map(([, kind, , seconds]) => [kind, Number(seconds) * 1000]),
        noticeKinds.map((kind) => [kind, sources[kind].intervalMs]),
      );
      for (const [, kind = '', path] of rows) {
        const { code } = await at(new Terminal(), kind, '--once');
        assert.equal(code, 0);
        const reads = emulator.requests.filter(({ method }) => method === 'GET').map((request) => request.path);
        assert.equal(reads.at(-1)?.startsWith(`/latest/meta-data/${path}`), true, `${kind} ${reads}`);
      }
    });

    it('has the fields of every kind', async () => {
      const terminal = new Terminal();
      const running = at(terminal, '--json', ...noticeKinds);
      await until(() => lines(terminal).length >= noticeKinds.length + 1);
      terminal.signals.emit('SIGTERM');
      await running;
      for (const line of lines(terminal)) {
        const { kind, change, seenAt, ...payload } = JSON.parse(line);
        const row = page.split('\n').find((text) => text.startsWith(`| \`${kind}\` |`));
        for (const name of Object.keys(payload)) assert.ok(row?.includes(`\`${name}\``), `${kind} ${name}`);
      }
    });

    it('shows the lines that are printed', async () => {
      const [, shown = ''] = /^```text\n([\s\S]*?)^```$/m.exec(page) ?? [];
      const terminal = new Terminal();
      const running = at(terminal, ...noticeKinds);
      const count = noticeKinds.length + 1;
      await until(() => lines(terminal).length === count);
      terminal.signals.emit('SIGTERM');
      await running;
      const printed = lines(terminal).map(timeless);
      for (const line of timeless(shown).trim().split('\n')) assert.ok(printed.includes(line), line);
    });
  });

  /** A folder of programs: `imds`, and `drain`, which writes down how it was called. */
  function programs(): string {
    const bin = file('bin');
    mkdirSync(bin);
    const program = (name: string, script: string) =>
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    program('imds', `exec '${process.execPath}' '${binary}' "$@"`);
    program('drain', `echo "drain $*" >> '${file('drained')}'`);
    return bin;
  }
  const withPath = (bin: string, emulated: Emulator) =>
    guardedEnv({ ...emulated.env, PATH: `${bin}:${process.env['PATH']}` });

  describe('the unit for systemd', () => {
    const unit = readFileSync('docs/watching/imds-watch.service', 'utf8');
    const installed = '/usr/local/sbin/on-notice';

    it('has the sections and keys that systemd asks for', () => {
      const sections = unit.match(/^\[\w+\]$/gm);
      assert.deepEqual(sections, ['[Unit]', '[Service]', '[Install]']);
      for (const line of unit.split('\n').filter(Boolean)) assert.match(line, /^(#.*|\[\w+\]|[A-Z]\w+=\S.*)$/);
      assert.ok(unit.includes(`--exec ${installed}\n`));
    });

    it('drains when an interruption is announced, within the time that is left', async () => {
      // Announced after three seconds, and gone twelve later: one poll, if not two, finds it.
      await using spot = await createEmulator({ scenario: 'spot-interruption', speed: 10 });
      const command = (/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? '').replace(
        installed,
        join(process.cwd(), 'docs/watching/on-notice'),
      );
      const child = spawn('sh', ['-c', `exec ${command}`], { env: withPath(programs(), spot) });
      const outcome = outcomeOf(child);
      await until(() => existsSync(file('drained')) && read('drained').endsWith('\n'));
      child.kill('SIGTERM');
      const { code, stdout } = await outcome;
      assert.equal(code, 0);
      assert.match(read('drained'), /^drain --within 1\d\d\n$/);
      assert.match(stdout.toString(), /"kind":"spot-interruption","change":"(appeared|present)"/);
    });

    it('drains when Auto Scaling ends the instance, not for a state that goes on or a notice that is withdrawn', () => {
      const bin = programs();
      const run = (kind: string, change: string, state?: string): string => {
        rmSync(file('drained'), { force: true });
        const env = { PATH: `${bin}:${process.env['PATH']}`, IMDS_NOTICE_KIND: kind, IMDS_NOTICE_CHANGE: change };
        const more = state === undefined ? { IMDS_NOTICE_MILLISECONDS_LEFT: '61000' } : { IMDS_NOTICE_STATE: state };
        execFileSync('docs/watching/on-notice', { env: { ...env, ...more } });
        return existsSync(file('drained')) ? read('drained') : 'nothing';
      };
      assert.equal(run('target-lifecycle-state', 'changed', 'Terminated'), 'drain \n');
      assert.equal(run('target-lifecycle-state', 'present', 'Terminated'), 'drain \n');
      assert.equal(run('target-lifecycle-state', 'changed', 'Standby'), 'nothing');
      assert.equal(run('target-lifecycle-state', 'withdrawn', 'Terminated'), 'nothing');
      assert.equal(run('spot-interruption', 'appeared'), 'drain --within 61\n');
      assert.equal(run('spot-interruption', 'withdrawn'), 'nothing');
      assert.equal(run('rebalance', 'appeared', ''), 'nothing');
    });
  });

  describe('the manifest for Kubernetes', () => {
    const manifest = parse(readFileSync('docs/watching/deployment.yaml', 'utf8'));
    const [watcher, web] = manifest.spec.template.spec.containers;

    it('is one that Kubernetes accepts', () => {
      new Deployment(manifest).validate();
      assert.deepEqual(manifest.spec.selector.matchLabels, manifest.spec.template.metadata.labels);
    });

    it('takes the pod out of service when an interruption is announced, and drains within what is left then', async () => {
      await using spot = await createEmulator({ scenario: 'spot-interruption', speed: 10 });
      mkdirSync(file('notices'));
      const env = withPath(programs(), spot);
      /** Runs the command of a container, with its volume in the folder of the test. */
      const inPod = (command: readonly string[]) => {
        const [program = '', ...args] = command.map((word) => word.replaceAll('/notices', file('notices')));
        return spawn(program, args, { env });
      };
      const { preStop } = web.lifecycle;
      const isReady = async (): Promise<boolean> =>
        (await outcomeOf(inPod(web.readinessProbe.exec.command))).code === 0;
      const watching = inPod(watcher.command);
      const outcome = outcomeOf(watching);

      assert.equal(await isReady(), true);
      await outcomeOf(inPod(preStop.exec.command));
      assert.equal(read('drained'), 'drain \n');
      await until(() => existsSync(file('notices/spot')));
      assert.equal(await isReady(), false);
      await outcomeOf(inPod(preStop.exec.command));
      assert.match(read('drained'), /^drain \ndrain --within 1\d\d\n$/);

      spot.remove('spot');
      watching.kill('SIGTERM');
      assert.equal((await outcome).code, 0);
    });

    it('forgets what it wrote before it was restarted, and puts the pod back when the notice is withdrawn', async () => {
      mkdirSync(file('notices'));
      writeFileSync(file('notices/spot'), 'stale');
      emulator.remove('spot');
      const env = withPath(programs(), emulator);
      const [program = '', ...args] = watcher.command.map((word: string) =>
        word.replaceAll('/notices', file('notices')),
      );
      const watching = spawn(program, args, { env });
      const outcome = outcomeOf(watching);
      await until(() => !existsSync(file('notices/spot')));
      emulator.set('spot/instance-action', '{"action":"terminate","time":"2126-11-23T09:30:00Z"}');
      await until(() => existsSync(file('notices/spot')));
      emulator.remove('spot');
      await until(() => !existsSync(file('notices/spot')));
      watching.kill('SIGTERM');
      assert.equal((await outcome).code, 0);
    });
  });
});
