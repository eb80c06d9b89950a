import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { folder } from './layout.js';
import type { Place } from './plan.js';

/** The header that proxies add; IMDS refuses token requests that have it. */
const header = '\r\nX-Forwarded-For: 10.0.10.5\r\n';

/** A proxy in front of a service at these addresses, on port 80, that adds `X-Forwarded-For` to each request. */
export async function forward(hosts: readonly string[], target: string): Promise<void> {
  const { hostname, port } = new URL(target);
  const servers = hosts.map((host) => {
    const server = createServer((socket) => {
      const onward = opposite(socket, Number(port), hostname);
      // Each connection carries one request, and a request line comes in one piece.
      socket.once('data', (request) => {
        onward.write(request.toString('latin1').replace('\r\n', header), 'latin1');
        socket.pipe(onward).pipe(socket);
      });
    });
    return once(server.listen(80, host), 'listening');
  });
  await Promise.all(servers);
}

/** Makes a server on a loopback port here accept the connections of a socket that listens in another place. */
export function answerHere(server: Server, opened: Promise<number>): void {
  server.on('connection', async (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(opposite(socket, await opened, '127.0.0.1')).pipe(socket);
  });
}

/** Listens in a place: a process there creates the socket, passes it on and exits. */
export async function listenIn(place: Place, port: number, nsenter: string): Promise<Server> {
  const program = `require('node:net').createServer().listen(${port}, '127.0.0.1', function () {
    process.send('', this, () => this.close(() => process.disconnect()));
  })`;
  const child = spawn(nsenter, [`--net=${folder}/${place}`, '--', process.execPath, '-e', program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [, server] = await once(child, 'message');
  return server;
}

function opposite(socket: Socket, port: number, host: string): Socket {
  const onward = connect(port, host);
  socket.on('error', () => onward.destroy());
  onward.on('error', () => socket.destroy());
  return onward;
}
