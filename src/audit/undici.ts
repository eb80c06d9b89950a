import type { Socket } from 'node:net';
import { type Audit, on, onDemand } from './audit.js';
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
  const pending = new WeakMap<UndiciRequest, { readonly place: Place; exchange?: Exchange }>();
  const follow = onDemand(() => {
    on<Message & { headers: string; socket: Socket }>('undici:client:sendHeaders', (message) => {
      const { request, headers, socket } = message;
      const entry = pending.get(request);
      const sent = entry && parsedHead(headers);
      if (!sent) return;
      isTaken.add(socket);
      entry.exchange = tally.begin(entry.place, sent);
      const { hostname } = new URL(String(request.origin));
      if (request.path.startsWith('http') || isElsewhere(socket, hostname)) entry.exchange.proxied();
    });
    on<Message & { response: { statusCode: number } }>('undici:request:headers', ({ request, response }) =>
      pending.get(request)?.exchange?.answered(response.statusCode),
    );
    on<Message>('undici:request:error', ({ request }) => pending.get(request)?.exchange?.lost());
  });
  on<Message>('undici:request:create', ({ request }) => {
    const { origin, path } = request;
    if (!targets.hasUrl(String(origin)) && !(path.startsWith('http') && targets.hasUrl(path))) return;
    pending.set(request, { place: placeOf(pathOf(path)) });
    follow();
  });
}
