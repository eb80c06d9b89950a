import { hashOf, type Sent } from './tally.js';

/** Reads the head of an HTTP/1 request: its request line and its headers. */
export function parsedHead(head: string): Sent | undefined {
  const [, method, path] = /^([A-Z]+) (\S+) HTTP\/1/.exec(head) ?? [];
  if (method === undefined || path === undefined) return undefined;
  const [, token] = /\r?\nx-aws-ec2-metadata-token:[ \t]*(\S+)/i.exec(head) ?? [];
  return {
    method,
    path: pathOf(path),
    token: token === undefined ? undefined : hashOf(token),
    isForwarded: /\nx-forwarded-for:/i.test(head),
  };
}

/** The path of a request, which is a whole URL for a proxy. */
export const pathOf = (path: string): string => (path.startsWith('http') ? new URL(path).pathname : path);
