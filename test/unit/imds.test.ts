import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import { inspect } from 'node:util';
import nock from 'nock';
import type { ImdsOptions } from '../../src/client/options.js';
import { codeOf, type ImdsErrorCode, ImdsNotFoundError, isImdsError } from '../../src/errors.js';
import { Imds } from '../../src/imds.js';
import type { CallOptions } from '../../src/metadata/accessor.js';

const endpoint = 'http://127.0.0.1:1338';
const mac = '0e:49:61:0f:c3:11';
const macs = `/latest/meta-data/network/interfaces/macs/${mac}`;
const role = '/latest/meta-data/iam/security-credentials/web-role';

type Reply = string | number | Buffer | readonly [status: number, body?: string, headers?: Record<string, string>];

/** A metadata service played by nock. */
class Service {
  readonly asked: string[] = [];
  /** What reads are answered, by path; 404 otherwise. */
  values: Record<string, Reply | (() => Reply | Promise<Reply>)> = {};
  /** What a token request is answered instead of a token. */
  refusal: number | undefined;
  #issued = 0;
  #known = 0;

  constructor() {
    const service = this;
    const scope = nock(endpoint).persist();
    scope
      .put('/latest/api/token')
      .optionally()
      .reply(async () => {
        service.asked.push('PUT');
        if (service.refusal !== undefined) return [service.refusal, 'a page that holds SECRET-PAGE'];
        service.#issued += 1;
        service.#known = service.#issued;
        return [200, `SECRET-TOKEN-${service.#issued}`, { 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds': '21600' }];
      });
    scope
      .get(/.*/)
      .optionally()
      .reply(async function (path) {
        service.asked.push(`GET ${path}`);
        const token = this.req.headers['x-aws-ec2-metadata-token'];
        if (token !== undefined && token !== `SECRET-TOKEN-${service.#known}`) return [401, ''];
        const value = service.values[path];
        const reply = typeof value === 'function' ? await value() : (value ?? 404);
        if (typeof reply === 'number') return [reply, 'a page that holds SECRET-PAGE'];
        const [status, body = '', headers] =
          typeof reply === 'string' || Buffer.isBuffer(reply) ? ([200, reply] as const) : reply;
        return [status, body, headers ?? {}];
      });
  }

  /** Knows no token any more that was given out before. */
  revoke(): void {
    this.#known = -1;
  }

  /** How often a path was asked for. */
  reads(path: string): number {
    return this.asked.filter((request) => request === `GET ${path}`).length;
  }
}

/** An answer that is held back. */
function held(): { reply: () => Promise<Reply>; asked: Promise<void>; release: (reply: Reply) => void } {
  let release = (_: Reply): void => {};
  let tell = (): void => {};
  const answer = new Promise<Reply>((resolve) => {
    release = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const reply = (): Promise<Reply> => {
    tell();
    return answer;
  };
  return { reply, asked, release };
}

const identityDocument = JSON.stringify({
  accountId: '111122223333',
  architecture: 'arm64',
  availabilityZone: 'eu-west-1a',
  imageId: 'ami-1',
  instanceId: 'i-1',
  instanceType: 'm7g.large',
  pendingTime: '2026-02-16T00:38:27Z',
  region: 'eu-west-1',
  version: '2017-09-30',
});

const credentials = (expiration: string): string =>
  JSON.stringify({
    Code: 'Success',
    AccessKeyId: 'SECRET-KEY-ID',
    SecretAccessKey: 'SECRET-KEY',
    Token: 'SECRET-SESSION',
    Expiration: expiration,
  });

/** All of them fail in the same way. */
async function allReject(calls: readonly Promise<unknown>[], failure: object | ((error: unknown) => boolean)) {
  await Promise.all(calls.map((call) => assert.rejects(call, failure)));
}

describe('the client', () => {
  let service: Service;
  let time: number;
  beforeEach(() => {
    service = new Service();
    time = 0;
  });

  // Timers run by the real time, whatever `now` says: on a busy machine, seconds may pass within a test.
  const patience = { connectTimeoutMs: 40_000, requestTimeoutMs: 40_000, deadlineMs: 50_000 };
  const client = (options: ImdsOptions = {}): Imds =>
    new Imds({ endpoint, retryDelayMs: 0, ...patience, now: () => time, ...options });
  const get = (path: string): number => service.reads(path);

  describe('makes', () => {
    it('no request before a value is asked for', () => {
      assert.equal(client().endpoint, endpoint);
      assert.deepEqual(service.asked, []);
    });

    it('one token request and one read for 10,000 concurrent first reads of one value', async () => {
      service.values = { '/latest/meta-data/instance-id': 'i-1' };
      const imds = client();
      const reads = Array.from({ length: 10_000 }, (_, index) =>
        index % 2 === 0 ? imds.instanceId() : imds.get('instance-id'),
      );
      assert.deepEqual([...new Set(await Promise.all(reads))], ['i-1']);
      assert.deepEqual(service.asked, ['PUT', 'GET /latest/meta-data/instance-id']);
    });

    it('one token request for many values, one read for each, and none when they cannot have changed', async () => {
      const paths = Array.from({ length: 50 }, (_, index) => `/latest/meta-data/public-keys/${index}/openssh-key`);
      service.values = Object.fromEntries(paths.map((path) => [path, `value of ${path}`]));
      const imds = client();
      const first = await Promise.all(paths.map((path) => imds.get(path)));
      const second = await Promise.all(paths.map((path) => imds.get(path)));
      assert.deepEqual(second, first);
      assert.deepEqual(service.asked.toSorted(), [...paths.map((path) => `GET ${path}`), 'PUT'].toSorted());
    });

    it('no request for another spelling of the path, but for one that the service may take for another', async () => {
      service.values = { '/latest/meta-data/instance-id': 'i-1', '/latest/meta-data/instance-id/': 'i-1' };
      const imds = client();
      for (const path of ['instance-id', 'meta-data/instance-id', '/latest/meta-data/instance-id'])
        assert.equal(await imds.get(path), 'i-1');
      await imds.get('instance-id/');
      assert.deepEqual(service.asked, [
        'PUT',
        'GET /latest/meta-data/instance-id',
        'GET /latest/meta-data/instance-id/',
      ]);
    });
  });

  describe('reads', () => {
    it('by its accessors when it is frozen, too', async () => {
      service.values = { '/latest/meta-data/placement/region': 'us-east-1' };
      const imds = Object.freeze(client());
      assert.equal(await imds.placement.region(), 'us-east-1');
      assert.equal(await imds.placement.region(), 'us-east-1');
      assert.deepEqual(service.asked, ['PUT', 'GET /latest/meta-data/placement/region']);
    });

    it('by the methods of a subclass instead of its accessors', async () => {
      service.values = { '/latest/meta-data/ami-id': 'ami-1' };
      // TypeScript allows a property there, but no method.
      class Stub extends (Imds as new (options: ImdsOptions) => object) {
        async instanceId(): Promise<string> {
          return 'i-of-a-test';
        }
      }
      const imds = new Stub({ endpoint, ...patience }) as Stub & Imds;
      assert.deepEqual([await imds.instanceId(), await imds.amiId()], ['i-of-a-test', 'ami-1']);
      assert.deepEqual(service.asked, ['PUT', 'GET /latest/meta-data/ami-id']);
    });

    const texts: readonly [string, string, string][] = [
      ['instance-id', 'i-1', 'i-1'],
      ['instance-id', 'i-1\n', 'i-1'],
      ['instance-id', 'i-1\r\n', 'i-1'],
      ['instance-id', 'i-1\n\n', 'i-1\n'],
      ['instance-id', '\ni-1', '\ni-1'],
      ['/2021-03-23/meta-data/instance-id', 'i-1\n', 'i-1'],
      ['public-keys/0/openssh-key', 'ssh-rsa AAAA key\n', 'ssh-rsa AAAA key'],
      ['tags/instance/Name', 'web\n', 'web'],
      ['tags/instance/Empty', '', ''],
      ['some/newer/value', 'x\n', 'x'],
      ['some/newer/directory/', 'x\ny\n', 'x\ny\n'],
      ['placement/', 'region\n', 'region\n'],
      ['placement', 'region\n', 'region\n'],
      ['events/maintenance/history', '[]\n', '[]\n'],
      ['dynamic/instance-identity/document', '{}\n', '{}\n'],
      ['user-data', '#!/bin/sh\n', '#!/bin/sh\n'],
      ['/', 'latest\n', 'latest\n'],
      ['/latest/newer/value', 'x\n', 'x\n'],
    ];
    for (const [path, served, text] of texts) {
      it(`${path} as text: ${JSON.stringify(text)} of ${JSON.stringify(served)}`, async () => {
        const absolute = path.startsWith('/')
          ? path
          : /^(user-data|dynamic)/.test(path)
            ? `/latest/${path}`
            : `/latest/meta-data/${path}`;
        service.values = { [absolute]: served };
        assert.equal(await client().get(path), text);
      });
    }

    it('any path as bytes, exactly as served, each caller its own copy', async () => {
      const served = Buffer.from([0x23, 0x21, 0, 0xff, 10]);
      service.values = { '/latest/user-data': served };
      const imds = client();
      const first = await imds.getBuffer('user-data');
      assert.deepEqual(first, served);
      first.fill(0);
      assert.deepEqual(await imds.getBuffer('/latest/user-data'), served);
      const typed = await imds.userData();
      assert.deepEqual(Buffer.from(typed?.raw ?? []), served);
      typed?.raw.fill(0);
      assert.deepEqual(Buffer.from((await imds.userData())?.raw ?? []), served);
      assert.equal(get('/latest/user-data'), 1);
    });

    it('not text of bytes that are no UTF-8, and quotes none of them', async () => {
      service.values = { '/latest/user-data': Buffer.from([0x53, 0x45, 0x43, 0xff]) };
      await assert.rejects(client().get('user-data'), {
        code: 'ERR_IMDS_DECODE',
        fault: 'malformed',
        message: 'Expected UTF-8 text from /latest/user-data, got something else',
      });
    });

    it('a directory with its final slash, which it adds, as a frozen list', async () => {
      service.values = { '/latest/meta-data/network/interfaces/macs/': `${mac}/\n02:00:00:00:00:01/\n` };
      const imds = client();
      const listed = await imds.list('network/interfaces/macs');
      assert.deepEqual(listed, [`${mac}/`, '02:00:00:00:00:01/']);
      assert.ok(Object.isFrozen(listed));
      assert.deepEqual(await imds.list('network/interfaces/macs/'), listed);
      assert.equal(get('/latest/meta-data/network/interfaces/macs/'), 1);
    });

    it('an empty directory as an empty list', async () => {
      service.values = { '/latest/meta-data/tags/instance/': '', '/latest/meta-data/new/': '\n' };
      assert.deepEqual(await client().list('tags/instance'), []);
      assert.deepEqual(await client().list('new/'), []);
    });

    it('no value as a directory, and asks for none', async () => {
      for (const path of [
        ...['instance-id', 'instance-id/', 'iam/info', '/latest/user-data', '/2021-03-23/meta-data/mac'],
        ...['security-groups', 'network/interfaces/macs/0e:49:61:0f:c3:11/device-number', 'tags/instance/Name'],
      ])
        await assert.rejects(client().list(path), {
          code: 'ERR_IMDS_PATH',
          message: `${path} is a value, not a directory`,
          hint: `imds.get('${path}') reads it.`,
        });
      assert.deepEqual(service.asked, []);
    });

    it('the top of the instance metadata when no directory is named', async () => {
      service.values = { '/latest/meta-data/': 'ami-id\nplacement/' };
      assert.deepEqual(await client().list(), ['ami-id', 'placement/']);
    });

    it('documents and lists frozen throughout, the same for all callers', async () => {
      service.values = {
        '/latest/meta-data/identity-credentials/ec2/info': '{"Code":"Success","AccountId":"1","More":{"a":[1]}}',
        '/latest/meta-data/security-groups': 'a\nb',
      };
      const imds = client();
      const info = await imds.identityCredentials.ec2.info();
      assert.ok(Object.isFrozen(info) && Object.values(info).every((member) => Object.isFrozen(member)));
      assert.equal(await imds.identityCredentials.ec2.info(), info);
      const groups = await imds.securityGroups();
      assert.ok(Object.isFrozen(groups));
      assert.equal(await imds.securityGroups({}), groups);
    });

    it('paths with parameters', async () => {
      service.values = { [`${macs}/subnet-id`]: 'subnet-1' };
      assert.equal(await client().network.interfaces.macs.mac(mac).subnetId(), 'subnet-1');
    });

    it('no path that breaks the path rule, and sends nothing', async () => {
      const imds = client();
      await allReject(
        [imds.get('../x'), imds.getBuffer('a b'), imds.list('//evil'), imds.tags.instance.tagKey('a/b')],
        { code: 'ERR_IMDS_PATH' },
      );
      assert.deepEqual(service.asked, []);
    });
  });

  describe('finds nothing', () => {
    it('at a category that may be absent: undefined', async () => {
      const imds = client();
      assert.equal(await imds.spot.instanceAction(), undefined);
      assert.equal(await imds.userData(), undefined);
      assert.equal(await imds.publicIpv4(), undefined);
      assert.equal(await imds.tags(), undefined);
    });

    it('where a value is promised: an error that names the path', async () => {
      await assert.rejects(client().instanceId(), (error) => {
        assert.ok(error instanceof ImdsNotFoundError);
        assert.equal(error.code, 'ERR_IMDS_NOT_FOUND');
        assert.equal(error.path, '/latest/meta-data/instance-id');
        assert.equal(error.message, 'there is nothing at /latest/meta-data/instance-id (404)');
        return true;
      });
    });

    const hints: readonly [string, RegExp | undefined][] = [
      ['tags/instance/Name', /InstanceMetadataTags is off\. To enable: aws ec2 modify-instance-metadata-options/],
      ['iam/info', /instance profile/],
      ['iam/security-credentials/', /instance profile/],
      ['spot/instance-action', /Spot Instance/],
      ['events/recommendations/rebalance', /rebalance recommendation/],
      ['autoscaling/target-lifecycle-state', /Auto Scaling group/],
      ['user-data', /without user data/],
      ['public-ipv4', /no public IPv4 address/],
      ['kernel-id', /absent on many instances/],
      ['instance-id', undefined],
      ['no/such/thing', undefined],
    ];
    for (const [path, hint] of hints) {
      it(`at ${path} when asked for its text: an error ${hint ? 'that says what has to be the case' : 'without a hint'}`, async () => {
        await allReject([client().get(path), client().getBuffer(path)], (error) => {
          assert.ok(isImdsError(error) && error.code === 'ERR_IMDS_NOT_FOUND');
          if (hint) assert.match(error.hint ?? '', hint);
          else assert.equal(error.hint, undefined);
          return true;
        });
      });
    }

    it('in an empty answer where a value is promised: an error, from every way to read it', async () => {
      service.values = { '/latest/meta-data/instance-id': '', '/latest/meta-data/placement/': '' };
      const imds = client();
      await allReject(
        [imds.instanceId(), imds.get('instance-id'), imds.getBuffer('instance-id'), imds.list('placement')],
        { code: 'ERR_IMDS_DECODE', message: /^Expected .* got an empty answer$/ },
      );
    });
  });

  describe('keeps', () => {
    /** How often a path is asked for when it is read at each of these times. */
    async function readsAt(times: readonly number[], read: (imds: Imds) => Promise<unknown>, options?: ImdsOptions) {
      const imds = client(options);
      for (time of times) await read(imds).catch(() => {});
      return service.asked.filter((request) => request !== 'PUT').length;
    }

    const never: readonly (readonly [string, string, Reply, (imds: Imds) => Promise<unknown>])[] = [
      ['a value that no build promises to keep', '/latest/meta-data/instance-id', 500, (imds) => imds.instanceId()],
      ['a refusal', '/latest/meta-data/instance-id', 403, (imds) => imds.instanceId()],
      ['the absence of what is promised', '/latest/meta-data/instance-id', 404, (imds) => imds.instanceId()],
      ['the absence of what is unknown', '/latest/meta-data/newer', 404, (imds) => imds.get('newer')],
      ['an empty answer where a value is promised', '/latest/meta-data/instance-id', '', (imds) => imds.instanceId()],
      ['the same, read as bytes', '/latest/meta-data/instance-id', '', (imds) => imds.getBuffer('instance-id')],
      ['a count that is none', '/latest/meta-data/ami-launch-index', 'many', (imds) => imds.amiLaunchIndex()],
      ['the same, read as text', '/latest/meta-data/ami-launch-index', 'many', (imds) => imds.get('ami-launch-index')],
      ['JSON that is none', '/latest/dynamic/instance-identity/document', '{', (imds) => imds.region()],
      ['credentials that have ended', role, credentials('2020-01-01T00:00:00Z'), (imds) => imds.get(role)],
    ];
    for (const [what, path, reply, read] of never) {
      it(`nothing of ${what}`, async () => {
        service.values = { [path]: reply };
        const imds = client({ maxAttempts: 1 });
        for (let nth = 1; nth <= 3; nth++) {
          await read(imds).catch(() => {});
          assert.equal(get(path), nth);
        }
      });
    }

    const kept: readonly (readonly [string, number, string, Reply, (imds: Imds) => Promise<unknown>])[] = [
      [
        'an immutable value',
        Number.POSITIVE_INFINITY,
        '/latest/meta-data/instance-id',
        'i-1',
        (imds) => imds.instanceId(),
      ],
      [
        'the same of a dated version',
        Number.POSITIVE_INFINITY,
        '/2021-03-23/meta-data/instance-id',
        'i-1',
        (imds) => imds.get('/2021-03-23/meta-data/instance-id'),
      ],
      [
        'an immutable value with a parameter',
        Number.POSITIVE_INFINITY,
        `${macs}/subnet-id`,
        'subnet-1',
        (imds) => imds.network.interfaces.macs.mac(mac).subnetId(),
      ],
      [
        'a value that only a stop and start changes',
        Number.POSITIVE_INFINITY,
        '/latest/meta-data/instance-type',
        'm7g.large',
        (imds) => imds.instanceType(),
      ],
      ['user data', Number.POSITIVE_INFINITY, '/latest/user-data', '#!/bin/sh', (imds) => imds.userData()],
      ['a live value', 1000, '/latest/meta-data/ami-id', 'ami-1', (imds) => imds.amiId()],
      ['a live directory', 1000, '/latest/meta-data/', 'ami-id', (imds) => imds.list()],
      ['a path without a category', 1000, '/latest/meta-data/newer', 'x', (imds) => imds.get('newer')],
      ['a normal absence', 1000, '/latest/meta-data/spot/instance-action', 404, (imds) => imds.spot.instanceAction()],
      [
        'a normal absence of something immutable',
        1000,
        '/latest/meta-data/product-codes',
        404,
        (imds) => imds.productCodes(),
      ],
      ['an empty tag', 1000, '/latest/meta-data/tags/instance/Name', '', (imds) => imds.tags.instance.tagKey('Name')],
      [
        'an empty answer that may come too early',
        1000,
        '/latest/meta-data/product-codes',
        '',
        (imds) => imds.productCodes(),
      ],
      [
        'device number 0, which may come too early',
        1000,
        `${macs}/device-number`,
        '0',
        (imds) => imds.network.interfaces.macs.mac(mac).deviceNumber(),
      ],
      [
        'device number 1',
        Number.POSITIVE_INFINITY,
        `${macs}/device-number`,
        '1',
        (imds) => imds.network.interfaces.macs.mac(mac).deviceNumber(),
      ],
      [
        'credentials that the service has none of',
        1000,
        role,
        '{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}',
        (imds) => imds.iam.securityCredentials.role('web-role'),
      ],
    ];
    for (const [what, maximumAgeMs, path, reply, read] of kept) {
      it(`${what} ${maximumAgeMs === Number.POSITIVE_INFINITY ? 'for the life of the client' : `for ${maximumAgeMs} ms`}`, async () => {
        service.values = { [path]: reply };
        if (maximumAgeMs === Number.POSITIVE_INFINITY) assert.equal(await readsAt([0, 1, 1e12], read), 1);
        else assert.equal(await readsAt([0, maximumAgeMs - 1, maximumAgeMs, maximumAgeMs + 1], read), 2);
      });
    }

    it('live values as long as the option says, or not at all', async () => {
      service.values = { '/latest/meta-data/ami-id': 'ami-1', '/latest/meta-data/instance-id': 'i-1' };
      assert.equal(await readsAt([0, 59_999, 60_000], (imds) => imds.amiId(), { cache: { liveMaxAgeMs: 60_000 } }), 2);
      service.asked.length = 0;
      assert.equal(await readsAt([0, 0, 0], (imds) => imds.amiId(), { cache: { liveMaxAgeMs: 0 } }), 3);
      service.asked.length = 0;
      assert.equal(await readsAt([0, 0, 1e9], (imds) => imds.instanceId(), { cache: { liveMaxAgeMs: 0 } }), 1);
    });

    it('credentials until five minutes before they expire, by the clock of the service', async () => {
      service.values = {
        [role]: [200, credentials('2001-01-01T06:00:00Z'), { Date: 'Mon, 01 Jan 2001 00:00:00 GMT' }],
      };
      const hour = 3_600_000;
      const last = 6 * hour - 300_000;
      assert.equal(await readsAt([0, last - 1, last], (imds) => imds.iam.securityCredentials.role('web-role')), 2);
    });

    it('credentials not for years if the Date header is wrong', async () => {
      const end = new Date(Date.now() + 3_600_000).toISOString();
      service.values = { [role]: [200, credentials(end), { Date: 'Mon, 01 Jan 2001 00:00:00 GMT' }] };
      assert.equal(
        await readsAt([0, 3_290_000, 3_300_000], (imds) => imds.iam.securityCredentials.role('web-role')),
        2,
      );
    });

    it('credentials in their last five minutes as briefly as live values, and never after they expire', async () => {
      for (const [seconds, maximumAgeMs] of [
        ['04:00', 1000],
        ['00:01', 1000],
        ['05:30', 30_000],
      ] as const) {
        service.asked.length = 0;
        service.values = {
          [role]: [200, credentials(`2001-01-01T00:${seconds}Z`), { Date: 'Mon, 01 Jan 2001 00:00:00 GMT' }],
        };
        assert.equal(await readsAt([0, maximumAgeMs - 1, maximumAgeMs], (imds) => imds.getBuffer(role)), 2);
      }
      service.asked.length = 0;
      service.values = {
        [role]: [200, credentials('2001-01-01T00:00:10Z'), { Date: 'Mon, 01 Jan 2001 00:00:00 GMT' }],
      };
      const cache = { liveMaxAgeMs: 60_000 };
      assert.equal(await readsAt([0, 9_999, 10_000], (imds) => imds.getBuffer(role), { cache }), 2);
    });

    it('no more values than the option says', async () => {
      const paths = ['instance-id', 'mac', 'reservation-id'];
      service.values = Object.fromEntries(paths.map((path) => [`/latest/meta-data/${path}`, path]));
      const imds = client({ cache: { maxEntries: 2 } });
      for (const path of [...paths, ...paths]) await imds.get(path);
      assert.equal(service.asked.length, 1 + 6);
    });

    it('nothing with cache: false, though concurrent reads of one path share a request', async () => {
      service.values = { '/latest/meta-data/instance-id': 'i-1' };
      const imds = client({ cache: false });
      await Promise.all(Array.from({ length: 100 }, () => imds.instanceId()));
      assert.equal(get('/latest/meta-data/instance-id'), 1);
      await imds.instanceId();
      assert.equal(get('/latest/meta-data/instance-id'), 2);
      assert.equal(service.asked.filter((request) => request === 'PUT').length, 1);
    });
  });

  describe('asked for a fresh value', () => {
    const path = '/latest/meta-data/instance-id';

    it('asks the service, and keeps the answer', async () => {
      service.values = { [path]: () => `i-${get(path)}` };
      const imds = client();
      assert.equal(await imds.instanceId(), 'i-1');
      assert.equal(await imds.instanceId({ fresh: true }), 'i-2');
      assert.equal(await imds.get('instance-id', { fresh: true }), 'i-3');
      assert.equal(await imds.instanceId(), 'i-3');
      assert.equal(await imds.instanceId({ fresh: false }), 'i-3');
      assert.equal(get(path), 3);
    });

    it('keeps the earlier value when the service fails', async () => {
      service.values = { [path]: () => (get(path) === 1 ? 'i-1' : 403) };
      const imds = client();
      await imds.instanceId();
      await assert.rejects(imds.instanceId({ fresh: true }), { code: 'ERR_IMDS_FORBIDDEN' });
      assert.equal(await imds.instanceId(), 'i-1');
    });

    it('forgets the earlier value when there is none any more', async () => {
      service.values = { [path]: () => (get(path) === 1 ? 'i-1' : 404) };
      const imds = client();
      await imds.instanceId();
      await assert.rejects(imds.instanceId({ fresh: true }), { code: 'ERR_IMDS_NOT_FOUND' });
      await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_NOT_FOUND' });
    });
  });

  describe('whose token is refused', () => {
    it('forgets what a stop and start may have changed, and keeps what cannot change', async () => {
      service.values = {
        '/latest/meta-data/instance-id': 'i-1',
        '/latest/meta-data/instance-type': () =>
          get('/latest/meta-data/instance-type') === 1 ? 't3.micro' : 't3.large',
        '/latest/meta-data/ami-id': 'ami-1',
      };
      const imds = client();
      assert.deepEqual([await imds.instanceId(), await imds.instanceType()], ['i-1', 't3.micro']);
      service.revoke();
      assert.deepEqual([await imds.instanceId(), await imds.instanceType()], ['i-1', 't3.micro']);
      await imds.amiId();
      assert.deepEqual([await imds.instanceId(), await imds.instanceType()], ['i-1', 't3.large']);
      assert.equal(get('/latest/meta-data/instance-id'), 1);
      assert.equal(service.asked.filter((request) => request === 'PUT').length, 2);
    });

    it('does not keep such a value that was asked for before and came after', async () => {
      const slow = held();
      service.values = {
        '/latest/meta-data/instance-type': () => (get('/latest/meta-data/instance-type') === 1 ? slow.reply() : 'new'),
        '/latest/meta-data/mac': mac,
      };
      const imds = client();
      const early = imds.instanceType();
      await slow.asked;
      service.revoke();
      await imds.mac();
      slow.release('old');
      assert.equal(await early, 'old');
      assert.equal(await imds.instanceType(), 'new');
      assert.equal(await imds.instanceType(), 'new');
      assert.equal(get('/latest/meta-data/instance-type'), 2);
    });

    it('fetches one new token for all reads', async () => {
      const paths = Array.from({ length: 20 }, (_, index) => `/latest/meta-data/block-device-mapping/ebs${index}`);
      service.values = Object.fromEntries(paths.map((path) => [path, path]));
      const imds = client();
      await imds.get(paths[0] ?? '');
      service.revoke();
      assert.deepEqual(await Promise.all(paths.map((path) => imds.get(path, { fresh: true }))), paths);
      assert.equal(service.asked.filter((request) => request === 'PUT').length, 2);
    });
  });

  describe('told to wait', () => {
    const path = '/latest/meta-data/instance-id';

    it('no longer by a signal: ends that wait alone, with its reason', async () => {
      const slow = held();
      service.values = { [path]: slow.reply };
      const imds = client();
      const controller = new AbortController();
      const waiting = [
        imds.instanceId({ signal: controller.signal }),
        imds.get('instance-id', { signal: controller.signal }),
        imds.getBuffer('instance-id', { signal: controller.signal }),
      ];
      const others = [imds.instanceId(), imds.get('instance-id')];
      await slow.asked;
      const reason = { why: 'enough' };
      controller.abort(reason);
      await allReject(waiting, (error) => error === reason);
      slow.release('i-1');
      assert.deepEqual(await Promise.all(others), ['i-1', 'i-1']);
      assert.equal(await imds.instanceId(), 'i-1');
      assert.deepEqual(service.asked, ['PUT', `GET ${path}`]);
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
    });

    it('not at all by a signal that is aborted already: sends nothing, and has no value from the cache either', async () => {
      service.values = { [path]: 'i-1' };
      const signal = AbortSignal.abort('early');
      const imds = client();
      const calls = (): Promise<unknown>[] => [
        imds.instanceId({ signal }),
        imds.get('instance-id', { signal }),
        imds.getBuffer('instance-id', { signal }),
        imds.list('placement/', { signal }),
        imds.region({ signal }),
        imds.accountId({ signal }),
        imds.tags({ signal }),
        imds.token({ signal }),
      ];
      await allReject(calls(), (error) => error === 'early');
      assert.deepEqual(service.asked, []);
      await imds.instanceId();
      await allReject(calls(), (error) => error === 'early');
      assert.equal(service.asked.length, 2);
    });

    it('no longer than a deadline: ends the call, whatever it waits for', async () => {
      const slow = held();
      service.values = { [path]: slow.reply };
      const imds = client({ now: () => performance.now() });
      const patient = imds.instanceId();
      await slow.asked;
      await assert.rejects(imds.instanceId({ deadlineMs: 20 }), { code: 'ERR_IMDS_TIMEOUT', phase: 'deadline' });
      slow.release('i-1');
      assert.equal(await patient, 'i-1');
    });

    it('by an unusable option: says which, and sends nothing', async () => {
      const imds = client();
      const unusable: readonly [object, RegExp][] = [
        [{ deadlineMs: 0 }, /deadlineMs is 0/],
        [{ deadlineMs: '5' }, /deadlineMs is "5"/],
        [{ deadlineMs: Number.NaN }, /deadlineMs/],
        [{ signal: {} }, /signal/],
        [{ fresh: 1 }, /fresh is 1/],
        [{ refresh: true }, /unknown call option refresh/],
      ];
      for (const [options, message] of unusable)
        await allReject([imds.instanceId(options as CallOptions), imds.get('instance-id', options as CallOptions)], {
          code: 'ERR_IMDS_SETTINGS',
          message,
        });
      assert.deepEqual(service.asked, []);
    });
  });

  /** One call of every kind. */
  const allCalls = (imds: Imds): Promise<unknown>[] => [
    imds.instanceId(),
    imds.instanceId({ deadlineMs: 100 }),
    imds.network.interfaces.macs.mac(mac).subnetId(),
    imds.get('instance-id'),
    imds.get('instance-id', { fresh: true }),
    imds.getBuffer('user-data'),
    imds.list(),
    imds.tags(),
    imds.region(),
    imds.accountId(),
    imds.token(),
  ];

  describe('disabled by AWS_EC2_METADATA_DISABLED', () => {
    beforeEach(() => {
      process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    });
    afterEach(() => {
      delete process.env['AWS_EC2_METADATA_DISABLED'];
    });

    it('sends nothing, and says which variable it is', async () => {
      await allReject(allCalls(client({ allowV1: true })), (error) => {
        assert.ok(isImdsError(error));
        assert.equal(error.code, 'ERR_IMDS_DISABLED');
        assert.match(error.message, /AWS_EC2_METADATA_DISABLED is true/);
        assert.match(error.hint ?? '', /^Unset AWS_EC2_METADATA_DISABLED/);
        return true;
      });
      assert.deepEqual(service.asked, []);
    });
  });

  describe('closed', () => {
    it('fails every call, also of values it had kept, and sends nothing', async () => {
      service.values = { '/latest/meta-data/instance-id': 'i-1' };
      const imds = client();
      await imds.instanceId();
      imds.close();
      imds.close();
      await allReject(allCalls(imds), { code: 'ERR_IMDS_CLOSED', message: 'this client was closed' });
      assert.equal(service.asked.length, 2);
    });

    it('before its first call fails every call too', async () => {
      const imds = client();
      imds.close();
      await allReject(allCalls(imds), { code: 'ERR_IMDS_CLOSED' });
      assert.deepEqual(service.asked, []);
    });

    it('ends the calls under way, those between two attempts too', async () => {
      const slow = held();
      service.values = { '/latest/meta-data/mac': slow.reply, '/latest/meta-data/instance-id': 503 };
      const imds = client({ retryDelayMs: 4000 });
      const calls = [imds.mac(), imds.instanceId(), imds.get('mac')];
      await slow.asked;
      while (get('/latest/meta-data/instance-id') === 0) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
      imds.close();
      await allReject(calls, { code: 'ERR_IMDS_CLOSED' });
      slow.release(mac);
    });

    it('at the end of a using block', async () => {
      let kept: Imds;
      {
        using imds = client();
        kept = imds;
      }
      await assert.rejects(kept.instanceId(), { code: 'ERR_IMDS_CLOSED' });
    });

    for (const [what, event, read] of [
      ['a value', 'request', (imds: Imds) => imds.instanceId()],
      ['a token', 'token', (imds: Imds) => imds.token()],
    ] as const)
      it(`by a subscriber while ${what} arrives, gives it to nobody and keeps none`, async () => {
        service.values = { '/latest/meta-data/instance-id': 'i-1' };
        const imds = client();
        const close = (message: unknown): void => {
          if (!inspect(message).includes('PUT')) imds.close();
        };
        subscribe(`imds:${event}`, close);
        try {
          await assert.rejects(read(imds), { code: 'ERR_IMDS_CLOSED' });
        } finally {
          unsubscribe(`imds:${event}`, close);
        }
        await assert.rejects(read(imds), { code: 'ERR_IMDS_CLOSED' });
      });

    it('at any moment after a value has come keeps none', async () => {
      service.values = { '/latest/meta-data/instance-id': 'i-1' };
      for (let moments = 0; moments < 60; moments += 1) {
        const imds = client();
        await imds.token();
        const close = async (): Promise<void> => {
          for (let moment = 0; moment < moments; moment += 1) await undefined;
          imds.close();
        };
        subscribe('imds:request', close);
        const reading = imds.instanceId().catch((error: unknown) => assert.equal(codeOf(error), 'ERR_IMDS_CLOSED'));
        await reading.finally(() => unsubscribe('imds:request', close));
        imds.close();
        await assert.rejects(imds.instanceId(), { code: 'ERR_IMDS_CLOSED' });
      }
    });
  });

  describe('gives the region', () => {
    const region = '/latest/meta-data/placement/region';
    const document = '/latest/dynamic/instance-identity/document';

    it('of the placement', async () => {
      service.values = { [region]: 'us-east-1', [document]: identityDocument };
      assert.equal(await client().region(), 'us-east-1');
      assert.equal(get(document), 0);
    });

    it('of the identity document on builds that lack the other', async () => {
      service.values = { [document]: identityDocument };
      assert.equal(await client().region(), 'eu-west-1');
    });

    for (const [title, values, expected] of [
      ['of an identity document with little else in it', { [document]: '{"region":"eu-west-1"}' }, 'eu-west-1'],
      [
        'of the identity document when the placement is empty',
        { [region]: '', [document]: identityDocument },
        'eu-west-1',
      ],
      ['without blanks around it', { [region]: ' us-east-1 \n' }, 'us-east-1'],
      ['of the identity document without blanks around it', { [document]: '{"region":" eu-west-1 "}' }, 'eu-west-1'],
    ] as const)
      it(title, async () => {
        service.values = values;
        assert.equal(await client().region(), expected);
      });

    for (const served of ['{"region":""}', '{"region":" "}', '{"region":null}', '{}', '[]', '<html>'])
      it(`never of ${served}`, async () => {
        service.values = { [document]: served };
        await assert.rejects(client().region(), {
          code: 'ERR_IMDS_DECODE',
          message: /^Expected a JSON object with region from/,
        });
      });

    it('not of the identity document when the placement could not be read', async () => {
      service.values = { [region]: 403, [document]: identityDocument };
      await assert.rejects(client().region(), { code: 'ERR_IMDS_FORBIDDEN' });
      assert.equal(get(document), 0);
    });

    it('within the time of one call', async () => {
      service.values = {
        [region]: () => {
          time = 4900;
          return 404;
        },
        [document]: () => {
          time = 5000;
          return 503;
        },
      };
      await assert.rejects(client({ deadlineMs: 5000 }).region(), { code: 'ERR_IMDS_RESPONSE' });
      assert.equal(get(document), 1, 'no time is left for another attempt');
    });
  });

  describe('gives the account', () => {
    const info = '/latest/meta-data/identity-credentials/ec2/info';
    const document = '/latest/dynamic/instance-identity/document';
    const cases: readonly [string, Record<string, Reply>, string][] = [
      ['of the identity credentials', { [info]: '{"Code":"Success","AccountId":"444455556666"}' }, '444455556666'],
      ['of the identity document where the other is missing', { [document]: identityDocument }, '111122223333'],
      [
        'of the identity document where the other does not say',
        { [info]: '{"Code":"Failed"}', [document]: identityDocument },
        '111122223333',
      ],
    ];
    for (const [what, values, account] of cases) {
      it(what, async () => {
        service.values = values;
        assert.equal(await client().accountId(), account);
      });
    }

    for (const served of ['{}', '{"Code":"Success","AccountId":" "}', '<html>', ''])
      it(`of an identity document with little else in it where the other is ${served || 'empty'}`, async () => {
        service.values = { [info]: served, [document]: '{"accountId":" 111122223333"}' };
        assert.equal(await client().accountId(), '111122223333');
      });

    it('not of the identity document when the other could not be read', async () => {
      service.values = { [info]: 403, [document]: identityDocument };
      await assert.rejects(client().accountId(), { code: 'ERR_IMDS_FORBIDDEN' });
    });
  });

  describe('gives the tags', () => {
    const tags = '/latest/meta-data/tags/instance/';

    it('as a frozen record, each with a read of its own', async () => {
      service.values = {
        [tags]: 'Name\nStage\nEmpty',
        [`${tags}Name`]: 'web-1\n',
        [`${tags}Stage`]: 'test',
        [`${tags}Empty`]: '',
      };
      const record = await client().tags();
      assert.deepEqual({ ...record }, { Name: 'web-1', Stage: 'test', Empty: '' });
      assert.ok(Object.isFrozen(record));
      assert.equal(service.asked.length, 5);
    });

    it('none when they are not served, and an empty record when there are none', async () => {
      assert.equal(await client().tags(), undefined);
      service.values = { [tags]: '' };
      assert.deepEqual({ ...(await client().tags()) }, {});
    });

    it('also those with a name that objects have for themselves', async () => {
      service.values = { [tags]: '__proto__\nconstructor', [`${tags}__proto__`]: 'a', [`${tags}constructor`]: 'b' };
      const record = await client().tags();
      assert.deepEqual(Object.entries(record ?? {}), [
        ['__proto__', 'a'],
        ['constructor', 'b'],
      ]);
    });

    it('without those that vanished meanwhile or cannot be read by their key', async () => {
      service.values = { [tags]: 'Name\ngone\nwith space\nwith/slash\n..', [`${tags}Name`]: 'web-1' };
      assert.deepEqual({ ...(await client().tags()) }, { Name: 'web-1' });
      assert.equal(service.asked.length, 4);
    });

    const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`);

    it('eight at a time', async () => {
      let most = 0;
      let underWay = 0;
      const value = async (): Promise<string> => {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise((resolve) => setTimeout(resolve, 1));
        underWay -= 1;
        return 'value';
      };
      service.values = { [tags]: keys.join('\n'), ...Object.fromEntries(keys.map((key) => [tags + key, value])) };
      assert.equal(Object.keys((await client().tags()) ?? {}).length, 50);
      assert.ok(most > 1 && most <= 8, `${most} at a time`);
    });

    it('or the failure of one of them, without waiting for the others', async () => {
      const slow = held();
      service.values = { [tags]: keys.join('\n'), ...Object.fromEntries(keys.map((key) => [tags + key, slow.reply])) };
      service.values[`${tags}key-3`] = 403;
      const imds = client();
      await assert.rejects(imds.tags(), { code: 'ERR_IMDS_FORBIDDEN' });
      slow.release('value');
      // These share the reads that are still under way, and so wait for their end.
      await Promise.all(keys.filter((key) => key !== 'key-3').map((key) => imds.get(tags + key)));
    });

    it('as many other categories: with a category of its own', () => {
      assert.equal(client().tags.category.path, '/latest/meta-data/tags/');
    });
  });

  it('reads eight values at a time, whoever asks for them', async () => {
    const paths = Array.from({ length: 50 }, (_, index) => `/latest/meta-data/public-keys/${index}/openssh-key`);
    let most = 0;
    let underWay = 0;
    const value = async (): Promise<string> => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return 'value';
    };
    service.values = Object.fromEntries(paths.map((path) => [path, value]));
    const imds = client();
    await Promise.all(paths.map((path) => imds.get(path)));
    assert.equal(most, 8);
    assert.equal(service.asked.length, 51);
  });

  it('gives its session token to another program, and fetches no second one', async () => {
    const imds = client();
    const token = await imds.token();
    assert.equal(token, 'SECRET-TOKEN-1');
    await imds.spot();
    assert.equal(await imds.token(), token);
    assert.equal(service.asked.filter((request) => request === 'PUT').length, 1);
  });

  it('publishes the source of a read on imds:cache', async () => {
    const events: unknown[] = [];
    const listener = (event: unknown): void => void events.push(event);
    service.values = { '/latest/meta-data/instance-id': 'i-1', '/latest/meta-data/ami-id': 'ami-1' };
    const imds = client();
    subscribe('imds:cache', listener);
    try {
      await imds.instanceId();
      await imds.instanceId();
      await imds.get('instance-id', {});
      await imds.instanceId({ fresh: true });
      service.revoke();
      await imds.amiId();
    } finally {
      unsubscribe('imds:cache', listener);
    }
    const path = '/latest/meta-data/instance-id';
    assert.deepEqual(events, [
      { action: 'miss', path },
      { action: 'hit', path },
      { action: 'hit', path },
      { action: 'miss', path },
      { action: 'miss', path: '/latest/meta-data/ami-id' },
      { action: 'forget', path: '*' },
    ]);
  });

  it('shows the endpoint when inspected, and nothing that it read', async () => {
    service.values = { '/latest/user-data': 'SECRET-DATA', [role]: credentials('2099-01-01T00:00:00Z') };
    const imds = client();
    assert.equal(inspect(imds), 'Imds {}');
    await imds.userData();
    await imds.iam.securityCredentials.role('web-role');
    assert.equal(inspect(imds), `Imds { endpoint: '${endpoint}' }`);
    for (const customInspect of [true, false])
      assert.doesNotMatch(inspect(imds, { showHidden: true, depth: 10, customInspect }), /SECRET/);
    assert.doesNotMatch(JSON.stringify(imds), /SECRET/);
  });

  it('puts no secret into an error, an event or a log line, whatever the service does', async () => {
    const seen: unknown[] = [];
    const listener = (event: unknown): void => void seen.push(event);
    const log = (...line: unknown[]): void => void seen.push(line);
    const channels = ['request', 'token', 'cache', 'fallback', 'retry', 'credentials'].map((kind) => `imds:${kind}`);
    for (const channel of channels) subscribe(channel, listener);
    const codes = new Set<ImdsErrorCode>();
    try {
      const documents = [
        credentials('2099-01-01T00:00:00Z'),
        credentials('soon'),
        'SECRET-KEY',
        '{"SecretAccessKey":"SECRET-KEY"',
        Buffer.from('SECRET-DATA\xff', 'latin1'),
      ];
      const replies: Reply[] = [
        ...documents,
        ...[400, 401, 403, 404, 405, 429, 500, 503],
        [302, 'SECRET-PAGE', { Location: '/SECRET' }],
      ];
      for (const reply of replies) {
        service.values = { [role]: reply, '/latest/user-data': reply, '/latest/meta-data/instance-id': reply };
        const logger = { debug: log, info: log, warn: log, error: log };
        const imds = client({ logger, maxAttempts: 2, allowV1: true });
        const calls = [
          imds.iam.securityCredentials.role('web-role'),
          imds.userData(),
          imds.get('user-data'),
          imds.get(role),
          imds.instanceId(),
        ];
        for (const result of await Promise.allSettled(calls))
          if (result.status === 'rejected') {
            seen.push(result.reason);
            assert.ok(isImdsError(result.reason));
            codes.add(result.reason.code);
          }
        seen.push(imds);
      }
      for (service.refusal of [400, 403, 404, 405, 503, 302, 200])
        await client({ logger: { debug: log } })
          .token()
          .catch(listener);
    } finally {
      for (const channel of channels) unsubscribe(channel, listener);
    }
    assert.ok(codes.size >= 5, `failures of ${codes.size} kinds`);
    assert.ok(seen.length > 100);
    assert.doesNotMatch(inspect(seen, { showHidden: true, depth: 10, maxArrayLength: null }), /SECRET/);
  });
});
