import type { Io, Output } from './io.js';

/** Makes text stand out at a terminal; gives it back unchanged elsewhere. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly red: (text: string) => string;
  readonly cyan: (text: string) => string;
}

/** Colours are for terminals, unless `--no-color` or NO_COLOR (https://no-color.org) forbids them. */
export function painter(output: Output, { env }: Io, args: readonly string[]): Paint {
  const coloured = output.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && !args.includes('--no-color');
  const style = (on: number, off: number) => (text: string) => (coloured ? `\x1b[${on}m${text}\x1b[${off}m` : text);
  return { bold: style(1, 22), red: style(31, 39), cyan: style(36, 39) };
}

/** The columns to fill: as many as the terminal has, at most 100. */
export const widthOf = ({ columns }: Output, elsewhere = 100): number => Math.min(columns ?? elsewhere, 100);

/** Text that can do nothing to a terminal: control characters other than tab and newline are spelt out. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });

/** Text of one line, and printable. */
export const oneLine = (text: string): string => printable(text.replace(/\s*\n\s*/g, ' '));

/** `a`, `a or b`, `a, b or c`. */
export const oneOfThese = (words: readonly string[]): string => words.join(', ').replace(/, (?=[^,]*$)/, ' or ');

/** Words in lines of at most so many characters; a word that is longer has a line of its own. */
export function wrap(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = [...lines.slice(-1), word].join(' ');
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Terms with what they mean, in two columns. */
export function glossary(items: Readonly<Record<string, string>>): readonly string[] {
  const width = Math.max(...Object.keys(items).map((term) => term.length));
  return Object.entries(items).map(([term, text]) => `  ${term.padEnd(width)}  ${text}`);
}

/** Rows under a heading, in columns as wide as they need to be. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], { bold }: Paint): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [bold(line(heading)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}

/** A document as it is printed. */
export const jsonText = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** Writes what was served, unchanged; at a terminal it ends its line. */
export async function writeServed(output: Output, body: Uint8Array): Promise<void> {
  await output.write(body);
  if (output.isTTY && body.length > 0 && body.at(-1) !== 0x0a) await output.write('\n');
}

/** Says something beside the output; whoever does not listen misses it. */
export const say = ({ stderr }: Io, text: string): void => void stderr.write(`imds: ${text}\n`).catch(() => {});
