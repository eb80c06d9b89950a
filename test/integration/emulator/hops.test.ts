import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, it } from 'mocha';
import type { Emulator } from '../../../src/emulator/index.js';
import { createEmulator, describeBothWays } from './both-ways.js';
import { change, controlled } from './controlling.js';

/** The status of a read without a token. */
async function readFrom(localAddress: string, { url }: Emulator): Promise<number> {
  const [response] = await once(http.get(`${url}/latest/meta-data/hostname`, { localAddress }), 'response');
  response.resume();
  return response.statusCode;
}

describeBothWays('hops by the address of the caller', () => {
  /** What a token request from an address gets within a second. */
  async function tokenFrom(localAddress: string, { url }: Emulator): Promise<number | 'nothing'> {
    const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
    const request = http.request(`${url}/latest/api/token`, { method: 'PUT', headers, localAddress }).end();
    request.setTimeout(1000, () => request.destroy(new Error('nothing')));
    try {
      const [response] = await once(request, 'response');
      response.resume();
      return response.statusCode;
    } catch (error) {
      if (error instanceof Error && error.message === 'nothing') return 'nothing';
      throw error;
    }
  }
  const tokens = async (emulator: Emulator) => [
    await tokenFrom('127.0.0.1', emulator),
    await tokenFrom('127.0.0.2', emulator),
    await tokenFrom('127.0.0.3', emulator),
  ];

  it('show the instance working and a container failing', async () => {
    await using emulator = await createEmulator({ hops: { '127.0.0.2': 1, '127.0.0.3': 2, '*': 0 } });
    assert.deepEqual(await tokens(emulator), [200, 'nothing', 'nothing']);
    const needed = emulator.requests.map(({ hopLimit }) => hopLimit?.needed);
    assert.deepEqual(needed, [1, 2, 3]);
    emulator.configure({ httpPutResponseHopLimit: 2 });
    assert.deepEqual(await tokens(emulator), [200, 200, 'nothing']);
    emulator.configure({ hops: { '127.0.0.1': 2 } });
    assert.deepEqual(await tokens(emulator), ['nothing', 200, 200]);
    emulator.configure({ hops: { '*': 2, '127.0.0.3': 1 } });
    assert.deepEqual(await tokens(emulator), ['nothing', 'nothing', 200]);
  });

  describe('as a function', () => {
    const far = (caller: string): number => (caller === '127.0.0.2' ? 1 : 0);

    it('give a token to the instance and none to a container', async () => {
      await using emulator = await createEmulator({ hops: far });
      assert.deepEqual(await tokens(emulator), [200, 'nothing', 200]);
      assert.deepEqual(
        emulator.requests.map(({ caller, hopLimit, reason }) => [caller, hopLimit?.needed, reason]),
        [
          ['127.0.0.1', 1, undefined],
          ['127.0.0.2', 2, 'hop limit'],
          ['127.0.0.3', 1, undefined],
        ],
      );
      emulator.configure({ httpPutResponseHopLimit: 2 });
      assert.equal(await tokenFrom('127.0.0.2', emulator), 200);
    });

    it('show what they gave as a table, at once and without a token request', async () => {
      const seen: unknown[] = [];
      await using emulator = await createEmulator({ hops: far, onOptions: ({ hops }) => void seen.push(hops) });
      assert.deepEqual(emulator.options.hops, {});
      await readFrom('127.0.0.2', emulator);
      await readFrom('127.0.0.1', emulator);
      await readFrom('127.0.0.2', emulator);
      assert.deepEqual(seen, [{ '127.0.0.2': 1 }, { '127.0.0.2': 1, '127.0.0.1': 0 }]);
      assert.deepEqual(emulator.options.hops, { '127.0.0.2': 1, '127.0.0.1': 0 });
    });

    it('are called at each request, until replaced', async () => {
      let distance = 0;
      await using emulator = await createEmulator();
      emulator.configure({ hops: () => distance });
      assert.equal(await tokenFrom('127.0.0.2', emulator), 200);
      distance = 1;
      assert.equal(await tokenFrom('127.0.0.2', emulator), 'nothing');
      assert.deepEqual(emulator.options.hops, { '127.0.0.2': 1 });
      emulator.configure({ httpTokens: 'required' });
      assert.equal(await tokenFrom('127.0.0.2', emulator), 'nothing');
      emulator.configure({ hops: { '127.0.0.1': 1 } });
      assert.deepEqual(await tokens(emulator), ['nothing', 200, 200]);
      emulator.configure({ hops: far });
      assert.deepEqual(await tokens(emulator), [200, 'nothing', 200]);
      emulator.configure({ hops: 0 });
      assert.deepEqual(await tokens(emulator), [200, 200, 200]);
    });

    it('show the latest 100 callers', async () => {
      await using emulator = await createEmulator({ hops: () => 3 });
      for (let last = 1; last <= 105; last += 1) await readFrom(`127.0.1.${last}`, emulator);
      const { hops } = emulator.options;
      assert.equal(Object.keys(hops).length, 100);
      assert.deepEqual([Object.keys(hops).at(0), Object.keys(hops).at(-1)], ['127.0.1.6', '127.0.1.105']);
    });

    const failing: readonly [what: string, hops: () => unknown, message: string][] = [
      ['1.5', () => 1.5, 'must be a whole number from 0 to 64, not 1.5'],
      ['65', () => 65, 'must be a whole number from 0 to 64, not 65'],
      ['-1', () => -1, 'must be a whole number from 0 to 64, not -1'],
      ['NaN', () => Number.NaN, 'must be a whole number from 0 to 64, not NaN'],
      ['text', () => '1', "must be a whole number from 0 to 64, not '1'"],
      ['nothing', () => {}, 'must be a whole number from 0 to 64, not undefined'],
      [
        'a promise that is rejected',
        async () => Promise.reject(new Error('late')),
        'must be a whole number from 0 to 64, not a promise',
      ],
      ['a table', () => ({ '*': 1 }), 'must be a whole number from 0 to 64, not {"*":1}'],
      [
        'an error',
        () => {
          throw new Error('boom');
        },
        'failed: boom',
      ],
      [
        'an error that is no error',
        () => {
          throw Object.create(null);
        },
        'failed: [Object: null prototype] {}',
      ],
    ];
    for (const [what, hops, message] of failing) {
      it(`that give ${what} have their caller answered 500, and the others as ever`, async () => {
        const mixed = (caller: string) => (caller === '127.0.0.2' ? hops() : 0) as number;
        await using emulator = await createEmulator({ hops: mixed });
        assert.deepEqual(await tokens(emulator), [200, 500, 200]);
        assert.equal(await readFrom('127.0.0.2', emulator), 500);
        for (const { caller, error } of emulator.requests) {
          if (caller !== '127.0.0.2') assert.equal(error, undefined);
          else assert.equal(String(error), `EmulatorOptionError: hops('127.0.0.2') ${message}`);
        }
        assert.deepEqual(emulator.options.hops, { '127.0.0.1': 0, '127.0.0.3': 0 });
      });
    }

    it('have no place in a scenario', async () => {
      const scenario = { options: { hops: far } };
      // @ts-expect-error: scenarios are data
      await assert.rejects(createEmulator({ scenario }), {
        name: 'EmulatorOptionError',
        message: /^options\.hops must be a whole number from 0 to 64, not /,
      });
    });
  });
});

describe('hops as a function, beside the control service', () => {
  it('are a table in state and scenario, go by a change of options, and are back at a reset', async () => {
    await using emulator = await controlled({ hops: (caller) => (caller === '127.0.0.2' ? 1 : 0) });
    const table = { '127.0.0.1': 0, '127.0.0.2': 1 };
    for (const caller of Object.keys(table)) await readFrom(caller, emulator);
    assert.deepEqual((await change(emulator, 'GET', '/v1/state')).options.hops, table);
    assert.deepEqual((await change(emulator, 'GET', '/v1/scenario')).options.hops, table);
    assert.equal((await change(emulator, 'PATCH', '/v1/options', { hops: 2 })).hops, 2);
    await readFrom('127.0.0.2', emulator);
    assert.equal((await change(emulator, 'GET', '/v1/state')).options.hops, 2);
    assert.deepEqual((await change(emulator, 'POST', '/v1/reset')).options.hops, {});
    await readFrom('127.0.0.2', emulator);
    assert.deepEqual((await change(emulator, 'GET', '/v1/state')).options.hops, { '127.0.0.2': 1 });
  });
});
