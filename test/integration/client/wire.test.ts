import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import type { ImdsOptions } from '../../../src/client/options.js';
import { isImdsError } from '../../../src/errors.js';
import { Imds } from '../../../src/imds.js';
import { guardedEnv } from '../../support/guard.mjs';
import { stopwatch } from '../../support/stopwatch.js';

const token = 'AQAEAverysecrettoken==';
const path = '/latest/meta-data/instance-id';
const head = (length: number, more = ''): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n${more}\r\n`;
const grant = head(token.length, 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\nConnection: close\r\n') + token;
const largest = 1024 * 1024;

type Act = (socket: net.Socket) => unknown;

/** Sends these pieces, then closes the connection. */
const says =
  (...pieces: (string | Buffer)[]): Act =>
  (socket) => {
    for (const piece of pieces) socket.write(piece, 'latin1');
    socket.end();
  };
/** Sends these pieces and leaves the connection open. */
const saysAndHolds =
  (...pieces: string[]): Act =>
  (socket) => {
    for (const piece of pieces) socket.write(piece, 'latin1');
  };
const resets: Act = (socket) => socket.resetAndDestroy();
const resetsAfter =
  (text: string): Act =>
  (socket) =>
    socket.write(text, () => setTimeout(() => socket.resetAndDestroy(), 20));
/** Goes on for as long as somebody listens. */
const neverEnds =
  (start: string, piece: string): Act =>
  (socket) => {
    const go = (): void => {
      while (!socket.destroyed && socket.write(piece));
      socket.once('drain', go);
    };
    socket.write(start);
    go();
  };
const drips: Act = (socket) => {
  socket.write(head(1000));
  const timer = setInterval(() => socket.write('x'), 20);
  socket.once('close', () => clearInterval(timer));
};

/** A server that treats the connections of token requests and of reads as a test says. */
class Peer implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly #sockets = new Set<net.Socket>();
  readonly #server: net.Server;

  constructor(onPut: Act, onGet: Act) {
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {}); // what a client leaves behind when it gives up
      socket.on('end', () => socket.end());
      let received = '';
      socket.on('data', (chunk) => {
        if (received.endsWith('\r\n\r\n')) return;
        received += chunk;
        if (!received.endsWith('\r\n\r\n')) return;
        this.requests.push(received);
        (received.startsWith('PUT ') ? onPut : onGet)(socket);
      });
    });
  }

  static async listening(onPut: Act, onGet: Act): Promise<Peer> {
    const peer = new Peer(onPut, onGet);
    peer.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
    await once(peer.#server, 'listening');
    return peer;
  }

  get endpoint(): string {
    const address = this.#server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return `http://127.0.0.1:${address.port}`;
  }

  /** How many requests of a method arrived. */
  count(method: 'GET' | 'PUT'): number {
    return this.requests.filter((request) => request.startsWith(method)).length;
  }

  /** Waits for the client to have closed all its connections. */
  async quiet(): Promise<void> {
    const end = performance.now() + 2000;
    while (this.#sockets.size > 0 && performance.now() < end) await sleep(5);
    assert.equal(this.#sockets.size, 0, 'connections are left open');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const impatient: ImdsOptions = { requestTimeoutMs: 300, maxAttempts: 2, retryDelayMs: 1, deadlineMs: 5000 };
const clientOf = ({ endpoint }: Peer, options: ImdsOptions = {}): Imds =>
  new Imds({ endpoint, maxAttempts: 2, retryDelayMs: 1, requestTimeoutMs: 3000, deadlineMs: 10_000, ...options });

describe('the client on a socket', () => {
  describe('accepts as a value', () => {
    const values: readonly [string, Act, string][] = [
      ['an answer that says its length', says(head(3), 'abc'), 'abc'],
      ['an answer in pieces', says('HTTP/1.', '1 200 OK\r\nContent-', 'Length: 3\r\n', '\r\na', 'bc'), 'abc'],
      ['an answer that ends with the connection', says('HTTP/1.1 200 OK\r\n\r\n', 'abc'), 'abc'],
      [
        'an answer in chunks',
        says('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'),
        'abc',
      ],
      ['an answer of HTTP/1.0', says('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n', 'abc'), 'abc'],
      ['an answer after a provisional one', says('HTTP/1.1 100 Continue\r\n\r\n', head(3), 'abc'), 'abc'],
      ['an answer on a connection that stays open', saysAndHolds(head(3, 'Connection: keep-alive\r\n'), 'abc'), 'abc'],
      ['an answer that bears the name of an encoding', says(head(3, 'Content-Encoding: gzip\r\n'), 'abc'), 'abc'],
      ['an answer as large as may be', says(head(largest), 'a'.repeat(largest)), 'a'.repeat(largest)],
    ];
    for (const [what, act, value] of values) {
      it(what, async () => {
        await using peer = await Peer.listening(says(grant), act);
        assert.equal(await clientOf(peer).get('instance-id'), value);
        assert.deepEqual([peer.count('PUT'), peer.count('GET')], [1, 1]);
        await peer.quiet();
      });
    }
  });

  describe('treats as a failure', () => {
    type Expected = Readonly<Record<string, unknown>>;
    const cut = { code: 'ERR_IMDS_RESPONSE', fault: 'cut', statusCode: 200 };
    const reset = { code: 'ERR_IMDS_RESPONSE', fault: 'reset' };
    const notHttp = { code: 'ERR_IMDS_RESPONSE', fault: 'not-http' };
    const tooLarge = { code: 'ERR_IMDS_RESPONSE', fault: 'too-large' };
    const noToken = { code: 'ERR_IMDS_TOKEN', statusCode: 200 };
    /** What, how the peer does it, how often it is tried, and what comes of it for a read and for a token request. */
    const failures: readonly [string, Act, number, Expected, Expected][] = [
      ['a connection closed at once', says(), 2, reset, reset],
      ['a connection closed within the headers', says('HTTP/1.1 200 OK\r\nContent-Le'), 2, reset, reset],
      ['a reset', resets, 2, reset, reset],
      ['a reset in the middle', resetsAfter(`${head(30)}abc`), 2, cut, cut],
      ['a body shorter than announced', says(head(30), 'abc'), 2, cut, cut],
      ['chunks without an end', says('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'), 2, cut, cut],
      ['a body longer than announced', says(`${head(3)}abcdef`), 1, notHttp, notHttp],
      [
        'a chunk without a size',
        says('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'),
        1,
        notHttp,
        notHttp,
      ],
      [
        'two lengths',
        says('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc'),
        1,
        notHttp,
        notHttp,
      ],
      ['another protocol', says('SSH-2.0-OpenSSH_9.6\r\n'), 1, notHttp, notHttp],
      ['a TLS alert', says(Buffer.from([0x15, 3, 1, 0, 2, 2, 10])), 1, notHttp, notHttp],
      [
        'headers without end',
        neverEnds('HTTP/1.1 200 OK\r\n', `X-Filler: ${'x'.repeat(1000)}\r\n`),
        1,
        notHttp,
        notHttp,
      ],
      ['a body of more than 1 MiB', says(head(largest + 1), 'a'.repeat(largest + 1)), 1, tooLarge, tooLarge],
      ['a body of announced petabytes', saysAndHolds(head(1e15), 'a'), 1, tooLarge, tooLarge],
      ['a body without end', neverEnds('HTTP/1.1 200 OK\r\n\r\n', 'a'.repeat(65_536)), 1, tooLarge, tooLarge],
      [
        'a redirect',
        says('HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:9/latest/\r\nContent-Length: 0\r\n\r\n'),
        1,
        { code: 'ERR_IMDS_RESPONSE', fault: 'redirect', statusCode: 301 },
        { code: 'ERR_IMDS_RESPONSE', fault: 'redirect', statusCode: 301 },
      ],
      [
        'another protocol offered',
        saysAndHolds('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
        1,
        { code: 'ERR_IMDS_RESPONSE', fault: 'status', statusCode: 101 },
        { code: 'ERR_IMDS_RESPONSE', fault: 'status', statusCode: 101 },
      ],
      ['an empty 200', says(head(0)), 1, { code: 'ERR_IMDS_DECODE' }, noToken],
      ['no content', says('HTTP/1.1 204 No Content\r\n\r\n'), 1, { statusCode: 204 }, { statusCode: 204 }],
      [
        'a status that does not exist',
        says('HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n'),
        1,
        { statusCode: 0 },
        { statusCode: 0 },
      ],
    ];
    for (const [what, act, attempts, ofRead, ofToken] of failures) {
      for (const [method, expected] of [
        ['GET', ofRead],
        ['PUT', ofToken],
      ] as const) {
        it(`${what}, in answer to a ${method}, after ${attempts} of 2 attempts`, async () => {
          await using peer = await Peer.listening(method === 'PUT' ? act : says(grant), act);
          const error = await failureOf(clientOf(peer).get('instance-id'));
          for (const [name, value] of Object.entries(expected)) assert.equal(Reflect.get(error, name), value, name);
          assert.equal(peer.count(method), attempts);
          assert.doesNotMatch(inspect(error, { showHidden: true, depth: 10 }), /secret|RequestError/);
          await peer.quiet();
        });
      }
    }

    it('bytes in any order: never hangs, and never throws anything but its own errors', async () => {
      const pieces = [
        'HTTP/1.1 200 OK\r\n',
        'HTTP/1.0 404 Not Found\r\n',
        'HTTP/1.1 100 Continue\r\n\r\n',
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
        'HTTP/1.1 304 Not Modified\r\n\r\n',
        'Content-Length: 3\r\n',
        'Content-Length: 0\r\n',
        'Content-Length: -1\r\n',
        'Transfer-Encoding: chunked\r\n',
        'Connection: keep-alive\r\n',
        'Connection: close\r\n',
        '\r\n',
        'abc',
        '3\r\nabc\r\n0\r\n\r\n',
        '\0\xff',
      ];
      // Every pair after a start that is right, every one without it; and each left open, closed or reset.
      const scripts = pieces.flatMap((first) => [
        [first],
        ...pieces.map((second) => ['HTTP/1.1 200 OK\r\n', first, second]),
      ]);
      const ends: Act[] = [() => {}, (socket) => socket.end(), resets];
      let act: Act = () => {};
      await using peer = await Peer.listening(says(grant), (socket) => act(socket));
      const imds = clientOf(peer, { maxAttempts: 1, cache: false });
      await imds.token();
      const codes = new Set<string>();
      for (const [index, script] of scripts.entries()) {
        act = (socket) => {
          saysAndHolds(...script)(socket);
          ends[index % ends.length]?.(socket);
        };
        const outcome = imds.getBuffer('x', { deadlineMs: 40 }).then(
          () => 'value',
          (error: unknown) => (isImdsError(error) ? error.code : assert.fail(inspect(error))),
        );
        const patience = new AbortController();
        codes.add(await Promise.race([outcome, sleep(3000, 'hang', { signal: patience.signal }).catch(() => '')]));
        patience.abort();
      }
      assert.ok(!codes.has('hang'));
      for (const code of ['ERR_IMDS_RESPONSE', 'ERR_IMDS_TIMEOUT', 'value']) assert.ok(codes.has(code), code);
      await peer.quiet();
    });
  });

  describe('without an answer in time', () => {
    it('fails a read that nothing comes back from', async () => {
      await using peer = await Peer.listening(says(grant), () => {});
      const start = performance.now();
      const error = await failureOf(clientOf(peer, impatient).get('instance-id'));
      assert.deepEqual([error.code, Reflect.get(error, 'phase')], ['ERR_IMDS_TIMEOUT', 'response']);
      assert.equal(error.message, `GET ${peer.endpoint}${path} got no reply within 300 ms`);
      assert.equal(peer.count('GET'), 2);
      assert.ok(performance.now() - start >= 590);
      await peer.quiet();
    });

    for (const [what, act] of [
      ['half an answer', saysAndHolds(head(30), 'abc')],
      ['half the headers', saysAndHolds('HTTP/1.1 200 OK\r\nContent-Le')],
      ['a byte now and then', drips],
    ] as const) {
      it(`fails a read that ${what} comes back from`, async () => {
        await using peer = await Peer.listening(says(grant), act);
        const error = await failureOf(clientOf(peer, impatient).get('instance-id'));
        assert.deepEqual([error.code, Reflect.get(error, 'phase')], ['ERR_IMDS_TIMEOUT', 'body']);
        assert.equal(error.message, `GET ${peer.endpoint}${path} got no complete reply within 300 ms`);
        assert.equal(peer.count('GET'), 2);
        await peer.quiet();
      });
    }

    it('tells a lost token reply from other failures, and does not wait for it again at once', async () => {
      await using peer = await Peer.listening(() => {}, says(head(3), 'abc'));
      const imds = clientOf(peer, impatient);
      const error = await failureOf(imds.get('instance-id'));
      assert.equal(error.code, 'ERR_IMDS_HOP_LIMIT');
      assert.match(error.hint ?? '', /--http-put-response-hop-limit 2/);
      assert.deepEqual([peer.count('PUT'), peer.count('GET')], [2, 0]);
      const elapsedMs = stopwatch();
      assert.equal(await failureOf(imds.get('mac')), error);
      assert.ok(elapsedMs() < 250);
      assert.equal(peer.count('PUT'), 2);
      await failureOf(imds.credentials({ fresh: true }));
      assert.equal(peer.count('PUT'), 4);
      await peer.quiet();
    });

    it('tells half a token reply from a lost one', async () => {
      await using peer = await Peer.listening(saysAndHolds(grant.slice(0, -3)), says(head(3), 'abc'));
      const error = await failureOf(clientOf(peer, { ...impatient, allowV1: true }).get('instance-id'));
      assert.deepEqual([error.code, Reflect.get(error, 'phase')], ['ERR_IMDS_TIMEOUT', 'token']);
      assert.equal(peer.count('GET'), 0);
      await peer.quiet();
    });

    it('reads in version 1 after a lost token reply where that is allowed', async () => {
      await using peer = await Peer.listening(() => {}, says(head(3), 'abc'));
      const imds = clientOf(peer, { ...impatient, allowV1: true });
      assert.deepEqual(await Promise.all([imds.get('instance-id'), imds.get('mac')]), ['abc', 'abc']);
      assert.deepEqual([peer.count('PUT'), peer.count('GET')], [2, 2]);
      assert.doesNotMatch(
        peer.requests.filter((request) => request.startsWith('GET')).join(),
        /x-aws-ec2-metadata-token/i,
      );
      await peer.quiet();
    });

    it('does not treat a reply as lost, nor fall back, because of a caller in a hurry', async () => {
      const slowly: Act = (socket) => setTimeout(() => says(grant)(socket), 150);
      await using peer = await Peer.listening(slowly, says(head(3), 'abc'));
      const imds = clientOf(peer, { allowV1: true });
      await assert.rejects(imds.get('instance-id', { deadlineMs: 20 }), {
        code: 'ERR_IMDS_TIMEOUT',
        phase: 'deadline',
      });
      assert.equal(await imds.get('mac'), 'abc');
      assert.match(peer.requests.at(-1) ?? '', /x-aws-ec2-metadata-token: AQAEAverysecrettoken==/i);
      assert.equal(peer.count('PUT'), 1);
      await peer.quiet();
    });

    it('ends a call at its deadline, with all its attempts', async () => {
      const busy = says('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
      await using peer = await Peer.listening(says(grant), busy);
      const imds = clientOf(peer, { maxAttempts: 50, retryDelayMs: 500 });
      await imds.token();
      const [start, elapsedMs] = [performance.now(), stopwatch()];
      await assert.rejects(imds.get('instance-id', { deadlineMs: 3000 }), {
        code: 'ERR_IMDS_RESPONSE',
        statusCode: 503,
      });
      const elapsed = performance.now() - start;
      assert.ok(elapsed >= 2500 && elapsedMs() < 15_000, `ended after ${elapsed} ms`);
      assert.ok(peer.count('GET') <= 4);
      await peer.quiet();
    });

    it('does not end a patient caller with the deadline of a hasty one', async () => {
      let answered = 0;
      await using peer = await Peer.listening(says(grant), (socket) => {
        answered += 1;
        if (answered > 1) says(head(3), 'abc')(socket);
      });
      const imds = clientOf(peer);
      await imds.token();
      const hasty = imds.get('instance-id', { deadlineMs: 100 });
      const patient = imds.get('instance-id');
      await Promise.all([
        assert.rejects(hasty, { code: 'ERR_IMDS_TIMEOUT' }),
        patient.then((value) => assert.equal(value, 'abc')),
      ]);
      assert.equal(peer.count('GET'), 2);
      await peer.quiet();
    });
  });

  describe('without a connection', () => {
    it('fails at once, after one attempt, when nothing listens', async () => {
      const peer = await Peer.listening(says(grant), says());
      const { endpoint } = peer;
      await peer[Symbol.asyncDispose]();
      const elapsedMs = stopwatch();
      const patient = { endpoint, retryDelayMs: 20_000, deadlineMs: 60_000 };
      const error = await failureOf(new Imds(patient).get('instance-id'));
      assert.equal(error.code, 'ERR_IMDS_UNREACHABLE');
      assert.equal(error.message, `PUT ${endpoint}/latest/api/token could not be sent: ECONNREFUSED`);
      assert.equal(Reflect.get(Object(error.cause), 'code'), 'ECONNREFUSED');
      assert.ok(elapsedMs() < 15_000);
    });

    it('says so of a name that has two addresses, too', async () => {
      const peer = await Peer.listening(says(grant), says());
      const endpoint = peer.endpoint.replace('127.0.0.1', 'localhost');
      await peer[Symbol.asyncDispose]();
      const error = await failureOf(new Imds({ endpoint }).get('instance-id'));
      assert.equal(error.message, `PUT ${endpoint}/latest/api/token could not be sent: ECONNREFUSED`);
      assert.ok(error.cause instanceof Error && error.cause.message.includes('ECONNREFUSED'));
    });

    it('fails after one attempt of the connect timeout when the connection is never made', async function () {
      if (process.platform !== 'linux') this.skip(); // only there is a full backlog known to swallow connections
      const code = `const server = require('node:net').createServer();
        server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => process.send(server.address().port, () =>
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)));`;
      const listener = spawn(process.execPath, ['--eval', code], {
        env: guardedEnv(),
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      const [port] = await once(listener, 'message');
      const fillers: net.Socket[] = [];
      try {
        for (;;) {
          const filler = net.connect(port, '127.0.0.1');
          filler.on('error', () => {});
          fillers.push(filler);
          const connected = await once(filler, 'connect', { signal: AbortSignal.timeout(300) }).catch(() => undefined);
          if (!connected) break;
          assert.ok(fillers.length < 100, 'the backlog does not fill');
        }
        const patient = { requestTimeoutMs: 20_000, retryDelayMs: 20_000, deadlineMs: 60_000 };
        const imds = new Imds({ endpoint: `http://127.0.0.1:${port}`, connectTimeoutMs: 200, ...patient });
        const [start, elapsedMs] = [performance.now(), stopwatch()];
        const error = await failureOf(imds.get('instance-id'));
        assert.equal(error.code, 'ERR_IMDS_UNREACHABLE');
        assert.equal(
          error.message,
          `PUT http://127.0.0.1:${port}/latest/api/token could not be sent: no connection within 200 ms`,
        );
        const elapsed = performance.now() - start;
        assert.ok(elapsed >= 190 && elapsedMs() < 15_000, `ended after ${elapsed} ms`);
      } finally {
        for (const filler of fillers) filler.destroy();
        listener.kill('SIGKILL');
        await once(listener, 'exit');
      }
    });
  });

  it('makes a thousand concurrent reads without a warning, and leaves no connection open', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    await using peer = await Peer.listening(says(grant), (socket) => {
      const asked = /GET (\S+)/.exec(peer.requests.at(-1) ?? '')?.[1] ?? '';
      says(head(asked.length), asked)(socket);
    });
    const imds = clientOf(peer, { requestTimeoutMs: 50_000, connectTimeoutMs: 50_000, deadlineMs: 55_000 });
    const { signal } = new AbortController();
    const paths = Array.from({ length: 1000 }, (_, index) => `/latest/meta-data/tags/instance/key-${index}`);
    assert.deepEqual(await Promise.all(paths.map((each) => imds.get(each, { signal }))), paths);
    assert.deepEqual([peer.count('PUT'), peer.count('GET')], [1, 1000]);
    await peer.quiet();
    process.off('warning', warned);
    assert.deepEqual(warnings, []);
  });

  it('ends the connections under way when it is closed', async () => {
    await using peer = await Peer.listening(says(grant), () => {});
    const imds = clientOf(peer);
    const reads = Promise.allSettled([imds.get('instance-id'), imds.get('mac')]);
    while (peer.count('GET') < 2) await sleep(1);
    imds.close();
    for (const read of await reads) assert.ok(read.status === 'rejected' && read.reason.code === 'ERR_IMDS_CLOSED');
    await peer.quiet();
  });

  async function failureOf(promise: Promise<unknown>) {
    return await promise.then(
      () => assert.fail('did not fail'),
      (error: unknown) => (isImdsError(error) ? error : assert.fail(inspect(error))),
    );
  }
});
