import type { Diagnosis } from '../index.js';
import { exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { type Paint, printable, widthOf, wrap } from './output.js';

type Fix = Diagnosis['fix'][number];
type Finding = Diagnosis['findings'][number];

interface Canvas {
  readonly io: Pick<Io, 'stdout' | 'env'>;
  readonly paint: Paint;
  /** Shows all findings and remedies in full, however many lines they take. */
  readonly verbose?: boolean | undefined;
}

const { done, unreachable, refused, timeout, hopLimit, unusable } = exitCodes;

/** For each verdict the exit code, and the caption for the place where the way breaks. */
export const verdicts: Readonly<Record<Diagnosis['verdict'], readonly [exitCode: number, caption: string]>> = {
  healthy: [done, ''],
  'hop-limit': [hopLimit, 'the token reply dies here'],
  'endpoint-disabled': [refused, 'refused: the endpoint is switched off'],
  unreachable: [unreachable, 'nothing gets through'],
  locked: [refused, 'forbidden by this machine'],
  'other-family': [unreachable, 'nothing gets through'],
  refused: [refused, 'the token is refused'],
  throttled: [timeout, 'too many requests'],
  'foreign-responder': [unusable, 'something else answers'],
  'v1-only': [refused, 'no tokens are given'],
  'disabled-by-setting': [unreachable, 'not asked: a setting forbids it'],
  'not-ec2': [unreachable, 'nothing answers'],
  enclave: [unreachable, 'an enclave has no network'],
  inconclusive: [timeout, 'the way breaks here'],
};

// Of a terminal's usual 24 lines the last one is the prompt's.
const screenLines = 23;

/** A diagnosis for people: the way, the verdict, what helps, what was found. It fits on a screen, unless all is wanted. */
export function drawing(diagnosis: Diagnosis, canvas: Canvas): string {
  const { io, paint, verbose } = canvas;
  const columns = Math.max(40, widthOf(io.stdout, 80));
  const { verdict, summary, findings, fix } = diagnosis;
  const title = verdict === 'healthy' ? paint.bold : (text: string) => paint.bold(paint.red(text));
  const head = [
    picture(diagnosis, isUtf8(io.env), columns, paint),
    [title(verdict), ...wrap(printable(summary).split(' '), columns)].join('\n'),
  ];
  const [first, ...others] = fix.map((each, index) => remedy(each, index === 0, columns, paint));
  const remedies = [...(first ? [first] : []), ...others];
  const rows = (shown: readonly Finding[]) => shown.map((finding) => row(finding, columns, paint));
  const page = (...blocks: readonly string[]): string => `${[...head, ...blocks].join('\n\n')}\n`;
  if (verbose) return page(...remedies, [paint.bold('Findings'), ...rows(findings)].join('\n'));
  const telling = findings.filter(({ status }) => status === 'fail' || status === 'warn');
  const fine = `  ${findings.length - telling.length} findings are fine or were skipped: --verbose shows them`;
  const folded = `  ${telling.length} of ${findings.length} findings are not fine: --verbose shows all`;
  const whys = fix.slice(1).flatMap(({ why }) => hanging(`${paint.bold('Or: ')} `, 5, why, columns));
  const pages = [
    page(...remedies, [...rows(telling), fine].join('\n')),
    page(...remedies, folded),
    page(...(first ? [first] : []), [...whys, folded].join('\n')),
  ];
  return pages.find((text) => text.split('\n').length <= screenLines + 1) ?? pages.at(-1) ?? '';
}

/** True for a locale that has more than ASCII (POSIX, "Environment Variables": the first that is set counts). */
const isUtf8 = ({ LC_ALL, LC_CTYPE, LANG }: Io['env']): boolean => /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');

function picture(
  { path, verdict, distance = 0 }: Diagnosis,
  utf8: boolean,
  columns: number,
  { red, bold }: Paint,
): string {
  const [line, broken] = utf8 ? ['──', '──╳──'] : ['--', '--X--'];
  const names = path.map(({ name }) => printable(name));
  const breakAt = path.findIndex(({ brokenAfter }) => brokenAfter);
  const pieces = names.map((name, index) => {
    if (index === names.length - 1) return bold(name);
    return `${bold(name)} ${index === breakAt ? red(broken) : line} `;
  });
  const drawn = `  ${pieces.join('')}`;
  if (breakAt < 0) return drawn;
  // Under the cross, or as near to it as the caption fits.
  const cross =
    2 + names.slice(0, breakAt).reduce((sum, name) => sum + name.length + 4, 0) + (names[breakAt]?.length ?? 0) + 3;
  // Of several routers it is not known which one drops it.
  const isVague = verdict === 'hop-limit' && distance > 2;
  const caption = `${verdicts[verdict][1]}${isVague ? ' or nearer' : ''}`;
  const indent = Math.min(cross, Math.max(0, columns - caption.length - 2));
  return `${drawn}\n${' '.repeat(indent)}${red(`${utf8 ? '↑' : '^'} ${caption}`)}`;
}

function remedy(fix: Fix, isFirst: boolean, columns: number, { bold, cyan }: Paint): string {
  const { why, command, sideEffect, permission, refusedBy } = fix;
  const note = (label: string, text: string | undefined): readonly string[] =>
    text
      ? wrap(printable(label + text).split(' '), columns - 6).map(
          (line, index) => (index === 0 ? '    ' : '      ') + line,
        )
      : [];
  return [
    ...hanging(`${bold(isFirst ? 'Fix:' : 'Or: ')} `, 5, why, columns),
    ...command.split('; ').flatMap((each) => continued(each, columns).map((line) => cyan(line))),
    ...note('Beware: ', sideEffect),
    ...note('Takes ', permission && `the permission ${permission}`),
    ...note('Refused by ', refusedBy),
  ].join('\n');
}

/** A command in lines that fit, continued so that all of them can be pasted together. */
function continued(command: string, columns: number): readonly string[] {
  // Before an option, or an address of socat.
  const words = printable(command).split(/ (?=--|[A-Z-]+:)/);
  const lines: string[] = [];
  for (const word of words) {
    const longer = lines.length === 0 ? `    ${word}` : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length > columns - 2) lines.push(`      ${word}`);
    else lines[Math.max(0, lines.length - 1)] = longer;
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line));
}

function row({ id, status, detail }: Finding, columns: number, { red, bold }: Paint): string {
  const word = status.padEnd(4);
  const mark = status === 'fail' ? red(word) : status === 'warn' ? bold(word) : word;
  return hanging(`  ${mark}  ${id.padEnd(11)} `, 20, detail, columns).join('\n');
}

/** Text after a label, its further lines as far in as the first. */
function hanging(label: string, indent: number, text: string, columns: number): readonly string[] {
  return wrap(printable(text).split(' '), columns - indent).map(
    (line, index) => (index === 0 ? label : ' '.repeat(indent)) + line,
  );
}
