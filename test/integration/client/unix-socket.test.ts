import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/imds.js';

describe('a Unix socket that is forwarded to the service', () => {
  let emulator: Emulator;
  let folder: string;
  let relay: net.Server;
  let endpoint: string;
  before(async () => {
    emulator = await createEmulator({ httpTokens: 'required' });
    folder = mkdtempSync(join(tmpdir(), 'imds-socket-'));
    endpoint = `unix:${join(folder, 'imds.sock')}`;
    const { port } = new URL(emulator.url);
    relay = net.createServer((socket) => {
      const service = net.connect(Number(port), '127.0.0.1');
      socket.pipe(service).pipe(socket);
      for (const end of [socket, service]) end.on('error', () => {});
    });
    relay.listen(join(folder, 'imds.sock'));
    await once(relay, 'listening');
  });
  after(async () => {
    relay.close();
    rmSync(folder, { recursive: true });
    await emulator.close();
  });

  it('is read through as the service itself is', async () => {
    const imds = new Imds({ endpoint });
    assert.equal(await imds.instanceId(), 'i-1234567890abcdef0');
    assert.equal(await imds.get('/latest/meta-data/placement/region'), 'us-east-1');
    assert.equal(imds.endpoint, endpoint);
    assert.ok(emulator.requests.every(({ version, status }) => version === 2 && status === 200));
  });

  it('is unreachable while nobody listens', async () => {
    const imds = new Imds({ endpoint: `unix:${join(folder, 'absent.sock')}` });
    await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_UNREACHABLE', message: /ENOENT/ });
  });

  it('gives a hop limit error when the token reply is lost behind it', async () => {
    emulator.configure({ hops: 1 });
    const imds = new Imds({ endpoint, maxAttempts: 1, requestTimeoutMs: 200 });
    await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_HOP_LIMIT' });
  });
});
