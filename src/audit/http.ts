import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { type Audit, on, onDemand, wrap } from './audit.js';
import { parsedHead, pathOf } from './head.js';
import { safely } from './safely.js';
import { type Place, placeOf } from './stack.js';
import type { Exchange } from './tally.js';

const created = 'http.client.request.created';

interface Pending {
  readonly place: Place;
  exchange?: Exchange;
}

/**
 * Observes node:http and node:https, with agents of any kind.
 *
 * @param isTaken gets the sockets seen here, so that they are not also seen as raw ones
 */
export function watchHttp(audit: Audit, isTaken: WeakSet<Socket>): void {
  const pending = new WeakMap<ClientRequest, Pending>();
  const follow = onDemand(() => {
    // Published once the request is complete and has a socket, which may not be connected yet.
    on<{ request: ClientRequest }>('http.client.request.start', ({ request }) => {
      const entry = pending.get(request);
      if (!entry) return;
      const sent = () => safely(() => begin(request, entry, audit));
      if (request.socket?.connecting) request.socket.once('connect', sent);
      else sent();
    });
    on<{ request: ClientRequest; response: IncomingMessage }>('http.client.response.finish', (message) =>
      pending.get(message.request)?.exchange?.answered(message.response.statusCode),
    );
  });
  const note = (request: ClientRequest): void => {
    if (!concerns(request, audit) || pending.has(request)) return;
    const entry: Pending = { place: placeOf(pathOf(request.path)) };
    pending.set(request, entry);
    follow();
    request.once('socket', (socket: Socket) => isTaken.add(socket));
    request.once('close', () => entry.exchange?.lost());
  };
  // This package queues its requests: their stacks end inside it, but this one leads to the caller.
  on<{ action: string }>('imds:cache', ({ action }) => void (action === 'miss' && placeOf()));
  if (publishesCreated()) {
    on<{ request: ClientRequest }>(created, ({ request }) => note(request));
  } else {
    // Node 20 publishes a request only when its connection is made, and its stack is lost.
    wrap(http.Agent.prototype, 'addRequest', (_agent, [request]) => note(request as ClientRequest));
    const seen: unknown = Reflect.get(http.Agent.prototype, 'addRequest');
    wrap(
      http.ClientRequest.prototype as ClientRequest & { agent?: { addRequest?: unknown } },
      'onSocket',
      (request) => {
        if (request.agent?.addRequest !== seen) note(request);
      },
    );
  }
}

function publishesCreated(): boolean {
  let isPublished = false;
  const note = (): void => {
    isPublished = true;
  };
  subscribe(created, note);
  // A request without a destination.
  const nobody = Object.assign(Object.create(http.Agent.prototype), { addRequest: () => {} });
  new http.ClientRequest({ agent: nobody });
  unsubscribe(created, note);
  return isPublished;
}

/** True for a request to IMDS, including one sent to a proxy, with the whole URL as its path. */
function concerns(request: ClientRequest, { targets }: Audit): boolean {
  const { host, path } = request;
  return targets.has(host, () => portOf(request)) || (path.startsWith('http') && targets.hasUrl(path));
}

const portOf = (request: ClientRequest): unknown =>
  /:(\d+)$/.exec(String(request.getHeader('host')))?.[1] ?? (request.protocol === 'https:' ? 443 : 80);

function begin(request: ClientRequest, entry: Pending, { tally }: Audit): void {
  const { path, host, socket } = request;
  // As sent: `getHeader` does not have headers that were given as a list.
  const sent = parsedHead(String(Reflect.get(request, '_header')));
  if (!sent) return;
  entry.exchange = tally.begin(entry.place, sent);
  if (path.startsWith('http') || isElsewhere(socket, host)) entry.exchange.proxied();
}

/** True when the other end of a connection is not the requested address. */
export function isElsewhere(socket: Socket | null, host: string): boolean {
  const [asked, other] = [host, socket?.remoteAddress ?? ''].map((each) => each.replace(/^\[|\]$|^::ffff:/g, ''));
  return isIP(asked ?? '') !== 0 && isIP(other ?? '') !== 0 && asked !== other;
}
