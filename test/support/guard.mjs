// @ts-check
/**
 * Keeps a process on loopback. Loaded with `node --import`, it replaces what Node offers for reaching the network, so
 * that a connection, datagram or name lookup beyond loopback throws before anything is sent. Code under test may swallow
 * that error; therefore each refusal is also written down, and the hooks of the test run fail on it.
 *
 * Plain JavaScript, because child processes of the tests load it without tsx.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The folder of a test run is named in the environment: child processes write to it too, and this module may be loaded
// twice in one process, as ECMAScript module and, through tsx, as CommonJS. Mocha's workers have a folder each, or one
// would find what another was refused.
if (process.env['MOCHA_WORKER_ID'] !== undefined) delete process.env['IMDS_TEST_FOLDER'];
delete process.env['MOCHA_WORKER_ID'];
process.env['IMDS_TEST_FOLDER'] ??= createFolder();
const folder = process.env['IMDS_TEST_FOLDER'];
const refusals = join(folder, 'refusals');

function createFolder() {
  const created = mkdtempSync(join(tmpdir(), 'imds-test-'));
  mkdirSync(join(created, 'home'));
  process.on('exit', () => rmSync(created, { recursive: true, force: true }));
  return created;
}

/**
 * The refusals since the last call, in this process and in children started with `guardedEnv`.
 *
 * @returns {string[]}
 */
export function takeRefusals() {
  if (!existsSync(refusals)) return [];
  const lines = readFileSync(refusals, 'utf8').trimEnd().split('\n');
  rmSync(refusals);
  return lines;
}

/** Variables of a developer's or a runner's environment that would change the behaviour or the output of `imds`. */
const foreign = /^(AWS_.*|(https?|no|all)_proxy|NODE_USE_ENV_PROXY|NODE_OPTIONS|MOCHA_OPTIONS|NO_COLOR|FORCE_COLOR)$/i;

/**
 * An environment for a child process that keeps it on loopback and away from settings of this machine: no AWS or proxy
 * variables, an empty home.
 *
 * @param {Record<string, string | undefined>} [extra] Variables to add; `undefined` takes one away.
 * @returns {Record<string, string | undefined>}
 */
export function guardedEnv(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: join(folder, 'home'),
    AWS_CONFIG_FILE: join(folder, 'home', 'config'),
    NODE_OPTIONS: `--import ${import.meta.url}`,
    ...extra,
  };
}

const loopback = new net.BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** @param {unknown} host */
function isLoopback(host) {
  const address = String(host).replace(/%.*$/, '');
  const family = net.isIP(address);
  return family === 0 ? address === 'localhost' : loopback.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** @param {string} what */
function refuse(what) {
  const message = `${what} was refused: tests may talk to loopback only`;
  appendFileSync(refusals, `${message}\n`);
  throw Object.assign(new Error(message), { code: 'ERR_TEST_GUARD' });
}

/**
 * Has `check` look at the arguments of every call of a method before the method itself does.
 *
 * @param {object} target
 * @param {string} name
 * @param {(args: any[]) => void} check
 */
function guard(target, name, check) {
  const original = Reflect.get(target, name);
  /** @this {unknown} @param {unknown[]} args */
  function guarded(...args) {
    check(args);
    return Reflect.apply(original, this, args);
  }
  // Among them is what util.promisify goes by.
  Object.defineProperties(guarded, Object.getOwnPropertyDescriptors(original));
  Reflect.set(target, name, guarded);
}

guard(net.Socket.prototype, 'connect', (args) => {
  // net.connect(), http and tls hand over their normalised arguments as one array.
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  const isOptions = typeof first === 'object' && first !== null;
  const isPath = isOptions ? first.path : typeof first === 'string' && Number.isNaN(Number(first));
  if (isPath) return;
  const { port, host } = isOptions ? first : { port: first, host: typeof second === 'string' ? second : undefined };
  if (host && !isLoopback(host)) refuse(`A connection to ${host} port ${port}`);
});

// send(message[, offset, length][, port][, address][, callback]): where there is an address, it is third or fifth.
guard(dgram.Socket.prototype, 'send', (args) => {
  const address = [args[4], args[2]].find((argument) => typeof argument === 'string');
  if (address && !isLoopback(address)) refuse(`A datagram to ${address}`);
});
guard(dgram.Socket.prototype, 'connect', ([port, address]) => {
  if (typeof address === 'string' && !isLoopback(address)) refuse(`A datagram socket to ${address} port ${port}`);
});

for (const target of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype]) {
  for (const name of Object.getOwnPropertyNames(target).filter((name) => /^(lookup|resolve|reverse)/.test(name))) {
    guard(target, name, ([subject]) => {
      // Only lookup() of an address or of localhost asks no name server; listening and binding go through it too.
      const asksNobody = name === 'lookup' && (!subject || net.isIP(subject) || isLoopback(subject));
      if (!asksNobody) refuse(`dns.${name}(${subject})`);
    });
  }
}

syncBuiltinESMExports();
