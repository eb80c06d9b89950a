import type { Output } from './io.js';
import type { Paint } from './output.js';
import { columnsOfAny } from './unicode.js';

/** The columns to fill: as many as the terminal has, at most 100. */
export const widthOf = ({ columns }: Output, elsewhere = 100): number => Math.min(columns ?? elsewhere, 100);

/** The columns of one line of printable text at a terminal. */
export const columnsOf = (text: string): number => (/^[ -~]*$/.test(text) ? text.length : columnsOfAny(text));

const padded = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - columnsOf(text)));

/** Text cut to a number of columns; an ellipsis stands for the rest. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  const characters = [...text];
  while (columnsOf(characters.join('')) >= columns) characters.pop();
  return `${characters.join('')}…`;
}

/** `a`, `a or b`, `a, b or c`. */
export const oneOfThese = (words: readonly string[]): string => words.join(', ').replace(/, (?=[^,]*$)/, ' or ');

/** Words in lines of a maximum length; a longer word gets its own line. */
export function wrap(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = [...lines.slice(-1), word].join(' ');
    if (lines.length > 0 && columnsOf(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Terms with their meanings, in two columns. */
export function glossary(items: Readonly<Record<string, string>>): readonly string[] {
  const width = Math.max(...Object.keys(items).map((term) => term.length));
  return Object.entries(items).map(([term, text]) => `  ${term.padEnd(width)}  ${text}`);
}

/**
 * Rows under a heading, in columns as wide as needed. If they do not fit, a first cell that is too long gets its own
 * line, and the last one is wrapped.
 */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  { bold }: Paint,
  columns = Number.POSITIVE_INFINITY,
): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => columnsOf(row[column] ?? ''))));
  const others = widths.slice(1, -1).reduce((sum, width) => sum + width + 2, 2);
  const lastWidth = Math.min(widths.at(-1) ?? 0, Math.max(20, columns - (widths[0] ?? 0) - others));
  widths[0] = Math.min(widths[0] ?? 0, Math.max(20, columns - others - lastWidth));
  const indent = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const line = (cells: readonly string[]): string => {
    const [first = '', last = ''] = [cells[0], cells.at(-1)];
    const isLong = columnsOf(first) > (widths[0] ?? 0);
    const [text = '', ...more] = columnsOf(last) > lastWidth ? wrap(last.split(' '), lastWidth) : [last];
    const padding = [isLong ? '' : first, ...cells.slice(1, -1)].map(
      (cell, at) => `${padded(cell, widths[at] ?? 0)}  `,
    );
    const lines = [`${padding.join('')}${text}`, ...more.map((each) => ' '.repeat(indent) + each)];
    return [...(isLong ? [first] : []), ...lines].map((each) => each.trimEnd()).join('\n');
  };
  return [bold(line(heading)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}
