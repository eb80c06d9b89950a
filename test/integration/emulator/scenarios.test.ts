import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, it } from 'mocha';
import {
  createEmulator,
  type Emulator,
  type JsonTree,
  parseScenario,
  type Scenario,
  type ScenarioName,
  scenarios,
} from '../../../src/emulator/index.js';
import { scenarioSchema } from '../../../src/emulator/scenario.js';
import { ask, connect, header, token } from './socket.js';

const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const second = 1000;
const minute = 60 * second;

type Options = Parameters<typeof createEmulator>[0];

/** An emulator of a scenario at 09:00, whose clock stands still. */
const playing = (scenario: ScenarioName | Scenario, options: Options = {}) =>
  createEmulator({ scenario, now: () => launch, speed: 0, ...options });

async function read(emulator: Emulator, path: string, headers = {}): Promise<string | number> {
  const target = path.startsWith('/') ? path : `/latest/meta-data/${path}`;
  const { status, body } = await ask(emulator, 'GET', target, headers);
  return status === 200 ? body : status;
}

const json = async (emulator: Emulator, path: string) => JSON.parse(String(await read(emulator, path)));

const rolePath = 'iam/security-credentials/';
const ttl = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };

/** IMDSv1 is refused, and no reply to a token request comes, though it is known where it died. */
async function losesTokens(emulator: Emulator): Promise<void> {
  assert.equal(await read(emulator, rolePath), 401);
  const socket = await connect(emulator.url);
  let received = '';
  socket.on('data', (data) => {
    received += data;
  });
  socket.write('PUT /latest/api/token HTTP/1.1\r\nHost: localhost\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n');
  while (emulator.requests.at(-1)?.reason !== 'hop limit') await new Promise(setImmediate);
  assert.deepEqual([received, emulator.requests.at(-1)?.hopLimit], ['', { had: 1, needed: 2 }]);
  socket.destroy();
  emulator.configure({ httpPutResponseHopLimit: 2 });
}

const readWithToken = async (emulator: Emulator, path: string) =>
  read(emulator, path, { 'X-aws-ec2-metadata-token': await token(emulator) });

/** What each scenario promises, through the socket. */
const promises: Readonly<Record<ScenarioName, (emulator: Emulator) => Promise<void>>> = {
  async everything(emulator) {
    const notice = '{"action": "terminate", "time": "2026-11-23T09:02:00Z"}';
    assert.equal(await read(emulator, 'spot/instance-action'), notice);
    assert.equal(await read(emulator, 'events/recommendations/rebalance'), '{"noticeTime": "2026-11-23T09:00:00Z"}');
    const [scheduled] = await json(emulator, 'events/maintenance/scheduled');
    assert.deepEqual([scheduled.State, scheduled.NotBefore], ['active', '7 Dec 2026 09:00:00 GMT']);
    const { AccountId } = await json(emulator, 'iam/security-credentials-extended/example-role');
    assert.equal(AccountId, '123456789012');
    assert.equal((await json(emulator, `${rolePath}example-role`)).AccountId, undefined);
    const [[task, { RoleARN }] = ['', {}]] = Object.entries<{ RoleARN?: string }>(
      (await json(emulator, 'iam-ecs-example/info')).TaskCredentials,
    );
    assert.match(RoleARN ?? '', /:role\/example-task-role$/);
    assert.equal((await json(emulator, `iam-ecs-example/security-credentials/${task}`)).Code, 'Success');
  },
  async 'spot-interruption'(emulator) {
    assert.equal(await read(emulator, 'spot/'), 404);
    assert.equal(await read(emulator, 'events/recommendations/rebalance'), 404);
    assert.equal(await read(emulator, 'events/maintenance/scheduled'), '[]');
    await emulator.advance(10 * second);
    assert.equal(await read(emulator, 'events/recommendations/rebalance'), '{"noticeTime": "2026-11-23T09:00:10Z"}');
    assert.equal(await read(emulator, 'spot/instance-action'), 404);
    await emulator.advance(20 * second);
    const notice = '{"action": "terminate", "time": "2026-11-23T09:02:30Z"}';
    assert.equal(await read(emulator, 'spot/instance-action'), notice);
    await emulator.advance(2 * minute - 1);
    assert.equal(await read(emulator, 'spot/instance-action'), notice);
    await emulator.advance(1);
    await assert.rejects(connect(emulator.url), { code: 'ECONNREFUSED' });
  },
  async 'spot-hibernation'(emulator) {
    assert.equal(await read(emulator, 'hibernation/configured'), 'true');
    const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
    await emulator.advance(30 * second);
    assert.match(String(await read(emulator, 'spot/instance-action', session)), /"hibernate"/);
    await emulator.advance(10 * second);
    await assert.rejects(connect(emulator.url), { code: 'ECONNREFUSED' });
    await emulator.advance(5 * minute);
    assert.equal(await read(emulator, 'spot', session), 401);
    assert.equal(await read(emulator, 'spot'), 404);
  },
  async rebalance(emulator) {
    assert.equal(await read(emulator, 'events/'), 'maintenance/');
    await emulator.advance(30 * second);
    assert.equal(await read(emulator, 'events/recommendations/rebalance'), '{"noticeTime": "2026-11-23T09:00:30Z"}');
  },
  async maintenance(emulator) {
    const states = async () => [
      await json(emulator, 'events/maintenance/scheduled'),
      await json(emulator, 'events/maintenance/history'),
    ];
    assert.deepEqual(await states(), [[], []]);
    await emulator.advance(30 * second);
    const [[event], history] = await states();
    assert.deepEqual(
      [event.Code, event.State, event.NotBefore],
      ['system-reboot', 'active', '23 Nov 2026 09:05:30 GMT'],
    );
    assert.deepEqual(history, []);
    await emulator.advance(15 * minute);
    assert.deepEqual(await states(), [
      [],
      [{ ...event, State: 'completed', Description: '[Completed] scheduled reboot' }],
    ]);
  },
  async autoscaling(emulator) {
    const path = 'autoscaling/target-lifecycle-state';
    const states = [];
    for (const span of [0, 5 * second, 115 * second, 3 * minute, 5 * minute]) {
      await emulator.advance(span);
      states.push(await read(emulator, path));
    }
    assert.deepEqual(states, [404, 'InService', 'Standby', 'InService', 'Terminated']);
  },
  async 'eks-node'(emulator) {
    assert.equal(await read(emulator, rolePath), 401);
    const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
    assert.equal(await read(emulator, rolePath, session), 'eks-node-role');
    assert.match(String(await read(emulator, 'iam/info', session)), /instance-profile\/eks-example-profile"/);
    assert.equal(await read(emulator, 'tags/', session), 404);
    assert.match(
      String(await read(emulator, '/latest/user-data', session)),
      /application\/node\.eks\.aws[\s\S]+kind: NodeConfig/,
    );
    assert.equal(emulator.options.hops, 1);
  },
  async 'eks-auto-mode'(emulator) {
    await losesTokens(emulator);
    assert.equal(await readWithToken(emulator, rolePath), 'AmazonEKSAutoNodeRole');
  },
  async hyperpod(emulator) {
    await losesTokens(emulator);
    assert.equal(await readWithToken(emulator, rolePath), 'example-hyperpod-execution-role');
    assert.equal(await readWithToken(emulator, '/latest/user-data'), 404);
  },
  async 'ecs-imds-credentials'(emulator) {
    const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
    const { TaskCredentials } = JSON.parse(String(await read(emulator, 'iam-ecs-example/info', session)));
    const tasks = 'iam-ecs-example/security-credentials/';
    assert.equal(await read(emulator, tasks, session), Object.keys(TaskCredentials).join('\n'));
    for (const task of Object.keys(TaskCredentials)) {
      const { Code, SecretAccessKey } = JSON.parse(String(await read(emulator, tasks + task, session)));
      assert.equal(Code, 'Success');
      assert.match(SecretAccessKey, /EXAMPLE/);
    }
    assert.equal(await read(emulator, rolePath, session), 'ecsInstanceRole');
    await emulator.advance(5 * minute);
    assert.equal(await read(emulator, 'iam-ecs-example/', session), 404);
  },
  async 'ipv6-only'(emulator) {
    assert.equal(await read(emulator, 'local-ipv4'), 404);
    assert.equal(await read(emulator, 'public-ipv4'), 404);
    assert.equal(await read(emulator, 'ipv6'), '2001:db8:8:4::10');
    assert.equal(await read(emulator, 'hostname'), 'i-1234567890abcdef0.ec2.internal');
    const macs = 'network/interfaces/macs/';
    assert.equal(await read(emulator, macs), '0e:49:61:0f:c3:11/');
    const leaves = String(await read(emulator, `${macs}0e:49:61:0f:c3:11/`)).split('\n');
    assert.deepEqual(
      leaves.filter((name) => /ipv4/.test(name)),
      ['vpc-ipv4-cidr-block', 'vpc-ipv4-cidr-blocks'],
    );
    assert.equal((await json(emulator, '/latest/dynamic/instance-identity/document')).privateIp, null);
  },
  async 'no-role'(emulator) {
    assert.equal(await read(emulator, 'iam/'), 404);
    assert.equal(await read(emulator, rolePath), 404);
  },
  async 'late-role'(emulator) {
    assert.equal(await read(emulator, rolePath), 404);
    await emulator.advance(10 * second);
    assert.equal(await read(emulator, rolePath), 'example-role');
    assert.equal((await json(emulator, `${rolePath}example-role`)).LastUpdated, '2026-11-23T09:00:10Z');
  },
  async 'replaced-role'(emulator) {
    assert.equal(await read(emulator, rolePath), 'example-role');
    await emulator.advance(30 * second);
    assert.equal(await read(emulator, rolePath), 'other-role');
    assert.equal(await read(emulator, `${rolePath}example-role`), 404);
    assert.equal((await json(emulator, `${rolePath}other-role`)).Code, 'Success');
  },
  async 'broken-trust'(emulator) {
    const codes = [];
    for (const span of [0, 30 * second, 270 * second]) {
      await emulator.advance(span);
      codes.push((await json(emulator, `${rolePath}example-role`)).Code);
    }
    assert.deepEqual(codes, ['Success', 'AssumeRoleUnauthorizedAccess', 'Success']);
  },
  async 'rotating-credentials'(emulator) {
    const times = [];
    for (const span of [0, 5 * minute - 1, 1, 5 * minute]) {
      await emulator.advance(span);
      const { LastUpdated, Expiration } = await json(emulator, `${rolePath}example-role`);
      times.push(`${LastUpdated.slice(11, 16)} to ${Expiration.slice(11, 16)}`);
    }
    assert.deepEqual(times, ['09:00 to 09:10', '09:00 to 09:10', '09:05 to 09:15', '09:10 to 09:20']);
  },
  async 'v2-required-in-container'(emulator) {
    const socket = await connect(emulator.url);
    socket.write(
      'PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n',
    );
    assert.equal(await read(emulator, 'instance-id'), 401);
    while (emulator.requests.length < 2) await new Promise(setImmediate);
    const [received] = await Promise.all([socket.toArray(), emulator.close()]);
    assert.deepEqual(received, []);
    assert.deepEqual(emulator.requests.map(({ reason }) => reason).sort(), ['hop limit', 'v1 off']);
  },
  async xen(emulator) {
    const value = await ask(emulator, 'GET', '/latest/meta-data/system');
    assert.deepEqual(
      [value.statusLine, value.headers, value.body],
      [
        'HTTP/1.0 200 OK',
        [
          'Accept-Ranges: bytes',
          'Connection: close',
          'Content-Length: 3',
          'Content-Type: text/plain',
          'Date: Mon, 23 Nov 2026 09:00:00 GMT',
          header(value, 'ETag') ? `ETag: ${header(value, 'ETag')}` : 'no ETag',
          'Last-Modified: Mon, 23 Nov 2026 09:00:00 GMT',
          'Server: EC2ws',
        ],
        'xen',
      ],
    );
    assert.match(header(value, 'ETag') ?? '', /^"\d+"$/);
    const redirected = await ask(emulator, 'GET', '/latest/meta-data/placement', { Host: '169.254.169.254' });
    assert.equal(redirected.statusLine, 'HTTP/1.0 301 Moved Permanently');
    assert.equal(header(redirected, 'Location'), 'http://169.254.169.254/latest/meta-data/placement/');
    assert.equal(header(redirected, 'Content-Length'), '0');
    assert.match(String(await read(emulator, 'placement/')), /^region$/m);
    assert.equal(await read(emulator, 'placement/region/'), 'us-east-1');
    const granted = await ask(emulator, 'PUT', '/latest/api/token', ttl);
    assert.deepEqual([granted.statusLine, granted.body.length], ['HTTP/1.0 200 OK', 56]);
    const missing = await ask(emulator, 'GET', '/latest/meta-data/nothing');
    assert.deepEqual([missing.statusLine, missing.body.length], ['HTTP/1.0 404 Not Found', 339]);
  },
  async throttled(emulator) {
    const statuses = [];
    for (let count = 0; count < 7; count++) statuses.push((await ask(emulator, 'GET', '/latest/')).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 503, 503]);
    await emulator.advance(second);
    assert.equal((await ask(emulator, 'GET', '/latest/')).status, 200);
  },
  async flaky(emulator) {
    const outcomes = new Map<string, number>();
    const sockets = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const socket = await connect(emulator.url);
        return socket.on('error', () => {}).resume();
      }),
    );
    for (const socket of sockets) socket.write('GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    while (emulator.requests.length < sockets.length) await new Promise(setImmediate);
    for (const { faults = [] } of emulator.requests) {
      for (const { kind } of faults) outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    }
    for (const socket of sockets) socket.resetAndDestroy();
    // How many of 200 are hit is up to the seed alone, in whatever order they arrive.
    assert.deepEqual(Object.fromEntries(outcomes), { latency: 39, status: 24, reset: 10, 'no-reply': 4 });
  },
  async 'hot-plug'(emulator) {
    const path = 'network/interfaces/macs/0e:49:61:0f:c3:99/';
    const numbers = [];
    for (const span of [0, 30 * second, 5 * second, 265 * second]) {
      await emulator.advance(span);
      numbers.push([await read(emulator, `${path}device-number`), await read(emulator, `${path}subnet-id`)]);
    }
    assert.deepEqual(numbers, [
      [404, 404],
      ['0', 404],
      ['1', 'subnet-0ce84776f3a4b5c6d'],
      [404, 404],
    ]);
  },
  async hibernate(emulator) {
    const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
    await emulator.advance(30 * second);
    await assert.rejects(connect(emulator.url), { code: 'ECONNREFUSED' });
    await emulator.advance(30 * second);
    assert.equal(await read(emulator, 'instance-id', session), 401);
    assert.equal((await token(emulator)).length, 56);
  },
  async tags(emulator) {
    const listings = [];
    for (const span of [0, 30 * second, 30 * second, 30 * second]) {
      await emulator.advance(span);
      listings.push(
        String(await read(emulator, 'tags/instance/')).split('\n').length,
        await read(emulator, 'tags/instance/stage'),
      );
    }
    assert.deepEqual(listings, [1, 404, 2, 404, 3, 'blue', 1, 404]);
  },
  async 'root-volume'(emulator) {
    const images = [];
    for (const span of [0, 30 * second]) {
      await emulator.advance(span);
      images.push(
        await read(emulator, 'ami-id'),
        (await json(emulator, '/latest/dynamic/instance-identity/document')).imageId,
      );
    }
    const [before, after] = ['ami-0abcdef1234567890', 'ami-0fedcba0987654321'];
    assert.deepEqual(images, [before, before, after, after]);
  },
  async 'endpoint-off'(emulator) {
    assert.equal(await read(emulator, 'instance-id'), 403);
    assert.equal((await ask(emulator, 'PUT', '/latest/api/token', ttl)).status, 403);
    assert.equal(emulator.requests[0]?.reason, 'endpoint off');
  },
  async 'early-tokens'(emulator) {
    const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
    await emulator.advance(30 * second - 1);
    assert.equal(await read(emulator, 'placement/region', session), 'us-east-1');
    await emulator.advance(1);
    assert.equal(await read(emulator, 'placement/region', session), 401);
  },
  async 'first-boot'(emulator) {
    await assert.rejects(token(emulator), { code: 'ECONNREFUSED' });
    await emulator.advance(2 * second);
    const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
    assert.equal(await read(emulator, 'placement/region', session), 401);
    await emulator.advance(8 * second);
    assert.equal(await read(emulator, 'placement/region', session), 'us-east-1');
    assert.equal(await read(emulator, 'placement/region'), 401);
    assert.equal(await read(emulator, 'iam/info', session), 404);
    await emulator.advance(5 * second);
    assert.equal(await read(emulator, 'iam/security-credentials', session), 'example-role');
  },
  async 'compatible-server'(emulator) {
    const { status, headers } = await ask(emulator, 'PUT', '/latest/api/token', ttl);
    assert.deepEqual([status, headers.filter((line) => /ttl|server/i.test(line))], [200, ['Server: nginx']]);
    assert.equal(await read(emulator, 'placement/region', { 'X-aws-ec2-metadata-token': 'made-up' }), 'us-east-1');
    assert.equal((await ask(emulator, 'GET', '/latest/dynamic/instance-identity/document')).status, 404);
  },
};

describe('built-in scenarios', () => {
  it('are all tested', () => {
    assert.deepEqual(Object.keys(promises).sort(), Object.keys(scenarios).sort());
  });

  for (const [name, keeps] of Object.entries(promises)) {
    const scenario = Object.entries(scenarios).find(([known]) => known === name)?.[1];
    it(`${name}: ${scenario?.description}`, async () => {
      await using emulator = await createEmulator({
        scenario: parseScenario(JSON.stringify(scenario)),
        now: () => launch,
        speed: 0,
      });
      await keeps(emulator);
    });
  }

  it('begin with nothing announced, but for the one with everything', async () => {
    for (const name of Object.keys(scenarios).filter((name) => name !== 'everything')) {
      await using emulator = await createEmulator({
        scenario: parseScenario({ ...Object.entries(scenarios).find(([known]) => known === name)?.[1], faults: [] }),
        httpEndpoint: 'enabled',
        httpPutResponseHopLimit: 64,
        speed: 0,
      });
      const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
      for (const path of ['spot/', 'events/recommendations/'])
        assert.equal(await read(emulator, path, session), 404, name);
      assert.equal(await read(emulator, 'events/maintenance/scheduled', session), '[]', name);
    }
  });

  it('are found by name, and the options given beside them win', async () => {
    await using emulator = await playing('v2-required-in-container', {
      httpTokens: 'optional',
      httpPutResponseHopLimit: undefined,
      tree: { 'placement/region': 'eu-west-1', iam: null },
    });
    assert.deepEqual(
      [emulator.options.httpTokens, emulator.options.httpPutResponseHopLimit, emulator.options.hops],
      ['optional', 1, 1],
    );
    assert.equal(await read(emulator, 'placement/region'), 'eu-west-1');
    assert.equal(await read(emulator, 'iam'), 404);
    assert.equal(await read(emulator, 'spot'), 404);
  });

  it('are listed in the error for an unknown name', async () => {
    await assert.rejects(createEmulator(JSON.parse('{"scenario": "spot"}')), {
      code: 'ERR_EMULATOR_OPTION',
      message: /^there is no scenario 'spot'; the scenarios are everything, spot-interruption, .*compatible-server$/,
    });
    await assert.rejects(createEmulator(JSON.parse('{"scenario": "toString"}')), { message: /no scenario 'toString'/ });
  });

  it('hold only secrets that are marked as fake', async () => {
    for (const name of ['rotating-credentials', 'replaced-role', 'eks-node'] as const) {
      await using emulator = await playing(name, { httpTokens: 'optional' });
      await emulator.advance(minute);
      const role = String(await read(emulator, rolePath));
      const { AccessKeyId, SecretAccessKey, Token } = await json(emulator, rolePath + role);
      for (const secret of [AccessKeyId, SecretAccessKey, Token]) assert.match(secret, /EXAMPLE/);
    }
  });
});

describe('own scenario', () => {
  it('merges its tree into the default instance, or into nothing', async () => {
    const tree: JsonTree = {
      'placement/region': 'eu-west-1',
      '/latest/user-data': { $base64: 'H4sIAA==' },
      tags: { instance: { Name: 'web', stage: { $template: 'since {{-1d}}' } } },
      iam: { 'security-credentials': { mine: { $credentials: { lifetime: '1h' } }, 'example-role': null } },
      spot: null,
    };
    await using over = await playing({ tree });
    assert.equal(await read(over, 'placement/region'), 'eu-west-1');
    assert.equal(await read(over, 'placement/availability-zone'), 'us-east-1a');
    assert.equal(await read(over, '/latest/user-data'), '\x1f\x8b\x08\x00');
    assert.equal(await read(over, 'tags/instance/stage'), 'since 2026-11-22T09:00:00Z');
    assert.equal(await read(over, rolePath), 'mine');
    const { Expiration, Token } = await json(over, `${rolePath}mine`);
    assert.equal(Expiration, '2026-11-23T10:00:00Z');
    assert.match(Token, /EXAMPLE/);
    await over.advance(55 * minute);
    assert.equal((await json(over, `${rolePath}mine`)).Expiration, '2026-11-23T10:55:00Z');
    await using alone = await playing({ base: 'empty', tree });
    assert.equal(await read(alone, ''), 'iam/\nplacement/\ntags/');
  });

  it('is read from JSON text and from a parsed object', () => {
    const scenario = { description: 'x', seed: 3, timeline: [{ at: 5, event: 'rebalance' }] };
    assert.deepEqual(parseScenario(JSON.stringify(scenario)), scenario);
    assert.deepEqual(parseScenario(scenario), scenario);
    assert.deepEqual(parseScenario(`\uFEFF${JSON.stringify(scenario)}`), scenario);
  });

  it('can hold values of many megabytes', async () => {
    const bytes = Buffer.alloc(12 * 1024 * 1024, 'x');
    const $template = `{{0s}}${' { }} '.repeat(1024 * 1024)}`;
    await using emulator = await playing(
      parseScenario({ base: 'empty', tree: { a: { $base64: bytes.toString('base64') }, b: { $template } } }),
    );
    assert.equal(await read(emulator, 'a'), bytes.toString());
    assert.equal(await read(emulator, 'b'), $template.replace('{{0s}}', '2026-11-23T09:00:00Z'));
  });

  const endless = {};
  const misplaced: readonly [what: string, scenario: unknown, message: RegExp][] = [
    [
      'a name that is both a value and a directory',
      { base: 'empty', tree: { a: '1', '/latest/meta-data/a/b': '2' } },
      /^tree: meta-data\/a\/b cannot be set: meta-data\/a is a value, not a directory$/,
    ],
    [
      'a value below one of the instance',
      { tree: { 'instance-id': { x: '1' } } },
      /^tree: meta-data\/instance-id\/x cannot be set: meta-data\/instance-id is a value, not a directory$/,
    ],
    [
      'a path of too many names',
      { tree: { ['a/'.repeat(101)]: 'x' } },
      /^tree: meta-data\/a\/a\/a\/… is too long: a path has at most 100 names$/,
    ],
    [
      'a tree that is too deep',
      { tree: JSON.parse(`${'{"a":'.repeat(20_000)}"x"${'}'.repeat(20_000)}`) },
      /^tree(?:\.a){100} is too deep: a path has at most 100 names$/,
    ],
    [
      'a value to set that is too deep',
      {
        timeline: [
          { at: 1, event: 'set', path: 'x', value: JSON.parse(`${'{"a":'.repeat(20_000)}"x"${'}'.repeat(20_000)}`) },
        ],
      },
      /^timeline\[0\]\.value(?:\.a){99} is too deep: /,
    ],
    ['what JSON cannot show', { base: Object.assign(endless, { endless }) }, /^base must be .* not \{…\}$/],
    [
      'a fault that ends before it begins',
      { faults: [{ kind: 'reset', from: '2m', until: 1000 }] },
      /^faults\[0\]\.until must be later than from, which is 2m, not 1000$/,
    ],
  ];
  for (const [what, scenario, message] of misplaced) {
    it(`is refused with ${what}, which the JSON Schema cannot express`, async () => {
      const error = { code: 'ERR_EMULATOR_OPTION', message };
      assert.throws(() => parseScenario(scenario), error);
      await assert.rejects(Reflect.apply(createEmulator, undefined, [{ scenario }]), error);
    });
  }
});

const validate = new Ajv2020({ strict: true }).compile(scenarioSchema);

const sound: readonly string[] = [
  '{}',
  '{"$schema": "./scenario.schema.json", "description": "", "base": "empty", "options": {}, "tree": {}, "timeline": [], "faults": [], "seed": 0}',
  '{"options": {"httpTokens": "required", "hops": 0, "system": "xen", "httpPutResponseHopLimit": 64}}',
  '{"tree": {"a": "b", "/latest/dynamic/x": null, "c/d": {"e f": {}, "g": {"$base64": ""}, "h": {"$template": "}} {{1ms}}"}, "i": {"$credentials": {}}}}}',
  '{"timeline": [{"at": 0, "event": "hibernate"}, {"on": "x", "event": "resume"}, {"on": "x", "at": "1.5s", "event": "detach-role"}]}',
  '{"timeline": [{"at": "+1d", "event": "fault", "fault": {"kind": "latency", "delay": 0, "jitter": "+5ms", "paths": ["**"]}}]}',
  '{"timeline": [{"at": "1m", "event": "set", "path": "latest-x", "value": {"y": "z"}}]}',
  '{"faults": [{"kind": "refuse", "until": "1h"}, {"kind": "throttle", "rate": 0.5, "probability": 0, "times": 1, "method": "PUT"}]}',
];

const unsound: readonly [json: string, message: RegExp][] = [
  ['null', /^a scenario must be an object of \$schema, description, .*, not null$/],
  ['[]', /^a scenario must be .* not \[\]$/],
  [
    '{"timelines": []}',
    /^timelines is not known here; known are \$schema, description, base, options, tree, timeline, faults, seed$/,
  ],
  ['{"description": 1}', /^description must be text, not 1$/],
  ['{"base": "calm"}', /^base must be 'instance' or 'empty', not 'calm'$/],
  ['{"seed": -1}', /^seed must be a whole number from 0 to 4294967295, not -1$/],
  ['{"options": {"httpTokens": "on"}}', /^options\.httpTokens must be 'optional' or 'required', not 'on'$/],
  ['{"options": {"port": 80}}', /^options\.port is not known here; known are httpTokens, /],
  ['{"tree": []}', /^tree must be an object of values by path, not \[\]$/],
  ['{"tree": {"instance-id": 7}}', /^tree\["instance-id"\] must be text, an object of values by name, or .* not 7$/],
  ['{"tree": {"a": {"b": {"c": false}}}}', /^tree\.a\.b\.c must be text, .* not false$/],
  ['{"tree": {"/latest/api/token": "x"}}', /^the key in tree must be a path such as .* not '\/latest\/api\/token'$/],
  ['{"tree": {"": "x"}}', /^the key in tree must be a path .* not ''$/],
  [
    '{"tree": {"a": {"$bytes": "x"}}}',
    /^the key in tree\.a must be a name that does not begin with \$ or \/, not '\$bytes'$/,
  ],
  ['{"tree": {"a": {"$base64": "?"}}}', /^tree\.a\.\$base64 must be bytes in base64, not '\?'$/],
  ['{"tree": {"a": {"$base64": "", "b": "c"}}}', /^tree\.a\.b is not known here; known are \$base64$/],
  ['{"tree": {"a": {"$template": "{{tomorrow}}"}}}', /^tree\.a\.\$template must be text in which \{\{…\}\} is a time/],
  ['{"tree": {"a": {"$credentials": {"lifetime": "long"}}}}', /^tree\.a\.\$credentials\.lifetime must be a time /],
  [
    '{"tree": {"a": {"$template": "{{+999999999d}}"}}}',
    /^tree\.a\.\$template must be text in which \{\{…\}\} is a time/,
  ],
  ['{"tree": {"a": {"$template": "{{{0s}}"}}}', /^tree\.a\.\$template must be text in which/],
  [
    '{"timeline": [{"at": 1, "event": "maintenance", "startsIn": "999999999d"}]}',
    /^timeline\[0\]\.startsIn must be a time .* 300 years at most, not '999999999d'$/,
  ],
  ['{"timeline": [{"at": 1, "event": "remove", "path": "   "}]}', /^timeline\[0\]\.path must be a path /],
  ['{"timeline": [{"at": 1, "event": "remove", "path": "latest/x"}]}', /^timeline\[0\]\.path must be a path /],
  ['{"tree": {"latest/meta-data/x": "y"}}', /^the key in tree must be a path /],
  ['{"timeline": {}}', /^timeline must be a list, each item an object with event: /],
  ['{"timeline": [{"at": "+30s"}]}', /^timeline\[0\]\.event is missing; it must be 'set', /],
  [
    '{"timeline": [{"at": 1, "event": "rebalance"}, {"event": "rebalance"}]}',
    /^timeline\[1\] happens never: it needs at, /,
  ],
  [
    '{"timeline": [{"at": "30", "event": "rebalance"}]}',
    /^timeline\[0\]\.at must be a time such as '30s', .* not '30'$/,
  ],
  ['{"timeline": [{"at": "-30s", "event": "rebalance"}]}', /^timeline\[0\]\.at must be a time .* not '-30s'$/],
  [
    '{"timeline": [{"at": 1, "on": "", "event": "rebalance"}]}',
    /^timeline\[0\]\.on must be the name of a trigger, not ''$/,
  ],
  ['{"timeline": [{"at": 1, "event": "spot"}]}', /^timeline\[0\]\.event must be 'set', .* not 'spot'$/],
  [
    '{"timeline": [{"at": 1, "event": "rebalance", "action": "stop"}]}',
    /^timeline\[0\]\.action is not known here; known are event, at, on$/,
  ],
  [
    '{"timeline": [{"at": 1, "event": "spot-interruption", "action": "reboot"}]}',
    /^timeline\[0\]\.action must be 'terminate', 'stop' or 'hibernate', not 'reboot'$/,
  ],
  ['{"timeline": [{"at": 1, "event": "set", "path": "/", "value": ""}]}', /^timeline\[0\]\.path must be a path /],
  [
    '{"timeline": [{"at": 1, "event": "set", "path": "x", "value": null}]}',
    /^timeline\[0\]\.value must be text, .* not null$/,
  ],
  [
    '{"timeline": [{"at": 1, "event": "attach-interface", "mac": "0E:49"}]}',
    /^timeline\[0\]\.mac must be a MAC address /,
  ],
  [
    '{"timeline": [{"at": 1, "event": "fault", "fault": {"kind": "refuse", "times": 2}}]}',
    /^timeline\[0\]\.fault\.times is not known here/,
  ],
  ['{"faults": [{"kind": "status"}]}', /^faults\[0\]\.status is missing; it must be 400, /],
  ['{"faults": ["garbage"]}', /^faults\[0\] must be an object with kind: .* not 'garbage'$/],
  ['{"faults": [{"kind": "reset", "paths": ["a", ""]}]}', /^faults\[0\]\.paths must be a pattern of paths such as /],
  [
    '{"faults": [{"kind": "reset", "method": "get"}]}',
    /^faults\[0\]\.method must be a method in capitals, such as PUT, not 'get'$/,
  ],
];

describe('scenario check and JSON Schema', () => {
  for (const source of sound) {
    it(`accept ${source}`, () => {
      assert.deepEqual(parseScenario(source), JSON.parse(source));
      assert.equal(validate(JSON.parse(source)), true, JSON.stringify(validate.errors));
    });
  }

  for (const [source, message] of unsound) {
    it(`refuse ${source}`, async () => {
      assert.throws(() => parseScenario(source), { name: 'EmulatorOptionError', code: 'ERR_EMULATOR_OPTION', message });
      await assert.rejects(createEmulator({ scenario: JSON.parse(source) }), { message });
      assert.equal(validate(JSON.parse(source)), false);
    });
  }

  for (const [name, scenario] of Object.entries(scenarios)) {
    it(`accept the built-in scenario ${name}`, () => {
      assert.equal(validate(JSON.parse(JSON.stringify(scenario))), true, JSON.stringify(validate.errors));
    });
  }

  it('refuse text that is not JSON', () => {
    assert.throws(() => parseScenario('{"tree": }'), {
      code: 'ERR_EMULATOR_OPTION',
      message: /^a scenario must be JSON: /,
    });
  });
});
