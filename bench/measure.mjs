/** The parts that rows share: limits, medians of interleaved rounds, processes, and the server. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Limit The bound of a figure.
 * @property {string} text
 * @property {(figure: number | string) => boolean} holds
 * @property {(figures: (number | string)[]) => number | string} worst Of several runs.
 *
 * @typedef {object} Row One measurement.
 * @property {string} name Its name, which is that of its file.
 * @property {string} what The measurement, in words.
 * @property {Record<string, Limit>} limit The limits by figure.
 * @property {() => Promise<Result>} run
 *
 * @typedef {object} Result
 * @property {string[]} lines The medians.
 * @property {Record<string, number | string>} figures By the names of the limits.
 * @property {Record<string, Record<string, number>>} [chart] Milliseconds by way, by what is measured, for chart.mjs.
 */

// With --try, rows run for a moment only, to see that they still measure something. No speed is judged then.
const isTrial = process.argv.includes('--try');

/** The number of rounds, calls or the like; in a trial as few as do. */
export const amount = (count, fewest = 1) => (isTrial ? fewest : count);

const isPositive = (figure) => Number.isFinite(figure) && figure > 0;
const limit = (text, isFigure, isWithin, worst) => ({
  text: isTrial ? 'in a trial any' : text,
  holds: (figure) => isFigure(figure) && (isTrial || isWithin(figure)),
  worst: (figures) => worst(...figures),
});

/** @type {(bound: number) => Limit} */
export const atLeast = (bound) => limit(`at least ${bound}`, isPositive, (figure) => figure >= bound, Math.min);
/** @type {(bound: number, isFigure?: (figure: number) => boolean) => Limit} */
export const atMost = (bound, isFigure = isPositive) =>
  limit(`at most ${bound}`, isFigure, (figure) => figure <= bound, Math.max);
/** For a difference, which may be below zero. @type {(bound: number) => Limit} */
export const moreByAtMost = (bound) => atMost(bound, Number.isFinite);
/** @type {(value: string) => Limit} */
export const exactly = (value) => ({
  text: `exactly ${value}`,
  holds: (figure) => figure === value,
  worst: (figures) => figures.find((figure) => figure !== value) ?? value,
});

/** The path read everywhere, and its value at the server. */
export const path = '/latest/meta-data/instance-id';
export const id = 'i-0123456789abcdef0';

/**
 * Runs all subjects once per round, every other round backwards, so that other load on the machine affects all equally.
 *
 * @param {number} rounds
 * @param {Record<string, () => Promise<number>>} subjects Each returns its own time.
 * @returns {Promise<Record<string, number>>} The medians.
 */
export async function interleaved(rounds, subjects) {
  const names = Object.keys(subjects);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const name of round % 2 ? names.toReversed() : names) times[name].push(await subjects[name]());
  return Object.fromEntries(names.map((name) => [name, median(times[name])]));
}

/** @param {number[]} values */
export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** The environment, without variables that would change the behaviour of the clients. */
export function cleanEnv() {
  // Node 20 loads the certificates of the first at every start, which takes longer than everything else.
  const foreign =
    /^(NODE_EXTRA_CA_CERTS|AWS_.*|(https?|no|all)_proxy|NODE_USE_ENV_PROXY|NODE_OPTIONS|NODE_V8_COVERAGE)$/i;
  // In a trial, the tests' options for Node keep all processes on loopback.
  const isKept = (name) => !foreign.test(name) || (isTrial && name === 'NODE_OPTIONS');
  const kept = Object.entries(process.env).filter(([name]) => isKept(name));
  const absent = new URL('absent/', import.meta.url).pathname;
  return {
    ...Object.fromEntries(kept),
    HOME: absent,
    AWS_CONFIG_FILE: `${absent}config`,
    AWS_SHARED_CREDENTIALS_FILE: `${absent}credentials`,
    // Requests are counted, so a busy machine must not repeat one.
    ...(isTrial && { AWS_METADATA_SERVICE_TIMEOUT: '30' }),
  };
}

/**
 * A module of this folder in a separate process, which ends with this one.
 *
 * @param {string} file
 * @param {string[]} args
 */
export async function helper(file, ...args) {
  const child = fork(new URL(file, import.meta.url), args, { execArgv: [] });
  const failed = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`${file} ended with ${code}`);
  });
  const answer = async () => (await Promise.race([once(child, 'message'), failed]))[0];
  return {
    first: await answer(),
    /** @param {unknown} message */
    ask(message) {
      child.send(message);
      return answer();
    },
    end: () => child.disconnect(),
  };
}

/** The server that closes every connection, as IMDS does. */
export async function startServer() {
  const { first: endpoint, ask, end } = await helper('server.mjs');
  const requests = async () => {
    const { PUT, GET } = await ask('requests');
    return `${PUT} PUT + ${GET} GET`;
  };
  return { endpoint, requests, end };
}

const cpu = fileURLToPath(new URL('programs/cpu.cjs', import.meta.url));

/**
 * Runs Node with these arguments, and returns its output, the milliseconds from its start to its end, and its CPU
 * milliseconds.
 *
 * @param {string[]} args
 */
export async function runProcess(args) {
  const start = performance.now();
  const child = spawn(process.execPath, ['--require', cpu, ...args], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  const texts = [1, 3].map((descriptor) => text(child.stdio[descriptor]));
  const [code] = await once(child, 'close');
  const ms = performance.now() - start;
  const [printed, cpuMs] = await Promise.all(texts);
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}`);
  return { ms, printed, cpuMs: Number(cpuMs) };
}

/** MiB in use, inside the heap and outside, once closed sockets are gone too. */
export async function inUse() {
  await delay(100);
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

/** @param {string} subject @param {string} text */
export const line = (subject, text) => `${subject.padEnd(46)} ${text}`;

/** @param {number} ms */
export const milliseconds = (ms, digits = 1) => `${ms.toFixed(digits).padStart(8)} ms`;
