/**
 * What stands at the link-local addresses: the emulator, behind a listener that gives the replies to token requests a
 * real IP TTL; a time service; a name server. Run in a namespace of its own.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import koffi from 'koffi';
import { createEmulator, type InstanceSettings } from '../../src/emulator/index.js';
import { offer } from './remote.js';

const setsockopt = koffi.load(null).func('int setsockopt(int fd, int level, int name, _In_ int *value, uint32_t size)');

/** What stands in for IMDS. */
interface Behaviour {
  /** How many hops the reply to a token request travels. */
  hopLimit: number;
  /** `imds`; `foreign`, another cloud's service; `forwarded`, IMDS behind a proxy that adds X-Forwarded-For. */
  responder: 'imds' | 'foreign' | 'forwarded';
  time: boolean;
  names: boolean;
  /** Milliseconds by which every answer is late. */
  delayMs: number;
}

const usual: Behaviour = { hopLimit: 1, responder: 'imds', time: true, names: true, delayMs: 0 };
let behaviour = usual;

const emulator = await createEmulator();
const { port } = new URL(emulator.url);

/** Node gives no access to the TTL of a TCP socket. Constants of Linux: IPPROTO_IP and IP_TTL, IPPROTO_IPV6 and IPV6_UNICAST_HOPS. */
function limitHops(socket: Socket, hops: number): void {
  const fd = Reflect.get(Reflect.get(socket, '_handle') ?? {}, 'fd');
  const [level, name] = isIPv6(socket.localAddress ?? '') ? [41, 16] : [0, 2];
  if (setsockopt(fd, level, name, [hops], 4) !== 0) throw new Error(`the TTL of descriptor ${fd} cannot be set`);
}

const foreign =
  'HTTP/1.1 404 Not Found\r\nServer: Metadata Server for VM\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

function accept(socket: Socket): void {
  socket.on('error', () => {});
  socket.once('data', (request) => {
    if (behaviour.responder === 'foreign') {
      socket.end(foreign);
      return;
    }
    const text = request.toString('latin1');
    // Never raised again: whatever the kernel sends once more, with the FIN or on its timer, must die as the reply did.
    if (text.startsWith('PUT ')) limitHops(socket, behaviour.hopLimit);
    const onward = connect(Number(port), '127.0.0.1').on('error', () => socket.destroy());
    const header = behaviour.responder === 'forwarded' ? '\r\nX-Forwarded-For: 10.0.0.1\r\n' : '\r\n';
    onward.write(text.replace('\r\n', header), 'latin1');
    socket.pipe(onward);
    setTimeout(() => onward.pipe(socket), behaviour.delayMs);
  });
}

async function answerDatagrams(
  address: string,
  its: number,
  answer: (datagram: Buffer) => Buffer | undefined,
): Promise<void> {
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
  socket.on('message', (datagram, { port: from, address: sender }) => {
    const reply = answer(datagram);
    if (reply) setTimeout(() => socket.send(reply, from, sender, () => {}), behaviour.delayMs);
  });
  socket.bind(its, address);
  await once(socket, 'listening');
}

/** A server's answer repeats the client's transmit timestamp as its originate timestamp (RFC 5905). */
function time(datagram: Buffer): Buffer | undefined {
  if (!behaviour.time || datagram.length < 48) return undefined;
  const reply = Buffer.alloc(48);
  reply[0] = 0b00_100_100;
  datagram.copy(reply, 24, 40, 48);
  return reply;
}

/** The question again, as an answer that refuses (RFC 1035). */
function names(datagram: Buffer): Buffer | undefined {
  if (!behaviour.names) return undefined;
  const reply = Buffer.from(datagram);
  reply[2] = 0x81;
  reply[3] = 0x05;
  return reply;
}

for (const address of ['169.254.169.254', 'fd00:ec2::254'])
  await once(createServer(accept).listen(80, address), 'listening');
for (const address of ['169.254.169.123', 'fd00:ec2::123']) await answerDatagrams(address, 123, time);
for (const address of ['169.254.169.253', 'fd00:ec2::253']) await answerDatagrams(address, 53, names);

const functions = {
  /** Makes it all new: what is not named is as usual. */
  become(changes: Partial<Behaviour>, instance: InstanceSettings): void {
    behaviour = { ...usual, ...changes };
    // The emulator sends every reply; which ones arrive is up to their TTL.
    emulator.configure({ httpTokens: 'optional', httpEndpoint: 'enabled', ...instance, hops: 0 });
  },
  /** How many requests came without a token, of those that should have one. */
  tokenless: () => emulator.requests.filter(({ version }) => version === 1).length,
};
export type Service = typeof functions;
offer(functions);
