import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { runProgram } from '../../../src/cli/child.js';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { guardedEnv } from '../../support/guard.mjs';
import { binary, listen, outcomeOf, start, Terminal } from './harness.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

/** Runs a shell in which `imds` is the built command. */
function shell(script: string, env: Readonly<Record<string, string>>): ChildProcess {
  const imds = `imds() { '${process.execPath}' '${binary}' "$@"; }\n`;
  return spawn('bash', ['--norc', '-c', imds + script], { stdio: ['ignore', 'pipe', 'pipe'], env: guardedEnv(env) });
}

/** The first line a process prints. */
async function firstLine({ stdout }: ChildProcess): Promise<string> {
  assert.ok(stdout);
  let text = '';
  while (!text.includes('\n')) text += (await once(stdout, 'data'))[0];
  return text.slice(0, text.indexOf('\n'));
}

describe('the built command', () => {
  let emulator: Emulator;
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required', scenario: 'everything' });
  });
  afterEach(() => emulator.close());

  describe('in a shell', () => {
    const succeeds = async (script: string): Promise<string> => {
      const { code, stdout, stderr } = await outcomeOf(shell(script, emulator.env));
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      return stdout.toString();
    };

    it('puts the value alone into a variable', async () => {
      assert.equal(await succeeds('ID=$(imds get instance-id) && echo "[$ID]"'), '[i-1234567890abcdef0]\n');
    });

    it('passes user data on byte for byte', async () => {
      emulator.set('user-data', everyByte);
      const octal = [...everyByte].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
      await succeeds(`set -o pipefail; imds get user-data | cmp - <(printf '${octal}')`);
    });

    it('ends quietly when its reader is gone', async () => {
      // The lines are more than a pipe holds, so that the rest of them meets nobody.
      emulator.set(
        'tags/instance',
        Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`tag-${n}`, 'x'.repeat(999)])),
      );
      const script = 'set -o pipefail; imds list -r tags/instance | head -c 1';
      assert.equal(await succeeds(script), 't');
    });

    it('gives an exit code that a script can use', async () => {
      const { stdout } = await outcomeOf(shell('imds get no-such-thing 2>/dev/null; echo $?', emulator.env));
      assert.equal(stdout.toString(), '5\n');
    });
  });

  it('ends with 130 silently when interrupted', async () => {
    const service = await listen((socket) => socket.once('data', () => child.kill('SIGINT')));
    const child = start(['get', 'instance-id', '--endpoint', service.url, '--timeout', '60000']);
    try {
      const { code, stdout, stderr } = await outcomeOf(child);
      assert.deepEqual({ code, stdout: stdout.toString(), stderr }, { code: 130, stdout: '', stderr: '' });
    } finally {
      await service.close();
    }
  });

  it('ends with 130 where it is interrupted while its reader has stalled', async () => {
    emulator.set('user-data', 'x'.repeat(500_000));
    const child = start(['get', 'user-data', '--endpoint', emulator.url]);
    const exit = once(child, 'exit');
    assert.ok(child.stdout);
    // It has written as much as a pipe holds, and waits.
    await once(child.stdout, 'readable');
    child.kill('SIGINT');
    assert.deepEqual(await exit, [130, null]);
    child.stdout.resume();
  });

  for (const args of [
    ['doctor', '--summarize'],
    ['emulate', '--scenario', '-'],
  ]) {
    it(`ends with 130 where it is interrupted while it reads its input: ${args.join(' ')}`, async () => {
      const child = start(args, { stdio: ['pipe', 'pipe', 'pipe'] });
      const outcome = outcomeOf(child);
      // More than a pipe holds: the last of it is written when the command reads.
      await new Promise((resolve) => child.stdin?.on('error', resolve).write(' \n'.repeat(200_000), resolve));
      child.kill('SIGINT');
      const { code, stdout, stderr } = await outcome;
      assert.deepEqual({ code, stdout: stdout.toString(), stderr }, { code: 130, stdout: '', stderr: '' });
    });
  }

  // Their output is of an instance like the emulator's, at another time.
  const blocks = readFileSync('docs/cli.md', 'utf8').match(/(?<=^```sh\n)\$ imds (?!emulate)[\s\S]*?(?=^```)/gm) ?? [];
  for (const block of blocks) {
    const commands = block.match(/(?<=^\$ ).*/gm) ?? [];
    it(`prints what docs/cli.md shows: ${commands[0]}`, async () => {
      const { stdout } = await outcomeOf(shell(`exec 2>&1\n${commands.join('\n')}`, emulator.env));
      const timeless = (text: string): string => text.replace(/\d{4}-\d\d-\d\dT[\d:]{8}Z/g, 'then');
      assert.equal(timeless(stdout.toString()), timeless(block.replace(/^\$ .*\n/gm, '')));
    });
  }

  it('prints help with the command help', async () => {
    for (const [args, same] of [
      [['help'], ['--help']],
      [
        ['help', 'get'],
        ['get', '--help'],
      ],
    ] as const) {
      const [outcome, expected] = await Promise.all([outcomeOf(start(args)), outcomeOf(start(same))]);
      assert.deepEqual(outcome, expected);
      assert.equal(outcome.code, 0);
    }
    const { code, stderr } = await outcomeOf(start(['help', 'nope']));
    assert.equal(code, 2);
    assert.match(stderr, /unknown command 'nope'/);
  });

  it('says its version', async () => {
    const { code, stdout } = await outcomeOf(start(['--version']));
    assert.deepEqual({ code, stdout: stdout.toString() }, { code: 0, stdout: '0.1.0\n' });
  });

  describe('imds emulate', () => {
    for (const [signal, expected] of [
      ['SIGTERM', 0],
      ['SIGINT', 130],
    ] as const) {
      it(`prints where it listens, serves, and exits with ${expected} on ${signal}`, async () => {
        const child = start(['emulate', '--port', '0', '--http-tokens', 'required']);
        const outcome = outcomeOf(child);
        const [, url] =
          /^export AWS_EC2_METADATA_SERVICE_ENDPOINT=(http:\/\/127\.0\.0\.1:\d+)\/$/.exec(await firstLine(child)) ?? [];
        assert.ok(url);
        assert.equal((await fetch(`${url}/latest/meta-data/mac`)).status, 401);
        const { code, stdout } = await new Terminal().run('get', 'mac', '--endpoint', url);
        assert.deepEqual({ code, stdout: stdout.toString() }, { code: 0, stdout: '0e:49:61:0f:c3:11' });
        child.kill(signal);
        const { code: left, stderr } = await outcome;
        assert.equal(left, expected);
        assert.match(stderr, /^imds: .*Ctrl-C.*\n[\d:]{8} {2}v1 {2}GET {2}401 /);
      });
    }

    it('exits on SIGTERM though the reader of its log has stalled', async () => {
      const child = start(['emulate', '--port', '0']);
      const exit = once(child, 'exit');
      const url = /http:.*(?=\/$)/.exec(await firstLine(child))?.[0];
      // More than a pipe holds.
      for (let bytes = 0; bytes < 1_000_000; bytes += 5000)
        await (await fetch(`${url}/latest/meta-data/${'x'.repeat(5000)}`)).text();
      child.kill('SIGTERM');
      assert.deepEqual(await exit, [0, null]);
      child.stderr?.resume();
    });

    it('obeys the options of the instance', async () => {
      const args = ['--http-put-response-hop-limit', '2', '--hops', '2', '--instance-metadata-tags', 'disabled'];
      const child = start(['emulate', '--port', '0', ...args, '--host', 'localhost']);
      const outcome = outcomeOf(child);
      const url = (await firstLine(child)).replace(/.*=|\/$/g, '');
      assert.match(url, /^http:\/\/(127\.0\.0\.1|\[::1\]):/);
      assert.equal((await fetch(`${url}/latest/meta-data/tags/`)).status, 404);
      const lost = await new Terminal().run('token', '--endpoint', url, '--timeout', '200', '--attempts', '1');
      assert.equal(lost.code, 7);
      child.kill();
      await outcome;
    });

    it('says what to do when its port is taken', async () => {
      const { port } = new URL(emulator.url);
      const { code, stdout, stderr } = await outcomeOf(start(['emulate', '--port', port]));
      assert.deepEqual({ code, stdout: stdout.toString() }, { code: 1, stdout: '' });
      assert.equal(
        stderr,
        `imds: cannot listen on 127.0.0.1, port ${port}: EADDRINUSE\nhint: --port 0 takes a free one\n`,
      );
    });
  });

  describe('imds emulate -- CMD', () => {
    const emulate = (...args: string[]): ChildProcess => start(['emulate', ...args]);

    it('runs a command against an emulator of its own, and prints nothing else', async () => {
      const { code, stdout, stderr } = await outcomeOf(emulate('--', process.execPath, binary, 'get', 'instance-id'));
      assert.deepEqual(
        { code, stdout: stdout.toString(), stderr },
        { code: 0, stdout: 'i-1234567890abcdef0', stderr: '' },
      );
    });

    it('passes options after -- on, and takes those before', async () => {
      const command = [process.execPath, binary, 'get', 'mac', '--verbose', '--timeout', '200', '--attempts', '1'];
      const { code, stderr } = await outcomeOf(emulate('--hops', '1', '--', ...command));
      assert.equal(code, 7);
      assert.match(stderr, /^imds request PUT/);
    });

    it('adds to the environment, and wins over what is there', async () => {
      const script =
        'const { MINE, AWS_EC2_METADATA_SERVICE_ENDPOINT: at, AWS_EC2_METADATA_DISABLED: off } = process.env; console.log(MINE, at, off)';
      const env = guardedEnv({
        MINE: 'kept',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_EC2_METADATA_SERVICE_ENDPOINT: 'x',
      });
      const { stdout } = await outcomeOf(start(['emulate', '--', process.execPath, '-e', script], { env }));
      assert.match(stdout.toString(), /^kept http:\/\/127\.0\.0\.1:\d+\/ undefined\n$/);
    });

    for (const [given, joined] of [
      [{}, '127.0.0.1'],
      [{ NO_PROXY: 'a.example' }, 'a.example,127.0.0.1'],
    ] as const) {
      it(`keeps proxies out of the way, NO_PROXY ${JSON.stringify(given)}`, async function () {
        // Python's own HTTP client is the judge, where it is installed.
        if (spawnSync('python3', ['--version']).error) this.skip();
        const proxies = { HTTP_PROXY: 'http://127.0.0.1:9', http_proxy: 'http://127.0.0.1:9' };
        const script = `if True:
          import os, urllib.request
          url = os.environ['AWS_EC2_METADATA_SERVICE_ENDPOINT'] + 'latest/meta-data/instance-id'
          print(urllib.request.urlopen(url).read().decode(), os.environ['NO_PROXY'], os.environ['no_proxy'])`;
        const { NO_PROXY: _, no_proxy: __, ...rest } = process.env;
        const env = guardedEnv({ ...rest, ...proxies, ...given });
        const { stdout, stderr } = await outcomeOf(start(['emulate', '--', 'python3', '-c', script], { env }));
        assert.equal(stderr, '');
        assert.equal(stdout.toString(), `i-1234567890abcdef0 ${joined} ${joined}\n`);
      });
    }

    for (const [title, command, code] of [
      ['its exit code', ['-e', 'process.exit(17)'], 17],
      ['128 and the signal that ended it', ['-e', 'process.kill(process.pid, "SIGKILL")'], 137],
    ] as const) {
      it(`exits with ${title}`, async () => {
        assert.equal((await outcomeOf(emulate('--', process.execPath, ...command))).code, code);
      });
    }

    for (const [program, code, message] of [
      ['no-such-program', 127, 'imds: there is no program no-such-program\n'],
      ['/', 126, 'imds: / cannot be run: EACCES\n'],
    ] as const) {
      it(`exits with ${code} when ${program} cannot be run`, async () => {
        const { stdout, stderr, ...left } = await outcomeOf(emulate('--', program));
        assert.deepEqual({ code: left.code, stdout: stdout.toString(), stderr }, { code, stdout: '', stderr: message });
      });
    }

    it('leaves it to a terminal to interrupt the command', async () => {
      const { io, signals } = new Terminal({ tty: true, env: process.env });
      const ended = runProgram(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {}, io);
      signals.emit('SIGINT');
      signals.emit('SIGTERM');
      assert.deepEqual(await ended, { code: 128 + constants.signals.SIGTERM, stoppedBy: 'SIGINT' });
      assert.deepEqual(signals.eventNames(), []);
    });

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      it(`forwards ${signal} and exits with the exit code of the command`, async () => {
        const script = `process.once('${signal}', () => process.exit(23)); setInterval(() => {}, 1000); console.log('ready')`;
        const child = emulate('--', process.execPath, '-e', script);
        const outcome = outcomeOf(child);
        assert.equal(await firstLine(child), 'ready');
        child.kill(signal);
        assert.equal((await outcome).code, 23);
      });
    }
  });
});
