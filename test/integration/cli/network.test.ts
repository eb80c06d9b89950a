import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { imds, Terminal } from './harness.js';

const macs = 'network/interfaces/macs';

const table = `\
eni-0f95d3625f5c521cc  primary, network card 0, device 0
  MAC address       0e:49:61:0f:c3:11
  private IPv4      10.0.1.10, 10.0.1.11
  public IPv4       192.0.2.54 → 10.0.1.10
  IPv6              2001:db8:8:4::10, 2001:db8:8:4::11
  prefixes          10.0.1.16/28, 2001:db8:8:4:a::/80
  private DNS name  ip-10-0-1-10.ec2.internal
  public DNS name   ec2-192-0-2-54.compute-1.amazonaws.com
  security groups   web, ssh
  group IDs         sg-0b07f8f6cb485d4df, sg-0c18a9b7dc596e5e0
  subnet            subnet-0ac62554d1e2f3a4b, 10.0.1.0/24, 2001:db8:8:4::/64
  VPC               vpc-0a1b2c3d4e5f60718, 10.0.0.0/16, 10.1.0.0/16, 2001:db8:8::/56
  owner             123456789012

eni-0a84c2514e4b410bb  network card 1, device 1
  MAC address       0e:49:61:0f:c3:77
  private IPv4      10.0.2.20
  IPv6              2001:db8:8:5::20
  private DNS name  ip-10-0-2-20.ec2.internal
  security groups   backend
  group IDs         sg-0d29ba08ed6a7f6f1
  subnet            subnet-0bd73665e2f3a4b5c, 10.0.2.0/24, 2001:db8:8:5::/64
  VPC               vpc-0a1b2c3d4e5f60718, 10.0.0.0/16, 10.1.0.0/16, 2001:db8:8::/56
  owner             123456789012
`;

describe('imds network', () => {
  let emulator: Emulator;
  before(async () => {
    emulator = await createEmulator({ httpTokens: 'required', scenario: 'everything' });
  });
  after(() => emulator.close());

  /** What is printed of an emulator, in a terminal of that many columns or in none. */
  async function printed(of: Emulator, columns?: number): Promise<string> {
    const terminal = new Terminal({ tty: columns !== undefined, ...(columns && { columns }), env: { NO_COLOR: '1' } });
    const { code, stdout, stderr } = await terminal.run('network', '--endpoint', of.url);
    assert.deepEqual([code, stderr], [0, '']);
    return stdout.toString();
  }

  it('prints a block for each interface, what it lacks left out', async () => {
    assert.equal(await printed(emulator), table);
  });

  it('stays within the width of a terminal, and within 100 columns anywhere', async () => {
    await using other = await createEmulator();
    const address = '2001:db8:8:4:8d2e:1f2a:3b4c:5d6';
    const many = (start: string) => Array.from({ length: 9 }, (_, index) => start + index).join('\n');
    other.set(`${macs}/0e:49:61:0f:c3:77/ipv6s`, many(address));
    other.set(`${macs}/0e:49:61:0f:c3:77/local-ipv4s`, many('10.100.200.10'));
    for (const [columns, width] of [
      [80, 80],
      [100, 100],
      [250, 100],
      [undefined, 100],
    ] as const) {
      const text = await printed(other, columns);
      const widest = Math.max(...text.split('\n').map((line) => line.length));
      assert.ok(widest <= width && widest > width - 20, `${widest} of ${width} columns`);
      for (const value of [...many(address).split('\n'), 'vpc-0a1b2c3d4e5f60718'])
        assert.match(text, new RegExp(` ${value}(,|$)`, 'm'));
    }
  });

  it('breaks no value, however narrow the terminal', async () => {
    const text = await printed(emulator, 20);
    assert.match(text, /^ {2}security groups {3}web,\n {20}ssh$/m);
    assert.match(text, /^ {20}2001:db8:8::\/56$/m);
  });

  it('uses no colour but at a terminal, and there for the ID alone', async () => {
    const { stdout } = await new Terminal({ tty: true, columns: 100 }).run('network', '--endpoint', emulator.url);
    assert.equal(stdout.toString(), table.replace(/^eni-\w+/gm, '\x1b[1m$&\x1b[22m'));
  });

  it('says of an interface attached a moment ago that not all is known', async () => {
    await using other = await createEmulator();
    other.set(`${macs}/0e:49:61:0f:c3:77`, { 'device-number': '0', 'owner-id': '123456789012' });
    const [, block] = (await printed(other)).split('\n\n');
    assert.equal(
      block,
      '0e:49:61:0f:c3:77  not fully known yet\n' +
        '  MAC address       0e:49:61:0f:c3:77\n' +
        '  owner             123456789012\n',
    );
  });

  it('prints a public address whose private one is not known', async () => {
    await using other = await createEmulator();
    other.remove(`${macs}/0e:49:61:0f:c3:11/ipv4-associations`);
    assert.match(await printed(other), /^ {2}public IPv4 {7}192\.0\.2\.54$/m);
  });

  it('prints no control character that the service may have served', async () => {
    await using other = await createEmulator();
    other.set(`${macs}/0e:49:61:0f:c3:11/interface-id`, 'eni-\x1b[2J');
    other.set(`${macs}/0e:49:61:0f:c3:11/security-groups`, 'web\x07');
    const text = await printed(other);
    assert.match(text, /^eni-\\x1b\[2J {2}primary/);
    assert.match(text, / {3}web\\x07$/m);
  });

  it('prints JSON: the same as the library gives', async () => {
    const { code, stdout, stderr } = await imds('network', '--json', '--endpoint', emulator.url);
    assert.deepEqual([code, stderr], [0, '']);
    const [first, second, ...others] = JSON.parse(stdout.toString());
    assert.deepEqual(others, []);
    assert.deepEqual(second, {
      mac: '0e:49:61:0f:c3:77',
      isPrimary: false,
      isComplete: true,
      isSettling: false,
      networkCard: 1,
      deviceNumber: 1,
      interfaceId: 'eni-0a84c2514e4b410bb',
      subnetId: 'subnet-0bd73665e2f3a4b5c',
      vpcId: 'vpc-0a1b2c3d4e5f60718',
      ownerId: '123456789012',
      localHostname: 'ip-10-0-2-20.ec2.internal',
      localIpv4s: ['10.0.2.20'],
      ipv6s: ['2001:db8:8:5::20'],
      securityGroups: ['backend'],
      securityGroupIds: ['sg-0d29ba08ed6a7f6f1'],
      subnetIpv4CidrBlock: '10.0.2.0/24',
      subnetIpv6CidrBlocks: ['2001:db8:8:5::/64'],
      vpcIpv4CidrBlock: '10.0.0.0/16',
      vpcIpv4CidrBlocks: ['10.0.0.0/16', '10.1.0.0/16'],
      vpcIpv6CidrBlocks: ['2001:db8:8::/56'],
    });
    assert.deepEqual(first.ipv4Associations, { '192.0.2.54': ['10.0.1.10'] });
  });

  it('exits with the exit code of what went wrong', async () => {
    await using other = await createEmulator({ httpEndpoint: 'disabled' });
    const { code, stdout, stderr } = await imds('network', '--endpoint', other.url);
    assert.deepEqual([code, stdout.length], [4, 0]);
    assert.match(stderr, /^imds: .+\nhint: .+\n$/);
  });

  it('takes no argument', async () => {
    const { code, stderr } = await imds('network', 'eth0', '--endpoint', emulator.url);
    assert.equal(code, 2);
    assert.match(stderr, /^imds: /);
  });
});
