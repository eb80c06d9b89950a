import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Application } from './audited.js';

const endpoint =
  'const url = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;\nconst { hostname: host, port } = new URL(url);\n';
const path = '/latest/meta-data/mac';
const ended = "response.resume().on('end', resolve)";

/** One read of `path` without a token, each in one line of code. */
const ways: Readonly<Record<string, { imports: string; read: string }>> = {
  'http.get': {
    imports: "import { get } from 'node:http';",
    read: `get(url + '${path}', (response) => ${ended});`,
  },
  'http.request with a keep-alive agent': {
    imports: "import http from 'node:http';",
    read: `http.request({ host, port, path: '${path}', agent: new http.Agent({ keepAlive: true }) }, (response) => ${ended}).end();`,
  },
  'http.request without an agent': {
    imports: "import http from 'node:http';",
    read: `http.request({ host, port, path: '${path}', agent: false }, (response) => ${ended}).end();`,
  },
  'http.request with a socket of its own': {
    imports: "import http from 'node:http'; import net from 'node:net';",
    read: `http.get({ host, port, path: '${path}', createConnection: () => net.connect(port, host) }, (response) => ${ended});`,
  },
  fetch: { imports: '', read: `fetch(url + '${path}').then((response) => response.text()).then(resolve);` },
  'a socket': {
    imports: "import net from 'node:net';",
    read: `net.connect(port, host).on('data', () => {}).on('close', resolve).end('GET ${path} HTTP/1.0\\r\\n\\r\\n');`,
  },
  'a socket that is connected later': {
    imports: "import net from 'node:net';",
    read: `new net.Socket().on('data', () => {}).on('close', resolve).connect({ port, host }).end('GET ${path} HTTP/1.0\\r\\n\\r\\n');`,
  },
  'a socket, by pieces': {
    imports: "import net from 'node:net';",
    read: `{ const socket = net.connect(port, host).on('data', () => {}).on('close', resolve); socket.cork(); for (const piece of ['GET ${path} HT', 'TP/1.0\\r\\n', '\\r\\n']) socket.write(piece); socket.uncork(); }`,
  },
};

const required = (imports: string): string =>
  imports.replace(/import (.*?) from ('[^']+');/g, 'const $1 = require($2);');

describe('imds audit sees', () => {
  for (const [way, { imports, read }] of Object.entries(ways)) {
    for (const [name, header] of [
      ['app.mjs', imports],
      ['app.cjs', required(imports)],
    ] as const) {
      it(`${way}, in ${name}`, async () => {
        await using application = await Application.create();
        const program = `${header}\n${endpoint}new Promise((resolve) => {\n${read}\n});`;
        const { callers, findings } = await application.report({ [name]: program });
        assert.equal(application.emulator.requests.length, 1);
        assert.deepEqual(callers, [
          {
            package: 'my-app',
            packageVersion: '1.2.3',
            file: `${application.folder}/${name}`,
            line: 5,
            v1: 1,
            v2: 0,
            tokenRequests: 0,
            readsPerToken: null,
            peakPerMinute: 1,
            paths: [path],
            failures: { unauthorized: 0, forbidden: 0, noReply: 0 },
          },
        ]);
        assert.deepEqual(
          findings.map(({ id }) => id),
          ['v1'],
        );
      });
    }
  }

  it('node:https and node:tls, at an endpoint that the program itself sets', async () => {
    await using application = await Application.create();
    // Without certificates: both sides know the key.
    const keyed = "ciphers: 'PSK', maxVersion: 'TLSv1.2'";
    const { callers } = await application.report({
      'app.mjs': `
        import https from 'node:https';
        import tls from 'node:tls';
        const server = tls.createServer({ ${keyed}, pskCallback: () => Buffer.alloc(16) });
        server.on('secureConnection', (socket) => {
          socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n'));
        });
        await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
        const { port } = server.address();
        process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = 'https://localhost:' + port;
        const options = { host: '127.0.0.1', port, ${keyed}, checkServerIdentity: () => {}, pskCallback: () => ({ psk: Buffer.alloc(16), identity: 'me' }) };
        await new Promise((resolve) => https.get({ ...options, path: '/1' }, (response) => ${ended}));
        const socket = tls.connect(options, () => socket.write('GET /2 HTTP/1.1\\r\\n\\r\\n'));
        await new Promise((resolve) => socket.on('data', () => {}).on('close', resolve));
        server.close();`,
    });
    assert.deepEqual(
      callers.map(({ v1, paths, line }) => ({ v1, paths, line })),
      [
        { v1: 1, paths: ['/1'], line: 12 },
        { v1: 1, paths: ['/2'], line: 13 },
      ],
    );
  });

  it('worker threads, forks, and Node programs that a shell starts', async () => {
    await using application = await Application.create();
    application.write(
      'read.mjs',
      `await (await fetch(process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/' + process.argv[2])).text();`,
    );
    const { callers, nodeVersion } = await application.report({
      'app.mjs': `
        import { execSync, fork } from 'node:child_process';
        import { Worker } from 'node:worker_threads';
        const end = (child) => new Promise((resolve) => child.on('exit', resolve));
        await end(new Worker('./read.mjs', { argv: ['worker'] }));
        const slow = new Worker(\`
          fetch(process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/terminated')
            .then(() => setTimeout(() => require('node:worker_threads').parentPort.postMessage('read'), 500));
          setInterval(() => {}, 1000);\`, { eval: true });
        await new Promise((resolve) => slow.once('message', resolve));
        await slow.terminate();
        await end(fork('./read.mjs', ['fork']));
        execSync('cd / && ' + process.execPath + ' ${application.folder}/read.mjs shell');`,
    });
    assert.equal(nodeVersion, process.version);
    const [first, second, ...more] = callers.toSorted((one, other) => other.v1 - one.v1);
    assert.deepEqual(first?.paths.toSorted(), ['/fork', '/shell', '/worker']);
    assert.equal(first?.v1, 3);
    assert.equal(first?.file, `${application.folder}/read.mjs`);
    assert.deepEqual(second?.paths, ['/terminated']);
    assert.deepEqual(more, []);
  });

  it('other programs whose command line names the address, without what else is in it', async () => {
    await using application = await Application.create();
    const { processes, findings, callers } = await application.report({
      'app.mjs': `
        import { exec, execFileSync, execSync, spawn, spawnSync } from 'node:child_process';
        import { promisify } from 'node:util';
        const url = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/latest/meta-data/';
        const header = 'X-aws-ec2-metadata-token: t0ps3cret';
        await promisify(exec)('T=$(curl -s -X PUT ' + url + '?q=t0ps3cret); curl -s -H "' + header + '" ' + url);
        execSync('true 2>/dev/null http://169.254.169.254/latest/meta-data/tags/instance/t0ps3cret');
        execFileSync('true', ['-H', header, url + 'mac']);
        for (const _ of [1, 2]) spawnSync('true', [url + 'iam/security-credentials/t0ps3cret']);
        await new Promise((resolve) => spawn('true', ['http://[fd00:ec2::254]/latest/dynamic/']).on('exit', resolve));
        spawnSync('true', ['http://169.254.169.254.example.org/']);
        spawnSync(process.execPath, ['-e', '', url]);`,
    });
    const { url } = application.emulator;
    const seen = processes.map(({ command, count, line, package: name }) => [line, command, count, name]);
    assert.deepEqual(
      seen.toSorted(([one], [other]) => Number(one) - Number(other)),
      [
        [6, `curl ${url}/latest/meta-data/`, 1, 'my-app'],
        [7, 'true http://169.254.169.254/latest/meta-data/tags/instance/*', 1, 'my-app'],
        [8, `true ${url}/latest/meta-data/mac`, 1, 'my-app'],
        [9, `true ${url}/latest/meta-data/iam/security-credentials/*`, 2, 'my-app'],
        [10, 'true http://[fd00:ec2::254]/latest/dynamic/', 1, 'my-app'],
      ],
    );
    assert.deepEqual(callers, []);
    assert.equal(findings.filter(({ id }) => id === 'unseen').length, processes.length);
    assert.doesNotMatch(JSON.stringify({ processes, findings }), /t0ps3cret/);
  });

  it('only requests for IMDS, and takes no stack of others', async () => {
    await using application = await Application.create();
    const { callers, findings } = await application.report({
      'app.mjs': `
        import http from 'node:http';
        import { parse } from 'node:url';
        const { captureStackTrace } = Error;
        Error.captureStackTrace = (...all) => {
          if (Error.stackTraceLimit === 100) process.exitCode = 99;
          captureStackTrace(...all);
        };
        const server = http.createServer((request, response) => response.end());
        await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
        const other = 'http://127.0.0.1:' + server.address().port + '/latest/meta-data/169.254.169.254';
        await (await fetch(other)).text();
        await new Promise((resolve) => http.get(other, (response) => ${ended}));
        await new Promise((resolve) => http.get(parse(other), (response) => ${ended}));
        server.close().closeAllConnections();`,
    });
    assert.deepEqual([callers, findings], [[], []]);
  });
});
