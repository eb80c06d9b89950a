import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type http from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, it } from 'mocha';
import { Events } from '../../../src/client/events.js';
import type { ImdsOptions } from '../../../src/client/options.js';
import { resolveSettings } from '../../../src/client/settings.js';
import { type DiagnoseOptions, type Diagnosis, diagnose } from '../../../src/doctor/diagnose.js';
import type { Beacon } from '../../../src/doctor/distance.js';
import type { Input } from '../../../src/doctor/probe.js';
import { createEmulator, type Emulator, type EmulatorOptions } from '../../../src/emulator/index.js';
import { type Platform, platform } from '../../../src/platform.js';
import { stopwatch } from '../../support/stopwatch.js';
import { listen, nobody, type Stand, serve } from '../cli/harness.js';

const nitro: Platform = {
  onEc2: true,
  why: 'board_asset_tag is an instance ID',
  isElsewhere: false,
  instanceId: 'i-1234567890abcdef0',
  container: 'docker',
  hasHostNetwork: false,
  isEnclave: false,
};

const ended: (() => Promise<void> | void)[] = [];

async function emulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const started = await createEmulator(options);
  ended.push(() => started.close());
  return started;
}

async function stand(starting: Promise<Stand>): Promise<string> {
  const { url, close } = await starting;
  ended.push(close);
  return url;
}

/** A time service as many hops away, or one that is silent. */
async function timeService(hops: number | undefined): Promise<Beacon> {
  const server: Socket = createSocket('udp4');
  ended.push(() => void server.close());
  const ports: number[] = [];
  server.on('message', (datagram, { port, address }) => {
    if (!ports.includes(port)) ports.push(port);
    // The sockets send first in the order of their TTLs.
    if (hops === undefined || ports.indexOf(port) + 1 < hops) return;
    const answer = Buffer.alloc(48);
    answer[0] = 0b00_100_100;
    datagram.copy(answer, 24, 40, 48);
    server.send(answer, port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  return { speaks: 'NTP', address: '127.0.0.1', port: server.address().port };
}

function examine(
  endpoint: string,
  given: Partial<Input> & { client?: ImdsOptions; how?: DiagnoseOptions } = {},
): Promise<Diagnosis> {
  const { client, how, ...input } = given;
  const settings = resolveSettings({ endpoint, ...client }).settings();
  return diagnose({ settings, events: new Events(undefined), env: {}, platform: nitro, ...input }, how);
}

const finding = ({ findings }: Diagnosis, id: string) => findings.find((one) => one.id === id);

const asEc2 =
  (statusCode: number, body = ''): http.RequestListener =>
  (_request, response) =>
    void response.writeHead(statusCode, { server: 'EC2ws' }).end(body);

describe('diagnose', () => {
  afterEach(async () => {
    for (const end of ended.splice(0)) await end();
  });

  it('finds a service healthy that gives a token and takes it', async () => {
    const { url, requests } = await emulator({ httpTokens: 'required' });
    const elapsedMs = stopwatch();
    const diagnosis = await examine(url, { beacons: [await timeService(1)] });
    assert.ok(elapsedMs() < 1500);
    assert.equal(diagnosis.verdict, 'healthy');
    assert.equal(diagnosis.distance, 1);
    assert.deepEqual(diagnosis.fix, []);
    assert.deepEqual(
      diagnosis.findings.filter(({ status }) => status === 'fail' || status === 'warn'),
      [],
    );
    assert.ok(requests.every(({ version }) => version === 2));
  });

  for (const httpTokens of ['optional', 'required'] as const)
    for (const hops of [1, 2]) {
      it(`finds the hop limit too low behind ${hops} routers with tokens ${httpTokens}, and asks with tokens only`, async () => {
        const { url, requests } = await emulator({ httpTokens, hops });
        const diagnosis = await examine(url, { beacons: [await timeService(hops + 1)] });
        assert.equal(diagnosis.verdict, 'hop-limit');
        assert.equal(diagnosis.distance, hops + 1);
        assert.equal(diagnosis.hopLimit, hops + 1);
        assert.match(
          diagnosis.fix[0]?.command ?? '',
          new RegExp(`--instance-id i-1234567890abcdef0 --http-put-response-hop-limit ${hops + 1} `),
        );
        assert.ok(requests.every(({ version }) => version === 2));
      });
    }

  it('puts a role of the pod before a command that EKS Auto Mode would refuse, and says why', async () => {
    const { url } = await emulator({ hops: 1 });
    const env = { KUBERNETES_SERVICE_HOST: '10.100.0.1', NODE_NAME: 'i-0123456789abcdef0' };
    const facts = { read: () => undefined, exists: () => false, interfaces: () => ['eth0'], env };
    const diagnosis = await examine(url, { env, platform: platform(facts) });
    assert.equal(diagnosis.verdict, 'hop-limit');
    assert.deepEqual(
      diagnosis.fix.map(({ command }) => command.split(' ').slice(0, 3).join(' ')),
      ['aws eks create-pod-identity-association', 'aws ec2 modify-instance-metadata-options'],
    );
    assert.match(diagnosis.fix[1]?.refusedBy ?? '', /^EKS Auto Mode/);
    assert.equal(
      finding(diagnosis, 'container')?.detail,
      'a Kubernetes pod on the node i-0123456789abcdef0, with its own network, managed by EKS Auto Mode, apparently',
    );
  });

  it('finds the hop limit too low when the time service is silent', async () => {
    const { url } = await emulator({ hops: 1 });
    const diagnosis = await examine(url, { beacons: [await timeService(undefined)] });
    assert.equal(diagnosis.verdict, 'hop-limit');
    assert.equal(diagnosis.distance, undefined);
    assert.equal(diagnosis.hopLimit, 2);
    assert.equal(finding(diagnosis, 'distance')?.status, 'warn');
  });

  it('skips the distance where nothing measures it and nothing depends on it', async () => {
    const { url } = await emulator();
    const diagnosis = await examine(url, { beacons: [await timeService(undefined)] });
    assert.equal(diagnosis.verdict, 'healthy');
    assert.equal(finding(diagnosis, 'distance')?.status, 'skip');
  });

  it('gives the verdict other-family where only the endpoint of the other family answers', async () => {
    const [endpoint, { url, requests }] = await Promise.all([stand(nobody()), emulator({ httpTokens: 'required' })]);
    const diagnosis = await examine(endpoint, { otherEndpoint: url });
    assert.equal(diagnosis.verdict, 'other-family');
    assert.match(diagnosis.summary, /^Only the IPv6 endpoint answers/);
    assert.equal(finding(diagnosis, 'family')?.status, 'warn');
    assert.ok(requests.length > 0 && requests.every(({ version, status }) => version === 2 && status === 401));
  });

  it('gives the verdict unreachable where no family answers, and says that both were asked', async () => {
    const [endpoint, otherEndpoint] = await Promise.all([stand(nobody()), stand(nobody())]);
    const diagnosis = await examine(endpoint, { otherEndpoint });
    assert.equal(diagnosis.verdict, 'unreachable');
    assert.match(finding(diagnosis, 'family')?.detail ?? '', /does not answer either/);
  });

  it('says that the service is throttled, though it gave a token and answered the first read', async () => {
    // However slowly the doctor asks, no more than the first five requests are answered.
    const { url } = await emulator({ scenario: 'throttled', speed: 0 });
    const { verdict, findings } = await examine(url);
    assert.equal(verdict, 'throttled');
    assert.ok(findings.some(({ status, detail }) => status === 'fail' && /429|503/.test(detail)));
  });

  it('does not take a role or tags that could not be read for none', async () => {
    const broken = await emulator();
    broken.fault({ kind: 'status', status: 500, paths: ['iam/**', 'tags/**'] });
    const diagnosis = await examine(broken.url);
    for (const id of ['role', 'tags'])
      assert.deepEqual(finding(diagnosis, id), { id, status: 'warn', detail: 'could not be read' });
  });

  describe('at a compatible service', () => {
    const id: http.RequestListener = (_request, response) => void response.end('i-1234567890abcdef0');
    const granting =
      (headers: http.OutgoingHttpHeaders): http.RequestListener =>
      (_request, response) =>
        void response.writeHead(200, headers).end('a-token');
    const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };

    it('names what is missing', async () => {
      const read: http.RequestListener = ({ url }, response) =>
        void (url?.endsWith('/instance-id') ? response : response.writeHead(404)).end('i-1234567890abcdef0');
      const diagnosis = await examine(await stand(serve(read, granting(ttl))));
      assert.equal(diagnosis.verdict, 'healthy');
      assert.deepEqual(finding(diagnosis, 'compatibility'), {
        id: 'compatibility',
        status: 'warn',
        detail:
          'a compatible service that lacks some of what IMDS does: no 401 for a token that it never issued, no identity document',
      });
    });

    it('uses a token without a TTL, and says that it has none', async () => {
      const diagnosis = await examine(await stand(serve(id, granting({}))));
      assert.equal(diagnosis.verdict, 'healthy');
      assert.match(finding(diagnosis, 'compatibility')?.detail ?? '', /no TTL with a token/);
      assert.doesNotMatch(JSON.stringify(diagnosis), /a-token/);
    });

    it('says that it speaks IMDSv1 only where it gives no token', async () => {
      const none: http.RequestListener = (_request, response) => void response.writeHead(404).end();
      const diagnosis = await examine(await stand(serve(id, none)));
      assert.equal(diagnosis.verdict, 'v1-only');
      assert.match(diagnosis.summary, /supports IMDSv1 only/);
    });

    it('has nothing to say of the emulator', async () => {
      const { url } = await emulator();
      assert.equal(finding(await examine(url), 'compatibility')?.status, 'ok');
    });
  });

  it('does not blame the hop limit where no router is in between', async () => {
    const { url } = await emulator({ hops: 1 });
    assert.equal((await examine(url, { beacons: [await timeService(1)] })).verdict, 'inconclusive');
  });

  it('finds the endpoint disabled', async () => {
    const { url } = await emulator({ httpEndpoint: 'disabled' });
    const diagnosis = await examine(url);
    assert.equal(diagnosis.verdict, 'endpoint-disabled');
    assert.match(diagnosis.fix[0]?.command ?? '', /--http-endpoint enabled$/);
  });

  it('finds that nothing listens', async () =>
    assert.equal((await examine(await stand(nobody()))).verdict, 'unreachable'));

  it('sends nothing when a setting forbids it', async () => {
    const { url, requests } = await emulator();
    const settings = { ...resolveSettings({ endpoint: url }).settings(), disabledBy: 'AWS_EC2_METADATA_DISABLED' };
    const diagnosis = await diagnose({ settings, events: new Events(undefined), env: {}, platform: nitro });
    assert.equal(diagnosis.verdict, 'disabled-by-setting');
    assert.equal(diagnosis.fix[0]?.command, 'unset AWS_EC2_METADATA_DISABLED');
    assert.equal(requests.length, 0);
  });

  const services: readonly {
    what: string;
    read: http.RequestListener;
    token: http.RequestListener;
    verdict: string;
  }[] = [
    {
      what: 'a forwarder that makes IMDS refuse the token',
      read: asEc2(401),
      token: asEc2(403),
      verdict: 'refused',
    },
    {
      what: 'an interceptor that knows no tokens and passes reads on',
      read: asEc2(200, 'i-1234567890abcdef0'),
      token: asEc2(404),
      verdict: 'v1-only',
    },
    {
      what: 'another cloud',
      read: (_request, response) => void response.writeHead(404, { server: 'Metadata Server for VM' }).end(),
      token: (_request, response) => void response.writeHead(405, { server: 'Metadata Server for VM' }).end(),
      verdict: 'foreign-responder',
    },
    {
      what: 'a page that is served for everything',
      read: (_request, response) => void response.end('<html>'),
      token: (_request, response) => void response.end('<html>'),
      verdict: 'foreign-responder',
    },
    { what: 'an overloaded service', read: asEc2(503), token: asEc2(503), verdict: 'throttled' },
    { what: 'a service that takes the request for malformed', read: asEc2(401), token: asEc2(400), verdict: 'refused' },
  ];
  for (const { what, read, token, verdict } of services)
    it(`gives the verdict ${verdict} for ${what}`, async () => {
      const diagnosis = await examine(await stand(serve(read, token)));
      assert.equal(diagnosis.verdict, verdict);
      assert.ok(diagnosis.fix.length > 0);
    });

  it('gives the verdict foreign-responder for something that speaks no HTTP', async () => {
    const url = await stand(
      listen((socket) => socket.once('data', () => socket.end('220 mail.example.com ESMTP\r\n'))),
    );
    assert.equal((await examine(url)).verdict, 'foreign-responder');
  });

  it('does not blame the hop limit for a token reply that begins to arrive', async () => {
    const stalls: http.RequestListener = (_request, response) =>
      void response.writeHead(200, { server: 'EC2ws', 'content-length': '56' }).write('AQ');
    const diagnosis = await examine(await stand(serve(asEc2(401), stalls)), { beacons: [await timeService(2)] });
    assert.equal(diagnosis.verdict, 'inconclusive');
    assert.match(diagnosis.summary, /got no complete reply within/);
    assert.doesNotMatch(JSON.stringify(diagnosis.fix), /modify-instance-metadata-options/);
  });

  it('does not mistake a slow service for one that loses packets', async () => {
    const slow = await emulator();
    slow.fault({ kind: 'latency', delay: '600ms', paths: 'api/token' });
    const diagnosis = await examine(slow.url);
    assert.equal(diagnosis.verdict, 'healthy');
    assert.match(
      finding(diagnosis, 'token')?.detail ?? '',
      /after [23] requests: packets get lost, or the service is slow$/,
    );
  });

  it('sends the first read three times, as it does a token request', async () => {
    const silent = await emulator();
    silent.fault({ kind: 'no-reply', paths: 'instance-id' });
    let reads = 0;
    const note = (event: unknown): void => {
      if ((event as { path: string }).path.endsWith('/instance-id')) reads += 1;
    };
    subscribe('imds:request', note);
    await examine(silent.url);
    unsubscribe('imds:request', note);
    assert.equal(reads, 3);
  });

  it('gives the reads of a slow service their time after a blocked event loop, too', async () => {
    const onRequest = ({ number }: { number: number }): void => {
      for (const end = performance.now() + 2500; number === 1 && performance.now() < end; );
    };
    const slow = await emulator({ onRequest });
    slow.fault({ kind: 'latency', delay: '400ms' });
    assert.equal((await examine(slow.url)).verdict, 'healthy');
  });

  it('retries a lost request', async () => {
    let connections = 0;
    const { url } = await emulator();
    const { port, hostname } = new URL(url);
    const lossy = await stand(
      listen((socket) => {
        connections += 1;
        if (connections === 1) return;
        const onward = connect(Number(port), hostname).on('error', () => {});
        socket.pipe(onward).pipe(socket);
      }),
    );
    const diagnosis = await examine(lossy);
    assert.equal(diagnosis.verdict, 'healthy');
    assert.match(finding(diagnosis, 'token')?.detail ?? '', /packets get lost/);
  });

  describe('where nothing answers but a request without a token', () => {
    const stubborn = (seen: http.IncomingMessage[]) =>
      stand(
        serve(
          (request, response) => {
            seen.push(request);
            if (!request.headers['x-aws-ec2-metadata-token']) response.writeHead(401).end();
          },
          () => {},
        ),
      );

    it('makes one, and says so before', async () => {
      const seen: http.IncomingMessage[] = [];
      const said: string[] = [];
      const url = await stubborn(seen);
      const diagnosis = await examine(url, { how: { announce: (message) => said.push(message) } });
      assert.equal(diagnosis.verdict, 'hop-limit');
      assert.equal(seen.filter(({ headers }) => !headers['x-aws-ec2-metadata-token']).length, 1);
      assert.equal(said.length, 1);
      assert.match(finding(diagnosis, 'v1')?.detail ?? '', /one request without a token: answered 401/);
    });

    const forbidden: readonly { by: string; client?: ImdsOptions; how?: DiagnoseOptions }[] = [
      { by: 'the caller', how: { v1Probe: false } },
      { by: 'a setting', client: { allowV1: false } },
    ];
    for (const { by, ...given } of forbidden)
      it(`makes none that ${by} forbids`, async () => {
        const seen: http.IncomingMessage[] = [];
        const diagnosis = await examine(await stubborn(seen), given);
        assert.equal(diagnosis.verdict, 'inconclusive');
        assert.ok(seen.every(({ headers }) => headers['x-aws-ec2-metadata-token']));
      });

    it('makes none that the environment forbids, and says so', async () => {
      const seen: http.IncomingMessage[] = [];
      process.env['AWS_EC2_METADATA_V1_DISABLED'] = 'true';
      try {
        const diagnosis = await examine(await stubborn(seen));
        assert.equal(diagnosis.verdict, 'inconclusive');
        assert.match(
          finding(diagnosis, 'settings')?.detail ?? '',
          /no IMDSv1 \(AWS_EC2_METADATA_V1_DISABLED is true\)$/,
        );
        assert.match(finding(diagnosis, 'v1')?.detail ?? '', /forbidden by AWS_EC2_METADATA_V1_DISABLED is true$/);
        assert.ok(seen.every(({ headers }) => headers['x-aws-ec2-metadata-token']));
      } finally {
        delete process.env['AWS_EC2_METADATA_V1_DISABLED'];
      }
    });
  });

  it('asks what a compatible service lacks beside the other reads', async () => {
    const { url, requests } = await emulator();
    await examine(url);
    const order = requests.map(({ path }) => path.split('/').at(-1));
    assert.ok(order.indexOf('document') < order.indexOf('example-role'), order.join(', '));
  });

  it('takes less than three seconds when everything is silent', async () => {
    const url = await stand(listen(() => {}));
    const elapsedMs = stopwatch();
    const diagnosis = await examine(url, { beacons: [await timeService(undefined)] });
    assert.equal(diagnosis.verdict, 'inconclusive');
    assert.ok(elapsedMs() < 3000);
  });

  it('leaves the last read no more time than slow replies before it have left of three seconds', async () => {
    const slow = await emulator();
    slow.fault({ kind: 'latency', paths: '/latest/api/token', delay: '1s' });
    slow.fault({ kind: 'latency', paths: '/latest/meta-data/instance-id', delay: '850ms' });
    slow.fault({ kind: 'latency', paths: '/latest/meta-data/iam/security-credentials/example-role', delay: '1m' });
    const elapsedMs = stopwatch();
    const diagnosis = await examine(slow.url);
    assert.ok(elapsedMs() < 2800);
    assert.equal(finding(diagnosis, 'tags')?.status, 'ok');
    assert.match(finding(diagnosis, 'role')?.detail ?? '', /^example-role: its credentials could not be read/);
  });

  it('ends when its signal aborts, with the reason', async () => {
    const url = await stand(listen(() => {}));
    const reason = new Error('enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    const elapsedMs = stopwatch();
    await assert.rejects(examine(url, { how: { signal: controller.signal } }), reason);
    assert.ok(elapsedMs() < 600);
  });

  describe('in a service that works', () => {
    const problems: readonly { what: string; document: string; says: RegExp }[] = [
      {
        what: 'a role that may not be assumed',
        document: '{"Code":"AssumeRoleUnauthorizedAccess","Message":"no","LastUpdated":"2026-11-23T09:00:00Z"}',
        says: /AssumeRoleUnauthorizedAccess/,
      },
      {
        what: 'credentials past their end',
        document: JSON.stringify({
          Code: 'Success',
          LastUpdated: '2019-12-31T18:00:00Z',
          Type: 'AWS-HMAC',
          AccessKeyId: 'hush',
          SecretAccessKey: 'hush',
          Token: 'hush',
          Expiration: '2020-01-01T00:00:00Z',
        }),
        says: /expired at 2020-01-01/,
      },
    ];
    for (const { what, document, says } of problems)
      it(`finds ${what}, and gives no secret`, async () => {
        const { url } = await emulator({
          tree: { 'iam/security-credentials/example-role': null, 'iam/security-credentials/broken': document },
        });
        const diagnosis = await examine(url);
        assert.equal(diagnosis.verdict, 'healthy');
        assert.match(finding(diagnosis, 'role')?.detail ?? '', says);
        assert.match(diagnosis.summary, says);
        assert.doesNotMatch(JSON.stringify(diagnosis), /hush/);
      });

    it('finds that there is no role, and no tags', async () => {
      const { url } = await emulator({ tree: { iam: null }, instanceMetadataTags: 'disabled' });
      const diagnosis = await examine(url);
      assert.match(finding(diagnosis, 'role')?.detail ?? '', /^no role/);
      assert.match(finding(diagnosis, 'tags')?.detail ?? '', /^not served/);
    });

    it('finds a clock that is wrong', async () => {
      const { url } = await emulator({ now: () => Date.now() + 3_600_000 });
      assert.match(finding(await examine(url), 'clock')?.detail ?? '', /behind the service/);
    });

    it('finds that it is the metadata of another instance', async () => {
      const { url } = await emulator();
      const diagnosis = await examine(url, { platform: { ...nitro, instanceId: 'i-0fedcba9876543210' } });
      assert.equal(finding(diagnosis, 'identity')?.status, 'warn');
    });
  });

  it('reports the settings, proxies and other credentials of the environment', async () => {
    const { url } = await emulator();
    const diagnosis = await examine(url, {
      env: {
        HTTP_PROXY: 'http://user:hush@proxy.example.com',
        AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials',
      },
    });
    assert.match(finding(diagnosis, 'settings')?.detail ?? '', /^endpoint http.*\(option endpoint\)$/);
    assert.equal(finding(diagnosis, 'proxy')?.status, 'warn');
    assert.match(finding(diagnosis, 'credentials')?.detail ?? '', /EKS Pod Identity/);
    assert.doesNotMatch(JSON.stringify(diagnosis), /hush/);
  });

  it('reports every option that was given, and where it came from', async () => {
    const { url } = await emulator();
    const client = { staticStability: false, maxAttempts: 2, roleName: 'web-role', allowV1: true };
    const { status, detail = '' } = finding(await examine(url, { client }), 'settings') ?? {};
    assert.equal(status, 'ok');
    for (const [name, value] of Object.entries(client))
      assert.ok(detail.split(', ').includes(`${name} ${value} (option ${name})`), detail);
  });

  it('says that the shared config file was left out', async () => {
    const { url } = await emulator();
    assert.equal(finding(await examine(url), 'config-file'), undefined);
    const leftOut = { file: '/home/me/.aws/config', why: 'EACCES' };
    const { status, detail } =
      finding(
        await examine(url, { settings: { ...resolveSettings({ endpoint: url }).settings(), leftOut } }),
        'config-file',
      ) ?? {};
    assert.equal(status, 'warn');
    assert.match(detail ?? '', /^\/home\/me\/\.aws\/config cannot be read \(EACCES\)/);
  });

  it('asks a custom endpoint and nothing else', async () => {
    const { url } = await emulator();
    const statistics = () => assert.fail('ethtool was run');
    // The guard of the tests fails this one for a datagram or connection to anywhere beyond loopback.
    const diagnosis = await examine(url, { statistics });
    assert.equal(finding(diagnosis, 'distance')?.status, 'skip');
    assert.equal(finding(diagnosis, 'allowance'), undefined);
  });
});
