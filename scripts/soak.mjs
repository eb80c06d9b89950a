/**
 * Chaos: `npm run soak [-- --minutes N]`, an hour by default. Clients read without a pause from a server that loses replies,
 * resets connections, refuses tokens, answers 5xx or half, gives tokens that live a second and moves its clock; one watches.
 * Ends with 1 for a wrong value, an error of anybody else, a call that outlasts its deadline by more than 300 ms or never
 * ends, an event loop held for as long, a token sent after its end, a warning of Node, and memory, sockets, timers or
 * listeners that grow.
 */
import { fork } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const latenessMs = 300;
const growthMiB = 2;
// A client has at most eight requests under way.
const mostSockets = 8;
const names = Array.from({ length: 40 }, (_, index) => `tags/instance/key-${index}`);
const role = 'iam/security-credentials/';
const rebalance = 'events/recommendations/rebalance';
const noticeTime = '2026-11-23T09:00:00Z';

/** @param {number} count */
const below = (count) => Math.floor(Math.random() * count);
/** @template T @param {readonly T[]} items @returns {T} */
const oneOf = (items) => /** @type {T} */ (items[below(items.length)]);
/** Milliseconds on the clock that all processes of the machine share. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
/** The value at a path: its own name, so that no other path's value and no part of one passes for it. @param {string} path */
const contentOf = (path) => `${path} ${'.'.repeat(path.length * 7)} end`;

function serve() {
  /** @type {Map<string, number>} */
  const tokens = new Map();
  const moods = [
    'calm',
    'calm',
    'calm',
    'lost',
    'reset',
    'refused',
    'busy',
    'cut',
    'slow',
    'short-lived',
    'moved',
    'any',
  ];
  let mood = 'calm';
  let skewMs = 0;
  let asked = 0;
  setInterval(() => {
    mood = oneOf(moods);
    skewMs = mood === 'moved' ? (Math.random() - 0.5) * 1e10 : 0;
  }, 3000);

  const server = createServer(async (request, response) => {
    asked += 1;
    const trouble = mood === 'any' ? oneOf(moods) : Math.random() < 0.6 ? mood : 'calm';
    const path = (request.url ?? '').replace('/latest/meta-data/', '');
    if (request.method === 'GET') {
      const until = tokens.get(String(request.headers['x-aws-ec2-metadata-token']));
      if (until === undefined || performance.now() > until || trouble === 'refused')
        return response.writeHead(401).end();
    }
    if (trouble === 'lost') return undefined;
    if (trouble === 'reset') return request.socket.resetAndDestroy();
    if (trouble === 'busy') return response.writeHead(oneOf([429, 500, 502, 503])).end();
    if (trouble === 'slow') await sleep(below(1500));
    response.setHeader('Connection', 'close');
    response.setHeader('Date', new Date(Date.now() + skewMs).toUTCString());
    let body = contentOf(path);
    if (request.method === 'PUT') {
      const seconds = trouble === 'short-lived' ? 1 : oneOf([2, 60, 21600]);
      body = `TOKEN-${asked}-${Math.random()}-${nowMs() + seconds * 1000}`;
      tokens.set(body, performance.now() + seconds * 1000);
      setTimeout(() => tokens.delete(body), seconds * 1000 + 60_000).unref();
      response.setHeader('X-Aws-Ec2-Metadata-Token-Ttl-Seconds', String(seconds));
    } else if (path === role) body = 'soak-role';
    else if (path === `${role}soak-role`) body = credentials(asked, skewMs);
    else if (path === rebalance) body = JSON.stringify({ noticeTime });
    if (trouble !== 'cut') return response.end(body);
    response.setHeader('Content-Length', String(body.length));
    response.write(body.slice(0, below(body.length)), () => request.socket.destroy());
    return undefined;
  });
  process.on('message', () => process.send?.(asked));
  process.on('disconnect', () => process.exit());
  server.listen(0, '127.0.0.1', () =>
    process.send?.(/** @type {import('node:net').AddressInfo} */ (server.address()).port),
  );
}

/** @param {number} number @param {number} skewMs */
function credentials(number, skewMs) {
  const now = Date.now() + skewMs;
  return JSON.stringify({
    Code: 'Success',
    LastUpdated: new Date(now).toISOString(),
    Type: 'AWS-HMAC',
    AccessKeyId: `KEY-${number}`,
    SecretAccessKey: `SECRET-${number}`,
    Token: `SESSION-${number}`,
    Expiration: new Date(now + 3_600_000).toISOString(),
  });
}

async function soak() {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } });
  const { Imds, isImdsError } = await import('imds');
  const server = fork(new URL(import.meta.url), ['server'], { execArgv: [] });
  const [port] = await once(server, 'message');
  const options = { endpoint: `http://127.0.0.1:${port}`, requestTimeoutMs: 400, retryDelayMs: 20 };
  const clients = [
    new Imds(options),
    new Imds({ ...options, cache: false }),
    new Imds({ ...options, tokenTtlSeconds: 1 }),
  ];
  const signal = new AbortController().signal;
  /** @type {Map<string, number>} */
  const outcomes = new Map();
  /** @type {string[]} */
  const wrong = [];
  process.on('warning', ({ message }) => wrong.push(`a warning: ${message}`));
  // Judged where it is sent: on a busy machine the server may get to read a request much later.
  subscribe('http.client.request.start', (message) => {
    const { request } = /** @type {{ request: import('node:http').ClientRequest }} */ (message);
    const token = request.getHeader('x-aws-ec2-metadata-token');
    const overMs = token === undefined ? 0 : nowMs() - Number(String(token).split('-').at(-1));
    // Negated, so that a token without an end is wrong, too.
    if (!(overMs <= 0)) wrong.push(`a token was sent ${overMs} ms after its end`);
  });
  const end = performance.now() + Number(values.minutes) * 60_000;
  let underWay = 0;

  /** Reads until the time is over. */
  async function reader() {
    while (performance.now() < end) {
      const imds = oneOf(clients);
      const deadlineMs = 20 + below(2000);
      const aborts = Math.random() < 0.05 ? new AbortController() : undefined;
      const timer = aborts && setTimeout(() => aborts.abort('enough'), below(300));
      const call = { deadlineMs, fresh: Math.random() < 0.2, signal: aborts?.signal ?? signal };
      const elapsedMs = stopwatch();
      underWay += 1;
      const outcome = await attempt(imds, call).catch((error) => {
        if (error === 'enough' || isImdsError(error)) return error.code ?? error;
        return `foreign: ${error?.stack ?? error}`;
      });
      underWay -= 1;
      clearTimeout(timer);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      const overMs = elapsedMs() - deadlineMs;
      if (overMs > latenessMs)
        wrong.push(`a call took ${Math.round(overMs)} ms more than its ${deadlineMs}: ${outcome}`);
      if (/^(foreign|wrong)/.test(outcome)) wrong.push(outcome);
      await sleep(below(20));
    }
  }

  const watched = new AbortController();
  /** Watches through all troubles for what never changes. */
  async function watcher() {
    let count = 0;
    try {
      for await (const notice of clients[0].watch({ kinds: ['rebalance'], signal: watched.signal })) {
        count += 1;
        if (notice.change !== 'present' || notice.noticeTime !== noticeTime) wrong.push(`a notice: ${notice.change}`);
      }
    } catch (error) {
      if (error?.cause !== 'over') wrong.push(`the watch: ${error}`);
    }
    if (count !== 1) wrong.push(`${count} notices in place of one`);
  }

  const watching = watcher();
  const readers = Array.from({ length: 24 }, reader);
  let first;
  let last;
  const everyMs = Math.min(60_000, (Number(values.minutes) * 60_000) / 5);
  while (performance.now() < end - everyMs / 2) {
    await sleep(everyMs);
    last = inUse();
    first ??= last;
    if (last.sockets > mostSockets * clients.length) wrong.push(`${last.sockets} sockets at once`);
    console.log(
      `${new Date().toISOString()} ${last.mib.toFixed(1)} MiB, ${last.sockets} sockets, ${last.timers} timers`,
    );
  }
  await Promise.race([Promise.all(readers), sleep(10_000, undefined, { ref: false })]);
  if (underWay > 0) wrong.push(`${underWay} calls do not end`);
  watched.abort('over');
  await watching;
  server.send('counts');
  const [asked] = await once(server, 'message');
  if (getEventListeners(signal, 'abort').length > 0) wrong.push('listeners are left on a signal');
  if (longestHoldMs > latenessMs) wrong.push(`the event loop was held for ${Math.round(longestHoldMs)} ms`);
  for (const imds of clients) imds.close();
  server.disconnect();
  await sleep(500);
  const left = inUse();
  // The channel to the server is one.
  if (left.sockets > 0 || left.timers > 1) wrong.push(`left: ${left.sockets} sockets, ${left.timers} timers`);
  if (first && last && last.mib - first.mib > growthMiB) wrong.push(`memory grew from ${first.mib} to ${last.mib} MiB`);
  console.log(`${asked} requests; ${[...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')}`);
  for (const each of wrong.slice(0, 20)) console.log(`WRONG ${each}`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

/** @param {import('imds').Imds} imds @param {import('imds').CallOptions} call @returns {Promise<string>} */
async function attempt(imds, call) {
  if (Math.random() < 0.1) {
    const { accessKeyId, secretAccessKey, sessionToken } = await imds.credentials(call);
    const number = accessKeyId.slice(4);
    const isWhole = secretAccessKey === `SECRET-${number}` && sessionToken === `SESSION-${number}`;
    return isWhole ? 'credentials' : 'wrong credentials';
  }
  const path = oneOf(names);
  const value = await imds.get(path, call);
  return value === contentOf(path) ? 'value' : `wrong value of ${path}: ${value}`;
}

// Milliseconds in which this process got to run: a later tick means that the machine was busy with others.
let ranMs = 0;
let lastTick = performance.now();
// In processor time, as others may have had the processor; collecting garbage below is not counted.
let longestHoldMs = 0;
let lastUsage = process.cpuUsage();
const ticker = setInterval(() => {
  ranMs += Math.min(performance.now() - lastTick, 40);
  lastTick = performance.now();
  const { user, system } = process.cpuUsage(lastUsage);
  longestHoldMs = Math.max(longestHoldMs, (user + system) / 1000);
  lastUsage = process.cpuUsage();
}, 10);

function stopwatch() {
  const from = ranMs;
  return () => ranMs - from;
}

/** Memory, sockets and timers in use, after garbage collection. The ticker above is one timer. */
function inUse() {
  setFlagsFromString('--expose-gc');
  for (let count = 0; count < 2; count += 1) runInNewContext('gc')();
  lastUsage = process.cpuUsage();
  const { heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const count = (/** @type {string} */ name) => resources.filter((each) => each === name).length;
  return { mib: (heapUsed + external) / 2 ** 20, sockets: count('TCPSocketWrap'), timers: count('Timeout') };
}

if (process.argv[2] === 'server') serve();
else await soak();
clearInterval(ticker);
