import {
  checkUserData,
  type UserData,
  type UserDataCheck,
  type UserDataFlaw,
  type UserDataPart,
  userDataAgents,
} from '../index.js';
import { exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { table } from './layout.js';
import { jsonText, oneLine, type Paint } from './output.js';

/** Each flaw, whom it matters to, and the fix. */
const words: Readonly<Record<UserDataFlaw['flaw'], string>> = {
  'blank-before-shebang': 'there is whitespace before #!, so the kernel cannot execute the script: delete it',
  'no-shebang': 'the script does not begin with #!, so the kernel cannot execute it: begin with #!/bin/sh',
  'carriage-return':
    'the first line ends with a bare carriage return, which becomes part of the interpreter: use newlines',
  'byte-order-mark': 'begins with a byte order mark, so nothing recognises it: save it as UTF-8 without one',
  'blank-before-mime':
    'a MIME archive must begin with a header, so nothing recognises this one: delete the whitespace before it',
  'missing-empty-line':
    'no empty line between the MIME header and this: nodeadm refuses the whole archive, cloud-init reads it all the same',
  'unclosed-tag': '<script> or <powershell> is never closed, so EC2Launch runs nothing',
  packed: 'in gzip, base64 or a MIME archive, which the agent does not unpack: provide it plain',
  'media-type': 'nodeadm looks for NodeConfig only in parts of type application/node.eks.aws',
  'too-large': 'over 16 KB (16,384 bytes), which EC2 does not accept: gzip it, or fetch the rest from elsewhere',
  'no-last-boundary':
    'the last boundary of the MIME archive is missing: nodeadm refuses it, and it may have been cut off',
};

/** Prints what would happen to each part, and returns the exit code. */
export async function printCheck(io: Io, userData: UserData, json: boolean, paint: Paint): Promise<number> {
  const check = checkUserData(userData);
  await io.stdout.write(
    json ? jsonText(documentOf(userData, check)) : tableOf(check, paint) + remarks(userData, check),
  );
  return check.parts.every(({ runs }) => runs) ? exitCodes.done : exitCodes.unusable;
}

function documentOf({ raw, flaws }: UserData, { isFine, parts }: UserDataCheck): object {
  const explained = (flaws: readonly UserDataFlaw[]) => flaws.map((flaw) => ({ ...flaw, detail: words[flaw.flaw] }));
  return {
    size: raw.length,
    isFine,
    flaws: explained(flaws),
    parts: parts.map(({ part: { kind, name, contentType, line, flaws }, fates, runs }) => ({
      ...{ kind, name, contentType, line, runs, fates },
      flaws: explained(flaws),
    })),
  };
}

function tableOf({ parts }: UserDataCheck, paint: Paint): string {
  const rows = parts.map(({ part, fates }) => [
    part.kind,
    String(part.line),
    ...userDataAgents.map((agent) => fates[agent]),
    oneLine(part.name ?? '').slice(0, 24),
  ]);
  const heading = ['KIND', 'LINE', ...userDataAgents.map((agent) => agent.toUpperCase()), 'NAME'];
  return table(heading, rows, paint);
}

/** The flaws in the order of their lines, then the parts that are lost without a flaw of their own. */
function remarks({ flaws }: UserData, { parts }: UserDataCheck): string {
  const found = [...parts.flatMap(({ part }) => part.flaws), ...flaws].sort((a, b) => a.line - b.line);
  const isTooLarge = flaws.some(({ flaw }) => flaw === 'too-large');
  const unexplained = isTooLarge ? [] : parts.filter(({ part, runs }) => !runs && part.flaws.length === 0);
  const lines = [
    ...found.map(({ flaw, line }) => `line ${line}: ${words[flaw]}`),
    ...unexplained.map(({ part }) => `line ${part.line}: ${lost(part)}`),
  ];
  return lines.length === 0 ? '' : `\n${[...new Set(lines)].join('\n')}\n`;
}

const lost = ({ kind }: UserDataPart): string =>
  kind === 'unknown'
    ? 'no agent recognises this, so nothing is done with it'
    : `no agent runs this ${kind}, because of a problem elsewhere in the archive`;
