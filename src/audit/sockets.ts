import { Socket } from 'node:net';
import { type Audit, wrap } from './audit.js';
import { parsedHead } from './head.js';
import { type Place, placeOf } from './stack.js';
import type { Exchange } from './tally.js';

// As much as servers accept for a head.
const mostBytes = 16_384;
const wholeHead = /^.*?\r\n\r\n/s;

/**
 * Observes sockets that speak HTTP without a client. Node publishes neither the address of a socket nor sockets that
 * are created first and connected later, so the method that all go through is observed, and then only those for IMDS.
 *
 * @param isTaken the sockets of HTTP clients, which are observed separately
 */
export function watchSockets(audit: Audit, isTaken: WeakSet<Socket>): void {
  wrap(Socket.prototype, 'connect', (socket, args) => {
    // node:net, node:http and node:tls pass their arguments as one list.
    const [first, second] = Array.isArray(args[0]) ? args[0] : args;
    const options = typeof first === 'object' && first !== null ? first : { port: first, host: second };
    if (audit.targets.has(options.host, () => options.port)) follow(socket, audit, isTaken);
  });
}

function follow(socket: Socket, { tally }: Audit, isTaken: WeakSet<Socket>): void {
  const place: Place = placeOf();
  const open: Exchange[] = [];
  let head = '';
  const wrote = (chunk: unknown, encoding: unknown): void => {
    if (isTaken.has(socket)) return;
    head += Buffer.isBuffer(chunk) ? chunk.toString('latin1') : Buffer.from(String(chunk), encodingOf(encoding));
    for (let first = wholeHead.exec(head); first; first = wholeHead.exec(head)) {
      const sent = parsedHead(first[0]);
      if (sent) open.push(tally.begin(place, sent));
      head = head.slice(first[0].length).trimStart();
    }
    head = head.slice(-mostBytes);
  };
  wrap(socket, '_write', (_socket, [chunk, encoding]) => wrote(chunk, encoding));
  wrap(socket, '_writev', (_socket, [chunks]) => {
    for (const { chunk, encoding } of chunks as { chunk: unknown; encoding: unknown }[]) wrote(chunk, encoding);
  });
  wrap(socket, 'push', (_socket, [chunk]) => {
    const [, status] = /^HTTP\/1\.\d (\d{3})/.exec(Buffer.isBuffer(chunk) ? chunk.toString('latin1', 0, 16) : '') ?? [];
    if (status) open.shift()?.answered(Number(status));
  });
  socket.once('close', () => {
    for (const exchange of open) exchange.lost();
  });
}

const encodingOf = (encoding: unknown): BufferEncoding =>
  typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
