/** The emulator in a separate process. It replies to each message with the requests since the last one, by method. */
import { createEmulator } from 'imds/emulator';

const interfaces = Number(process.argv[2] ?? 0);
const macs = Array.from({ length: interfaces }, (_, index) => `0e:49:61:0f:c4:${index.toString(16).padStart(2, '0')}`);
const leaves = (mac, index) => ({
  'device-number': String(index + 2),
  'interface-id': `eni-0${index}`,
  'local-hostname': 'ip-10-0-2-20.ec2.internal',
  'local-ipv4s': '10.0.2.20',
  mac,
  'network-card': '0',
  'owner-id': '123456789012',
  'security-group-ids': 'sg-0d29ba08ed6a7f6f1',
  'security-groups': 'backend',
  'subnet-id': 'subnet-0bd73665e2f3a4b5c',
  'subnet-ipv4-cidr-block': '10.0.2.0/24',
  'vpc-id': 'vpc-0a1b2c3d4e5f60718',
  'vpc-ipv4-cidr-block': '10.0.0.0/16',
  'vpc-ipv4-cidr-blocks': '10.0.0.0/16',
});

const emulator = await createEmulator({
  tree: Object.fromEntries(macs.map((mac, index) => [`network/interfaces/macs/${mac}`, leaves(mac, index)])),
});
let seen = 0;
process.on('message', () => {
  const since = emulator.requests.slice(seen);
  seen = emulator.requests.length;
  const PUT = since.filter(({ method }) => method === 'PUT').length;
  process.send({ PUT, GET: since.length - PUT });
});
process.on('disconnect', () => process.exit());
process.send(emulator.url);
