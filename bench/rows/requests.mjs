import { Imds } from 'imds';
import { amount, exactly, startServer } from '../measure.mjs';

const callers = amount(10_000, 10);

const ofInterface = ['interface-id', 'local-hostname', 'mac', 'owner-id', 'subnet-id', 'subnet-ipv4-cidr-block'].concat(
  ['vpc-id', 'vpc-ipv4-cidr-block'],
);
const ofInstance = ['ami-manifest-path', 'hostname', 'instance-id', 'instance-type', 'kernel-id'].concat([
  'local-hostname',
  'mac',
  'placement/availability-zone',
  'placement/region',
  'reservation-id',
]);
const interfaces = Array.from({ length: 5 }, (_, index) => `0e:49:61:0f:c3:1${index}`);
// Fifty values that cannot change while the instance runs.
const paths = [
  ...ofInstance,
  ...interfaces.flatMap((mac) => ofInterface.map((name) => `network/interfaces/macs/${mac}/${name}`)),
];

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'requests',
  what: 'requests that the server counted',
  limit: {
    [`${callers} concurrent first reads of one value`]: exactly('1 PUT + 1 GET'),
    [`${paths.length} values that cannot change, read once`]: exactly('1 PUT + 50 GET'),
    'the same values read again': exactly('0 PUT + 0 GET'),
  },

  async run() {
    const server = await startServer();
    const { endpoint } = server;

    const crowded = new Imds({ endpoint });
    await Promise.all(Array.from({ length: callers }, () => crowded.instanceId()));
    const together = await server.requests();

    // With 0, what may change is never kept: what the second round saves is kept for good.
    const imds = new Imds({ endpoint, cache: { liveMaxAgeMs: 0 } });
    for (const path of paths) await imds.get(path);
    const first = await server.requests();
    for (const path of paths) await imds.get(path);
    const again = await server.requests();
    server.end();

    return {
      lines: [],
      figures: {
        [`${callers} concurrent first reads of one value`]: together,
        [`${paths.length} values that cannot change, read once`]: first,
        'the same values read again': again,
      },
    };
  },
};
