import assert from 'node:assert/strict';
import { Imds } from 'imds';
import { amount, atMost, helper, interleaved, line, milliseconds } from '../measure.mjs';

const interfaces = amount(15, 2);
const rounds = amount(9);

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'network',
  what: `all of ${interfaces} network interfaces, nothing cached; medians of ${rounds} rounds`,
  limit: {
    'requests against reading every leaf': atMost(1),
    'time against reading the leaves one by one': atMost(1),
  },

  async run() {
    // The emulator's own instance has one.
    const service = await helper('emulator.mjs', String(interfaces - 1));
    const counted = async () => {
      const { PUT, GET } = await service.ask('requests');
      return PUT + GET;
    };
    const once = async (read) => {
      const imds = new Imds({ endpoint: service.first });
      const start = performance.now();
      await read(imds);
      const ms = performance.now() - start;
      imds.close();
      return ms;
    };
    const whole = () => once(async (imds) => assert.equal((await imds.networkInterfaces()).length, interfaces));
    const leafByLeaf = () => once(readLeaves);

    await whole();
    const ours = await counted();
    await leafByLeaf();
    const theirs = await counted();
    const ms = await interleaved(rounds, { whole, leafByLeaf });
    service.end();

    return {
      lines: [
        line('imds.networkInterfaces()', `${milliseconds(ms.whole)}  ${ours} requests`),
        line('every leaf, one after the other', `${milliseconds(ms.leafByLeaf)}  ${theirs} requests`),
      ],
      figures: {
        'requests against reading every leaf': ours / theirs,
        'time against reading the leaves one by one': ms.whole / ms.leafByLeaf,
      },
    };
  },
};

/** As a program does that knows the table, but not what the service lists. */
async function readLeaves(imds) {
  for (const name of await imds.network.interfaces.macs()) {
    const nic = imds.network.interfaces.macs.mac(name);
    for (const leaf of Object.values(nic))
      if (typeof leaf === 'function' && 'category' in leaf && !('example' in leaf)) await leaf();
    for (const address of (await nic.ipv4Associations()) ?? []) await nic.ipv4Associations.publicIp(address);
  }
}
