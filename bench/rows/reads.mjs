import assert from 'node:assert/strict';
import { amount, atMost, helper, interleaved, line, milliseconds, startServer } from '../measure.mjs';

// How well the code of a process is compiled is partly luck, so each way has several that take turns.
const processes = amount(2);
// The engine goes on compiling for about 4,500 requests. AWS's client makes two for each read.
const readsBefore = amount(6000);
const rounds = amount(30);
const readsPerRound = amount(100);

const ways = {
  http: 'bare node:http GET without an agent, the fastest there is',
  agent: 'the same with an agent',
  got: 'got.stream with the options imds gives it',
  'got-retry': 'the same within p-retry',
  imds: 'imds.instanceId()',
  aws: 'MetadataService.request',
};

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'reads',
  what: `one value, cache off, one read after the other; medians of ${rounds} rounds of ${readsPerRound}`,
  limit: {
    'time of a read against a bare node:http GET': atMost(1.9),
  },

  async run() {
    const server = await startServer();
    const readers = [];
    const subjects = {};
    for (const way of Object.keys(ways)) {
      const alike = [];
      for (let number = 0; number < processes; number += 1) {
        const reader = await helper('reader.mjs', way, server.endpoint);
        await reader.ask(readsBefore);
        alike.push(reader);
      }
      readers.push(...alike);
      let turn = 0;
      subjects[way] = () => alike[turn++ % processes].ask(readsPerRound);
    }
    const ms = await interleaved(rounds, subjects);
    const each = processes * (1 + readsBefore) + rounds * readsPerRound;
    assert.match(await server.requests(), new RegExp(` ${(each * readers.length) / processes} GET$`));
    for (const reader of readers) reader.end();
    server.end();

    return {
      lines: Object.entries(ways).map(([way, what]) => {
        const perSecond = `${(1000 / ms[way]).toFixed(0).padStart(6)} /s`;
        const times = `${(ms[way] / ms.http).toFixed(2)} times node:http`;
        return line(what, `${milliseconds(ms[way], 3)}  ${perSecond}  ${times}`);
      }),
      figures: {
        'time of a read against a bare node:http GET': ms.imds / ms.http,
      },
    };
  },
};
