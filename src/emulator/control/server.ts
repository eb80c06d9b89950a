import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Engine } from '../engine.js';
import { foreignHost } from '../handler.js';
import { EmulatorOptionError, parseJson } from '../option-error.js';
import type { ControlOptions } from '../options.js';
import { urlOf } from '../server.js';
import { observing } from './changes.js';
import { controlPage } from './page.js';
import { type Context, Refusal, type Route, sinceOf } from './route.js';
import { routes } from './routes.js';
import { Stream } from './stream.js';

const bodyLimit = 1024 * 1024;
const mostConnections = 1024;
const timeoutMs = 10_000;

/** The service that changes an emulator while it runs, in JSON over HTTP. */
export class ControlServer {
  readonly #http = createServer({ headersTimeout: timeoutMs, requestTimeout: timeoutMs });
  readonly #subject: Pick<Context, 'engine' | 'urls' | 'stream'>;
  readonly #hosts: readonly string[];
  #url = '';

  private constructor(host: string, engine: Engine, urls: readonly string[]) {
    this.#subject = { engine, urls, stream: new Stream() };
    this.#hosts = [host, ...engine.start.hosts, ...engine.start.allowedHosts];
    this.#http.maxConnections = mostConnections;
    this.#http.on('request', (request, response) => void this.#answer(request, response));
    engine.observe(observing(engine, this.#subject.stream));
  }

  /** Listens; rejects with the system error if that is not possible. */
  static async listen({ host = '127.0.0.1', port = 0 }: ControlOptions, engine: Engine, urls: readonly string[]) {
    const control = new ControlServer(host, engine, urls);
    control.#http.listen({ host, port });
    await once(control.#http, 'listening');
    control.#url = urlOf(control.#http.address() as AddressInfo);
    return control;
  }

  /** Without a trailing slash. */
  get url(): string {
    return this.#url;
  }

  async close(): Promise<void> {
    const closed = once(this.#http, 'close');
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeaders(always);
    try {
      this.#admit(request);
      this.#subject.engine.settle();
      const [path = '', ...search] = (request.url ?? '').split('?');
      const query = new URLSearchParams(search.join('?'));
      if (path === '/') return await replyPage(request, response);
      const { route, parameter } = routeOf(request.method ?? '', path);
      if (route.isStream) this.#openStream(request, response, query);
      else {
        const body = await bodyOf(request, route);
        const result = route.run({ ...this.#subject, url: this.#url, body, parameter, query });
        // After a change, the caller finds everything up to date.
        if (route.method !== 'GET') await this.#subject.engine.settled;
        reply(response, route.status, route.reply && result);
      }
    } catch (error) {
      fail(response, error);
    }
  }

  /**
   * Keeps other sites' pages away: those whose own name leads here (DNS rebinding) are recognised by that name, others
   * by the origin that browsers send.
   *
   * @throws Refusal
   */
  #admit({ headers: { host, origin } }: IncomingMessage): void {
    const why = foreignHost(host, this.#hosts);
    if (why !== undefined) throw new Refusal(403, why);
    if (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) return;
    throw new Refusal(403, `pages of ${origin} may not use this emulator; only its own at ${this.#url} may`);
  }

  #openStream({ headers }: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const { stream } = this.#subject;
    const id = headers['last-event-id'];
    const since = typeof id === 'string' && /^\d{1,16}$/.test(id) ? Number(id) : sinceOf(query);
    if (!stream.open(response, since ?? stream.last))
      throw new Refusal(503, 'there are too many readers of the stream; close some');
  }
}

/** @throws Refusal for an unknown path or method */
function routeOf(method: string, path: string): { readonly route: Route; readonly parameter: string } {
  const found = routes.flatMap((route) => {
    const match = route.pattern.exec(path);
    return match ? [{ route, parameter: match[1] ?? '' }] : [];
  });
  const isMeant = (route: Route): boolean =>
    route.method === method || (method === 'HEAD' && route.method === 'GET' && !route.isStream);
  const match = found.find(({ route }) => isMeant(route));
  if (match) return { route: match.route, parameter: decoded(match.parameter) };
  const methods = found.map(({ route }) => route.method).join(', ');
  if (methods === '') throw new Refusal(404, `there is nothing at ${path}; GET /v1/openapi.json describes everything`);
  throw new Refusal(405, `${path} takes ${methods}, not ${method}`, { allow: methods });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new EmulatorOptionError(`${text} is not percent-encoded correctly`, 'path');
  }
}

/** The parsed body; undefined for a request that takes none. */
async function bodyOf(request: IncomingMessage, { body }: Route): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  // All of it is read, since a caller may not read the reply before it has sent everything.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= bodyLimit) chunks.push(chunk);
  }
  if (size > bodyLimit) throw new Refusal(413, `a body may have ${bodyLimit} bytes, not ${size}`);
  if (body === undefined && size === 0) return undefined;
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new Refusal(415, 'send JSON, with Content-Type: application/json');
  return parseJson(Buffer.concat(chunks).toString(), 'the body');
}

/** Headers of every reply. */
const always = new Map([
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['cross-origin-resource-policy', 'same-origin'],
]);

/** @throws Refusal */
async function replyPage({ method }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') throw new Refusal(405, `/ takes GET, not ${method}`, { allow: 'GET' });
  const { html, headers } = await controlPage();
  response.writeHead(200, headers).end(html);
}

function reply(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  response.writeHead(status, { ...type, ...headers }).end(JSON.stringify(body));
}

function fail(response: ServerResponse, error: unknown): void {
  // The caller is gone, or its stream has begun.
  if (response.destroyed || response.headersSent) return;
  const message = error instanceof Error ? error.message : String(error);
  const [status, place] = error instanceof EmulatorOptionError ? [400, error.place] : [500, undefined];
  const content = { error: { message, place } };
  if (error instanceof Refusal) reply(response, error.status, content, error.headers);
  else reply(response, status, content);
}
