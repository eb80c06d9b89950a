import { fileURLToPath } from 'node:url';
import { atMost, interleaved, line, milliseconds, startServer, timeProcess } from '../measure.mjs';

const rounds = 25;
const file = (path) => fileURLToPath(new URL(path, import.meta.url));

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'command',
  what: `one value from a process of its own, from start to end; medians of ${rounds}`,
  limit: {
    'imds get instance-id against node -e 0': atMost(2.2),
    "imds get instance-id against a script with AWS's client": atMost(1.2),
  },

  async run() {
    const server = await startServer();
    const { endpoint } = server;
    const id = 'i-0123456789abcdef0';
    const ms = await interleaved(rounds, {
      node: () => timeProcess(['-e', '0'], ''),
      http: () => timeProcess([file('../get-with-http.mjs'), endpoint], id),
      imds: () => timeProcess([file('../../dist/cli/imds.cjs'), 'get', 'instance-id', '--endpoint', endpoint], id),
      aws: () => timeProcess([file('../get-with-aws.mjs'), endpoint], id),
    });
    server.end();

    const what = {
      node: 'node -e 0',
      http: 'token and value with node:http alone',
      imds: 'imds get instance-id',
      aws: 'MetadataService.request',
    };
    const lines = Object.entries(what).map(([name, text]) =>
      line(text, `${milliseconds(ms[name])}  ${(ms[name] / ms.node).toFixed(2)} times node -e 0`),
    );
    if (process.env['NODE_EXTRA_CA_CERTS'])
      lines.push(
        'NODE_EXTRA_CA_CERTS is set: every process starts later by the same time, and the ratios are smaller.',
      );
    return {
      lines,
      figures: {
        'imds get instance-id against node -e 0': ms.imds / ms.node,
        "imds get instance-id against a script with AWS's client": ms.imds / ms.aws,
      },
    };
  },
};
