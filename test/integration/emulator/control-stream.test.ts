import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import net, { type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'mocha';
import type { Emulator } from '../../../src/emulator/index.js';
import { guardedEnv } from '../../support/guard.mjs';
import { call, change, controlled, launch } from './controlling.js';
import { ask, connect } from './socket.js';

interface Message {
  readonly id: number;
  readonly type: string;
  readonly data: { readonly path?: string };
}

/** Reads the stream by its specification. */
class Reader {
  readonly messages: Message[] = [];
  readonly response: IncomingMessage;
  #rest = '';

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8').on('data', (text) => {
      const blocks = (this.#rest + text).split('\n\n');
      this.#rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)?.slice(1) ?? []));
        if (fields.data)
          this.messages.push({ id: Number(fields.id), type: fields.event, data: JSON.parse(fields.data) });
      }
    });
    response.on('error', () => {});
  }

  static async open({ controlUrl }: Emulator, { since = '', lastId = '' } = {}): Promise<Reader> {
    const headers = lastId === '' ? {} : { 'Last-Event-ID': lastId };
    const request = get(`${controlUrl}/v1/stream${since && `?since=${since}`}`, { agent: false, headers });
    const [response] = await once(request, 'response');
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers['content-type'], 'text/event-stream');
    return new Reader(response);
  }

  /** The first messages, as many as were asked for. */
  async first(count: number): Promise<readonly Message[]> {
    while (this.messages.length < count) await delay(1);
    return this.messages.slice(0, count);
  }

  close(): void {
    this.response.destroy();
  }
}

const told = (messages: readonly Message[]): unknown[] => messages.map(({ type, data }) => [type, data]);

describe('the stream of the control service', () => {
  it('tells how far a caller is by a function, before it tells of the request', async () => {
    await using emulator = await controlled({ hops: () => 1 });
    const reader = await Reader.open(emulator);
    for (const path of ['mac', 'hostname']) await ask(emulator, 'GET', `/latest/meta-data/${path}`);
    const { requests } = await change(emulator, 'GET', '/v1/requests');
    assert.deepEqual(told(await reader.first(3)), [
      ['change', { what: 'options', options: { ...emulator.options, hops: { '127.0.0.1': 1 } } }],
      ['request', requests[0]],
      ['request', requests[1]],
    ]);
    reader.close();
  });

  it('sends requests, events and changes as they come', async () => {
    await using emulator = await controlled({ scenario: { timeline: [{ at: '1s', event: 'hibernate' }] } });
    const reader = await Reader.open(emulator);
    await ask(emulator, 'GET', '/latest/meta-data/mac');
    const { requests } = await change(emulator, 'GET', '/v1/requests');
    await change(emulator, 'PATCH', '/v1/options', { hops: 3 });
    const options = { ...emulator.options };
    await change(emulator, 'PUT', '/v1/tree/tags/instance/Name', 'web');
    await change(emulator, 'POST', '/v1/faults', { kind: 'empty' });
    const clock = await change(emulator, 'POST', '/v1/clock', { advanceMs: 1000 });
    await change(emulator, 'POST', '/v1/tokens/expire');
    emulator.remove('spot');
    await change(emulator, 'POST', '/v1/reset');
    const time = new Date(launch + 1000).toISOString();
    assert.deepEqual(told(await reader.first(11)), [
      ['request', requests[0]],
      ['change', { what: 'options', options }],
      ['change', { what: 'tree', path: 'meta-data/tags/instance/Name' }],
      ['change', { what: 'faults' }],
      ['event', { time, event: 'hibernate', detail: 'the instance hibernates' }],
      ['change', { what: 'running', running: false }],
      ['change', { what: 'clock', clock }],
      ['change', { what: 'timeline' }],
      ['change', { what: 'tokens' }],
      ['change', { what: 'tree', path: 'meta-data/spot' }],
      ['change', { what: 'reset' }],
    ]);
    reader.close();
  });

  it('gives each message the next ID, and begins after the state or a message, if that is wanted', async () => {
    await using emulator = await controlled();
    const { stream } = await change(emulator, 'GET', '/v1/state');
    for (const name of ['a', 'b', 'c']) emulator.set(name, name);
    const all = await Reader.open(emulator, { since: String(stream) });
    const paths = (messages: readonly Message[]) => messages.map(({ data }) => data.path);
    assert.deepEqual(paths(await all.first(3)), ['meta-data/a', 'meta-data/b', 'meta-data/c']);
    assert.deepEqual(
      all.messages.map(({ id }) => id),
      [stream + 1, stream + 2, stream + 3],
    );
    const resumed = await Reader.open(emulator, { lastId: String(stream + 1), since: '0' });
    assert.deepEqual(paths(await resumed.first(2)), ['meta-data/b', 'meta-data/c']);
    const late = await Reader.open(emulator);
    emulator.set('d', 'd');
    for (const reader of [all, resumed, late]) {
      while (reader.messages.at(-1)?.data.path !== 'meta-data/d') await delay(1);
      reader.close();
    }
    assert.equal(late.messages.length, 1);
    assert.equal((await call(emulator, 'GET', '/v1/stream?since=x')).status, 400);
  });

  it('says when something was missed', async () => {
    await using emulator = await controlled();
    const { stream } = await change(emulator, 'GET', '/v1/state');
    for (let count = 0; count < 1001; count += 1) emulator.set('x', String(count));
    // Also what another emulator has given, before this one at its port or after it.
    for (const since of [stream, stream - 5_000_000, 17, stream + 5_000_000]) {
      const reader = await Reader.open(emulator, { lastId: String(since) });
      assert.deepEqual(await reader.first(1), [{ id: stream + 1001, type: 'missed', data: {} }]);
      reader.close();
    }
    const kept = await Reader.open(emulator, { lastId: String(stream + 1) });
    assert.equal((await kept.first(1000)).at(-1)?.id, stream + 1001);
    kept.close();
  });

  it('has 200 readers, each of which gets all', async () => {
    await using emulator = await controlled();
    const readers = await Promise.all(Array.from({ length: 200 }, () => Reader.open(emulator)));
    for (let count = 0; count < 300; count += 1) emulator.set('x', String(count));
    for (const reader of readers) {
      const ids = (await reader.first(300)).map(({ id }) => id);
      const [first = 0] = ids;
      assert.deepEqual(
        ids,
        ids.map((_, index) => first + index),
      );
      reader.close();
    }
  });

  it('keeps nothing for readers that do not read, and drops them', async () => {
    await using emulator = await controlled();
    const { host } = new URL(emulator.controlUrl ?? '');
    const idle: Socket[] = [];
    for (let count = 0; count < 20; count += 1) {
      const socket = await connect(emulator.controlUrl ?? '');
      socket.pause().on('error', () => {});
      socket.write(`GET /v1/stream HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      idle.push(socket);
    }
    const reader = await Reader.open(emulator);
    const before = process.memoryUsage().arrayBuffers;
    const name = 'x'.repeat(20_000);
    for (let count = 1; count <= 1500; count += 1) {
      emulator.set(name, String(count));
      await reader.first(count);
    }
    // What is kept of the stream for all, and what of it waits in one socket.
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 200_000_000, `${grown} bytes`);
    for (const socket of idle) {
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      await closed;
    }
    reader.close();
  });

  it('has 512 readers at most, and room again when one has gone', async () => {
    await using emulator = await controlled();
    const readers = await Promise.all(Array.from({ length: 512 }, () => Reader.open(emulator)));
    assert.equal((await call(emulator, 'GET', '/v1/stream')).status, 503);
    readers[0]?.close();
    for (let status = 503; status === 503; ) {
      const response = await fetch(`${emulator.controlUrl}/v1/stream`);
      status = response.status;
      await response.body?.cancel();
    }
    for (const reader of readers) reader.close();
  });

  it('ends with the emulator', async () => {
    const emulator = await controlled();
    const reader = await Reader.open(emulator);
    const closed = new Promise((resolve) => reader.response.once('close', resolve));
    await emulator.close();
    await closed;
  });

  it('is read by a browser’s EventSource, which resumes where its connection was cut', async () => {
    await using emulator = await controlled();
    const { host, port } = new URL(emulator.controlUrl ?? '');
    const cuts: net.Socket[] = [];
    const relay = net.createServer((socket) => {
      const onward = net.connect(Number(port), '127.0.0.1');
      socket.on('error', () => {}).on('close', () => onward.destroy());
      // The names of the relay are not those of the service.
      socket.once('data', (chunk) => onward.write(String(chunk).replace(/^host: .*$/im, `host: ${host}`)));
      onward.on('error', () => {}).pipe(socket);
      cuts.push(socket);
    });
    await once(relay.listen(0, '127.0.0.1'), 'listening');
    const address = relay.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v1/stream`;
    const program = `
      const source = new EventSource(${JSON.stringify(url)});
      source.onopen = () => console.log('open');
      for (const type of ['change', 'missed']) source.addEventListener(type, ({ data, lastEventId }) => console.log(type, lastEventId, data));
      process.stdin.on('end', () => process.exit()).resume();`;
    const child = spawn(process.execPath, ['--experimental-eventsource', '-e', program], { env: guardedEnv() });
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const line = async (): Promise<string> => (await lines.next()).value;
      assert.equal(await line(), 'open');
      emulator.set('a', '1');
      assert.match(await line(), /^change \d+ {"what":"tree","path":"meta-data\/a"}$/);
      cuts[0]?.destroy();
      emulator.set('b', '2');
      emulator.set('c', '3');
      assert.equal(await line(), 'open');
      for (const name of ['b', 'c']) assert.match(await line(), new RegExp(`^change \\d+ .*meta-data/${name}"}$`));
    } finally {
      child.stdin.end();
      await once(child, 'close');
      for (const socket of cuts) socket.destroy();
      relay.close();
    }
  });
});
