import { basename } from 'node:path';
import { type Counts, type Finding, findingsOn, readsPerToken } from './findings.js';
import type { Place } from './stack.js';
import type { Started, State } from './tally.js';

/** A caller in the report: its counts in all processes and threads. */
export interface CallerReport extends Place {
  readonly v1: number;
  readonly v2: number;
  readonly tokenRequests: number;
  /** `null` for a caller that sent no token. */
  readonly readsPerToken: number | null;
  readonly peakPerMinute: number;
  readonly paths: readonly string[];
  readonly failures: { readonly unauthorized: number; readonly forbidden: number; readonly noReply: number };
}

/** The report, as `--json` writes it; report.schema.json describes it. */
export interface Report {
  readonly version: 1;
  readonly command: string;
  readonly nodeVersion: string;
  readonly durationMs: number;
  readonly callers: readonly CallerReport[];
  readonly processes: readonly Started[];
  readonly findings: readonly Finding[];
}

/** Makes one report of what all processes and threads counted. */
export function reportOf(states: readonly State[], about: { command: string; durationMs: number }): Report {
  const all = states.flatMap((state) => state.callers);
  const callers = added<Counts>(all, ({ place }) => place, sumOf).sort((one, other) => weight(other) - weight(one));
  const started = states.flatMap((state) => state.processes);
  const processes = added(
    started,
    ({ count, ...same }) => same,
    (one, other) => ({ ...one, count: one.count + other.count }),
  );
  const unseen = processes.map(({ command, count }): Finding => {
    const often = count === 1 ? '' : ` ${count} times`;
    return { id: 'unseen', detail: `${command} was started${often}; its requests cannot be seen` };
  });
  return {
    version: 1,
    command: about.command,
    nodeVersion: states.at(-1)?.nodeVersion ?? process.version,
    durationMs: Math.round(about.durationMs),
    callers: callers.map(reported),
    processes,
    findings: [...callers.flatMap((caller) => findingsOn(caller, placed(caller.place))), ...unseen],
  };
}

/** Callers of version 1 first, then those with the most requests. */
const weight = ({ counts: { v1 = 0, v2 = 0, tokenRequests = 0 } }: Counts): number => v1 * 1e9 + v2 + tokenRequests;

/** The name of a caller in words: its package, or its file where it has none. */
export const nameOf = ({ package: name, packageVersion, file }: Place): string =>
  [name ?? file ?? 'the program', packageVersion].filter((word) => word !== null).join(' ');

function reported(caller: Counts): CallerReport {
  const { v1 = 0, v2 = 0, tokenRequests = 0, unauthorized = 0, forbidden = 0, noReply = 0 } = caller.counts;
  return {
    ...caller.place,
    v1,
    v2,
    tokenRequests,
    readsPerToken: readsPerToken(caller),
    peakPerMinute: caller.busiest.requests,
    paths: Object.keys(caller.paths),
    failures: { unauthorized, forbidden, noReply },
  };
}

const placed = (place: Place): string =>
  place.package !== null && place.file ? `${nameOf(place)} (${basename(place.file)}:${place.line})` : nameOf(place);

/** One item per key, the sum of all with that key. */
function added<One>(all: readonly One[], keyOf: (one: One) => unknown, sumOf: (one: One, other: One) => One): One[] {
  const sums = new Map<string, One>();
  for (const one of all) {
    const key = JSON.stringify(keyOf(one));
    const sum = sums.get(key);
    sums.set(key, sum ? sumOf(sum, one) : one);
  }
  return [...sums.values()];
}

const sumOf = (one: Counts, other: Counts): Counts => ({
  place: one.place,
  counts: combined(one.counts, other.counts, (a, b) => a + b),
  busiest: busierOf(one.busiest, other.busiest),
  paths: combined(one.paths, other.paths, Math.max),
});

/** Adds up the processes that were busiest in the same minute. */
function busierOf(one: Counts['busiest'], other: Counts['busiest']): Counts['busiest'] {
  if (one.minute === other.minute) return { minute: one.minute, requests: one.requests + other.requests };
  return one.requests < other.requests ? other : one;
}

type Numbers = Readonly<Partial<Record<string, number>>>;

function combined(one: Numbers, other: Numbers, both: (one: number, other: number) => number) {
  const names = Object.keys({ ...one, ...other });
  return Object.fromEntries(names.map((name) => [name, both(one[name] ?? 0, other[name] ?? 0)]));
}

/** The summary sentence. */
export function headline({ callers, processes, findings }: Report): string {
  const first = callers.filter(({ v1 }) => v1 > 0).length;
  const programs = processes.length;
  const started = programs === 1 ? '1 started program' : `${programs} started programs`;
  const unseen = programs === 0 ? '' : ` The requests of ${started} cannot be seen.`;
  if (first > 0)
    return `${first} ${first === 1 ? 'caller uses' : 'callers use'} IMDSv1 and will fail with HttpTokens=required.${unseen}`;
  if (callers.length === 0) return `Nothing used IMDS.${unseen}`;
  const other = findings.length - programs;
  const notes = other === 0 ? '' : ` ${other} ${other === 1 ? 'thing is' : 'things are'} worth a look.`;
  return `No caller uses IMDSv1: HttpTokens=required breaks none of them.${notes}${unseen}`;
}

/** True when the report has what `--fail-on` names. */
export const hasFailed = ({ findings }: Report, failOn: string | undefined): boolean =>
  failOn === 'any' ? findings.length > 0 : failOn === 'v1' && findings.some(({ id }) => id === 'v1');

/** A command line without any arguments after the first, as they may be secret. */
export function commandOf([program = '', first, ...more]: readonly string[]): string {
  const isShown = first !== undefined && /^[\w@./\\:-]+$/.test(first) && !first.startsWith('-');
  const isCut = more.length > 0 || (first !== undefined && !isShown);
  return [basename(program), ...(isShown ? [first] : []), ...(isCut ? ['…'] : [])].join(' ');
}
