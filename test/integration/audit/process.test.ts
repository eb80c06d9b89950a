import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'mocha';
import { binary, listen, outcomeOf } from '../cli/harness.js';
import { Application, preload } from './audited.js';

const read = "await (await fetch(process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/latest/meta-data/mac')).text();";
const node = process.execPath;

/** What an audit leaves behind in the folder for temporary files. */
const left = (application: Application): readonly string[] => readdirSync(join(application.folder, 'tmp'));

describe('imds audit', () => {
  it('prints first what matters, then the callers, then what to do, and nothing on standard output', async () => {
    await using application = await Application.create();
    application.write('app.mjs', `${read}\nconsole.log('the program');`);
    const { code, stdout, stderr } = await application.audit('--', node, 'app.mjs');
    assert.equal(code, 0);
    assert.equal(stdout.toString(), 'the program\n');
    assert.equal(
      stderr,
      `imds audit: 1 caller uses IMDSv1 and will fail with HttpTokens=required.

CALLER                                          V1  V2  TOKENS  A MINUTE  FAILED
my-app 1.2.3                                     1   0       0         1       0
  app.mjs:1

What to do:
- my-app 1.2.3: Get a token with PUT /latest/api/token and send it as
  X-aws-ec2-metadata-token with each read, or use a client that does, such as
  imds.
`,
    );
  });

  const starts = "const { spawnSync } = await import('node:child_process'); spawnSync('true', ['169.254.169.254']);";
  for (const [failOn, what, program, expected] of [
    ['v1', 'a read without a token', read, 1],
    ['v1', 'a program that asks nothing', '', 0],
    ['v1', 'a program that fails by itself', `${read} process.exit(9);`, 9],
    ['v1', 'another finding', starts, 0],
    ['any', 'another finding', starts, 1],
    ['any', 'a signal', `${read} process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 60_000);`, 143],
  ] as const) {
    it(`exits with ${expected} with --fail-on ${failOn} after ${what}`, async () => {
      await using application = await Application.create();
      application.write('app.mjs', program);
      const { code } = await application.audit('--fail-on', failOn, '--', node, 'app.mjs');
      assert.equal(code, expected);
      assert.deepEqual(left(application), []);
    });
  }

  it('exits as a shell does where there is no such program', async () => {
    await using application = await Application.create();
    const { code, stderr } = await application.audit('--', 'no-such-program');
    assert.equal(code, 127);
    assert.match(stderr, /there is no program no-such-program/);
    assert.deepEqual(left(application), []);
  });

  for (const [args, words] of [
    [[], /there is no command to audit/],
    [['--fail-on', 'v3', '--', 'true'], /--fail-on v3: expected v1 or any/],
    [['--endpoint', 'foo', '--', 'true'], /--endpoint is "foo"/],
    [['--bogus', '--', 'true'], /unknown option '--bogus'/],
  ] as const) {
    it(`refuses ${args.join(' ') || 'no arguments'}`, async () => {
      await using application = await Application.create();
      const { code, stderr } = await application.audit(...args);
      assert.equal(code, 2);
      assert.match(stderr, words);
    });
  }

  for (const [file, words] of [
    ['nowhere/audit.json', /^imds: nowhere\/audit\.json cannot be written: ENOENT$/m],
    ['.', /^imds: \. cannot be written: it is a directory$/m],
    ['reports/', /^imds: reports\/ cannot be written: it is a directory$/m],
  ] as const)
    it(`does not run a command whose report it could not write: ${file}`, async () => {
      await using application = await Application.create();
      const { code, stdout, stderr } = await application.audit('--json', file, '--', 'echo', 'ran');
      assert.deepEqual([code, stdout.toString()], [1, '']);
      assert.match(stderr, words);
    });

  it('takes the endpoint that --endpoint names, too', async () => {
    await using application = await Application.create();
    const { url } = application.emulator;
    application.write('app.mjs', `await (await fetch('${url}/latest/meta-data/mac')).text();`);
    const args = ['audit', '--endpoint', url, '--fail-on', 'v1', '--', node, 'app.mjs'];
    const without = { AWS_EC2_METADATA_SERVICE_ENDPOINT: undefined };
    assert.equal((await application.run(node, [binary, ...args], without)).code, 1);
    assert.equal((await application.run(node, [binary, 'audit', ...args.slice(3)], without)).code, 0);
  });

  it('leaves no file of a process that asked nothing', async () => {
    await using application = await Application.create();
    application.write(
      'app.mjs',
      `import { execFileSync } from 'node:child_process';
      import { readdirSync } from 'node:fs';
      for (let at = 0; at < 3; at += 1) execFileSync(process.execPath, ['-e', '']);
      console.log(readdirSync(process.env.IMDS_AUDIT_FOLDER).length);`,
    );
    const { stdout } = await application.audit('--', node, 'app.mjs');
    assert.equal(stdout.toString(), '1\n');
  });

  it('says so where no Node program was started', async () => {
    await using application = await Application.create();
    const { code, stderr } = await application.audit('--', 'true');
    assert.equal(code, 0);
    assert.match(stderr, /no Node program/);
  });

  for (const command of [['true'], ['sh', '-c', `env -u NODE_OPTIONS '${node}' -e 1`]])
    it(`exits with 1 with --fail-on where nothing could be seen: ${command[0]}`, async () => {
      await using application = await Application.create();
      for (const failOn of ['v1', 'any']) {
        const { code, stderr } = await application.audit('--fail-on', failOn, '--', ...command);
        assert.equal(code, 1);
        assert.match(
          stderr,
          new RegExp(`no Node program.*\nimds: --fail-on ${failOn} fails where nothing could be seen\n$`),
        );
      }
      assert.equal((await application.audit('--fail-on', 'v1', '--', 'sh', '-c', 'exit 9')).code, 9);
    });

  it('reports to SIGUSR2 in between, from a folder of the user alone', async () => {
    await using application = await Application.create();
    application.write('app.mjs', `${read} console.log('read'); setTimeout(() => {}, 60_000);`);
    const child = application.start(node, [binary, 'audit', '--', node, 'app.mjs']);
    const ended = outcomeOf(child);
    await once(child.stdout ?? child, 'data');
    const [folder = ''] = left(application);
    assert.equal(statSync(join(application.folder, 'tmp', folder)).mode & 0o777, 0o700);
    child.kill('SIGUSR2');
    await once(child.stderr ?? child, 'data');
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    assert.equal(code, 143);
    assert.equal(stderr.match(/1 caller uses IMDSv1/g)?.length, 2);
    assert.deepEqual(left(application), []);
  });

  it('shows no secret', async () => {
    await using application = await Application.create();
    application.write(
      'app.mjs',
      `
      const url = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
      const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
      const token = await (await fetch(url + '/latest/api/token', { method: 'PUT', headers: ttl })).text();
      const headers = { 'X-aws-ec2-metadata-token': token };
      const get = async (path) => await (await fetch(url + path, { headers })).text();
      const role = await get('/latest/meta-data/iam/security-credentials/');
      const { SecretAccessKey, AccessKeyId } = JSON.parse(await get('/latest/meta-data/iam/security-credentials/' + role));
      await get('/latest/user-data?password=hunter2#hunter2');
      console.log([token, role, SecretAccessKey, AccessKeyId, 'hunter2', 'argument2'].join('\\n'));`,
    );
    const program = [node, 'app.mjs', '--password', 'argument2'];
    const { stdout, stderr } = await application.audit('--', ...program);
    await application.audit('--json', 'report.json', '--', ...program);
    const shown = stderr + JSON.stringify(application.readReport());
    const secrets = stdout.toString().trim().split('\n');
    assert.equal(secrets.length, 6);
    for (const secret of secrets) assert.ok(secret.length > 5 && !shown.includes(secret), secret);
    assert.equal(application.readReport().command, 'node app.mjs …');
  });
});

describe('imds/audit', () => {
  for (const [option, file] of Object.entries(preload)) {
    it(`reports as node --${option}, on forks and workers too, whatever their environment`, async () => {
      await using application = await Application.create();
      application.write(
        'app.mjs',
        `import { fork } from 'node:child_process';
        import { isMainThread, Worker } from 'node:worker_threads';
        const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT };
        ${read}
        if (isMainThread && process.argv.length === 2) {
          new Worker(new URL(import.meta.url), { env });
          fork('./app.mjs', ['again']);
        }`,
      );
      const env = { IMDS_AUDIT_JSON: 'report.json' };
      const { code, stderr } = await application.run(node, [`--${option}`, file, 'app.mjs'], env);
      assert.deepEqual([code, stderr], [0, '']);
      const { callers, command } = application.readReport();
      assert.deepEqual(
        callers.map(({ v1, line }) => [v1, line]),
        [[3, 4]],
      );
      assert.equal(command, `node ${application.folder}/app.mjs`);
      assert.deepEqual(left(application), []);
    });
  }

  for (const options of [
    ['--import', 'imds/audit'],
    ['--no-warnings', '--require="imds/audit"'],
  ])
    it(`sees programs in other folders by ${options.join(' ')}`, async () => {
      await using application = await Application.create();
      symlinkSync(resolve('.'), join(application.folder, 'node_modules/imds'));
      const below = application.write('below.mjs', read);
      application.write(
        'app.mjs',
        `import { fork } from 'node:child_process';
        fork('${below}', { cwd: '/' }).on('exit', (code) => { process.exitCode = code; });`,
      );
      const args = options.map((option) => option.replaceAll('"', ''));
      for (const [env, all] of [
        [{ NODE_OPTIONS: options.join(' ') }, []],
        [{ NODE_OPTIONS: undefined }, args],
      ] as const) {
        const { code, stderr } = await application.run(node, [...all, 'app.mjs'], {
          ...env,
          IMDS_AUDIT_JSON: 'report.json',
        });
        assert.deepEqual([code, stderr], [0, '']);
        assert.equal(application.readReport().callers[0]?.v1, 1);
      }
    });

  it('does as the variables say: one line of JSON on standard error, an exit code, reports in between', async () => {
    await using application = await Application.create();
    application.write('app.mjs', `${read} setTimeout(() => {}, 1500);`);
    const env = { IMDS_AUDIT_JSON: '-', IMDS_AUDIT_FAIL_ON: 'v1', IMDS_AUDIT_EVERY: '1' };
    const { code, stderr } = await application.run(node, ['--import', preload.import, 'app.mjs'], env);
    assert.equal(code, 1);
    const reports = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    // On a busy machine one may come before the read has ended.
    const withCallers = reports.filter(({ callers }) => callers.length > 0);
    assert.ok(withCallers.length >= 2, stderr);
    for (const { callers } of withCallers) assert.equal(callers[0].v1, 1);
  });

  it('says which variable cannot be used, and goes on without it', async () => {
    await using application = await Application.create();
    application.write('app.mjs', read);
    const env = { IMDS_AUDIT_FAIL_ON: 'v2', IMDS_AUDIT_EVERY: 'hour' };
    const { code, stderr } = await application.run(node, ['--import', preload.import, 'app.mjs'], env);
    assert.equal(code, 0);
    assert.match(stderr, /^imds audit: IMDS_AUDIT_FAIL_ON=v2: expected v1 or any$/m);
    assert.match(stderr, /^imds audit: IMDS_AUDIT_EVERY=hour: expected a number of seconds$/m);
    assert.match(stderr, /1 caller uses IMDSv1/);
  });

  it('reports where a signal ends the process, which it still does, and to SIGUSR2', async () => {
    await using application = await Application.create();
    application.write('app.mjs', `${read} console.log('read'); setTimeout(() => {}, 60_000);`);
    const child = application.start(node, ['--import', preload.import, 'app.mjs']);
    const ended = outcomeOf(child);
    await once(child.stdout ?? child, 'data');
    child.kill('SIGUSR2');
    await once(child.stderr ?? child, 'data');
    child.kill('SIGTERM');
    const { signal, stderr } = await ended;
    assert.equal(signal, 'SIGTERM');
    assert.equal(stderr.match(/1 caller uses IMDSv1/g)?.length, 2);
    assert.deepEqual(left(application), []);
  });

  it('leaves signals to programs that handle them, however they count listeners', async () => {
    await using application = await Application.create();
    application.write(
      'app.mjs',
      `let heard = 0;
      process.on('SIGTERM', () => {
        heard += 1;
        // As the package signal-exit decides whether it is alone.
        console.log(heard, process.listeners('SIGTERM').length);
        if (heard === 2) process.exit(7);
        setTimeout(() => process.kill(process.pid, 'SIGTERM'), 100);
      });
      setTimeout(() => {}, 60_000);
      process.kill(process.pid, 'SIGTERM');`,
    );
    const { code, stdout } = await application.run(node, ['--import', preload.import, 'app.mjs']);
    assert.equal(code, 7);
    assert.equal(stdout.toString(), '1 1\n2 1\n');
  });

  it('waits a moment for a reader of standard error that is slow', async () => {
    await using application = await Application.create();
    application.write('app.mjs', `${read} process.stderr.write('x'.repeat(1_000_000)); process.exit(3);`);
    const slowly = '{ "$0" --import "$1" app.mjs 2>&1 >/dev/null; echo "code $?" >&2; } | { sleep 0.3; cat; }';
    const { stdout, stderr } = await application.run('sh', ['-c', slowly, node, preload.import]);
    assert.equal(stderr, 'code 3\n');
    assert.match(stdout.toString(), /x\n?imds audit: 1 caller uses IMDSv1/);
  });

  it('keeps no process alive, and hides no failure', async () => {
    await using application = await Application.create();
    application.write('app.mjs', `${read} await import('node:assert').then(({ fail }) => fail('mine'));`);
    const { code, stderr } = await application.run(node, ['--import', preload.import, 'app.mjs']);
    assert.equal(code, 1);
    assert.match(stderr, /AssertionError .*mine/);
  });

  for (const [what, env, before, words = /^/] of [
    ['no folder for temporary files', { TMPDIR: '/nonexistent' }, '', /1 caller uses IMDSv1/],
    [
      'a report that cannot be written',
      { IMDS_AUDIT_JSON: '/nonexistent/report.json' },
      '',
      /report\.json cannot be written[\s\S]*1 caller uses IMDSv1/,
    ],
    [
      'a folder that disappears',
      {},
      "import { rmSync } from 'node:fs'; rmSync(process.env.IMDS_AUDIT_FOLDER, { recursive: true });",
    ],
    ['an Error that is frozen', {}, 'Object.freeze(Error);', /1 caller uses IMDSv1/],
    [
      'a preparation of stacks that is fixed',
      {},
      "Object.defineProperty(Error, 'prepareStackTrace', { value: () => 'mine' });",
      /1 caller uses IMDSv1/,
    ],
    ['more than 24 days between reports', { IMDS_AUDIT_EVERY: '2592000' }, '', /^imds audit: (?!.*imds audit:)/s],
    ['standard error that is closed', {}, "import { closeSync } from 'node:fs'; closeSync(2);"],
  ] as const) {
    it(`is nothing to the program with ${what}`, async () => {
      await using application = await Application.create();
      application.write('app.mjs', `${before}\n${read}\nconsole.log('done');`);
      const { code, stdout, stderr } = await application.run(node, ['--import', preload.import, 'app.mjs'], env);
      assert.match(stderr, words);
      assert.equal(stdout.toString(), 'done\n');
      assert.equal(code, 0);
    });
  }

  it('changes nothing that IMDS is asked, nor what the program sees', async () => {
    await using application = await Application.create();
    const asked: string[] = [];
    const service = await listen((socket) =>
      socket.on('data', (chunk) => {
        asked.push(chunk.toString());
        socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nmy');
      }),
    );
    const program = application.write(
      'app.mjs',
      `import http from 'node:http';
      import net from 'node:net';
      import child from 'node:child_process';
      const url = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
      const response = await fetch(url + '/latest/meta-data/mac', { headers: { a: 'b' } });
      console.log(response.status, await response.text());
      const get = (url, answered) => new Promise((resolve) => http.get(url, answered(resolve)).on('error', resolve));
      await get(url + '/none', (resolve) => (answer) => console.log(answer.headers) || answer.resume().on('end', resolve));
      console.log((await get('http://127.0.0.1:9', () => () => {})).code);
      console.log(Object.getOwnPropertyDescriptor(URL.prototype, 'protocol'), Object.keys(URL.prototype));
      console.log(net.Socket.prototype.connect.name, child.execSync.length, child.spawnSync.name, child.spawnSync('true').status);
      console.log(Object.keys(process.env).filter((name) => name !== 'IMDS_AUDIT_FOLDER').length, Error.stackTraceLimit);`,
    );
    const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: service.url };
    const plain = await application.run(node, [program], env);
    const alone = asked.splice(0);
    const audited = await application.run(node, ['--import', preload.import, program], env);
    await service.close();
    assert.equal(alone.length, 2);
    assert.deepEqual(asked, alone);
    assert.equal(audited.stdout.toString(), plain.stdout.toString());
    assert.match(audited.stderr, /1 caller uses IMDSv1|2 callers use IMDSv1/);
  });
});
