import { isUtf8 } from 'node:buffer';
import type { Io, Output } from './io.js';
import { columnsOfAny, withoutActing } from './unicode.js';

/** Makes text stand out at a terminal; gives it back unchanged elsewhere. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly red: (text: string) => string;
  readonly cyan: (text: string) => string;
}

/** Colours are for terminals, unless `--no-color` or NO_COLOR (https://no-color.org) forbids them. */
export function painter(output: Output, { env }: Io, args: readonly string[]): Paint {
  const isColoured = () => output.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && !args.includes('--no-color');
  const style = (on: number, off: number) => (text: string) => (isColoured() ? `\x1b[${on}m${text}\x1b[${off}m` : text);
  return { bold: style(1, 22), red: style(31, 39), cyan: style(36, 39) };
}

/** The columns to fill: as many as the terminal has, at most 100. */
export const widthOf = ({ columns }: Output, elsewhere = 100): number => Math.min(columns ?? elsewhere, 100);

const hex = (character: string, digits: number): string => character.charCodeAt(0).toString(16).padStart(digits, '0');

/**
 * Text that can do nothing to a terminal: characters that it acts on are spelt out. Every value and name of a service goes
 * to a terminal through this function.
 */
export const printable = (text: string): string =>
  spelt(text, (character) => (character > '\xff' ? `\\u${hex(character, 4)}` : `\\x${hex(character, 2)}`));

const spelt = (text: string, spell: (character: string) => string): string =>
  /^[\t\n -~]*$/.test(text) ? text : withoutActing(text, spell);

/** Text of one line, and printable. */
export const oneLine = (text: string): string => printable(text.replace(/\s*\n\s*/g, ' '));

/** The columns that one line of printable text takes at a terminal. */
export const columnsOf = (text: string): number => (/^[ -~]*$/.test(text) ? text.length : columnsOfAny(text));

const padded = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - columnsOf(text)));

/** Text that is no wider than so many columns; an ellipsis stands for the rest. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  const characters = [...text];
  while (columnsOf(characters.join('')) >= columns) characters.pop();
  return `${characters.join('')}…`;
}

/** `a`, `a or b`, `a, b or c`. */
export const oneOfThese = (words: readonly string[]): string => words.join(', ').replace(/, (?=[^,]*$)/, ' or ');

/** Words in lines of at most so many characters; a word that is longer has a line of its own. */
export function wrap(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = [...lines.slice(-1), word].join(' ');
    if (lines.length > 0 && columnsOf(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Terms with what they mean, in two columns. */
export function glossary(items: Readonly<Record<string, string>>): readonly string[] {
  const width = Math.max(...Object.keys(items).map((term) => term.length));
  return Object.entries(items).map(([term, text]) => `  ${term.padEnd(width)}  ${text}`);
}

/**
 * Rows under a heading, in columns as wide as they need to be. Where that is more than there is, a first cell that is too
 * long has a line of its own, and the text of the last one is wrapped.
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

/** A document as it is printed. JSON can spell what a terminal acts on, so that it is the same to programs. */
export const jsonText = (value: unknown, indent: number | undefined = 2): string =>
  `${spelt(JSON.stringify(value, undefined, indent), (character) => `\\u${hex(character, 4)}`)}\n`;

/** The same on one line. */
export const jsonLine = (value: unknown): string => jsonText(value, 0);

/** Writes what was served: unchanged, but printable at a terminal, and there it ends its line. */
export async function writeServed(output: Output, body: string | Uint8Array): Promise<void> {
  if (!output.isTTY) return await output.write(body);
  const text = typeof body === 'string' ? body : textOf(body);
  await output.write(text === '' || text.endsWith('\n') ? printable(text) : `${printable(text)}\n`);
}

/** Bytes that are no text are spelt out where they are not ASCII. */
const textOf = (body: Uint8Array): string =>
  isUtf8(body)
    ? Buffer.from(body).toString()
    : Buffer.from(body)
        .toString('latin1')
        .replace(/[\x80-\xff]/g, (byte) => `\\x${hex(byte, 2)}`);

/** Says something beside the output; whoever does not listen misses it. */
export const say = ({ stderr }: Io, text: string): void =>
  void stderr.write(`imds: ${oneLine(text)}\n`).catch(() => {});
