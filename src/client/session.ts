import { echoed, pathWithToken, refusedAgain, statusError } from './failures.js';
import { limitOf } from './limit.js';
import { abortRetry, retry } from './retry.js';
import type { Call } from './single-flight.js';
import { holds, lifetimeOf, shorterOf, ttlOf } from './token.js';
import { type Context, type Token, Tokens } from './tokens.js';
import { originOf, type Response } from './transport.js';

// IMDS throttles simultaneous connections; AWS does not publish the limit.
const simultaneousRequests = 8;

// A read in version 1 bears no token. One object, as the transport prepares reads by it.
const noHeaders = Object.freeze({});

/** Reads with a session token, and replaces it after a 401. Falls back to version 1 where that is allowed. */
export class Session {
  readonly #context: Context;
  readonly #tokens: Tokens;

  constructor(context: Omit<Context, 'limit'>) {
    const limit = limitOf(simultaneousRequests, context.settings().requestTimeoutMs, context.clock);
    this.#context = { ...context, limit };
    this.#tokens = new Tokens(this.#context);
  }

  /** Reads a path and returns the reply: status 200 or 404. @throws an {@link ImdsError} for any other outcome */
  read(path: string, call: Call): Promise<Response> {
    const { deadline } = call;
    return retry(() => this.#attempt(path, call), { ...this.#context.settings(), ...this.#context, path, deadline });
  }

  /** A token for another program. Never falls back to version 1. */
  async token(call: Call): Promise<string> {
    return (await this.#tokens.usable(call)).text;
  }

  /** Refuses a path that contains the token, to keep it out of events, errors and logs. @throws ImdsPathError */
  checkPath(path: string): void {
    const { newest } = this.#tokens;
    if (newest === undefined) return;
    if (holds(path, newest) || (path.includes('%') && holds(path, encodeURIComponent(newest)))) throw pathWithToken();
  }

  async #attempt(path: string, call: Call): Promise<Response> {
    let [response, token] = await this.#get(path, call);
    if (response.statusCode === 401) {
      this.#tokens.refuse(token);
      // Failures of token requests were retried already; don't retry them again per read.
      await this.#tokens.usable(call).catch(abortRetry);
      [response, token] = await this.#get(path, call);
    }
    const { statusCode } = response;
    if (statusCode === 200 || statusCode === 404) return response;
    if (statusCode === 301 && this.#isDirectory(path, response)) return await this.#attempt(`${path}/`, call);
    const target = `GET ${this.#context.settings().endpoint}${path}`;
    if (statusCode !== 401) throw statusError(statusCode, target);
    this.#tokens.refuse(token);
    throw refusedAgain(target);
  }

  /** IMDS on Xen redirects a directory to itself with a trailing slash. */
  #isDirectory(path: string, response: Response): boolean {
    const url = originOf(this.#context.settings().endpoint) + path;
    const location = response.header('location') ?? '';
    return (
      !path.endsWith('/') && URL.canParse(location, url) && new URL(location, url).href === new URL(`${url}/`).href
    );
  }

  /** Sends a read when its turn comes, and also returns the token it was sent with. */
  async #get(path: string, call: Call): Promise<readonly [Response, Token | undefined]> {
    for (;;) {
      const token = await this.#tokens.forRead(call).catch(abortRetry);
      const send = (timeoutMs: number) => this.#send(path, token, timeoutMs);
      const response = await this.#context.limit(path, call.deadline, send);
      if (response) return [response, token];
    }
  }

  /** Returns undefined if the token expired while the read waited for its turn. */
  async #send(path: string, token: Token | undefined, timeoutMs: number): Promise<Response | undefined> {
    const { clock, transport, settings } = this.#context;
    const sentAt = clock.now();
    if (token && sentAt >= token.lifetime.endsAt) return undefined;
    this.checkPath(path);
    const headers = token?.headers ?? noHeaders;
    const response = await transport.request({ method: 'GET', path, headers, timeoutMs });
    if (!token) return response;
    if (holds(response.body.toString('latin1'), token.text)) throw echoed(`GET ${settings().endpoint}${path}`);
    // Replies state the token's remaining TTL. Counted from when the request left, it never overstates it.
    const seconds = ttlOf(response);
    if (seconds !== undefined) token.lifetime = shorterOf(token.lifetime, lifetimeOf(sentAt, seconds));
    return response;
  }
}
