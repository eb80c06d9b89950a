/** What serves a place without a network: takes connections at a Unix socket and forwards their bytes. Run in a namespace. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { offer } from './remote.js';

const functions = {
  /** As `socat UNIX-LISTEN:<path>,fork TCP:<host>:80` does. */
  async forward(path: string, host: string): Promise<void> {
    const server = createServer((socket) => {
      const onward = connect(80, host);
      socket.on('error', () => onward.destroy());
      onward.on('error', () => socket.destroy());
      socket.pipe(onward).pipe(socket);
    });
    await once(server.listen(path), 'listening');
  },
};
export type Relay = typeof functions;
offer(functions);
