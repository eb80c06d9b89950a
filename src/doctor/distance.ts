import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A service next to IMDS that answers datagrams, and so shows how far away both are. */
export interface Beacon {
  readonly speaks: 'NTP' | 'DNS';
  readonly address: string;
  readonly port: number;
}

/** A measured distance. */
export interface Distance {
  /** The smallest TTL with which a datagram arrived: 1 on the instance itself, plus one per router. */
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
// Datagrams are repeated, since a lost one looks like one whose TTL ran out. Not more often than this: for each that
// runs out, a router sends an ICMP message, of which Linux sends a host six in a row, then one a second; a firewall
// rejects connections with such messages, too.
const sendAtMs = [0, 90, 180, 270];
const lastSendMs = Math.max(...sendAtMs);
// A beacon without an answer by this time is silent; further answers come before the longest time.
const silenceMs = 500;
const longestMs = 800;
// As long as timers of Windows take; those of sendAtMs are some of them.
const sliceMs = 15;

/**
 * Measures how far away IMDS is: a datagram sent with TTL n arrives if fewer than n routers are in between, so the
 * smallest n that gets an answer is the `HttpPutResponseHopLimit` this process needs. Needs no privilege, and at most
 * about a second.
 *
 * @param among tried in order, each if those before it are silent
 * @returns undefined if nothing answered
 */
export async function measureDistance(among: readonly Beacon[], signal?: AbortSignal): Promise<Distance | undefined> {
  for (const by of among) {
    const hops = await smallestAnswered(by, signal);
    if (hops !== undefined) return { hops, by };
  }
  return undefined;
}

/** Queries a beacon with all TTLs at once, and returns the smallest that gets an answer. */
async function smallestAnswered({ speaks, address, port }: Beacon, signal?: AbortSignal): Promise<number | undefined> {
  const { before, randomBytes: size, after, repeatedAt, isReply } = questions[speaks];
  const stamp = randomBytes(size);
  const question = Buffer.from([...before, ...stamp, ...after]);
  const isAnswer = (datagram: Buffer): boolean =>
    datagram.subarray(repeatedAt, repeatedAt + size).equals(stamp) && isReply(datagram);
  const open = new Map<number, Socket>();
  const close = (ttl: number): void => {
    open.get(ttl)?.close();
    open.delete(ttl);
  };
  let smallest: number | undefined;
  let ranMs = 0;
  let endMs = silenceMs;
  const heard = (ttl: number): void => {
    const tookMs = ranMs + sliceMs;
    // Every smaller TTL gets time for an answer to its last datagram.
    if (smallest === undefined) endMs = Math.min(longestMs, Math.max(tookMs, lastSendMs) + 1.5 * tookMs + 40);
    smallest = ttl;
    for (const other of open.keys()) if (other >= ttl) close(other);
  };
  try {
    for (const ttl of ttls) {
      const socket = await connectedSocket(address, port, ttl);
      open.set(ttl, socket);
      socket.on('error', () => close(ttl));
      socket.on('message', (answer) => isAnswer(answer) && heard(ttl));
    }
    // Each slice lets the sockets speak. A time in which this process did not get to run counts as one, so that what was
    // answered meanwhile is read before anything is given up.
    for (; open.size > 0 && ranMs < endMs && !signal?.aborted; ranMs += sliceMs) {
      if (sendAtMs.includes(ranMs)) for (const socket of open.values()) socket.send(question, () => {});
      await delay(sliceMs);
    }
  } catch {
    // Not possible or not permitted here, so the distance stays unknown.
  } finally {
    for (const ttl of open.keys()) close(ttl);
  }
  return smallest;
}

/** A socket for datagrams to and from one address only. Connecting it sends nothing. */
export async function connectedSocket(address: string, port: number, ttl?: number): Promise<Socket> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  try {
    socket.connect(port, address);
    await once(socket, 'connect');
    // On an IPv6 socket this is the hop limit.
    if (ttl !== undefined) socket.setTTL(ttl);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** By protocol, a question with random bytes inside, where an answer repeats those, and what else tells it from an echo. */
const questions = {
  // A client's request, version 4, mode 3; its transmit timestamp may be random (RFC 5905, section 7.3).
  NTP: {
    before: [0b00_100_011, ...new Array(39).fill(0)],
    randomBytes: 8,
    after: [],
    repeatedAt: 24,
    isReply: () => true,
  },
  // For the root's name servers: every resolver knows them, and the query reveals nothing (RFC 1035, 4.1).
  DNS: {
    before: [],
    randomBytes: 2,
    after: [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1],
    repeatedAt: 0,
    isReply: (datagram: Buffer) => ((datagram[2] ?? 0) & 0x80) !== 0,
  },
};
