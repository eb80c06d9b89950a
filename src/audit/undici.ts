import type { Socket } from 'node:net';
import { type Audit, Channels, on } from './audit.js';
import { parsedHead, pathOf } from './head.js';
import { isElsewhere } from './http.js';
import { type Place, placeOf } from './stack.js';
import type { Exchange } from './tally.js';

/** The used parts of undici's requests, in any version. */
interface UndiciRequest {
  readonly origin?: string | URL;
  readonly path: string;
}

interface Message {
  readonly request: UndiciRequest;
}

/**
 * Observes `fetch` and undici.
 *
 * @param isTaken gets the sockets seen here, so that they are not also seen as raw ones
 */
export function watchUndici({ targets, tally }: Audit, isTaken: WeakSet<Socket>): void {
  const places = new WeakMap<UndiciRequest, Place>();
  const exchanges = new WeakMap<UndiciRequest, Exchange>();
  // Not at once: the next subscriber of the channel would be skipped.
  const end = (request: UndiciRequest): void => {
    if (places.delete(request)) queueMicrotask(() => channels.end());
  };
  const channels = new Channels(
    on<Message & { headers: string; socket: Socket }>('undici:client:sendHeaders', (message) => {
      const { request, headers, socket } = message;
      const place = places.get(request);
      const sent = place && parsedHead(headers);
      if (!sent) return;
      isTaken.add(socket);
      const exchange = tally.begin(place, sent);
      const { hostname } = new URL(String(request.origin));
      if (request.path.startsWith('http') || isElsewhere(socket, hostname)) exchange.proxied();
      exchanges.set(request, exchange);
    }),
    on<Message & { response: { statusCode: number } }>('undici:request:headers', ({ request, response }) => {
      exchanges.get(request)?.answered(response.statusCode);
      end(request);
    }),
    on<Message>('undici:request:error', ({ request }) => {
      exchanges.get(request)?.lost();
      end(request);
    }),
  );
  const created = on<Message>('undici:request:create', ({ request }) => {
    const { origin, path } = request;
    if (!targets.hasUrl(String(origin)) && !(path.startsWith('http') && targets.hasUrl(path))) return;
    places.set(request, placeOf(pathOf(path)));
    channels.begin();
  });
  new Channels(created).begin();
}
