import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import * as imds from '../../../src/index.js';

const textless = {
  toString(): never {
    throw new Error('no text');
  },
};
/** What JavaScript callers pass where something else is expected. */
const oddities: readonly unknown[] = [
  ...[
    null,
    undefined,
    true,
    0,
    Number.NaN,
    7n,
    '',
    'x',
    '/x y',
    Symbol('x'),
    [],
    ['x'],
    () => {},
    new Date(),
    new Map(),
  ],
  ...[Object.create(null), textless, { unknown: 1 }, { signal: null }, { signal: textless }, { fresh: 'yes' }],
  ...[
    { deadlineMs: null },
    { deadlineMs: textless },
    { accountId: 1 },
    { kinds: null },
    { kinds: [textless] },
    { keys: 1 },
  ],
];

type Call = (value: unknown) => unknown;

/** Every accessor below an object of the client: called with a value, and with one behind its parameter. */
function accessors(found: unknown, name: string): [name: string, call: Call][] {
  if ((typeof found !== 'object' && typeof found !== 'function') || found === null) return [];
  const below = Object.entries(found)
    .filter(([key]) => key !== 'category')
    .flatMap(([key, value]) => accessors(value, `${name}.${key}`));
  if (typeof found !== 'function') return below;
  const call = found as (...given: unknown[]) => unknown;
  const isOpen = !('category' in found) || typeof found.category === 'function';
  if (!isOpen) return [[name, (value) => call(value)], ...below];
  const parameter = /\.(ebs|ephemeral|n)$/.test(name) ? 1 : 'x';
  const group = 'category' in found ? undefined : call(parameter);
  return [
    [`${name}(…)`, (value) => call(value)],
    ...(group
      ? accessors(group, `${name}()`)
      : [[`${name}(x, …)`, (value: unknown) => call(parameter, value)] as [string, Call]]),
    ...below,
  ];
}

describe('given odd values', () => {
  let emulator: Emulator;
  let client: imds.Imds;
  let methods: Readonly<Record<string, (...given: unknown[]) => unknown>>;
  before(async () => {
    emulator = await createEmulator();
    client = new imds.Imds({ endpoint: emulator.url });
    // As JavaScript sees it.
    methods = client as unknown as typeof methods;
  });
  after(async () => {
    client.close();
    await emulator.close();
  });

  async function check(name: string, call: Call): Promise<void> {
    for (const value of oddities)
      try {
        await call(value);
      } catch (error) {
        assert.ok(
          imds.isImdsError(error),
          `${name} of ${typeof value}: ${error instanceof Error ? error.stack : error}`,
        );
      }
  }

  const names = [
    'region',
    'accountId',
    'credentials',
    'networkInterfaces',
    'identityDocument',
    'diagnose',
    'token',
  ] as const;
  for (const name of names)
    it(`${name}() throws no foreign error`, () => check(name, (value) => client[name](value as never)));

  for (const name of ['get', 'getBuffer', 'list'] as const)
    it(`${name}() throws no foreign error`, async () => {
      await check(name, (value) => methods[name]?.call(client, value));
      await check(name, (value) => methods[name]?.call(client, 'instance-id', value));
    });

  it('watch() throws no foreign error', () =>
    check('watch', async (value) => {
      const notices = client.watch(value as never);
      await Promise.all([notices.next(), notices.return?.()]);
    }));

  it('onInterruption() throws no foreign error', async () => {
    await check('onInterruption', (value) => client.onInterruption(value as never)());
    await check('onInterruption', (value) => client.onInterruption(() => {}, value as never)());
  });

  it('credentialProvider() throws no foreign error', async () => {
    await check('credentialProvider', (value) => client.credentialProvider(value as never));
    await check('credentialProvider()', (value) => client.credentialProvider()(value as never));
  });

  it('no accessor throws a foreign error', async () => {
    const all = Object.entries(client).flatMap(([key, value]) => accessors(value, key));
    assert.ok(all.length > 117, `${all.length}`);
    for (const [name, call] of all) await check(name, call);
  });

  it('the constructor throws no foreign error, and no call of a client that it made does', async () => {
    await check('new Imds', (options) => new imds.Imds(options as never).close());
    const options = [
      'tokenTtlSeconds',
      'allowV1',
      'connectTimeoutMs',
      'requestTimeoutMs',
      'maxAttempts',
      'retryDelayMs',
      'deadlineMs',
    ].concat([
      'waitMs',
      'roleName',
      'staticStability',
      'cache',
      'profile',
      'logger',
      'now',
      'endpoint',
      'endpointMode',
    ]);
    for (const option of options)
      await check(option, async (value) => {
        const made = new imds.Imds({ endpoint: option === 'endpointMode' ? undefined : emulator.url, [option]: value });
        try {
          if (!option.startsWith('endpoint')) await made.instanceId();
        } finally {
          made.close();
        }
      });
  });

  it('decodeUserData(), verifyIdentityDocument() and isImdsError() throw no foreign error', async () => {
    await check('decodeUserData', (value) => imds.decodeUserData(value as never));
    await check('verifyIdentityDocument', (value) => imds.verifyIdentityDocument(value as never));
    await check('isImdsError', (value) => assert.equal(imds.isImdsError(value), false));
  });

  it('decodeUserData() does not repeat a text that it was given', async () => {
    await assert.rejects(
      imds.decodeUserData('#!/bin/sh SECRET' as never),
      (error) => imds.isImdsError(error) && error.code === 'ERR_IMDS_SETTINGS' && !error.message.includes('SECRET'),
    );
  });
});
