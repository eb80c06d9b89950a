import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Credentials as the server knows them. */
export interface KnownCredentials {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
}

/** A server in place of S3 and STS, which answers only requests signed with AWS Signature Version 4. */
export interface SigV4Server extends AsyncDisposable {
  readonly url: string;
  /** Access key of each accepted request, in order. */
  readonly accepted: readonly string[];
  /** Reason for each refused request. */
  readonly refused: readonly string[];
}

/**
 * @param known credentials by access key
 * @param now the clock of the server, in milliseconds since 1970
 */
export async function createSigV4Server(
  known: (accessKeyId: string) => KnownCredentials | undefined,
  now: () => number,
): Promise<SigV4Server> {
  const accepted: string[] = [];
  const refused: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const fault = judge(request, Buffer.concat(chunks));
    if (fault) refused.push(fault);
    response.writeHead(fault ? 403 : 200, { 'Content-Type': 'text/xml', Date: new Date(now()).toUTCString() });
    response.end(fault ? `<Error><Code>${fault}</Code></Error>` : bodyFor(request));
  };

  /** Reason for refusing a request, in AWS's words; undefined when it is accepted. */
  const judge = (request: IncomingMessage, body: Buffer): string | undefined => {
    const { scope, signedHeaders = [], signature = '' } = authorization(request.headers.authorization ?? '');
    const [accessKeyId = '', ...rest] = scope ?? [];
    const credentials = known(accessKeyId);
    if (!credentials) return 'InvalidAccessKeyId';
    if (request.headers['x-amz-security-token'] !== credentials.sessionToken) return 'InvalidToken';
    if (!signedHeaders.includes('host') || !signedHeaders.includes('x-amz-security-token'))
      return 'IncompleteSignature';
    if (now() >= credentials.endsAt) return 'ExpiredToken';
    const signedAt = String(request.headers['x-amz-date']);
    if (Math.abs(instantOf(signedAt) - now()) > 15 * 60_000) return 'RequestTimeTooSkewed';
    const payload = sha256(body);
    if ((request.headers['x-amz-content-sha256'] ?? payload) !== payload) return 'XAmzContentSHA256Mismatch';

    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    const url = new URL(request.url ?? '/', 'http://localhost');
    url.searchParams.sort();
    const canonical = [
      request.method,
      url.pathname,
      url.searchParams.toString().replaceAll('+', '%20'),
      ...signedHeaders.map((name) => `${name}:${String(request.headers[name]).trim()}`),
      '',
      signedHeaders.join(';'),
      payload,
    ].join('\n');
    const [date = '', region = '', service = '', end = ''] = rest;
    const toSign = ['AWS4-HMAC-SHA256', signedAt, rest.join('/'), sha256(canonical)].join('\n');
    const key = [date, region, service, end].reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
    const expected = hmac(key, toSign);
    const given = Buffer.from(signature, 'hex');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'SignatureDoesNotMatch';
    accepted.push(accessKeyId);
    return undefined;
  };

  const server = http.createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    accepted,
    refused,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function authorization(header: string) {
  const [, scope, headers, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(header) ?? [];
  return { scope: scope?.split('/'), signedHeaders: headers?.split(';'), signature };
}

/** `20261123T090000Z` */
function instantOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

const bodyFor = ({ headers, method }: IncomingMessage): string => {
  if (method === 'PUT') return '';
  return headers.authorization?.includes('/sts/')
    ? '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
        '<Arn>arn:aws:sts::123456789012:assumed-role/example-role/i-1234567890abcdef0</Arn>' +
        '<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>'
    : '<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets><Bucket><Name>example</Name>' +
        '</Bucket></Buckets></ListAllMyBucketsResult>';
};
