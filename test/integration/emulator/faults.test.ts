import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'mocha';
import type { Emulator, EmulatorOptions, Fault } from '../../../src/emulator/index.js';
import { createEmulator, describeBothWays } from './both-ways.js';
import { ask, connect, exchange, header, parse, token } from './socket.js';

const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const region = '/latest/meta-data/placement/region';
const request = `GET ${region} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

/** An emulator whose clock stands still at 09:00. */
const still = (options: EmulatorOptions = {}) => createEmulator({ now: () => launch, speed: 0, ...options });

interface Received {
  readonly bytes: string;
  readonly error: string | undefined;
}

/** Every byte that comes for a read of the region, and the error that ends it, if one does. */
async function receive({ url }: Emulator, text = request, endsItsSide = false): Promise<Received> {
  const socket = await connect(url);
  let bytes = '';
  let error: string | undefined;
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    bytes += chunk;
  });
  socket.on('error', (failure: NodeJS.ErrnoException) => {
    error = failure.code;
  });
  if (endsItsSide) socket.end(text);
  else socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return { bytes, error };
}

const answer = (status: string, headers: readonly string[], body = '') =>
  [`HTTP/1.1 ${status}`, ...headers, '', body].join('\r\n');
const sound = (body: string, length = body.length) =>
  answer(
    '200 OK',
    [
      'Content-Type: text/plain',
      'Accept-Ranges: none',
      'Last-Modified: Mon, 23 Nov 2026 09:00:00 GMT',
      `Content-Length: ${length}`,
      'Date: Mon, 23 Nov 2026 09:00:00 GMT',
      'Server: EC2ws',
      'Connection: close',
    ],
    body,
  );
const bare = (status: string, ...first: readonly string[]) =>
  answer(status, [
    ...first,
    'Content-Length: 0',
    'Date: Mon, 23 Nov 2026 09:00:00 GMT',
    'Server: EC2ws',
    'Connection: close',
    'Content-Type: text/plain',
  ]);
const paged = (status: string) => {
  const title = status.replace(' ', ' - ');
  const body = [
    '<?xml version="1.0" encoding="iso-8859-1"?>',
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"',
    '\t\t "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
    '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">',
    ` <head>\n  <title>${title}</title>\n </head>`,
    ` <body>\n  <h1>${title}</h1>\n </body>`,
    '</html>\n',
  ].join('\n');
  return answer(
    status,
    [
      'Content-Type: text/html',
      `Content-Length: ${body.length}`,
      'Date: Mon, 23 Nov 2026 09:00:00 GMT',
      'Server: EC2ws',
      'Connection: close',
    ],
    body,
  );
};

/** What arrives at the socket. */
const onTheWire: readonly [fault: Fault, bytes: string, ending: 'end' | 'reset', status: number | 'unanswered'][] = [
  [{ kind: 'latency', delay: '20ms', jitter: '10ms' }, sound('us-east-1'), 'end', 200],
  [{ kind: 'reset' }, '', 'reset', 'unanswered'],
  [{ kind: 'reset', at: 'start' }, '', 'reset', 'unanswered'],
  [{ kind: 'reset', at: 'middle' }, sound('us-e', 9), 'reset', 200],
  [{ kind: 'status', status: 400 }, paged('400 Bad Request'), 'end', 400],
  [{ kind: 'status', status: 401 }, bare('401 Unauthorized'), 'end', 401],
  [{ kind: 'status', status: 403 }, bare('403 Forbidden'), 'end', 403],
  [{ kind: 'status', status: 404 }, paged('404 Not Found'), 'end', 404],
  [{ kind: 'status', status: 405 }, bare('405 Not Allowed'), 'end', 405],
  [{ kind: 'status', status: 429 }, paged('429 Too Many Requests'), 'end', 429],
  [{ kind: 'status', status: 500 }, paged('500 Internal Server Error'), 'end', 500],
  [{ kind: 'status', status: 502 }, paged('502 Bad Gateway'), 'end', 502],
  [{ kind: 'status', status: 503 }, paged('503 Service Unavailable'), 'end', 503],
  [{ kind: 'slow-body', interval: '2ms' }, sound('us-east-1'), 'end', 200],
  [{ kind: 'cut-body' }, sound('us-e', 9), 'end', 200],
  [{ kind: 'wrong-length', by: 7 }, sound('us-east-1', 16), 'end', 200],
  [{ kind: 'wrong-length', by: -4 }, sound('us-east-1', 5), 'end', 200],
  [{ kind: 'wrong-length', by: -400 }, sound('us-east-1', 0), 'end', 200],
  [{ kind: 'garbage' }, '\x15\x03\x03\x00\x02\x02\x0a', 'end', 'unanswered'],
  [{ kind: 'empty' }, bare('200 OK'), 'end', 200],
  [
    { kind: 'redirect', location: 'http://127.0.0.1:9/' },
    bare('301 Moved Permanently', 'Location: http://127.0.0.1:9/'),
    'end',
    301,
  ],
  [
    { kind: 'redirect', location: '/elsewhere', status: 307 },
    bare('307 Temporary Redirect', 'Location: /elsewhere'),
    'end',
    307,
  ],
  [{ kind: 'newline' }, sound('us-east-1\n'), 'end', 200],
  [{ kind: 'foreign-server', server: 'nginx/1.27' }, sound('us-east-1').replace('EC2ws', 'nginx/1.27'), 'end', 200],
  [{ kind: 'endpoint-off' }, bare('403 Forbidden'), 'end', 403],
];

describeBothWays('emulator faults', () => {
  for (const [fault, bytes, ending, status] of onTheWire) {
    it(`sends ${JSON.stringify(fault)} byte for byte, once, and leaves the next answer intact`, async () => {
      await using emulator = await still();
      const handle = emulator.fault({ ...fault, ...(fault.kind === 'refuse' ? {} : { times: 1 }) });
      const error = ending === 'reset' ? 'ECONNRESET' : undefined;
      assert.deepEqual(await receive(emulator), { bytes, error });
      assert.equal(handle.hits, 1);
      assert.deepEqual(emulator.requests, [
        {
          number: 1,
          at: launch,
          caller: '127.0.0.1',
          method: 'GET',
          path: region,
          version: 1,
          status,
          reason: `fault: ${fault.kind}`,
          faults: [handle.fault],
        },
      ]);
      assert.deepEqual(await receive(emulator), { bytes: sound('us-east-1'), error: undefined });
      assert.equal(handle.hits, 1);
      assert.equal('reason' in (emulator.requests[1] ?? {}), false);
    });
  }

  for (const [fault, bytes, ending] of onTheWire)
    it(`sends ${JSON.stringify(fault)} to a caller that has ended its side, too`, async () => {
      await using emulator = await still();
      emulator.fault(fault);
      const error = ending === 'reset' ? 'ECONNRESET' : undefined;
      assert.deepEqual(await receive(emulator, request, true), { bytes, error });
    });

  it('no-reply ends the connection, silently, once its caller does', async () => {
    await using emulator = await still();
    emulator.fault({ kind: 'no-reply' });
    assert.deepEqual(await receive(emulator, request, true), { bytes: '', error: undefined });
  });

  it('no-reply leaves the connection open and silent until the emulator is closed', async () => {
    await using emulator = await still();
    emulator.fault({ kind: 'no-reply', times: 1 });
    const received = receive(emulator);
    while (emulator.requests.length === 0) await new Promise(setImmediate);
    // Answers to others are read meanwhile.
    for (let count = 0; count < 5; count++) assert.equal(parse(await exchange(emulator.url, request)).status, 200);
    assert.equal(emulator.requests[0]?.status, 'unanswered');
    await emulator.close();
    assert.equal((await received).bytes, '');
  });

  it('latency delays the answer by at least its delay', async () => {
    await using emulator = await still();
    emulator.fault({ kind: 'latency', delay: '150ms', jitter: '50ms' });
    const before = performance.now();
    await Promise.all(Array.from({ length: 5 }, () => receive(emulator)));
    // A timer may fire a millisecond early, and how late is up to the machine.
    assert.ok(performance.now() - before >= 149);
  });

  it('slow-body sends the headers at once', async () => {
    await using emulator = await still();
    emulator.fault({ kind: 'slow-body', interval: '1h' });
    const socket = await connect(emulator.url);
    socket.write(request);
    let received = '';
    while (!received.includes('\r\n\r\n')) received += (await once(socket, 'data'))[0].toString('latin1');
    assert.equal(received, sound('', 9));
    socket.destroy();
  });

  it('short-token expires tokens before their stated TTL', async () => {
    await using emulator = await still();
    emulator.fault({ kind: 'short-token', lifetime: '10s', times: 1 });
    const ttl = 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds';
    const granted = await ask(emulator, 'PUT', '/latest/api/token', { [ttl]: '21600' });
    assert.equal(header(granted, ttl), '21600');
    const session = { 'X-aws-ec2-metadata-token': granted.body };
    const sound = { 'X-aws-ec2-metadata-token': await token(emulator) };
    await emulator.advance(9_999);
    const answer = await ask(emulator, 'GET', '/latest/', session);
    assert.deepEqual([answer.status, header(answer, ttl)], [200, '21590']);
    await emulator.advance(1);
    assert.equal((await ask(emulator, 'GET', '/latest/', session)).status, 401);
    assert.equal((await ask(emulator, 'GET', '/latest/', sound)).status, 200);
    assert.deepEqual(
      emulator.requests.map(({ status, reason }) => reason ?? status),
      ['fault: short-token', 200, 200, 'token expired', 200],
    );
  });

  const ttl = 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds';
  const replies: readonly [
    fault: Omit<Extract<Fault, { kind: 'token-reply' }>, 'kind'>,
    status: number,
    ttl?: string,
  ][] = [
    [{}, 200, '21600'],
    [{ ttl: 'none' }, 200],
    [{ ttl: '21600.0' }, 200, '21600.0'],
    [{ status: 201 }, 201, '21600'],
    [{ status: 201, ttl: 'none' }, 201],
  ];
  for (const [fault, status, served] of replies) {
    it(`token-reply changes the reply to a token request, and no other: ${JSON.stringify(fault)}`, async () => {
      await using emulator = await still();
      emulator.fault({ kind: 'token-reply', ...fault });
      const reply = await ask(emulator, 'PUT', '/latest/api/token', { [ttl]: '21600' });
      const found = reply.headers.find((line) => line.startsWith(`${ttl}: `))?.slice(ttl.length + 2);
      assert.deepEqual([reply.status, found, reply.body.length], [status, served, 56]);
      const read = await ask(emulator, 'GET', region, { 'X-aws-ec2-metadata-token': reply.body });
      assert.deepEqual([read.status, header(read, ttl)], [200, '21600']);
      assert.equal((await ask(emulator, 'PUT', '/latest/api/token')).status, 400);
    });
  }

  it('refused-token answers 401 to tokens that are valid, and to nothing else, until it ends', async () => {
    await using emulator = await still();
    emulator.fault({ kind: 'refused-token', until: '10s' });
    const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
    const statuses = async () => [
      (await ask(emulator, 'GET', region, session)).status,
      (await ask(emulator, 'GET', '/latest/nope', session)).status,
      (await ask(emulator, 'GET', region)).status,
    ];
    assert.deepEqual(await statuses(), [401, 401, 200]);
    await emulator.advance(10_000);
    assert.deepEqual(await statuses(), [200, 404, 200]);
  });

  it('any-token accepts made-up, expired and void tokens', async () => {
    await using emulator = await still({ httpTokens: 'required' });
    const ended = { 'X-aws-ec2-metadata-token': await token(emulator, 1) };
    const isVoid = { 'X-aws-ec2-metadata-token': await token(emulator) };
    emulator.expireTokens();
    await emulator.advance(1000);
    const statuses = async () =>
      Promise.all(
        [{ 'X-aws-ec2-metadata-token': 'made-up' }, ended, isVoid, {}].map(
          async (headers) => (await ask(emulator, 'GET', region, headers)).status,
        ),
      );
    assert.deepEqual(await statuses(), [401, 401, 401, 401]);
    const handle = emulator.fault({ kind: 'any-token' });
    assert.deepEqual(await statuses(), [200, 200, 200, 401]);
    handle.remove();
    assert.deepEqual(await statuses(), [401, 401, 401, 401]);
  });

  for (const status of [503, 429] as const) {
    it(`throttle answers its rate at once and each second, and ${status} to the others`, async () => {
      await using emulator = await still();
      const handle = emulator.fault({ kind: 'throttle', rate: 2, ...(status === 503 ? {} : { status }) });
      const statuses = async (count: number) => {
        const all = [];
        for (let done = 0; done < count; done++) all.push((await ask(emulator, 'GET', region)).status);
        return all;
      };
      assert.deepEqual(await statuses(4), [200, 200, status, status]);
      await emulator.advance(500);
      assert.deepEqual(await statuses(2), [200, status]);
      await emulator.advance(60_000);
      assert.deepEqual(await statuses(3), [200, 200, status]);
      assert.equal(handle.hits, 4);
    });
  }

  it('refuse begins and ends with its time, and when it is removed', async () => {
    await using emulator = await still();
    const isRefused = async () => {
      await emulator.advance(0);
      try {
        (await connect(emulator.url)).destroy();
        return false;
      } catch (error) {
        assert.equal(error instanceof Error && 'code' in error && error.code, 'ECONNREFUSED');
        return true;
      }
    };
    emulator.fault({ kind: 'refuse', from: '10s', until: '20s' });
    for (const [ms, expected] of [
      [9_999, false],
      [1, true],
      [9_999, true],
      [1, false],
    ] as const) {
      await emulator.advance(ms);
      assert.equal(await isRefused(), expected);
    }
    const handle = emulator.fault({ kind: 'refuse' });
    assert.equal(await isRefused(), true);
    handle.remove();
    assert.equal(await isRefused(), false);
    assert.equal((await ask(emulator, 'GET', region)).status, 200);
  });

  it('refuse ends by itself while the clock runs, and keeps the process alive meanwhile', async () => {
    let time = launch;
    await using emulator = await createEmulator({ now: () => time });
    emulator.fault({ kind: 'refuse', until: '100ms' });
    await assert.rejects(connect(emulator.url), { code: 'ECONNREFUSED' });
    assert.ok(process.getActiveResourcesInfo().includes('Timeout'));
    time += 100;
    for (;;) {
      try {
        (await connect(emulator.url)).destroy();
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    assert.equal((await ask(emulator, 'GET', region)).status, 200);
  });

  it('refuse lets the emulator close', async () => {
    const emulator = await still({ scenario: { faults: [{ kind: 'refuse' }] } });
    await assert.rejects(connect(emulator.url), { code: 'ECONNREFUSED' });
    await emulator.close();
  });

  const scopes: readonly [scope: object, hit: readonly string[], others: readonly string[]][] = [
    [{}, ['GET /', `GET ${region}`, 'PUT /latest/api/token', 'GET /latest/user-data'], []],
    [
      { paths: 'placement/region' },
      [`GET ${region}`, 'GET //latest/meta-data/placement/region/?x', 'GET /2021-03-23/meta-data/placement/region'],
      ['GET /latest/meta-data/placement', 'GET /latest/meta-data/placement/region/x'],
    ],
    [
      { paths: 'placement/*' },
      [`GET ${region}`],
      ['GET /latest/meta-data/placement/', 'GET /latest/meta-data/placement/a/b'],
    ],
    [
      { paths: 'placement/**' },
      [`GET ${region}`, 'GET /latest/meta-data/placement', 'GET /latest/meta-data/placement/a/b'],
      ['GET /latest/meta-data/placements'],
    ],
    [
      { paths: 'placement/**/b' },
      ['GET /latest/meta-data/placement/b', 'GET /latest/meta-data/placement/a/c/b'],
      [`GET ${region}`],
    ],
    [
      { paths: 'meta-data/*-id' },
      ['GET /latest/meta-data/ami-id', 'GET /latest/meta-data/instance%2Did'],
      ['GET /latest/meta-data/ami-idx', 'GET /latest/meta-data/a/b-id'],
    ],
    [
      { paths: '/latest/meta-data/*' },
      ['GET /latest/meta-data/ami-id'],
      ['GET /2021-03-23/meta-data/ami-id', `GET ${region}`],
    ],
    [{ paths: '/**' }, ['GET /', `GET ${region}`, 'PUT /latest/api/token'], []],
    [{ paths: ['user-data', 'dynamic/**'] }, ['GET /latest/user-data', 'GET /latest/dynamic/fws/'], [`GET ${region}`]],
    [{ paths: 'api/token' }, ['PUT /latest/api/token', 'GET /latest/api/token'], [`GET ${region}`]],
    [{ paths: 'api/token', method: 'PUT' }, ['PUT /latest/api/token'], ['GET /latest/api/token']],
    [{ method: 'HEAD' }, [`HEAD ${region}`], [`GET ${region}`]],
    [{ paths: 'a.b+c(d)' }, ['GET /latest/meta-data/a.b+c(d)'], ['GET /latest/meta-data/aXbbc(d)']],
  ];
  for (const [scope, hit, others] of scopes) {
    it(`applies to the requests of ${JSON.stringify(scope)} only`, async () => {
      await using emulator = await still();
      const handle = emulator.fault({ kind: 'status', status: 502, ...scope });
      for (const line of [...hit, ...others]) {
        const [method = '', target = ''] = line.split(' ');
        const { status } = await ask(emulator, method, target, { 'X-aws-ec2-metadata-token-ttl-seconds': '60' });
        assert.equal(status === 502, hit.includes(line), line);
      }
      assert.equal(handle.hits, hit.length);
    });
  }

  it('applies within from and until, counted from when it was added', async () => {
    await using emulator = await still();
    await emulator.advance(60_000);
    emulator.fault({ kind: 'status', status: 500, from: '5s', until: '10s' });
    const statuses = [];
    for (const ms of [0, 4_999, 1, 4_999, 1]) {
      await emulator.advance(ms);
      statuses.push((await ask(emulator, 'GET', region)).status);
    }
    assert.deepEqual(statuses, [200, 200, 500, 500, 200]);
  });

  it('applies as often as times says, or until it is removed', async () => {
    await using emulator = await still();
    const handle = emulator.fault({ kind: 'status', status: 500, times: 2, paths: 'placement/**' });
    const statuses = [];
    for (const path of [region, '/latest/', region, region]) statuses.push((await ask(emulator, 'GET', path)).status);
    assert.deepEqual(statuses, [500, 200, 500, 200]);
    assert.equal(handle.hits, 2);
    const other = emulator.fault({ kind: 'empty' });
    assert.equal((await ask(emulator, 'GET', region)).body, '');
    other.remove();
    other.remove();
    assert.equal((await ask(emulator, 'GET', region)).body, 'us-east-1');
    assert.equal(other.hits, 1);
  });

  it('applies by probability, to the same requests for the same seed', async () => {
    const pattern = async (seed: number) => {
      await using emulator = await still({
        scenario: { seed, faults: [{ kind: 'status', status: 503, probability: 0.5, paths: 'placement/**' }] },
      });
      const statuses = [];
      for (let count = 0; count < 40; count++) {
        // What it does not apply to does not use up its random numbers.
        if (count % seed === 0) await ask(emulator, 'GET', '/latest/');
        statuses.push((await ask(emulator, 'GET', region)).status === 503 ? 'x' : '.');
      }
      return statuses.join('');
    };
    const [first, again, other] = [await pattern(7), await pattern(7), await pattern(8)];
    assert.equal(first, again);
    assert.notEqual(first, other);
    for (const one of [first, other]) assert.ok(one.includes('x') && one.includes('.'), one);
  });

  it('never applies at probability 0, and always at 1', async () => {
    await using emulator = await still();
    const never = emulator.fault({ kind: 'status', status: 500, probability: 0 });
    const always = emulator.fault({ kind: 'newline', probability: 1 });
    for (let count = 0; count < 20; count++) assert.equal((await ask(emulator, 'GET', region)).body, 'us-east-1\n');
    assert.deepEqual([never.hits, always.hits], [0, 20]);
  });

  it('adds up with other faults', async () => {
    await using emulator = await still({ scenario: { faults: [{ kind: 'newline' }, { kind: 'newline' }] } });
    emulator.fault({ kind: 'foreign-server', server: 'nginx' });
    emulator.fault({ kind: 'cut-body' });
    const text = sound('us-ea', 11).replace('EC2ws', 'nginx');
    assert.deepEqual(await receive(emulator), { bytes: text, error: undefined });
    assert.deepEqual(
      emulator.requests[0]?.faults?.map(({ kind }) => kind),
      ['newline', 'newline', 'foreign-server', 'cut-body'],
    );
  });

  const together: readonly [faults: readonly [Fault, Fault], received: { bytes: string; error: string | undefined }][] =
    [
      [[{ kind: 'reset' }, { kind: 'cut-body' }], { bytes: '', error: 'ECONNRESET' }],
      [[{ kind: 'reset', at: 'middle' }, { kind: 'cut-body' }], { bytes: sound('us-e', 9), error: 'ECONNRESET' }],
      [[{ kind: 'wrong-length', by: 7 }, { kind: 'newline' }], { bytes: sound('us-east-1\n', 17), error: undefined }],
      [
        [
          { kind: 'foreign-server', server: 'nginx' },
          { kind: 'status', status: 403 },
        ],
        { bytes: bare('403 Forbidden').replace('EC2ws', 'nginx'), error: undefined },
      ],
      [
        [{ kind: 'newline' }, { kind: 'empty' }],
        { bytes: `${bare('200 OK').replace(': 0', ': 1')}\n`, error: undefined },
      ],
      [
        [{ kind: 'garbage' }, { kind: 'status', status: 500 }],
        { bytes: '\x15\x03\x03\x00\x02\x02\x0a', error: undefined },
      ],
    ];
  for (const [faults, received] of together) {
    it(`applies two faults whichever was added first: ${faults.map(({ kind }) => kind).join(' and ')}`, async () => {
      for (const order of [faults, faults.toReversed()]) {
        await using emulator = await still({ scenario: { faults: order } });
        assert.deepEqual(await receive(emulator), received);
        assert.equal(emulator.requests[0]?.faults?.length, 2);
      }
    });
  }

  it('copies the fault, so that later changes to the object have no effect', async () => {
    await using emulator = await still();
    const given = { kind: 'status' as const, status: 503 as const, paths: ['placement/**'] };
    const handle = emulator.fault(given);
    Object.assign(given, { kind: 'nonsense', status: {} });
    given.paths.push('x');
    assert.equal((await ask(emulator, 'GET', region)).status, 503);
    assert.deepEqual(handle.fault, { kind: 'status', status: 503, paths: ['placement/**'] });
    assert.deepEqual(emulator.requests[0]?.faults, [handle.fault]);
    assert.throws(() => Object.assign(handle.fault, { kind: 'reset' }), TypeError);
  });

  it('leaves answers lost to the hop limit and refusals of foreign hosts as they are', async () => {
    await using emulator = await still({ hops: 1 });
    emulator.fault({ kind: 'status', status: 500 });
    const lost = receive(emulator, 'PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    assert.equal((await ask(emulator, 'GET', region, { Host: 'evil.example' })).status, 403);
    while (emulator.requests.length < 2) await new Promise(setImmediate);
    await emulator.close();
    assert.equal((await lost).bytes, '');
    const reasons = emulator.requests.map(({ status, reason }) => `${status} ${reason}`);
    assert.deepEqual(reasons.sort(), ['403 foreign Host', 'unanswered hop limit']);
  });

  it('answers HEAD with the headers of a faulty GET', async () => {
    await using emulator = await still();
    emulator.fault({ kind: 'newline' });
    assert.deepEqual(await ask(emulator, 'HEAD', region), { ...(await ask(emulator, 'GET', region)), body: '' });
  });

  const refused: readonly [json: string, message: RegExp][] = [
    ['null', /^fault must be an object with kind: 'latency', .* or 'refuse', not null$/],
    ['{}', /^fault\.kind is missing; it must be 'latency', /],
    ['{"kind": "lateness"}', /^fault\.kind must be 'latency', .*, not 'lateness'$/],
    ['{"kind": "latency"}', /^fault\.delay is missing; it must be a time such as '30s'/],
    ['{"kind": "latency", "delay": "soon"}', /^fault\.delay must be a time .* not 'soon'$/],
    ['{"kind": "latency", "delay": -1}', /^fault\.delay must be a time .* not -1$/],
    ['{"kind": "status", "status": 418}', /^fault\.status must be 400, .* or 503, not 418$/],
    ['{"kind": "status", "status": "503"}', /^fault\.status must be .* not '503'$/],
    ['{"kind": "reset", "times": 0}', /^fault\.times must be a whole number from 1 to /],
    ['{"kind": "reset", "probability": 2}', /^fault\.probability must be a number from 0 to 1, not 2$/],
    [
      '{"kind": "reset", "paths": []}',
      /^fault\.paths must be a pattern of paths such as iam\/\*\*, or a list of up to 100, each of up to 256 characters, not \[\]$/,
    ],
    [
      JSON.stringify({ kind: 'reset', paths: 'x'.repeat(257) }),
      /^fault\.paths must be a pattern of paths .* not 'x{79}…$/,
    ],
    ['{"kind": "token-reply", "status": 204}', /^fault\.status must be 200 or 201, not 204$/],
    ['{"kind": "token-reply", "ttl": 60}', /^fault\.ttl must be printable ASCII, not 60$/],
    ['{"kind": "reset", "path": "x"}', /^fault\.path is not known here; known are kind, paths, /],
    ['{"kind": "refuse", "times": 1}', /^fault\.times is not known here; known are kind, from, until$/],
    ['{"kind": "reset", "from": "2m", "until": "1m"}', /^fault\.until must be later than from, which is 2m, not 1m$/],
    ['{"kind": "refuse", "from": 5, "until": 5}', /^fault\.until must be later than from, which is 5, not 5$/],
    ['{"kind": "reset", "until": "999999999d"}', /^fault\.until must be a time .*300 years at most, not '999999999d'$/],
    ['{"kind": "throttle", "rate": 0}', /^fault\.rate must be a number that is more than 0 /],
    ['{"kind": "redirect", "location": "x\\r\\nY: z"}', /^fault\.location must be printable ASCII, not /],
  ];
  for (const [json, message] of refused) {
    it(`refuses the fault ${json}`, async () => {
      await using emulator = await still();
      assert.throws(() => emulator.fault(JSON.parse(json)), { code: 'ERR_EMULATOR_OPTION', message });
      assert.equal((await ask(emulator, 'GET', region)).status, 200);
    });
  }
});
