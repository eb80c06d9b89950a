import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import dgram from 'node:dgram';
import dns, { lookup } from 'node:dns';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { guardedEnv, takeRefusals } from '../../support/guard.mjs';

const run = promisify(execFile);
const refused = { code: 'ERR_TEST_GUARD' };

/** Closes the socket after the act, which throws. */
function withDatagrams(type: dgram.SocketType, act: (socket: dgram.Socket) => void): void {
  const socket = dgram.createSocket(type);
  try {
    act(socket);
  } finally {
    socket.close();
  }
}

const attempts: Record<string, () => unknown> = {
  'a TCP connection to a documentation address': () => net.connect(80, '192.0.2.1'),
  'a TCP connection to IMDS over IPv4': () => net.connect({ host: '169.254.169.254', port: 80 }),
  'a TCP connection to IMDS over IPv6': () => net.connect({ host: 'fd00:ec2::254', port: 80 }),
  'a TCP connection to a mapped address': () => net.connect({ host: '::ffff:169.254.169.254', port: 80 }),
  'a TCP connection to a zoned address': () => net.connect({ host: 'fe80::1%eth0', port: 80 }),
  'a TCP connection to a name': () => net.connect({ host: 'imds.invalid', port: 80 }),
  'a TCP connection of a socket made before': () => new net.Socket().connect(80, '192.0.2.1'),
  'an HTTP request to IMDS over IPv6': () => http.get('http://[fd00:ec2::254]/latest/'),
  'a datagram with an address': () => withDatagrams('udp4', (socket) => socket.send('x', 123, '169.254.169.123')),
  'a part of a datagram': () =>
    withDatagrams('udp4', (socket) => socket.send(Buffer.from('xyz'), 0, 1, 123, '169.254.169.123')),
  'a connected datagram socket': () => withDatagrams('udp6', (socket) => socket.connect(123, 'fd00:ec2::123')),
  'a lookup of a name': () => lookup('imds.invalid', () => {}),
  'a lookup that gives a promise': () => dns.promises.lookup('imds.invalid'),
  'a name server asked for a name': () => dns.promises.resolve4('imds.invalid'),
  'a name server asked by a resolver': () => new dns.Resolver().resolveTxt('localhost', () => {}),
};

describe('the guard around the tests', () => {
  for (const [what, attempt] of Object.entries(attempts)) {
    it(`refuses ${what}`, () => {
      assert.throws(attempt, refused);
      assert.equal(takeRefusals().length, 1);
    });
  }

  it('refuses what fetch would send', async () => {
    await assert.rejects(fetch('http://192.0.2.1/'), ({ cause }) => {
      assert.equal(cause.code, refused.code);
      return true;
    });
    assert.equal(takeRefusals().length, 1);
  });

  it('lets loopback pass, by address and by name, with TCP, a Unix socket and UDP', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'imds-guard-'));
    const path = join(folder, 'socket');
    const server = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    const pipe = net.createServer((socket) => socket.end()).listen(path);
    const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    try {
      await Promise.all([once(server, 'listening'), once(pipe, 'listening'), once(udp, 'listening')]);
      const { port } = server.address() as net.AddressInfo;
      for (const target of [{ port, host: '127.0.0.1' }, { port, host: 'localhost' }, { port }, { path }])
        await once(net.connect(target), 'connect');
      const received = once(udp, 'message');
      udp.send('x', udp.address().port, '127.0.0.1');
      await received;
      assert.equal((await promisify(dns.lookup)('127.0.0.1')).address, '127.0.0.1');
    } finally {
      for (const each of [server, pipe, udp]) each.close();
      await rm(folder, { recursive: true });
    }
    assert.deepEqual(takeRefusals(), []);
  });

  it('holds in a child process, whose refusals are known here even when it swallows the error', async () => {
    const code = "try { require('node:net').connect(80, '169.254.169.254') } catch (error) { console.log(error.code) }";
    const { stdout } = await run(process.execPath, ['-e', code], { env: guardedEnv() });
    assert.equal(stdout.trim(), refused.code);
    assert.match(takeRefusals().join(), /169\.254\.169\.254 port 80/);
  });

  it('gives child processes no AWS or proxy settings of this machine', async () => {
    const names = ['AWS_PROFILE', 'aws_region', 'HTTPS_PROXY', 'no_proxy', 'NODE_USE_ENV_PROXY'];
    for (const name of names) process.env[name] = 'x';
    const env = guardedEnv({ AWS_PROFILE: 'mine' });
    for (const name of names) delete process.env[name];
    assert.deepEqual(
      names.map((name) => env[name]),
      ['mine', undefined, undefined, undefined, undefined],
    );
  });
});
