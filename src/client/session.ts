import { echoed, pathWithToken, refusedAgain, statusError } from './failures.js';
import { limitOf } from './limit.js';
import { abortRetry, retry } from './retry.js';
import type { Call } from './single-flight.js';
import { holds, lifetimeOf, shorterOf, ttlOf } from './token.js';
import { type Authorization, type Context, Tokens } from './tokens.js';
import { originOf, type Response, type Shared } from './transport.js';

// IMDS throttles simultaneous connections; AWS does not publish the limit.
const simultaneousRequests = 8;

/** Token failures were retried already; don't retry them again per read. */
const rethrow = (error: unknown): never => {
  throw abortRetry(error);
};

/** Reads with a session token, and replaces it after a 401. Falls back to version 1 where that is allowed. */
export class Session {
  readonly #context: Context;
  readonly #tokens: Tokens;
  readonly #onRefusal: () => void;

  /**
   * @param onRefusal called when the service no longer accepts the token. The instance may have been stopped and
   *   started since: it was hibernated, or launched from an image that contains this process.
   */
  constructor(shared: Shared, transport: Context['transport'], onRefusal: () => void) {
    const limit = limitOf(simultaneousRequests, shared.settings().requestTimeoutMs, shared.clock);
    this.#context = { ...shared, transport, limit };
    this.#tokens = new Tokens(this.#context);
    this.#onRefusal = onRefusal;
  }

  /** Reads a path and returns the reply: status 200 or 404. @throws an {@link ImdsError} for any other outcome */
  read(path: string, call: Call): Promise<Response> {
    const { deadline } = call;
    return retry(() => this.#attempt(path, call), { ...this.#context.settings(), ...this.#context, path, deadline });
  }

  /** A token for another program. Never falls back to version 1. */
  async token(call: Call): Promise<string> {
    return (await this.#tokens.usable(call)).token;
  }

  /** Refuses a path that contains the token, to keep it out of events, errors and logs. @throws ImdsPathError */
  checkPath(path: string): void {
    const { newest } = this.#tokens;
    if (newest === undefined) return;
    if (holds(path, newest) || holds(path, encodeURIComponent(newest))) throw pathWithToken();
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
    const target = `GET ${this.#context.settings().endpoint}${path}`;
    if (statusCode !== 401) throw statusError(statusCode, target);
    this.#stopUsing(authorization);
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

  /** Sends a read when its turn comes, and also returns the authorization it was sent with. */
  async #get(path: string, call: Call): Promise<readonly [Response, Authorization]> {
    for (;;) {
      const authorization = await this.#tokens.authorization(call).catch(rethrow);
      const response = await this.#context.limit(path, call.deadline, (timeoutMs) =>
        this.#send(path, authorization, timeoutMs),
      );
      if (response) return [response, authorization];
    }
  }

  /** Returns undefined if the token expired while the read waited for its turn. */
  async #send(path: string, authorization: Authorization, timeoutMs: number): Promise<Response | undefined> {
    const { clock, transport, settings } = this.#context;
    const sentAt = clock.now();
    const { token, headers } = authorization;
    if (token !== undefined && sentAt >= authorization.lifetime.endsAt) return undefined;
    this.checkPath(path);
    const version = token === undefined ? 1 : 2;
    const response = await transport.request({ method: 'GET', path, headers, version, timeoutMs });
    if (token === undefined) return response;
    if (holds(response.body.toString('latin1'), token)) throw echoed(`GET ${settings().endpoint}${path}`);
    // Replies state the token's remaining TTL. Counted from when the request left, it never overstates it.
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
    this.#context.events.publish('token', { action: 'rejected' });
  }
}
