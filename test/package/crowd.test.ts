import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { guardedEnv } from '../support/guard.mjs';

const run = promisify(execFile);
const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url));
const env = guardedEnv({ NODE_OPTIONS: undefined, NODE_EXTRA_CA_CERTS: undefined });

// In a process of its own: this one is busy with starting the others.
const service = `
  require('node:http').createServer(({ method }, response) => {
    const headers = { 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds': '21600', Connection: 'close' };
    response.writeHead(200, headers).end(method === 'PUT' ? 'TOKEN' : 'i-1');
  }).listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;
const program = `
  const { Imds } = require(${JSON.stringify(library)});
  const imds = new Imds({ endpoint: process.argv[1] });
  imds.instanceId().then(console.log, (error) => console.log(error.code, error.message));`;

describe('processes that start at once', () => {
  it('each get a value with the default settings, however little each gets to run', async () => {
    const server = spawn(process.execPath, ['--eval', service], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [port] = await once(server.stdout, 'data');
      const args = ['--eval', program, `http://127.0.0.1:${Number(port)}`];
      const all = Array.from({ length: 50 }, () => run(process.execPath, args, { env }));
      const printed = new Set((await Promise.all(all)).map(({ stdout }) => stdout));
      assert.deepEqual([...printed], ['i-1\n']);
    } finally {
      server.kill();
    }
  });
});
