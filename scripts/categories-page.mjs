// Writes docs/categories.md from the table: `npm run docs`. Runs under tsx, as it imports the source.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rows } from '../src/metadata/lookup.js';
import { descriptions } from './descriptions.mjs';

const target = new URL('../docs/categories.md', import.meta.url);

/** @typedef {import('../src/metadata/lookup.js').Row} Row */

const changes = { immutable: 'never', 'stop-start': 'stop/start', live: 'live' };
const nic = "network.interfaces.macs.mac('0e:49:61:0f:c3:11')";

/**
 * @param {readonly Row[]} part
 * @param {ReadonlyMap<string, string>} meaning
 */
function table(part, meaning) {
  const lines = part.map(({ call, category: { template, kind, mutability, optional, secret } }) => {
    const accessor = call.startsWith(nic) ? `nic${call.slice(nic.length)}` : `imds.${call}`;
    const path = template.replace('network/interfaces/macs/{mac}/', '…/').replace(/^meta-data\/(?=.)/, '');
    const marks = [kind, ...(secret ? ['secret'] : [])].join(', ');
    const text = meaning.get(template)?.replaceAll('|', '\\|');
    return `| \`${accessor}\` | \`${path}\`${optional ? ' ?' : ''} | ${marks} | ${changes[mutability]} | ${text} |`;
  });
  return ['| accessor | path | kind | changes | meaning |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

/** @returns {string} the text of docs/categories.md */
export function page() {
  const all = rows();
  const meaning = descriptions(all);
  /** @param {Row} row */
  const isNic = ({ call }) => call.startsWith(nic);
  /** @param {Row} row */
  const isMetadata = ({ category }) => category.template.startsWith('meta-data/');
  return `<!-- Made by scripts/categories-page.mjs from src/metadata/categories.ts and network-interface.ts; change the doc comments there, then \`npm run docs\`. -->

# Categories

The ${all.length} values that can be read by name: all instance metadata categories, dynamic data, and user data. This page is made from the
table in \`src/metadata/categories.ts\` and \`network-interface.ts\`.

An accessor is named after its path, segment by segment, in camelCase: \`placement/availability-zone-id\` is
\`imds.placement.availabilityZoneId()\`. Read a path that is not in the table with \`imds.get(path)\`,
\`imds.getBuffer(path)\` or \`imds.list(path)\`.

- **?** after a path: the value may be absent, and the accessor then gives \`undefined\`. An optional list that is served empty is an
  empty array. Without the mark, absence is \`ERR_IMDS_NOT_FOUND\`.
- **kind**: a \`scalar\` is a string, or a number or boolean where the meaning says so. A \`list\` and a \`directory\` are arrays of
  strings; in a directory, names that end in \`/\` are directories too. \`json\` is a document with AWS's own field names, \`binary\` is
  bytes. A *secret* is never logged, and never listed with its value.
- **changes**: *never* for this instance, over a *stop/start*, or *live*, while the instance runs. This decides how long a value is
  cached: [settings.md](settings.md#what-is-kept-and-how-long).
- Values are shared between callers, so they are deeply frozen, and bytes are copied. Instants are ISO 8601 strings in UTC.
- A parameter is one path segment of visible ASCII without \`/ ? # % \\\`, or a whole number for \`{n}\`. One final \`/\` is removed, so an
  entry of a listing can be passed as it is. Anything else is \`ERR_IMDS_PATH\`, and no request is made.
- A value of another form than the table says, or an empty one, is \`ERR_IMDS_DECODE\`. The documents are described in
  \`src/metadata/documents.ts\`.

## Values put together

| call | gives |
| --- | --- |
| \`imds.region()\` | the region, such as \`us-east-1\`: of \`placement/region\`, or on builds that lack it, of the identity document |
| \`imds.accountId()\` | the account, such as \`123456789012\`: of \`identity-credentials/ec2/info\`, or else of the identity document |
| \`imds.tags()\` | all tags by their keys, such as \`{ Name: 'web-1' }\`; \`undefined\` where tags are not served. Keys that AWS does not allow here, such as with a space, are left out: a compatible service may list them |

## Instance metadata

Paths are below \`/latest/meta-data/\`.

${table(
  all.filter((row) => isMetadata(row) && !isNic(row)),
  meaning,
)}

## One network interface

\`const nic = imds.${nic}\`. Paths are below \`/latest/meta-data/\`, and \`…/\` stands for
\`network/interfaces/macs/{mac}/\`.

${table(all.filter(isNic), meaning)}

## Dynamic data and user data

Paths are below \`/latest/\`.

${table(
  all.filter((row) => !isMetadata(row)),
  meaning,
)}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, page());
