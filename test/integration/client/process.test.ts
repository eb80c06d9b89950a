import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { createEmulator } from '../../../src/emulator/index.js';
import { guardedEnv } from '../../support/guard.mjs';

const run = promisify(execFile);
const client = new URL('../../../src/imds.ts', import.meta.url).href;

/** Runs a script that has `Imds`; fails if the process does not end by itself. */
async function script(code: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', `import { Imds } from '${client}';\n${code}`];
  const { stdout } = await run(process.execPath, args, {
    env: guardedEnv(env),
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  return stdout;
}

/** Milliseconds from the last line of a script to the end of its process. */
async function lingering(code: string, env: Readonly<Record<string, string>>): Promise<number> {
  const stdout = await script(`${code}\nconsole.log(Date.now());`, env);
  return Date.now() - Number(stdout.trim().split('\n').at(-1));
}

describe('a process with a client', () => {
  it('ends by itself, be the client open or not', async () => {
    await using emulator = await createEmulator();
    for (const code of [
      'new Imds();',
      'const imds = new Imds(); await imds.instanceId();',
      'const imds = new Imds(); await Promise.all([imds.instanceId(), imds.tags(), imds.token()]);',
      "const imds = new Imds(); await imds.get('nothing').catch(() => {});",
    ])
      assert.ok((await lingering(code, emulator.env)) < 3000, code);
  });

  it('ends by itself when the service leaves its connections open', async () => {
    const server = http.createServer((request, response) => {
      response.setHeader('X-Aws-Ec2-Metadata-Token-Ttl-Seconds', '21600');
      response.setHeader('Connection', 'keep-alive');
      response.end(request.method === 'PUT' ? 'TOKEN' : 'i-1');
    });
    server.keepAliveTimeout = 30_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    try {
      const code = 'const imds = new Imds(); console.log(await imds.instanceId());';
      assert.ok((await lingering(code, { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` })) < 3000);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('has no unhandled rejection from calls that nobody waits for', async () => {
    const server = net.createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    try {
      const code = `
        const imds = new Imds({ retryDelayMs: 1 });
        const controller = new AbortController();
        const waits = [imds.instanceId({ signal: controller.signal }), imds.get('mac', { deadlineMs: 1 })];
        controller.abort('enough');
        console.log((await Promise.allSettled(waits)).map(({ status }) => status).join());`;
      const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}` };
      assert.equal(await script(code, env), 'rejected,rejected\n');
    } finally {
      server.close();
    }
  });

  it('works in a vm context, whose Error is not that of Node', async () => {
    await using emulator = await createEmulator();
    // There is no shared config file: Node says so with an error that is no instance of the context's.
    const env = guardedEnv({ HOME: '/nonexistent', NODE_NO_WARNINGS: '1' });
    const args = ['test/support/other-realm.mjs', emulator.url];
    const { stdout } = await run(process.execPath, args, { env, timeout: 60_000, killSignal: 'SIGKILL' });
    assert.equal(stdout, 'i-1234567890abcdef0 ERR_IMDS_NOT_FOUND true false\n');
  });

  it('never goes through a proxy, whatever the environment says', async () => {
    const knowsProxies = process.allowedNodeEnvironmentFlags.has('--use-env-proxy');
    let connections = 0;
    const proxy = net.createServer((socket) => {
      connections += 1;
      socket.on('error', () => {});
      // A socket that is not read sees no end, and stays.
      socket.resume();
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as net.AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const settings = {
      HTTP_PROXY: url,
      http_proxy: url,
      ALL_PROXY: url,
      NO_PROXY: '',
      no_proxy: '',
      NODE_USE_ENV_PROXY: '1',
    };
    try {
      await using emulator = await createEmulator();
      const env = { ...emulator.env, ...settings };
      const code = 'console.log(await new Imds().instanceId());';
      assert.match(await script(code, env), /^i-[0-9a-f]+\n$/);
      assert.equal(connections, 0);
      if (knowsProxies) {
        await script(`await fetch('${emulator.url}/').catch(() => {});`, env);
        assert.ok(connections > 0, 'the environment would have led others to the proxy');
      }
    } finally {
      proxy.close();
    }
  });
});
