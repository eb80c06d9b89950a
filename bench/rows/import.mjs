import { fileURLToPath } from 'node:url';
import { amount, atMost, interleaved, line, milliseconds, runProcess } from '../measure.mjs';

const rounds = amount(25);
const importer = fileURLToPath(new URL('../importer.mjs', import.meta.url));

const packages = ['imds', '@aws-sdk/ec2-metadata-service', '@smithy/credential-provider-imds'];

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'import',
  what: `import in a fresh process, as the process itself measures it; medians of ${rounds}`,
  limit: { 'time of import against @aws-sdk/ec2-metadata-service': atMost(0.3) },

  async run() {
    const importing = (name) => async () => Number((await runProcess([importer, name])).printed);
    const ms = await interleaved(rounds, Object.fromEntries(packages.map((name) => [name, importing(name)])));
    return {
      lines: packages.map((name) => line(`import '${name}'`, milliseconds(ms[name]))),
      figures: {
        'time of import against @aws-sdk/ec2-metadata-service': ms.imds / ms['@aws-sdk/ec2-metadata-service'],
      },
    };
  },
};
