// Writes docs/categories.md from the table: `npm run docs`. Runs under tsx, as it imports the source.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rows } from '../src/metadata/lookup.js';

const source = new URL('../src/metadata/categories.ts', import.meta.url);
const target = new URL('../docs/categories.md', import.meta.url);

/**
 * The doc comments of the table by template. Comments and rows stand in the same order.
 *
 * @returns {Map<string, string>}
 */
export function descriptions() {
  const [, table = ''] = readFileSync(source, 'utf8').split('export function categories');
  const comments = [...table.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+):/g)];
  if (comments.length !== rows().length) throw new Error(`${comments.length} comments for ${rows().length} rows`);
  return new Map(
    rows().map(({ call, category: { template } }, index) => {
      const [, comment = '', name] = comments[index] ?? [];
      const last = call.replace(/\(.*?\)/g, '').replace(/^.*\./, '');
      if (name !== last) throw new Error(`the comment of ${name} stands where that of ${call} is expected`);
      const lines = comment.split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trim());
      return [template, lines.filter((line) => line !== '' && !line.startsWith('@')).join(' ')];
    }),
  );
}

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
  const meaning = descriptions();
  const all = rows();
  /** @param {Row} row */
  const isNic = ({ call }) => call.startsWith(nic);
  /** @param {Row} row */
  const isMetadata = ({ category }) => category.template.startsWith('meta-data/');
  return `<!-- Made by scripts/categories-page.mjs from src/metadata/categories.ts; change the doc comments there, then \`npm run docs\`. -->

# Categories

**What can be read, and by which name?** All ${all.length} instance metadata categories, dynamic data and user data, from one table:
\`src/metadata/categories.ts\`. What a decoder accepts is in \`src/metadata/decode.ts\`.

Names follow the path, segment by segment, in camelCase: \`placement/availability-zone-id\` is
\`imds.placement.availabilityZoneId()\`. A path that is not in the table is read with \`imds.get(path)\`,
\`imds.getBuffer(path)\` and \`imds.list(path)\`.

- **?** after a path: it may be absent. The accessor then gives \`undefined\`; elsewhere absence is \`ERR_IMDS_NOT_FOUND\`.
- **kind**: a \`scalar\` is a text, or a number or boolean where the meaning says so; a \`list\` and a \`directory\` are arrays
  of strings, those of a directory with the final \`/\` of directories below it; \`json\` is the document with AWS's own
  field names; \`binary\` is bytes. A *secret* is never logged and never listed with its value.
- **changes**: *never* for this instance; only over a *stop/start*; or *live*, while the instance runs. That decides how long a
  value is reused: [settings.md](settings.md#what-is-kept-and-how-long).
- Values are shared between callers and therefore frozen, throughout. Instants are ISO 8601 texts in UTC.
- A parameter is one path segment: visible ASCII without \`/ ? # % \\\`, a number for \`{n}\`. One final \`/\` is taken off, so that
  an entry of a listing can be passed on. Anything else is \`ERR_IMDS_PATH\`, before anything is sent.
- A value of another form than promised, an empty one included, is \`ERR_IMDS_DECODE\`. An optional list that is served empty
  is an empty array.

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
