import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  createEmulator,
  type Emulator,
  parseScenario,
  type ScenarioName,
  scenarios,
} from '../../../src/emulator/index.js';
import { change, controlled, launch } from './controlling.js';
import { ask } from './socket.js';

/** Another emulator that starts with what this one exports, at its time. */
async function copyOf(emulator: Emulator): Promise<Emulator> {
  const scenario = parseScenario(JSON.stringify(await change(emulator, 'GET', '/v1/scenario')));
  return await controlled({ scenario, now: () => emulator.now() });
}

/** What the state is, but for what counts from the start, and for numbers. */
async function stateOf(emulator: Emulator) {
  const state = await change(emulator, 'GET', '/v1/state');
  const { options, running, timeline, triggers, faults, clock } = state;
  return {
    options,
    running,
    now: clock.now,
    timeline: timeline.map(({ time, event }: { time: string; event: object }) => ({ time, event })),
    triggers,
    faults: faults
      .filter(({ over }: { over: boolean }) => !over)
      .map(({ fault: { times: _, from: __, until: ___, ...fault } }: { fault: Record<string, unknown> }) => fault),
  };
}

const treeOf = (emulator: Emulator) => change(emulator, 'GET', '/v1/tree');

describe('the scenario of the control service', () => {
  for (const name of Object.keys(scenarios) as ScenarioName[])
    it(`is the present state at each time of ${name}`, async () => {
      let now = launch;
      await using emulator = await controlled({ scenario: name, now: () => now, speed: 1 });
      for (const second of [0, 7.5, 35, 130, 301]) {
        now = launch + second * 1000;
        await using copy = await copyOf(emulator);
        assert.deepEqual(await stateOf(copy), await stateOf(emulator), `at ${second} s`);
        const [own, copied] = [await treeOf(emulator), await treeOf(copy)];
        // These count from the start of each.
        for (const { dynamic } of [own, copied]) delete dynamic?.['instance-identity'];
        const steady = ({
          'meta-data': { iam: _, events, 'identity-credentials': __, 'managed-ssh-keys': ___, ...rest },
        }: typeof own) => ({
          ...rest,
          recommendations: events?.recommendations,
          // So do the times in its tree, as in any of a scenario.
          'iam-ecs-example': '',
          ...(name === 'everything' ? { recommendations: '', spot: '' } : {}),
        });
        assert.deepEqual(steady(copied), steady(own), `at ${second} s`);
      }
    });

  it('goes on as the state does', async () => {
    await using emulator = await controlled();
    await change(emulator, 'POST', '/v1/events', { event: 'spot-interruption', notice: '90s' });
    await change(emulator, 'POST', '/v1/events', { event: 'attach-interface', mac: '0e:49:61:0f:c3:99', lag: '40s' });
    await change(emulator, 'POST', '/v1/events', { event: 'maintenance', startsIn: '10s', lasts: '20s' });
    await emulator.advance(30_000 - 1);
    await using copy = await copyOf(emulator);
    for (const one of [emulator, copy]) {
      const read = async (path: string) => (await ask(one, 'GET', `/latest/meta-data/${path}`)).body;
      assert.match(await read('events/maintenance/scheduled'), /instance-event/);
      await one.advance(1);
      assert.match(await read('events/maintenance/history'), /\[Completed\]/);
      assert.match(await read('spot/instance-action'), /"2026-11-23T09:01:30Z"/);
      await one.advance(10_000);
      assert.equal(await read('network/interfaces/macs/0e:49:61:0f:c3:99/device-number'), '1');
      await one.advance(50_000 - 1);
      assert.equal((await change(one, 'GET', '/v1/state')).running, true);
      await one.advance(1);
      assert.equal((await change(one, 'GET', '/v1/state')).running, false);
    }
  });

  it('has ends that another event calls off', async () => {
    await using emulator = await controlled();
    await change(emulator, 'POST', '/v1/events', { event: 'spot-interruption' });
    await using copy = await copyOf(emulator);
    await change(copy, 'POST', '/v1/events', { event: 'resume' });
    await copy.advance(3_600_000);
    assert.equal((await change(copy, 'GET', '/v1/state')).running, true);
  });

  it('is the base, and what differs from it', async () => {
    await using emulator = await controlled({ httpTokens: 'required', tree: { 'placement/region': 'eu-west-1' } });
    assert.deepEqual(await change(emulator, 'GET', '/v1/scenario'), {
      base: 'instance',
      options: { httpTokens: 'required' },
      tree: { 'placement/region': 'eu-west-1' },
      timeline: [],
      faults: [],
    });
  });

  it('tells values and directories apart that have changed places', async () => {
    await using emulator = await controlled();
    emulator.remove('iam');
    emulator.remove('tags/instance/Name');
    emulator.set('spot', 'a value in the place of a directory');
    emulator.remove('ami-id');
    emulator.set('ami-id/below', 'a directory in the place of a value');
    emulator.set('/latest/user-data', Buffer.of(0, 255));
    emulator.set('broken', () => {
      throw new Error('a computed value that fails');
    });
    const { tree } = await change(emulator, 'GET', '/v1/scenario');
    assert.deepEqual(tree, {
      'ami-id': null,
      iam: null,
      'tags/instance/Name': null,
      spot: 'a value in the place of a directory',
      'ami-id/below': 'a directory in the place of a value',
      'user-data': { $base64: 'AP8=' },
    });
    await using copy = await copyOf(emulator);
    emulator.remove('broken');
    const [own, copied] = [await treeOf(emulator), await treeOf(copy)];
    for (const { dynamic } of [own, copied]) delete dynamic['instance-identity'];
    assert.deepEqual(copied, own);
  });

  it('has what was set where the scenario from the start removes or replaces it', async () => {
    const tree = {
      'tags/instance/Name': 'web',
      tags: null,
      'ami-id': null,
      'ami-id/below': 'x',
      a: { b: 'c', d: 'e' },
    };
    await using emulator = await controlled({ scenario: { tree } });
    emulator.set('tags/instance/Name', 'again');
    emulator.set('ami-id', 'ami-1');
    emulator.remove('a/b');
    const scenario = await change(emulator, 'GET', '/v1/scenario');
    assert.deepEqual(Object.entries(scenario.tree), [
      ['tags', null],
      ['a', { b: 'c', d: 'e' }],
      ['ami-id', 'ami-1'],
      ['a/b', null],
      ['tags/instance/Name', 'again'],
    ]);
    await using copy = await copyOf(emulator);
    const get = async (path: string) => (await ask(copy, 'GET', `/latest/meta-data/${path}`)).body;
    assert.deepEqual([await get('tags/instance/Name'), await get('ami-id'), await get('a/')], ['again', 'ami-1', 'd']);
  });

  it('has the identity document that was set, and none where it follows the values', async () => {
    await using emulator = await controlled({ tree: { 'instance-type': 't4g.nano' } });
    const before = await change(emulator, 'GET', '/v1/scenario');
    assert.deepEqual(before.tree, { 'instance-type': 't4g.nano' });
    emulator.set('dynamic/instance-identity/document', '{"own": true}');
    const { tree } = await change(emulator, 'GET', '/v1/scenario');
    assert.equal(tree['dynamic/instance-identity/document'], '{"own": true}');
    await change(emulator, 'POST', '/v1/reset');
    await change(emulator, 'PUT', '/v1/tree/instance-type', 't4g.small');
    assert.deepEqual((await change(emulator, 'GET', '/v1/scenario')).tree, { 'instance-type': 't4g.small' });
    await change(emulator, 'POST', '/v1/reset');
    await change(emulator, 'POST', '/v1/events', { event: 'replace-root-volume', imageId: 'ami-1' });
    assert.deepEqual((await change(emulator, 'GET', '/v1/scenario')).tree, {
      'instance-type': 't4g.nano',
      'ami-id': 'ami-1',
    });
  });

  it('counts times from its start, and so stays fresh', async () => {
    await using emulator = await controlled();
    await change(emulator, 'POST', '/v1/events', { event: 'spot-interruption', notice: '5m' });
    await emulator.advance(30_500);
    const scenario = parseScenario(await change(emulator, 'GET', '/v1/scenario'));
    assert.deepEqual(scenario.tree?.['spot/termination-time'], { $template: '{{+269.5s}}' });
    await using later = await createEmulator({ scenario, speed: 0, now: () => launch + 7 * 86_400_000 + 500 });
    const { body } = await ask(later, 'GET', '/latest/meta-data/spot/termination-time');
    assert.equal(body, '2026-11-30T09:04:30Z');
  });

  it('has what is left of the faults', async () => {
    await using emulator = await controlled();
    emulator.fault({ kind: 'status', status: 503, paths: 'mac', times: 3 });
    emulator.fault({ kind: 'newline', paths: 'none', from: '10s', until: '2m' });
    emulator.fault({ kind: 'empty', paths: 'none', until: '5s' });
    const spent = emulator.fault({ kind: 'garbage', paths: 'ami-id', times: 1 });
    for (const path of ['mac', 'ami-id']) await ask(emulator, 'GET', `/latest/meta-data/${path}`).catch(() => {});
    assert.equal(spent.hits, 1);
    await emulator.advance(6000);
    assert.deepEqual((await change(emulator, 'GET', '/v1/scenario')).faults, [
      { kind: 'status', status: 503, paths: 'mac', times: 2 },
      { kind: 'newline', paths: 'none', from: '4s', until: '114s' },
    ]);
  });

  it('can be read whatever the times in it', async () => {
    await using emulator = await controlled();
    const [long, most] = [3_534_382_523_923, 10_000_000_000_000];
    emulator.fault({ kind: 'empty', from: '11574d', until: long });
    emulator.trigger({ event: 'maintenance', startsIn: most, lasts: most });
    await change(emulator, 'PUT', '/v1/tree/iam/security-credentials/x', { $credentials: { lifetime: most } });
    await using copy = await copyOf(emulator);
    const { faults, timeline, tree } = await change(copy, 'GET', '/v1/scenario');
    assert.deepEqual(faults, [{ kind: 'empty', from: '11574d', until: long }]);
    assert.deepEqual(timeline[0].at, most);
    assert.deepEqual(tree['iam/security-credentials/x'], { $credentials: { lifetime: most } });
  });

  it('has fake credentials in the place of others', async () => {
    await using emulator = await controlled();
    const own = '{"Code": "Success", "SecretAccessKey": "own-secret"}';
    emulator.set('iam/security-credentials', { own, plain: 'own-secret' });
    await change(emulator, 'POST', '/v1/events', {
      event: 'set',
      path: 'iam/security-credentials/x',
      value: own,
      in: '1h',
    });
    await change(emulator, 'POST', '/v1/events', { event: 'attach-role', role: 'other', lifetime: '1h', in: '0s' });
    emulator.set('iam/security-credentials/own', own);
    const scenario = await change(emulator, 'GET', '/v1/scenario');
    assert.ok(!JSON.stringify(scenario).includes('own-secret'));
    assert.deepEqual(scenario.tree['iam/security-credentials/own'], { $credentials: {} });
    assert.deepEqual(scenario.tree['iam/security-credentials/other'], { $credentials: { lifetime: '1h' } });
    await using copy = await copyOf(emulator);
    for (const role of ['own', 'other']) {
      const { body } = await ask(copy, 'GET', `/latest/meta-data/iam/security-credentials/${role}`);
      assert.match(JSON.parse(body).SecretAccessKey, /EXAMPLE/);
    }
  });
});
