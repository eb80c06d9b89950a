import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { on, once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A service beside IMDS that answers datagrams, and so shows how far away both are. */
export interface Beacon {
  readonly speaks: 'NTP' | 'DNS';
  readonly address: string;
  readonly port: number;
}

/** A measured distance. */
export interface Distance {
  /** The smallest TTL with which a datagram arrived: 1 on the instance itself, one more behind each router. */
  readonly hops: number;
  readonly by: Beacon;
}

export const inHops = (count: number): string => `${count} ${count === 1 ? 'hop' : 'hops'}`;

/** Amazon Time Sync and the Amazon DNS, by IP family. */
export const beacons: Readonly<Record<'IPv4' | 'IPv6', readonly Beacon[]>> = {
  IPv4: [
    { speaks: 'NTP', address: '169.254.169.123', port: 123 },
    { speaks: 'DNS', address: '169.254.169.253', port: 53 },
  ],
  IPv6: [
    { speaks: 'NTP', address: 'fd00:ec2::123', port: 123 },
    { speaks: 'DNS', address: 'fd00:ec2::253', port: 53 },
  ],
};

const ttls = [1, 2, 3, 4, 5];
// A datagram is repeated, since a lost one looks like one that died on the way. Not more often than this: each that dies
// makes a router send a notice, of which Linux sends six in a row to one host and then one a second, and one of those is
// how a firewall rejects a connection.
const sendAtMs = [0, 90, 180, 270];
const lastSendMs = Math.max(...sendAtMs);
const fullTimeMs = 800;
const sliceMs = 20;
// How long the first beacon may be silent before the next is asked too.
const silenceMs = 300;

/**
 * Measures how far away IMDS is: a datagram sent with TTL n arrives if fewer than n routers stand in between, so the
 * smallest n that is answered is the `HttpPutResponseHopLimit` that this process needs. Needs no privilege, and about a
 * second at most.
 *
 * @param among asked in turn, each when those before it are silent
 * @returns undefined when nothing was answered
 */
export async function measureDistance(among: readonly Beacon[], signal?: AbortSignal): Promise<Distance | undefined> {
  const done = new AbortController();
  const stop = AbortSignal.any([done.signal, ...(signal ? [signal] : [])]);
  let isSilent = true;
  const surveys = among.map(async (beacon, index) => {
    await delay(index * silenceMs, undefined, { signal: stop }).catch(() => {});
    if (!isSilent || stop.aborted) return undefined;
    const found = await survey(beacon, stop, () => {
      isSilent = false;
    });
    // A late answer of the first is as good as an answer of the next.
    if (found) done.abort();
    return found;
  });
  return (await Promise.all(surveys)).find((found) => found !== undefined);
}

/** Asks one beacon with all TTLs at once. @param heard called at each answer */
async function survey(beacon: Beacon, signal: AbortSignal, heard: () => void): Promise<Distance | undefined> {
  const start = performance.now();
  const over = new AbortController();
  const endIn = (ms: number): void => void runningFor(ms, over.signal).then(() => over.abort());
  endIn(fullTimeMs);
  const trials = ttls.map((ttl) => ({ ttl, stop: new AbortController() }));
  const answered = await Promise.all(
    trials.map(async ({ ttl, stop }, index) => {
      if (!(await isAnswered(beacon, ttl, AbortSignal.any([signal, over.signal, stop.signal])))) return [];
      heard();
      for (const { stop } of trials.slice(index)) stop.abort();
      // Every smaller TTL gets the time in which an answer to its last datagram would come.
      const tookMs = performance.now() - start;
      endIn(Math.max(0, lastSendMs - tookMs) + 1.5 * tookMs + 40);
      return [ttl];
    }),
  );
  over.abort();
  const [hops] = answered.flat();
  return hops === undefined ? undefined : { hops, by: beacon };
}

/**
 * Waits in slices, each of which lets sockets speak: a time in which this process did not get to run counts as one slice,
 * so what was answered meanwhile is read before anything is given up.
 */
async function runningFor(ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= sliceMs)
    await delay(Math.min(left, sliceMs), undefined, { signal }).catch(() => {});
}

/** Sends datagrams with a TTL until one is answered or the signal is aborted. */
async function isAnswered({ speaks, address, port }: Beacon, ttl: number, signal: AbortSignal): Promise<boolean> {
  const question = questions[speaks]();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const timers: NodeJS.Timeout[] = [];
  try {
    // A connected socket gets the answers of this address alone.
    socket.connect(port, address);
    await once(socket, 'connect', { signal });
    // On an IPv6 socket this is the hop limit.
    socket.setTTL(ttl);
    for (const at of sendAtMs) timers.push(setTimeout(() => socket.send(question.bytes, () => {}), at));
    for await (const [answer] of on(socket, 'message', { signal })) if (question.isAnsweredBy(answer)) return true;
    return false;
  } catch {
    return false;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    socket.close();
  }
}

const questions = {
  /** A client's request; the answer repeats its transmit timestamp, which may be random (RFC 5905, section 7.3). */
  NTP() {
    const stamp = randomBytes(8);
    const bytes = Buffer.alloc(48);
    bytes[0] = 0b00_100_011; // no leap warning, version 4, mode 3 (client)
    stamp.copy(bytes, 40);
    return {
      bytes,
      isAnsweredBy: (answer: Buffer) =>
        answer.length >= 48 && (answer.readUInt8(0) & 0b111) === 4 && answer.subarray(24, 32).equals(stamp),
    };
  },
  /** For the name servers of the root: every resolver knows them, and they tell nothing about who asks (RFC 1035, 4.1). */
  DNS() {
    const id = randomBytes(2);
    const header = [0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]; // recursion desired, one question
    const root = [0, 0, 2, 0, 1]; // ".", NS, IN
    return {
      bytes: Buffer.from([...id, ...header, ...root]),
      isAnsweredBy: (answer: Buffer) =>
        answer.length >= 12 && answer.subarray(0, 2).equals(id) && (answer.readUInt8(2) & 0x80) !== 0,
    };
  },
};
