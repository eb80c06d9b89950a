import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, it } from 'mocha';
import { guardedEnv } from '../support/guard.mjs';

const library = fileURLToPath(new URL('../../dist/index.cjs', import.meta.url));

/** A program with a service that never replies to a read of `mac`, which takes the file descriptors that are left. */
const program = (reads: string) => `
  const { openSync } = require('node:fs');
  const { createServer } = require('node:net');
  const { Imds } = require(process.argv[1]);
  const exhaust = () => {
    try {
      for (;;) openSync('/dev/null');
    } catch ({ code }) {
      console.log(code);
    }
  };
  let exhausted;
  const server = createServer((socket) =>
    socket.once('data', (request) => {
      if (request.includes('/mac ')) return exhausted(exhaust());
      const ttl = 'X-aws-ec2-metadata-token-ttl-seconds: 21600';
      const [, path] = String(request).split(' ');
      socket.end(['HTTP/1.1 200 OK', ttl, 'Content-Length: 5', '', path.slice(-5)].join('\\r\\n'));
    }),
  );
  server.listen(0, '127.0.0.1', async () => {
    const patient = { requestTimeoutMs: 60000, deadlineMs: 60000 };
    const imds = new Imds({ endpoint: 'http://127.0.0.1:' + server.address().port, ...patient });
    const read = (path, options) => imds.get(path, options).catch(({ code }) => console.log('rejected', code));
    console.log(await imds.instanceId());
    ${reads};
    process.exit();
  });`;

const cases = {
  'a request that cannot be sent': "exhaust(); await read('placement/region')",
  'the deadline of a caller who joined a read':
    "await new Promise((done) => { exhausted = done; read('mac'); }); await read('mac', { deadlineMs: 300 })",
};

describe('a process without a file descriptor left', () => {
  for (const [title, reads] of Object.entries(cases))
    it(`gets a rejection for its first failure, and is not ended by it: ${title}`, async function () {
      // There is no limit on file descriptors to set.
      if (process.platform === 'win32') this.skip();
      const args = ['-c', 'ulimit -n 100; exec "$@"', 'sh', process.execPath, '--eval', program(reads), library];
      const env = guardedEnv({ NODE_OPTIONS: undefined });
      const { stdout } = await promisify(execFile)('sh', args, { env, timeout: 60_000, killSignal: 'SIGKILL' });
      assert.equal(stdout, 'ce-id\nEMFILE\nrejected EMFILE\n');
    });
});
