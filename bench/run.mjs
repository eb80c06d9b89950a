/**
 * Measures imds against its peers and says which limits hold: `npm run bench -- [--runs N] [--chart] [--try] [ROW…]`, all
 * rows by default. Of several runs the worst counts. `--chart` draws docs/images/benchmarks.svg. `--try` runs the rows for
 * a moment, and only looks whether they measure something. Ends with 1 when a limit does not hold. docs/benchmarks.md
 * explains what is measured, and how.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { drawChart } from './chart.mjs';
import { cleanEnv } from './measure.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '1' }, chart: { type: 'boolean' }, try: { type: 'boolean' } },
});

const names = readdirSync(new URL('rows/', import.meta.url)).map((file) => file.replace(/\.mjs$/, ''));
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no such row: ${unknown.join(', ')}. There are ${names.join(', ')}.`);
  process.exit(2);
}

const machine = `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`;
const date = new Date().toISOString().slice(0, 10);
console.log(`${date}, ${machine}`);
for (const name of positionals.length > 0 ? positionals : names) {
  /** @type {{ row: import('./measure.mjs').Row }} */
  const { row } = await import(`./rows/${name}.mjs`);
  console.log(`\n${row.name}: ${row.what}`);
  const results = [];
  for (let run = 0; run < Number(values.runs); run += 1) {
    const result = await measure(row);
    results.push(result);
    for (const line of result?.lines ?? []) console.log(`    ${line}`);
  }
  for (const [what, limit] of Object.entries(row.limit)) {
    const figures = results.map((result) => result?.figures[what]);
    const figure = figures.includes(undefined) ? undefined : limit.worst(figures);
    const holds = figure !== undefined && limit.holds(figure);
    if (!holds) process.exitCode = 1;
    const shown = typeof figure === 'number' ? figure.toFixed(2) : (figure ?? 'not measured');
    console.log(`  ${holds ? 'holds' : 'FAILS'}  ${what}: ${shown} (${limit.text})`);
  }
  const chart = results.at(-1)?.chart;
  if (values.chart && chart) drawChart(chart, `${date}, ${machine}`);
}

/**
 * Runs a row in a separate process, so that code, compilation and leftovers of one do not affect another.
 *
 * @param {import('./measure.mjs').Row} row
 * @returns {Promise<import('./measure.mjs').Result | undefined>} Nothing if it failed, which it has reported itself.
 */
async function measure({ name }) {
  const args = values.try ? [name, '--try'] : [name];
  const child = fork(new URL('row.mjs', import.meta.url), args, { env: cleanEnv(), execArgv: ['--expose-gc'] });
  const ended = once(child, 'disconnect');
  let result;
  child.once('message', (message) => {
    result = message;
  });
  await ended;
  return result;
}
