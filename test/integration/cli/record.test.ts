import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createEmulator } from '../../../src/emulator/index.js';
import { guardedEnv } from '../../support/guard.mjs';
import { binary, imds, listen, nobody, outcomeOf, start, Terminal } from './harness.js';

const few = { base: 'empty', tree: { 'instance-id': 'i-0abcdef1234567890', 'tags/instance/Team': 'web' } } as const;

const recorded = {
  $schema: './node_modules/imds/dist/emulator/scenario.schema.json',
  description: 'Recorded from an instance; names, addresses, identifiers, credentials and user data are replaced.',
  base: 'empty',
  tree: { 'meta-data': { 'instance-id': 'i-00000000000000001', tags: { instance: { tag1: 'value1' } } } },
};

describe('imds record', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'imds-record-'));
    file = join(folder, 'host.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('writes a file that only its owner can read, and tells what is in it', async () => {
    await using emulator = await createEmulator(few);
    const { code, stdout, stderr } = await imds('record', '--out', file, '--endpoint', emulator.url);
    assert.deepEqual([code, stdout.toString()], [0, '']);
    assert.equal(stderr, `wrote ${file}: 2 values\nreplay it with: imds emulate --scenario ${file}\n`);
    assert.equal(readFileSync(file, 'utf8'), `${JSON.stringify(recorded, undefined, 2)}\n`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ['host.json']);
  });

  it('writes imds-recording.json where it was started', async () => {
    await using emulator = await createEmulator(few);
    const { code } = await outcomeOf(start(['record', '--endpoint', emulator.url], { cwd: folder }));
    assert.equal(code, 0);
    assert.deepEqual(readdirSync(folder), ['imds-recording.json']);
  });

  for (const option of ['--stdout', '--out=-'])
    it(`prints it with ${option}, and writes no file`, async () => {
      await using emulator = await createEmulator(few);
      const { code, stdout, stderr } = await outcomeOf(
        start(['record', option, '--endpoint', emulator.url], { cwd: folder }),
      );
      assert.deepEqual([code, stderr], [0, 'recorded 2 values\n']);
      assert.deepEqual(JSON.parse(stdout.toString()), recorded);
      assert.deepEqual(readdirSync(folder), []);
    });

  it('is replayed by imds emulate, and the same when recorded from that', async () => {
    await using emulator = await createEmulator({ ...few, httpTokens: 'required' });
    await imds('record', '--out', file, '--endpoint', emulator.url);
    const again = [process.execPath, binary, 'record', '--stdout'];
    const { code, stdout, stderr } = await outcomeOf(start(['emulate', '--scenario', file, '--', ...again]));
    assert.deepEqual([code, stderr], [0, 'recorded 2 values\n']);
    assert.equal(stdout.toString(), readFileSync(file, 'utf8'));
  });

  for (const name of ['everything', "my host's $(id).json", 'é.json'])
    it(`prints a command for a shell that replays it: ${name}`, async () => {
      await using emulator = await createEmulator(few);
      const { stderr } = await outcomeOf(start(['record', '--out', name, '--endpoint', emulator.url], { cwd: folder }));
      const [, replay] = /^replay it with: imds (.+)$/m.exec(stderr) ?? [];
      const imds = `'${process.execPath}' '${binary}'`;
      const shell = spawn('sh', ['-c', `${imds} ${replay} -- ${imds} record --stdout`], {
        cwd: folder,
        env: guardedEnv(),
      });
      const { stdout } = await outcomeOf(shell);
      assert.deepEqual(JSON.parse(stdout.toString()), recorded);
    });

  it('keeps names, tags and addresses with --keep', async () => {
    await using emulator = await createEmulator(few);
    const { stdout } = await imds('record', '--stdout', '--keep', '--endpoint', emulator.url);
    assert.deepEqual(JSON.parse(stdout.toString()).tree, {
      'meta-data': { 'instance-id': 'i-0abcdef1234567890', tags: { instance: { Team: 'web' } } },
    });
  });

  it('overwrites nothing without --force', async () => {
    await using emulator = await createEmulator(few);
    writeFileSync(file, 'mine', { mode: 0o644 });
    const refused = await imds('record', '--out', file, '--endpoint', emulator.url);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^imds: .*host\.json already exists\nhint: use --force /);
    assert.equal(readFileSync(file, 'utf8'), 'mine');
    assert.deepEqual(emulator.requests, []);
    const { code } = await imds('record', '--out', file, '--force', '--endpoint', emulator.url);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), recorded);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('replaces only a file', async () => {
    await using emulator = await createEmulator(few);
    mkdirSync(join(folder, 'inner'));
    symlinkSync('elsewhere', join(folder, 'link'));
    for (const place of ['inner', 'link']) {
      const { code, stderr } = await imds(
        'record',
        '--out',
        join(folder, place),
        '--force',
        '--endpoint',
        emulator.url,
      );
      assert.equal(code, 2);
      assert.match(stderr, /exists and is not a file\n$/);
    }
    assert.deepEqual(emulator.requests, []);
  });

  it('says before any request that a file cannot be written', async () => {
    await using emulator = await createEmulator(few);
    writeFileSync(join(folder, 'file'), '');
    for (const [place, code] of [
      [join(folder, 'missing', 'host.json'), 'ENOENT'],
      [join(folder, 'missing/'), 'ENOENT'],
      [join(folder, 'file', 'host.json'), 'ENOTDIR'],
    ] as const) {
      const outcome = await imds('record', '--out', place, '--endpoint', emulator.url);
      assert.deepEqual([outcome.code, outcome.stderr], [1, `imds: ${place} cannot be written: ${code}\n`]);
    }
    assert.deepEqual(emulator.requests, []);
  });

  it('writes no secret to file or terminal', async () => {
    const secrets = Array.from({ length: 14 }, (_, index) => `S3CR3T${index}x`);
    const [token, data, tag, value, role, key, host, message, strange, deep, user, profile, zone, member] = secrets;
    await using emulator = await createEmulator(few);
    const document = JSON.stringify({ Code: 'Success', SecretAccessKey: token, Token: token, AccessKeyId: token });
    const failed = JSON.stringify({ Code: `No ${data}`, Message: `not ${role}, token=${token}`, Token: token });
    emulator.set('user-data', `#!/bin/sh\n${data}`);
    emulator.set('tags/instance', { [`${tag}`]: `${value}`, Name: `${value} ${role}` });
    emulator.set(
      'iam/info',
      `{"Code": "x", "${member}": "${member}", "InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/${profile}"}`,
    );
    emulator.set('iam/security-credentials', { [`${role}`]: failed, [`${key}`]: document });
    emulator.set('iam/security-credentials-extended', {
      [`${role}`]: () => {
        throw new Error('out of order');
      },
    });
    emulator.set('identity-credentials/ec2/security-credentials/ec2-instance', document);
    emulator.set('public-keys', { [`0=${key}`]: { 'openssh-key': `ssh-rsa ${message} ${key}` } });
    emulator.set('hostname', `${host}.${host}.local`);
    emulator.set('local-hostname', `ip-10-1-2-3.${zone?.toLowerCase()}.ec2.internal`);
    emulator.set('events/maintenance/scheduled', `[{"Description": "of ${role}"}]`);
    emulator.set('managed-ssh-keys/active-keys', { [`${user}`]: `ssh-rsa ${message}` });
    emulator.set('new-credentials', { [`${strange}`]: `${deep}` });
    emulator.set('news', { [`${strange}`]: `${deep}` });
    emulator.set(`${strange}`, { [`${strange}`]: `${deep}` });
    emulator.set('iam/newthing', document);
    emulator.set('user-data-2', `${data}`);
    for (const arguments_ of [['--out', file], ['--stdout']]) {
      const { stdout, stderr } = await imds('record', ...arguments_, '--attempts', '1', '--endpoint', emulator.url);
      const told = `${stdout}${stderr}${readFileSync(file, 'utf8')}`;
      assert.match(stderr, /^not read: iam\/security-credentials-extended\/\{role\} \(answered 500\)$/m);
      assert.deepEqual(
        secrets.filter((secret) => told.toUpperCase().includes(secret.toUpperCase())),
        [],
      );
    }
    const kept = await imds('record', '--stdout', '--keep', '--attempts', '1', '--endpoint', emulator.url);
    assert.deepEqual(
      [token, data].filter((secret) => `${kept.stdout}${kept.stderr}`.includes(`${secret}`)),
      [],
    );
  });

  it('writes what it got, says what it did not get, and exits with the exit code of that', async () => {
    await using emulator = await createEmulator(few);
    const broken = () => {
      throw new Error('out of order');
    };
    emulator.set('tags/instance', { a: broken, b: broken, c: 'web' });
    emulator.set('news', 'good');
    const { code, stderr } = await imds('record', '--out', file, '--attempts', '1', '--endpoint', emulator.url);
    assert.equal(code, 8);
    assert.equal(
      stderr,
      `wrote ${file}: 2 values\n` +
        'left out: {unknown} (not known to this version)\n' +
        'not read: tags/instance/{tag-key} (answered 500), 2 times\n' +
        `replay it with: imds emulate --scenario ${file}\n`,
    );
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), recorded);
  });

  it('says that the answer was unusable when the service names what cannot be asked for', async () => {
    await using emulator = await createEmulator(few);
    emulator.set('tags/instance', 'Team\nS3CR3T key\nS3CR3T?');
    const { code, stdout, stderr } = await imds('record', '--stdout', '--endpoint', emulator.url);
    assert.equal(code, 8);
    assert.equal(
      stderr,
      'recorded 1 values\nnot read: tags/instance/{tag-key} (its name cannot be part of a path), 2 times\n',
    );
    assert.doesNotMatch(stdout.toString(), /S3CR3T/);
  });

  it('writes nothing when there is no service', async () => {
    const { url } = await nobody();
    const { code, stderr } = await imds('record', '--out', file, '--endpoint', url);
    assert.equal(code, 3);
    assert.match(stderr, /^imds: .+\nhint: .+\n$/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    let heard = () => {};
    const asked = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const silent = await listen((socket) => socket.once('data', () => heard()));
    const child = start(['record', '--out', file, '--timeout', '60000', '--endpoint', silent.url]);
    const outcome = outcomeOf(child);
    await asked;
    child.kill('SIGINT');
    const { code, stdout, stderr } = await outcome;
    assert.deepEqual([code, stdout.length, stderr], [130, 0, '']);
    assert.deepEqual(readdirSync(folder), []);
    await silent.close();
  });

  it('leaves nothing behind when it is interrupted between two reads', async () => {
    await using emulator = await createEmulator();
    const terminal = new Terminal({ tty: true });
    const running = terminal.run('record', '--out', file, '--endpoint', emulator.url);
    while (!Buffer.concat(terminal.stderrChunks).includes('values read: 10'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    terminal.signals.emit('SIGINT');
    const { code, stdout } = await running;
    assert.deepEqual([code, stdout.length], [130, 0]);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('shows its progress on a terminal, and clears it', async () => {
    await using emulator = await createEmulator(few);
    const terminal = new Terminal({ tty: true });
    const { code, stderr } = await terminal.run('record', '--out', file, '--endpoint', emulator.url);
    assert.equal(code, 0);
    const start = '\r\x1b[K';
    assert.equal(
      stderr,
      `${start}values read: 1${start}values read: 2${start}` +
        `wrote ${file}: 2 values\nreplay it with: imds emulate --scenario ${file}\n`,
    );
  });

  it('is quick with a whole instance, and still asks no faster than fifty times a second', async () => {
    await using emulator = await createEmulator();
    const begun = performance.now();
    const { code } = await imds('record', '--stdout', '--endpoint', emulator.url);
    const seconds = (performance.now() - begun) / 1000;
    assert.equal(code, 0);
    // The first comes at once, and so does the one for the session token.
    const most = seconds * 50 + 2;
    assert.ok(emulator.requests.length <= most, `${emulator.requests.length} requests in ${seconds} s`);
  });

  it('refuses what does not go together', async () => {
    const { code, stderr } = await imds('record', '--stdout', '--out', file, '--endpoint', 'http://127.0.0.1:9');
    assert.equal(code, 2);
    assert.match(stderr, /--out.*--stdout|--stdout.*--out/);
  });
});
