import { setMaxListeners } from 'node:events';
import { type ImdsError, ImdsTokenError, isImdsError } from '../errors.js';
import type { WaitingClock } from './clock.js';
import type { Events } from './events.js';
import { echoed, outOfTime, pathWithToken, refusedAgain, statusError } from './failures.js';
import { Limit } from './limit.js';
import { abortRetry, retry } from './retry.js';
import type { Settings } from './settings.js';
import type { Call } from './single-flight.js';
import { holds, lifetimeOf, shorterOf, ttlOf } from './token.js';
import { type Token, Tokens } from './tokens.js';
import type { Response, Transport } from './transport.js';

const version1 = Object.freeze({ token: undefined, headers: Object.freeze({}) });

/** What a read is made with: a session token or, while version 1 is in use, nothing. */
type Authorization = Token | typeof version1;

// IMDS throttles simultaneous connections; AWS does not publish from how many on.
const simultaneousRequests = 8;
// While version 1 is in use, version 2 is tried again this often.
const probeV2Ms = 60_000;

/** Token failures were retried already; don't retry them again per read. */
const rethrow = (error: unknown): never => {
  throw abortRetry(error);
};

/** Reads with a session token, which a 401 replaces. Falls back to version 1 where that is allowed. */
export class Session {
  readonly #transport: Pick<Transport, 'request'>;
  readonly #settings: Settings;
  readonly #events: Events;
  readonly #clock: WaitingClock;
  readonly #onRefusal: () => void;
  readonly #limit = new Limit(simultaneousRequests);
  readonly #closing = new AbortController();
  readonly #tokens: Tokens;
  /** When version 2 is tried again; undefined while it is in use. */
  #probeV2At: number | undefined;

  /**
   * @param onRefusal called when the service no longer knows the token. The instance may then have been stopped and
   *   started since: it was hibernated, or started from an image that holds this process.
   */
  constructor(
    transport: Pick<Transport, 'request'>,
    settings: Settings,
    events: Events,
    clock: WaitingClock,
    onRefusal: () => void,
  ) {
    this.#transport = transport;
    this.#settings = settings;
    this.#events = events;
    this.#clock = clock;
    this.#onRefusal = onRefusal;
    this.#tokens = new Tokens({
      transport,
      settings,
      events,
      clock,
      inTurn: (path, deadline, work) => this.#inTurn(path, deadline, work),
      retry: (attempt, path, deadline, maxAttempts) => this.#retry(attempt, path, deadline, maxAttempts),
      onToken: () => {
        if (this.#probeV2At !== undefined) events.publish('fallback', { to: 2 });
        this.#probeV2At = undefined;
      },
    });
    setMaxListeners(0, this.#closing.signal);
  }

  /** Reads a path and gives the reply: status 200, or 404. @throws an {@link ImdsError} for any other outcome */
  read(path: string, call: Call): Promise<Response> {
    return this.#retry(() => this.#attempt(path, call), path, call.deadline);
  }

  /** A token for another program. Never falls back to version 1. */
  async token(call: Call): Promise<string> {
    return (await this.#tokens.usable(call)).token;
  }

  /** Refuses a path that holds the token, which would then be in events, errors and other logs. @throws ImdsPathError */
  checkPath(path: string): void {
    const { newest } = this.#tokens;
    if (newest !== undefined && holds(path, newest)) throw pathWithToken();
  }

  /** Forgets the token, and ends the pauses before further attempts. */
  close(reason: ImdsError): void {
    this.#tokens.drop();
    this.#closing.abort(reason);
  }

  async #attempt(path: string, call: Call): Promise<Response> {
    let [response, authorization] = await this.#get(path, call);
    if (response.statusCode === 401) {
      this.#stopUsing(authorization);
      await this.#tokens.usable(call).catch(rethrow);
      [response, authorization] = await this.#get(path, call);
    }
    const { statusCode } = response;
    if (statusCode === 200 || statusCode === 404) return response;
    if (statusCode === 301 && this.#isDirectory(path, response)) return await this.#attempt(`${path}/`, call);
    const target = `GET ${this.#settings.endpoint}${path}`;
    if (statusCode !== 401) throw statusError(statusCode, target);
    this.#stopUsing(authorization);
    throw refusedAgain(target);
  }

  /** IMDS on Xen redirects a directory to itself with a final slash. */
  #isDirectory(path: string, response: Response): boolean {
    const { endpoint } = this.#settings;
    const base = (endpoint.startsWith('unix:') ? 'http://localhost' : endpoint) + path;
    const location = response.header('location') ?? '';
    return (
      !path.endsWith('/') && URL.canParse(location, base) && new URL(location, base).href === `${new URL(base).href}/`
    );
  }

  /** Sends a read when its turn comes, and says what it was sent with. */
  async #get(path: string, call: Call): Promise<readonly [Response, Authorization]> {
    for (;;) {
      const authorization = await this.#authorize(call).catch(rethrow);
      const response = await this.#inTurn(path, call.deadline, (timeoutMs) =>
        this.#send(path, authorization, timeoutMs),
      );
      if (response) return [response, authorization];
    }
  }

  /** What to read with now. Waits only when there is no usable token. */
  async #authorize(call: Call): Promise<Authorization> {
    const { current } = this.#tokens;
    if (current) return current;
    const now = this.#clock.now();
    if (this.#probeV2At !== undefined) {
      if (now >= this.#probeV2At) {
        this.#probeV2At = now + probeV2Ms;
        this.#tokens.requestBehind(1);
      }
      return version1;
    }
    try {
      return await this.#tokens.usable(call);
    } catch (error) {
      if (!this.#settings.allowV1 || !isImdsError(error) || !isCuredByV1(error)) throw error;
      if (this.#probeV2At === undefined) this.#events.publish('fallback', { to: 1, reason: error.code });
      this.#probeV2At ??= this.#clock.now() + probeV2Ms;
      return version1;
    }
  }

  /** Gives nothing when the token has ended while the read waited for its turn. */
  async #send(path: string, authorization: Authorization, timeoutMs: number): Promise<Response | undefined> {
    const sentAt = this.#clock.now();
    const { token, headers } = authorization;
    if (token !== undefined && sentAt >= authorization.lifetime.endsAt) return undefined;
    this.checkPath(path);
    const version = token === undefined ? 1 : 2;
    const response = await this.#transport.request({ method: 'GET', path, headers, version, timeoutMs });
    if (token === undefined) return response;
    if (holds(response.body.toString('latin1'), token)) throw echoed(`GET ${this.#settings.endpoint}${path}`);
    // Replies say how long the token still lives. Counted from when the request left, that is never too late.
    const seconds = ttlOf(response);
    if (seconds !== undefined) authorization.lifetime = shorterOf(authorization.lifetime, lifetimeOf(sentAt, seconds));
    return response;
  }

  /** Stops using a token that got a 401. */
  #stopUsing(refused: Authorization): void {
    if (refused.token === undefined || refused.isRefused) return;
    refused.isRefused = true;
    this.#tokens.drop(refused);
    this.#onRefusal();
    this.#events.publish('token', { action: 'rejected' });
  }

  #inTurn<T>(path: string, deadline: number, work: (timeoutMs: number) => Promise<T>): Promise<T> {
    return this.#limit.run(async () => {
      const leftMs = deadline - this.#clock.running();
      if (leftMs <= 0) throw outOfTime(path);
      return await work(Math.min(this.#settings.requestTimeoutMs, leftMs));
    });
  }

  #retry<T>(attempt: () => Promise<T>, path: string, deadline: number, maxAttempts = this.#settings.maxAttempts) {
    const { retryDelayMs, waitMs } = this.#settings;
    const bounds = { maxAttempts, retryDelayMs, waitMs, path, deadline, signal: this.#closing.signal };
    return retry(attempt, { ...bounds, clock: this.#clock, events: this.#events });
  }
}

/** The documented rule of the AWS SDKs, and their practice for replies that never come. */
const isCuredByV1 = (error: ImdsError): boolean =>
  error.code === 'ERR_IMDS_HOP_LIMIT' ||
  error.code === 'ERR_IMDS_FORBIDDEN' ||
  (error instanceof ImdsTokenError && (error.statusCode === 404 || error.statusCode === 405));
