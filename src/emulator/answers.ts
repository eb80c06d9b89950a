import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Content, DatedContent } from './tree.js';

/** One reply, as sent: spelling and order of the headers are the service's. */
export interface Answer {
  readonly status: number;
  /** Of the status line. Default `HTTP/1.1`. */
  readonly protocol?: 'HTTP/1.0' | 'HTTP/1.1';
  readonly headers: Headers;
  readonly body: Content;
}

type Header = readonly [name: string, value: string];
type Headers = readonly Header[];

export const ttlHeader = 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds';

const plain: Header = ['Content-Type', 'text/plain'];
const served: Headers = [
  ['Server', 'EC2ws'],
  ['Connection', 'close'],
];

/** A value or a listing. `ttlSeconds` is the remaining TTL of the request's session token. */
export function found(now: Date, content: DatedContent, type: string, ttlSeconds: number | undefined): Answer {
  return answer(now, 200, content.content, [
    ...timeLeft(ttlSeconds),
    ['Content-Type', type],
    ['Accept-Ranges', 'none'],
    ['Last-Modified', content.lastModified.toUTCString()],
  ]);
}

/** A new session token. */
export function granted(now: Date, token: string, ttlSeconds: number): Answer {
  return answer(now, 200, token, timeLeft(ttlSeconds), [plain]);
}

/** A reply without a body. */
export function empty(now: Date, status: number, first: Headers = []): Answer {
  return answer(now, status, '', first, [plain]);
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
  return answer(now, status, body, [...timeLeft(ttlSeconds), ['Content-Type', 'text/html']]);
}

/** A reply with headers before and after those of all replies. */
function answer(now: Date, status: number, body: Content, first: Headers, last: Headers = []): Answer {
  return { status, headers: [...first, lengthOf(body), ['Date', now.toUTCString()], ...served, ...last], body };
}

/** The same reply with another value of a header, or, without a value, without that header. */
export function withHeader(answer: Answer, header: string, value?: string): Answer {
  const headers = answer.headers.map(([name, old]) => [name, name === header ? value : old] as const);
  return { ...answer, headers: headers.filter((one): one is Header => one[1] !== undefined) };
}

/** The same reply with another body. */
export function withBody(answer: Answer, body: Content): Answer {
  return withHeader({ ...answer, body }, ...lengthOf(body));
}

/** The same reply as on Xen instances: HTTP/1.0, the headers in alphabetical order, an `ETag`. */
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

/** Status line and headers, in latin1. */
export function headOf({ status, protocol = 'HTTP/1.1', headers }: Answer): string {
  // The service's own reason phrase for 405, where RFC 9110 has "Method Not Allowed".
  const reason = status === 405 ? 'Not Allowed' : STATUS_CODES[status];
  let head = `${protocol} ${status} ${reason}\r\n`;
  for (const [name, value] of headers) head += `${name}: ${value}\r\n`;
  return `${head}\r\n`;
}

function lengthOf(body: Content): Header {
  return ['Content-Length', String(Buffer.byteLength(body))];
}

function timeLeft(ttlSeconds: number | undefined): Headers {
  return ttlSeconds === undefined ? [] : [[ttlHeader, String(ttlSeconds)]];
}
