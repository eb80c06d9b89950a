import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { atMost, helper, interleaved, line, startServer } from '../measure.mjs';

const rounds = 15;
const requests = 5000;
const many = 1_000_000;
const ofImds = 50_000;
const steps = 5;

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const preload = ['--require', file('../../dist/audit/index.cjs')];
const program = file('../programs/asks.cjs');

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'audit',
  what: `what imds/audit costs a program that makes requests by node:http and fetch; processor: the least of ${rounds}`,
  limit: {
    'percent of a processor at 1,000 unrelated requests a second': atMost(2),
    [`growth in MiB over ${many} unrelated requests`]: atMost(1),
    [`growth in MiB over ${ofImds} requests for IMDS`]: atMost(1),
  },

  async run() {
    const peer = await helper('peer.mjs');
    const server = await startServer();
    const run = async (options, ...args) => {
      const env = { ...process.env, IMDS_AUDIT_JSON: '/dev/null', AWS_EC2_METADATA_SERVICE_ENDPOINT: server.endpoint };
      const { stdout } = await promisify(execFile)(process.execPath, [...options, program, ...args.map(String)], {
        env,
      });
      return stdout.split(' ').map(Number);
    };
    const times = { alone: [], audited: [] };
    const timed = (name, options) => async () => {
      const [microseconds] = await run(options, requests, peer.first);
      times[name].push(microseconds);
      return microseconds;
    };
    await interleaved(rounds, { alone: timed('alone', []), audited: timed('audited', preload) });
    // What else the machine does adds more than the audit, and only ever adds.
    const [alone, audited] = [Math.min(...times.alone), Math.min(...times.audited)];
    const growing = [...preload, '--expose-gc'];
    const other = await run(growing, many, peer.first, steps);
    const own = await run(growing, ofImds, `${server.endpoint}/latest/meta-data/instance-id`, steps);
    peer.end();
    server.end();

    const shown = (used) => used.map((mib) => mib.toFixed(2)).join('  ');
    return {
      lines: [
        line('an unrelated request, alone', `${alone.toFixed(1)} µs of processor`),
        line('the same, audited', `${audited.toFixed(1)} µs of processor`),
        line(`${many} unrelated requests, in MiB`, shown(other)),
        line(`${ofImds} requests for IMDS, in MiB`, shown(own)),
      ],
      figures: {
        // Microseconds for each of a thousand requests, of a second.
        'percent of a processor at 1,000 unrelated requests a second': ((audited - alone) * 1000) / 10_000,
        [`growth in MiB over ${many} unrelated requests`]: other.at(-1) - other[0],
        [`growth in MiB over ${ofImds} requests for IMDS`]: own.at(-1) - own[0],
      },
    };
  },
};
