import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, isIP, isIPv6, Socket } from 'node:net';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { toBytes } from './answers.js';
import type { Delivery } from './faults.js';
import type { Asked } from './service.js';

/** Who decides what is answered. */
export interface Reception {
  /** What becomes of the answer to a request that has arrived with its body, if any. */
  readonly answer: (asked: Asked) => Delivery;
  /** The same of what is no HTTP request, or is too large; `asked` if its headers could be read. */
  readonly refuse: (status: 400 | 413 | 431, asked?: Asked) => Delivery;
  /** Whether IPv6 callers are let in. */
  readonly servesIpv6: () => boolean;
}

/** One listening socket. */
export interface Listener {
  /** Base URL without a slash at the end, such as `http://127.0.0.1:1338`. */
  readonly url: string;
  /** Begins or ceases to listen; connections are refused meanwhile. */
  readonly setOpen: (isOpen: boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

const headerLimit = 8 * 1024;
const bodyLimit = 64 * 1024;
/** Connections kept open while their request arrives, and as many while they are answered; of more the oldest is closed. */
const roomSize = 1024;
/** Time for a whole request to arrive, and for a caller to go on reading its answer. */
const usualPatienceMs = 10_000;
/** For what was sent to be read, before a reset in the middle. */
const readingMs = 20;
/** The longest time that a timer of Node can be set to, some 24 days. */
const longestTimerMs = 2 ** 31 - 1;
/** Before another attempt to listen again at the port of before. */
const retryMs = 50;

/** Listens at `host`; rejects with the system's error if that is not possible. */
export async function listen(
  host: string,
  port: number,
  reception: Reception,
  patienceMs = usualPatienceMs,
): Promise<Listener> {
  // Who says nothing never takes the place of who has asked.
  const arriving = new Set<Socket>();
  const answered = new Set<Socket>();
  const admit = (room: Set<Socket>, socket: Socket): void => {
    room.add(socket);
    if (room.size <= roomSize) return;
    const [oldest] = room;
    if (oldest === undefined) return;
    room.delete(oldest);
    oldest.destroy();
  };
  const answer = (socket: Socket, delivery: Delivery): void => {
    arriving.delete(socket);
    admit(answered, socket);
    void deliver(socket, delivery, patienceMs);
  };

  const server = createServer({
    maxHeaderSize: headerLimit,
    headersTimeout: patienceMs,
    requestTimeout: patienceMs,
    connectionsCheckingInterval: patienceMs / 2,
    // So that the answer to a request without one is not Node's own.
    requireHostHeader: false,
  });
  server.on('connection', (socket) => {
    if (!reception.servesIpv6() && isIPv6Caller(socket)) {
      socket.resetAndDestroy();
      return;
    }
    admit(arriving, socket);
    socket.once('close', () => {
      arriving.delete(socket);
      answered.delete(socket);
    });
  });
  const hear = (request: IncomingMessage): void => {
    const { socket, method = '', url: target = '', httpVersion, headers } = request;
    // One request per connection: whatever follows is not heard.
    if (!socket.writable || !arriving.has(socket)) return;
    const asked = { method, target, httpVersion, headers };
    if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) {
      answer(socket, reception.answer(asked));
      return;
    }
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > bodyLimit && arriving.has(socket)) answer(socket, reception.refuse(413, asked));
    });
    request.on('end', () => {
      if (arriving.has(socket)) answer(socket, reception.answer(asked));
    });
  };
  server.on('request', hear);
  server.on('checkExpectation', hear);
  server.on('connect', (request: IncomingMessage) => {
    // Node has let go of this connection, and hands over whatever becomes of it.
    request.socket.on('error', () => {}).resume();
    hear(request);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!(socket instanceof Socket) || !error.code?.startsWith('HPE_')) socket.destroy();
    else if (socket.writable && arriving.has(socket)) {
      answer(socket, reception.refuse(error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400));
    }
  });

  server.listen({ host, port });
  await once(server, 'listening');
  const bound = addressOf(server);

  let wanted: 'open' | 'paused' | 'ended' = 'open';
  let turn: Promise<void> | undefined;
  // While nobody listens, the one keeps the port from being given to others, and the other keeps the process alive.
  let stake: Socket | undefined;
  let vigil: NodeJS.Timeout | undefined;
  const release = (): void => {
    stake?.resetAndDestroy();
    clearInterval(vigil);
  };
  const pause = async (): Promise<void> => {
    const closed = shut(server, [...arriving, ...answered]);
    if (wanted === 'paused') {
      release();
      stake = occupy(bound);
      vigil = setInterval(() => {}, 60_000);
    }
    await closed;
  };
  const resume = async (): Promise<void> => {
    while (wanted === 'open' && !server.listening) {
      server.listen({ host, port: bound.port });
      // Should somebody else have taken the port all the same, it may become free again.
      await once(server, 'listening').catch(() => delay(retryMs));
    }
    if (wanted === 'open') release();
  };
  const settle = async (): Promise<void> => {
    while (turn !== undefined) await turn;
    if ((wanted === 'open') === server.listening) return;
    turn = (wanted === 'open' ? resume() : pause()).finally(() => {
      turn = undefined;
    });
    await turn;
  };
  return {
    url: urlOf(bound),
    async setOpen(isOpen) {
      if (wanted === 'ended') return;
      wanted = isOpen ? 'open' : 'paused';
      await settle();
    },
    async close() {
      wanted = 'ended';
      release();
      await settle();
    },
  };
}

/**
 * Puts an answer on the wire, whole or as a fault left it. The bytes are written to the socket as they stand:
 * `ServerResponse` would choose the status line and add headers.
 */
async function deliver(socket: Socket, delivery: Delivery, patienceMs: number): Promise<void> {
  const { answer, garbage, delayMs, byteIntervalMs, part, ending } = delivery;
  if (answer === undefined || !socket.writable) return;
  if (delayMs > 0 && !(await elapse(socket, delayMs))) return;
  const { head, body } = garbage === undefined ? toBytes(answer) : { head: garbage, body: Buffer.alloc(0) };
  const share = part === 'half' ? body.subarray(0, Math.floor(body.length / 2)) : body;
  let rest = part === 'none' ? Buffer.alloc(0) : Buffer.concat([head, share]);
  while (byteIntervalMs > 0 && rest.length > 0) {
    const count = rest.length > share.length ? rest.length - share.length : 1;
    socket.write(rest.subarray(0, count));
    rest = rest.subarray(count);
    if (!(await elapse(socket, byteIntervalMs))) return;
  }
  if (ending === 'close') {
    socket.end(rest, () => socket.destroy());
    if (socket.writableLength > 0) socket.setTimeout(patienceMs, () => socket.destroy());
    return;
  }
  socket.write(rest);
  // What a caller has not read when the reset arrives it may never see. The immediate lets one of this process read.
  if (part !== 'none' && (await elapse(socket, readingMs))) await setImmediate();
  socket.resetAndDestroy();
}

/** Waits, in real time; false if the connection is closed meanwhile. */
function elapse(socket: Socket, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      socket.off('close', end);
      resolve(!socket.destroyed);
    };
    const timer = setTimeout(end, Math.min(ms, longestTimerMs));
    socket.once('close', end);
  });
}

/**
 * Whether a `Host` header may come from a caller of ours. A web page that has its own name resolve to this machine
 * (DNS rebinding) is recognised by that name; an address cannot be turned that way.
 */
export function isOwnHost(host: string | undefined, hosts: readonly string[]): boolean {
  if (host === undefined) return true; // no browser leaves it out
  const [, bracketed, bare] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d*)?$/.exec(host) ?? [];
  const name = (bracketed ?? bare ?? '').toLowerCase();
  return isIP(name) !== 0 || name === 'localhost' || hosts.some((own) => own.toLowerCase() === name);
}

function isIPv6Caller({ localAddress = '' }: Socket): boolean {
  return isIPv6(localAddress) && !localAddress.startsWith('::ffff:');
}

function addressOf(server: Server): AddressInfo {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not listening on a TCP port');
  return bound;
}

function hostOf({ address }: AddressInfo): string {
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
}

function urlOf(bound: AddressInfo): string {
  const host = hostOf(bound);
  return `http://${bound.family === 'IPv6' ? `[${host}]` : host}:${bound.port}`;
}

/** A connection from a port to itself. Connections of others are refused, for nobody listens. */
function occupy(bound: AddressInfo): Socket {
  const host = hostOf(bound);
  const stake = connect({ host, port: bound.port, localAddress: host, localPort: bound.port });
  // Where the system knows no such thing, the port is left to luck.
  return stake.on('error', () => {});
}

async function shut(server: Server, connections: readonly Socket[]): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  for (const socket of connections) socket.destroy();
  await closed;
}
