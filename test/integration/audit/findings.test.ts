import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { EmulatorOptions } from '../../../src/emulator/index.js';
import { Application } from './audited.js';

const helpers = `
  const url = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
  const read = async (path, headers = {}) => await (await fetch(url + path, { headers })).text();
  const token = async () =>
    await (await fetch(url + '/latest/api/token', { method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' } })).text();
  const bear = (value) => ({ 'x-aws-ec2-metadata-token': value });
`;

const cases: Readonly<
  Record<string, { code: string; options?: EmulatorOptions; finds: readonly string[]; words?: RegExp }>
> = {
  'a read without a token': {
    code: "await read('/latest/meta-data/mac');",
    finds: ['v1'],
    words: /my-app 1\.2\.3 \(app\.mjs:\d\) read without a token once/,
  },
  'nothing against one token for all reads': {
    code: "const t = await token(); for (const name of ['mac', 'hostname', 'ami-id', 'tags/']) await read('/latest/meta-data/' + name, bear(t));",
    finds: [],
  },
  'a token for each value': {
    code: "for (const name of ['mac', 'hostname', 'ami-id']) await read('/latest/meta-data/' + name, bear(await token()));",
    finds: ['token-per-value'],
    words: /sent 3 tokens, and made 1 read with each/,
  },
  'polling faster than a second': {
    code: "const t = await token(); for (let at = 0; at < 10; at += 1) await read('/latest/meta-data/spot/instance-action', bear(t));",
    finds: ['polling'],
    words: /read \/latest\/meta-data\/spot\/instance-action \d+ times in a row/,
  },
  'a 401 answered by version 1': {
    code: "await read('/latest/meta-data/mac', bear('ended')); await read('/latest/meta-data/mac');",
    finds: ['v1', 'v1-after-401'],
  },
  'the same by another function of the package': {
    code: "await read('/latest/meta-data/mac', bear('ended')); await fetch(url + '/latest/meta-data/mac');",
    finds: ['v1', 'v1-after-401'],
  },
  'no 401 that is answered by another token': {
    code: "await read('/latest/meta-data/mac', bear('ended')); await read('/latest/meta-data/mac', bear(await token()));",
    finds: [],
  },
  'a token reply that was lost': {
    code: `
      const { request } = await import('node:http');
      const asking = request(url + '/latest/api/token', { method: 'PUT' }).on('error', () => {});
      asking.once('socket', (socket) => socket.once('connect', () => setTimeout(() => asking.destroy(), 200)));
      asking.end();`,
    options: { hops: 1 },
    finds: ['token-reply-lost'],
  },
  'a read without a reply': {
    code: "await read('/latest/', bear(await token())).catch(() => {});",
    options: { scenario: { faults: [{ kind: 'reset', paths: '/latest/' }] } },
    finds: ['no-reply'],
  },
  'X-Forwarded-For': {
    code: "await read('/latest/', { ...bear(await token()), 'X-Forwarded-For': '10.0.0.1' });",
    finds: ['forwarded-for'],
  },
  'X-Forwarded-For, and no read without a token, in headers that are a list': {
    code: `
      const { get } = await import('node:http');
      const { createConnection } = await import('node:net');
      const { hostname, port } = new URL(url);
      const headers = ['Host', 'instance-data', 'X-aws-ec2-metadata-token', await token(), 'X-Forwarded-For', '10.0.0.1'];
      const options = { host: 'instance-data', path: '/latest/', headers, createConnection: () => createConnection(port, hostname) };
      await new Promise((resolve) => get(options, (response) => response.resume().on('end', resolve)));`,
    finds: ['forwarded-for'],
  },
  'a proxy': {
    code: `
      const http = await import('node:http');
      const { host, hostname, port } = new URL(url);
      const proxy = http.createServer((request, response) => response.end());
      await new Promise((resolve) => proxy.listen(0, '127.0.0.2', resolve));
      const options = { host: '127.0.0.2', port: proxy.address().port, headers: { host, ...bear(await token()) } };
      const get = (more) => new Promise((resolve) => http.get({ ...options, ...more }, (response) => response.resume().on('end', resolve)));
      await get({ path: url + '/latest/' });
      const { connect } = await import('node:net');
      await get({ host: hostname, port, path: '/latest/', createConnection: () => connect(options.port, options.host) });
      proxy.close();`,
    finds: ['proxy'],
    words: /went through a proxy twice/,
  },
};

describe('imds audit finds', () => {
  for (const [what, { code, options = {}, finds, words }] of Object.entries(cases)) {
    it(what, async () => {
      await using application = await Application.create(options);
      const { findings } = await application.report({ 'app.mjs': helpers + code });
      assert.deepEqual(
        findings.map(({ id }) => id),
        finds,
        JSON.stringify(findings),
      );
      if (words) assert.match(findings.map(({ detail }) => detail).join('\n'), words);
    });
  }
});
