/**
 * Stands in for the service: plain node:http that closes every connection after its answer, as IMDS does, and counts
 * requests by method. Each message from the parent is answered with the counts since the last one.
 */
import { createServer } from 'node:http';

const seconds = '21600';
const token = 'AQAEAFSFnbFzRBpzwAhu9nGcqRnDiO1mBqTHV8vnsIKPm5yC7HJFKg==';
let counts = { PUT: 0, GET: 0 };

const server = createServer(({ method }, response) => {
  counts[method] += 1;
  const body = method === 'PUT' ? token : 'i-0123456789abcdef0';
  response.writeHead(200, {
    'X-Aws-Ec2-Metadata-Token-Ttl-Seconds': seconds,
    'Content-Type': 'text/plain',
    'Content-Length': body.length,
    Connection: 'close',
    Server: 'EC2ws',
  });
  response.end(body);
});

process.on('message', () => {
  process.send(counts);
  counts = { PUT: 0, GET: 0 };
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}`));
