import assert from 'node:assert/strict';
import { Imds } from 'imds';
import { amount, atMost, id, interleaved, line, startServer } from '../measure.mjs';

const rounds = amount(61);
const callsPerRound = amount(50_000);

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'cached',
  what: `a call whose value is kept; medians of ${rounds} rounds of ${callsPerRound}`,
  limit: { 'time of a cached call against await of a resolved promise': atMost(4) },

  async run() {
    const server = await startServer();
    const imds = new Imds({ endpoint: server.endpoint });
    const value = await imds.instanceId();
    assert.equal(value, id);
    const resolved = Promise.resolve(value);
    const ns = await interleaved(rounds, {
      async resolved() {
        const start = performance.now();
        for (let call = 0; call < callsPerRound; call += 1) await resolved;
        return ((performance.now() - start) * 1e6) / callsPerRound;
      },
      async cached() {
        const start = performance.now();
        for (let call = 0; call < callsPerRound; call += 1) await imds.instanceId();
        return ((performance.now() - start) * 1e6) / callsPerRound;
      },
    });
    assert.equal(await server.requests(), '1 PUT + 1 GET');
    server.end();

    return {
      lines: [
        line('await of a resolved promise', `${ns.resolved.toFixed(0).padStart(8)} ns`),
        line('await imds.instanceId()', `${ns.cached.toFixed(0).padStart(8)} ns`),
      ],
      figures: { 'time of a cached call against await of a resolved promise': ns.cached / ns.resolved },
    };
  },
};
