import { type ImdsError, ImdsHopLimitError, ImdsTimeoutError, ImdsTokenError, isImdsError } from '../errors.js';
import { noToken, tokenTimeout, tokenTooLate } from './failures.js';
import type { Limit } from './limit.js';
import { retry } from './retry.js';
import { type Call, SingleFlight } from './single-flight.js';
import { type Lifetime, lifetimeOf, tokenHeader, tokenOf, tokenPath, ttlHeader } from './token.js';
import type { Request, Shared, Transport } from './transport.js';

/** A session token in use. */
export interface Token {
  readonly text: string;
  /** Headers of a read with it. Always the same object, as the transport prepares reads by it. */
  readonly headers: Request['headers'];
  lifetime: Lifetime;
  /** True once a read with it got a 401. */
  isRefused: boolean;
}

/** The shared parts of a client, and the means of its session to send requests. */
export interface Context extends Shared {
  readonly transport: Pick<Transport, 'request'>;
  readonly limit: Limit;
  /**
   * Called when the service no longer accepts the token. The instance may have been stopped and started since: it was
   * hibernated, or launched from an image that contains this process.
   */
  readonly onRefusal: () => void;
}

// A failed early renewal is repeated this much later.
const renewAgainMs = 10_000;
// A lost token reply takes seconds to detect. Calls within this time of it fail at once.
const lostReplyMs = 5000;
// While version 1 is in use, version 2 is tried again this often.
const probeV2Ms = 60_000;

/** The session token: fetched on first use, one request for it at a time, renewed early, never used once expired. */
export class Tokens {
  readonly #context: Context;
  readonly #requests: SingleFlight<Token>;
  #token: Token | undefined;
  #renewNotBefore = 0;
  #lostReply: { readonly error: ImdsError; readonly until: number } | undefined;
  /** When version 2 is tried again; undefined while it is in use. */
  #probeV2At: number | undefined;
  /** The newest token, in use or not. */
  newest: string | undefined;

  constructor(context: Context) {
    this.#context = context;
    // A caller with little time must not make a slow reply look lost, not least to others.
    this.#requests = new SingleFlight(context.clock, context.settings().requestTimeoutMs);
  }

  /** The current token, or a new one. */
  async usable(call: Call): Promise<Token> {
    const current = this.#current();
    if (current) return current;
    const lost = this.#lostReply;
    if (lost && !call.fresh && this.#context.clock.now() < lost.until) throw lost.error;
    return await this.#request({ deadline: call.deadline, signal: call.signal });
  }

  /** A token for a read; none if version 1 is allowed and version 2 does not work. Waits only if there is no token. */
  async forRead(call: Call): Promise<Token | undefined> {
    const { settings, events, clock } = this.#context;
    const now = clock.now();
    if (this.#probeV2At !== undefined && !this.#current()) {
      if (now >= this.#probeV2At) {
        this.#probeV2At = now + probeV2Ms;
        this.#requestBehind(1);
      }
      return undefined;
    }
    try {
      return await this.usable(call);
    } catch (error) {
      if (!settings().allowV1 || !isImdsError(error) || !isCuredByV1(error)) throw error;
      if (this.#probeV2At === undefined) events.publish('fallback', { to: 1, reason: error.code });
      this.#probeV2At ??= clock.now() + probeV2Ms;
      return undefined;
    }
  }

  /** Stops using a token that got a 401. */
  refuse(token: Token | undefined): void {
    if (!token || token.isRefused) return;
    token.isRefused = true;
    if (token === this.#token) this.#token = undefined;
    this.#context.onRefusal();
    this.#context.events.publish('token', { action: 'rejected' });
  }

  /** The current token, if it has not expired. In its last minutes, requests the next one in the background. */
  #current(): Token | undefined {
    const token = this.#token;
    const now = this.#context.clock.now();
    if (!token || now >= token.lifetime.endsAt) return undefined;
    if (now >= token.lifetime.renewAt && now >= this.#renewNotBefore) {
      this.#renewNotBefore = now + renewAgainMs;
      this.#requestBehind();
    }
    return token;
  }

  /** Requests a token in the background. A failure is only published: a caller who needs the token gets its own. */
  #requestBehind(maxAttempts?: number): void {
    const { clock, settings } = this.#context;
    this.#request({ deadline: clock.running() + settings().deadlineMs }, maxAttempts).catch(() => {});
  }

  #request(call: Call, maxAttempts = this.#context.settings().maxAttempts): Promise<Token> {
    const options = { ...this.#context.settings(), ...this.#context, path: tokenPath, maxAttempts };
    return this.#requests.run(tokenPath, call, async (deadline) => {
      const { clock, events } = this.#context;
      try {
        const token = await retry(() => this.#put(deadline), { ...options, deadline });
        this.#context.closing.throwIfClosed();
        if (this.#probeV2At !== undefined) events.publish('fallback', { to: 2 });
        this.#probeV2At = undefined;
        this.#token = token;
        this.newest = token.text;
        this.#renewNotBefore = 0;
        this.#lostReply = undefined;
        return token;
      } catch (error) {
        if (error instanceof ImdsHopLimitError) this.#lostReply = { error, until: clock.now() + lostReplyMs };
        if (isImdsError(error)) events.publish('token', { action: 'failed', error: error.code });
        throw error;
      }
    });
  }

  /** Sends a token request when its turn comes, and returns the token, unless it has already expired. */
  #put(deadline: number): Promise<Token> {
    const { settings, clock, events, transport, limit } = this.#context;
    const { endpoint, tokenTtlSeconds, requestTimeoutMs, v1ForbiddenBy } = settings();
    const note = v1ForbiddenBy ? `IMDSv1 was not tried: ${v1ForbiddenBy}.` : '';
    return limit(tokenPath, deadline, async (timeoutMs) => {
      const sentAt = clock.now();
      const headers = { [ttlHeader]: String(tokenTtlSeconds) };
      const request = { method: 'PUT', path: tokenPath, headers, timeoutMs } as const;
      const response = await transport.request(request).catch((error: unknown) => {
        if (!(error instanceof ImdsTimeoutError)) throw error;
        // Lost, if nothing came in nearly the full time of an attempt. Before that, a reply may still be on its way.
        throw tokenTimeout(error, error.phase === 'response' && timeoutMs > 0.9 * requestTimeoutMs, note);
      });
      const target = `PUT ${endpoint}${tokenPath}`;
      const granted = tokenOf(response);
      if (!granted) throw noToken(response.statusCode, target, note);
      const { token, ttlSeconds, hasTtl } = granted;
      const lifetime = lifetimeOf(sentAt, ttlSeconds);
      if (clock.now() >= lifetime.endsAt) throw tokenTooLate(target);
      if (hasTtl) events.publish('token', { action: 'obtained', ttlSeconds });
      else events.publish('token', { action: 'obtained', ttlSeconds, isTtlAssumed: true }, 'warn');
      return { text: token, headers: { [tokenHeader]: token }, lifetime, isRefused: false };
    });
  }
}

/** The documented rule of the AWS SDKs, and their practice for replies that never come. */
const isCuredByV1 = (error: ImdsError): boolean =>
  error.code === 'ERR_IMDS_HOP_LIMIT' ||
  error.code === 'ERR_IMDS_FORBIDDEN' ||
  (error instanceof ImdsTokenError && (error.statusCode === 404 || error.statusCode === 405));
