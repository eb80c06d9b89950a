import { once } from 'node:events';
import { createServer, IncomingMessage } from 'node:http';
import { type AddressInfo, isIPv6, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Delivery, deliver } from './delivery.js';
import type { Request } from './service.js';

/** Answers requests. */
export interface Handler {
  /** Answers a request that has arrived with its body, if any. */
  readonly handle: (request: Request) => Delivery;
  readonly servesIpv6: () => boolean;
}

/** Stands for a request that is not HTTP. */
const unread = { method: '', target: '', httpVersion: '', headers: {} };
const headerLimit = 8 * 1024;
const bodyLimit = 64 * 1024;
/** Maximum connections whose request is arriving, and as many being answered; beyond that, the oldest is closed. */
const connectionLimit = 1024;
/** Time for a whole request to arrive, and for a caller to continue reading its reply. */
const usualTimeoutMs = 10_000;
/** Delay before another attempt to listen on the same port. */
const retryMs = 50;

/**
 * Node destroys a request whose connection closes before its `ServerResponse`, which is not used here, has ended. The
 * error would tell nobody, and its stack takes longer than an answer.
 */
class Arrived extends IncomingMessage {
  override destroy(): this {
    return super.destroy();
  }
}

/** One listening socket. */
export class Server {
  readonly #host: string;
  readonly #handler: Handler;
  readonly #timeoutMs: number;
  readonly #http;
  #bound: AddressInfo = { address: '', family: '', port: 0 };
  // Two sets, so that callers that send nothing never displace callers that sent a request.
  readonly #arriving = new Set<Socket>();
  readonly #asked = new Set<Socket>();
  #isWanted = true;
  #work: Promise<void> | undefined;

  private constructor(host: string, handler: Handler, timeoutMs: number) {
    this.#host = host;
    this.#handler = handler;
    this.#timeoutMs = timeoutMs;
    this.#http = createServer({
      IncomingMessage: Arrived,
      maxHeaderSize: headerLimit,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: timeoutMs / 2,
      // Node's own reply to a request without one differs.
      requireHostHeader: false,
    });
    this.#http.on('connection', (socket) => this.#accept(socket));
    this.#http.on('request', (request) => this.#receive(request));
    this.#http.on('checkExpectation', (request) => this.#receive(request));
    this.#http.on('checkContinue', (request) => this.#receive(request, { rejection: 417 }));
    this.#http.on('connect', (request) => {
      // Node no longer handles this connection, errors included.
      request.socket.on('error', () => {});
      this.#receive(request);
    });
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (!(socket instanceof Socket) || !error.code?.startsWith('HPE_')) socket.destroy();
      else {
        const rejection = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
        this.#answer(socket, { ...unread, caller: ownForm(socket.remoteAddress), rejection });
      }
    });
  }

  /** Listens on `host`; rejects with the system error if that is not possible. Port 0 is any free one. */
  static async listen(host: string, port: number, handler: Handler, timeoutMs = usualTimeoutMs): Promise<Server> {
    const server = new Server(host, handler, timeoutMs);
    server.#http.listen({ host, port });
    await once(server.#http, 'listening');
    const bound = server.#http.address();
    if (typeof bound === 'object' && bound !== null) server.#bound = bound;
    return server;
  }

  /** Base URL without a trailing slash, such as `http://127.0.0.1:1338`. */
  get url(): string {
    return urlOf(this.#bound);
  }

  /**
   * Listens again on the same port, or stops listening at once and closes every connection. Resolves once the socket is
   * in the state last requested.
   */
  setListening(isWanted: boolean): Promise<void> {
    this.#isWanted = isWanted;
    this.#work ??= this.#settle().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  async #settle(): Promise<void> {
    while (this.#http.listening !== this.#isWanted) {
      if (this.#isWanted) {
        this.#http.listen({ host: this.#host, port: this.#bound.port });
        // If another process took the port meanwhile, it may become free again.
        await once(this.#http, 'listening').catch(() => delay(retryMs));
      } else {
        const closed = once(this.#http, 'close');
        this.#http.close();
        for (const socket of [...this.#arriving, ...this.#asked]) socket.destroy();
        await closed;
      }
    }
  }

  #accept(socket: Socket): void {
    if (!this.#handler.servesIpv6() && isIPv6(ownForm(socket.localAddress))) {
      socket.resetAndDestroy();
      return;
    }
    admit(this.#arriving, socket);
    socket.on('close', () => {
      this.#arriving.delete(socket);
      this.#asked.delete(socket);
    });
  }

  #receive(message: IncomingMessage, refusal?: Pick<Request, 'rejection'>): void {
    const { socket, method = '', url: target = '', httpVersion, headers } = message;
    const request = { method, target, httpVersion, headers, caller: ownForm(socket.remoteAddress), ...refusal };
    if (refusal || (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0)) {
      this.#answer(socket, request);
      return;
    }
    let size = 0;
    message.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > bodyLimit) this.#answer(socket, { ...request, rejection: 413 });
    });
    message.on('end', () => this.#answer(socket, request));
  }

  /** Answers one request of each connection; whatever follows is ignored. */
  #answer(socket: Socket, request: Request): void {
    if (!socket.writable || !this.#arriving.delete(socket)) return;
    admit(this.#asked, socket);
    // A listener takes the connection from Node's parser, which would keep each further request while this one waits, and
    // would end the reply to a caller that has ended its side.
    socket.on('data', () => {});
    socket.removeAllListeners('data').removeAllListeners('end').resume();
    void deliver(socket, this.#handler.handle(request), this.#timeoutMs);
  }
}

/** The base URL of a listener, as used by callers on this machine. */
export function urlOf({ address, family, port }: AddressInfo): string {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`;
}

/** An address in IPv4 form, even if the socket serves both families. */
const ownForm = (address = ''): string => (address.startsWith('::ffff:') ? address.slice(7) : address);

function admit(room: Set<Socket>, socket: Socket): void {
  room.add(socket);
  if (room.size <= connectionLimit) return;
  const [oldest] = room;
  if (oldest === undefined) return;
  room.delete(oldest);
  oldest.destroy();
}
