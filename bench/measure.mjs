/** What the rows share: limits, medians of interleaved rounds, processes, and the server that is asked. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * @typedef {object} Limit What a figure must keep to.
 * @property {string} text
 * @property {(figure: number | string) => boolean} holds
 *
 * @typedef {object} Row One measurement.
 * @property {string} name What selects it, and the name of its file.
 * @property {string} what What is measured.
 * @property {Record<string, Limit>} limit What must hold, by what is compared.
 * @property {() => Promise<Result>} run
 *
 * @typedef {object} Result
 * @property {string[]} lines The medians.
 * @property {Record<string, number | string>} figures By the names of the limits.
 */

/** @type {(bound: number) => Limit} */
export const atLeast = (bound) => ({ text: `at least ${bound}`, holds: (figure) => figure >= bound });
/** @type {(bound: number) => Limit} */
export const atMost = (bound) => ({ text: `at most ${bound}`, holds: (figure) => figure <= bound });
/** @type {(value: string) => Limit} */
export const exactly = (value) => ({ text: `exactly ${value}`, holds: (figure) => figure === value });

/** The value read everywhere. */
export const path = '/latest/meta-data/instance-id';

/**
 * Runs all subjects once per round, every other round backwards, so that what else the machine does falls on all alike.
 *
 * @param {number} rounds
 * @param {Record<string, () => Promise<number>>} subjects Each gives its own time.
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
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** The environment, without what would change what the clients do. */
export function cleanEnv() {
  const foreign = /^(AWS_.*|(https?|no|all)_proxy|NODE_USE_ENV_PROXY|NODE_OPTIONS|NODE_V8_COVERAGE)$/i;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  const absent = new URL('absent/', import.meta.url).pathname;
  return {
    ...Object.fromEntries(kept),
    HOME: absent,
    AWS_CONFIG_FILE: `${absent}config`,
    AWS_SHARED_CREDENTIALS_FILE: `${absent}credentials`,
  };
}

/**
 * A module of this folder in a process of its own, which ends with this one.
 *
 * @param {string} file
 * @param {string[]} args
 */
export async function helper(file, ...args) {
  const child = fork(new URL(file, import.meta.url), args, { execArgv: [] });
  const [first] = await once(child, 'message');
  return {
    first,
    /** @param {unknown} message */
    async ask(message) {
      child.send(message);
      const [answer] = await once(child, 'message');
      return answer;
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

/**
 * Runs Node with these arguments and gives how long it took, from start to end.
 *
 * @param {string[]} args
 * @param {string} expected What it must print.
 */
export async function timeProcess(args, expected) {
  const { ms, printed } = await runProcess(args);
  if (printed !== expected) throw new Error(`node ${args.join(' ')} printed ${JSON.stringify(printed)}`);
  return ms;
}

/** @param {string[]} args */
export async function runProcess(args) {
  const start = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
  });
  const [code] = await once(child, 'close');
  const ms = performance.now() - start;
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}`);
  return { ms, printed };
}

/** @param {string} subject @param {string} text */
export const line = (subject, text) => `${subject.padEnd(46)} ${text}`;

/** @param {number} ms */
export const milliseconds = (ms, digits = 1) => `${ms.toFixed(digits).padStart(8)} ms`;
