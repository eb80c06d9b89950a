import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { call, change, controlled, launch } from './controlling.js';
import { ask, token } from './socket.js';

const metadata = async (emulator: Emulator, path: string): Promise<string | number> => {
  const { status, body } = await ask(emulator, 'GET', `/latest/${path}`);
  return status === 200 ? body : status;
};
const iso = (ms: number): string => new Date(launch + ms).toISOString();

describe('the control service', () => {
  it('is there by the option control alone, at a port of its own', async () => {
    await using plain = await createEmulator();
    assert.equal(plain.controlUrl, undefined);
    assert.ok(!('IMDS_EMULATOR_CONTROL_URL' in plain.env));
    await using emulator = await createEmulator({ control: true });
    assert.match(emulator.controlUrl ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.notEqual(emulator.controlUrl, emulator.url);
    assert.equal(emulator.env['IMDS_EMULATOR_CONTROL_URL'], emulator.controlUrl);
    const { port } = new URL(emulator.controlUrl ?? '');
    await emulator.close();
    await assert.rejects(fetch(`${emulator.controlUrl}/v1/state`));
    await using again = await createEmulator({ control: { port: Number(port), host: '127.0.0.1' } });
    assert.equal(again.controlUrl, emulator.controlUrl);
    const taken = createEmulator({ control: { port: Number(port) } });
    await assert.rejects(taken, { code: 'EADDRINUSE' });
  });

  for (const [control, message] of [
    ['yes', /^control must be an object of host, port, network, not 'yes'$/],
    [{ port: 65536 }, /^control\.port must be a whole number from 0 to 65535, not 65536$/],
    [{ hosts: '::1' }, /^control\.hosts is not known here/],
  ] as const)
    it(`is refused as ${JSON.stringify(control)}`, async () => {
      await assert.rejects(createEmulator({ control: control as never }), { code: 'ERR_EMULATOR_OPTION', message });
    });

  it('shows the state', async () => {
    await using emulator = await controlled({
      scenario: {
        timeline: [
          { at: '30s', event: 'rebalance' },
          { on: 'stop', event: 'spot-interruption', action: 'stop' },
        ],
        faults: [{ kind: 'status', status: 503, paths: 'iam/**', times: 1 }],
      },
    });
    await metadata(emulator, 'meta-data/iam/info');
    const { stream, ...state } = await change(emulator, 'GET', '/v1/state');
    assert.ok(Number.isSafeInteger(stream));
    assert.deepEqual(state, {
      urls: [emulator.url],
      options: { ...emulator.options },
      network: { kind: 'pretended' },
      running: true,
      clock: { now: iso(0), started: iso(0), speed: 0, paused: true },
      timeline: [{ id: 1, time: iso(30_000), event: { event: 'rebalance' } }],
      triggers: [{ on: 'stop', event: 'spot-interruption', action: 'stop' }],
      faults: [{ id: 1, hits: 1, over: true, fault: { kind: 'status', status: 503, paths: 'iam/**', times: 1 } }],
      counts: { total: 1, v1: 1, v2: 0, token: 0, other: 0, refused: 1, unanswered: 0 },
      requests: 1,
    });
  });

  it('changes options, all that are given or none', async () => {
    await using emulator = await controlled();
    const options = await change(emulator, 'PATCH', '/v1/options', { httpTokens: 'required', hops: 2 });
    assert.deepEqual(options, { ...emulator.options });
    assert.equal(await metadata(emulator, 'meta-data/mac'), 401);
    const { status, body } = await call(emulator, 'PATCH', '/v1/options', { httpTokens: 'optional', hops: 65 });
    assert.equal(status, 400);
    assert.deepEqual(body.error, { message: 'hops must be a whole number from 0 to 64, not 65', place: 'hops' });
    assert.equal(emulator.options.httpTokens, 'required');
  });

  it('reads, sets and removes values and directories by the paths of emulator.set', async () => {
    await using emulator = await controlled({ base: 'empty', tree: { 'placement/region': 'us-east-1' } });
    assert.deepEqual(await change(emulator, 'GET', '/v1/tree'), {
      'meta-data': { placement: { region: 'us-east-1' } },
    });
    await change(emulator, 'PUT', '/v1/tree/placement/region', 'eu-west-1');
    await change(emulator, 'PUT', '/v1/tree/user-data', { $base64: 'AP8=' });
    await change(emulator, 'PUT', '/v1/tree//latest/dynamic/notes', { 'a b': 'ä', at: { $template: '{{+2m}}' } });
    for (const path of ['placement/region', 'meta-data/placement/region', '/latest/meta-data/placement%2Fregion'])
      assert.equal(await change(emulator, 'GET', `/v1/tree/${path}`), 'eu-west-1');
    assert.equal(await metadata(emulator, 'meta-data/placement/region'), 'eu-west-1');
    assert.equal(await metadata(emulator, 'user-data'), '\0\xff');
    assert.deepEqual(await change(emulator, 'GET', '/v1/tree'), {
      'meta-data': { placement: { region: 'eu-west-1' } },
      'user-data': { $base64: 'AP8=' },
      dynamic: { notes: { 'a b': 'ä', at: '2026-11-23T09:02:00Z' } },
    });
    await change(emulator, 'DELETE', '/v1/tree/dynamic/notes/a%20b');
    assert.equal(await metadata(emulator, 'dynamic/notes/'), 'at');
    for (const method of ['GET', 'DELETE']) {
      const { status, body } = await call(emulator, method, '/v1/tree/spot');
      assert.deepEqual([status, body.error.message], [404, 'there is no spot']);
    }
    const below = await call(emulator, 'PUT', '/v1/tree/placement/region/x', 'y');
    assert.equal(below.status, 400);
    assert.match(below.body.error.message, /^meta-data\/placement\/region\/x cannot be set: .* is a value/);
  });

  it('adds and removes faults, and counts what they hit', async () => {
    await using emulator = await controlled();
    const added = await change(emulator, 'POST', '/v1/faults', { kind: 'status', status: 429, paths: 'mac' });
    assert.deepEqual(added, { id: 1, hits: 0, over: false, fault: { kind: 'status', status: 429, paths: 'mac' } });
    assert.equal(await metadata(emulator, 'meta-data/mac'), 429);
    const { faults } = await change(emulator, 'GET', '/v1/state');
    assert.deepEqual(faults, [{ ...added, hits: 1 }]);
    await change(emulator, 'DELETE', '/v1/faults/1');
    assert.notEqual(await metadata(emulator, 'meta-data/mac'), 429);
    assert.equal((await call(emulator, 'DELETE', '/v1/faults/1')).status, 404);
  });

  it('makes events happen now, later, and by trigger', async () => {
    const scenario = { timeline: [{ on: 'deploy', event: 'rebalance' } as const] };
    await using emulator = await controlled({ scenario, tree: { events: null } });
    const first = await change(emulator, 'POST', '/v1/events', { event: 'spot-interruption', notice: '30s' });
    assert.deepEqual(first, {
      happened: [
        { time: iso(0), event: 'spot-interruption', detail: 'terminate at 2026-11-23T09:00:30Z is announced' },
      ],
      pending: [{ id: 2, time: iso(30_000), event: { event: 'spot-interruption', notice: '30s', part: 'end' } }],
    });
    assert.equal(await metadata(emulator, 'meta-data/spot/termination-time'), '2026-11-23T09:00:30Z');
    const later = await change(emulator, 'POST', '/v1/events', { event: 'detach-role', in: '10s' });
    assert.deepEqual(later, { happened: [], pending: [{ id: 3, time: iso(10_000), event: { event: 'detach-role' } }] });
    const triggered = await change(emulator, 'POST', '/v1/events', { trigger: 'deploy' });
    assert.equal(triggered.happened[0].detail, 'a rebalance is recommended');
    await emulator.advance(10_000);
    assert.equal(await metadata(emulator, 'meta-data/iam'), 404);
    await emulator.advance(20_000);
    assert.equal((await change(emulator, 'GET', '/v1/state')).running, false);
  });

  it('moves and takes away what is to come', async () => {
    await using emulator = await controlled({ scenario: 'spot-interruption' });
    const { timeline } = await change(emulator, 'GET', '/v1/state');
    const [rebalance, spot] = timeline;
    assert.deepEqual(await change(emulator, 'PATCH', `/v1/events/${spot.id}`, { in: '5m' }), {
      happened: [],
      pending: [{ ...spot, time: iso(300_000) }],
    });
    const moved = await change(emulator, 'PATCH', `/v1/events/${spot.id}`, { in: 0 });
    assert.equal(moved.happened[0].event, 'spot-interruption');
    const [end] = moved.pending;
    assert.equal(end.time, iso(120_000));
    await change(emulator, 'DELETE', `/v1/events/${rebalance.id}`);
    await change(emulator, 'DELETE', `/v1/events/${end.id}`);
    assert.deepEqual((await change(emulator, 'GET', '/v1/state')).timeline, []);
    await emulator.advance(600_000);
    assert.equal(await metadata(emulator, 'meta-data/events/recommendations/rebalance'), 404);
    assert.equal((await call(emulator, 'PATCH', `/v1/events/${end.id}`, { in: '1s' })).status, 404);
    assert.equal((await call(emulator, 'DELETE', `/v1/events/${end.id}`)).status, 404);
  });

  it('calls off the end that was moved when another event does', async () => {
    await using emulator = await controlled();
    const { pending } = await change(emulator, 'POST', '/v1/events', { event: 'spot-interruption' });
    await change(emulator, 'PATCH', `/v1/events/${pending[0].id}`, { in: '1h' });
    await change(emulator, 'POST', '/v1/events', { event: 'resume' });
    assert.deepEqual((await change(emulator, 'GET', '/v1/state')).timeline, []);
  });

  it('moves the clock and changes its speed', async () => {
    let real = launch;
    await using emulator = await controlled({ now: () => real, speed: 1, scenario: 'spot-interruption' });
    real += 1000;
    const paused = await change(emulator, 'POST', '/v1/clock', { speed: 0, advanceMs: 29_000 });
    assert.deepEqual(paused, { now: iso(30_000), started: iso(0), speed: 0, paused: true });
    assert.match(String(await metadata(emulator, 'meta-data/spot/instance-action')), /terminate/);
    real += 5000;
    assert.equal(emulator.now(), launch + 30_000);
    await change(emulator, 'POST', '/v1/clock', { speed: 60 });
    real += 1000;
    assert.equal((await change(emulator, 'POST', '/v1/clock', {})).now, iso(90_000));
    await change(emulator, 'POST', '/v1/clock', { speed: 0.5 });
    real += 1000;
    assert.equal(emulator.now(), launch + 90_500);
    const back = await call(emulator, 'POST', '/v1/clock', { speed: 2, advanceMs: -1 });
    assert.equal(back.status, 400);
    assert.equal((await change(emulator, 'POST', '/v1/clock', {})).speed, 0.5);
  });

  it('listens no more by the time the reply says that the instance is gone', async () => {
    await using emulator = await controlled({ scenario: 'spot-interruption' });
    await change(emulator, 'POST', '/v1/clock', { advanceMs: 150_000 });
    await assert.rejects(ask(emulator, 'GET', '/'), { code: 'ECONNREFUSED' });
    await change(emulator, 'POST', '/v1/reset');
    assert.equal((await ask(emulator, 'GET', '/')).status, 200);
  });

  it('voids the session tokens', async () => {
    await using emulator = await controlled();
    const headers = { 'X-aws-ec2-metadata-token': await token(emulator) };
    assert.equal((await ask(emulator, 'GET', '/', headers)).status, 200);
    await change(emulator, 'POST', '/v1/tokens/expire');
    assert.equal((await ask(emulator, 'GET', '/', headers)).status, 401);
  });

  it('resets to the start', async () => {
    const scenario = {
      timeline: [{ at: '10s', event: 'detach-role' } as const],
      faults: [{ kind: 'newline', paths: 'mac' } as const],
    };
    await using emulator = await controlled({ scenario, httpTokens: 'required' });
    const { stream: _, ...before } = await change(emulator, 'GET', '/v1/state');
    const headers = { 'X-aws-ec2-metadata-token': await token(emulator) };
    const handle = emulator.fault({ kind: 'empty' });
    await change(emulator, 'PATCH', '/v1/options', { httpTokens: 'optional' });
    await change(emulator, 'DELETE', '/v1/tree/mac');
    await change(emulator, 'POST', '/v1/clock', { advanceMs: 20_000, speed: 3 });
    const { stream: __, ...after } = await change(emulator, 'POST', '/v1/reset');
    assert.deepEqual(after, { ...before, requests: 1 });
    assert.deepEqual(emulator.requests, []);
    assert.equal((await ask(emulator, 'GET', '/', headers)).status, 401);
    const fresh = { 'X-aws-ec2-metadata-token': await token(emulator) };
    for (const path of ['mac', 'iam/info'])
      assert.equal((await ask(emulator, 'GET', `/latest/meta-data/${path}`, fresh)).status, 200);
    // A handle from before must not reach a fault that has its number now.
    handle.remove();
    assert.equal((await change(emulator, 'GET', '/v1/state')).faults.length, 1);
  });

  it('reports the requests, their origin, and why they failed', async () => {
    await using emulator = await controlled({
      httpTokens: 'required',
      hops: 1,
      scenario: { faults: [{ kind: 'newline' }] },
    });
    await metadata(emulator, 'meta-data/mac?x');
    const lost = new AbortController();
    const request = fetch(`${emulator.url}/latest/api/token`, { method: 'PUT', signal: lost.signal });
    while (emulator.requests.length < 2) await new Promise(setImmediate);
    lost.abort();
    await assert.rejects(request);
    await change(emulator, 'PATCH', '/v1/options', { httpPutResponseHopLimit: 3 });
    await change(emulator, 'DELETE', '/v1/faults/1');
    await token(emulator);
    const common = { time: iso(0), caller: '127.0.0.1' };
    const put = { ...common, method: 'PUT', path: '/latest/api/token', kind: 'token' };
    const expected = [
      {
        number: 1,
        ...common,
        method: 'GET',
        path: '/latest/meta-data/mac?…',
        kind: 'v1',
        status: 401,
        reason: 'fault: newline',
        faults: [1],
      },
      { number: 2, ...put, status: 'unanswered', reason: 'hop limit', faults: [1], hopLimit: { had: 1, needed: 2 } },
      { number: 3, ...put, status: 200, hopLimit: { had: 3, needed: 2 } },
    ];
    assert.deepEqual(await change(emulator, 'GET', '/v1/requests'), { requests: expected, missed: 0 });
    assert.deepEqual(await change(emulator, 'GET', '/v1/requests?since=2'), { requests: expected.slice(2), missed: 0 });
    assert.deepEqual(await change(emulator, 'GET', '/v1/requests?since=9'), { requests: [], missed: 0 });
    assert.equal((await call(emulator, 'GET', '/v1/requests?since=-1')).body.error.place, 'since');
    await change(emulator, 'POST', '/v1/reset');
    assert.deepEqual(await change(emulator, 'GET', '/v1/requests'), { requests: [], missed: 0 });
    assert.deepEqual(await change(emulator, 'GET', '/v1/requests?since=1'), { requests: [], missed: 2 });
  });

  it('replies once those that follow the options have done so', async () => {
    const seen: unknown[] = [];
    await using emulator = await controlled({
      async onOptions({ hops }) {
        await delay(30);
        seen.push(hops);
      },
    });
    await change(emulator, 'PATCH', '/v1/options', { hops: 1 });
    assert.deepEqual(seen, [1]);
    await change(emulator, 'PATCH', '/v1/options', {});
    await change(emulator, 'POST', '/v1/events', { event: 'configure', options: { hops: 2 } });
    await change(emulator, 'POST', '/v1/reset');
    assert.deepEqual(
      seen.filter((hops, index) => hops !== seen[index - 1]),
      [1, 2, 0],
    );
    emulator.configure({ hops: 5 });
    await emulator.advance(0);
    assert.equal(seen.at(-1), 5);
  });
});
