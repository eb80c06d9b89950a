import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import nock from 'nock';
import { systemClock } from '../../../src/client/clock.js';
import { Closing } from '../../../src/client/closing.js';
import { Events, type ImdsEvents } from '../../../src/client/events.js';
import { resolveSettings } from '../../../src/client/settings.js';
import { type Request, Transport } from '../../../src/client/transport.js';
import { ImdsError, isImdsError } from '../../../src/errors.js';

const endpoint = 'http://127.0.0.1:1338';
const token = 'AQAEAveryverysecret==';
const path = '/latest/meta-data/instance-id';
const get: Request = {
  method: 'GET',
  path,
  headers: { 'x-aws-ec2-metadata-token': token },
  timeoutMs: 1000,
};
const put: Request = {
  method: 'PUT',
  path: '/latest/api/token',
  headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' },
  timeoutMs: 1000,
};

function transportTo(url = endpoint, closing = new Closing()): Transport {
  const { settings } = resolveSettings({ endpoint: url });
  return new Transport({ settings, events: new Events(undefined), clock: systemClock, closing });
}

describe('Transport', () => {
  it('gives the answer with its status, headers by their lower-case names, and bytes', async () => {
    const bytes = Buffer.from([0, 0xff, 10, 13]);
    nock(endpoint).get(path).reply(200, bytes, { Date: 'Sun, 13 Feb 2022 13:37:57 GMT', 'X-Thing': 'a' });
    const answer = await transportTo().request(get);
    assert.equal(answer.statusCode, 200);
    assert.deepEqual(answer.body, bytes);
    assert.equal(answer.header('date'), 'Sun, 13 Feb 2022 13:37:57 GMT');
    assert.equal(answer.header('x-thing'), 'a');
    assert.equal(answer.header('x-other'), undefined);
  });

  for (const statusCode of [201, 204, 301, 302, 307, 400, 401, 403, 404, 405, 429, 500, 503]) {
    it(`gives an answer ${statusCode} as it is, after one request`, async () => {
      nock(endpoint)
        .get(path)
        .reply(statusCode, statusCode === 204 ? '' : 'body', { Location: `${endpoint}/elsewhere` });
      const answer = await transportTo().request(get);
      assert.equal(answer.statusCode, statusCode);
      assert.equal(answer.body.toString(), statusCode === 204 ? '' : 'body');
    });
  }

  it('does not decode a body, whatever the answer says of it', async () => {
    nock(endpoint).get(path).reply(200, Buffer.from('plain'), { 'Content-Encoding': 'gzip' });
    assert.equal((await transportTo().request(get)).body.toString(), 'plain');
  });

  for (const [exchange, headers] of [
    [get, { 'x-aws-ec2-metadata-token': token }],
    [put, { 'x-aws-ec2-metadata-token-ttl-seconds': '21600', 'content-length': '0' }],
  ] as const) {
    it(`sends with a ${exchange.method} nothing but what is asked for, its name, and that the connection ends`, async () => {
      let sent: Record<string, unknown> = {};
      let body: unknown;
      nock(endpoint)
        .intercept(exchange.path, exchange.method)
        .reply(function (_, requestBody) {
          sent = this.req.headers;
          body = requestBody;
          return [200, 'x'];
        });
      await transportTo().request(exchange);
      const { 'user-agent': userAgent, ...others } = sent;
      assert.match(String(userAgent), /^imds\/\d+\.\d+\.\d+/);
      assert.deepEqual(others, { ...headers, host: '127.0.0.1:1338', connection: 'close' });
      assert.equal(body, '');
    });
  }

  it('sends requests below the path of its endpoint', async () => {
    nock(endpoint).get(`/some/where${path}`).reply(200, 'x');
    assert.equal((await transportTo(`${endpoint}/some/where/`).request(get)).body.toString(), 'x');
  });

  it('sends paths unchanged', async () => {
    for (const odd of ['/latest//meta-data/', "/latest/a:b@c+d=e,f;g!h$i&j'(k)*l~m", '/latest/%C3%A4%2Fx', '/']) {
      let asked: string | undefined;
      nock(endpoint)
        .get(/.*/)
        .reply(function () {
          asked = this.req.path;
          return [200, 'x'];
        });
      await transportTo().request({ ...get, path: odd });
      assert.equal(asked, odd);
    }
  });

  describe('that is closed', () => {
    const closed = new ImdsError('ERR_IMDS_CLOSED', 'this client was closed');

    it('ends the requests under way with the reason, and sends no others', async () => {
      let answer = (): void => {};
      const asked = new Promise<void>((resolve) => {
        nock(endpoint)
          .get(path)
          .reply(async () => {
            resolve();
            await new Promise<void>((fulfil) => {
              answer = fulfil;
            });
            return [200, 'late'];
          });
      });
      const closing = new Closing();
      const transport = transportTo(endpoint, closing);
      const request = transport.request(get);
      await asked;
      closing.close(closed);
      await assert.rejects(request, (error) => error === closed);
      await assert.rejects(transport.request(get), (error) => error === closed);
      answer();
    });

    it('before its first request was sent sends none', async () => {
      const closing = new Closing();
      const transport = transportTo(endpoint, closing);
      const request = transport.request(get);
      closing.close(closed);
      await assert.rejects(request, (error) => error === closed);
    });
  });

  describe('publishes an event for a request, with', () => {
    async function published(act: () => Promise<unknown>): Promise<ImdsEvents['request'][]> {
      const events: ImdsEvents['request'][] = [];
      const listener = (message: unknown): void => void events.push(message as ImdsEvents['request']);
      subscribe('imds:request', listener);
      try {
        await act().catch(() => {});
      } finally {
        unsubscribe('imds:request', listener);
      }
      return events;
    }

    for (const [exchange, version, statusCode] of [
      [get, 2, 200],
      [put, 2, 403],
      [{ ...get, headers: {} }, 1, 401],
    ] as const) {
      it(`the outcome of a ${exchange.method} in version ${version}, and no header or body`, async () => {
        nock(endpoint).intercept(exchange.path, exchange.method).reply(statusCode, token);
        const events = await published(async () => await transportTo().request(exchange));
        assert.equal(events.length, 1);
        const { durationMs, ...event } = events[0] ?? assert.fail();
        assert.deepEqual(event, {
          method: exchange.method,
          path: exchange.path,
          version,
          statusCode,
        });
        assert.ok(durationMs >= 0 && durationMs < 5000);
        assert.doesNotMatch(inspect(events, { showHidden: true, depth: 10 }), /secret/);
      });
    }

    it('its failure when there was no reply', async () => {
      const closed = new ImdsError('ERR_IMDS_CLOSED', 'this client was closed');
      const events = await published(async () => {
        const closing = new Closing();
        const transport = transportTo(endpoint, closing);
        closing.close(closed);
        await transport.request(get);
      });
      assert.deepEqual(
        events.map(({ durationMs, ...event }) => event),
        [{ method: 'GET', path, version: 2, error: 'ERR_IMDS_CLOSED' }],
      );
    });
  });

  it('throws an error of the HTTP library neither itself nor as the cause of its own', async () => {
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENETUNREACH', 'HPE_INVALID_CONSTANT', undefined]) {
      nock(endpoint)
        .get(path)
        .replyWithError(Object.assign(new Error('from below'), { code, rawPacket: Buffer.from(token), token }));
      const error: unknown = await transportTo()
        .request(get)
        .catch((thrown: unknown) => thrown);
      assert.ok(isImdsError(error));
      assert.ok(error.cause instanceof Error);
      assert.deepEqual([error.cause.name, error.cause.message], ['SystemError', 'from below']);
      assert.doesNotMatch(inspect(error, { showHidden: true, depth: 10 }), /secret|RequestError|rawPacket/);
    }
  });
});
