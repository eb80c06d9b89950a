import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { addresses, imdsName, isIpv6 } from './layout.js';

/** Seconds from 1900, the start of NTP time, to 1970. */
const ntpEpoch = 2_208_988_800;

/** The reply of a time server, which repeats the transmit timestamp of the request (RFC 5905). */
export function timeReply(question: Buffer, now: number): Buffer | undefined {
  if (question.length < 48) return undefined;
  const reply = Buffer.alloc(48);
  const version = ((question[0] ?? 0) >> 3) & 0b111;
  reply[0] = (version << 3) | 4;
  // Stratum, poll interval and precision of Amazon's service; then its reference clock.
  reply.set([3, question[2] ?? 0, 0xe9], 1);
  reply.write('LOCL', 12, 'latin1');
  question.copy(reply, 24, 40, 48);
  for (const offset of [16, 32, 40]) {
    reply.writeUInt32BE((Math.floor(now / 1000) + ntpEpoch) % 2 ** 32, offset);
    reply.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), offset + 4);
  }
  return reply;
}

const typeA = 1;
const refused = 5;

/**
 * The reply of a name server (RFC 1035) that knows EC2's own name for IMDS and refuses all others at once, so that a
 * resolver goes on to the next server, or gives up.
 */
export function namesReply(question: Buffer): Buffer | undefined {
  if (question.length < 12 || question.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let end = 12;
  for (let length = question[end] ?? 0; length !== 0; length = question[end] ?? 0) {
    labels.push(question.toString('latin1', end + 1, end + 1 + length));
    end += 1 + length;
  }
  if (end + 5 > question.length) return undefined;
  const type = question.readUInt16BE(end + 1);
  const isKnown = labels.join('.').toLowerCase() === imdsName;
  const hasAnswer = isKnown && type === typeA;
  const answer = hasAnswer ? [0xc0, 12, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4, 169, 254, 169, 254] : [];
  const head = Buffer.alloc(12);
  question.copy(head, 0, 0, 2);
  // A response, recursion desired as in the request; recursion available.
  head[2] = 0x80 | ((question[2] ?? 0) & 0x79);
  head[3] = 0x80 | (isKnown ? 0 : refused);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(hasAnswer ? 1 : 0, 6);
  return Buffer.concat([head, question.subarray(12, end + 5), Buffer.from(answer)]);
}

/** Serves time and names at their link-local addresses. */
export async function serveDatagrams(hasIpv6: boolean): Promise<void> {
  const services = [
    { port: 123, at: addresses.time, reply: (question: Buffer) => timeReply(question, Date.now()) },
    { port: 53, at: addresses.names, reply: namesReply },
  ];
  const sockets = services.flatMap(({ port, at, reply }) =>
    at
      .filter((address) => hasIpv6 || !isIpv6(address))
      .map(async (address) => {
        const socket = createSocket(isIpv6(address) ? 'udp6' : 'udp4');
        socket.on('message', (question, sender) => {
          const answer = reply(question);
          if (answer) socket.send(answer, sender.port, sender.address, () => {});
        });
        socket.bind(port, address);
        await once(socket, 'listening');
      }),
  );
  await Promise.all(sockets);
}
