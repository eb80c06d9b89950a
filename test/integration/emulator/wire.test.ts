import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { it } from 'mocha';
import type { EmulatorOptions, Fault } from '../../../src/emulator/index.js';
import { Server } from '../../../src/emulator/server.js';
import { createEmulator, describeBothWays } from './both-ways.js';
import { ask, connect, exchange, header, parse, type RawAnswer, token } from './socket.js';

const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const ttl = (seconds: string | undefined) => ({ 'X-aws-ec2-metadata-token-ttl-seconds': seconds });

const notFoundPage = [
  '<?xml version="1.0" encoding="iso-8859-1"?>',
  '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"',
  '\t\t "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
  '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">',
  ' <head>',
  '  <title>404 - Not Found</title>',
  ' </head>',
  ' <body>',
  '  <h1>404 - Not Found</h1>',
  ' </body>',
  '</html>',
  '',
].join('\n');

/** An emulator at a fixed time, which `tick` moves. */
async function atLaunch(options: EmulatorOptions = {}) {
  let time = launch;
  const emulator = await createEmulator({ ...options, now: () => time });
  const tick = (milliseconds: number) => {
    time += milliseconds;
  };
  return { emulator, tick, [Symbol.asyncDispose]: () => emulator.close() };
}

describeBothWays('emulator on the wire', () => {
  it('answers a read with a session token byte for byte', async () => {
    await using lab = await atLaunch();
    const session = await token(lab.emulator);
    lab.tick(82_000);
    const request = `GET /latest/meta-data/placement/region HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token: ${session}\r\n\r\n`;
    assert.equal(
      await exchange(lab.emulator.url, request),
      'HTTP/1.1 200 OK\r\n' +
        'X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21518\r\n' +
        'Content-Type: text/plain\r\n' +
        'Accept-Ranges: none\r\n' +
        'Last-Modified: Mon, 23 Nov 2026 09:00:00 GMT\r\n' +
        'Content-Length: 9\r\n' +
        'Date: Mon, 23 Nov 2026 09:01:22 GMT\r\n' +
        'Server: EC2ws\r\n' +
        'Connection: close\r\n' +
        '\r\n' +
        'us-east-1',
    );
  });

  it('answers a token request byte for byte', async () => {
    await using lab = await atLaunch();
    const request =
      'PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 300\r\n\r\n';
    const [head, session] = (await exchange(lab.emulator.url, request)).split('\r\n\r\n');
    assert.equal(
      head,
      'HTTP/1.1 200 OK\r\n' +
        'X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 300\r\n' +
        'Content-Length: 56\r\n' +
        'Date: Mon, 23 Nov 2026 09:00:00 GMT\r\n' +
        'Server: EC2ws\r\n' +
        'Connection: close\r\n' +
        'Content-Type: text/plain',
    );
    assert.match(session ?? '', /^AQAEA[\w-]{49}==$/);
  });

  const emptyHeaders = [
    'Content-Length: 0',
    'Date: Mon, 23 Nov 2026 09:00:00 GMT',
    'Server: EC2ws',
    'Connection: close',
    'Content-Type: text/plain',
  ];
  const whole: readonly [
    what: string,
    options: EmulatorOptions,
    request: readonly [string, string, Record<string, string>?],
    expected: Partial<RawAnswer>,
  ][] = [
    [
      'a read without a token where tokens are required',
      { httpTokens: 'required' },
      ['GET', '/latest/meta-data/instance-id'],
      { statusLine: 'HTTP/1.1 401 Unauthorized', headers: emptyHeaders, body: '' },
    ],
    [
      'a read of what does not exist',
      {},
      ['GET', '/latest/meta-data/nothing'],
      {
        statusLine: 'HTTP/1.1 404 Not Found',
        headers: [
          'Content-Type: text/html',
          'Content-Length: 339',
          'Date: Mon, 23 Nov 2026 09:00:00 GMT',
          'Server: EC2ws',
          'Connection: close',
        ],
        body: notFoundPage,
      },
    ],
    [
      'a token request with a slash at the end',
      {},
      ['PUT', '/latest/api/token/', { 'X-aws-ec2-metadata-token-ttl-seconds': '60' }],
      {
        statusLine: 'HTTP/1.1 403 Forbidden',
        headers: emptyHeaders.filter((line) => !line.startsWith('Connection')),
        body: '',
      },
    ],
    [
      'a token request that passed a proxy',
      {},
      ['PUT', '/latest/api/token', { 'X-aws-ec2-metadata-token-ttl-seconds': '60', 'X-Forwarded-For': '192.0.2.7' }],
      { statusLine: 'HTTP/1.1 403 Forbidden', headers: emptyHeaders, body: '' },
    ],
    [
      'a GET of the token path',
      {},
      ['GET', '/latest/api/token'],
      { statusLine: 'HTTP/1.1 405 Not Allowed', headers: ['Allow: OPTIONS, PUT', ...emptyHeaders], body: '' },
    ],
    [
      'OPTIONS of the token path',
      {},
      ['OPTIONS', '/latest/api/token'],
      { statusLine: 'HTTP/1.1 200 OK', headers: ['Allow: OPTIONS, PUT', ...emptyHeaders], body: '' },
    ],
    [
      'anything while the endpoint is disabled',
      { httpEndpoint: 'disabled' },
      ['GET', '/latest/meta-data/instance-id'],
      { statusLine: 'HTTP/1.1 403 Forbidden', headers: emptyHeaders, body: '' },
    ],
  ];
  for (const [what, options, request, expected] of whole) {
    it(`answers ${what} byte for byte`, async () => {
      await using lab = await atLaunch(options);
      const { statusLine, headers, body } = await ask(lab.emulator, ...request);
      assert.deepEqual({ statusLine, headers, body }, expected);
    });
  }

  it('serves user data as application/octet-stream', async () => {
    const bytes = Buffer.from([0x1f, 0x8b, 0x00, 0xff, 0x0a]);
    await using lab = await atLaunch({ tree: { 'user-data': bytes } });
    const answer = await ask(lab.emulator, 'GET', '/latest/user-data');
    assert.equal(header(answer, 'Content-Type'), 'application/octet-stream');
    assert.equal(answer.body, bytes.toString('latin1'));
    assert.equal(header(answer, 'Content-Length'), '5');
  });

  it('answers HEAD as GET, without the body', async () => {
    await using lab = await atLaunch();
    for (const path of ['/latest/meta-data/instance-id', '/latest/meta-data/', '/latest/meta-data/nothing']) {
      const get = await ask(lab.emulator, 'GET', path);
      assert.deepEqual(await ask(lab.emulator, 'HEAD', path), { ...get, body: '' });
    }
  });

  const tokenRequests: readonly [what: string, headers: Record<string, string | undefined>, status: number][] = [
    ['the shortest life', ttl('1'), 200],
    ['the longest life', ttl('21600'), 200],
    ['a life of 0', ttl('0'), 400],
    ['too long a life', ttl('21601'), 400],
    ['a negative life', ttl('-1'), 400],
    ['a fraction', ttl('1.5'), 400],
    ['a word', ttl('abc'), 400],
    ['nothing after the colon', ttl(''), 400],
    ['no such header', {}, 400],
    ['two of them', { ...ttl('60'), 'x-aws-ec2-metadata-token-ttl-SECONDS': '60' }, 400],
    ['the header in capitals', { 'X-AWS-EC2-METADATA-TOKEN-TTL-SECONDS': '60' }, 200],
  ];
  for (const [what, headers, status] of tokenRequests) {
    it(`answers a token request with ${what} with ${status}`, async () => {
      await using lab = await atLaunch();
      const answer = await ask(lab.emulator, 'PUT', '/latest/api/token', headers);
      assert.equal(answer.status, status);
      assert.equal(header(answer, 'Content-Length'), String(answer.body.length));
    });
  }

  const statuses: readonly [method: string, path: string, status: number][] = [
    ['GET', '/', 200],
    ['GET', '//', 200],
    ['GET', '/latest', 200],
    ['GET', '/latest/', 200],
    ['GET', '//latest/meta-data//instance-id', 200],
    ['GET', '/latest/meta-data', 200],
    ['GET', '/latest/meta-data/placement/region/', 200],
    ['GET', '/latest/meta-data/instance-id?x=1', 200],
    ['GET', '/latest/meta-data/instance%2Did', 200],
    ['GET', '/latest/meta-data/%zz', 400],
    ['GET', '/latest/meta-data/instance-id/more', 404],
    ['GET', '/latest/meta-data/../meta-data/instance-id', 404],
    ['GET', '/latest/api', 404],
    ['GET', '/latest/__proto__', 404],
    ['GET', '/2021-03-23/meta-data/instance-id', 200],
    ['GET', '/2016-11-30/meta-data/instance-id', 200],
    ['GET', '/1999-01-01/meta-data/instance-id', 404],
    ['GET', '/meta-data/instance-id', 404],
    ['PUT', '/2021-03-23/api/token', 403],
    ['PUT', '//latest/api/token', 200],
    ['HEAD', '/latest/api/token', 405],
    ['POST', '/latest/api/token', 405],
    ['POST', '/latest/meta-data/instance-id', 405],
    ['DELETE', '/latest/meta-data/instance-id', 405],
    ['PUT', '/latest/meta-data/instance-id', 405],
    ['OPTIONS', '/latest/meta-data/instance-id', 200],
    ['GET', 'http://169.254.169.254/latest/meta-data/', 400],
    ['OPTIONS', '*', 400],
  ];
  it('answers spellings of paths, slashes, versions and methods', async () => {
    await using lab = await atLaunch();
    for (const [method, path, status] of statuses) {
      const answer = await ask(lab.emulator, method, path, method === 'PUT' ? ttl('60') : {});
      assert.equal(answer.status, status, `${method} ${path}`);
      if (status === 405) assert.ok(header(answer, 'Allow'), `${method} ${path}`);
    }
    assert.deepEqual(
      lab.emulator.requests.map(({ method, path, status }) => [method, path, status]),
      statuses.map(([method, path, status]) => [method, path.replace(/\?.*/, '?…'), status]),
    );
  });

  it('lists the versions, and serves the same tree under each', async () => {
    await using lab = await atLaunch();
    const { body } = await ask(lab.emulator, 'GET', '/');
    const versions = body.split('\n');
    assert.equal(versions[0], '1.0');
    assert.equal(versions.at(-1), 'latest');
    assert.deepEqual(versions.slice(0, -1), versions.slice(0, -1).toSorted());
    const latest = await ask(lab.emulator, 'GET', '/latest/meta-data/');
    for (const version of versions) {
      assert.deepEqual(await ask(lab.emulator, 'GET', `/${version}/meta-data`), latest, version);
    }
  });

  it('refuses unknown, voided and expired tokens, whether tokens are required or not', async () => {
    for (const httpTokens of ['optional', 'required'] as const) {
      await using lab = await atLaunch({ httpTokens });
      const read = async (session: string) =>
        (await ask(lab.emulator, 'GET', '/latest/', { 'X-aws-ec2-metadata-token': session })).status;
      const long = await token(lab.emulator);
      const short = await token(lab.emulator, 10);
      await using other = await atLaunch();
      assert.equal(await read(long), 200);
      assert.equal(await read(await token(other.emulator)), 401, 'of another instance');
      assert.equal(await read(`${long.slice(0, -4)}AA==`), 401, 'altered');
      assert.equal(await read('nonsense'), 401);
      assert.equal(await read(''), 401);
      lab.tick(9_999);
      assert.equal(await read(short), 200);
      lab.tick(1);
      assert.equal(await read(short), 401, 'lapsed');
      lab.emulator.expireTokens();
      assert.equal(await read(long), 401, 'voided');
      assert.equal(await read(await token(lab.emulator)), 200, 'new');
    }
  });

  it('checks the token before the path', async () => {
    await using lab = await atLaunch({ httpTokens: 'required' });
    for (const path of ['/', '/latest/', '/latest/meta-data/nothing', '/1999-01-01/']) {
      assert.equal((await ask(lab.emulator, 'GET', path)).status, 401, path);
    }
  });

  it('reports the remaining TTL of the token on every read', async () => {
    await using lab = await atLaunch();
    const session = { 'X-aws-ec2-metadata-token': await token(lab.emulator, 60) };
    const left = async (path: string) =>
      header(await ask(lab.emulator, 'GET', path, session), 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds');
    assert.equal(await left('/latest/meta-data/instance-id'), '60');
    lab.tick(1_500);
    assert.equal(await left('/latest/meta-data/'), '58');
    assert.equal(await left('/latest/meta-data/nothing'), '58');
    assert.equal(await left('/'), '58');
  });

  it('answers nothing to a token request beyond the hop limit, and everything else', async () => {
    await using lab = await atLaunch({ hops: 1, httpTokens: 'required' });
    const { url } = lab.emulator;
    const request = (extra: string) => `PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\n${extra}\r\n`;
    for (const extra of ['X-aws-ec2-metadata-token-ttl-seconds: 60\r\n', '']) {
      const socket = await connect(url);
      let bytes = 0;
      let isClosed = false;
      socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      socket.on('close', () => {
        isClosed = true;
      });
      socket.write(request(extra));
      assert.equal((await ask(lab.emulator, 'GET', '/latest/')).status, 401);
      // Whatever follows on that connection is not heard either. Silence can only be waited for.
      socket.write('GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      await delay(50);
      assert.deepEqual({ bytes, isClosed }, { bytes: 0, isClosed: false });
      socket.destroy();
    }
    assert.deepEqual(
      lab.emulator.requests.map(({ status }) => status),
      ['unanswered', 401, 'unanswered', 401],
    );
    lab.emulator.configure({ httpPutResponseHopLimit: 2 });
    assert.equal((await token(lab.emulator)).length, 56);
    lab.emulator.configure({ hops: 2 });
    const socket = await connect(url);
    socket.write(request('X-aws-ec2-metadata-token-ttl-seconds: 60\r\n'));
    // Closing the emulator ends the wait, still without an answer.
    while (lab.emulator.requests.at(-1)?.status !== 'unanswered') await delay(1);
    const [data] = await Promise.all([socket.toArray(), lab.emulator.close()]);
    assert.deepEqual(data, []);
  });

  it('answers one request per connection', async () => {
    await using lab = await atLaunch();
    const request = 'GET /latest/meta-data/placement/region HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const received = await exchange(lab.emulator.url, request.repeat(3));
    assert.equal(received.split('EC2ws').length - 1, 1);
    assert.equal(lab.emulator.requests.length, 1);
  });

  const hosts: readonly [host: string | undefined, status: number][] = [
    ['127.0.0.1:80', 200],
    ['localhost', 200],
    ['LOCALHOST:8080', 200],
    ['[::1]:80', 200],
    ['169.254.169.254', 200],
    ['[fd00:ec2::254]', 200],
    ['evil.example', 403],
    ['evil.example:80', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['127.0.0.1@evil.example', 403],
    ['', 403],
  ];
  for (const [host, status] of hosts) {
    it(`answers a request for host "${host}" with ${status}`, async () => {
      await using lab = await atLaunch();
      const { status: got, body } = await ask(lab.emulator, 'GET', '/latest/meta-data/placement/region', {
        Host: host,
      });
      assert.equal(got, status);
      if (status === 200) assert.equal(body, 'us-east-1');
      else
        assert.match(
          body,
          /^(the Host header has no name|(\S+) is not a name of .*; --allow-host \2, or allowedHosts, .*)\n$/,
        );
    });
  }

  it('names the Host that it refuses, if that can be a name', async () => {
    await using lab = await atLaunch();
    for (const [Host, shown] of [
      ['imds:1338', 'imds is not a name of this emulator; --allow-host imds, or allowedHosts, adds it'],
      ['<script>', 'the Host header has no name'],
      [`${'a'.repeat(300)}.example`, 'the Host header has no name'],
    ] as const) {
      const { headers, body } = await ask(lab.emulator, 'GET', '/latest/', { Host });
      assert.equal(body, `${shown}\n`);
      assert.ok(headers.includes('Content-Type: text/plain') && headers.includes(`Content-Length: ${body.length}`));
    }
  });

  it('requires a Host header, except in HTTP/1.0', async () => {
    await using lab = await atLaunch();
    assert.equal(parse(await exchange(lab.emulator.url, 'GET /latest/ HTTP/1.0\r\n\r\n')).status, 200);
    assert.equal(parse(await exchange(lab.emulator.url, 'GET /latest/ HTTP/1.1\r\n\r\n')).status, 400);
  });

  it('ignores a request body up to 64 KiB and refuses a larger one', async () => {
    await using lab = await atLaunch();
    const head = 'PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n';
    const chunk = (size: number) => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;
    const requests: readonly [string, number][] = [
      [`${head}Content-Length: 3\r\n\r\nxyz`, 200],
      [`${head}Transfer-Encoding: chunked\r\n\r\n${chunk(1000)}0\r\n\r\n`, 200],
      // What exceeds the limit is the last that is sent, so that no unread byte makes the system reset the connection.
      [`${head}Content-Length: 99999999\r\n\r\n${'x'.repeat(64 * 1024 + 1)}`, 413],
      [`${head}Transfer-Encoding: chunked\r\n\r\n${chunk(64 * 1024 + 1)}`, 413],
    ];
    for (const [request, status] of requests) {
      assert.equal(parse(await exchange(lab.emulator.url, request)).status, status);
    }
  });

  it('refuses requests that are not HTTP, and endless headers', async () => {
    await using lab = await atLaunch();
    assert.equal(parse(await exchange(lab.emulator.url, 'nonsense\r\n\r\n')).status, 400);
    const endless = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(9000)}`;
    assert.equal(parse(await exchange(lab.emulator.url, endless)).status, 431);
  });

  const long = 'x'.repeat(9000);
  const noted = { method: 'GET', path: '/latest/', version: 1 } as const;
  const unread = { method: '', path: '', version: 1 } as const;
  const unusual: readonly [what: string, request: string, seen: object, status: number, reason?: string][] = [
    ['what is not HTTP', 'nonsense\r\n\r\n', unread, 400, 'not HTTP'],
    ['headers that never end', `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${long}`, unread, 431, 'too large'],
    [
      'a body that never ends',
      `GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n${'x'.repeat(64 * 1024 + 1)}`,
      noted,
      413,
      'too large',
    ],
    [
      'a body that is malformed',
      'GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n',
      unread,
      400,
      'not HTTP',
    ],
    ['no Host in HTTP/1.1', 'GET /latest/ HTTP/1.1\r\n\r\n', noted, 400, 'no Host'],
    ['an expectation', 'GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: foo\r\n\r\n', noted, 200],
    [
      'an expectation to be told to go on',
      'PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n',
      { method: 'PUT', path: '/latest/api/token', version: 2 },
      417,
      'expects 100',
    ],
    [
      'a request for a tunnel',
      'CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
      { method: 'CONNECT', path: 'evil.example:443', version: 1 },
      405,
      'bad method',
    ],
  ];
  for (const [what, request, seen, status, reason] of unusual) {
    for (const system of ['nitro', 'xen'] as const) {
      it(`answers ${what} as ${system} instances do, by ${status}, and records it`, async () => {
        const calls: unknown[] = [];
        await using lab = await atLaunch({ system, onRequest: (one) => calls.push(one) });
        const answer = parse(await exchange(lab.emulator.url, request));
        assert.equal(answer.status, status);
        assert.ok(answer.statusLine.startsWith(system === 'xen' ? 'HTTP/1.0' : 'HTTP/1.1'), answer.statusLine);
        assert.equal(header(answer, 'Server'), 'EC2ws');
        assert.equal(header(answer, 'Connection'), 'close');
        assert.equal(header(answer, 'Content-Length'), String(answer.body.length));
        const expected = {
          number: 1,
          at: launch,
          caller: '127.0.0.1',
          ...seen,
          status,
          ...(reason === undefined ? {} : { reason }),
        };
        assert.deepEqual(lab.emulator.requests, [expected]);
        assert.deepEqual(calls, [expected]);
      });
    }
  }

  it('ignores data after a request that is not answered', async () => {
    await using lab = await atLaunch();
    lab.emulator.fault({ kind: 'no-reply', times: 1 });
    const socket = await connect(lab.emulator.url);
    socket.write('GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    while (lab.emulator.requests.length === 0) await delay(1);
    socket.write('nonsense\r\n\r\n');
    assert.equal((await ask(lab.emulator, 'GET', '/latest/')).status, 200);
    const [received] = await Promise.all([socket.toArray(), lab.emulator.close()]);
    assert.deepEqual(received, []);
    assert.equal(lab.emulator.requests.length, 2);
  });

  it('does not even parse requests after one that is not answered', async () => {
    await using lab = await atLaunch();
    lab.emulator.fault({ kind: 'no-reply' });
    const parsed: Socket[] = [];
    const note = (message: unknown): void => void parsed.push((message as { socket: Socket }).socket);
    subscribe('http.server.request.start', note);
    const text = 'GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const socket = await connect(lab.emulator.url);
    socket.write(text);
    while (lab.emulator.requests.length === 0) await delay(1);
    socket.write(text);
    while (parsed[0] && parsed[0].bytesRead < 2 * text.length) await delay(1);
    unsubscribe('http.server.request.start', note);
    assert.equal(parsed.length, 1);
    socket.destroy();
  });

  it('closes an unanswered CONNECT with the emulator', async () => {
    await using lab = await atLaunch();
    lab.emulator.fault({ kind: 'no-reply' });
    const socket = await connect(lab.emulator.url);
    socket.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    while (lab.emulator.requests.length === 0) await delay(1);
    const [received] = await Promise.all([socket.toArray(), lab.emulator.close()]);
    assert.deepEqual(received, []);
  });

  it('goes on serving beside silent and broken connections', async () => {
    await using lab = await atLaunch({ hops: 1 });
    const { url } = lab.emulator;
    const silent = await Promise.all(Array.from({ length: 200 }, () => connect(url)));
    for (const socket of silent.slice(0, 50)) socket.write('GET /latest/ HTTP/1.1\r\nHo');
    for (const socket of silent.slice(50, 100))
      socket.write('PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    for (const socket of silent.slice(0, 75)) socket.resetAndDestroy();
    assert.equal((await ask(lab.emulator, 'GET', '/latest/')).status, 200);
    const closed = silent.slice(75).map((socket) => once(socket.resume(), 'close'));
    await lab.emulator.close();
    await Promise.all(closed);
  });

  it('goes on serving beside a thousand silent connections', async () => {
    await using lab = await atLaunch();
    const silent = [];
    for (let count = 0; count < 1000; count++) silent.push(await connect(lab.emulator.url));
    for (let count = 0; count < 10; count++) {
      assert.equal((await ask(lab.emulator, 'GET', '/latest/')).status, 200);
    }
    for (const socket of silent) socket.resetAndDestroy();
  });

  it('keeps the latest thousand silent connections, and all that have asked', async () => {
    await using lab = await atLaunch();
    lab.emulator.fault({ kind: 'no-reply', times: 1 });
    const asking = await connect(lab.emulator.url);
    asking.write('GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    while (lab.emulator.requests.length === 0) await delay(1);
    const open = new Set<number>();
    const silent = [];
    for (let count = 0; count < 1100; count++) {
      const socket = await connect(lab.emulator.url);
      open.add(count);
      socket.on('close', () => open.delete(count)).resume();
      silent.push(socket);
    }
    assert.equal((await ask(lab.emulator, 'GET', '/latest/')).status, 200);
    while (open.size > 1023) await delay(1);
    // The last to ask took the place of one more.
    assert.deepEqual(open, new Set(silent.map((_, index) => index).slice(-1023)));
    assert.equal(asking.destroyed, false);
    for (const socket of [asking, ...silent]) socket.resetAndDestroy();
  });

  it('closes a connection whose caller stops reading', async () => {
    const body = Buffer.alloc(32 * 1024 * 1024);
    const delivery = { answer: { status: 200, headers: [['Content-Length', String(body.length)] as const], body } };
    const handler = { handle: () => delivery, servesIpv6: () => true };
    const server = await Server.listen('127.0.0.1', 0, handler, 100);
    const socket = await connect(server.url);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const [first] = await once(socket, 'data');
    socket.pause();
    // Longer than its timeout, of which nothing is to be seen from here.
    await delay(500);
    let received = first.length;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.on('error', () => {});
    await Promise.all([once(socket, 'close'), socket.resume()]);
    assert.ok(received < body.length, `${received} bytes`);
    await server.setListening(false);
  });

  const unanswered: readonly [why: string, Fault][] = [
    ['without a reply', { kind: 'no-reply' }],
    ['with a late reply', { kind: 'latency', delay: '1h' }],
    ['with a slow reply', { kind: 'slow-body', interval: '1h' }],
  ];
  for (const [why, fault] of unanswered) {
    it(`keeps a thousand connections ${why} and then closes the oldest`, async () => {
      await using lab = await atLaunch({ scenario: { faults: [fault] } });
      const held = [];
      for (let count = 0; count < 1025; count++) {
        const socket = await connect(lab.emulator.url);
        socket.write('GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
        held.push(socket);
        while (count === 0 && lab.emulator.requests.length === 0) await delay(1);
      }
      const ended = await Promise.race(held.map((socket, index) => once(socket.resume(), 'close').then(() => index)));
      assert.equal(ended, 0);
      for (const socket of held) socket.resetAndDestroy();
    });
  }
});
