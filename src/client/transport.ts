import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Got, RequestError } from 'got';
import { type ImdsError, isImdsError } from '../errors.js';
import { version } from '../version.js';
import type { Clock } from './clock.js';
import type { Events } from './events.js';
import { broken, statusError, timedOut, tooLarge, unreachable } from './failures.js';
import type { Settings } from './settings.js';

/** One request. */
export interface Request {
  readonly method: 'GET' | 'PUT';
  /** Absolute path such as `/latest/meta-data/instance-id`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** IMDS version spoken, for the event. */
  readonly version: 1 | 2;
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

type Address = Pick<Settings, 'endpoint' | 'connectTimeoutMs'>;

// User data, the largest thing IMDS serves, is 16 KB; whatever sends more than this is not IMDS.
const largestBody = 1024 * 1024;

/** Speaks HTTP to one endpoint: no proxy, no redirect, no retry, no token. The first request loads got. */
export class Transport {
  readonly #settings: Address;
  readonly #events: Events;
  readonly #clock: Clock;
  #got: Promise<Got> | undefined;
  /** Ends the requests under way, each with an error. */
  readonly #ends = new Set<(reason: ImdsError) => void>();
  #closedBy: ImdsError | undefined;

  constructor(settings: Address, events: Events, clock: Clock) {
    this.#settings = settings;
    this.#events = events;
    this.#clock = clock;
  }

  /**
   * Sends one request and gives the whole reply, whatever its status.
   *
   * @throws ImdsUnreachableError, ImdsTimeoutError, ImdsResponseError
   */
  async request(request: Request): Promise<Response> {
    this.#got ??= load();
    const got = await this.#got;
    if (!this.#events.wanted('request')) return await this.#send(got, request);
    const { method, path, version } = request;
    const { now } = this.#clock;
    const start = now();
    const publish = (result: { statusCode?: number; error?: ImdsError['code'] }): void =>
      this.#events.publish('request', { method, path, version, durationMs: now() - start, ...result });
    try {
      const response = await this.#send(got, request);
      publish({ statusCode: response.statusCode });
      return response;
    } catch (error) {
      if (isImdsError(error)) publish({ error: error.code });
      throw error;
    }
  }

  /** Ends the requests under way with an error. Later ones fail with the same. */
  close(reason: ImdsError): void {
    this.#closedBy = reason;
    for (const end of this.#ends) end(reason);
  }

  #send(got: Got, request: Request): Promise<Response> {
    if (this.#closedBy) return Promise.reject(this.#closedBy);
    const { endpoint, connectTimeoutMs } = this.#settings;
    const timeoutMs = Math.max(1, request.timeoutMs);
    const stream = open(got, endpoint, request, { connect: connectTimeoutMs, request: timeoutMs });
    const target = `${request.method} ${endpoint}${request.path}`;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      let sent: ClientRequest | undefined;
      let response: IncomingMessage | undefined;

      const fail = (error: ImdsError): void => {
        this.#ends.delete(fail);
        reject(error);
        // Nobody waits for the stream's own end, but an error without a listener would end the process.
        stream.on('error', () => {});
        stream.destroy();
      };
      this.#ends.add(fail);

      stream.once('request', (request: ClientRequest) => {
        sent = request;
      });
      // After a 101 got takes the connection for its user's, and neither answers nor times out any more.
      stream.once('upgrade', ({ statusCode = 101 }: IncomingMessage, socket: Socket) => {
        socket.destroy();
        fail(statusError(statusCode, target));
      });
      stream.once('response', (received: IncomingMessage) => {
        response = received;
        if (Number(received.headers['content-length']) > largestBody) fail(tooLarge(target, largestBody));
      });
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > largestBody) fail(tooLarge(target, largestBody));
        else chunks.push(chunk);
      });
      stream.once('error', (error: RequestError) => {
        const isSilent = (sent?.socket?.bytesRead ?? 0) === 0;
        fail(failureOf(error, target, { timeoutMs, connectTimeoutMs, isSilent, response }));
      });
      stream.once('end', () => {
        this.#ends.delete(fail);
        if (response) resolve(responseOf(response, chunks));
      });
    });
  }
}

function open(got: Got, endpoint: string, { method, path, headers }: Request, timeout: object) {
  // got writes a Unix socket's request as unix:/run/imds.sock:/latest/…, and would send "unix" for a host name.
  const isSocket = endpoint.startsWith('unix:');
  return got.stream(isSocket ? `${endpoint}:${path}` : endpoint + path, {
    method,
    headers: isSocket ? { ...headers, host: 'localhost' } : headers,
    ...(isSocket ? { enableUnixSockets: true } : {}),
    timeout,
    // An explicit empty body, or got would wait for one to be written.
    ...(method === 'PUT' ? { body: '' } : {}),
  });
}

const responseOf = ({ statusCode = 0, headers }: IncomingMessage, chunks: readonly Buffer[]): Response => ({
  statusCode,
  header: (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  },
  body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
});

async function load(): Promise<Got> {
  const [{ default: got }, http, net] = await Promise.all([import('got'), import('node:http'), import('node:net')]);
  return got.extend({
    // Of got's thirty options for node:http most are for TLS and undefined, and node:http copies all of them again and
    // again. IMDS closes each connection, so there is nothing for an agent to keep; and through the global one,
    // NODE_USE_ENV_PROXY=1 would send every read, token included, to HTTP_PROXY.
    request: (url, { method, headers, socketPath, path = url.pathname }, answered) => {
      const createConnection = ({ host, port }: ClientRequestArgs): Socket =>
        socketPath ? net.connect(socketPath) : net.connect(Number(port), host ?? undefined);
      return http.request(url, { method, headers, path, socketPath, createConnection }, answered);
    },
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    headers: { 'user-agent': `imds/${version}` },
  });
}

interface Exchange {
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** True when no byte of a reply had arrived. */
  readonly isSilent: boolean;
  readonly response: IncomingMessage | undefined;
}

/** The error to show for one of got, whose options hold the token. */
function failureOf(error: RequestError, target: string, exchange: Exchange): ImdsError {
  const { timeoutMs, connectTimeoutMs, isSilent, response } = exchange;
  const { code } = error;
  const cause = systemError(error);
  const isTimeout = code === 'ETIMEDOUT' && error.name === 'TimeoutError';
  if (error.timings?.connect === undefined) {
    const waitedMs = Math.round(Math.min(connectTimeoutMs, timeoutMs));
    return unreachable(target, isTimeout ? `no connection within ${waitedMs} ms` : code, cause);
  }
  if (isTimeout) return timedOut(target, timeoutMs, isSilent ? 'response' : 'body', cause);
  const fault = code.startsWith('HPE_') ? 'not-http' : response ? 'cut' : 'reset';
  return broken(target, fault, { code, statusCode: response?.statusCode, cause });
}

/** The system's part of an error alone: a parse error, for one, carries the bytes received. */
function systemError(error: RequestError): Error {
  const { cause } = error;
  const isError = typeof cause === 'object' && cause !== null && 'message' in cause;
  const plain = new Error(isError ? String(cause.message) : error.message);
  plain.name = 'SystemError';
  return Object.assign(plain, { code: error.code });
}
