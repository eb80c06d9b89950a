import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { clockWith } from '../../../src/client/clock.js';
import { Closing } from '../../../src/client/closing.js';
import { Events } from '../../../src/client/events.js';
import { retry } from '../../../src/client/retry.js';
import { Session } from '../../../src/client/session.js';
import { resolveSettings } from '../../../src/client/settings.js';
import type { Request, Response } from '../../../src/client/transport.js';
import { ImdsResponseError, ImdsTimeoutError, ImdsUnreachableError, isImdsError } from '../../../src/errors.js';

const deadlineMs = 5000;
const longestTtlSeconds = 21600;
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';
const tokenHeader = 'x-aws-ec2-metadata-token';

/** What comes back for a request: what the service says of it, or something that came in between. */
type Outcome = 'answer' | 400 | 401 | 403 | 404 | 405 | 429 | 503 | 'reset' | 'lost' | 'half' | 'unreachable';

/** What happens, one thing after another. */
type Event =
  | { readonly kind: 'time passes'; readonly ms: number }
  | { readonly kind: 'read' }
  | { readonly kind: 'token wanted'; readonly aborted: boolean }
  /** One of the requests under way ends; `saysMs` is how much longer than it knows the service says its token lives. */
  | { readonly kind: 'reply'; readonly which: number; readonly outcome: Outcome; readonly saysMs: number }
  | { readonly kind: 'all tokens end' };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('time passes' as const),
      ms: fc.oneof(fc.nat(20), fc.nat(3000), fc.nat(150_000), fc.nat(8 * 3_600_000)),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'read' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('token wanted' as const), aborted: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reply' as const),
      which: fc.nat(20),
      outcome: fc.oneof(
        { weight: 6, arbitrary: fc.constant('answer' as const) },
        {
          weight: 3,
          arbitrary: fc.constantFrom<Outcome>(
            ...[400, 401, 403, 404, 405, 429, 503].filter((status): status is Outcome & number => status > 0),
            'reset',
            'lost',
            'half',
            'unreachable',
          ),
        },
      ),
      saysMs: fc.oneof(fc.constant(0), fc.constantFrom(-1e9, -30_000, -1000, 1000, 1e9)),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'all tokens end' as const }) },
);

const story = fc.record({
  events: fc.array(event, { maxLength: 60 }),
  /** How long the service lets its tokens live, in seconds, in turn. */
  lives: fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(60, 300, 21600, 100_000)), {
    minLength: 1,
    maxLength: 5,
  }),
  allowV1: fc.boolean(),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
});
type Story = typeof story extends fc.Arbitrary<infer T> ? T : never;

interface UnderWay {
  readonly exchange: Request;
  readonly sentAt: number;
  /** What the service says when it is let, decided when the request arrived. */
  readonly says: (saysMs: number) => Response;
  readonly resolve: (answer: Response) => void;
  readonly reject: (error: Error) => void;
}

const answer = (statusCode: number, body: string, ttlMs?: number): Response => ({
  statusCode,
  body: Buffer.from(body),
  header: (name) => (name === ttlHeader && ttlMs !== undefined ? String(Math.floor(ttlMs / 1000)) : undefined),
});

/** A service in virtual time that judges every request, and whatever else is to be kept in mind. */
class Service {
  time = 0;
  readonly underWay: UnderWay[] = [];
  readonly sent: Request[] = [];
  readonly #lives: readonly number[];
  /** Until when the service itself knows each token. */
  readonly #known = new Map<string, number>();
  /** Until when a session that heard all answers may send each token. */
  readonly #promised = new Map<string, number>();
  readonly #refused = new Set<string>();
  readonly #allowV1: boolean;
  #mayUseV1 = false;
  /** What should have been and was not. */
  readonly missed: string[] = [];

  constructor(lives: readonly number[], allowV1: boolean) {
    this.#lives = lives;
    this.#allowV1 = allowV1;
  }

  #must(is: boolean, what: string): void {
    if (!is) this.missed.push(`${what} (at ${this.time} ms, request ${this.sent.length})`);
  }

  readonly request = (exchange: Request): Promise<Response> => {
    this.sent.push(exchange);
    this.#must(exchange.timeoutMs > 0, 'a request is given time');
    const says = exchange.method === 'PUT' ? this.#grant() : this.#judge(exchange);
    return new Promise((resolve, reject) => {
      this.underWay.push({ exchange, sentAt: this.time, says, resolve, reject });
    });
  };

  #grant(): UnderWay['says'] {
    this.#must(!this.underWay.some(({ exchange }) => exchange.method === 'PUT'), 'one token request is under way');
    const token = `TOKEN-${this.sent.length}`;
    const lifeMs = (this.#lives[this.sent.length % this.#lives.length] ?? 1) * 1000;
    const sentAt = this.time;
    this.#known.set(token, sentAt + lifeMs);
    return (saysMs) => {
      const saidMs = Math.max(0, lifeMs + saysMs);
      this.#promised.set(token, sentAt + Math.min(saidMs, longestTtlSeconds * 1000));
      return answer(200, token, saidMs);
    };
  }

  #judge({ headers }: Request): UnderWay['says'] {
    const token = headers[tokenHeader];
    const { time } = this;
    if (token === undefined) {
      this.#must(this.#allowV1 && this.#mayUseV1, 'version 1 is allowed, and its time has come');
      return () => answer(200, 'value');
    }
    this.#must(!this.#refused.has(token), 'no token is sent that was refused');
    this.#must(time < (this.#promised.get(token) ?? 0), 'no token is sent past its end');
    const leftMs = (this.#known.get(token) ?? 0) - time;
    if (leftMs <= 0) return () => answer(401, '');
    return (saysMs) => {
      const saidMs = Math.max(0, leftMs + saysMs);
      this.#promised.set(token, Math.min(this.#promised.get(token) ?? 0, time + saidMs));
      return answer(200, 'value', saidMs);
    };
  }

  reply(which: number, outcome: Outcome, saysMs: number): void {
    const [request] = this.underWay.splice(which % Math.max(1, this.underWay.length), 1);
    if (!request) return;
    const { exchange, says, resolve, reject } = request;
    const isPut = exchange.method === 'PUT';
    const token = exchange.headers[tokenHeader];
    const reset = (fault: 'reset'): Error => new ImdsResponseError('reset', { fault });
    const given =
      outcome === 'answer' ? says(saysMs) : typeof outcome === 'number' ? answer(outcome, 'page') : undefined;
    if (isPut && (outcome === 'lost' || outcome === 403 || outcome === 404 || outcome === 405)) this.#mayUseV1 = true;
    if (given?.statusCode === 401 && token !== undefined) this.#refused.add(token);
    if (given) resolve(given);
    else if (outcome === 'reset') reject(reset('reset'));
    else if (outcome === 'unreachable') reject(new ImdsUnreachableError('no connection'));
    else reject(new ImdsTimeoutError('late', { phase: outcome === 'lost' ? 'response' : 'body' }));
  }

  /** As over a stop and start: the service knows no token that it gave out before. */
  endAll(): void {
    for (const token of this.#known.keys()) this.#known.set(token, 0);
  }
}

/** How each call ended; undefined while it has not. */
type Ending = 'value' | 'failure' | 'aborted' | undefined;

async function tell({ events, lives, allowV1, maxAttempts }: Story) {
  const service = new Service(lives, allowV1);
  const { settings } = resolveSettings({
    endpoint: 'http://127.0.0.1:1338',
    allowV1,
    maxAttempts,
    retryDelayMs: 0,
    deadlineMs,
  });
  const clock = clockWith(() => service.time);
  const context = { settings, events: new Events(undefined), clock, closing: new Closing() };
  const session = new Session({ ...context, transport: service, onRefusal: () => {} });
  const endings: Ending[] = [];
  const begin = (call: Promise<unknown>): void => {
    const index = endings.push(undefined) - 1;
    call.then(
      (value) => {
        const isAnswer = typeof value === 'object' && value !== null && 'statusCode' in value;
        if (isAnswer ? value.statusCode !== 200 && value.statusCode !== 404 : !/^TOKEN-/.test(String(value)))
          service.missed.push(`values are those of the service (${value})`);
        endings[index] = 'value';
      },
      (error: unknown) => {
        endings[index] = error === 'aborted' ? 'aborted' : 'failure';
        if (error !== 'aborted' && !isImdsError(error)) service.missed.push(`failures are its own (${error})`);
      },
    );
  };
  let readings = 0;
  for (const each of events) {
    if (each.kind === 'time passes') service.time += each.ms;
    if (each.kind === 'all tokens end') service.endAll();
    if (each.kind === 'reply') service.reply(each.which, each.outcome, each.saysMs);
    if (each.kind === 'read') {
      readings += 1;
      begin(session.read(`/latest/meta-data/${readings}`, { deadline: service.time + deadlineMs }));
    }
    if (each.kind === 'token wanted') {
      const controller = new AbortController();
      begin(session.token({ deadline: service.time + deadlineMs, signal: controller.signal }));
      if (each.aborted) controller.abort('aborted');
    }
    await turn();
  }
  // In the end the service answers whatever it is asked.
  for (let replies = 0; service.underWay.length > 0; replies++) {
    if (replies > 20 * (events.length + 1)) service.missed.push('requests come to an end');
    if (service.missed.length > 0) break;
    service.reply(0, 'answer', 0);
    await turn();
  }
  return { service, endings, readings };
}

describe('the session, in any order of events', () => {
  // p-retry is loaded by the first retry there is, which takes time that the model knows nothing of.
  before(async () => {
    const clock = clockWith(() => 0);
    const limits = { maxAttempts: 2, retryDelayMs: 0, waitMs: 0, deadline: 10 };
    const failures = [new ImdsResponseError('answered 503', { fault: 'status', statusCode: 503 })];
    const attempt = async () => {
      for (const failure of failures.splice(0)) throw failure;
    };
    await retry(attempt, { ...limits, events: new Events(undefined), path: '/', clock, closing: new Closing() });
  });

  it('never sends a token after it expired or after its refusal, nor two token requests at a time, nor lets a call hang', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (told) => {
        const { service, endings } = await tell(told);
        assert.deepEqual(service.missed, []);
        assert.ok(!endings.includes(undefined), 'every call has ended');
      }),
      { numRuns: 400 },
    );
  });

  it('gives every caller a value, with one token request per expired token, if the service works', async () => {
    const well = fc.record({
      events: fc.array(
        fc.oneof(
          fc.record({ kind: fc.constant('time passes' as const), ms: fc.nat(4000) }),
          fc.constant({ kind: 'read' as const }),
        ),
        { maxLength: 60 },
      ),
      lives: fc.constantFrom(60, 300, 21600).map((life) => [life]),
      allowV1: fc.boolean(),
      maxAttempts: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(well, async (told) => {
        const prompt = told.events.flatMap((each) => [
          each,
          { kind: 'reply' as const, which: 0, outcome: 'answer' as const, saysMs: 0 },
          { kind: 'reply' as const, which: 0, outcome: 'answer' as const, saysMs: 0 },
        ]);
        const { service, endings, readings } = await tell({ ...told, events: prompt });
        assert.deepEqual(service.missed, []);
        assert.deepEqual([...new Set(endings)], readings > 0 ? ['value'] : []);
        const puts = service.sent.filter(({ method }) => method === 'PUT').length;
        assert.equal(service.sent.length - puts, readings, 'each read is one request');
        const lifeMs = (told.lives[0] ?? 1) * 1000;
        // A token is renewed when a fifth of its life is left, or two minutes.
        const shortest = lifeMs - Math.min(lifeMs / 5, 120_000) - 2000;
        assert.ok(puts <= (readings > 0 ? 1 : 0) + service.time / shortest, `${puts} token requests`);
      }),
      { numRuns: 150 },
    );
  });
});
