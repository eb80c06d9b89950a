import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { scenarios } from '../../../src/emulator/index.js';
import { hasIPv6 } from '../../support/ipv6.js';
import { nobody, type Outcome, outcomeOf, start, Terminal } from './harness.js';

/** Runs `imds emulate` in this process until `use` is done with it, and gives what it wrote. */
async function emulating(
  args: readonly string[],
  use: (url: string, terminal: Terminal) => Promise<void> = async () => {},
  given: ConstructorParameters<typeof Terminal>[0] = {},
): Promise<Outcome> {
  const terminal = new Terminal(given);
  const outcome = terminal.run('emulate', '--port', '0', ...args);
  const [, url = ''] = await written(terminal, /(http:\/\/127\.0\.0\.1:\d+)/);
  try {
    await use(url, terminal);
  } finally {
    terminal.signals.emit('SIGTERM');
  }
  return await outcome;
}

/** Waits until standard output or standard error holds something. */
async function written(terminal: Terminal, pattern: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const found = pattern.exec(Buffer.concat([...terminal.stdoutChunks, ...terminal.stderrChunks]).toString());
    if (found) return found;
    await turn();
  }
}

const read = async (url: string, path: string, headers: Record<string, string> = {}): Promise<Response> => {
  const response = await fetch(`${url}/latest/meta-data/${path}`, { headers });
  await response.arrayBuffer();
  return response;
};

const token = async (url: string): Promise<string> => {
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
  return await (await fetch(`${url}/latest/api/token`, { method: 'PUT', headers })).text();
};

const esc = '\x1b';

/** Lines without the time that each begins with. */
const untimed = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => /^\d\d:/.test(line))
    .map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, ''));

describe('imds emulate', () => {
  it('takes --hops by address, the one without for all others', async () => {
    const optionsOf = async (...args: string[]) => {
      const { stdout } = await emulating(['--json', ...args]);
      return JSON.parse(stdout.toString().split('\n')[0] ?? '').options.hops;
    };
    assert.equal(await optionsOf('--hops', '1'), 1);
    assert.deepEqual(await optionsOf('--hops', '127.0.0.2=1', '--hops', '::1=2'), { '127.0.0.2': 1, '::1': 2 });
    const either = { '*': 3, '127.0.0.2': 1 };
    assert.deepEqual(await optionsOf('--hops', '3', '--hops', '127.0.0.2=1'), either);
    assert.deepEqual(await optionsOf('--hops', '127.0.0.2=1', '--hops', '3'), either);
  });

  // RFC 5737 keeps this address for documentation: no machine has it.
  for (const [flags, hint] of [
    [['--host', '192.0.2.1'], '--host'],
    [['--host', '127.0.0.1', '--host', '192.0.2.1', '--control'], '--host'],
    [['--control', '192.0.2.1:0'], '--control'],
  ] as const)
    it(`says at which address it cannot listen: ${flags.join(' ')}`, async () => {
      const { code, stderr } = await new Terminal().run('emulate', ...flags, '--', 'true');
      const said = `imds: cannot listen on 192.0.2.1: EADDRNOTAVAIL\nhint: ${hint} takes an address of this machine\n`;
      assert.deepEqual([code, stderr], [1, said]);
    });

  it('interrupts a program only if the scenario does', async () => {
    const client = new URL('../../../src/imds.ts', import.meta.url).href;
    // Works on until the service has answered whether there is a notice, and a moment more.
    const app = `import { subscribe } from 'node:diagnostics_channel'; import { Imds } from '${client}';
      const end = () => { console.log('worked on'); process.exit(); };
      const answered = ({ path }) => path.endsWith('/spot/instance-action') && setTimeout(end, 300);
      subscribe('imds:request', answered);
      setTimeout(() => {}, 50_000);
      new Imds().onInterruption(() => console.log('drained'));`;
    const node = ['--', process.execPath, '--import', 'tsx', '--input-type=module', '--eval', app];
    const [calm, announced] = await Promise.all([
      outcomeOf(start(['emulate', ...node])),
      outcomeOf(start(['emulate', '--scenario', 'everything', ...node])),
    ]);
    assert.deepEqual([calm.stdout.toString(), announced.stdout.toString()], ['worked on\n', 'drained\nworked on\n']);
  });

  it('frees a program from the variable that disables IMDS, which some SDKs take any text of for a yes', async () => {
    const env = { AWS_EC2_METADATA_DISABLED: 'true' };
    const show = ['--', process.execPath, '--print', 'process.env.AWS_EC2_METADATA_DISABLED'];
    const { stdout } = await outcomeOf(start(['emulate', ...show], { env }));
    assert.equal(stdout.toString(), 'undefined\n');
  });

  it('listens at every --host, and answers to every --allow-host', async function () {
    if (!hasIPv6) this.skip(); // no ::1 on this machine
    const args = ['--host', '127.0.0.1', '--host', '::1', '--allow-host', 'imds', '--allow-host', 'imds.example'];
    const { stderr, stdout, code } = await emulating(args, async (url, terminal) => {
      const [, second = ''] = await written(terminal, /it answers at (\S+), too/);
      for (const [at, host, status] of [
        [url, 'imds:1338', 200],
        [second, 'imds.example', 200],
        [second, 'other.example', 403],
      ] as const) {
        const { port, hostname } = new URL(at);
        const socket = connect({ port: Number(port), host: hostname.replace(/[[\]]/g, '') });
        socket.write(`GET /latest/meta-data/mac HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        const [chunk] = await once(socket, 'data');
        assert.match(String(chunk), new RegExp(`^HTTP/1.1 ${status} `));
      }
    });
    assert.equal(code, 0);
    assert.match(stdout.toString(), /^export AWS_EC2_METADATA_SERVICE_ENDPOINT=http:\/\/127\.0\.0\.1:\d+\/\n$/);
    assert.match(stderr, /it answers at http:\/\/\[::1\]:\d+, too/);
    assert.match(stderr, /403 {2}\S+ {2}refused: its Host header has a name that is not allowed \(--allow-host NAME\)/);
  });

  describe('with --control', () => {
    const control = (url: string, path: string, body: object): Promise<Response> =>
      fetch(`${url}${path}`, {
        method: 'PATCH',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });

    it('is changed at the port that it prints, or that it was given', async () => {
      for (const given of [[], ['0'], ['127.0.0.1:0']]) {
        const { stdout, stderr } = await emulating(['--control', ...given], async (url, terminal) => {
          const [, controlUrl = ''] = await written(terminal, /^export IMDS_EMULATOR_CONTROL_URL=(\S+)$/m);
          assert.notEqual(controlUrl, url);
          assert.equal((await control(controlUrl, '/v1/options', { httpTokens: 'required' })).status, 200);
          assert.equal((await read(url, 'mac')).status, 401);
        });
        assert.match(stdout.toString(), /^(export \w+=http:\/\/127\.0\.0\.1:\d+\/?\n){2}$/);
        assert.match(stderr, /the lines above point AWS tools and its control to it/);
      }
    });

    it('tells a program where that is', async () => {
      const script =
        'fetch(process.env.IMDS_EMULATOR_CONTROL_URL + "/v1/state").then(r => process.exit(r.status - 190))';
      assert.equal((await outcomeOf(start(['emulate', '--control', '--', process.execPath, '-e', script]))).code, 10);
    });

    it('takes the port after its own', async () => {
      const { url, close } = await nobody();
      await close();
      const port = Number(new URL(url).port);
      const terminal = new Terminal();
      const outcome = terminal.run('emulate', '--port', String(port), '--control', '--json');
      const [line] = await written(terminal, /^.*"started".*$/m);
      terminal.signals.emit('SIGTERM');
      await outcome;
      assert.equal(JSON.parse(line).controlUrl, `http://127.0.0.1:${port + 1}`);
      assert.equal(JSON.parse(line).env.IMDS_EMULATOR_CONTROL_URL, `http://127.0.0.1:${port + 1}`);
    });

    it('says which port is taken, and refuses what is not one', async () => {
      await emulating([], async (url) => {
        const { port } = new URL(url);
        const { code, stderr } = await new Terminal().run('emulate', '--port', '0', '--control', port);
        assert.equal(code, 1);
        assert.match(
          stderr,
          new RegExp(`cannot listen on 127\\.0\\.0\\.1, port ${port}: EADDRINUSE\n.*--control 0 takes`),
        );
      });
      const { code, stderr } = await new Terminal().run('emulate', '--control', 'x:y');
      assert.equal(code, 2);
      assert.match(stderr, /--control x:y: expected a port, 0 to 65535/);
    });
  });

  describe('with --panel', () => {
    let folder = '';
    let opened = '';
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'imds-browser-'));
      opened = join(folder, 'opened');
      for (const name of ['xdg-open', 'open']) {
        writeFileSync(join(folder, name), `#!/bin/sh\necho "$1" > ${opened}.part && mv ${opened}.part ${opened}\n`);
        chmodSync(join(folder, name), 0o755);
      }
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));
    const panelIn = async (terminal: Terminal): Promise<string> => {
      const [, url = ''] = await written(terminal, /the control panel is at (\S+)/);
      return url;
    };

    it('says where its control panel is, and opens it in the browser of a display', async () => {
      const env = { DISPLAY: ':0', PATH: `${folder}:/usr/bin:/bin` };
      await emulating(
        ['--panel'],
        async (_, terminal) => {
          const url = await panelIn(terminal);
          assert.match(await (await fetch(url)).text(), /^<!doctype html>/);
          while (!existsSync(opened)) await pause(10);
          assert.equal(readFileSync(opened, 'utf8'), `${url}\n`);
        },
        { env },
      );
    });

    it('runs on where nothing opens a browser', async () => {
      for (const env of [{ PATH: folder }, { DISPLAY: ':0', PATH: '/nowhere' }]) {
        const use = async (_: string, terminal: Terminal): Promise<void> => {
          assert.match(await (await fetch(await panelIn(terminal))).text(), /^<!doctype html>/);
        };
        assert.equal((await emulating(['--panel'], use, { env })).code, 0);
      }
      assert.equal(existsSync(opened), process.platform === 'darwin');
    });
  });

  describe('logs its requests', () => {
    it('in a line each, with the IMDS version and why something was refused', async () => {
      const { stderr, stdout, code } = await emulating(['--http-tokens', 'required'], async (url) => {
        await read(url, 'instance-id', { 'X-aws-ec2-metadata-token': await token(url) });
        await read(url, 'instance-id');
        await read(url, 'instance-id', { 'X-aws-ec2-metadata-token': 'made-up' });
        await read(url, 'no-such-thing', { 'X-aws-ec2-metadata-token': await token(url) });
      });
      assert.equal(code, 0);
      assert.match(stdout.toString(), /^export AWS_EC2_METADATA_SERVICE_ENDPOINT=http:\S+\/\n$/);
      assert.deepEqual(untimed(stderr), [
        'v2  PUT  200  /latest/api/token',
        'v2  GET  200  /latest/meta-data/instance-id',
        'v1  GET  401  /latest/meta-data/instance-id  refused: no session token, and HttpTokens is required',
        'v2  GET  401  /latest/meta-data/instance-id  refused: not a session token of this instance, or voided',
        'v2  PUT  200  /latest/api/token',
        'v2  GET  404  /latest/meta-data/no-such-thing  not there',
      ]);
      assert.match(stderr, /imds: requests: IMDSv2 5, IMDSv1 1, refused or unanswered 2\n$/);
      assert.ok(!stderr.includes(esc));
    });

    it('a token reply that was lost included, and no token ever', async () => {
      let given = '';
      const { stderr } = await emulating([], async (url) => {
        given = await token(url);
        await read(url, 'mac', { 'X-aws-ec2-metadata-token': given });
      });
      assert.ok(given.length > 40);
      assert.ok(!stderr.includes(given));

      const lost = await emulating(['--hops', '1'], async (url, terminal) => {
        const abort = new AbortController();
        const asked = fetch(`${url}/latest/api/token`, { method: 'PUT', signal: abort.signal });
        await written(terminal, /api\/token/);
        abort.abort();
        await assert.rejects(asked);
      });
      assert.deepEqual(untimed(lost.stderr), [
        'v2  PUT   -   /latest/api/token  no reply: it died on the way (HttpPutResponseHopLimit)',
      ]);
    });

    it('with a count below it at a terminal, IMDSv1 and refusals in colour', async () => {
      const { stderr } = await emulating(['--http-tokens', 'required'], async (url) => void (await read(url, 'mac')), {
        tty: true,
        columns: 40,
      });
      const shown = stderr.replaceAll(esc, '<ESC>').replaceAll('\r', '<CR>');
      const [, count = ''] =
        /<CR><ESC>\[K[\d:]{8} {2}<ESC>\[1mv1<ESC>\[22m {2}GET {2}401 {2}\S+<ESC>\[31m {2}refused: .*<ESC>\[39m\n<ESC>\[1m(.*)<ESC>\[22m<CR><ESC>\[K/.exec(
          shown,
        ) ?? [];
      assert.ok(count.length === 39 && 'IMDSv2 0, IMDSv1 1, refused or unanswered 1'.startsWith(count));
    });

    it('counting what a fault refused', async () => {
      const scenario = { faults: [{ kind: 'status', status: 503, times: 2 }] };
      const { stderr } = await emulating(
        ['--scenario', '-'],
        async (url) => {
          for (let reads = 0; reads < 3; reads += 1) await read(url, 'mac');
        },
        { stdin: JSON.stringify(scenario) },
      );
      assert.deepEqual(untimed(stderr), [
        'v1  GET  503  /latest/meta-data/mac  fault: status',
        'v1  GET  503  /latest/meta-data/mac  fault: status',
        'v1  GET  200  /latest/meta-data/mac',
      ]);
      assert.match(stderr, /IMDSv1 3, refused or unanswered 2\n$/);
    });

    it('and bytes that are not a request, without a version', async () => {
      const { stderr } = await emulating([], async (url, terminal) => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1');
        socket.end('rubbish\r\n\r\n').resume();
        await written(terminal, /not HTTP/);
      });
      assert.deepEqual(untimed(stderr), ['--       400    refused: not HTTP']);
      assert.match(stderr, /IMDSv2 0, IMDSv1 0, refused or unanswered 1\n$/);
    });

    it('without any of that at a terminal that is dumb', async () => {
      const given = { tty: true, env: { TERM: 'dumb' } };
      const { stderr } = await emulating([], async (url) => void (await read(url, 'mac')), given);
      assert.ok(!stderr.includes(esc) && !stderr.includes('\r'));
    });

    it('and lets a path do nothing to the terminal', async () => {
      const { stderr } = await emulating([], async (url) => void (await fetch(`${url}/latest/%1b[2J`)));
      assert.match(stderr, /GET {2}\d{3} {2}\/latest\/%1b\[2J/);
    });

    it('as JSON, an object per line', async () => {
      const { stdout, stderr } = await emulating(['--json', '--http-tokens', 'required'], async (url) => {
        await read(url, 'mac', { 'X-aws-ec2-metadata-token': await token(url) });
        await read(url, 'mac');
      });
      const [started, ...requests] = stdout
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.equal(started.type, 'started');
      assert.equal(started.env.AWS_EC2_METADATA_SERVICE_ENDPOINT, `${started.url}/`);
      assert.equal(started.options.httpTokens, 'required');
      assert.deepEqual(
        requests.map(({ time, ...rest }) => [Number.isFinite(Date.parse(time)), rest]),
        [
          { method: 'PUT', path: '/latest/api/token', version: 2, status: 200, hopLimit: { had: 1, needed: 1 } },
          { method: 'GET', path: '/latest/meta-data/mac', version: 2, status: 200 },
          { method: 'GET', path: '/latest/meta-data/mac', version: 1, status: 401, reason: 'v1 off' },
        ].map((one, index) => [true, { type: 'request', number: index + 1, caller: '127.0.0.1', ...one }]),
      );
      assert.equal(stderr, '');
    });

    it('until its reader is gone', async () => {
      const child = start(['emulate', '--port', '0', '--json']);
      assert.ok(child.stdout);
      const [chunk] = await once(child.stdout, 'data');
      const { url } = JSON.parse(String(chunk));
      child.stdout.destroy();
      const left = once(child, 'exit');
      await fetch(`${url}/latest/`);
      assert.deepEqual(await left, [0, null]);
    });

    it('not even its URL, if nobody reads', async () => {
      const write = () => Promise.reject(Object.assign(new Error('write'), { code: 'EPIPE' }));
      const stdin = JSON.stringify({ timeline: [{ at: '0s', event: 'rebalance' }] });
      const terminal = new Terminal({ stdin, stdout: { isTTY: false, columns: undefined, write } });
      const { code, stderr } = await terminal.run('emulate', '--port', '0', '--json', '--scenario', '-');
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    });
  });

  describe('--scenario', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'imds-scenario-'));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const scenario = {
      description: 'an instance of our own',
      base: 'empty',
      options: { httpTokens: 'required' },
      tree: { 'instance-id': 'i-0fedcba9876543210' },
      timeline: [{ at: '+1h', event: 'set', path: 'instance-id', value: 'i-later' }],
    };
    const id = async (url: string): Promise<string> => {
      const headers = { 'X-aws-ec2-metadata-token': await token(url) };
      return await (await fetch(`${url}/latest/meta-data/instance-id`, { headers })).text();
    };

    it('plays a built-in one, at the speed asked for, and tells what happens', async () => {
      const args = ['--scenario', 'spot-interruption', '--speed', '10000'];
      const { stderr } = await emulating(args, async (_url, terminal) => void (await written(terminal, /is gone/)));
      assert.deepEqual(
        untimed(stderr).map((line) => line.replace(/\d{4}-\S+Z/, 'TIME')),
        [
          'rebalance: a rebalance is recommended',
          'spot-interruption: terminate at TIME is announced',
          'spot-interruption: the instance is gone',
        ],
      );
    });

    it('tells them in JSON, too', async () => {
      const args = ['--scenario', 'rebalance', '--speed', '10000', '--json'];
      const { stdout } = await emulating(args, async (_url, terminal) => void (await written(terminal, /rebalance/)));
      const [, event] = stdout.toString().trimEnd().split('\n');
      const { time, ...rest } = JSON.parse(event ?? '');
      assert.ok(Date.parse(time) > Date.now() + 20_000);
      assert.deepEqual(rest, { type: 'event', event: 'rebalance', detail: 'a rebalance is recommended' });
    });

    it('plays one from a file, and one from standard input', async () => {
      const file = join(folder, 'host.json');
      writeFileSync(file, JSON.stringify(scenario));
      await emulating(['--scenario', file], async (url) => {
        assert.equal(await id(url), 'i-0fedcba9876543210');
        assert.equal((await read(url, 'instance-id')).status, 401);
      });
      const stdin = JSON.stringify(scenario);
      await emulating(['--scenario', '-'], async (url) => assert.equal(await id(url), 'i-0fedcba9876543210'), {
        stdin,
      });
    });

    it('gives way to the options beside it', async () => {
      await emulating(['--scenario', 'eks-node', '--http-tokens', 'optional', '--hops', '0'], async (url) => {
        assert.equal((await read(url, 'instance-id')).status, 200);
      });
    });

    for (const [what, text, message] of [
      ['is no JSON', '{', /a scenario must be JSON/],
      ['is a list', '[]', /a scenario must be an object/],
      ['has a field of no scenario', '{"trees": {}}', /trees is not known here; known are .*tree/],
      [
        'has an event of no kind',
        '{"timeline": [{"at": "1s", "event": "spot"}]}',
        /timeline\[0\]\.event must be .*not 'spot'/,
      ],
      ['has an event at no time', '{"timeline": [{"at": "soon", "event": "rebalance"}]}', /timeline\[0\]\.at must be/],
      ['has a fault without a status', '{"faults": [{"kind": "status"}]}', /faults\[0\]\.status is missing/],
      ['has an option out of range', '{"options": {"hops": 65}}', /options\.hops must be a whole number from 0 to 64/],
    ] as const) {
      it(`refuses a file that ${what}, with the place and the reason`, async () => {
        const file = join(folder, 'wrong.json');
        writeFileSync(file, text);
        const { code, stdout, stderr } = await new Terminal().run('emulate', '--scenario', file);
        assert.deepEqual({ code, stdout: stdout.toString() }, { code: 2, stdout: '' });
        assert.ok(stderr.startsWith(`imds: --scenario ${file}: `), stderr);
        assert.match(stderr, message);
      });
    }

    it('suggests the nearest name for one that there is not', async () => {
      const { code, stderr } = await new Terminal().run('emulate', '--scenario', 'spot-interuption');
      assert.equal(code, 2);
      assert.equal(
        stderr,
        'imds: --scenario spot-interuption: there is neither a scenario nor a file of this name\n' +
          'hint: did you mean spot-interruption? imds emulate --list shows all\n',
      );
    });

    it('says why a file cannot be read', async () => {
      const { code, stderr } = await new Terminal().run('emulate', '--scenario', folder);
      assert.deepEqual([code, stderr], [2, `imds: --scenario ${folder} cannot be read: EISDIR\n`]);
    });
  });

  describe('--list', () => {
    it('has a line for each scenario', async () => {
      const { code, stdout } = await new Terminal().run('emulate', '--list');
      const [heading, ...lines] = stdout.toString().trimEnd().split('\n');
      assert.equal(code, 0);
      assert.match(heading ?? '', /^SCENARIO +WHAT HAPPENS$/);
      assert.deepEqual(
        lines.map((line) => line.split(/ {2,}/)),
        Object.entries(scenarios).map(([name, { description }]) => [name, description]),
      );
    });

    it('has them as JSON', async () => {
      const { stdout } = await new Terminal().run('emulate', '--list', '--json');
      assert.deepEqual(
        JSON.parse(stdout.toString()).map(({ name }: { name: string }) => name),
        Object.keys(scenarios),
      );
    });
  });

  it('keeps standard output for the command beside it', async () => {
    const { code, stderr } = await new Terminal().run('emulate', '--json', '--', 'true');
    assert.deepEqual([code, stderr], [2, 'imds: --json and a command would both write to standard output\n']);
  });

  it('holds its clock with --speed 0, from the start and after a reset', async () => {
    await emulating(['--speed', '0', '--control', '0', '--json'], async (_url, terminal) => {
      const [line] = await written(terminal, /^.*"started".*$/m);
      const post = async (path: string, body?: object) => {
        const headers = { 'content-type': 'application/json' };
        const url = `${JSON.parse(line).controlUrl}${path}`;
        const reply = await fetch(url, { method: 'POST', headers, ...(body && { body: JSON.stringify(body) }) });
        return JSON.parse(await reply.text());
      };
      const clock = await post('/v1/clock', { advanceMs: 1000 });
      assert.deepEqual([Date.parse(clock.now) - Date.parse(clock.started), clock.paused], [1000, true]);
      await post('/v1/clock', { speed: 60 });
      const { clock: after } = await post('/v1/reset');
      assert.deepEqual([after.now, after.paused], [after.started, true]);
    });
  });

  it('refuses an invalid --speed', async () => {
    const { code, stderr } = await new Terminal().run('emulate', '--speed', 'fast');
    assert.deepEqual([code, stderr], [2, 'imds: --speed fast: expected a number, 0 to 1000000\n']);
  });
});
