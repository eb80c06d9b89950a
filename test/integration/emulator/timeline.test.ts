import assert from 'node:assert/strict';
import { it } from 'mocha';
import type {
  Emulator,
  EmulatorOptions,
  SeenEvent,
  TimelineEntry,
  TimelineEvent,
} from '../../../src/emulator/index.js';
import { createEmulator, describeBothWays } from './both-ways.js';
import { ask, connect, header, token } from './socket.js';

const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** An emulator whose clock stands still at 09:00, and its events. */
async function still(timeline: readonly TimelineEntry[] = [], options: EmulatorOptions = {}) {
  const events: SeenEvent[] = [];
  const emulator = await createEmulator({
    now: () => launch,
    speed: 0,
    scenario: { timeline },
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { emulator, events, [Symbol.asyncDispose]: () => emulator.close() };
}

async function read(emulator: Emulator, path: string): Promise<string | number> {
  const { status, body } = await ask(emulator, 'GET', path.startsWith('/') ? path : `/latest/meta-data/${path}`);
  return status === 200 ? body : status;
}

const json = async (emulator: Emulator, path: string) => JSON.parse(String(await read(emulator, path)));

describeBothWays('emulator clock', () => {
  it('is the real time by default', async () => {
    await using emulator = await createEmulator();
    const before = Date.now();
    const shown = emulator.now();
    assert.ok(before <= shown && shown <= Date.now());
  });

  it('runs at the given speed from the start on', async () => {
    let time = launch;
    await using emulator = await createEmulator({ now: () => time, speed: 60 });
    assert.equal(emulator.now(), launch);
    time += 2 * second;
    assert.equal(emulator.now(), launch + 2 * minute);
  });

  it('stops at speed 0, and advances by hand at any speed', async () => {
    let time = launch;
    for (const [speed, shown] of [
      [0, launch + minute],
      [0.5, launch + minute + 5 * second],
      [1, launch + minute + 10 * second],
    ] as const) {
      time = launch;
      await using emulator = await createEmulator({ now: () => time, speed });
      await emulator.advance(minute);
      time += 10 * second;
      assert.equal(emulator.now(), shown);
    }
  });

  it('dates answers, ends tokens and renews credentials', async () => {
    await using lab = await still();
    const session = { 'X-aws-ec2-metadata-token': await token(lab.emulator, 60) };
    const path = '/latest/meta-data/iam/security-credentials/example-role';
    const first = await json(lab.emulator, path);
    await lab.emulator.advance(59_999);
    const answer = await ask(lab.emulator, 'GET', path, session);
    assert.equal(header(answer, 'Date'), 'Mon, 23 Nov 2026 09:00:59 GMT');
    assert.equal(header(answer, 'X-Aws-Ec2-Metadata-Token-Ttl-Seconds'), '0');
    await lab.emulator.advance(1);
    assert.equal((await ask(lab.emulator, 'GET', path, session)).status, 401);
    assert.equal(lab.emulator.requests.at(-1)?.reason, 'token expired');
    await lab.emulator.advance(6 * hour - 5 * minute - minute);
    assert.notEqual((await json(lab.emulator, path)).Token, first.Token);
  });

  it('does not advance beyond the year 9000', async () => {
    await using lab = await still();
    const century = 3.2e12;
    for (let count = 0; count < 68; count++) await lab.emulator.advance(century);
    const shown = lab.emulator.now();
    await assert.rejects(lab.emulator.advance(century), {
      code: 'ERR_EMULATOR_OPTION',
      message: 'advance() cannot go beyond the year 9000',
    });
    assert.equal(lab.emulator.now(), shown);
    assert.equal((await token(lab.emulator)).length, 56);
    lab.emulator.trigger({ event: 'spot-interruption', notice: '99999d' });
    assert.match(String(await read(lab.emulator, 'spot/termination-time')), /^9\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('stops at the year 9000, however fast it runs', async () => {
    let time = launch;
    await using emulator = await createEmulator({ now: () => time, speed: 1_000_000 });
    time += 365 * 24 * hour;
    assert.equal((await token(emulator)).length, 56);
    assert.equal(emulator.now(), Date.UTC(9000, 0));
    emulator.trigger({ event: 'spot-interruption' });
    assert.match(String(await read(emulator, 'spot/termination-time')), /^9\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  for (const bad of ['-1', '1e300', '"1"', 'null']) {
    it(`refuses to advance by ${bad}`, async () => {
      await using lab = await still();
      await assert.rejects(lab.emulator.advance(JSON.parse(bad)), {
        code: 'ERR_EMULATOR_OPTION',
        message: /^advance\(\) must be given a number of milliseconds from 0 to/,
      });
      assert.equal(lab.emulator.now(), launch);
    });
  }
});

interface Case {
  readonly what: string;
  readonly event: TimelineEvent;
  /** What is read at these times after 30 s, when the event is due; before it, everything is as at 0. */
  readonly reads: readonly (readonly [afterMs: number, values: Readonly<Record<string, string | number>>])[];
}

const nic = 'network/interfaces/macs/0e:49:61:0f:c3:99';
const cases: readonly Case[] = [
  {
    what: 'sets a value',
    event: { event: 'set', path: 'tags/instance/stage', value: 'blue' },
    reads: [
      [-1, { 'tags/instance/stage': 404 }],
      [0, { 'tags/instance/stage': 'blue' }],
      [hour, { 'tags/instance/stage': 'blue' }],
    ],
  },
  {
    what: 'sets a directory, bytes, and text with times in it',
    event: {
      event: 'set',
      path: '/latest/dynamic/more',
      value: { bytes: { $base64: 'aGVsbG8=' }, times: { $template: '{{0s}} {{-1h}} {{+2m}}' }, deep: { er: 'x' } },
    },
    reads: [
      [-1, { '/latest/dynamic/more/': 404 }],
      [
        0,
        {
          '/latest/dynamic/more/': 'bytes\ndeep/\ntimes',
          '/latest/dynamic/more/bytes': 'hello',
          '/latest/dynamic/more/times': '2026-11-23T09:00:30Z 2026-11-23T08:00:30Z 2026-11-23T09:02:30Z',
        },
      ],
    ],
  },
  {
    what: 'removes a value',
    event: { event: 'remove', path: 'public-ipv4' },
    reads: [
      [-1, { 'public-ipv4': '192.0.2.54' }],
      [0, { 'public-ipv4': 404 }],
    ],
  },
  {
    what: 'changes options',
    event: { event: 'configure', options: { httpTokens: 'required' } },
    reads: [
      [-1, { 'instance-id': 'i-1234567890abcdef0' }],
      [0, { 'instance-id': 401 }],
    ],
  },
  {
    what: 'puts a fault in place, with its own times counted from then',
    event: { event: 'fault', fault: { kind: 'status', status: 503, from: '1s', until: '3s' } },
    reads: [
      [0, { 'instance-id': 'i-1234567890abcdef0' }],
      [999, { 'instance-id': 'i-1234567890abcdef0' }],
      [1000, { 'instance-id': 503 }],
      [2999, { 'instance-id': 503 }],
      [3000, { 'instance-id': 'i-1234567890abcdef0' }],
    ],
  },
  {
    what: 'announces a Spot interruption two minutes ahead',
    event: { event: 'spot-interruption' },
    reads: [
      [-1, { spot: 404, 'spot/instance-action': 404, 'spot/termination-time': 404 }],
      [
        0,
        {
          'spot/': 'instance-action\ntermination-time',
          'spot/instance-action': '{"action": "terminate", "time": "2026-11-23T09:02:30Z"}',
          'spot/termination-time': '2026-11-23T09:02:30Z',
        },
      ],
      [2 * minute - 1, { 'spot/termination-time': '2026-11-23T09:02:30Z' }],
    ],
  },
  {
    what: 'announces a stop with a notice of its own',
    event: { event: 'spot-interruption', action: 'stop', notice: '10s' },
    reads: [[9_999, { 'spot/instance-action': '{"action": "stop", "time": "2026-11-23T09:00:40Z"}' }]],
  },
  {
    what: 'recommends a rebalance',
    event: { event: 'rebalance' },
    reads: [
      [-1, { 'events/': 'maintenance/', 'events/recommendations/rebalance': 404 }],
      [
        0,
        {
          'events/': 'maintenance/\nrecommendations/',
          'events/recommendations/rebalance': '{"noticeTime": "2026-11-23T09:00:30Z"}',
        },
      ],
    ],
  },
  ...(['stop', 'hibernate'] as const).map((action) => ({
    what: `announces no time of termination before a ${action}`,
    event: { event: 'spot-interruption', action, notice: '2m' } as const,
    reads: [
      [
        0,
        {
          'spot/': 'instance-action',
          'spot/instance-action': `{"action": "${action}", "time": "2026-11-23T09:02:30Z"}`,
          'spot/termination-time': 404,
        },
      ],
    ] as const,
  })),
  {
    what: 'moves to an Auto Scaling state',
    event: { event: 'autoscaling', state: 'Terminated' },
    reads: [
      [-1, { 'autoscaling/target-lifecycle-state': 404 }],
      [0, { 'autoscaling/target-lifecycle-state': 'Terminated' }],
    ],
  },
  {
    what: 'replaces the role',
    event: { event: 'attach-role', role: 'other', profile: 'its-profile' },
    reads: [
      [-1, { 'iam/security-credentials/': 'example-role' }],
      [
        0,
        {
          'iam/security-credentials/': 'other',
          'iam/security-credentials/example-role': 404,
          'iam/': 'info\nsecurity-credentials/',
        },
      ],
    ],
  },
  {
    what: 'detaches the role',
    event: { event: 'detach-role' },
    reads: [
      [-1, { 'iam/security-credentials/': 'example-role' }],
      [0, { 'iam/security-credentials/': 404, iam: 404 }],
    ],
  },
  {
    what: 'replaces the root volume',
    event: { event: 'replace-root-volume', imageId: 'ami-0fedcba0987654321' },
    reads: [
      [-1, { 'ami-id': 'ami-0abcdef1234567890' }],
      [0, { 'ami-id': 'ami-0fedcba0987654321' }],
    ],
  },
  {
    what: 'attaches an interface, with device number 0 first and the other leaves later',
    event: { event: 'attach-interface', mac: '0e:49:61:0f:c3:99', deviceNumber: 3, networkCard: 1, lag: '2s' },
    reads: [
      [-1, { [nic]: 404 }],
      [
        0,
        {
          [`${nic}/`]: 'device-number\ninterface-id\nmac\nowner-id',
          [`${nic}/device-number`]: '0',
          [`${nic}/mac`]: '0e:49:61:0f:c3:99',
        },
      ],
      [1_999, { [`${nic}/device-number`]: '0', [`${nic}/subnet-id`]: 404, [`${nic}/local-ipv4s`]: 404 }],
      [2_000, { [`${nic}/device-number`]: '3', [`${nic}/network-card`]: '1', [`${nic}/local-ipv4s`]: '10.0.3.3' }],
    ],
  },
  {
    what: 'detaches an interface',
    event: { event: 'detach-interface', mac: '0e:49:61:0f:c3:11' },
    reads: [
      [-1, { 'network/interfaces/macs/': '0e:49:61:0f:c3:11/' }],
      [0, { 'network/interfaces/macs/': 404 }],
    ],
  },
];

describeBothWays('emulator timeline', () => {
  for (const { what, event, reads } of cases) {
    it(`${what} at its time, and not before`, async () => {
      await using lab = await still([{ at: '+30s', ...event }]);
      for (const [afterMs, values] of reads) {
        await lab.emulator.advance(launch + 30 * second + afterMs - lab.emulator.now());
        for (const [path, value] of Object.entries(values)) {
          assert.equal(await read(lab.emulator, path), value, `${path} ${afterMs} ms after`);
        }
      }
    });
  }

  it('moves a maintenance event from active to the history, beside other events', async () => {
    const other = { EventId: 'instance-event-0', State: 'active' };
    const earlier = { EventId: 'instance-event-9', State: 'canceled' };
    await using lab = await still(
      [
        {
          at: '+30s',
          event: 'maintenance',
          code: 'instance-stop',
          eventId: 'instance-event-1',
          startsIn: '1h',
          lasts: '30m',
        },
      ],
      {
        tree: {
          'events/maintenance': {
            scheduled: JSON.stringify([other, null, 'no row']),
            history: JSON.stringify([earlier]),
          },
        },
      },
    );
    const { emulator } = lab;
    const states = async (list: string) =>
      (await json(emulator, `events/maintenance/${list}`)).map((one: Record<string, string>) => [
        one['EventId'],
        one['State'],
      ]);
    const [before, past] = [[['instance-event-0', 'active']], await states('history')];
    await emulator.advance(30 * second);
    assert.deepEqual(await states('scheduled'), [...before, ['instance-event-1', 'active']]);
    assert.deepEqual((await json(emulator, 'events/maintenance/scheduled'))[1], {
      NotBefore: '23 Nov 2026 10:00:30 GMT',
      Code: 'instance-stop',
      Description: 'The instance is running on degraded hardware',
      EventId: 'instance-event-1',
      NotAfter: '23 Nov 2026 10:30:30 GMT',
      State: 'active',
    });
    await emulator.advance(90 * minute - 1);
    assert.deepEqual(await states('history'), past);
    await emulator.advance(1);
    assert.deepEqual(await states('scheduled'), before);
    assert.deepEqual(await states('history'), [['instance-event-1', 'completed'], ...past]);
    const [event] = await json(emulator, 'events/maintenance/history');
    assert.equal(event.Description, '[Completed] The instance is running on degraded hardware');
  });

  it('cancels a maintenance event when it would begin', async () => {
    await using lab = await still([{ at: '+30s', event: 'maintenance', startsIn: '1h', outcome: 'canceled' }]);
    const { emulator } = lab;
    assert.equal(await read(emulator, 'events/maintenance/scheduled'), '[]');
    await emulator.advance(30 * second + hour);
    assert.equal(await read(emulator, 'events/maintenance/scheduled'), '[]');
    const [event] = await json(emulator, 'events/maintenance/history');
    assert.deepEqual([event.State, event.Description], ['canceled', '[Canceled] scheduled reboot']);
  });

  it('reschedules a maintenance event by another of the same ID, and no other', async () => {
    await using lab = await still([
      { at: '10s', event: 'maintenance', startsIn: '1m', lasts: '1m' },
      { at: '20s', event: 'maintenance', eventId: 'instance-event-2', startsIn: '1m', lasts: '1m' },
      { at: '30s', event: 'maintenance', code: 'instance-stop', startsIn: '10m', lasts: '1m' },
    ]);
    const codes = async (list: string) =>
      (await json(lab.emulator, `events/maintenance/${list}`)).map((one: Record<string, string>) => one['Code']);
    await lab.emulator.advance(30 * second);
    assert.deepEqual(await codes('scheduled'), ['system-reboot', 'instance-stop']);
    await lab.emulator.advance(3 * minute);
    assert.deepEqual(await codes('scheduled'), ['instance-stop']);
    assert.deepEqual(await codes('history'), ['system-reboot']);
    await lab.emulator.advance(8 * minute);
    assert.deepEqual(await codes('scheduled'), []);
    assert.deepEqual(await codes('history'), ['instance-stop', 'system-reboot']);
    assert.equal(lab.events.length, 5);
  });

  it('renews the credentials of an attached role five minutes before they end', async () => {
    await using lab = await still([{ at: '+30s', event: 'attach-role', role: 'late', lifetime: '10m' }], {
      tree: { iam: null },
    });
    const path = 'iam/security-credentials/late';
    assert.equal(await read(lab.emulator, path), 404);
    await lab.emulator.advance(30 * second);
    const first = await json(lab.emulator, path);
    assert.deepEqual([first.LastUpdated, first.Expiration], ['2026-11-23T09:00:30Z', '2026-11-23T09:10:30Z']);
    await lab.emulator.advance(5 * minute - 1);
    assert.deepEqual(await json(lab.emulator, path), first);
    await lab.emulator.advance(1);
    const next = await json(lab.emulator, path);
    assert.deepEqual([next.LastUpdated, next.Expiration], ['2026-11-23T09:05:30Z', '2026-11-23T09:15:30Z']);
    assert.notEqual(next.Token, first.Token);
    assert.notEqual(next.AccessKeyId, first.AccessKeyId);
    assert.equal(
      (await json(lab.emulator, 'iam/info')).InstanceProfileArn,
      'arn:aws:iam::123456789012:instance-profile/late',
    );
  });

  it('breaks the trust in a role and restores it with new, fake credentials', async () => {
    await using lab = await still([
      { at: '+30s', event: 'break-trust' },
      { at: '+60s', event: 'rotate-credentials' },
    ]);
    const path = 'iam/security-credentials/example-role';
    const first = await json(lab.emulator, path);
    await lab.emulator.advance(30 * second);
    assert.equal(await read(lab.emulator, 'iam/security-credentials/'), 'example-role');
    const broken = await json(lab.emulator, path);
    assert.deepEqual([broken.Code, broken.LastUpdated], ['AssumeRoleUnauthorizedAccess', '2026-11-23T09:00:30Z']);
    assert.match(broken.Message, /^EC2 cannot assume the role example-role\./);
    assert.equal('AccessKeyId' in broken, false);
    await lab.emulator.advance(30 * second);
    const mended = await json(lab.emulator, path);
    assert.deepEqual([mended.Code, mended.LastUpdated], ['Success', '2026-11-23T09:01:00Z']);
    assert.notEqual(mended.Token, first.Token);
    for (const { AccessKeyId, SecretAccessKey, Token } of [first, mended]) {
      for (const secret of [AccessKeyId, SecretAccessKey, Token]) assert.match(secret, /EXAMPLE/);
    }
  });

  it('regenerates the identity document with the new AMI when the root volume is replaced', async () => {
    await using lab = await still([{ at: '+30s', event: 'replace-root-volume', imageId: 'ami-0fedcba0987654321' }]);
    const path = '/latest/dynamic/instance-identity/document';
    const before = await json(lab.emulator, path);
    await lab.emulator.advance(30 * second);
    const text = String(await read(lab.emulator, path));
    assert.deepEqual(JSON.parse(text), { ...before, imageId: 'ami-0fedcba0987654321' });
    for (const signed of [path, '/latest/dynamic/instance-identity/pkcs7'])
      assert.equal(header(await ask(lab.emulator, 'GET', signed), 'Last-Modified'), 'Mon, 23 Nov 2026 09:00:30 GMT');
    const message = Buffer.from(
      String(await read(lab.emulator, '/latest/dynamic/instance-identity/rsa2048')),
      'base64',
    );
    assert.ok(message.includes(text));
  });

  const away: readonly TimelineEvent[] = [
    { event: 'hibernate' },
    { event: 'spot-interruption', action: 'hibernate' },
    { event: 'spot-interruption', action: 'terminate', notice: '0s' },
  ];
  for (const event of away) {
    it(`refuses connections after ${JSON.stringify(event)} until resume`, async () => {
      await using lab = await still([
        { at: '+30s', ...event },
        { at: '+90s', event: 'resume' },
      ]);
      const { emulator } = lab;
      const session = { 'X-aws-ec2-metadata-token': await token(emulator) };
      await emulator.advance(30 * second - 1);
      assert.equal((await ask(emulator, 'GET', '/latest/', session)).status, 200);
      for (const ms of [1, 60 * second - 1]) {
        await emulator.advance(ms);
        await assert.rejects(connect(emulator.url), { code: 'ECONNREFUSED' });
      }
      await emulator.advance(1);
      assert.equal((await ask(emulator, 'GET', '/latest/', session)).status, 401);
      assert.equal(emulator.requests.at(-1)?.reason, 'token unknown');
      assert.equal(await read(emulator, 'spot'), 404);
      assert.equal((await token(emulator)).length, 56);
    });
  }

  it('does not complete an interface that was detached within its lag', async () => {
    const mac = '0e:49:61:0f:c3:99';
    await using lab = await still([
      { at: '1s', event: 'attach-interface', mac, lag: '5s' },
      { at: '2s', event: 'detach-interface', mac },
    ]);
    await lab.emulator.advance(minute);
    assert.equal(await read(lab.emulator, nic), 404);
    assert.equal(lab.events.length, 2);
  });

  it('completes an interface that was attached again after the lag of the second attachment', async () => {
    const mac = '0e:49:61:0f:c3:99';
    const other = '0e:49:61:0f:c3:aa';
    await using lab = await still([
      { at: '1s', event: 'attach-interface', mac, lag: '5s' },
      { at: '1s', event: 'attach-interface', mac: other, lag: '5s' },
      { at: '2s', event: 'detach-interface', mac },
      { at: '3s', event: 'attach-interface', mac, lag: '5s' },
    ]);
    const seen = [];
    for (const ms of [6_000, 1_999, 1]) {
      await lab.emulator.advance(ms);
      seen.push([
        await read(lab.emulator, `${nic}/device-number`),
        await read(lab.emulator, `network/interfaces/macs/${other}/device-number`),
      ]);
    }
    assert.deepEqual(seen, [
      ['0', '1'],
      ['0', '1'],
      ['1', '1'],
    ]);
  });

  it('cancels an interruption by a resume before its end', async () => {
    await using lab = await still([
      { at: 0, event: 'spot-interruption' },
      { at: '20s', event: 'resume' },
    ]);
    await lab.emulator.advance(hour);
    assert.equal(await read(lab.emulator, 'spot'), 404);
    assert.equal(await read(lab.emulator, 'instance-id'), 'i-1234567890abcdef0');
  });

  it('replaces an earlier interruption by a newer one, but not a later one of the timeline', async () => {
    await using lab = await still([
      { at: 0, event: 'spot-interruption' },
      { at: '10s', event: 'spot-interruption', notice: '5m' },
      { at: '30m', event: 'spot-interruption', notice: '1m' },
    ]);
    const { emulator } = lab;
    await emulator.advance(2 * minute);
    assert.equal(await read(emulator, 'spot/termination-time'), '2026-11-23T09:05:10Z');
    await emulator.advance(3 * minute + 10 * second);
    await assert.rejects(connect(emulator.url), { code: 'ECONNREFUSED' });
    emulator.trigger({ event: 'resume' });
    await emulator.advance(25 * minute);
    assert.equal(await read(emulator, 'spot/termination-time'), '2026-11-23T09:31:00Z');
    await emulator.advance(minute);
    await assert.rejects(connect(emulator.url), { code: 'ECONNREFUSED' });
  });

  const inVain: readonly [event: TimelineEvent, detail: string][] = [
    [{ event: 'detach-interface', mac: '0e:49:61:0f:c3:99' }, '0e:49:61:0f:c3:99 was not there'],
    [{ event: 'break-trust' }, 'there is no role'],
    [{ event: 'rotate-credentials' }, 'there is no role'],
  ];
  for (const [event, detail] of inVain) {
    it(`reports that ${event.event} had nothing to do`, async () => {
      await using lab = await still([], { tree: { iam: null } });
      lab.emulator.trigger(event);
      assert.deepEqual(lab.events, [{ at: launch, event: event.event, detail }]);
      assert.equal(await read(lab.emulator, 'iam'), 404);
    });
  }

  it('closes open connections when the instance goes', async () => {
    await using lab = await still([{ at: '+30s', event: 'hibernate' }]);
    const socket = await connect(lab.emulator.url);
    const [received] = await Promise.all([socket.toArray(), lab.emulator.advance(30 * second)]);
    assert.deepEqual(received, []);
  });

  it('answers no request that arrives between the event and the closing of the socket', async () => {
    let time = launch;
    // A clock that moves without notice.
    const timeline = [{ at: '+30s', event: 'hibernate' }] as const;
    await using lab = await still(timeline, { now: () => time, speed: 1 });
    const socket = await connect(lab.emulator.url);
    time += 30 * second;
    socket.write('GET /latest/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const received = await socket.toArray().catch(({ code }) => code);
    assert.deepEqual([received].flat(), received === 'ECONNRESET' ? ['ECONNRESET'] : []);
    assert.ok(
      lab.emulator.requests.every(({ status, reason }) => status === 'unanswered' && reason === 'instance off'),
    );
    await assert.rejects(connect(lab.emulator.url), { code: 'ECONNREFUSED' });
  });

  it('voids tokens at its time', async () => {
    await using lab = await still([{ at: '+30s', event: 'expire-tokens' }]);
    const session = { 'X-aws-ec2-metadata-token': await token(lab.emulator) };
    await lab.emulator.advance(30 * second - 1);
    assert.equal((await ask(lab.emulator, 'GET', '/latest/', session)).status, 200);
    await lab.emulator.advance(1);
    assert.equal((await ask(lab.emulator, 'GET', '/latest/', session)).status, 401);
  });

  it('runs events in order and dates them as they were due, however late the clock is read', async () => {
    await using lab = await still([
      { at: '+3m', event: 'set', path: 'hostname', value: 'third' },
      { at: '+1m', event: 'set', path: 'hostname', value: { $template: '{{0s}}' } },
      { at: 120_000, event: 'remove', path: 'mac' },
      { at: '+1m', event: 'rebalance' },
    ]);
    await lab.emulator.advance(2.5 * minute);
    assert.deepEqual(
      lab.events.map(({ at, event, detail }) => [at - launch, event, detail]),
      [
        [minute, 'set', 'hostname is set'],
        [minute, 'rebalance', 'a rebalance is recommended'],
        [2 * minute, 'remove', 'mac is removed'],
      ],
    );
    const answer = await ask(lab.emulator, 'GET', '/latest/meta-data/hostname');
    assert.equal(answer.body, '2026-11-23T09:01:00Z');
    assert.equal(header(answer, 'Last-Modified'), 'Mon, 23 Nov 2026 09:01:00 GMT');
    await lab.emulator.advance(hour);
    assert.equal(await read(lab.emulator, 'hostname'), 'third');
  });

  it('runs due events before a request is answered and before a change by hand', async () => {
    let time = launch;
    const timeline: TimelineEntry[] = [{ at: '+30s', event: 'set', path: 'hostname', value: 'by-the-timeline' }];
    await using lab = await still(timeline, { now: () => time, speed: 1 });
    time += 30 * second;
    assert.equal(await read(lab.emulator, 'hostname'), 'by-the-timeline');
    await using other = await still(timeline, { now: () => time, speed: 1 });
    time += 30 * second;
    other.emulator.set('hostname', 'by-hand');
    assert.equal(await read(other.emulator, 'hostname'), 'by-hand');
  });

  it('runs events while nobody asks', async () => {
    const rebalanced = new Promise<SeenEvent>((resolve) => {
      void createEmulator({
        speed: 1000,
        scenario: { timeline: [{ at: '+30s', event: 'rebalance' }] },
        onEvent: resolve,
      }).then((emulator) => void rebalanced.then(() => emulator.close()));
    });
    assert.equal((await rebalanced).event, 'rebalance');
  });

  it('reports an event that failed, and goes on', async () => {
    await using lab = await still([
      { at: '+30s', event: 'set', path: 'instance-id/below', value: 'x' },
      { at: '+30s', event: 'rebalance' },
    ]);
    await lab.emulator.advance(30 * second);
    const [failed, done] = lab.events;
    assert.match(String(failed?.detail), /^set failed: meta-data\/instance-id\/below cannot be set: /);
    assert.ok(failed?.error instanceof Error);
    assert.deepEqual([done?.event, done?.error], ['rebalance', undefined]);
    assert.equal(await read(lab.emulator, 'instance-id'), 'i-1234567890abcdef0');
  });

  it('runs triggered entries at each trigger', async () => {
    await using lab = await still([
      { on: 'deploy', event: 'set', path: 'hostname', value: 'deployed' },
      { on: 'deploy', at: '5s', event: 'remove', path: 'mac' },
      { on: 'other', event: 'rebalance' },
    ]);
    const { emulator } = lab;
    await emulator.advance(hour);
    assert.deepEqual(lab.events, []);
    emulator.trigger('deploy');
    assert.equal(await read(emulator, 'hostname'), 'deployed');
    assert.equal(await read(emulator, 'mac'), '0e:49:61:0f:c3:11');
    await emulator.advance(5 * second);
    assert.equal(await read(emulator, 'mac'), 404);
    emulator.set('hostname', 'by-hand');
    emulator.trigger('deploy');
    assert.equal(await read(emulator, 'hostname'), 'deployed');
    assert.deepEqual(
      lab.events.map(({ at, event }) => [at - launch - hour, event]),
      [
        [0, 'set'],
        [5 * second, 'remove'],
        [5 * second, 'set'],
      ],
    );
    assert.throws(() => emulator.trigger('deplox'), {
      code: 'ERR_EMULATOR_OPTION',
      message: "nothing in the timeline waits for 'deplox'; expected deploy, other",
    });
  });

  it('runs an event at once', async () => {
    await using lab = await still();
    lab.emulator.trigger({ event: 'spot-interruption', notice: '1m' });
    assert.equal(await read(lab.emulator, 'spot/termination-time'), '2026-11-23T09:01:00Z');
    assert.throws(() => lab.emulator.trigger('deploy'), { message: /'deploy'; no entry has an "on"$/ });
    assert.throws(() => lab.emulator.trigger(JSON.parse('{"event": "spot"}')), {
      code: 'ERR_EMULATOR_OPTION',
      message: /^event\.event must be 'set', .* or 'resume', not 'spot'$/,
    });
    assert.throws(() => lab.emulator.trigger(JSON.parse('{"event": "rebalance", "at": "1s"}')), {
      message: /^event\.at is not known here; known are event$/,
    });
    assert.throws(() => lab.emulator.trigger({ event: 'set', path: 'mac/below', value: 'x' }), {
      code: 'ERR_EMULATOR_OPTION',
      message: 'set failed: meta-data/mac/below cannot be set: meta-data/mac is a value, not a directory',
    });
  });

  it('is separate for each emulator of a process', async () => {
    const labs = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        still([{ at: `${index + 1}s`, event: 'set', path: 'hostname', value: `name-${index}` }]),
      ),
    );
    await Promise.all(labs.map(({ emulator }) => emulator.advance(10 * second)));
    const names = await Promise.all(labs.map(({ emulator }) => read(emulator, 'hostname')));
    assert.deepEqual(
      names,
      labs.map((_, index) => (index < 10 ? `name-${index}` : 'ip-10-0-1-10.ec2.internal')),
    );
    await Promise.all(labs.map(({ emulator }) => emulator.close()));
  });

  it('calls onRequest for each request as it is answered', async () => {
    const seen: unknown[] = [];
    await using lab = await still([], { onRequest: (request) => seen.push(request) });
    await lab.emulator.advance(minute);
    await read(lab.emulator, 'nothing');
    await ask(lab.emulator, 'GET', '/latest/', { Host: 'evil.example' });
    assert.deepEqual(seen, [
      {
        number: 1,
        at: launch + minute,
        caller: '127.0.0.1',
        method: 'GET',
        path: '/latest/meta-data/nothing',
        version: 1,
        status: 404,
        reason: 'not there',
      },
      {
        number: 2,
        at: launch + minute,
        caller: '127.0.0.1',
        method: 'GET',
        path: '/latest/',
        version: 1,
        status: 403,
        reason: 'foreign Host',
      },
    ]);
    assert.deepEqual(lab.emulator.requests, seen);
  });
});
