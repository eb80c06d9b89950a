import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A service beside IMDS that answers datagrams, and so tells how far away both are. */
export interface Beacon {
  readonly speaks: 'NTP' | 'DNS';
  readonly address: string;
  readonly port: number;
}

/** How far away the services of the link-local addresses are. */
export interface Distance {
  /** The smallest TTL with which a datagram arrived: 1 on the instance itself, one more behind each router. */
  readonly hops: number;
  readonly by: Beacon;
}

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
// What is not answered is sent again, for a lost datagram looks like one that died on the way.
// Not more often than this: each that dies makes a router send a notice, of which Linux sends six in a row to one host
// and then one a second, and one of those is how a firewall rejects a connection.
const sendAtMs = [0, 90, 180, 270];
const fullTimeMs = 800;
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
  const [first, ...rest] = among;
  if (first === undefined) return undefined;
  const end = new AbortController();
  const any = AbortSignal.any([end.signal, ...(signal ? [signal] : [])]);
  const survey = new Survey(first, any);
  try {
    // An abort ends the wait; what it means is looked at below.
    await Promise.race([survey.done, delay(silenceMs, undefined, { signal: any, ref: false }).catch(() => {})]);
    if (survey.isSilent && !any.aborted) {
      const next = measureDistance(rest, any);
      // A late answer of the first is as good as an answer of the next.
      return (
        (await Promise.race([
          survey.done.then((found) => found ?? next),
          next.then((found) => found ?? survey.done),
        ])) ?? undefined
      );
    }
    return await survey.done;
  } finally {
    end.abort();
  }
}

/** The questions put to one beacon. */
class Survey {
  readonly done: Promise<Distance | undefined>;
  readonly #beacon: Beacon;
  readonly #sockets = new Map<number, Socket>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #started = performance.now();
  #smallest: number | undefined;
  #settle: (found: Distance | undefined) => void = () => {};

  constructor(beacon: Beacon, signal: AbortSignal) {
    this.#beacon = beacon;
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const stop = (): void => this.#end();
    signal.addEventListener('abort', stop, { once: true });
    this.done.then(() => signal.removeEventListener('abort', stop));
    for (const ttl of ttls) this.#ask(ttl);
    this.#after(fullTimeMs, stop);
    if (signal.aborted) stop();
  }

  get isSilent(): boolean {
    return this.#smallest === undefined;
  }

  #ask(ttl: number): void {
    const { speaks, address, port } = this.#beacon;
    const question = questions[speaks]();
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    this.#sockets.set(ttl, socket);
    const giveUp = (): void => this.#drop(ttl);
    socket.on('error', giveUp);
    socket.on('message', (answer) => {
      if (question.isAnsweredBy(answer)) this.#answered(ttl);
    });
    // A connected socket gets the answers of this address alone.
    socket.once('connect', () => {
      try {
        // On an IPv6 socket this is the hop limit.
        socket.setTTL(ttl);
      } catch {
        giveUp();
        return;
      }
      for (const at of sendAtMs)
        this.#after(at, () => {
          if (this.#sockets.get(ttl) === socket) socket.send(question.bytes, () => {});
        });
    });
    // Without a callback, which would get the error, too.
    socket.connect(port, address);
  }

  #answered(ttl: number): void {
    if (this.#smallest === undefined) {
      // Every smaller TTL gets the time in which an answer to its last datagram would come.
      const tookMs = performance.now() - this.#started;
      this.#after(Math.max(0, (sendAtMs.at(-1) ?? 0) - tookMs) + 1.5 * tookMs + 40, () => this.#end());
    }
    this.#smallest = Math.min(ttl, this.#smallest ?? ttl);
    for (const open of [...this.#sockets.keys()]) if (open >= ttl) this.#drop(open);
  }

  #drop(ttl: number): void {
    this.#sockets.get(ttl)?.close();
    this.#sockets.delete(ttl);
    if (this.#sockets.size === 0) this.#end();
  }

  #end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    this.#settle(this.#smallest === undefined ? undefined : { hops: this.#smallest, by: this.#beacon });
  }

  #after(ms: number, act: () => void): void {
    this.#timers.push(setTimeout(act, ms));
  }
}

interface Question {
  readonly bytes: Buffer;
  readonly isAnsweredBy: (answer: Buffer) => boolean;
}

const questions: Readonly<Record<Beacon['speaks'], () => Question>> = {
  /** A client's request; the answer repeats its transmit timestamp, which may be random (RFC 5905, section 7.3). */
  NTP() {
    const stamp = randomBytes(8);
    const bytes = Buffer.alloc(48);
    bytes[0] = 0b00_100_011; // no leap warning, version 4, mode 3 (client)
    stamp.copy(bytes, 40);
    return {
      bytes,
      isAnsweredBy: (answer) =>
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
      isAnsweredBy: (answer) =>
        answer.length >= 12 && answer.subarray(0, 2).equals(id) && (answer.readUInt8(2) & 0x80) !== 0,
    };
  },
};
