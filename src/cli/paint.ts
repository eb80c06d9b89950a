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
