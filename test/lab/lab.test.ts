import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import { binary, demanded, environment, type Outcome, obstacle, outcome, start, type User, users } from './labs.js';

const lab = (user: User, args: readonly string[], command: readonly string[], input = ''): Promise<Outcome> =>
  outcome(start(user, ['lab', ...args, '--', ...command]), input);

/** Runs JavaScript in a lab and gives what it prints as JSON. */
async function script(user: User, args: readonly string[], code: string): Promise<unknown> {
  const { code: exit, stdout, stderr } = await lab(user, args, [process.execPath, '--input-type=module', '-e', code]);
  assert.deepEqual({ exit, stderr }, { exit: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** Processes that have this in their environment, which all of a lab has whose PATH it is in. */
const having = (mark: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });

async function isGone(mark: string): Promise<void> {
  for (let tries = 0; having(mark).length > 0; tries += 1) {
    assert.ok(tries < 200, `these processes are left: ${having(mark)}`);
    await delay(50);
  }
}

/** A lab that can be recognised, and what it prints until its command has said `ready`. */
async function ready(user: User, command: string): Promise<{ child: ChildProcess; mark: string }> {
  const mark = `/mark-${randomUUID()}`;
  const child = start(user, ['lab', '--', 'sh', '-c', command], {
    PATH: `${process.env['PATH']}:${mark}`,
  });
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  return { child, mark };
}

describe('imds lab', () => {
  let folder = '';
  before(async function () {
    this.timeout(240_000);
    demanded(this, await obstacle());
    folder = mkdtempSync(join(tmpdir(), 'imds-lab-'));
    chmodSync(folder, 0o777);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const user of Object.keys(users) as User[])
    describe(`for ${user}`, () => {
      it('gives a command its streams, directory and exit code, and its files their owner', async () => {
        const file = join(folder, user);
        const command = ['sh', '-c', 'cat; pwd; id -u; : >"$0"; echo err >&2; exit 9', file];
        const { code, stdout, stderr } = await lab(user, [], command, 'input\n');
        const [program = '', ...rest] = [...users[user], 'sh', '-c', ': >"$0.outside"; id -u', file];
        const outside = await outcome(spawn(program, rest, { env: environment() }));
        assert.deepEqual({ code, stderr }, { code: 9, stderr: 'err\n' });
        assert.equal(stdout, `input\n${process.cwd()}\n${outside.stdout}`);
        assert.equal(statSync(file).uid, statSync(`${file}.outside`).uid);
      });

      it('writes the certificate that verifies its identity document', async () => {
        const file = join(folder, `${user}.pem`);
        const command = [process.execPath, binary, 'identity', '--verify', '--certificate', file];
        const flags = ['--in', 'host', '--sign-identity', '--certificate-out', file];
        const { code, stdout, stderr } = await lab(user, flags, command);
        assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
        assert.match(stdout, /^verdict {3}the signature is valid$/m);
      });

      it('says that the certificate cannot be written, and runs no command', async () => {
        const file = join(folder, 'absent', 'emulator.pem');
        const flags = ['--sign-identity', '--certificate-out', file];
        const { code, stdout, stderr } = await lab(user, flags, ['echo', 'ran']);
        const needed = 'must name a file that can be written, in a folder that exists';
        const said = `imds: --certificate-out ${file} ${needed}: ENOENT\n`;
        assert.deepEqual({ code, stdout, stderr }, { code: 2, stdout: '', stderr: said });
      });

      it('forwards signals to its command', async () => {
        const names = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
        const traps = names.map((name) => `trap 'echo ${name}' ${name.slice(3)}`).join('; ');
        const { child, mark } = await ready(user, `${traps}; echo ready; while :; do sleep 0.05; done`);
        for (const name of names) {
          assert.ok(child.stdout);
          child.kill(name);
          assert.equal(String(await once(child.stdout, 'data')), `${name}\n`);
        }
        child.kill('SIGKILL');
        await isGone(mark);
      });

      for (const [name, code] of [
        ['SIGTERM', 143],
        ['SIGUSR2', 140],
      ] as const)
        it(`exits with ${code} when its command is ended by ${name}`, async () => {
          const { child, mark } = await ready(user, 'echo ready; exec sleep 1000');
          child.kill(name);
          assert.equal((await once(child, 'exit'))[0], code);
          await isGone(mark);
        });

      it('leaves nothing of its command behind, daemons neither', async () => {
        const { child, mark } = await ready(user, 'setsid sleep 1000 & kill -9 1; echo ready; exit 0');
        assert.equal((await once(child, 'exit'))[0], 0);
        assert.deepEqual(having(mark), []);
      });

      it('leaves nothing behind when it is killed, at any moment of its start', async () => {
        const moments = [0, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400, 600];
        await Promise.all(
          moments.map(async (ms) => {
            const mark = `/mark-${randomUUID()}`;
            const env = { PATH: `${process.env['PATH']}:${mark}` };
            const child = start(user, ['lab', '--', 'sh', '-c', 'sleep 1000 & setsid sleep 1000'], env);
            await delay(ms);
            child.kill('SIGKILL');
            await isGone(mark);
          }),
        );
        const { child, mark } = await ready(user, 'sleep 1000 & setsid sleep 1000 & echo ready; wait');
        child.kill('SIGKILL');
        await isGone(mark);
      });

      it('shows the instance in its firmware, and the interfaces of the place', async () => {
        const machine = join(folder, 'machine.json');
        writeFileSync(machine, JSON.stringify({ tree: { 'instance-id': 'i-0fedcba9876543210' } }));
        const found = await script(
          user,
          ['--scenario', machine],
          `import { readFileSync, readdirSync } from 'node:fs';
          const { Imds } = await import(${JSON.stringify(resolve('dist/index.js'))});
          console.log(JSON.stringify([
            new Imds().isEC2(),
            readFileSync('/sys/class/dmi/id/board_asset_tag', 'utf8'),
            readFileSync('/sys/class/dmi/id/sys_vendor', 'utf8'),
            /^ec2/.test(readFileSync('/sys/devices/virtual/dmi/id/product_uuid', 'utf8')),
            readdirSync('/sys/class/net').sort(),
          ]))`,
        );
        assert.deepEqual(found, [true, 'i-0fedcba9876543210\n', 'Amazon EC2\n', true, ['docker0', 'eth0', 'lo']]);
      });
    });

  it('leaves a command of an unprivileged user without capabilities, and root with its own', async () => {
    const capabilities = async (user: User) =>
      (await lab(user, [], ['grep', '-c', '^Cap.*:.0*$', '/proc/self/status'])).stdout;
    assert.equal(await capabilities('an unprivileged user'), '5\n');
    assert.notEqual(await capabilities('root'), '5\n');
  });

  it('starts its command within a few starts of Node', async () => {
    const best = async (once: () => Promise<unknown>): Promise<number> => {
      let least = Number.POSITIVE_INFINITY;
      for (let tries = 0; tries < 4; tries += 1) {
        const begun = performance.now();
        await once();
        least = Math.min(least, performance.now() - begun);
      }
      return least;
    };
    const node = await best(() => outcome(spawn(process.execPath, ['-e', '0'], { env: environment() })));
    const started = await best(() => lab('an unprivileged user', [], ['true']));
    assert.ok(started < 20 * node, `${started} ms, where Node takes ${node}`);
  }).timeout(120_000);

  it('limits replies to token requests alone', async () => {
    const found = await script(
      'an unprivileged user',
      [],
      `import { connect } from 'node:net';
      const header = 'Host: 169.254.169.254\\r\\nX-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n';
      const ask = (host, ...pieces) => new Promise((resolve) => {
        const socket = connect(80, host, async () => {
          socket.setNoDelay(true);
          for (const piece of pieces) { socket.write(piece); await new Promise((next) => setTimeout(next, 50)); }
        });
        let text = '';
        socket.on('data', (data) => { text += data; }).on('error', () => {});
        const end = () => { resolve(text.slice(9, 12)); socket.destroy(); };
        socket.on('close', end);
        setTimeout(end, 3000);
      });
      const target = (method) => method + ' /latest/api/token HTTP/1.1\\r\\n' + header;
      const results = {};
      await Promise.all(['169.254.169.254', 'fd00:ec2::254'].map(async (host) => {
        const methods = ['PUT', 'GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PATCH'];
        const all = methods.map(async (method) => [method, await ask(host, target(method) + '\\r\\n')]);
        all.push(ask(host, 'nonsense\\r\\n\\r\\n').then((status) => ['nonsense', status]));
        all.push(ask(host, target('PUT'), '\\r\\n').then((status) => ['PUT in two pieces', status]));
        all.push(ask(host, 'GET /latest/ HTTP/1.1\\r\\n', header + '\\r\\n').then((status) => ['GET in two pieces', status]));
        results[host] = Object.fromEntries(await Promise.all(all));
      }));
      console.log(JSON.stringify(Object.values(results)));`,
    );
    const expected = {
      PUT: '',
      GET: '405',
      HEAD: '405',
      POST: '405',
      DELETE: '405',
      OPTIONS: '200',
      PATCH: '405',
      nonsense: '400',
      'PUT in two pieces': '',
      'GET in two pieces': '200',
    };
    assert.deepEqual(found, [expected, expected]);
  });

  it('limits a reply that trickles', async () => {
    const trickle = join(folder, 'trickle.json');
    const fault = { kind: 'slow-body', interval: '5ms', paths: '/latest/api/token' };

    writeFileSync(trickle, JSON.stringify({ faults: [fault] }));
    const request =
      'curl -s -m 2 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" 169.254.169.254/latest/api/token';
    const command = ['sh', '-c', `${request}; echo $?`];
    const { stdout } = await lab('an unprivileged user', ['--scenario', trickle], command);
    assert.equal(stdout, '28\n');
  });

  it('follows a timeline that changes the limit', async () => {
    const change = { at: '+5s', event: 'configure', options: { httpPutResponseHopLimit: 2 } };
    const file = join(folder, 'change.json');

    writeFileSync(file, JSON.stringify({ options: { httpPutResponseHopLimit: 1 }, timeline: [change] }));
    const put = 'curl -s -m 0.5 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" 169.254.169.254/latest/api/token';
    const command = `${put} && exit 1; for i in $(seq 60); do ${put} && exit; sleep 0.2; done; exit 2`;
    const { code, stdout } = await lab('an unprivileged user', ['--scenario', file], ['sh', '-c', command]);
    assert.equal(code, 0);
    assert.equal(stdout.length, 56);
  });

  describe('with trouble', () => {
    const troubles = {
      drop: ['none', 'none'],
      reject: ['EHOSTUNREACH', 'EHOSTUNREACH'],
      'no-route': ['EHOSTUNREACH', 'EHOSTUNREACH'],
      locked: ['EACCES', 'EACCES'],
      'forwarded-for': ['403', '403'],
    };
    for (const [trouble, expected] of Object.entries(troubles))
      it(`keeps IMDS from each place by ${trouble}, by both families, and lets the time be asked for`, async () => {
        // An error that arrives before connect() has ended is only reported when the packet is sent again.
        const timeout = trouble === 'drop' ? 1500 : 10_000;
        const code = `import { request } from 'node:http';
          import { createSocket } from 'node:dgram';
          const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': 60 };
          const ask = (host) => new Promise((resolve) => {
            const put = request({ method: 'PUT', host, path: '/latest/api/token', headers, timeout: ${timeout} });
            put.on('response', ({ statusCode }) => resolve(String(statusCode)));
            put.on('timeout', () => { resolve('none'); put.destroy(); });
            put.on('error', ({ code }) => resolve(code)).end();
          });
          const time = (host, type) => new Promise((resolve) => {
            const socket = createSocket(type);
            socket.on('message', (reply) => { resolve(reply.length); socket.close(); });
            socket.send(Buffer.alloc(48, 0x23, 0, 1), 123, host);
          });
          const hosts = ['169.254.169.254', 'fd00:ec2::254'];
          const times = [time('169.254.169.123', 'udp4'), time('fd00:ec2::123', 'udp6')];
          console.log(JSON.stringify([await Promise.all(hosts.map(ask)), await Promise.all(times)]));`;
        const places = ['host', 'container', 'nested'];
        const found = await Promise.all(
          places.map((place) => script('an unprivileged user', ['--in', place, '--trouble', trouble], code)),
        );
        assert.deepEqual(
          found,
          places.map(() => [expected, [48, 48]]),
        );
      });
  });

  it('knows EC2’s name of IMDS, and refuses others at once', async () => {
    const command = 'getent ahostsv4 instance-data.ec2.internal; getent hosts www.example.com; echo $?';
    const { stdout } = await lab('an unprivileged user', [], ['sh', '-c', command]);
    assert.match(stdout, /^169\.254\.169\.254 [\s\S]*\n2\n$/);
  });

  it('answers under EC2’s name of IMDS', async () => {
    const command = ['curl', '-s', 'http://instance-data.ec2.internal/latest/meta-data/ami-launch-index'];
    for (const more of [[], ['--trouble', 'forwarded-for']]) {
      const { stdout } = await lab('an unprivileged user', more, command);
      assert.equal(stdout, '0');
    }
  });

  it('takes from its command what leads AWS’s tools elsewhere', async () => {
    const env = {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1/',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6',
    };
    const { stdout } = await outcome(start('an unprivileged user', ['lab', '--', 'env'], env));
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.startsWith('AWS_EC2')),
      ['AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6'],
    );
  });

  it('tells what IMDS is asked where it is asked to', async () => {
    const command = ['curl', '-s', '169.254.169.254/latest/meta-data/ami-id'];
    const { stderr } = await outcome(start('an unprivileged user', ['--verbose', 'lab', '--', ...command]));
    assert.match(stderr, /^\d\d:\d\d:\d\d {2}v1 {2}GET {2}200 {2}\/latest\/meta-data\/ami-id$/m);
  });

  it('opens a shell at a terminal, which says where it is', async () => {
    const command = `${process.execPath} ${binary} lab --in nested`;
    const terminal = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment({ SHELL: '/bin/bash', TERM: 'dumb' }),
    });
    let shown = '';
    terminal.stdout.on('data', (data) => {
      shown += data;
    });
    const waitFor = async (words: RegExp): Promise<void> => {
      while (!words.test(shown)) await once(terminal.stdout, 'data');
    };
    await waitFor(/\(lab: nested\) /);
    assert.equal(
      shown.split('\n').findIndex((line) => line.includes('(lab: nested) ')),
      3,
    );
    assert.match(shown, /^This is a container inside a container: 3 hops from IMDS/);
    terminal.stdin.write('echo $((6 * 7)); sleep 1000\n');
    await waitFor(/^42/m);
    await delay(200);
    terminal.stdin.write('\x03');
    terminal.stdin.write('echo interrupted $?; exit 5\n');
    assert.equal((await once(terminal, 'exit'))[0], 5);
    assert.match(shown, /^interrupted 130/m);
  });

  it('says that a tool cannot be run', async () => {
    const tool = join(folder, 'setpriv');
    writeFileSync(tool, '#!/nonexistent\n', { mode: 0o755 });
    const child = start('root', ['lab', '--control', '0', '--', 'true'], { PATH: `${folder}:${process.env['PATH']}` });
    const { code, stderr } = await outcome(child);
    rmSync(tool);
    assert.match(stderr, /\nimds: the lab cannot be made: spawn .*\/setpriv ENOENT\n$/);
    assert.equal(code, 2);
  });

  it('refuses what cannot be, and names it', async () => {
    const stderrOf = async (args: readonly string[], env = {}) => {
      const { code, stderr } = await outcome(start('an unprivileged user', ['lab', ...args], env));
      return `${code} ${stderr}`;
    };
    assert.match(await stderrOf([]), /^2 imds: imds lab needs a terminal, or a command after --\n/);
    assert.match(await stderrOf(['--', 'no-such-program']), /^127 imds: there is no program no-such-program\n$/);
    assert.match(await stderrOf(['--', '/etc/passwd']), /^126 imds: \/etc\/passwd cannot be run: EACCES\n$/);
    assert.match(await stderrOf(['--hop-limit', '65', '--', 'true']), /^2 imds: --hop-limit 65: expected .* 1 to 64\n/);
    assert.match(await stderrOf(['--hops', '1', '--', 'true']), /^2 imds: imds lab has no --hops: .*\nhint: --in says/);
  });
});
