import { relative } from 'node:path';
import { advice } from './remedies.js';
import { type CallerReport, headline, nameOf, type Report } from './report.js';
import type { Place } from './stack.js';

const columns = 80;
const headings = ['V1', 'V2', 'TOKENS', 'A MINUTE', 'FAILED'];
const nameColumns = columns - headings.reduce((sum, each) => sum + each.length + 2, 0);

/** The report for people, in lines of at most 80 columns. */
export function textOf(report: Report, folder: string): string {
  const { callers, findings } = report;
  const remarks = findings.filter(({ id }) => id !== 'v1').map(({ detail }) => item(`${detail}.`));
  const todo = advice(report).map(({ on, text }) => item(`${on}: ${text}`));
  const sections = [
    [...wrapped(`imds audit: ${headline(report)}`)],
    callers.length > 0 ? [row('CALLER', headings), ...callers.flatMap((caller) => rowsOf(caller, folder))] : [],
    remarks.length > 0 ? ['Seen besides:', ...remarks.flat()] : [],
    todo.length > 0 ? ['What to do:', ...todo.flat()] : [],
  ];
  const shown = sections.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return `${shown.join('\n\n')}\n`;
}

function rowsOf(caller: CallerReport, folder: string): readonly string[] {
  const { v1, v2, tokenRequests, peakPerMinute, failures } = caller;
  const failed = failures.unauthorized + failures.forbidden + failures.noReply;
  const counts = [v1, v2, tokenRequests, peakPerMinute, failed].map(String);
  return [row(nameOf(caller), counts), `  ${endOf(whereOf(caller, folder), columns - 2)}`];
}

/** The line of the application, relative to the working directory at the start. */
function whereOf({ file, line }: Place, folder: string): string {
  if (file === null) return "(the application's line is not known)";
  const near = relative(folder, file);
  return `${near.startsWith('..') || near === '' ? file : near}:${line}`;
}

const row = (name: string, cells: readonly string[]): string =>
  [startOf(name, nameColumns).padEnd(nameColumns), ...cells.map((cell, at) => cell.padStart(headings[at]?.length ?? 0))]
    .join('  ')
    .trimEnd();

const startOf = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const endOf = (text: string, most: number): string => (text.length > most ? `…${text.slice(1 - most)}` : text);

const item = (text: string): readonly string[] =>
  wrapped(text, columns - 2).map((line, at) => `${at === 0 ? '-' : ' '} ${line}`);

/** Words in lines; longer words are cut. */
function wrapped(text: string, width = columns): readonly string[] {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trimStart();
    if (longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(endOf(word, width));
  }
  return lines.filter((line) => line !== '');
}
