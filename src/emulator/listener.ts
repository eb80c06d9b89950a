import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { isIP, isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Answer, toBytes } from './answers.js';
import type { Asked } from './service.js';

/** Who decides what is answered. */
export interface Reception {
  /** The answer to a request that has arrived with its body, if any; `undefined` for silence. */
  readonly answer: (asked: Asked) => Answer | undefined;
  /** The answer to what is no HTTP request, or is too long. */
  readonly refuse: (status: 400 | 413 | 431) => Answer;
  /** Whether IPv6 callers are let in. */
  readonly servesIpv6: () => boolean;
}

/** One listening socket. */
export interface Listener {
  /** Base URL without a slash at the end, such as `http://127.0.0.1:1338`. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

const headerLimit = 8 * 1024;
const bodyLimit = 64 * 1024;
/** Connections kept open without an answer; of more than these the oldest is closed. */
const silenceLimit = 1024;
/** Time for a whole request to arrive, so that connections that say nothing do not pile up. */
const arrivalTimeoutMs = 10_000;

/** Listens at `host`; rejects with the system's error if that is not possible. */
export async function listen(host: string, port: number, reception: Reception): Promise<Listener> {
  const silent = new Set<Socket>();

  // The bytes are written to the socket as they stand: `ServerResponse` would choose the status line and add headers.
  const send = (socket: Duplex, answer: Answer): void => {
    if (socket.writable) socket.end(toBytes(answer), () => socket.destroy());
  };

  const respond = ({ socket, method = '', url: target = '', headers }: IncomingMessage): void => {
    const answer = reception.answer({ method, target, headers });
    if (answer !== undefined) {
      send(socket, answer);
      return;
    }
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
    const [oldest] = silent;
    if (silent.size > silenceLimit) oldest?.destroy();
  };

  const server = createServer({
    maxHeaderSize: headerLimit,
    headersTimeout: arrivalTimeoutMs,
    requestTimeout: arrivalTimeoutMs,
    connectionsCheckingInterval: arrivalTimeoutMs / 2,
  });
  server.on('connection', (socket) => {
    if (!reception.servesIpv6() && isIPv6Caller(socket)) socket.resetAndDestroy();
  });
  server.on('request', (request) => {
    const { socket, headers } = request;
    // One request per connection: whatever follows is not heard.
    if (!socket.writable || silent.has(socket)) return;
    if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) {
      respond(request);
      return;
    }
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > bodyLimit) send(socket, reception.refuse(413));
    });
    request.on('end', () => {
      if (socket.writable) respond(request);
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!error.code?.startsWith('HPE_')) socket.destroy();
    else send(socket, reception.refuse(error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400));
  });

  server.listen({ host, port });
  await once(server, 'listening');
  return { url: urlOf(server), close: () => close(server) };
}

/**
 * Whether a `Host` header may come from a caller of ours. A web page that has its own name resolve to this machine
 * (DNS rebinding) is recognised by that name; an address cannot be turned that way.
 */
export function isOwnHost(host: string | undefined, hosts: readonly string[]): boolean {
  if (host === undefined) return true; // HTTP/1.0; no browser leaves it out
  const [, bracketed, bare] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d*)?$/.exec(host) ?? [];
  const name = (bracketed ?? bare ?? '').toLowerCase();
  return isIP(name) !== 0 || name === 'localhost' || hosts.some((own) => own.toLowerCase() === name);
}

function isIPv6Caller({ localAddress = '' }: Socket): boolean {
  return isIPv6(localAddress) && !localAddress.startsWith('::ffff:');
}

function urlOf(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not listening on a TCP port');
  const address = bound.address === '0.0.0.0' ? '127.0.0.1' : bound.address === '::' ? '::1' : bound.address;
  return `http://${isIPv6(address) ? `[${address}]` : address}:${bound.port}`;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
