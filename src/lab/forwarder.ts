import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** What proxies tell of whom they ask for; IMDS gives no token to requests that have it. */
const header = '\r\nX-Forwarded-For: 10.0.10.5\r\n';

/** Stands in front of a service at these addresses, on port 80, as a proxy that adds `X-Forwarded-For` to each request. */
export async function forward(hosts: readonly string[], target: string): Promise<void> {
  const { hostname, port } = new URL(target);
  const servers = hosts.map((host) => {
    const server = createServer((socket) => {
      const onward = connect(Number(port), hostname);
      socket.on('error', () => onward.destroy());
      onward.on('error', () => socket.destroy());
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
