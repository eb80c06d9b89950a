import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { createEmulator } from '../../../src/emulator/index.js';
import { isImdsError } from '../../../src/errors.js';
import { Imds } from '../../../src/imds.js';
import { assertHeldBriefly } from '../../support/event-loop.js';
import { guardedEnv } from '../../support/guard.mjs';

const run = promisify(execFile);

/** A service whose answers the test gives, by method and path. It counts open connections. */
async function serve(answer: (asked: string, request: http.IncomingMessage) => [status: number, body?: string]) {
  const asked: string[] = [];
  const connections = { open: 0, most: 0 };
  const server = http.createServer((request, response) => {
    const what = `${request.method} ${request.url}`;
    asked.push(what);
    const [status, body = ''] = answer(what, request);
    const headers = { 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds': '21600', Connection: 'close' };
    setTimeout(() => response.writeHead(status, headers).end(request.method === 'PUT' ? 'TOKEN' : body), 5);
  });
  server.on('connection', (socket) => {
    connections.open += 1;
    connections.most = Math.max(connections.most, connections.open);
    socket.once('close', () => {
      connections.open -= 1;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    connections,
    port,
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await promisify(server.close.bind(server))().catch(() => {});
    },
  };
}

describe('a client whose service is not ready', () => {
  it('waits with waitMs for the service to listen, and fails at once without', async () => {
    const first = await serve(() => [200, 'i-1']);
    const { port } = first;
    await first[Symbol.asyncDispose]();
    const endpoint = `http://127.0.0.1:${port}`;
    await assert.rejects(new Imds({ endpoint }).instanceId(), { code: 'ERR_IMDS_UNREACHABLE' });
    const value = new Imds({ endpoint, waitMs: 60_000 }).instanceId();
    await sleep(600);
    await using emulator = await createEmulator({ port });
    assert.match(await value, /^i-/);
    assert.equal(emulator.requests.length, 2);
  });

  it('asks again, after pauses, while its fresh tokens are refused', async () => {
    const readyAt = performance.now() + 400;
    await using service = await serve((asked) =>
      asked.startsWith('PUT') || performance.now() > readyAt ? [200, 'i-1'] : [401],
    );
    const imds = new Imds({ endpoint: service.endpoint });
    assert.equal(await imds.instanceId(), 'i-1');
    assert.ok(service.asked.length <= 8, `asked ${service.asked.length} times`);
  });

  it('says what it may be when fresh tokens go on being refused, and waits longer with waitMs', async () => {
    let refusals = 12;
    await using service = await serve((asked) => (asked.startsWith('PUT') || refusals-- <= 0 ? [200, 'i-1'] : [401]));
    const options = { endpoint: service.endpoint, retryDelayMs: 1 };
    await assert.rejects(new Imds(options).instanceId(), (error) => {
      assert.ok(isImdsError(error));
      assert.equal(error.code, 'ERR_IMDS_TOKEN');
      assert.match(error.hint ?? '', /first boot.*waitMs/);
      return true;
    });
    assert.equal(await new Imds({ ...options, waitMs: 60_000 }).instanceId(), 'i-1');
  });

  it('waits with waitMs for a role, and fails after one listing without', async () => {
    await using emulator = await createEmulator();
    const role = await new Imds({ endpoint: emulator.url }).get('iam/security-credentials/');
    const path = `iam/security-credentials/${role.trim()}`;
    const document = await new Imds({ endpoint: emulator.url }).get(path);
    emulator.remove('iam/security-credentials');
    const from = emulator.requests.length;
    await assert.rejects(new Imds({ endpoint: emulator.url }).credentials(), { reason: 'no-role' });
    const listings = emulator.requests.slice(from).filter((asked) => asked.path.endsWith('/security-credentials/'));
    assert.equal(listings.length, 1);
    const credentials = new Imds({ endpoint: emulator.url, waitMs: 60_000 }).credentials();
    await sleep(400);
    emulator.set(path, document);
    assert.equal((await credentials).accessKeyId, JSON.parse(document).AccessKeyId);
  });
});

describe('a client with a service that', () => {
  it('gets 400 reads at once opens eight connections at a time, token requests included', async () => {
    let served = 0;
    await using service = await serve((asked) => {
      if (!asked.startsWith('GET')) return [200];
      served += 1;
      // All tokens end in the middle.
      return served === 100 || served === 101 ? [401] : [200, asked];
    });
    const imds = new Imds({ endpoint: service.endpoint, requestTimeoutMs: 20_000, deadlineMs: 60_000 });
    const paths = Array.from({ length: 400 }, (_, index) => `/latest/meta-data/x/${index}`);
    assert.deepEqual(
      await Promise.all(paths.map((path) => imds.get(path))),
      paths.map((path) => `GET ${path}`),
    );
    assert.ok(service.connections.most <= 8, `${service.connections.most} connections`);
  });

  const tooMany: readonly [count: number, nameOf: (index: number) => string][] = [
    [10_240, (index) => `key-${index}`],
    [40_000, (index) => `0e:49:61:0f:c4:${index}/`],
    [200_000, () => 'x'],
  ];
  for (const [count, nameOf] of tooMany) {
    it(`gives ${count} names gives up on them, and says so, without blocking the event loop`, async () => {
      const names = Array.from({ length: count }, (_, index) => nameOf(index)).join('\n');
      await using service = await serve((asked) => [200, asked.startsWith('GET') ? names : 'TOKEN']);
      const expected = { code: 'ERR_IMDS_DECODE', message: /at most 1024 entries from .*, got more$/ };
      await assertHeldBriefly(async () => {
        using imds = new Imds({ endpoint: service.endpoint });
        await assert.rejects(imds.list('network/interfaces/macs/'), expected);
        await assert.rejects(imds.network.interfaces.macs(), expected);
        await assert.rejects(imds.networkInterfaces(), expected);
        await assert.rejects(imds.tags(), expected);
      });
    });
  }

  it('gives a document of a megabyte gives up on it, and says so, without blocking the event loop', async () => {
    const events = `[${'{},'.repeat(340_000)}{}]`;
    await using service = await serve((asked) => [200, asked.startsWith('GET') ? events : 'TOKEN']);
    const expected = {
      code: 'ERR_IMDS_DECODE',
      message: /a JSON array, of at most 65536 bytes from .*, got 1020004 bytes$/,
    };
    await assertHeldBriefly(async () => {
      using imds = new Imds({ endpoint: service.endpoint });
      await assert.rejects(imds.events.maintenance.history(), expected);
    });
  });

  it('is asked again by a fresh call does not give it what was asked for before', async () => {
    let value = 1;
    const waiting: (() => void)[] = [];
    const server = http.createServer((request, response) => {
      const headers = { 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds': '21600', Connection: 'close' };
      const body = String(value);
      const answer = () => response.writeHead(200, headers).end(request.method === 'PUT' ? 'TOKEN' : body);
      if (request.method === 'PUT') answer();
      else waiting.push(answer);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const imds = new Imds({ endpoint: `http://127.0.0.1:${port}`, requestTimeoutMs: 20_000, deadlineMs: 60_000 });
    const old = imds.get('instance-type');
    while (waiting.length < 1) await sleep(1);
    value = 2;
    const fresh = [imds.get('instance-type', { fresh: true }), imds.get('instance-type', { fresh: true })];
    while (waiting.length < 2) await sleep(1);
    waiting[1]?.();
    assert.deepEqual(await Promise.all(fresh), ['2', '2']);
    waiting[0]?.();
    assert.equal(await old, '1');
    // The older answer came later, and is not kept.
    const next = imds.get('instance-type', { fresh: false });
    await sleep(20);
    waiting[2]?.();
    assert.equal(await next, '2');
    server.close();
    server.closeAllConnections();
  });

  it('gives no reply to a token request is asked again by a fresh call', async () => {
    await using emulator = await createEmulator({ hops: 2 });
    const imds = new Imds({ endpoint: emulator.url, requestTimeoutMs: 200, maxAttempts: 1 });
    await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_HOP_LIMIT' });
    await assert.rejects(imds.credentials(), { code: 'ERR_IMDS_HOP_LIMIT' });
    emulator.configure({ httpPutResponseHopLimit: 3 });
    await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_HOP_LIMIT' });
    assert.match(await imds.instanceId({ fresh: true }), /^i-/);
  });

  it('cannot be reached for lack of file descriptors names that', async () => {
    const client = new URL('../../../src/imds.ts', import.meta.url).href;
    const code = `
      import { openSync } from 'node:fs';
      import { Imds } from '${client}';
      const imds = new Imds({ endpoint: 'http://127.0.0.1:9' });
      await imds.get('x').catch(() => {});
      try { for (;;) openSync('/dev/null'); } catch {}
      await imds.get('x').catch((error) => console.log(error.message, error.hint));`;
    const command = `ulimit -n 60; exec "$0" --import tsx --input-type=module --eval "$1"`;
    const { stdout } = await run('sh', ['-c', command, process.execPath, code], { env: guardedEnv() });
    assert.match(stdout, /EMFILE.*too many open files and sockets/);
  });
});
