import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Content } from './tree.js';

/** One answer, as it goes over the wire: spelling and order of the headers are the service's. */
export interface Answer {
  readonly status: number;
  /** Of the status line. Default `HTTP/1.1`. */
  readonly protocol?: 'HTTP/1.0' | 'HTTP/1.1';
  readonly headers: readonly Header[];
  readonly body: Content;
}

export type Header = readonly [name: string, value: string];

export const ttlHeader = 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds';

const plain: Header = ['Content-Type', 'text/plain'];

/** A value or a listing. `ttlSeconds` is the life left to the session token that came with the request. */
export function found(
  now: Date,
  about: { content: Content; type: string; lastModified: Date; ttlSeconds: number | undefined },
): Answer {
  const headers: readonly Header[] = [
    ...timeLeft(about.ttlSeconds),
    ['Content-Type', about.type],
    ['Accept-Ranges', 'none'],
    ['Last-Modified', about.lastModified.toUTCString()],
    lengthOf(about.content),
    ...closing(now),
  ];
  return { status: 200, headers, body: about.content };
}

/** A new session token. */
export function granted(now: Date, token: string, ttlSeconds: number): Answer {
  return { status: 200, headers: [...timeLeft(ttlSeconds), lengthOf(token), ...closing(now), plain], body: token };
}

/** An answer without a body. */
export function empty(now: Date, status: number, first: readonly Header[] = []): Answer {
  return { status, headers: [...first, lengthOf(''), ...closing(now), plain], body: '' };
}

/** The page that explains a 404 or a 400. */
export function page(now: Date, status: number, ttlSeconds?: number): Answer {
  const title = `${status} - ${STATUS_CODES[status]}`;
  const body = `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
\t\t "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>${title}</title>
 </head>
 <body>
  <h1>${title}</h1>
 </body>
</html>
`;
  const headers = [...timeLeft(ttlSeconds), ['Content-Type', 'text/html'] as const, lengthOf(body), ...closing(now)];
  return { status, headers, body };
}

/** The same answer without a header. */
export function withoutHeader(answer: Answer, header: string): Answer {
  return { ...answer, headers: answer.headers.filter(([name]) => name !== header) };
}

/** The same answer with another value of a header that it already has. */
export function withHeader(answer: Answer, header: string, value: string): Answer {
  return { ...answer, headers: answer.headers.map(([name, old]) => [name, name === header ? value : old]) };
}

/** The same answer with another body. */
export function withBody(answer: Answer, body: Content): Answer {
  return withHeader({ ...answer, body }, ...lengthOf(body));
}

/** The same answer in the form of the Xen generations: HTTP/1.0, the headers in alphabetical order, an `ETag`. */
export function asXen(answer: Answer): Answer {
  const tag = createHash('sha1').update(answer.body).digest().readUInt32BE();
  const etag: Header = ['ETag', `"${tag}"`];
  const headers = answer.headers.flatMap((header): Header[] =>
    header[0] === 'Accept-Ranges' ? [['Accept-Ranges', 'bytes'], etag] : [header],
  );
  return {
    ...answer,
    protocol: 'HTTP/1.0',
    headers: headers.sort(([one], [other]) => (one.toLowerCase() < other.toLowerCase() ? -1 : 1)),
  };
}

/** The bytes of an answer: status line and headers, and the body. */
export function toBytes({ status, protocol = 'HTTP/1.1', headers, body }: Answer): { head: Buffer; body: Buffer } {
  // The service's own reason phrase for 405, where RFC 9110 has "Method Not Allowed".
  const reason = status === 405 ? 'Not Allowed' : STATUS_CODES[status];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return {
    head: Buffer.from(`${protocol} ${status} ${reason}\r\n${lines}\r\n`, 'latin1'),
    body: Buffer.from(body),
  };
}

function lengthOf(body: Content): Header {
  return ['Content-Length', String(Buffer.byteLength(body))];
}

function timeLeft(ttlSeconds: number | undefined): readonly Header[] {
  return ttlSeconds === undefined ? [] : [[ttlHeader, String(ttlSeconds)]];
}

function closing(now: Date): readonly Header[] {
  return [
    ['Date', now.toUTCString()],
    ['Server', 'EC2ws'],
    ['Connection', 'close'],
  ];
}
