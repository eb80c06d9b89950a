import { setMaxListeners } from 'node:events';
import { type ImdsError, ImdsHopLimitError, ImdsTimeoutError, ImdsTokenError, isImdsError } from '../errors.js';
import type { WaitingClock } from './clock.js';
import type { Events } from './events.js';
import {
  echoed,
  notAToken,
  outOfTime,
  pathWithToken,
  refusedAgain,
  statusError,
  tokenStatusError,
  tokenTimeout,
  tokenTooLate,
} from './failures.js';
import { Limit } from './limit.js';
import { abortRetry, retry } from './retry.js';
import type { Settings } from './settings.js';
import { type Call, SingleFlight } from './single-flight.js';
import {
  holds,
  type Lifetime,
  lifetimeOf,
  shorterOf,
  tokenHeader,
  tokenOf,
  tokenPath,
  ttlHeader,
  ttlOf,
} from './token.js';
import type { Response, Transport } from './transport.js';

/** A session token in use. */
interface Token {
  readonly token: string;
  /** What a read with it sends. One object, as the transport prepares reads by it. */
  readonly headers: Readonly<Record<string, string>>;
  lifetime: Lifetime;
  /** True once a read with it got a 401. */
  isRefused: boolean;
}

const version1 = Object.freeze({ token: undefined, headers: Object.freeze({}) });

/** What a read is made with: a session token or, while version 1 is in use, nothing. */
type Authorization = Token | typeof version1;

// IMDS throttles simultaneous connections; AWS does not publish from how many on.
const simultaneousRequests = 8;
// After a failed early renewal, the next is tried this much later.
const renewAgainMs = 10_000;
// While version 1 is in use, version 2 is tried again this often.
const probeV2Ms = 60_000;
// A lost token reply costs seconds to notice. Calls within this time of it fail at once.
const lostReplyMs = 5000;

/** Token failures were retried already; don't retry them again per read. */
const rethrow = (error: unknown): never => {
  throw abortRetry(error);
};

/**
 * Reads with a session token: fetched on first need, one request for it at a time, renewed early while reads go on,
 * replaced after a 401, never sent after its end. Falls back to version 1 where that is allowed.
 */
export class Session {
  readonly #transport: Pick<Transport, 'request'>;
  readonly #settings: Settings;
  readonly #events: Events;
  readonly #clock: WaitingClock;
  readonly #onRefusal: () => void;
  readonly #limit: Limit;
  readonly #tokenRequests: SingleFlight<Token>;
  readonly #closing = new AbortController();
  #token: Token | undefined;
  /** The newest token, in use or not. */
  #newest: string | undefined;
  #renewNotBefore = 0;
  /** When version 2 is tried again; undefined while it is in use. */
  #probeV2At: number | undefined;
  #lostReply: { readonly error: ImdsError; readonly until: number } | undefined;

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
    this.#limit = new Limit(simultaneousRequests);
    // A caller with little time must not make a slow reply look like a lost one, for others too.
    this.#tokenRequests = new SingleFlight(clock, settings.requestTimeoutMs);
    setMaxListeners(0, this.#closing.signal);
  }

  /** Reads a path and gives the reply: status 200, or 404. @throws an {@link ImdsError} for any other outcome */
  read(path: string, call: Call): Promise<Response> {
    return this.#retry(() => this.#attempt(path, call), path, call.deadline, this.#settings.maxAttempts);
  }

  /** A token for another program. Never falls back to version 1. */
  async token(call: Call): Promise<string> {
    return (await this.#usableToken(call)).token;
  }

  /** Refuses a path that holds the token, which would then be in events, errors and other logs. @throws ImdsPathError */
  checkPath(path: string): void {
    if (this.#newest !== undefined && holds(path, this.#newest)) throw pathWithToken();
  }

  /** Forgets the token, and ends the delays before further attempts. */
  close(reason: ImdsError): void {
    this.#token = undefined;
    this.#closing.abort(reason);
  }

  async #attempt(path: string, call: Call): Promise<Response> {
    let [response, authorization] = await this.#get(path, call);
    if (response.statusCode === 401) {
      this.#stopUsing(authorization);
      await this.#usableToken(call).catch(rethrow);
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
      // A token may end while its read waits for its turn.
      const response = await this.#limit.run(async () =>
        this.#isUsable(authorization) ? await this.#sendGet(path, authorization, call.deadline) : undefined,
      );
      if (response) return [response, authorization];
    }
  }

  /** What to read with now. Waits only when there is no usable token. */
  async #authorize(call: Call): Promise<Authorization> {
    const now = this.#clock.now();
    const token = this.#token;
    if (token && this.#isUsable(token)) {
      if (now >= token.lifetime.renewAt && now >= this.#renewNotBefore) {
        this.#renewNotBefore = now + renewAgainMs;
        this.#requestTokenBehind(this.#settings.maxAttempts);
      }
      return token;
    }
    if (this.#probeV2At !== undefined) {
      if (now >= this.#probeV2At) {
        this.#probeV2At = now + probeV2Ms;
        this.#requestTokenBehind(1);
      }
      return version1;
    }
    try {
      return await this.#fetchToken(call);
    } catch (error) {
      if (!this.#settings.allowV1 || !isImdsError(error) || !isCuredByV1(error)) throw error;
      this.#fallBack(error);
      return version1;
    }
  }

  #isUsable(authorization: Authorization): boolean {
    return authorization.token === undefined || this.#clock.now() < authorization.lifetime.endsAt;
  }

  async #sendGet(path: string, authorization: Authorization, deadline: number): Promise<Response> {
    const sentAt = this.#clock.now();
    this.checkPath(path);
    const timeoutMs = this.#timeoutMs(path, deadline);
    const { token, headers } = authorization;
    const version = token === undefined ? 1 : 2;
    const response = await this.#transport.request({ method: 'GET', path, headers, version, timeoutMs });
    if (token !== undefined && holds(response.body.toString('latin1'), token))
      throw echoed(`GET ${this.#settings.endpoint}${path}`);
    // Replies say how long the token still lives. Counted from when the request left, that is never too late.
    const seconds = ttlOf(response);
    if (token !== undefined && authorization === this.#token && seconds !== undefined)
      authorization.lifetime = shorterOf(authorization.lifetime, lifetimeOf(sentAt, seconds));
    return response;
  }

  /** Stops using a token that got a 401. */
  #stopUsing(refused: Authorization): void {
    if (refused.token === undefined || refused.isRefused) return;
    refused.isRefused = true;
    if (refused === this.#token) this.#token = undefined;
    this.#onRefusal();
    if (this.#events.wanted('token')) this.#events.publish('token', { action: 'rejected' });
  }

  #fallBack({ code }: ImdsError): void {
    if (this.#probeV2At !== undefined) return;
    this.#probeV2At = this.#clock.now() + probeV2Ms;
    if (this.#events.wanted('fallback')) this.#events.publish('fallback', { to: 1, reason: code });
  }

  /** The token at hand, which another read may have fetched meanwhile, or a new one. */
  async #usableToken(call: Call): Promise<Token> {
    const token = this.#token;
    return token && this.#isUsable(token) ? token : await this.#fetchToken(call);
  }

  async #fetchToken(call: Call): Promise<Token> {
    if (!call.fresh && this.#lostReply && this.#clock.now() < this.#lostReply.until) throw this.#lostReply.error;
    const { deadline, signal } = call;
    return await this.#requestToken({ deadline, signal }, this.#settings.maxAttempts);
  }

  /** Requests a token while reads go on. A failure is published; who needs the token then meets the next one. */
  #requestTokenBehind(maxAttempts: number): void {
    const call = { deadline: this.#clock.running() + this.#settings.deadlineMs };
    this.#requestToken(call, maxAttempts).catch(() => {});
  }

  #requestToken(call: Call, maxAttempts: number): Promise<Token> {
    return this.#tokenRequests.run(tokenPath, call, ({ deadline }) => this.#newToken(deadline, maxAttempts));
  }

  async #newToken(deadline: number, maxAttempts: number): Promise<Token> {
    const events = this.#events;
    let token: Token;
    try {
      token = await this.#retry(() => this.#put(deadline), tokenPath, deadline, maxAttempts);
    } catch (error) {
      if (error instanceof ImdsHopLimitError) this.#lostReply = { error, until: this.#clock.now() + lostReplyMs };
      if (isImdsError(error) && events.wanted('token'))
        events.publish('token', { action: 'failed', error: error.code });
      throw error;
    }
    this.#token = token;
    this.#newest = token.token;
    this.#renewNotBefore = 0;
    this.#lostReply = undefined;
    if (this.#probeV2At !== undefined && events.wanted('fallback')) events.publish('fallback', { to: 2 });
    this.#probeV2At = undefined;
    return token;
  }

  async #put(deadline: number): Promise<Token> {
    const target = `PUT ${this.#settings.endpoint}${tokenPath}`;
    const [response, sentAt] = await this.#limit.run(() => this.#sendPut(deadline));
    const granted = tokenOf(response);
    if (!granted)
      throw response.statusCode === 200
        ? notAToken(target)
        : tokenStatusError(response.statusCode, target, this.#v1Note);
    const { token, ttlSeconds, hasTtl } = granted;
    const lifetime = lifetimeOf(sentAt, ttlSeconds);
    if (this.#clock.now() >= lifetime.endsAt) throw tokenTooLate(target);
    if (this.#events.wanted('token'))
      this.#events.publish(
        'token',
        { action: 'obtained', ttlSeconds, ...(hasTtl ? {} : { isTtlAssumed: true }) },
        hasTtl ? undefined : 'warn',
      );
    return { token, headers: { [tokenHeader]: token }, lifetime, isRefused: false };
  }

  async #sendPut(deadline: number): Promise<readonly [Response, number]> {
    const { requestTimeoutMs, tokenTtlSeconds } = this.#settings;
    const sentAt = this.#clock.now();
    const timeoutMs = this.#timeoutMs(tokenPath, deadline);
    const headers = { [ttlHeader]: String(tokenTtlSeconds) };
    try {
      return [
        await this.#transport.request({ method: 'PUT', path: tokenPath, headers, version: 2, timeoutMs }),
        sentAt,
      ];
    } catch (error) {
      if (!(error instanceof ImdsTimeoutError)) throw error;
      // Lost, if nothing came in nearly all the time of one attempt. A reply after less may still be on its way.
      const isLost = error.phase === 'response' && timeoutMs > 0.9 * requestTimeoutMs;
      throw tokenTimeout(error, isLost, this.#v1Note);
    }
  }

  /** Milliseconds that a request which begins now may take. */
  #timeoutMs(path: string, deadline: number): number {
    const leftMs = deadline - this.#clock.running();
    if (leftMs <= 0) throw outOfTime(path);
    return Math.min(this.#settings.requestTimeoutMs, leftMs);
  }

  /** Which setting kept version 1 from being tried; empty if none did. */
  get #v1Note(): string {
    const { v1ForbiddenBy } = this.#settings;
    return v1ForbiddenBy ? `IMDSv1 was not tried: ${v1ForbiddenBy}.` : '';
  }

  #retry<T>(attempt: () => Promise<T>, path: string, deadline: number, maxAttempts: number): Promise<T> {
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
