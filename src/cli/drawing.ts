import type { Diagnosis } from '../index.js';
import { exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { widthOf, wrap } from './layout.js';
import { withFlags } from './options.js';
import { type Paint, printable } from './output.js';

type Fix = Diagnosis['fix'][number];
type Finding = Diagnosis['findings'][number];

const { done, unreachable, refused, timeout, hopLimit, unusable } = exitCodes;

/** For each verdict the exit code, and the caption for the place where the path breaks. */
export const verdicts: Readonly<Record<Diagnosis['verdict'], readonly [exitCode: number, caption: string]>> = {
  healthy: [done, ''],
  'hop-limit': [hopLimit, 'the token reply dies here'],
  'endpoint-disabled': [refused, 'the endpoint is off'],
  unreachable: [unreachable, 'nothing gets through'],
  locked: [refused, 'forbidden by this machine'],
  'other-family': [unreachable, 'nothing gets through'],
  refused: [refused, 'the token is refused'],
  throttled: [timeout, 'too many requests'],
  'foreign-responder': [unusable, 'something else answers'],
  'v1-only': [refused, 'no tokens are issued'],
  'disabled-by-setting': [unreachable, 'disabled by a setting'],
  'not-ec2': [unreachable, 'nothing answers'],
  enclave: [unreachable, 'an enclave has no network'],
  inconclusive: [timeout, 'the path breaks here'],
};

// A terminal usually has 24 lines, the last one for the prompt.
const screenLines = 23;

/**
 * A diagnosis for people: the path, the verdict, fixes and findings. It fits on a screen, unless `verbose` asks for
 * everything in full.
 */
export function drawing(diagnosis: Diagnosis, io: Pick<Io, 'stdout' | 'env'>, paint: Paint, verbose = false): string {
  const columns = Math.max(40, widthOf(io.stdout, 80));
  const { verdict, summary, findings, fix } = diagnosis;
  const title = verdict === 'healthy' ? paint.bold(verdict) : paint.bold(paint.red(verdict));
  const head = [
    picture(diagnosis, isUtf8(io.env), columns, paint),
    [title, ...hanging('', 0, summary, columns)].join('\n'),
  ];
  const remedies = fix.map((each, index) => remedy(each, index === 0, columns, paint));
  const widest = Math.max(11, ...findings.map(({ id }) => id.length));
  const rows = (shown: readonly Finding[]) => shown.map((finding) => row(finding, widest, columns, paint));
  const page = (...blocks: readonly string[]): string => `${[...head, ...blocks].join('\n\n')}\n`;
  if (verbose) return page(...remedies, [paint.bold('Findings'), ...rows(findings)].join('\n'));
  const telling = findings.filter(({ status }) => status === 'fail' || status === 'warn');
  const fine = `  ${findings.length - telling.length} findings passed or were skipped: --verbose shows them`;
  const folded = `  ${telling.length} of ${findings.length} findings need attention: --verbose shows all`;
  const news = telling.filter(({ detail }) => !summary.includes(detail));
  const whys = fix.slice(1).flatMap(({ why }) => hanging(paint.bold('Or:  '), 5, why, columns));
  const short = page(...remedies.slice(0, 1), [...whys, folded].join('\n'));
  const pages = [page(...remedies, [...rows(news), fine].join('\n')), page(...remedies, folded)];
  return pages.find((text) => text.split('\n').length <= screenLines + 1) ?? short;
}

/** True for a locale beyond ASCII (POSIX, "Environment Variables": the first one set counts). */
const isUtf8 = ({ LC_ALL, LC_CTYPE, LANG }: Io['env']): boolean => /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');

function picture({ path, verdict, distance = 0 }: Diagnosis, utf8: boolean, columns: number, { red, bold }: Paint) {
  const [line, broken] = utf8 ? ['──', '──╳──'] : ['--', '--X--'];
  const names = path.map(({ name }) => printable(name));
  const breakAt = path.findIndex(({ brokenAfter }) => brokenAfter);
  const places = names.map((name, index) => {
    if (index === names.length - 1) return bold(name);
    return `${bold(name)} ${index === breakAt ? red(broken) : line} `;
  });
  const drawn = `  ${places.join('')}`;
  if (breakAt < 0) return drawn;
  // With several routers, it is unknown which one drops it.
  const isVague = verdict === 'hop-limit' && distance > 2;
  const caption = `${verdicts[verdict][1]}${isVague ? ' or nearer' : ''}`;
  // Under the cross, or as near to it as the caption fits.
  const cross = names.slice(0, breakAt + 1).join(' -- ').length + 5;
  const indent = Math.min(cross, Math.max(0, columns - caption.length - 2));
  return `${drawn}\n${' '.repeat(indent)}${red(`${utf8 ? '↑' : '^'} ${caption}`)}`;
}

function remedy(fix: Fix, isFirst: boolean, columns: number, { bold, cyan }: Paint): string {
  const { why, command, sideEffect, permission, refusedBy } = fix;
  const label = !isFirst ? 'Or:  ' : why.startsWith('shows ') ? 'Try: ' : 'Fix: ';
  const notes = [
    sideEffect && `Beware: ${sideEffect}`,
    permission && `Needs the permission ${permission}`,
    refusedBy && `Refused by ${refusedBy}`,
  ];
  return [
    ...hanging(bold(label), 5, why, columns),
    ...command.split('; ').flatMap((each) => continued(each, columns).map(cyan)),
    ...notes.flatMap((note) => (note ? hanging('    ', 6, note, columns) : [])),
  ].join('\n');
}

/** A command in lines that fit, with continuations so that they can be pasted together. */
function continued(command: string, columns: number): readonly string[] {
  // Before an option, a URL, or an address of socat.
  const [first = '', ...words] = printable(command).split(/ (?=--|https?:|[A-Z-]+:)/);
  const lines = [`    ${first}`];
  for (const word of words) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length <= columns - 2) lines[lines.length - 1] = longer;
    else lines.push(`      ${word}`);
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line));
}

function row({ id, status, detail }: Finding, widest: number, columns: number, { red, bold }: Paint): string {
  const word = status.padEnd(4);
  const mark = status === 'fail' ? red(word) : status === 'warn' ? bold(word) : word;
  return hanging(`  ${mark}  ${id.padEnd(widest)} `, widest + 9, detail, columns).join('\n');
}

/** Text after a label, its further lines indented. */
const hanging = (label: string, indent: number, text: string, columns: number): readonly string[] =>
  wrap(printable(withFlags(text)).split(' '), columns - indent).map(
    (line, index) => (index === 0 ? label : ' '.repeat(indent)) + line,
  );
