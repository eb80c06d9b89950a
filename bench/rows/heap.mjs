import assert from 'node:assert/strict';
import { Imds } from 'imds';
import { amount, inUse, line, moreByAtMost, startServer } from '../measure.mjs';

const cachedReads = amount(1_000_000, 10);
const uncachedReads = amount(50_000, 40);
const steps = 5;
// As many readers as keep client and server busy.
const readers = 4;

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'heap',
  what: `memory in use after collection, while ${cachedReads} cached and ${uncachedReads} uncached reads are made`,
  // 1 MiB is 20 bytes for each uncached read, 1 for each cached: the smallest object left behind would show.
  limit: { 'growth in MiB': moreByAtMost(1) },

  async run() {
    const server = await startServer();
    const imds = new Imds({ endpoint: server.endpoint });
    const read = async (cached, uncached) => {
      for (let done = 0; done < cached; done += 1) await imds.instanceId();
      // Of different values, since concurrent reads of one are a single request.
      const fresh = [imds.hostname, imds.localHostname, imds.reservationId, imds.placement.region];
      const reading = async (value) => {
        for (let done = 0; done < uncached; done += readers) await value({ fresh: true });
      };
      await Promise.all(fresh.slice(0, readers).map(reading));
    };

    await read(cachedReads / 10, uncachedReads / 10);
    const used = [await inUse()];
    for (let step = 0; step < steps; step += 1) {
      await read(cachedReads / steps, uncachedReads / steps);
      used.push(await inUse());
    }
    // The value that is kept, all others, and a tenth more for warming up.
    assert.equal(await server.requests(), `1 PUT + ${1 + uncachedReads + uncachedReads / 10} GET`);
    server.end();

    return {
      lines: [line('after warming up, then after each fifth, in MiB', used.map((mib) => mib.toFixed(2)).join('  '))],
      figures: { 'growth in MiB': used.at(-1) - used[0] },
    };
  },
};
