import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { createEmulator } from 'imds/emulator';
import {
  amount,
  atLeast,
  atMost,
  helper,
  interleaved,
  inUse,
  line,
  median,
  milliseconds,
  moreByAtMost,
  path,
  runProcess,
  startServer,
} from '../measure.mjs';

const requests = amount(2000);
const processes = amount(9);
const startsEach = amount(10, 2);
const tokens = amount(10_000);
// As many connections at once as keep both sides busy.
const parallel = 8;

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'emulator',
  what: `the emulator: ${requests} reads beside a bare node:http server, its start, ${tokens} live session tokens`,
  limit: {
    'requests a second, times those of the bare server': atLeast(0.6),
    'first createEmulator() of a process in ms': atMost(20),
    'memory in MiB while the tokens live': moreByAtMost(4),
  },

  async run() {
    const times = await timeReads();
    const { first, usual } = await timeStarts();
    const mib = await weighTokens();
    const perSecond = (ms) => `${Math.round((requests / ms) * 1000)} requests/s`.padStart(19);
    return {
      lines: [
        line('bare node:http server', perSecond(times.bare)),
        line('emulator', perSecond(times.emulator)),
        line('first createEmulator() of a process', milliseconds(first)),
        line('later ones', milliseconds(usual)),
      ],
      figures: {
        'requests a second, times those of the bare server': times.bare / times.emulator,
        'first createEmulator() of a process in ms': first,
        'memory in MiB while the tokens live': mib,
      },
    };
  },
};

async function timeReads() {
  const server = await startServer();
  const emulator = await helper('emulator.mjs');
  const reading = (endpoint) => async () => {
    const start = performance.now();
    await inParallel(requests, () => ask(endpoint, `GET ${path}`));
    return performance.now() - start;
  };
  const subjects = { bare: reading(server.endpoint), emulator: reading(emulator.first) };
  // Before they are compared, both are warm.
  await interleaved(2, subjects);
  const times = await interleaved(9, subjects);
  server.end();
  emulator.end();
  return times;
}

/** The first start of a process, which it waits for, in several processes; and later ones. */
async function timeStarts() {
  const code = `
    import { createEmulator } from 'imds/emulator';
    const times = [];
    for (let count = 0; count < ${startsEach}; count += 1) {
      const start = performance.now();
      const emulator = await createEmulator();
      times.push(performance.now() - start);
      await emulator.close();
    }
    console.log(JSON.stringify(times));
  `;
  const all = [];
  for (let count = 0; count < processes; count += 1) {
    const { printed } = await runProcess(['--input-type=module', '--eval', code]);
    all.push(JSON.parse(printed));
  }
  return { first: median(all.map(([first]) => first)), usual: median(all.flatMap(([, ...later]) => later)) };
}

/** MiB that an emulator in this process keeps after it issued tokens, all of which it still accepts. */
async function weighTokens() {
  const emulator = await createEmulator();
  const before = await inUse();
  const put = 'PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600';
  await inParallel(tokens, () => ask(emulator.url, put));
  const mib = (await inUse()) - before;
  await emulator.close();
  return mib;
}

async function inParallel(count, work) {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

/** One request on a bare socket: what takes time is the server, not a client. */
async function ask(endpoint, request) {
  const { hostname, port, host } = new URL(endpoint);
  const socket = connect(Number(port), hostname);
  const start = request.includes('HTTP/1.1') ? request : `${request} HTTP/1.1`;
  socket.write(`${start}\r\nHost: ${host}\r\n\r\n`);
  assert.match(await text(socket), /^HTTP\/1\.1 200 /);
}
