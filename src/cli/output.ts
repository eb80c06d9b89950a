import { isUtf8 } from 'node:buffer';
import type { Io, Output } from './io.js';
import { withoutActing } from './unicode.js';

/** Makes text stand out at a terminal; returns it unchanged elsewhere. */
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

const hex = (character: string, digits: number): string => character.charCodeAt(0).toString(16).padStart(digits, '0');

/**
 * Escapes the characters that a terminal acts on. Every value and name from a service goes to a terminal through this
 * function.
 */
export const printable = (text: string): string =>
  spelt(text, (character) => (character > '\xff' ? `\\u${hex(character, 4)}` : `\\x${hex(character, 2)}`));

const spelt = (text: string, spell: (character: string) => string): string =>
  /^[\t\n -~]*$/.test(text) ? text : withoutActing(text, spell);

/** Printable text on one line. */
export const oneLine = (text: string): string =>
  printable(text.replace(/\s+/g, (blank) => (blank.includes('\n') ? ' ' : blank)));

/** A document for printing. JSON escapes what a terminal acts on, so it stays the same for programs. */
export const jsonText = (value: unknown, indent: number | undefined = 2): string =>
  `${spelt(JSON.stringify(value, undefined, indent), (character) => `\\u${hex(character, 4)}`)}\n`;

/** The same on one line. */
export const jsonLine = (value: unknown): string => jsonText(value, 0);

/** Writes bytes as served; at a terminal, printable and with a final newline. */
export async function writeServed(output: Output, body: string | Uint8Array): Promise<void> {
  if (!output.isTTY) return await output.write(body);
  const text = typeof body === 'string' ? body : textOf(body);
  await output.write(text === '' || text.endsWith('\n') ? printable(text) : `${printable(text)}\n`);
}

/** Escapes the non-ASCII bytes of anything that is not text. */
const textOf = (body: Uint8Array): string =>
  isUtf8(body)
    ? Buffer.from(body).toString()
    : Buffer.from(body)
        .toString('latin1')
        .replace(/[\x80-\xff]/g, (byte) => `\\x${hex(byte, 2)}`);

/** Writes a message to standard error, and ignores a closed one. */
export const say = ({ stderr }: Io, text: string): void =>
  void stderr.write(`imds: ${oneLine(text)}\n`).catch(() => {});

/**
 * One word for a shell. Quotes and backslashes are put outside the single quotes: inside, a backslash is literal in
 * POSIX shells, but not always in fish.
 */
export const quoted = (text: string): string => `'${text.replace(/['\\]/g, (character) => `'\\${character}'`)}'`;
