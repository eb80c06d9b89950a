/**
 * Measures imds beside its peers and says which limits hold: `node bench/run.mjs [ROW…]`, all rows by default, after
 * `npm run build`. Ends with 1 when a limit does not hold. docs/benchmarks.md tells what is measured, and how.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { cleanEnv } from './measure.mjs';
import { row as cached } from './rows/cached.mjs';
import { row as command } from './rows/command.mjs';
import { row as credentials } from './rows/credentials.mjs';
import { row as emulator } from './rows/emulator.mjs';
import { row as heap } from './rows/heap.mjs';
import { row as identity } from './rows/identity.mjs';
import { row as importing } from './rows/import.mjs';
import { row as network } from './rows/network.mjs';
import { row as reads } from './rows/reads.mjs';
import { row as requests } from './rows/requests.mjs';
import { row as watch } from './rows/watch.mjs';

const rows = [reads, requests, cached, importing, command, heap, credentials, identity, network, watch, emulator];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !rows.some((row) => row.name === name));
if (unknown.length > 0) {
  console.error(`no such row: ${unknown.join(', ')}. There are ${rows.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

console.log(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`,
);
for (const row of rows.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  console.log(`\n${row.name}: ${row.what}`);
  const result = await measure(row);
  for (const line of result?.lines ?? []) console.log(`    ${line}`);
  for (const [what, limit] of Object.entries(row.limit)) {
    const figure = result?.figures[what];
    const holds = figure !== undefined && limit.holds(figure);
    if (!holds) process.exitCode = 1;
    const shown = typeof figure === 'number' ? figure.toFixed(2) : (figure ?? 'not measured');
    console.log(`  ${holds ? 'holds' : 'FAILS'}  ${what}: ${shown} (${limit.text})`);
  }
}

/**
 * Runs a row in a process of its own, so that what one loads, compiles or leaves behind does not touch another.
 *
 * @param {import('./measure.mjs').Row} row
 * @returns {Promise<import('./measure.mjs').Result | undefined>} Nothing when it failed, of which it has told itself.
 */
async function measure({ name }) {
  const child = fork(new URL('row.mjs', import.meta.url), [name], { env: cleanEnv(), execArgv: ['--expose-gc'] });
  const ended = once(child, 'disconnect');
  let result;
  child.once('message', (message) => {
    result = message;
  });
  await ended;
  return result;
}
