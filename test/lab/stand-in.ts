/** What answers in the place of IMDS and of what is beside it, on ports of its own. Run in a namespace. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { offer } from './remote.js';

const foreign =
  'HTTP/1.1 404 Not Found\r\nServer: Metadata Server for VM\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/** Milliseconds by which every answer of the lab's is late; undefined for another cloud's service. */
let lateMs: number | undefined;

const server = createServer((socket) => {
  socket.on('error', () => {});
  if (lateMs === undefined) {
    socket.once('data', () => socket.end(foreign));
    return;
  }
  const onward = connect(80, '169.254.169.254').on('error', () => socket.destroy());
  socket.pipe(onward);
  setTimeout(() => onward.pipe(socket), lateMs);
});
await once(server.listen(8080), 'listening');

for (const [port, address] of [
  [123, '169.254.169.123'],
  [53, '169.254.169.253'],
] as const) {
  const socket = createSocket('udp4');
  socket.on('message', (question, { port: from, address: sender }) => {
    const onward = createSocket('udp4');
    onward.once('message', (reply) => {
      onward.close();
      setTimeout(() => socket.send(reply, from, sender, () => {}), lateMs);
    });
    onward.send(question, port, address, () => {});
  });
  socket.bind(port + 1000, '0.0.0.0');
  await once(socket, 'listening');
}

const functions = {
  /** Answers as the lab does, but so much later. */
  beLate(ms: number): void {
    lateMs = ms;
  },
  beForeign(): void {
    lateMs = undefined;
  },
};
export type StandIn = typeof functions;
offer(functions);
