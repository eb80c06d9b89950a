import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { explain, LabError, type Machine, mayMakeNamespaces, requirements } from '../../../src/lab/requirements.js';

const machine = (files: Readonly<Record<string, string>> = {}, platform = 'linux'): Machine => ({
  platform,
  read: (path) => files[path],
  exists: (path) => path in files,
});

/** What is thrown where no tool is found. */
function missing(files: Readonly<Record<string, string>>, platform?: string): LabError {
  try {
    requirements('/nonexistent', machine(files, platform));
  } catch (error) {
    if (error instanceof LabError) return error;
  }
  assert.fail('nothing is missing');
}

describe('what a lab needs', () => {
  for (const [name, release, command] of [
    ['Debian', 'ID=debian', 'sudo apt-get install iproute2 nftables util-linux mount'],
    ['Ubuntu', 'ID=ubuntu\nID_LIKE=debian', 'sudo apt-get install iproute2 nftables util-linux mount'],
    ['Mint', 'ID=linuxmint\nID_LIKE="ubuntu debian"', 'sudo apt-get install iproute2 nftables util-linux mount'],
    ['Fedora', 'ID=fedora', 'sudo dnf install iproute nftables util-linux'],
    ['Amazon Linux', 'ID="amzn"\nID_LIKE="fedora"', 'sudo dnf install iproute nftables util-linux'],
    ['another', '', 'install iproute2 nftables util-linux mount'],
  ] as const)
    it(`names the tools that are missing on ${name}, and the command that installs them`, () => {
      const { message, hint } = missing({ '/etc/os-release': release });
      assert.equal(message, 'imds lab needs ip, nft, unshare, nsenter, setpriv, mount');
      assert.equal(hint, command);
    });

  it('names the command that makes a lab in a container where there is no Linux', () => {
    const { message, hint } = missing({}, 'darwin');
    assert.equal(message, 'imds lab needs network namespaces, which darwin lacks');
    assert.match(hint ?? '', /^a container has them: docker run --rm -it --privileged .*imds lab'$/);
  });

  for (const [what, status, expected] of [
    ['of the machine', 'CapEff:\t000001ffffffffff', true],
    ['in a container', 'CapEff:\t00000000a80425fb', false],
    ['without any', 'CapEff:\t0000000000000000', false],
    ['without those of the network', 'CapEff:\t0000000000200000', false],
  ] as const)
    it(`tells by the capabilities of root ${what} that it ${expected ? 'may' : 'may not'} make namespaces`, () => {
      assert.equal(mayMakeNamespaces(machine({ '/proc/self/status': `Name:\tnode\n${status}\n` })), expected);
    });
});

describe('why no lab can be made', () => {
  const denied = 'unshare: unshare failed: Operation not permitted\n';
  const apparmor = 'unshare: write failed /proc/self/uid_map: Operation not permitted\n';
  for (const [what, said, files, message, hint] of [
    [
      'the limit on user namespaces',
      'unshare: unshare failed: No space left on device\n',
      { '/proc/sys/user/max_user_namespaces': '0' },
      /^user namespaces are forbidden: user\.max_user_namespaces is 0$/,
      /^sudo sysctl -w user\.max_user_namespaces=15000$/,
    ],
    [
      'the switch of Debian',
      denied,
      { '/proc/sys/kernel/unprivileged_userns_clone': '0' },
      /^user namespaces are forbidden: kernel\.unprivileged_userns_clone is 0$/,
      /^sudo sysctl -w kernel\.unprivileged_userns_clone=1$/,
    ],
    [
      'AppArmor on Ubuntu',
      apparmor,
      { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1' },
      /^user namespaces are forbidden: AppArmor restricts them/,
      /^sudo sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0, or sudo imds lab$/,
    ],
    [
      'a container',
      denied,
      { '/.dockerenv': '' },
      /^this container is not allowed to make a lab: unshare: unshare failed: Operation not permitted$/,
      /--privileged.* --cap-add SYS_ADMIN --cap-add NET_ADMIN .*--security-opt seccomp=unconfined/,
    ],
    [
      'the masked /proc of a container',
      'unshare: mount /proc failed: Operation not permitted\n',
      { '/run/.containerenv': '' },
      /^this container is not allowed to make a lab: unshare: mount \/proc failed/,
      /systempaths=unconfined/,
    ],
    [
      'the read-only /proc/sys of a container',
      'sh: 1: cannot create /proc/sys/net/ipv4/ip_forward: Read-only file system\n',
      { '/proc/1/cgroup': '0::/kubepods/pod1' },
      /^this container is not allowed to make a lab: sh: 1: cannot create/,
      /--privileged/,
    ],
    [
      'old tools',
      "unshare: unrecognized option '--map-current-user'\nTry 'unshare --help' for more information.\n",
      {},
      /^the tools here are too old: /,
      /util-linux 2\.36/,
    ],
    ['what nobody has foreseen', 'nft: no such thing\n', {}, /^the lab cannot be made: nft: no such thing$/, /^$/],
    ['a silent end', '', {}, /^the lab cannot be made: it exited without a message$/, /^$/],
  ] as const)
    it(`is told: ${what}`, () => {
      const error = explain(said, machine(files));
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
    });
});
