import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { clockWith } from '../../../src/client/clock.js';
import { Closing } from '../../../src/client/closing.js';
import { Events } from '../../../src/client/events.js';
import type { ImdsOptions } from '../../../src/client/options.js';
import { Session } from '../../../src/client/session.js';
import { resolveSettings } from '../../../src/client/settings.js';
import type { Request, Response } from '../../../src/client/transport.js';
import {
  type ImdsError,
  type ImdsErrorCode,
  ImdsResponseError,
  ImdsTimeoutError,
  ImdsUnreachableError,
  isImdsError,
  type TimeoutPhase,
} from '../../../src/errors.js';

const path = '/latest/meta-data/instance-id';
const tokenPath = '/latest/api/token';
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';

function answer(statusCode: number, body = '', headers: Readonly<Record<string, string>> = {}): Response {
  return { statusCode, body: Buffer.from(body), header: (name) => headers[name] };
}
const granted = (token: string, ttlSeconds: number | string = 21600): Response =>
  answer(200, token, { [ttlHeader]: `${ttlSeconds}` });
const value = (secondsLeft?: number | string): Response =>
  answer(200, 'value', secondsLeft === undefined ? {} : { [ttlHeader]: `${secondsLeft}` });

const timedOut = (phase: TimeoutPhase): ImdsTimeoutError => new ImdsTimeoutError('PUT got no reply', { phase });
const unreachable = new ImdsUnreachableError('no connection');
const reset = new ImdsResponseError('the connection was closed', { fault: 'reset' });
const status = (statusCode: number): Response => answer(statusCode, '<html>SECRET</html>');

type Reply = Response | Error | Promise<Response>;

/** A service without sockets, whose clock the test moves. */
class Service {
  time = 0;
  readonly asked: Request[] = [];
  /** What token requests are answered, by their number from 1; `TOKEN-1`, `TOKEN-2` and so on if not said. */
  put: (nth: number) => Reply = (nth) => granted(`TOKEN-${nth}`);
  /** What reads are answered, by the token they carry. */
  get: (token: string | undefined, nth: number) => Reply = () => value();

  readonly request = async (exchange: Request): Promise<Response> => {
    this.asked.push(exchange);
    const nth = this.asked.filter(({ method }) => method === exchange.method).length;
    const reply =
      exchange.method === 'PUT' ? this.put(nth) : this.get(exchange.headers['x-aws-ec2-metadata-token'], nth);
    if (reply instanceof Error) throw reply;
    return await reply;
  };

  /** The requests so far, reads by the token they carried. */
  get seen(): readonly string[] {
    return this.asked.map(({ method, headers }) =>
      method === 'PUT' ? 'PUT' : `GET ${headers['x-aws-ec2-metadata-token'] ?? 'v1'}`,
    );
  }
}

/** A promise that the test fulfils. */
function pending<T>(): { promise: Promise<T>; fulfil: (value: T) => void } {
  let fulfil = (_: T): void => {};
  const promise = new Promise<T>((resolve) => {
    fulfil = resolve;
  });
  return { promise, fulfil };
}

const settled = (): Promise<void> => sleep(0);

describe('Session', () => {
  let service: Service;
  let refused: number;
  beforeEach(() => {
    service = new Service();
    refused = 0;
  });

  function start(options: ImdsOptions = {}, closing = new Closing()): Session {
    const { settings } = resolveSettings({ endpoint: 'http://127.0.0.1:1338', retryDelayMs: 0, ...options });
    const events = new Events(options.logger);
    const clock = clockWith(() => service.time);
    const onRefusal = (): void => {
      refused += 1;
    };
    return new Session({ settings, events, clock, closing, transport: service, onRefusal });
  }
  const read = (session: Session, leftMs = 5000): Promise<Response> =>
    session.read(path, { deadline: service.time + leftMs });

  describe('fetches a session token', () => {
    it('with the first read, as long-lived as the setting says, and sends it along', async () => {
      const answered = await read(start({ tokenTtlSeconds: 300 }));
      assert.equal(answered.body.toString(), 'value');
      assert.deepEqual(
        service.asked.map(({ timeoutMs, ...exchange }) => exchange),
        [
          { method: 'PUT', path: tokenPath, headers: { [ttlHeader]: '300' } },
          { method: 'GET', path, headers: { 'x-aws-ec2-metadata-token': 'TOKEN-1' } },
        ],
      );
    });

    it('once for all reads that need it meanwhile, and for the reads after them', async () => {
      const session = start();
      await Promise.all(Array.from({ length: 100 }, () => read(session)));
      await read(session);
      assert.equal(service.seen.filter((request) => request === 'PUT').length, 1);
      assert.equal(service.asked.length, 102);
    });

    it('without the line break that a proxy puts after it', async () => {
      service.put = () => granted('TOKEN\r\n');
      await read(start());
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN']);
    });

    for (const [what, reply] of [
      ['without a TTL', answer(200, 'TOKEN')],
      ['with a TTL that is no number', granted('TOKEN', 'x')],
      ['with status 201', answer(201, 'TOKEN')],
    ] as const) {
      it(`${what}, uses it for ten seconds and says so`, async () => {
        service.put = () => reply;
        const warnings: unknown[] = [];
        const session = start({ logger: { warn: (...warning) => void warnings.push(warning) } });
        await read(session);
        service.time = 6999;
        await read(session);
        service.time = 9000;
        await read(session);
        assert.deepEqual(service.seen, ['PUT', 'GET TOKEN', 'GET TOKEN', 'PUT', 'GET TOKEN']);
        assert.deepEqual(warnings[0], ['imds token', { action: 'obtained', ttlSeconds: 10, isTtlAssumed: true }]);
      });
    }

    it('with a TTL of 21600.0, as 21600', async () => {
      service.put = () => granted('TOKEN', '21600.0');
      const session = start();
      await read(session);
      service.time = 21_000_000;
      await read(session);
      assert.equal(service.seen[0], 'PUT');
      assert.equal(service.seen[1], 'GET TOKEN');
      assert.equal(service.seen[2], 'GET TOKEN');
    });

    it('again after a retryable failure, up to maxAttempts, which the attempts of the read do not multiply', async () => {
      service.put = () => status(503);
      await assert.rejects(read(start({ maxAttempts: 4 })), { code: 'ERR_IMDS_RESPONSE', statusCode: 503 });
      assert.deepEqual(service.seen, ['PUT', 'PUT', 'PUT', 'PUT']);
    });

    it('anew with the next read after a failure', async () => {
      service.put = (nth) => (nth === 1 ? status(400) : granted('TOKEN'));
      const session = start();
      await assert.rejects(read(session), { code: 'ERR_IMDS_TOKEN' });
      await read(session);
      assert.deepEqual(service.seen, ['PUT', 'PUT', 'GET TOKEN']);
    });
  });

  describe('uses a token until it expires', () => {
    // Its last second, or its last tenth if that is less, is left unused.
    const lives: readonly [number | string, number][] = [
      [21600, 21_599_000],
      [300, 299_000],
      [60, 59_000],
      [2, 1800],
      [1, 900],
      ['0060', 59_000],
      [99_999_999, 21_599_000],
    ];
    for (const [ttlSeconds, lifeMs] of lives) {
      it(`by the answer's TTL of ${ttlSeconds}, whatever was asked for`, async () => {
        service.put = (nth) => (nth === 1 ? granted('TOKEN-1', ttlSeconds) : granted('TOKEN-2'));
        const session = start({ tokenTtlSeconds: 120 });
        await read(session);
        service.time = lifeMs;
        await read(session);
        assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT', 'GET TOKEN-2']);
      });

      it(`but not a millisecond less, with a TTL of ${ttlSeconds}`, async () => {
        const renewal = pending<Response>();
        service.put = (nth) => (nth === 1 ? granted('TOKEN-1', ttlSeconds) : renewal.promise);
        const session = start();
        await read(session);
        service.time = lifeMs - 1;
        await read(session);
        assert.equal(service.seen.at(-1), 'GET TOKEN-1');
        renewal.fulfil(granted('TOKEN-2'));
        await settled();
      });
    }

    it('counted from when it was asked for, not from when it came', async () => {
      service.put = (nth) => {
        if (nth === 1) service.time = 900;
        return granted(`TOKEN-${nth}`, 10);
      };
      const session = start();
      await read(session);
      service.time = 9000;
      await read(session);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT', 'GET TOKEN-2']);
    });

    it('and does not send one that has expired when it comes', async () => {
      service.put = (nth) => {
        if (nth === 1) service.time = 900;
        return granted(`TOKEN-${nth}`, 1);
      };
      await read(start());
      assert.deepEqual(service.seen, ['PUT', 'PUT', 'GET TOKEN-2']);
    });

    it('and does not send it with a further attempt after it expired', async () => {
      service.put = (nth) => granted(`TOKEN-${nth}`, 10);
      service.get = (token) => {
        service.time = 9000;
        return token === 'TOKEN-1' ? status(503) : value();
      };
      await read(start({ deadlineMs: 60_000 }), 60_000);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT', 'GET TOKEN-2']);
    });
  });

  it('sends no token that expired while a read waited for its turn', async () => {
    const slow = pending<Response>();
    service.put = (nth) => granted(`TOKEN-${nth}`, 10);
    service.get = (_, nth) => (nth <= 8 ? slow.promise : value());
    const session = start({ deadlineMs: 60_000 });
    const reads = Array.from({ length: 9 }, (_, index) => session.read(`${path}/${index}`, { deadline: 60_000 }));
    while (service.asked.length < 9) await settled();
    service.time = 9000;
    slow.fulfil(value());
    await Promise.all(reads);
    assert.deepEqual(service.seen.slice(-2), ['PUT', 'GET TOKEN-2']);
  });

  describe('renews a token early', () => {
    const early: readonly [number, number][] = [
      [21600, 21_479_000],
      [900, 779_000],
      [300, 239_000],
      [10, 7000],
    ];
    for (const [ttlSeconds, renewalMs] of early) {
      it(`in the background, while reads go on with the old one (TTL ${ttlSeconds})`, async () => {
        const renewal = pending<Response>();
        service.put = (nth) => (nth === 1 ? granted('TOKEN-1', ttlSeconds) : renewal.promise);
        const session = start();
        await read(session);
        service.time = renewalMs - 1;
        await read(session);
        assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'GET TOKEN-1']);
        service.time = renewalMs;
        await read(session);
        await read(session);
        assert.deepEqual(service.seen.slice(3).toSorted(), ['GET TOKEN-1', 'GET TOKEN-1', 'PUT']);
        renewal.fulfil(granted('TOKEN-2'));
        await settled();
        await read(session);
        assert.equal(service.seen.at(-1), 'GET TOKEN-2');
        assert.equal(service.asked.length, 7);
      });
    }

    for (const [what, failure] of [
      ['is refused', status(403)],
      ['is lost', timedOut('response')],
      ['cannot be sent', unreachable],
    ] as const) {
      it(`and goes on with the old one when that ${what}, trying again ten seconds later`, async () => {
        service.put = (nth) => (nth === 1 ? granted('TOKEN-1', 900) : nth === 2 ? failure : granted('TOKEN-3'));
        const session = start({ maxAttempts: 1, allowV1: true });
        await read(session);
        service.time = 779_000;
        await read(session);
        await settled();
        service.time = 788_999;
        await read(session);
        await settled();
        assert.equal(service.seen.filter((request) => request === 'PUT').length, 2);
        service.time = 789_000;
        await read(session);
        await settled();
        await read(session);
        assert.deepEqual(
          service.seen.filter((request) => request !== 'PUT'),
          ['GET TOKEN-1', 'GET TOKEN-1', 'GET TOKEN-1', 'GET TOKEN-1', 'GET TOKEN-3'],
        );
        assert.equal(service.seen.filter((request) => request === 'PUT').length, 3);
      });
    }

    it('in time even if it is short-lived and the renewal of the one before it has failed', async () => {
      service.put = (nth) => (nth === 2 ? status(403) : granted(`TOKEN-${nth}`, 10));
      const session = start();
      await read(session);
      service.time = 8000;
      await read(session);
      await settled();
      service.time = 9000;
      await read(session);
      service.time = 16_500;
      await read(session);
      await settled();
      assert.equal(service.seen.filter((request) => request === 'PUT').length, 4);
    });

    it('and has reads wait for the renewal under way once the old one has expired', async () => {
      const renewal = pending<Response>();
      service.put = (nth) => (nth === 1 ? granted('TOKEN-1', 900) : renewal.promise);
      const session = start();
      await read(session);
      service.time = 800_000;
      await read(session);
      service.time = 899_000;
      const waiting = read(session);
      await settled();
      assert.equal(service.seen.filter((request) => request.startsWith('GET')).length, 2);
      renewal.fulfil(granted('TOKEN-2', 900));
      await waiting;
      assert.deepEqual(service.seen.slice(-1), ['GET TOKEN-2']);
      assert.equal(service.seen.filter((request) => request === 'PUT').length, 2);
    });
  });

  describe('learns from the answers to reads', () => {
    it('that a token expires earlier than stated', async () => {
      service.get = (_, nth) => (nth === 1 ? value(60) : value());
      const session = start();
      await read(session);
      service.time = 59_000;
      await read(session);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT', 'GET TOKEN-2']);
    });

    it('that a token must be renewed earlier than stated', async () => {
      service.get = (_, nth) => (nth === 1 ? value(60) : value());
      const session = start();
      await read(session);
      service.time = 47_000;
      await read(session);
      await settled();
      assert.deepEqual(service.seen.toSorted(), ['GET TOKEN-1', 'GET TOKEN-1', 'PUT', 'PUT']);
    });

    it('that a token has expired', async () => {
      service.get = (_, nth) => value(nth === 1 ? 0 : 60);
      const session = start();
      await read(session);
      await read(session);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT', 'GET TOKEN-2']);
    });

    it('nothing that would extend its TTL', async () => {
      service.put = (nth) => granted(`TOKEN-${nth}`, 60);
      service.get = () => value(21600);
      const session = start();
      await read(session);
      service.time = 59_000;
      await read(session);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT', 'GET TOKEN-2']);
    });

    for (const nonsense of ['', 'soon', '-1', '1e3', '60, 60', '9'.repeat(40)]) {
      it(`nothing from a TTL of '${nonsense.slice(0, 10)}'`, async () => {
        service.get = () => value(nonsense);
        const session = start();
        await read(session);
        service.time = 21_400_000;
        await read(session);
        assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'GET TOKEN-1']);
      });
    }

    it('nothing about a new token from a late answer to a read with the old one', async () => {
      const late = pending<Response>();
      service.put = (nth) => granted(`TOKEN-${nth}`, 60);
      service.get = (_, nth) => (nth === 2 ? late.promise : value());
      const session = start();
      await read(session);
      service.time = 58_000;
      const slow = read(session);
      await settled();
      service.time = 59_000;
      await read(session);
      late.fulfil(value(1));
      await slow;
      service.time = 70_000;
      await read(session);
      assert.deepEqual(
        service.seen.filter((request) => request !== 'PUT'),
        ['GET TOKEN-1', 'GET TOKEN-1', 'GET TOKEN-2', 'GET TOKEN-2'],
      );
    });
  });

  describe('answered 401', () => {
    const onlyKnows = (known: string) => (token: string | undefined) => (token === known ? value() : status(401));

    it('fetches one new token and reads once more', async () => {
      service.get = onlyKnows('TOKEN-2');
      const answered = await read(start());
      assert.equal(answered.statusCode, 200);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT', 'GET TOKEN-2']);
      assert.equal(refused, 1);
    });

    it('fetches that one for all reads that were refused', async () => {
      service.get = onlyKnows('TOKEN-2');
      const session = start();
      await Promise.all(Array.from({ length: 20 }, () => read(session)));
      assert.equal(service.seen.filter((request) => request === 'PUT').length, 2);
      assert.equal(service.seen.filter((request) => request === 'GET TOKEN-2').length, 20);
      assert.equal(refused, 1);
    });

    it('fetches none for a read that is refused when a new one is already there', async () => {
      const late = pending<Response>();
      service.get = (token, nth) => (nth === 1 ? late.promise : onlyKnows('TOKEN-2')(token));
      const session = start();
      const slow = read(session);
      await settled();
      await read(session);
      late.fulfil(status(401));
      assert.equal((await slow).statusCode, 200);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'GET TOKEN-1', 'PUT', 'GET TOKEN-2', 'GET TOKEN-2']);
      assert.equal(refused, 1);
    });

    it('shares the renewal under way with a read that is refused later', async () => {
      const [late, renewal] = [pending<Response>(), pending<Response>()];
      service.put = (nth) => (nth === 1 ? granted('TOKEN-1') : renewal.promise);
      service.get = (token, nth) => (nth === 1 ? late.promise : onlyKnows('TOKEN-2')(token));
      const session = start();
      const reads = [read(session), read(session)];
      await settled();
      late.fulfil(status(401));
      await settled();
      const after = read(session);
      await settled();
      assert.equal(service.seen.filter((request) => request === 'PUT').length, 2);
      renewal.fulfil(granted('TOKEN-2'));
      await Promise.all([...reads, after]);
      assert.deepEqual(service.seen.slice(-3), ['GET TOKEN-2', 'GET TOKEN-2', 'GET TOKEN-2']);
    });

    it('tells of the refusal also when an early renewal has just replaced the token', async () => {
      const late = pending<Response>();
      service.put = (nth) => granted(`TOKEN-${nth}`, 900);
      service.get = (_, nth) => (nth === 2 ? late.promise : value());
      const session = start();
      await read(session);
      service.time = 779_000;
      const slow = read(session);
      await settled();
      late.fulfil(status(401));
      await slow;
      assert.deepEqual(service.seen.toSorted(), ['GET TOKEN-1', 'GET TOKEN-1', 'GET TOKEN-2', 'PUT', 'PUT']);
      assert.equal(refused, 1);
    });

    it('gives up when the new token is refused too', async () => {
      service.get = () => status(401);
      await assert.rejects(read(start()), {
        code: 'ERR_IMDS_TOKEN',
        statusCode: 401,
        message: `GET http://127.0.0.1:1338${path} returned 401, even with a fresh session token`,
      });
      // Each of three attempts renews its token once.
      assert.deepEqual(
        service.seen,
        [1, 2, 3, 4, 5, 6].flatMap((nth) => ['PUT', `GET TOKEN-${nth}`]),
      );
    });

    it('sends neither of two refused tokens again', async () => {
      service.get = onlyKnows('TOKEN-3');
      const session = start({ maxAttempts: 1 });
      await assert.rejects(read(session), { code: 'ERR_IMDS_TOKEN', statusCode: 401 });
      assert.equal((await read(session)).statusCode, 200);
      assert.deepEqual(service.seen.slice(4), ['PUT', 'GET TOKEN-3']);
      assert.equal(refused, 2);
    });

    it('ends with the failure of the token request, made as often as the setting says', async () => {
      service.put = (nth) => (nth === 1 ? granted('TOKEN-1') : status(500));
      service.get = () => status(401);
      await assert.rejects(read(start()), { code: 'ERR_IMDS_RESPONSE', statusCode: 500 });
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT', 'PUT', 'PUT']);
    });

    it('does not fall back to version 1', async () => {
      service.put = (nth) => (nth === 1 ? granted('TOKEN-1') : status(403));
      service.get = (token) => (token === undefined ? value() : status(401));
      await assert.rejects(read(start({ allowV1: true })), { code: 'ERR_IMDS_FORBIDDEN' });
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1', 'PUT']);
    });
  });

  describe('gives the answer', () => {
    it('200 or 404', async () => {
      const session = start();
      for (const statusCode of [200, 404]) {
        service.get = () => status(statusCode);
        assert.equal((await read(session)).statusCode, statusCode);
      }
    });

    const outcomes: readonly [Reply, number, Partial<Record<keyof ImdsResponseError, unknown>>][] = [
      [status(503), 3, { code: 'ERR_IMDS_RESPONSE', statusCode: 503, fault: 'status' }],
      [status(429), 3, { code: 'ERR_IMDS_RESPONSE', statusCode: 429 }],
      [status(400), 1, { code: 'ERR_IMDS_RESPONSE', statusCode: 400 }],
      [status(405), 1, { code: 'ERR_IMDS_RESPONSE', statusCode: 405 }],
      [status(403), 1, { code: 'ERR_IMDS_FORBIDDEN' }],
      [status(301), 1, { code: 'ERR_IMDS_RESPONSE', statusCode: 301, fault: 'redirect' }],
      [status(204), 1, { code: 'ERR_IMDS_RESPONSE', statusCode: 204 }],
      [reset, 3, { code: 'ERR_IMDS_RESPONSE', fault: 'reset' }],
      [unreachable, 1, { code: 'ERR_IMDS_UNREACHABLE' }],
      [timedOut('response'), 3, { code: 'ERR_IMDS_TIMEOUT' }],
    ];
    for (const [reply, requests, expected] of outcomes) {
      const what = reply instanceof Error ? reply.message : reply instanceof Promise ? '' : reply.statusCode;
      it(`${what} as ${expected.code} after ${requests} of 3 attempts`, async () => {
        service.get = () => reply;
        await assert.rejects(read(start()), expected);
        assert.equal(service.seen.filter((request) => request === 'GET TOKEN-1').length, requests);
        assert.equal(service.asked.length, requests + 1);
      });
    }

    it('of an attempt after one that failed', async () => {
      service.get = (_, nth) => [status(503), reset, value()][nth - 1] ?? status(418);
      assert.equal((await read(start())).statusCode, 200);
    });
  });

  describe('follows', () => {
    const redirect = (location: string, statusCode = 301): Response => answer(statusCode, '', { location });
    const directory = '/latest/meta-data/iam/security-credentials';
    const readDirectory = (session: Session, at = directory) => session.read(at, { deadline: 5000 });

    for (const location of [`${directory}/`, `http://127.0.0.1:1338${directory}/`, 'security-credentials/']) {
      it(`one redirect to the same path with a slash, ${location}`, async () => {
        service.get = (_, nth) => (nth === 1 ? redirect(location) : value());
        assert.equal((await readDirectory(start())).statusCode, 200);
        assert.deepEqual(
          service.asked.map((request) => request.path),
          [tokenPath, directory, `${directory}/`],
        );
      });
    }

    for (const [what, location, statusCode, at] of [
      ['to another path', '/latest/meta-data/', 301, directory],
      ['to another host', `http://127.0.0.2:1338${directory}/`, 301, directory],
      ['to another port', `http://127.0.0.1:80${directory}/`, 301, directory],
      ['to https', `https://127.0.0.1:1338${directory}/`, 301, directory],
      ['with a query', `${directory}/?a`, 301, directory],
      ['to nowhere', 'http://', 301, directory],
      ['of another status', `${directory}/`, 302, directory],
      ['of a path with a slash', `${directory}//`, 301, `${directory}/`],
    ] as const) {
      it(`no redirect ${what}`, async () => {
        service.get = () => redirect(location, statusCode);
        await assert.rejects(readDirectory(start(), at), { fault: 'redirect', statusCode });
        assert.equal(service.asked.length, 2);
      });
    }

    it('no second redirect', async () => {
      service.get = () => redirect(`${directory}/`);
      await assert.rejects(readDirectory(start()), { fault: 'redirect' });
      assert.equal(service.asked.length, 3);
    });
  });

  describe('refused a token', () => {
    const forbidden = 'IMDSv1 was not tried: option allowV1 is false, its default.';
    const cases: readonly [string, Reply, ImdsErrorCode, boolean][] = [
      ['400', status(400), 'ERR_IMDS_TOKEN', false],
      ['401', status(401), 'ERR_IMDS_TOKEN', false],
      ['403', status(403), 'ERR_IMDS_FORBIDDEN', true],
      ['404', status(404), 'ERR_IMDS_TOKEN', true],
      ['405', status(405), 'ERR_IMDS_TOKEN', true],
      ['429', status(429), 'ERR_IMDS_RESPONSE', false],
      ['500', status(500), 'ERR_IMDS_RESPONSE', false],
      ['503', status(503), 'ERR_IMDS_RESPONSE', false],
      ['a redirect', status(307), 'ERR_IMDS_RESPONSE', false],
      ['200 with a TTL of 0', granted('SECRET', 0), 'ERR_IMDS_TOKEN', false],
      ['200 with nothing', granted(''), 'ERR_IMDS_TOKEN', false],
      ['200 with a page', granted('<html> SECRET'), 'ERR_IMDS_TOKEN', false],
      ['200 with two lines', granted('SECRET\nSECRET'), 'ERR_IMDS_TOKEN', false],
      ['200 with something too long', granted('SECRET'.repeat(683)), 'ERR_IMDS_TOKEN', false],
      ['200 with bytes that are no text', granted('SECRET\u00e4'), 'ERR_IMDS_TOKEN', false],
      ['no reply', timedOut('response'), 'ERR_IMDS_HOP_LIMIT', true],
      ['half a reply', timedOut('body'), 'ERR_IMDS_TIMEOUT', false],
      ['no connection', unreachable, 'ERR_IMDS_UNREACHABLE', false],
      ['a reset', reset, 'ERR_IMDS_RESPONSE', false],
    ];
    for (const [what, reply, code, curedByV1] of cases) {
      it(`by ${what}, throws ${code}${curedByV1 ? ' and says which setting kept it from version 1' : ''}`, async () => {
        service.put = () => reply;
        await assert.rejects(read(start({ maxAttempts: 1 })), (error) => {
          assert.ok(isImdsError(error));
          assert.equal(error.code, code);
          assert.equal(error.hint?.endsWith(forbidden) ?? false, curedByV1);
          assert.doesNotMatch(inspect(error, { showHidden: true, depth: 10 }), /SECRET/);
          return true;
        });
        assert.deepEqual(service.seen, ['PUT']);
      });

      it(`by ${what}, ${curedByV1 ? 'goes on with version 1' : 'does not fall back to version 1'} if allowed`, async () => {
        service.put = () => reply;
        const session = start({ maxAttempts: 1, allowV1: true });
        if (curedByV1) {
          assert.equal((await read(session)).statusCode, 200);
          assert.deepEqual(service.seen, ['PUT', 'GET v1']);
        } else {
          await assert.rejects(read(session), (error) => {
            assert.ok(isImdsError(error) && error.code === code);
            assert.doesNotMatch(error.hint ?? '', /IMDSv1/);
            return true;
          });
          assert.deepEqual(service.seen, ['PUT']);
        }
      });
    }

    it('says when the environment forbids version 1, which wins over the option', async () => {
      process.env['AWS_EC2_METADATA_V1_DISABLED'] = 'true';
      try {
        service.put = () => status(404);
        await assert.rejects(read(start({ allowV1: true })), (error) => {
          assert.ok(isImdsError(error));
          assert.match(error.hint ?? '', /IMDSv1 was not tried: AWS_EC2_METADATA_V1_DISABLED is true\.$/);
          return true;
        });
      } finally {
        delete process.env['AWS_EC2_METADATA_V1_DISABLED'];
      }
      assert.deepEqual(service.seen, ['PUT']);
    });

    it('names the setting and the command that raise the hop limit when the reply is lost', async () => {
      service.put = () => timedOut('response');
      await assert.rejects(read(start({ maxAttempts: 1 })), (error) => {
        assert.ok(error instanceof ImdsTimeoutError);
        assert.equal(error.name, 'ImdsHopLimitError');
        assert.equal(error.phase, 'token');
        assert.match(
          error.hint ?? '',
          /HttpPutResponseHopLimit.* aws ec2 modify-instance-metadata-options --instance-id \S+ --http-put-response-hop-limit 2 --http-endpoint enabled/,
        );
        return true;
      });
    });
  });

  describe('whose token reply was lost', () => {
    beforeEach(() => {
      service.put = () => timedOut('response');
    });

    it('fails at once for five seconds, with the same error, then sends a new request', async () => {
      const session = start({ maxAttempts: 2 });
      const failure = await failureOf(read(session));
      assert.equal(failure.code, 'ERR_IMDS_HOP_LIMIT');
      assert.equal(service.asked.length, 2);
      service.time = 4999;
      assert.equal(await failureOf(read(session)), failure);
      assert.equal(await failureOf(session.token({ deadline: service.time + 1000 })), failure);
      assert.equal(service.asked.length, 2);
      service.time = 5000;
      service.put = () => granted('TOKEN');
      assert.equal((await read(session)).statusCode, 200);
      service.time = 5001;
      service.get = (_, nth) => (nth === 2 ? status(401) : value());
      service.put = () => granted('NEXT');
      assert.equal((await read(session)).statusCode, 200);
    });

    it('is forgotten once a later reply came', async () => {
      const loss = pending<Error>();
      const lost = loss.promise.then((error) => Promise.reject(error));
      service.put = (nth) => (nth === 2 ? lost : granted(`TOKEN-${nth}`, 900));
      service.get = (token) => (token === 'TOKEN-3' && service.time > 790_000 ? status(401) : value());
      const session = start({ maxAttempts: 1 });
      await read(session);
      service.time = 780_000;
      await read(session);
      service.time = 789_000;
      loss.fulfil(timedOut('response'));
      await settled();
      service.time = 790_000;
      await read(session);
      await settled();
      service.time = 791_000;
      assert.equal((await read(session)).statusCode, 200);
      assert.equal(service.seen.at(-1), 'GET TOKEN-4');
    });

    it('is not treated as such because a caller was in a hurry', async () => {
      const reply = pending<Response>();
      service.put = () => reply.promise;
      const session = start();
      await assert.rejects(read(session, 10), { code: 'ERR_IMDS_TIMEOUT', phase: 'deadline' });
      assert.equal(service.asked[0]?.timeoutMs, 1000);
      const patient = read(session);
      reply.fulfil(granted('TOKEN'));
      assert.equal((await patient).statusCode, 200);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN']);
    });

    it('is not treated as such when the end of the time cut the attempt short', async () => {
      service.put = () => {
        service.time = 4500;
        return service.asked.length === 1 ? status(503) : timedOut('response');
      };
      await assert.rejects(read(start({ maxAttempts: 2, allowV1: true })), {
        code: 'ERR_IMDS_TIMEOUT',
        phase: 'token',
      });
      assert.deepEqual(
        service.asked.map(({ timeoutMs }) => timeoutMs),
        [1000, 500],
      );
    });

    it('is still recognised when a further attempt was cut short', async () => {
      service.put = () => {
        service.time = service.asked.length === 1 ? 4500 : 5000;
        return timedOut('response');
      };
      await assert.rejects(read(start({ maxAttempts: 2 })), { code: 'ERR_IMDS_HOP_LIMIT' });
      assert.equal(service.asked.length, 2);
    });
  });

  describe('in version 1', () => {
    const withoutToken = (token: string | undefined): Reply => (token === undefined ? value() : status(401));

    it('sends no token, asks for none, and says so once', async () => {
      service.put = () => status(403);
      const { published } = await record('fallback', async () => {
        const session = start({ allowV1: true });
        await Promise.all([read(session), read(session)]);
        await read(session);
      });
      assert.deepEqual(service.seen, ['PUT', 'GET v1', 'GET v1', 'GET v1']);
      assert.deepEqual(published, [{ to: 1, reason: 'ERR_IMDS_FORBIDDEN' }]);
    });

    it('probes version 2 each minute, in the background', async () => {
      const probe = pending<Response>();
      service.put = (nth) => (nth === 1 ? status(404) : nth === 2 ? probe.promise : granted('TOKEN-3'));
      service.get = withoutToken;
      const session = start({ allowV1: true });
      await read(session);
      service.time = 59_999;
      await read(session);
      assert.deepEqual(service.seen, ['PUT', 'GET v1', 'GET v1']);
      service.time = 60_000;
      await read(session);
      await read(session);
      assert.deepEqual(service.seen.slice(3).toSorted(), ['GET v1', 'GET v1', 'PUT']);
      probe.fulfil(status(503));
      await settled();
      service.time = 119_999;
      await read(session);
      assert.equal(service.asked.length, 7, 'a probe is one attempt');
      service.get = () => value();
      service.time = 120_000;
      await read(session);
      await settled();
      const { published } = await record('fallback', async () => await read(session));
      assert.equal(service.seen.at(-1), 'GET TOKEN-3');
      assert.deepEqual(published, []);
    });

    it('returns to version 2 when a probe is granted a token, and says so', async () => {
      service.put = (nth) => (nth === 1 ? status(404) : granted('TOKEN'));
      const session = start({ allowV1: true });
      await read(session);
      service.time = 60_000;
      const { published } = await record('fallback', async () => {
        await read(session);
        await settled();
        await read(session);
      });
      assert.deepEqual(service.seen.slice(-1), ['GET TOKEN']);
      assert.deepEqual(published, [{ to: 2 }]);
      service.time += 21_600_000;
      await read(session);
      assert.deepEqual(service.seen.slice(-2), ['PUT', 'GET TOKEN'], 'and stays with it');
    });

    it('returns to version 2 at once when a read is answered 401, and says so', async () => {
      service.put = (nth) => (nth === 1 ? status(404) : granted('TOKEN'));
      service.get = (token) => (token === 'TOKEN' ? value() : status(401));
      const { published, result } = await record('fallback', async () => await read(start({ allowV1: true })));
      assert.equal(result.statusCode, 200);
      assert.deepEqual(service.seen, ['PUT', 'GET v1', 'PUT', 'GET TOKEN']);
      assert.deepEqual(published, [{ to: 1, reason: 'ERR_IMDS_TOKEN' }, { to: 2 }]);
      assert.equal(refused, 0, 'no token was refused');
    });

    it('fails with the token request when the service refuses version 1, but grants no token', async () => {
      service.put = () => status(403);
      service.get = () => status(401);
      const session = start({ allowV1: true });
      const { published } = await record('fallback', async () => {
        await assert.rejects(read(session), { code: 'ERR_IMDS_FORBIDDEN' });
        await assert.rejects(read(session), { code: 'ERR_IMDS_FORBIDDEN' });
      });
      assert.deepEqual(service.seen, ['PUT', 'GET v1', 'PUT', 'GET v1', 'PUT']);
      assert.deepEqual(published, [{ to: 1, reason: 'ERR_IMDS_FORBIDDEN' }]);
    });

    it('gives no token to another program', async () => {
      service.put = () => status(405);
      const session = start({ allowV1: true });
      await read(session);
      await assert.rejects(session.token({ deadline: 5000 }), { code: 'ERR_IMDS_TOKEN', statusCode: 405 });
    });
  });

  describe('gives its token to another program', () => {
    it('the one it uses itself, or a new one', async () => {
      const session = start();
      assert.equal(await session.token({ deadline: 5000 }), 'TOKEN-1');
      await read(session);
      assert.equal(await session.token({ deadline: 5000 }), 'TOKEN-1');
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1']);
      service.time = 21_599_000;
      assert.equal(await session.token({ deadline: service.time + 5000 }), 'TOKEN-2');
    });

    it('and ends the wait for it alone when that is aborted', async () => {
      const reply = pending<Response>();
      service.put = () => reply.promise;
      const session = start();
      const controller = new AbortController();
      const token = session.token({ deadline: 5000, signal: controller.signal });
      const reading = read(session);
      controller.abort('enough');
      await assert.rejects(token, (error) => error === 'enough');
      reply.fulfil(granted('TOKEN'));
      assert.equal((await reading).statusCode, 200);
      assert.deepEqual(service.seen, ['PUT', 'GET TOKEN']);
    });
  });

  it('gives each request the time of one attempt, or what is left of the call', async () => {
    service.put = () => {
      service.time = 4700;
      return granted('TOKEN');
    };
    await read(start());
    assert.deepEqual(
      service.asked.map(({ timeoutMs }) => timeoutMs),
      [1000, 300],
    );
  });

  it('publishes the TTL of its tokens, never a token', async () => {
    service.put = (nth) => (nth === 3 ? status(400) : granted(`TOKEN-${nth}`, 60));
    service.get = (token) => (token === 'TOKEN-2' ? value() : status(401));
    const { published } = await record('token', async () => {
      const session = start();
      await read(session);
      service.time = 59_000;
      await assert.rejects(read(session));
    });
    assert.deepEqual(published, [
      { action: 'obtained', ttlSeconds: 60 },
      { action: 'rejected' },
      { action: 'obtained', ttlSeconds: 60 },
      { action: 'failed', error: 'ERR_IMDS_TOKEN' },
    ]);
  });

  it('shows no part of its token when inspected', async () => {
    const session = start();
    await read(session);
    assert.doesNotMatch(inspect(session, { showHidden: true, depth: 10 }), /TOKEN-1/);
  });

  it('sends no path that contains its token', async () => {
    const session = start();
    for (const held of ['/latest/meta-data/TOKEN-1', '/latest/meta-data/TOKEN-1/x'])
      await assert.rejects(session.read(held, { deadline: service.time + 5000 }), { code: 'ERR_IMDS_PATH' });
    assert.deepEqual(service.seen, ['PUT']);
    assert.throws(
      () => session.checkPath('/latest/TOKEN-1'),
      (error) => !inspect(error).includes('TOKEN-1'),
    );
    session.checkPath('/latest/TOKEN-10');
  });

  it('refuses a reply that contains its token, of a short one only as a whole line', async () => {
    const long = 'AQAEAHUSH-0123456789';
    for (const [token, body, isEcho] of [
      ['TOKEN', 'a\nTOKEN', true],
      ['TOKEN', 'a TOKEN', false],
      [long, `x${long}x`, true],
    ] as const) {
      service.put = () => granted(token);
      service.get = () => answer(200, body);
      const reading = read(start());
      if (isEcho) await assert.rejects(reading, { code: 'ERR_IMDS_RESPONSE', fault: 'echo' });
      else assert.equal((await reading).body.toString(), body);
    }
  });

  it('ends at once, with the reason, the delay before a further attempt when it is closed', async () => {
    const closed = new ImdsResponseError('closed', { fault: 'reset' });
    service.get = () => status(503);
    const closing = new Closing();
    const reading = read(start({ retryDelayMs: 3000 }, closing));
    await settled();
    closing.close(closed);
    assert.equal(await failureOf(reading), closed);
    assert.deepEqual(service.seen, ['PUT', 'GET TOKEN-1']);
  });

  async function failureOf(promise: Promise<unknown>): Promise<ImdsError> {
    return await promise.then(
      () => assert.fail('did not fail'),
      (error: unknown) => (isImdsError(error) ? error : assert.fail('threw something else')),
    );
  }
});

/** What is published on a channel while something is done. */
async function record<T>(kind: string, act: () => Promise<T>): Promise<{ published: readonly unknown[]; result: T }> {
  const published: unknown[] = [];
  const listener = (message: unknown): void => void published.push(message);
  subscribe(`imds:${kind}`, listener);
  try {
    return { published, result: await act() };
  } finally {
    unsubscribe(`imds:${kind}`, listener);
  }
}
