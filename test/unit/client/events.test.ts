import assert from 'node:assert/strict';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Events, type ImdsEvents, type Logger } from '../../../src/client/events.js';

const examples: { readonly [Kind in keyof ImdsEvents]: ImdsEvents[Kind] } = {
  request: { method: 'GET', path: '/latest/x', version: 2, durationMs: 1, statusCode: 200 },
  token: { action: 'obtained', ttlSeconds: 21600 },
  cache: { action: 'hit', path: '/latest/x' },
  fallback: { to: 1, reason: 'ERR_IMDS_HOP_LIMIT' },
  retry: { path: '/latest/x', attempt: 1, error: 'ERR_IMDS_TIMEOUT' },
  settings: { action: 'left-out', file: '/home/me/.aws/config', why: 'EACCES' },
  credentials: { action: 'kept', secondsLeft: 300, nextInSeconds: 60, error: 'ERR_IMDS_RESPONSE' },
  watch: { action: 'failed', kind: 'tags', failures: 1, nextInSeconds: 5, error: 'ERR_IMDS_TIMEOUT' },
};
const levels = {
  request: 'debug',
  token: 'debug',
  cache: 'debug',
  fallback: 'warn',
  retry: 'info',
  settings: 'warn',
  credentials: 'debug',
  watch: 'warn',
} as const;
const kinds = ['request', 'token', 'cache', 'fallback', 'retry', 'settings', 'credentials', 'watch'] as const;

/** Publishes an example on every channel. */
function publishAll(events: Events): void {
  events.publish('request', examples.request);
  events.publish('token', examples.token);
  events.publish('cache', examples.cache);
  events.publish('fallback', examples.fallback);
  events.publish('retry', examples.retry);
  events.publish('settings', examples.settings);
  events.publish('credentials', examples.credentials);
  events.publish('watch', examples.watch);
}

describe('events', () => {
  it('are not wanted at first', () => {
    const events = new Events(undefined);
    for (const kind of kinds) assert.equal(events.wanted(kind), false);
    publishAll(events);
  });

  for (const kind of kinds) {
    it(`of kind ${kind} go to imds:${kind} and to the logger as ${levels[kind]}, as the same object`, () => {
      const received: unknown[] = [];
      const logged: unknown[][] = [];
      const log =
        (level: string) =>
        (...line: unknown[]): void =>
          void logged.push([level, ...line]);
      const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
      const listener = (...message: unknown[]): void => void received.push(message);
      subscribe(`imds:${kind}`, listener);
      try {
        publishAll(new Events(logger));
      } finally {
        unsubscribe(`imds:${kind}`, listener);
      }
      assert.deepEqual(received, [[examples[kind], `imds:${kind}`]]);
      const mine = logged.filter(([, message]) => message === `imds ${kind}`);
      assert.deepEqual(mine, [[levels[kind], `imds ${kind}`, examples[kind]]]);
      assert.equal(logged.length, kinds.length);
    });

    it(`of kind ${kind} are wanted by a subscriber of that channel alone`, () => {
      const events = new Events(undefined);
      const listener = (): void => {};
      subscribe(`imds:${kind}`, listener);
      try {
        for (const other of kinds) assert.equal(events.wanted(other), other === kind);
      } finally {
        unsubscribe(`imds:${kind}`, listener);
      }
      assert.equal(events.wanted(kind), false);
    });
  }

  it('go to a logger that has only some of the functions, called as its methods', () => {
    const logger = {
      lines: [] as string[],
      warn(message: string): void {
        this.lines.push(message);
      },
    } satisfies Logger & { lines: string[] };
    const events = new Events(logger);
    assert.ok(events.wanted('cache'));
    publishAll(events);
    assert.deepEqual(logger.lines, ['imds fallback', 'imds settings', 'imds watch']);
  });

  it('take another level for a message that calls for it', () => {
    const warnings: unknown[] = [];
    const events = new Events({ warn: (...line) => void warnings.push(line) });
    events.publish('credentials', examples.credentials, 'warn');
    assert.deepEqual(warnings, [['imds credentials', examples.credentials]]);
  });

  it('are safe with a logger that throws, rejects, or has a failing getter', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const fail = (): never => {
      throw new Error('of the logger');
    };
    const loggers: readonly object[] = [
      { debug: fail, info: fail, warn: fail, error: fail },
      { debug: async () => fail(), info: async () => fail(), warn: async () => fail(), error: async () => fail() },
      {
        get debug() {
          return fail();
        },
        get info() {
          return fail();
        },
        get warn() {
          return fail();
        },
      },
      {
        warn: () => new Proxy({}, { get: fail }),
        debug: 'no function',
        info: null,
      },
      new Proxy({}, { get: fail }),
    ];
    try {
      for (const logger of loggers) publishAll(new Events(logger as Logger));
      await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      process.off('unhandledRejection', onRejection);
    }
    assert.deepEqual(rejections, []);
  });

  it('use the channels that the documentation names', () => {
    const used = kinds.filter((kind) => {
      let published = false;
      const listener = (): void => {
        published = true;
      };
      subscribe(`imds:${kind}`, listener);
      publishAll(new Events(undefined));
      unsubscribe(`imds:${kind}`, listener);
      return published && !channel(`imds:${kind}`).hasSubscribers;
    });
    assert.deepEqual(used, kinds);
  });
});
