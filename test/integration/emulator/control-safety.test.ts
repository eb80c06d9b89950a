import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { call, change, controlled } from './controlling.js';
import { ask, exchange, header, token } from './socket.js';

/** A request whose connection does not outlive its answer. */
const asked = ({ controlUrl = '' }: Emulator, method: string, target: string, headers: Record<string, string>) =>
  ask({ url: controlUrl }, method, target, { Connection: 'close', ...headers });

describe('the control service, safely:', () => {
  it('it refuses a name of somebody else (DNS rebinding), and says how to let one in', async () => {
    await using emulator = await controlled({ allowedHosts: ['imds.example'] });
    const { host, port } = new URL(emulator.controlUrl ?? '');
    for (const own of [host, `localhost:${port}`, 'imds.example', '[::1]:1', 'IMDS.example:80'])
      assert.equal((await asked(emulator, 'GET', '/v1/state', { Host: own })).status, 200, own);
    for (const foreign of ['attacker.example', 'attacker.example:80', 'imds.example.attacker.example', 'a b', '']) {
      const { status, body } = await asked(emulator, 'GET', '/v1/state', { Host: foreign });
      assert.equal(status, 403, foreign);
      assert.match(body, /--allow-host attacker\.example|--allow-host imds\.example\.attacker|has no name/);
    }
  });

  it('it refuses a page of another origin, whatever it asks, and lets in its own', async () => {
    await using emulator = await controlled();
    const { host } = new URL(emulator.controlUrl ?? '');
    const patch = (origin: string) =>
      call(emulator, 'PATCH', '/v1/options', { httpTokens: 'required' }, { Origin: origin });
    for (const origin of [
      'null',
      'http://attacker.example',
      'http://localhost:3000',
      `http://${host}0`,
      'file://',
      '',
    ]) {
      for (const { status, body } of [
        await patch(origin),
        await call(emulator, 'POST', '/v1/reset', undefined, { Origin: origin }),
        await call(emulator, 'GET', '/v1/state', undefined, { Origin: origin }),
        await call(emulator, 'GET', '/v1/stream', undefined, { Origin: origin }),
      ]) {
        assert.equal(status, 403, origin);
        assert.ok(body.error.message.includes(emulator.controlUrl));
      }
    }
    const preflight = { Origin: 'http://attacker.example', 'Access-Control-Request-Method': 'PATCH' };
    const answer = await asked(emulator, 'OPTIONS', '/v1/options', preflight);
    assert.equal(answer.status, 403);
    assert.equal(header(answer, 'access-control-allow-origin'), undefined);
    assert.equal(emulator.options.httpTokens, 'optional');
    assert.equal((await patch(`http://${host}`)).status, 200);
    assert.equal(emulator.options.httpTokens, 'required');
  });

  for (const path of ['/', '/v1/state', '/v1/stream', '/v1/nothing'])
    it(`it says what a browser may do with its answer at ${path}`, async () => {
      await using emulator = await controlled();
      const { headers, body } = await fetch(`${emulator.controlUrl}${path}`);
      await body?.cancel();
      for (const [name, value] of [
        ['cache-control', 'no-store'],
        ['x-content-type-options', 'nosniff'],
        ['cross-origin-resource-policy', 'same-origin'],
        ['access-control-allow-origin', null],
      ] as const)
        assert.equal(headers.get(name), value);
    });

  for (const [method, path, status, message, allow] of [
    ['GET', '/v2/state', 404, /nothing at \/v2\/state; GET \/v1\/openapi\.json/],
    ['GET', '/v1/state/', 404, /nothing at/],
    ['GET', '/v1/statement', 404, /nothing at/],
    ['GET', '//[', 404, /nothing at/],
    ['DELETE', '/v1/faults/x', 404, /nothing at/],
    ['DELETE', '/v1/faults/7', 404, /there is no fault 7/],
    ['GET', '/v1/tree/no/such', 404, /there is no no\/such/],
    ['GET', '/v1/tree/latest/meta-data', 400, /'latest\/meta-data' is not a metadata path/],
    ['GET', '/v1/tree/%ff', 400, /percent-encoded/],
    ['POST', '/v1/state', 405, /\/v1\/state takes GET, not POST/, 'GET'],
    ['POST', '/v1/tree/mac', 405, /takes GET, PUT, DELETE, not POST/, 'GET, PUT, DELETE'],
    ['GET', '/v1/reset', 405, /takes POST, not GET/, 'POST'],
  ] as const)
    it(`${method} ${path} is answered ${status}`, async () => {
      await using emulator = await controlled();
      const { status: actual, body, headers } = await call(emulator, method, path);
      assert.equal(actual, status);
      assert.match(body.error.message, message);
      assert.equal(headers.get('allow'), allow ?? null);
    });

  it('HEAD is answered as GET, without the body', async () => {
    await using emulator = await controlled();
    const { status, headers, body } = await asked(emulator, 'HEAD', '/v1/state', {});
    assert.deepEqual([status, body], [200, '']);
    assert.ok(headers.includes('content-type: application/json'));
  });

  it('anything but JSON is answered 415, and broken JSON 400', async () => {
    await using emulator = await controlled();
    const send = (body: string, type?: string) =>
      fetch(`${emulator.controlUrl}/v1/options`, {
        method: 'PATCH',
        body: Buffer.from(body),
        headers: type === undefined ? {} : { 'content-type': type },
      });
    for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])
      assert.equal((await send('{"hops": 1}', type)).status, 415, type);
    for (const type of ['application/json', 'Application/JSON; charset=utf-8'])
      assert.equal((await send('{"hops": 1}', type)).status, 200, type);
    for (const broken of ['', '{', '{"hops": 1}x']) {
      const response = await send(broken, 'application/json');
      assert.equal(response.status, 400);
      assert.match(await response.text(), /the body must be JSON: /);
    }
    const form = await fetch(`${emulator.controlUrl}/v1/reset`, { method: 'POST', body: 'a=b' });
    assert.equal(form.status, 415);
  });

  it('a body of more than 1 MiB is answered 413, one of less is not', async () => {
    await using emulator = await controlled({ base: 'empty' });
    const put = (size: number) => call(emulator, 'PUT', '/v1/tree/user-data', 'x'.repeat(size));
    const { status, body } = await put(1024 * 1024 - 1);
    assert.deepEqual([status, body.error.message], [413, 'a body may have 1048576 bytes, not 1048577']);
    assert.equal((await put(1024 * 1024 - 2)).status, 204);
    assert.equal((await put(20 * 1024 * 1024)).status, 413);
    const chunked = request(`${emulator.controlUrl}/v1/tree/mac`, { method: 'PUT' });
    for (let count = 0; count < 20; count += 1) chunked.write('x'.repeat(100_000));
    chunked.end();
    const [response] = await new Promise<[import('node:http').IncomingMessage]>((resolve) => {
      chunked.on('response', (answer) => resolve([answer]));
    });
    assert.equal(response.statusCode, 413);
    await text(response);
  });

  it('mistakes are told with their place, as in scenario files', async () => {
    await using emulator = await controlled();
    for (const [method, path, body, place, message] of [
      ['POST', '/v1/faults', { kind: 'latency' }, 'delay', /^delay is missing; it must be a time such as '30s'/],
      ['POST', '/v1/faults', { kind: 'reset', at: 'end' }, 'at', /^at must be 'start' or 'middle', not 'end'$/],
      ['POST', '/v1/faults', { kind: 'refuse', from: '2s', until: '1s' }, 'until', /^until must be later than from/],
      ['POST', '/v1/faults', [], undefined, /^it must be an object with kind/],
      ['POST', '/v1/events', { event: 'explode' }, 'event', /^event must be 'set', /],
      ['POST', '/v1/events', { event: 'rebalance', at: '1s' }, 'at', /^at is not known here; known are event, in$/],
      ['POST', '/v1/events', { trigger: 'x', in: 1 }, 'in', /^in is not known here/],
      ['POST', '/v1/events', { event: 'set', path: 'a', value: { b: 1 } }, 'value.b', /^value\.b must be text/],
      ['PUT', '/v1/tree/a', { b: { $base64: '?' } }, 'b.$base64', /^b\.\$base64 must be bytes in base64/],
      ['PUT', '/v1/tree/a', { $masked: '…' }, undefined, /^the key in it must be a name that does not begin with \$/],
      ['PUT', '/v1/tree/a', 7, undefined, /^it must be text/],
      ['POST', '/v1/clock', { speed: -1 }, 'speed', /^speed must be a number from 0 to 1000000, not -1$/],
      ['PATCH', '/v1/options', { 'http-tokens': 1 }, '["http-tokens"]', /is not known here/],
    ] as const) {
      const reply = await call(emulator, method, path, body);
      assert.equal(reply.status, 400, path);
      assert.equal(reply.body.error.place, place);
      assert.match(reply.body.error.message, message);
    }
  });

  it('no request harms it: broken HTTP, deep JSON, headers without end', async () => {
    await using emulator = await controlled();
    const { host } = new URL(emulator.controlUrl ?? '');
    assert.match(await exchange(emulator.controlUrl ?? '', 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
    // More than Node takes, and few enough to be read at once: what is left unread resets the connection.
    assert.match(
      await exchange(emulator.controlUrl ?? '', `GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
      /431/,
    );
    assert.match(
      await exchange(emulator.controlUrl ?? '', `GET //\\x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
      / 404 /,
    );
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    const response = await fetch(`${emulator.controlUrl}/v1/tree/a`, {
      method: 'PUT',
      body: deep,
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /too deep/);
    assert.equal((await call(emulator, 'GET', '/v1/state')).status, 200);
  });

  it('it shows no session token and no credentials', async () => {
    const secret = 'wJalrXUtnFEMI/K7MDENG/own';
    const document = { Code: 'Success', AccessKeyId: 'ASIAOWN', SecretAccessKey: secret, Token: 'own-token' };
    const own = JSON.stringify(document);
    const key = '-----BEGIN RSA PRIVATE KEY-----\nown-key\n-----END RSA PRIVATE KEY-----';
    await using emulator = await createEmulator({
      control: true,
      tree: { 'iam/security-credentials/own': own, 'iam/security-credentials/plain': secret, key },
      scenario: {
        timeline: [
          { at: '1h', event: 'set', path: 'iam', value: { 'security-credentials': { late: own } } },
          { on: 'x', event: 'set', path: '/latest/meta-data/iam/security-credentials/y', value: secret },
          { on: 'x', event: 'set', path: 'iam//security-credentials///y', value: secret },
          { on: 'x', event: 'set', path: 'iam-ecs-a', value: { 'security-credentials//y': secret } },
          { on: 'x', event: 'set', path: 'identity-credentials//ec2//security-credentials//y', value: secret },
        ],
      },
    });
    const stream = await fetch(`${emulator.controlUrl}/v1/stream`);
    const session = await token(emulator);
    await ask(emulator, 'GET', `/latest/meta-data/${session}?token=${session}`);
    await ask(emulator, 'GET', '/latest/meta-data/iam/security-credentials/own', {
      'X-aws-ec2-metadata-token': session,
    });
    await change(emulator, 'PUT', '/v1/tree/session', `token ${session}`);
    await change(emulator, 'POST', '/v1/events', { event: 'set', path: 'iam/security-credentials/own', value: own });
    const shown = [];
    for (const path of ['state', 'tree', 'tree/iam/security-credentials/own', 'tree/key', 'requests', 'scenario'])
      shown.push(JSON.stringify(await change(emulator, 'GET', `/v1/${path}`)));
    const { done, value } = (await stream.body?.getReader().read()) ?? { done: true };
    assert.ok(!done);
    shown.push(Buffer.from(value).toString());
    const real = (await ask(emulator, 'GET', '/latest/meta-data/iam/security-credentials/example-role')).body;
    const { SecretAccessKey, Token, AccessKeyId } = JSON.parse(real);
    for (const hidden of [session, secret, 'own-token', 'ASIAOWN', 'own-key', SecretAccessKey, Token, AccessKeyId])
      for (const text of shown) assert.ok(!text.includes(hidden), `${hidden} in ${text.slice(0, 2000)}`);
    const masked = JSON.parse((await change(emulator, 'GET', '/v1/tree/iam/security-credentials/own')).$masked);
    assert.deepEqual(masked, { Code: 'Success', AccessKeyId: '…', SecretAccessKey: '…', Token: '…' });
  });

  it('secrets can be set, and are served', async () => {
    await using emulator = await controlled();
    await change(emulator, 'PUT', '/v1/tree/iam/security-credentials/mine', '{"SecretAccessKey": "x"}');
    const { body } = await ask(emulator, 'GET', '/latest/meta-data/iam/security-credentials/mine');
    assert.equal(body, '{"SecretAccessKey": "x"}');
  });
});
