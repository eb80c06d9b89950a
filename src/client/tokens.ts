import { type ImdsError, ImdsHopLimitError, ImdsTimeoutError, isImdsError } from '../errors.js';
import type { WaitingClock } from './clock.js';
import type { Events } from './events.js';
import { noToken, tokenTimeout, tokenTooLate } from './failures.js';
import type { Settings } from './settings.js';
import { type Call, SingleFlight } from './single-flight.js';
import { type Lifetime, lifetimeOf, tokenHeader, tokenOf, tokenPath, ttlHeader } from './token.js';
import type { Request, Response, Transport } from './transport.js';

/** A session token in use. */
export interface Token {
  readonly token: string;
  /** What a read with it sends. One object, as the transport prepares reads by it. */
  readonly headers: Request['headers'];
  lifetime: Lifetime;
  /** True once a read with it got a 401. */
  isRefused: boolean;
}

/** What a session does for its tokens. */
interface Host {
  readonly settings: Settings;
  readonly events: Events;
  readonly clock: WaitingClock;
  readonly transport: Pick<Transport, 'request'>;
  /** Does work when its turn comes, and says how many milliseconds it may take. */
  inTurn<T>(path: string, deadline: number, work: (timeoutMs: number) => Promise<T>): Promise<T>;
  /** Makes attempts. */
  retry<T>(attempt: () => Promise<T>, path: string, deadline: number, maxAttempts?: number): Promise<T>;
  onToken(): void;
}

// After a failed early renewal, the next is tried this much later.
const renewAgainMs = 10_000;
// A lost token reply costs seconds to notice. Calls within this time of it fail at once.
const lostReplyMs = 5000;

/** The session token: fetched on first need, one request for it at a time, renewed early, never used after its end. */
export class Tokens {
  readonly #host: Host;
  readonly #requests: SingleFlight<Token>;
  #token: Token | undefined;
  #renewNotBefore = 0;
  #lostReply: { readonly error: ImdsError; readonly until: number } | undefined;
  /** The newest token, in use or not. */
  newest: string | undefined;

  constructor(host: Host) {
    this.#host = host;
    // A caller with little time must not make a slow reply look like a lost one, for others too.
    this.#requests = new SingleFlight(host.clock, host.settings.requestTimeoutMs);
  }

  /** The token at hand, if it lives. In its last minutes, asks for the next one behind the reads. */
  get current(): Token | undefined {
    const token = this.#token;
    const now = this.#host.clock.now();
    if (!token || now >= token.lifetime.endsAt) return undefined;
    if (now >= token.lifetime.renewAt && now >= this.#renewNotBefore) {
      this.#renewNotBefore = now + renewAgainMs;
      this.requestBehind();
    }
    return token;
  }

  /** The token at hand, or a new one. */
  async usable(call: Call): Promise<Token> {
    const { current } = this;
    if (current) return current;
    const lost = this.#lostReply;
    if (lost && !call.fresh && this.#host.clock.now() < lost.until) throw lost.error;
    return await this.#request({ deadline: call.deadline, signal: call.signal });
  }

  /** Requests a token while reads go on. A failure is published; who needs the token then meets the next one. */
  requestBehind(maxAttempts?: number): void {
    const { clock, settings } = this.#host;
    this.#request({ deadline: clock.running() + settings.deadlineMs }, maxAttempts).catch(() => {});
  }

  /** Stops using a token. */
  drop(token: Token | undefined = this.#token): void {
    if (token === this.#token) this.#token = undefined;
  }

  #request(call: Call, maxAttempts?: number): Promise<Token> {
    const { retry } = this.#host;
    return this.#requests.run(tokenPath, call, ({ deadline }) =>
      retry(() => this.#put(deadline), tokenPath, deadline, maxAttempts).then(
        (token) => this.#use(token),
        (error: unknown) => this.#fail(error),
      ),
    );
  }

  #use(token: Token): Token {
    this.#token = token;
    this.newest = token.token;
    this.#renewNotBefore = 0;
    this.#lostReply = undefined;
    this.#host.onToken();
    return token;
  }

  #fail(error: unknown): never {
    const { clock, events } = this.#host;
    if (error instanceof ImdsHopLimitError) this.#lostReply = { error, until: clock.now() + lostReplyMs };
    if (isImdsError(error)) events.publish('token', { action: 'failed', error: error.code });
    throw error;
  }

  #put(deadline: number): Promise<Token> {
    return this.#host.inTurn(tokenPath, deadline, async (timeoutMs) => {
      const sentAt = this.#host.clock.now();
      return this.#tokenIn(await this.#send(timeoutMs), sentAt);
    });
  }

  async #send(timeoutMs: number): Promise<Response> {
    const { settings, transport } = this.#host;
    const headers = { [ttlHeader]: String(settings.tokenTtlSeconds) };
    try {
      return await transport.request({ method: 'PUT', path: tokenPath, headers, version: 2, timeoutMs });
    } catch (error) {
      if (!(error instanceof ImdsTimeoutError)) throw error;
      // Lost, if nothing came in nearly all the time of one attempt. A reply after less may still be on its way.
      const isLost = error.phase === 'response' && timeoutMs > 0.9 * settings.requestTimeoutMs;
      throw tokenTimeout(error, isLost, this.#v1Note);
    }
  }

  /** The token in a reply, if it still lives. */
  #tokenIn(response: Response, sentAt: number): Token {
    const { settings, clock, events } = this.#host;
    const target = `PUT ${settings.endpoint}${tokenPath}`;
    const granted = tokenOf(response);
    if (!granted) throw noToken(response.statusCode, target, this.#v1Note);
    const { token, ttlSeconds, hasTtl } = granted;
    const lifetime = lifetimeOf(sentAt, ttlSeconds);
    if (clock.now() >= lifetime.endsAt) throw tokenTooLate(target);
    if (hasTtl) events.publish('token', { action: 'obtained', ttlSeconds });
    else events.publish('token', { action: 'obtained', ttlSeconds, isTtlAssumed: true }, 'warn');
    return { token, headers: { [tokenHeader]: token }, lifetime, isRefused: false };
  }

  /** Which setting kept version 1 from being tried; empty if none did. */
  get #v1Note(): string {
    const { v1ForbiddenBy } = this.#host.settings;
    return v1ForbiddenBy ? `IMDSv1 was not tried: ${v1ForbiddenBy}.` : '';
  }
}
