import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { amount, helper, line, moreByAtMost, path, startServer } from '../measure.mjs';

const rounds = amount(15);
const requests = amount(8000, 8);
const many = amount(1_000_000, 50);
const ofImds = amount(50_000, 50);
const steps = 5;

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const preload = ['--require', file('../../dist/audit/index.cjs')];
const program = file('../programs/asks.cjs');

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'audit',
  what: `what imds/audit costs a program that makes requests by node:http and fetch, in steady state; processor: the median of ${rounds} differences between neighbouring runs`,
  limit: {
    'percent of a processor at 1,000 unrelated requests a second': moreByAtMost(2),
    [`growth in MiB over ${many} unrelated requests`]: moreByAtMost(1),
    [`growth in MiB over ${ofImds} requests for IMDS`]: moreByAtMost(1),
  },

  async run() {
    const peer = await helper('peer.mjs');
    const server = await startServer();
    const run = async (options, ...args) => {
      const env = { ...process.env, AWS_EC2_METADATA_SERVICE_ENDPOINT: server.endpoint };
      const all = [...options, program, ...args.map(String)];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, all, { env });
      // Without a report, nothing was audited.
      assert.equal(stderr.includes('imds audit'), options.includes('--require'), stderr);
      return stdout.split(' ').map(Number);
    };
    const cost = async (options) => (await run(options, requests, peer.first))[0];
    const pairs = [];
    // Neighbours, in turns first: what else the machine does falls on both, and the median leaves out where it did not.
    for (let round = 0; round < rounds; round += 1) {
      const first = await cost(round % 2 ? preload : []);
      const second = await cost(round % 2 ? [] : preload);
      pairs.push(round % 2 ? { alone: second, audited: first } : { alone: first, audited: second });
    }
    const sorted = (values) => values.toSorted((one, other) => one - other);
    const alone = sorted(pairs.map((pair) => pair.alone));
    const more = sorted(pairs.map((pair) => pair.audited - pair.alone));
    const [low, middle, high] = [0.25, 0.5, 0.75].map((part) => Math.floor(part * rounds));
    const growing = [...preload, '--expose-gc'];
    const other = await run(growing, many, peer.first, steps);
    const own = await run(growing, ofImds, server.endpoint + path, steps);
    // A fifth more for warming up.
    assert.equal(await server.requests(), `0 PUT + ${ofImds + ofImds / 5} GET`);
    peer.end();
    server.end();

    const shown = (used) => used.map((mib) => mib.toFixed(2)).join('  ');
    return {
      lines: [
        line('an unrelated request, alone', `${alone[middle].toFixed(1)} µs of processor`),
        line(
          'more, audited',
          `${more[middle].toFixed(1)} µs (half of all: ${more[low].toFixed(1)} to ${more[high].toFixed(1)})`,
        ),
        line(`${many} unrelated requests, in MiB`, shown(other)),
        line(`${ofImds} requests for IMDS, in MiB`, shown(own)),
      ],
      figures: {
        // Microseconds for each of a thousand requests, of a second.
        'percent of a processor at 1,000 unrelated requests a second': (more[middle] * 1000) / 10_000,
        [`growth in MiB over ${many} unrelated requests`]: other.at(-1) - other[0],
        [`growth in MiB over ${ofImds} requests for IMDS`]: own.at(-1) - own[0],
      },
    };
  },
};
