import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { before, describe, it } from 'mocha';
import { places } from '../../src/lab/plan.js';
import { demanded, obstacle, outcome, start, type User, users } from './labs.js';

/** A lab whose command answers each line on standard input with a line, and the URL of its control service. */
async function lab(user: User, args: readonly string[], program: string): Promise<Lab> {
  const command = [process.execPath, '--input-type=module', '-e', program];
  const child = start(user, ['lab', '--control', ...args, '--', ...command]);
  assert.ok(child.stdout && child.stderr && child.stdin);
  const [line] = await once(child.stderr.setEncoding('utf8'), 'data');
  const [, url] =
    /^imds: the control service is at (http:\/\/127\.0\.0\.1:\d+), inside the lab, too\n$/.exec(line) ?? [];
  assert.ok(url, line);
  child.stdout.setEncoding('utf8');
  return { child, url };
}

interface Lab {
  readonly child: ChildProcess;
  readonly url: string;
}

/** What the command says to a line. */
async function say({ child }: Lab, line: string): Promise<unknown> {
  assert.ok(child.stdout);
  child.stdin?.write(`${line}\n`);
  const [answer] = await once(child.stdout, 'data');
  return JSON.parse(answer);
}

async function end({ child, url }: Lab): Promise<void> {
  const ended = once(child, 'exit');
  child.stdin?.end();
  await ended;
  await assert.rejects(fetch(`${url}/v1/state`));
}

async function call(url: string, method: string, path: string, body?: object) {
  const content = { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${url}${path}`, { method, ...(body === undefined ? {} : content) });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

/** Asks for a token by each line's family, for a second, or does what the line says at the control service. */
const asking = `
import { createInterface } from 'node:readline';
const url = process.env.IMDS_EMULATOR_CONTROL_URL;
const hosts = { v4: '169.254.169.254', v6: '[fd00:ec2::254]' };
const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
for await (const line of createInterface({ input: process.stdin })) {
  const asked = line in hosts
    ? fetch('http://' + hosts[line] + '/latest/api/token', { method: 'PUT', headers, signal: AbortSignal.timeout(1000) })
    : fetch(url + line, { method: line.startsWith('/v1/reset') ? 'POST' : 'GET' });
  const answer = await asked.then(async (response) => [response.status, (await response.text()).length > 0], () => 'lost');
  process.stdout.write(JSON.stringify(answer) + '\\n');
}`;

describe('the control service of a lab', () => {
  before(async function () {
    this.timeout(240_000);
    demanded(this, await obstacle());
  });

  for (const user of Object.keys(users) as User[])
    it(`changes the real hop limit, by one URL inside and outside, for ${user}`, async () => {
      const one = await lab(user, [], asking);
      const limit = (hops: number) => call(one.url, 'PATCH', '/v1/options', { httpPutResponseHopLimit: hops });
      assert.equal(await say(one, 'v4'), 'lost');
      assert.equal((await limit(2)).status, 200);
      assert.deepEqual(await say(one, 'v4'), [200, true]);
      assert.deepEqual(await say(one, 'v6'), [200, true]);
      assert.deepEqual(await say(one, '/v1/reset'), [200, true]);
      for (const family of ['v4', 'v6']) assert.equal(await say(one, family), 'lost');
      await call(one.url, 'POST', '/v1/events', { event: 'configure', options: { httpPutResponseHopLimit: 3 } });
      assert.deepEqual(await say(one, 'v4'), [200, true]);
      await end(one);
    });

  for (const [index, place] of places.entries())
    it(`knows how far away a ${place} is, and that nothing changes that`, async () => {
      const one = await lab('root', ['--in', place, '--hop-limit', '2'], asking);
      const { body: state } = await call(one.url, 'GET', '/v1/state');
      assert.deepEqual(state.network, { kind: 'lab', place, hops: index });
      assert.deepEqual(await say(one, 'v4'), index < 2 ? [200, true] : 'lost');
      const { body } = await call(one.url, 'GET', '/v1/requests');
      assert.deepEqual(body.requests[0].hopLimit, { had: 2, needed: index + 1 });
      const refused = await call(one.url, 'PATCH', '/v1/options', { hops: 0, httpPutResponseHopLimit: 64 });
      assert.equal(refused.status, 400);
      assert.equal(refused.body.error.place, 'hops');
      assert.match(refused.body.error.message, /the network of the lab/);
      assert.equal((await call(one.url, 'GET', '/v1/state')).body.options.httpPutResponseHopLimit, 2);
      await end(one);
    });

  it('streams to both sides', async () => {
    const one = await lab('root', [], asking);
    const response = await fetch(`${one.url}/v1/stream`);
    const reader = response.body?.getReader();
    await say(one, 'v4');
    let text = '';
    while (!/event: request\n.*"needed":2/.test(text)) text += Buffer.from((await reader?.read())?.value ?? []);
    await end(one);
  });

  it('is at the port that is asked for, unless that is taken', async () => {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const taken = await outcome(start('root', ['lab', '--control', String(port), '--', 'true']));
    assert.equal(taken.code, 2);
    assert.match(
      taken.stderr,
      new RegExp(`cannot listen on 127\\.0\\.0\\.1, port ${port}: EADDRINUSE\n.*--control 0 takes`),
    );
    await once(server.close(), 'close');
    const script = 'echo "$IMDS_EMULATOR_CONTROL_URL"';
    const { code, stdout } = await outcome(start('root', ['lab', '--control', String(port), '--', 'sh', '-c', script]));
    assert.deepEqual([code, stdout], [0, `http://127.0.0.1:${port}\n`]);
  });

  it('is gone with a lab that is killed', async () => {
    const one = await lab('root', [], asking);
    assert.equal((await call(one.url, 'GET', '/v1/state')).status, 200);
    one.child.kill('SIGKILL');
    for (let tries = 0; await fetch(`${one.url}/v1/state`).catch(() => false); tries += 1) {
      assert.ok(tries < 200, 'it answers still');
      await delay(50);
    }
  });

  it('is not there without --control', async () => {
    const child = start('root', ['lab', '--', 'env']);
    const { code, stdout, stderr } = await outcome(child);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.ok(!stdout.includes('IMDS_EMULATOR_CONTROL_URL'));
  });
});
