import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Got, RequestError } from 'got';
import {
  type ImdsError,
  ImdsForbiddenError,
  ImdsResponseError,
  ImdsTimeoutError,
  ImdsUnreachableError,
  isImdsError,
  type ResponseFault,
} from '../errors.js';
import { version } from '../version.js';
import type { Events } from './events.js';
import type { Settings } from './settings.js';

/** One request, as the rooms above the wire see it. */
export interface Exchange {
  readonly method: 'GET' | 'PUT';
  /** Absolute path such as `/latest/meta-data/instance-id`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** IMDS version spoken, for the event. */
  readonly version: 1 | 2;
  /** Milliseconds this attempt may take. */
  readonly timeoutMs: number;
}

/** One answer, whatever its status. */
export interface Answer {
  readonly statusCode: number;
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

// User data, the largest thing IMDS serves, is 16 KB; whatever sends more than this is not IMDS.
const largestBody = 1024 * 1024;

/** Speaks HTTP to one endpoint: no proxy, no redirect, no retry, no token. got is loaded by the first request. */
export class Transport {
  readonly #settings: Settings;
  readonly #events: Events;
  #got: Promise<Got> | undefined;
  readonly #underWay = new Set<(reason: ImdsError) => void>();
  #closedBy: ImdsError | undefined;

  constructor(settings: Settings, events: Events) {
    this.#settings = settings;
    this.#events = events;
  }

  /**
   * Sends one request and gives the whole answer, whatever its status.
   *
   * @throws {@link ImdsUnreachableError}, {@link ImdsTimeoutError}, {@link ImdsResponseError}
   */
  async request(exchange: Exchange): Promise<Answer> {
    this.#got ??= load();
    const got = await this.#got;
    const events = this.#events.wanted('request') ? this.#events : undefined;
    if (!events) return await this.#send(got, exchange);

    const { method, path, version } = exchange;
    const start = performance.now();
    const publish = (result: { statusCode?: number; error?: ImdsError['code'] }): void =>
      events.publish('request', { method, path, version, durationMs: performance.now() - start, ...result });
    try {
      const answer = await this.#send(got, exchange);
      publish({ statusCode: answer.statusCode });
      return answer;
    } catch (error) {
      if (isImdsError(error)) publish({ error: error.code });
      throw error;
    }
  }

  /** Ends what is under way; later requests fail with the same error. */
  close(reason: ImdsError): void {
    this.#closedBy = reason;
    for (const end of this.#underWay) end(reason);
  }

  #send(got: Got, exchange: Exchange): Promise<Answer> {
    const { endpoint, connectTimeoutMs } = this.#settings;
    const { method, path, headers } = exchange;
    const timeoutMs = Math.max(1, exchange.timeoutMs);
    const target = `${method} ${endpoint}${path}`;
    return new Promise((resolve, reject) => {
      if (this.#closedBy) {
        reject(this.#closedBy);
        return;
      }
      // got writes a Unix socket's request as unix:/run/imds.sock:/latest/…, and would send "unix" for a host name.
      const isSocket = endpoint.startsWith('unix:');
      const stream = got.stream(isSocket ? `${endpoint}:${path}` : endpoint + path, {
        method,
        headers: isSocket ? { ...headers, host: 'localhost' } : headers,
        ...(isSocket ? { enableUnixSockets: true } : {}),
        timeout: { connect: connectTimeoutMs, request: timeoutMs },
        // An explicit empty body, or got would wait for one to be written.
        ...(method === 'PUT' ? { body: '' } : {}),
      });
      const chunks: Buffer[] = [];
      let size = 0;
      let request: ClientRequest | undefined;
      let response: IncomingMessage | undefined;

      const fail = (error: ImdsError): void => {
        this.#underWay.delete(fail);
        reject(error);
        // The stream's own end is of no interest any more, but an error without a listener would end the process.
        stream.on('error', () => {});
        stream.destroy();
      };
      this.#underWay.add(fail);

      stream.once('request', (sent: ClientRequest) => {
        request = sent;
      });
      // After a 101 got takes the connection for its user's, and neither answers nor times out any more.
      stream.once('upgrade', ({ statusCode = 101 }: IncomingMessage, socket: Socket) => {
        socket.destroy();
        fail(unexpectedStatus(target, statusCode));
      });
      stream.once('response', (received: IncomingMessage) => {
        response = received;
        if (Number(received.headers['content-length']) > largestBody) fail(tooLarge(target));
      });
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > largestBody) fail(tooLarge(target));
        else chunks.push(chunk);
      });
      stream.once('error', (error: RequestError) => {
        const bytesRead = request?.socket?.bytesRead ?? 0;
        fail(translate(error, target, { timeoutMs, connectTimeoutMs, silent: bytesRead === 0, response }));
      });
      stream.once('end', () => {
        this.#underWay.delete(fail);
        const received = response;
        if (!received) return;
        resolve({
          statusCode: received.statusCode ?? 0,
          header: (name) => {
            const value = received.headers[name];
            return Array.isArray(value) ? value[0] : value;
          },
          body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size),
        });
      });
    });
  }
}

/** The error that a status other than 200, 401 and 404 stands for; what those mean depends on what was asked. */
export function statusError(answer: Answer, target: string, note = ''): ImdsError {
  const { statusCode } = answer;
  if (statusCode === 403)
    return new ImdsForbiddenError(`${target} was answered 403`, {
      hint:
        'Either the endpoint is switched off (HttpEndpoint=disabled; `aws ec2 modify-instance-metadata-options ' +
        '--instance-id <id> --http-endpoint enabled` switches it on), or a proxy in the way adds X-Forwarded-For, ' +
        `with which IMDS refuses the token request.${note && ` ${note}`}`,
    });
  if (statusCode >= 300 && statusCode < 400)
    return new ImdsResponseError(`${target} was answered with a redirect (${statusCode}), which is never followed`, {
      fault: 'redirect',
      statusCode,
      hint: 'IMDS does not redirect: something else answers at this address. Check the endpoint and what intercepts it.',
    });
  return unexpectedStatus(target, statusCode);
}

const unexpectedStatus = (target: string, statusCode: number): ImdsError =>
  new ImdsResponseError(`${target} was answered ${statusCode}`, { fault: 'status', statusCode });

const tooLarge = (target: string): ImdsError =>
  new ImdsResponseError(`${target} was answered with more than ${largestBody} bytes`, {
    fault: 'too-large',
    hint: 'IMDS serves at most some kilobytes: something else answers at this address.',
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

interface Circumstances {
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** No byte of an answer had arrived. */
  readonly silent: boolean;
  readonly response: IncomingMessage | undefined;
}

/** Turns got's error, whose options hold the token, into one that can be shown. */
function translate(error: RequestError, target: string, circumstances: Circumstances): ImdsError {
  const { timeoutMs, connectTimeoutMs, silent, response } = circumstances;
  const connected = error.timings?.connect !== undefined;
  const timedOut = error.code === 'ETIMEDOUT' && error.name === 'TimeoutError';
  const cause = systemError(error);
  if (!connected) {
    const why = timedOut ? `no connection within ${Math.round(Math.min(connectTimeoutMs, timeoutMs))} ms` : error.code;
    return new ImdsUnreachableError(`${target} could not be sent: ${why}`, { cause, hint: unreachableHint(target) });
  }
  if (timedOut) {
    const what = silent ? 'was not answered' : 'was not answered in full';
    return new ImdsTimeoutError(`${target} ${what} within ${Math.round(timeoutMs)} ms`, {
      phase: silent ? 'response' : 'body',
      cause,
    });
  }
  const fault: ResponseFault = error.code.startsWith('HPE_') ? 'not-http' : response ? 'cut' : 'reset';
  const what = {
    'not-http': 'was not answered in HTTP',
    cut: 'was answered with a body shorter than announced, or cut off',
    reset: 'was not answered: the connection was closed',
  }[fault];
  return new ImdsResponseError(`${target} ${what} (${error.code})`, {
    fault,
    cause,
    statusCode: response?.statusCode,
    hint: fault === 'not-http' ? 'Something other than IMDS answers at this address. Check the endpoint.' : undefined,
  });
}

const unreachableHint = (target: string): string =>
  /http:\/\/(169\.254\.169\.254|\[fd00:ec2::254\])\//.test(target)
    ? 'Is this an EC2 instance? If so, look at the route to this address, at firewall rules, and for IPv6 at ' +
      'HttpProtocolIpv6. Elsewhere, `imds emulate` serves the same and AWS_EC2_METADATA_SERVICE_ENDPOINT points to it.'
    : 'Nothing answers at this endpoint. Check that it is right and that what should listen there is running.';

/** The system's part of an error alone: a parse error, for one, carries the bytes received. */
function systemError(error: RequestError): Error {
  const { cause } = error;
  const isError = typeof cause === 'object' && cause !== null && 'message' in cause;
  const plain = new Error(isError ? String(cause.message) : error.message);
  plain.name = 'SystemError';
  return Object.assign(plain, { code: error.code });
}
