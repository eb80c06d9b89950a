/** Reads one value over and over, in one of several ways. Each message is a number of reads; the answer is their time. */
import assert from 'node:assert/strict';
import { Agent, get, request } from 'node:http';
import { connect } from 'node:net';
import { id, path } from './measure.mjs';

const [way, endpoint] = process.argv.slice(2);
const url = endpoint + path;
// The server issues any token; these ways send one as a client with a session does.
const headers = { 'x-aws-ec2-metadata-token': 'AQAEAFSFnbFzRBpzwAhu9nGcqRnDiO1mBqTHV8vnsIKPm5yC7HJFKg==' };

/** @param {import('node:stream').Readable} stream */
const text = (stream) =>
  new Promise((resolve, reject) => {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.once('end', () => resolve(Buffer.concat(chunks).toString()));
    stream.once('error', reject);
  });

/** @param {Agent | false} agent */
const bare = (agent) => () =>
  new Promise((resolve, reject) => {
    get(url, { agent, headers }, (response) => text(response).then(resolve, reject)).once('error', reject);
  });

const ways = {
  http: () => bare(false),
  agent: () => bare(new Agent()),

  // With the options that imds passes.
  async got() {
    const { default: got } = await import('got');
    const client = got.extend({
      request: (url, { method, headers }, answered) =>
        request(url, { method, headers, createConnection: connect }, answered),
      retry: { limit: 0 },
      followRedirect: false,
      throwHttpErrors: false,
      decompress: false,
      headers: { 'user-agent': 'imds/0.0.0' },
    });
    return () => text(client.stream(url, { method: 'GET', headers }));
  },

  async 'got-retry'() {
    const { default: retry } = await import('p-retry');
    const read = await ways.got();
    const options = { retries: 2, factor: 2, minTimeout: 100, randomize: true, maxRetryTime: 5000 };
    return () => retry(read, { ...options, shouldRetry: () => true });
  },

  async imds() {
    const { Imds } = await import('imds');
    const imds = new Imds({ endpoint, cache: false });
    return () => imds.instanceId();
  },

  async aws() {
    const { MetadataService } = await import('@aws-sdk/ec2-metadata-service');
    const service = new MetadataService({ endpoint });
    return () => service.request(path, {});
  },
};

const read = await ways[way]();
assert.equal(await read(), id);
process.on('message', async (reads) => {
  const start = performance.now();
  for (let done = 0; done < reads; done += 1) await read();
  process.send((performance.now() - start) / reads);
});
process.on('disconnect', () => process.exit());
process.send(way);
