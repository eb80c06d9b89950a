/** A server that has nothing to do with IMDS, and keeps connections. */
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('ok'));
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}`));
