import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Emulator } from '../../../src/emulator/index.js';

/** An answer, taken apart no further than HTTP itself does. */
export interface RawAnswer {
  readonly statusLine: string;
  readonly status: number;
  /** Header lines in the order and spelling of the wire. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** Opens a socket to the emulator. */
export async function connect(url: string): Promise<net.Socket> {
  const { hostname, port } = new URL(url);
  const socket = net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
  await once(socket, 'connect');
  return socket;
}

/** Sends text as it stands; gives every byte that comes back until the server closes. */
export async function exchange(url: string, text: string): Promise<string> {
  const socket = await connect(url);
  let received = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return received;
}

/** One request with the headers given and `Host`; a header's value of `undefined` leaves it out. */
export async function ask(
  { url }: Pick<Emulator, 'url'>,
  method: string,
  target: string,
  headers: Readonly<Record<string, string | undefined>> = {},
): Promise<RawAnswer> {
  const lines = Object.entries({ Host: new URL(url).host, ...headers })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return parse(await exchange(url, `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`));
}

/** A session token. */
export async function token(emulator: Pick<Emulator, 'url'>, ttlSeconds = 21600): Promise<string> {
  const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': String(ttlSeconds) };
  const { status, body } = await ask(emulator, 'PUT', '/latest/api/token', ttl);
  assert.equal(status, 200);
  return body;
}

export function parse(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  assert.notEqual(end, -1, `no HTTP answer: ${JSON.stringify(text)}`);
  const [statusLine = '', ...headers] = text.slice(0, end).split('\r\n');
  return { statusLine, status: Number(statusLine.split(' ')[1]), headers, body: text.slice(end + 4) };
}

/** The value of a header. */
export function header(answer: RawAnswer, name: string): string | undefined {
  return answer.headers.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
}
