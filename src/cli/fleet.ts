import type { Diagnosis } from '../index.js';
import { verdicts } from './drawing.js';
import { exitCodes } from './exit-codes.js';
import { table } from './layout.js';
import { type Paint, printable } from './output.js';

/** The reports of one verdict and hop limit. */
interface Group {
  readonly verdict: Diagnosis['verdict'];
  /** The limit that these nodes need; absent if unknown. */
  readonly hopLimit?: number;
  /** Nodes, pods, instances or files. */
  readonly nodes: string[];
}

// Start of a report's line: a property, a single brace or bracket, or, if the line ends with a brace, a whole report.
const piece = /"[A-Za-z]+":|[{[\]}],?$/;
const wholeOrPiece = /\{"|"[A-Za-z]+":|[{[\]}],?$/;
const time = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?/g;
const isVerdict = (line: string): boolean => line.startsWith('"verdict":');
const instance = /\bi-[0-9a-f]{8,17}\b/;

/** Collects reports of `imds doctor --json` from logs of many nodes, whose lines may have prefixes and be interleaved. */
export class Fleet {
  /** Number of truncated or garbled reports. */
  damaged = 0;
  readonly #groups = new Map<string, Group>();
  /** The unfinished reports of this file, by the prefix of their lines without its time. */
  readonly #readings = new Map<string, { readonly lines: string[]; depth: number }>();

  /** @param source the name of the file, for reports without another name */
  add(line: string, source: string): void {
    const whole = line.trimEnd();
    const start = whole.search(whole.endsWith('}') ? wholeOrPiece : piece);
    if (start < 0) return;
    const text = whole.slice(start);
    const prefix = whole.slice(0, start).replace(time, '').trim();
    if (text.startsWith('{"')) {
      this.#take(text, prefix, source);
      return;
    }
    let reading = this.#readings.get(prefix);
    // A report has only one verdict, so this is the next one's, and the previous one was truncated.
    if (isVerdict(text) && reading && (reading.depth > 1 || reading.lines.some(isVerdict))) {
      // Its beginning is known only if it comes just before: otherwise both are lost.
      const isBeginning = reading.lines.at(-1) === '{';
      this.damaged += Number(reading.lines.length > 2) + Number(!isBeginning);
      this.#readings.delete(prefix);
      reading = isBeginning ? { lines: ['{'], depth: 1 } : undefined;
    }
    if (!reading && text !== '{') return;
    reading ??= { lines: [], depth: 0 };
    this.#readings.set(prefix, reading);
    reading.lines.push(text);
    if (text[0] === '}' || text[0] === ']') reading.depth -= 1;
    if (text.endsWith('{') || text.endsWith('[')) reading.depth += 1;
    if (reading.depth > 0) return;
    this.#take(reading.lines.join('\n'), prefix, source);
    this.#readings.delete(prefix);
  }

  /** Ends a file, and counts its unfinished reports. */
  end(): void {
    for (const { lines } of this.#readings.values()) this.damaged += Number(lines.some(isVerdict));
    this.#readings.clear();
  }

  #take(text: string, prefix: string, source: string): void {
    // In an array, a comma follows.
    const report = reportIn(text.replace(/,$/, ''));
    if (!report) {
      this.damaged += Number(text.includes('"verdict":'));
      return;
    }
    const { verdict, hopLimit } = report;
    const key = `${verdict} ${hopLimit}`;
    const group = this.#groups.get(key) ?? { verdict, ...(hopLimit !== undefined && { hopLimit }), nodes: [] };
    this.#groups.set(key, group);
    const id = instance.exec(`${report.summary} ${report.fix?.[0]?.command}`) ?? instance.exec(source);
    const node = / on the node ([\w.-]+)/.exec(text)?.[1] ?? /pod\/([^/\]\s]+)/.exec(prefix)?.[1] ?? id?.[0];
    group.nodes.push(node ?? (prefix.replace(/^\[|[\]:|]+$/g, '').trim() || source));
  }

  /** The worst first, larger groups before smaller ones. */
  get groups(): readonly Group[] {
    const rank = ({ verdict, nodes }: Group): number => verdicts[verdict][0] * 1e9 + nodes.length;
    return [...this.#groups.values()].sort((one, other) => rank(other) - rank(one));
  }

  /** The highest exit code of a report. */
  get exitCode(): number {
    const codes = this.groups.map(({ verdict }) => verdicts[verdict][0]);
    return codes.length > 0 ? Math.max(...codes) : exitCodes.unusable;
  }

  table(paint: Paint, columns: number): string {
    const rows = this.groups.map(({ verdict, hopLimit, nodes }) => [
      verdict,
      hopLimit === undefined ? '-' : String(hopLimit),
      String(nodes.length),
      listed(nodes.map(printable), columns - 40),
    ]);
    return table(['verdict', 'hop limit', 'reports', 'nodes'], rows, paint);
  }

  /** Metrics for node_exporter's textfile collector. */
  prometheus(): string {
    const rows = this.groups.map(({ verdict, hopLimit = '', nodes }) => {
      return `imds_doctor_reports{verdict="${verdict}",hop_limit="${hopLimit}"} ${nodes.length}`;
    });
    return [
      '# HELP imds_doctor_reports Reports of imds doctor by verdict and by the hop limit that is needed.',
      '# TYPE imds_doctor_reports gauge',
      ...rows,
      '# HELP imds_doctor_damaged_reports Reports of imds doctor that could not be read.',
      '# TYPE imds_doctor_damaged_reports gauge',
      `imds_doctor_damaged_reports ${this.damaged}`,
      '',
    ].join('\n');
  }
}

type Report = Pick<Diagnosis, 'verdict'> & Partial<Pick<Diagnosis, 'hopLimit' | 'summary' | 'fix'>>;

/** The report in a text, if it is one. */
function reportIn(text: string): Report | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isReport = typeof value === 'object' && value !== null && 'verdict' in value;
    if (!isReport || !Object.hasOwn(verdicts, String(value.verdict))) return undefined;
    // Its other properties are only printed, or searched for an instance ID.
    const report = value as Report;
    return Number.isSafeInteger(report.hopLimit ?? 1) && Array.isArray(report.fix ?? []) ? report : undefined;
  } catch {
    return undefined;
  }
}

/** The first names that fit, and the number of others. */
function listed([first = '', ...names]: readonly string[], width: number): string {
  let text = first;
  for (const [index, name] of names.entries()) {
    const more = ` and ${names.length - index} more`;
    if (`${text}, ${name}${more}`.length > width) return text + more;
    text += `, ${name}`;
  }
  return text;
}
