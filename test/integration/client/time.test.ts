import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { ImdsHopLimitError, isImdsError } from '../../../src/errors.js';
import { Imds } from '../../../src/imds.js';
import { guardedEnv } from '../../support/guard.mjs';

/** A service in this process that answers after some time; `undefined`: never. */
async function serve(delayMs: (method: string) => number | undefined) {
  const server = http.createServer((request, response) => {
    const ms = delayMs(request.method ?? '');
    if (ms === undefined) return;
    setTimeout(() => {
      response.setHeader('X-Aws-Ec2-Metadata-Token-Ttl-Seconds', '21600');
      response.setHeader('Connection', 'close');
      response.end(request.method === 'PUT' ? 'TOKEN' : 'i-1');
    }, ms);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

// Far less than what is left out, and far more than the requests take on a busy machine.
const limits = { requestTimeoutMs: 1000, maxAttempts: 1, deadlineMs: 1500 };

/** A program with a client, which prints what becomes of a call. The service is in another process: this one. */
function program(endpoint: string, code: string) {
  const client = new URL('../../../src/imds.ts', import.meta.url).href;
  const options = JSON.stringify({ endpoint, cache: false, ...limits });
  const text = `import { Imds } from '${client}';
    const block = (ms) => { for (const end = performance.now() + ms; performance.now() < end; ); };
    const options = ${options};
    const imds = new Imds(options);
    ${code}`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', text];
  const child = spawn(process.execPath, args, { env: guardedEnv(), stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (printed: string) => lines.push(...printed.trim().split('\n')));
  const ended = once(child, 'close');
  return {
    child,
    said: async (line: string) => {
      while (!lines.includes(line)) await sleep(5);
    },
    lastLine: async () => {
      await ended;
      return lines.at(-1);
    },
  };
}

const shown = '.then(console.log, (error) => console.log(error.code))';

describe('the time of a call', () => {
  it('does not pass while its process computes, loads code for its first call, or both', async () => {
    await using service = await serve(() => 20);
    // Two seconds of it while the process computes, and two while it does nothing.
    const slowLoader = `export async function load(url, context, next) {
      if (url.endsWith('/got/dist/source/index.js')) await new Promise((resolve) => setTimeout(resolve, 4000));
      return await next(url, context);
    }`;
    const code = `const { register } = await import('node:module');
      register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(slowLoader)}`)});
      const start = performance.now();
      imds.instanceId({ deadlineMs: 1000 }).then((id) => console.log(performance.now() - start > 3500 ? id : 'too soon'), (error) => console.log(error.code));
      block(2000);`;
    assert.equal(await program(service.endpoint, code).lastLine(), 'i-1');
  });

  it('does not pass while its process computes between the call and its requests', async () => {
    await using service = await serve(() => 20);
    const code = `await imds.instanceId(); const value = imds.instanceId({ deadlineMs: 1000 }); block(2000); value${shown};`;
    assert.equal(await program(service.endpoint, code).lastLine(), 'i-1');
  });

  it('does not pass while its process computes and the reply lies there', async () => {
    await using service = await serve(() => 60);
    // Long after the request was sent, and again and again.
    const code = `await imds.token(); imds.close();
      setTimeout(block, 30, 2000); setTimeout(block, 2050, 1000); new Imds(options).instanceId()${shown};`;
    assert.equal(await program(service.endpoint, code).lastLine(), 'i-1');
  });

  it('does not pass while its process is stopped', async () => {
    await using service = await serve(() => 500);
    const { child, said, lastLine } = program(
      service.endpoint,
      `await imds.token(); console.log('reads'); imds.instanceId()${shown};`,
    );
    await said('reads');
    await sleep(50);
    child.kill('SIGSTOP');
    await sleep(2500);
    child.kill('SIGCONT');
    assert.equal(await lastLine(), 'i-1');
  });

  it('passes for a service that does not answer, and for a process that computes now and then', async () => {
    await using service = await serve((method) => (method === 'PUT' ? 0 : undefined));
    const imds = new Imds({ endpoint: service.endpoint, requestTimeoutMs: 300, maxAttempts: 1 });
    await imds.token();
    const busy = setInterval(() => {
      for (const end = performance.now() + 20; performance.now() < end; );
    }, 40);
    try {
      await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_TIMEOUT', phase: 'response' });
    } finally {
      clearInterval(busy);
      imds.close();
    }
  });

  it('passes after a test with fake timers, too', async () => {
    await using service = await serve((method) => (method === 'PUT' ? 0 : undefined));
    // Node 20 warns of its own mock.
    const code = `process.emitWarning = () => {};
      const { mock } = await import('node:test');
      mock.timers.enable();
      await imds.token();
      mock.timers.reset();
      imds.instanceId()${shown};`;
    assert.equal(await program(service.endpoint, code).lastLine(), 'ERR_IMDS_TIMEOUT');
  });

  it('ends in a lost token reply only if no reply came', async () => {
    await using service = await serve((method) => (method === 'PUT' ? undefined : 0));
    const imds = new Imds({ endpoint: service.endpoint, requestTimeoutMs: 200, maxAttempts: 1 });
    await assert.rejects(imds.instanceId(), (error) => isImdsError(error) && error instanceof ImdsHopLimitError);
    imds.close();
  });
});
