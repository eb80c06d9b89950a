import assert from 'node:assert/strict';
import { createSocket, Socket } from 'node:dgram';
import { once } from 'node:events';
import { mock } from 'node:test';
import { afterEach, describe, it } from 'mocha';
import { type Beacon, measureDistance } from '../../../src/doctor/distance.js';
import { hasIPv6 } from '../../support/ipv6.js';
import { stopwatch } from '../../support/stopwatch.js';

const open: Socket[] = [];

/** What a beacon does with a datagram: the TTL it had, by the order in which the sockets first sent, and how many came before. */
type Behaviour = (asked: { ttl: number; earlier: number; datagram: Buffer }) => Buffer | undefined;

async function beacon(speaks: Beacon['speaks'], behaviour: Behaviour, host = '127.0.0.1'): Promise<Beacon> {
  const server = createSocket(host === '::1' ? 'udp6' : 'udp4');
  open.push(server);
  const seen = new Map<number, number>();
  server.on('message', (datagram, { port, address }) => {
    const earlier = seen.get(port) ?? 0;
    seen.set(port, earlier + 1);
    const ttl = [...seen.keys()].indexOf(port) + 1;
    const answer = behaviour({ ttl, earlier, datagram });
    if (answer) server.send(answer, port, address);
  });
  server.bind(0, host);
  await once(server, 'listening');
  return { speaks, address: host, port: server.address().port };
}

function ntpAnswer(datagram: Buffer): Buffer {
  const answer = Buffer.alloc(48);
  answer[0] = 0b00_100_100;
  datagram.copy(answer, 24, 40, 48);
  return answer;
}

function dnsAnswer(datagram: Buffer): Buffer {
  const answer = Buffer.from(datagram);
  answer[2] = 0x81;
  return answer;
}

const silent: Behaviour = () => undefined;

describe('the distance', () => {
  afterEach(() => {
    for (const server of open.splice(0)) server.close();
  });

  it('is 1 when the smallest TTL is answered, and known at once', async () => {
    const near = await beacon('NTP', ({ datagram }) => ntpAnswer(datagram));
    const elapsedMs = stopwatch();
    assert.deepEqual(await measureDistance([near]), { hops: 1, by: near });
    assert.ok(elapsedMs() < 300);
  });

  it('is the smallest TTL that is answered', async () => {
    const far = await beacon('NTP', ({ ttl, datagram }) => (ttl >= 3 ? ntpAnswer(datagram) : undefined));
    assert.equal((await measureDistance([far]))?.hops, 3);
  });

  it('is not made larger by lost datagrams, which are sent again', async () => {
    const lossy = await beacon('NTP', ({ ttl, earlier, datagram }) =>
      (ttl === 2 && earlier >= 3) || ttl > 2 ? ntpAnswer(datagram) : undefined,
    );
    assert.equal((await measureDistance([lossy]))?.hops, 2);
  });

  it('is measured over IPv6 as well', async function () {
    if (!hasIPv6) this.skip(); // no ::1 on this machine
    const near = await beacon('NTP', ({ datagram }) => ntpAnswer(datagram), '::1');
    assert.equal((await measureDistance([near]))?.hops, 1);
  });

  it('is measured by the DNS when the time service is silent', async () => {
    const time = await beacon('NTP', silent);
    const dns = await beacon('DNS', ({ ttl, datagram }) => (ttl >= 2 ? dnsAnswer(datagram) : undefined));
    assert.deepEqual(await measureDistance([time, dns]), { hops: 2, by: dns });
  });

  it('is unknown when all are silent, after a time that is bounded', async () => {
    const [time, dns] = await Promise.all([beacon('NTP', silent), beacon('DNS', silent)]);
    const elapsedMs = stopwatch();
    assert.equal(await measureDistance([time, dns]), undefined);
    assert.ok(elapsedMs() < 2000);
  });

  for (const method of ['setTTL', 'send'] as const)
    it(`is unknown where the system refuses ${method}, and leaves no socket open`, async () => {
      const near = await beacon('NTP', ({ datagram }) => ntpAnswer(datagram));
      const before = process.getActiveResourcesInfo().length;
      const refused = mock.method(Socket.prototype, method, () => {
        throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
      });
      try {
        assert.equal(await measureDistance([near]), undefined);
      } finally {
        refused.mock.restore();
      }
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(process.getActiveResourcesInfo().length, before);
    });

  it('ignores a question that comes back unchanged', async () => {
    for (const speaks of ['NTP', 'DNS'] as const)
      assert.equal(await measureDistance([await beacon(speaks, ({ datagram }) => datagram)]), undefined);
  });

  it('is unknown when nothing is there to ask', async () => assert.equal(await measureDistance([]), undefined));

  it('ignores answers to somebody else', async () => {
    const wrong = await beacon('NTP', () => ntpAnswer(Buffer.alloc(48, 1)));
    assert.equal(await measureDistance([wrong]), undefined);
  });

  it('ends when its signal aborts', async () => {
    const time = await beacon('NTP', silent);
    const elapsedMs = stopwatch();
    assert.equal(await measureDistance([time], AbortSignal.timeout(50)), undefined);
    assert.ok(elapsedMs() < 400);
  });
});
