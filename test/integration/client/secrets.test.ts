import assert from 'node:assert/strict';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import net from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Imds, type ImdsOptions } from '../../../src/index.js';

const token = 'AQAEAHUSHtoken_hush-0123456789abcdefHUSHHUSHHUSHHUSHHU==';
const secrets = { token, key: 'HUSHKEY+wJalrXUtnFEMI/K7MDENG', session: 'HUSHSESSION//', data: 'HUSHDATA' };
const channels = ['request', 'token', 'cache', 'fallback', 'retry', 'settings', 'credentials', 'watch'];

const credentials = JSON.stringify({
  Code: 'Success',
  LastUpdated: '2026-11-28T00:00:00Z',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  SecretAccessKey: secrets.key,
  Token: secrets.session,
  Expiration: '2099-01-01T00:00:00Z',
});
const all = Object.values(secrets).join(' ');

/** What a service sends for a request line: a body, or all of the reply. */
type Service = (line: string) => string | { readonly raw: string };

const answer = (status: string, body: string, headers = ''): { raw: string } => ({
  raw: `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}Connection: close\r\n\r\n${body}`,
});
const issued = answer('200 OK', token, 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\n');

const whole: Service = (line) => {
  if (line.startsWith('PUT')) return issued;
  if (/security-credentials\/ /.test(line)) return 'web-role';
  if (/security-credentials\//.test(line)) return credentials;
  if (/user-data/.test(line)) return `#!/bin/sh\nPASSWORD=${secrets.data}\n`;
  return answer('404 Not Found', all);
};
/** The same, but for what is asked with the token. */
const reading =
  (reply: ReturnType<Service>): Service =>
  (line) =>
    line.startsWith('PUT') ? issued : reply;

const services: Readonly<Record<string, Service>> = {
  'that is well': whole,
  'with a role that is named as the token': (line) => (/credentials\/ /.test(line) ? token : whole(line)),
  'with secrets in place of every value': reading(all),
  'with secrets in broken JSON': reading(`{"Code":"Success","SecretAccessKey":"${secrets.key}","x":${secrets.data}`),
  'with half of the credentials': reading(JSON.stringify({ ...JSON.parse(credentials), AccessKeyId: null })),
  'with broken gzip': reading({ raw: `${answer('200 OK', '\u001f\u008b\b broken '.concat(all)).raw}` }),
  'with a broken archive': reading(
    `Content-Type: multipart/mixed; boundary="${secrets.data}"\nMIME-Version: 1.0\n\n--x`,
  ),
  'that breaks off': reading({ raw: `HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n${all}` }),
  'that breaks off in a chunk': reading({ raw: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n${all}` }),
  'that does not speak HTTP': reading({ raw: `${all}\r\n${all}\r\n\r\n` }),
  'that does not speak HTTP from the start': () => ({ raw: `${all}\r\n\r\n` }),
  'that redirects': reading(answer('302 Found', all, `Location: http://127.0.0.1:1/${token}\r\n`)),
  'that gives no token': () => answer('200 OK', all),
  ...Object.fromEntries(
    [400, 401, 403, 405, 429, 500, 503].flatMap((status) => [
      [`that answers reads ${status}`, reading(answer(`${status} ${secrets.data}`, all))],
      [`that answers ${status}`, () => answer(`${status} ${secrets.data}`, all)],
    ]),
  ),
};

/** All texts that a value holds, hidden ones and bytes included. */
function textsOf(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  if (ArrayBuffer.isView(value))
    return [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')];
  return Reflect.ownKeys(value).flatMap((name) => [String(name), ...textsOf(Reflect.get(value, name), seen)]);
}

/** The texts in which a secret stands, with its name. */
const leaked = (values: readonly unknown[]): string[] =>
  values
    .flatMap((value) => textsOf(value))
    .flatMap((text) =>
      Object.entries(secrets).flatMap(([name, secret]) =>
        text.includes(secret) ? [`${name} in ${text.slice(0, 500)}`] : [],
      ),
    );

describe('the token, credentials and user data', () => {
  let told: unknown[] = [];
  let server: net.Server;
  let url = '';
  let serve: Service = whole;
  const listener = (event: unknown): void => void told.push(event);
  const sockets = new Set<net.Socket>();

  beforeEach(async () => {
    told = [];
    for (const name of channels) subscribe(`imds:${name}`, listener);
    server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('data', (data) => {
        const reply = serve(data.toString('latin1').split('\r\n')[0] ?? '');
        socket.end(typeof reply === 'string' ? answer('200 OK', reply).raw : reply.raw, 'latin1');
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  });
  afterEach(() => {
    for (const name of channels) unsubscribe(`imds:${name}`, listener);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** Calls everything, and keeps all that is told of it. */
  async function walk(options: ImdsOptions, hasToken: boolean): Promise<void> {
    const log = (...line: unknown[]): void => void told.push(line);
    const logger = { debug: log, info: log, warn: log, error: log };
    const imds = new Imds({ endpoint: url, logger, maxAttempts: 2, retryDelayMs: 1, deadlineMs: 2000, ...options });
    const notices = imds.watch({ kinds: ['credentials', 'tags'] });
    const calls: readonly (() => unknown)[] = [
      () => imds.credentials({ fresh: true }),
      () => imds.credentials({ accountId: true }),
      () => imds.credentialProvider()(),
      () => imds.userData(),
      () => imds.get('user-data'),
      () => imds.list('iam/security-credentials/'),
      () => imds.iam.info(),
      () => imds.spot.instanceAction(),
      () => imds.instanceId(),
      () => imds.region(),
      () => imds.accountId(),
      () => imds.networkInterfaces(),
      () => imds.identityDocument(),
      () => imds.tags(),
      () => imds.token(),
      async () => {
        const timer = setTimeout(() => notices.return?.(), 100);
        await notices.next();
        clearTimeout(timer);
      },
    ];
    // A client knows the token for what it is once it has it.
    const withToken: readonly (() => unknown)[] = [
      () => imds.get(token),
      () => imds.getBuffer(`/latest/meta-data/${token}/x`),
      () => imds.list(token),
      () => imds.get(encodeURIComponent(token)),
      // Paths that cannot be asked for.
      () => imds.get(`instance-id -H X-aws-ec2-metadata-token: ${token}`),
      () => imds.getBuffer(`instance-id?${token}`),
      () => imds.list(`//${token}`),
      // Where other clients take a token.
      () => imds.get('instance-id', token as never),
      () => imds.iam.securityCredentials.role(token),
      () => imds.tags.instance.tagKey(token),
    ];
    for (const call of [...calls, ...(hasToken ? withToken : [])])
      try {
        await call();
      } catch (error) {
        told.push(error, inspect(error, { showHidden: true, depth: 9 }));
      }
    told.push(inspect(imds, { showHidden: true, depth: 9 }), String(imds), JSON.stringify(imds));
    imds.close();
    assert.deepEqual(leaked(told), []);
  }

  for (const [title, service] of Object.entries(services))
    it(`are in no event, log line, error or diagnosis of a service ${title}`, async () => {
      serve = service;
      const hasToken = service('PUT /latest/api/token HTTP/1.1') === issued;
      await walk({}, hasToken);
      await walk({ allowV1: true, cache: false }, hasToken);
      const imds = new Imds({ endpoint: url });
      assert.deepEqual(leaked([await imds.diagnose()]), []);
      assert.ok(told.length > 20, 'something is told');
    });

  it('are not told where the service lists the token in place of the role of the options', async () => {
    serve = (line) =>
      /credentials\/ /.test(line) ? token : line.startsWith('PUT') ? issued : answer('404 Not Found', all);
    await walk({ roleName: 'web-role' }, true);
  });

  it('are not told where the role of the options is the token', async () => {
    serve = whole;
    await walk({ roleName: token }, true);
  });

  it('are looked for on every channel', () => {
    for (const name of channels) assert.ok(channel(`imds:${name}`).hasSubscribers);
  });
});
