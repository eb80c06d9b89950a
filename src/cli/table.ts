import type { Paint } from './paint.js';

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
