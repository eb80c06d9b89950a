import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { it } from 'mocha';
import type { Emulator } from '../../../src/emulator/index.js';
import { createEmulator, describeBothWays } from './both-ways.js';

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
});
