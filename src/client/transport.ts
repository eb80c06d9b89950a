import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Got, Request as GotRequest, OptionsInit, RequestError } from 'got';
import { type ImdsError, isImdsError } from '../errors.js';
import { version } from '../version.js';
import type { Clock } from './clock.js';
import type { Closing } from './closing.js';
import type { Events } from './events.js';
import { notConnected, requestFailed, statusError, timedOut, tooLarge } from './failures.js';
import type { Settings } from './settings.js';

export interface Request {
  readonly method: 'GET' | 'PUT';
  /** Absolute path such as `/latest/meta-data/instance-id`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds it may take, from its start to the last byte. */
  readonly timeoutMs: number;
}

/** One reply, whatever its status. */
export interface Response {
  readonly statusCode: number;
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

/** The parts that a whole client shares. */
export interface Shared {
  /** The settings; the first call reads the shared config file. @throws ImdsSettingsError for an unusable value */
  readonly settings: () => Settings;
  readonly events: Events;
  readonly clock: Clock;
  readonly closing: Closing;
}

let got: Got | undefined;

/** Loads got. The first request waits for that, if it did not happen before. */
export async function loadGot(): Promise<Got> {
  got ??= (await import('got')).default;
  return got;
}

// User data, the largest thing IMDS serves, is at most 16 KB; anything larger than this is not from IMDS.
const largestBody = 1024 * 1024;

/** Speaks HTTP to one endpoint: no proxy, no redirect, no retry, no token. */
export class Transport {
  readonly #shared: Shared;
  /** Instances of got that need only a URL, by the headers of reads: got is slow to merge options. */
  readonly #readers = new WeakMap<Request['headers'], Got>();

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** Sends one request and returns the reply. @throws ImdsUnreachableError, ImdsTimeoutError, ImdsResponseError */
  async request(request: Request): Promise<Response> {
    const got = await loadGot();
    const { method, path, headers } = request;
    const version = Object.keys(headers).length > 0 ? 2 : 1;
    const { events, closing, clock } = this.#shared;
    const { now } = clock;
    const start = now();
    const publish = (outcome: { statusCode?: number; error?: ImdsError['code'] }): void =>
      events.publish('request', { method, path, version, durationMs: now() - start, ...outcome });
    let response: Response;
    try {
      response = await this.#send(got, request);
    } catch (error) {
      publish(isImdsError(error) ? { error: error.code } : {});
      throw error;
    }
    publish({ statusCode: response.statusCode });
    // A subscriber to that event may have closed the client.
    closing.throwIfClosed();
    return response;
  }

  #send(got: Got, request: Request): Promise<Response> {
    const { settings, clock, closing } = this.#shared;
    if (closing.reason) return Promise.reject(closing.reason);
    const { setDeadline, running } = clock;
    const { timeoutMs } = request;
    const { endpoint, connectTimeoutMs: longestMs } = settings();
    const connectTimeoutMs = Math.min(longestMs, timeoutMs);
    const target = `${request.method} ${endpoint}${request.path}`;
    const stream = this.#open(got, request);
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      let socket: Socket | undefined;
      let response: IncomingMessage | undefined;

      const end = (): void => {
        forget();
        cancel();
      };
      const fail = (failure: () => ImdsError): void => {
        end();
        // With no file descriptor left, its wording cannot be loaded, and thrown here that would end the process.
        new Promise(() => reject(failure())).catch(reject);
        // Nobody waits for the stream to end, but an error without a listener would crash the process.
        stream.on('error', () => {});
        stream.destroy();
      };
      const timeUp = (): void => {
        if (!socket) fail(() => notConnected(target, connectTimeoutMs));
        else fail(() => timedOut(target, timeoutMs, socket?.bytesRead ? 'body' : 'response'));
      };
      const start = running();
      let cancel = setDeadline(timeUp, start + connectTimeoutMs);
      const forget = closing.onEnd((reason) => fail(() => reason));

      const connected = (by: Socket): void => {
        socket = by;
        if (connectTimeoutMs === timeoutMs) return;
        cancel();
        cancel = setDeadline(timeUp, start + timeoutMs);
      };
      onConnection(stream, connected, (statusCode) => fail(() => statusError(statusCode, target)));
      stream.once('response', (received: IncomingMessage) => {
        response = received;
        if (Number(received.headers['content-length']) > largestBody) fail(() => tooLarge(target, largestBody));
      });
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > largestBody) fail(() => tooLarge(target, largestBody));
        else chunks.push(chunk);
      });
      stream.once('error', (error: RequestError) =>
        fail(() => requestFailed(error, target, socket !== undefined, response)),
      );
      stream.once('end', () => {
        end();
        if (response) resolve(responseOf(response, chunks));
      });
    });
  }

  #open(got: Got, { method, path, headers }: Request) {
    const { endpoint } = this.#shared.settings();
    const url = originOf(endpoint) + path;
    // Ended, or got would wait for a body to be written.
    if (method === 'PUT') return got.stream(url, { ...optionsFor(endpoint, headers), method }).end();
    const reader = this.#readers.get(headers) ?? got.extend(optionsFor(endpoint, headers));
    this.#readers.set(headers, reader);
    return reader.stream(url);
  }
}

/** The start of an endpoint's URLs. Requests through a Unix socket need a host as well. */
export const originOf = (endpoint: string): string => (endpoint.startsWith('unix:') ? 'http://localhost' : endpoint);

function onConnection(
  stream: GotRequest,
  connected: (by: Socket) => void,
  upgraded: (statusCode: number) => void,
): void {
  stream.once('request', (sent: ClientRequest) => {
    sent.once('socket', (socket: Socket) => socket.once('connect', () => connected(socket)));
    // After a 101 the socket is handed over, and the request neither ends nor times out.
    sent.once('upgrade', ({ statusCode = 101 }: IncomingMessage, socket: Socket) => {
      socket.destroy();
      upgraded(statusCode);
    });
  });
}

const responseOf = ({ statusCode = 0, headers }: IncomingMessage, chunks: readonly Buffer[]): Response => ({
  statusCode,
  header: (name) => [headers[name]].flat()[0],
  body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
});

function optionsFor(endpoint: string, headers: Request['headers']) {
  const http = process.getBuiltinModule('node:http');
  const net = process.getBuiltinModule('node:net');
  const createConnection = ({ host, port }: ClientRequestArgs): Socket =>
    endpoint.startsWith('unix:')
      ? net.connect(endpoint.slice('unix:'.length))
      : net.connect(Number(port), host ?? undefined);
  return {
    // Most of got's thirty options for node:http are for TLS and undefined, and node:http copies them all repeatedly.
    // IMDS closes each connection, so an agent has nothing to keep alive; and through the global one,
    // NODE_USE_ENV_PROXY=1 would send every read, token included, to HTTP_PROXY.
    request: (url, { method, headers }, answered) => http.request(url, { method, headers, createConnection }, answered),
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    headers: { 'user-agent': `imds/${version}`, ...headers },
  } satisfies OptionsInit;
}
