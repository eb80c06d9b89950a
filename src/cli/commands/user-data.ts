import { decodeUserData, type UserData, type UserDataPart } from '../../index.js';
import { command } from '../command.js';
import { cut, table, widthOf } from '../layout.js';
import { jsonText, type Paint, printable, say, writeServed } from '../output.js';
import { printCheck } from '../user-data-check.js';

export const userData = command({
  summary: 'the user data as served, or decoded',
  text:
    'Prints the user data: exactly the bytes served, and a newline only at a terminal. With --parts or --json it is ' +
    'decoded: base64 and gzip are decoded, and a MIME archive is opened. With --check it prints what cloud-init, nodeadm, ' +
    'EC2Launch, Bottlerocket and Ignition would do with each part, and what is wrong with it; it exits with 8 when ' +
    'none of them would run some part.',
  examples: {
    'imds user-data > user-data': 'byte for byte',
    'imds user-data --parts': 'its parts, one line each',
    'imds user-data --check': 'why a script did not run',
    "imds user-data --json | jq -r '.parts[0].content'": 'the first part',
  },
  options: {
    '--parts': 'a table of its parts: kind, name, size in bytes, first line',
    '--check': ['what would happen to each part, and what is wrong with it', undefined, 'parts'],
    '--json': ['a JSON object with all parts', undefined, 'parts'],
  },
  async run({ io, paint, connect }, { parts, check, json = false }) {
    const raw = await connect().getBuffer('user-data');
    if (!parts && !check && !json) return await writeServed(io.stdout, raw);
    const decoded = await decodeUserData(raw);
    if (check) return await printCheck(io, decoded, json, paint);
    if (json) return await io.stdout.write(jsonText(documentOf(decoded)));
    await io.stdout.write(tableOf(decoded, widthOf(io.stdout), paint));
    if (decoded.isCut) say(io, 'the last boundary of the MIME archive is missing; is it whole?');
  },
});

function documentOf({ raw, parts, ...facts }: UserData): object {
  return {
    size: raw.length,
    ...facts,
    parts: parts.map(({ content, text, ...part }) => ({
      ...part,
      size: content.length,
      content: text ?? { base64: Buffer.from(content).toString('base64') },
    })),
  };
}

/** One line for each part, no wider than the terminal. */
function tableOf({ parts }: UserData, columns: number, paint: Paint): string {
  const rows = parts.map((part) => [
    kindOf(part),
    cut(onOneLine(part.name ?? ''), 24),
    `${part.content.length}`,
    firstLine(part),
  ]);
  const text = table(['KIND', 'NAME', 'SIZE', 'FIRST LINE'], rows, paint);
  // The heading, which may have colours, is short.
  return text.replace(/(?<=\n).+/g, (line) => cut(line, columns));
}

const kindOf = ({ kind, isTemplate, persists }: UserDataPart): string =>
  [kind, ...(isTemplate ? ['template'] : []), ...(persists ? ['persists'] : [])].join(', ');

const firstLine = ({ text }: UserDataPart): string =>
  text === undefined ? '(not text)' : onOneLine(/\S.*/.exec(text)?.[0] ?? '');

const onOneLine = (text: string): string => printable(text.replace(/\s/g, ' '));
