import { fileURLToPath } from 'node:url';
import { amount, atMost, id, interleaved, line, median, milliseconds, runProcess, startServer } from '../measure.mjs';

const rounds = amount(21);
const file = (path) => fileURLToPath(new URL(path, import.meta.url));

const ways = {
  http: 'node:http alone',
  imds: 'imds',
  aws: '@aws-sdk/ec2-metadata-service',
  command: 'imds get instance-id',
};

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'process',
  what: `values in a process of their own, from its start to its end; medians of ${rounds}`,
  limit: {
    'first value against AWS, processor': atMost(0.8),
    'first value against AWS, wall': atMost(0.8),
    'first value against bare requests, processor': atMost(1.4),
    'first value against bare requests, wall': atMost(1.4),
    'fifty values against AWS, processor': atMost(0.8),
    'fifty values against AWS, wall': atMost(0.8),
    'fifty values against bare requests, processor': atMost(1.5),
    'fifty values against bare requests, wall': atMost(1.5),
    'imds get instance-id against bare requests, processor': atMost(1.35),
    'imds get instance-id against bare requests, wall': atMost(1.35),
  },

  async run() {
    const server = await startServer();
    const { endpoint } = server;
    const reading = (way, count) => [file(`../programs/${way}.cjs`), endpoint, String(count)];
    const cli = [file('../../dist/cli/imds.cjs'), 'get', 'instance-id', '--endpoint', endpoint];
    const first = await measure(1, { ...timed(reading, 1), command: cli });
    const fifty = await measure(50, timed(reading, 50));
    server.end();

    const figures = {};
    for (const unit of ['processor', 'wall']) {
      figures[`first value against AWS, ${unit}`] = first[unit].imds / first[unit].aws;
      figures[`first value against bare requests, ${unit}`] = first[unit].imds / first[unit].http;
      figures[`fifty values against AWS, ${unit}`] = fifty[unit].imds / fifty[unit].aws;
      figures[`fifty values against bare requests, ${unit}`] = fifty[unit].imds / fifty[unit].http;
      figures[`imds get instance-id against bare requests, ${unit}`] = first[unit].command / first[unit].http;
    }
    const described = (title, { processor, wall }) =>
      Object.keys(wall).map((way) =>
        line(
          `${title}: ${ways[way]}`,
          `${milliseconds(processor[way])} of processor  ${milliseconds(wall[way])} in all`,
        ),
      );
    return {
      lines: [...described('first value', first), ...described('fifty values', fifty)],
      figures,
      chart: { 'One value, in a process of its own': first.wall, 'Fifty values': fifty.wall },
    };
  },
};

const timed = (reading, count) => Object.fromEntries(['http', 'imds', 'aws'].map((way) => [way, reading(way, count)]));

/** The medians of programs that print so many values, in milliseconds of processor and of wall. */
async function measure(count, programs) {
  const processor = {};
  const subjects = Object.entries(programs).map(([way, args]) => [
    way,
    async () => {
      const { ms, printed, cpuMs } = await runProcess(args);
      if (printed !== id.repeat(count)) throw new Error(`node ${args.join(' ')} printed ${JSON.stringify(printed)}`);
      processor[way] = [...(processor[way] ?? []), cpuMs];
      return ms;
    },
  ]);
  const wall = await interleaved(rounds, Object.fromEntries(subjects));
  return { wall, processor: Object.fromEntries(Object.entries(processor).map(([way, all]) => [way, median(all)])) };
}
