import { fileURLToPath } from 'node:url';
import { amount, atMost, exactly, id, interleaved, line, milliseconds, runProcess, startServer } from '../measure.mjs';

const rounds = amount(5);
const crowds = amount([25, 50], [2]);
const program = (way) => fileURLToPath(new URL(`../programs/${way}.cjs`, import.meta.url));

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'crowd',
  what: `processes that start at once, each for one value; medians of ${rounds}, to the end of the last`,
  limit: Object.fromEntries(
    crowds.flatMap((count) => [
      [`values that ${count} processes got`, exactly(String(count))],
      [`time of ${count} processes against AWS`, atMost(1)],
    ]),
  ),

  async run() {
    const server = await startServer();
    const lines = [];
    const figures = {};
    for (const count of crowds) {
      let fewest = count;
      const together = (way) => async () => {
        const start = performance.now();
        const args = [program(way), server.endpoint, '1'];
        const all = await Promise.all(Array.from({ length: count }, () => runProcess(args).catch(() => ({}))));
        const got = all.filter(({ printed }) => printed === id).length;
        if (way === 'imds') fewest = Math.min(fewest, got);
        return performance.now() - start;
      };
      const ms = await interleaved(rounds, { imds: together('imds'), aws: together('aws') });
      lines.push(
        line(`${count} processes: imds, AWS's client`, `${milliseconds(ms.imds, 0)}  ${milliseconds(ms.aws, 0)}`),
      );
      figures[`values that ${count} processes got`] = String(fewest);
      figures[`time of ${count} processes against AWS`] = ms.imds / ms.aws;
    }
    server.end();
    return { lines, figures };
  },
};
