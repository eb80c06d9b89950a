/** The doctor where this machine itself forbids the way: in network namespaces of their own, which no packet leaves. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, describe, it } from 'mocha';
import { resolveSettings } from '../../src/client/settings.js';
import type { Diagnosis } from '../../src/doctor/diagnose.js';
import { judge } from '../../src/doctor/judgement.js';
import { blocked } from '../../src/doctor/remedies.js';
import { platform } from '../../src/platform.js';

/** An instance at whose well-known endpoint nothing is known yet. */
const judgement = judge({
  settings: resolveSettings({ endpointMode: 'IPv4' }).settings(),
  env: {},
  platform: platform(),
  family: 'IPv4',
  answers: undefined,
});

/** Runs a script in a network namespace of its own. */
const inNamespace = (script: string): Promise<{ code: unknown; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    // Without the guard of the tests: no packet leaves the namespace.
    const options = { env: { ...process.env, NODE_OPTIONS: '' } };
    execFile('unshare', ['--user', '--map-root-user', '--net', 'sh', '-ec', script], options, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
  });

const doctor = `exec '${process.execPath}' --import tsx src/cli/imds.ts doctor --json`;
const device = 'ip link set lo up; ip addr add 10.0.0.2/24 dev lo';

describe('imds doctor in a network namespace', () => {
  before(async function () {
    const { code, stderr } = await inNamespace('ip link set lo up; nft list ruleset');
    // There is no nft here, or this user may not make namespaces.
    if (code !== 0) {
      console.log(`  skipped: ${stderr.trim()}`);
      this.skip();
    }
  });

  const routes: readonly (readonly [string, script: string, args: string, expected: string])[] = [
    ['a prohibit route', 'ip route add prohibit 169.254.169.254', '', 'locked'],
    [
      'a prohibit route beside a default route',
      `${device}; ip route add default dev lo; ip route add prohibit 169.254.169.254`,
      '',
      'locked',
    ],
    [
      'a prohibit route over IPv6',
      'ip link set lo up; ip -6 addr add fd88::2/64 dev lo; ip -6 route add prohibit fd00:ec2::254',
      '--endpoint-mode IPv6',
      'locked',
    ],
    ['an unreachable route', 'ip route add unreachable 169.254.169.254', '', 'not-ec2'],
    ['no route', 'ip link set lo up', '', 'not-ec2'],
    [
      'a firewall that rejects as prohibited',
      `${device}; ip route add 169.254.169.254 dev lo; nft add table inet t; ` +
        "nft add chain inet t out '{ type filter hook output priority 0; }'; " +
        'nft add rule inet t out ip daddr 169.254.169.254 reject with icmp admin-prohibited',
      '',
      'not-ec2',
    ],
  ];
  for (const [what, script, args, expected] of routes)
    it(`gives the verdict ${expected} with ${what}`, async () => {
      const { code, stdout, stderr } = await inNamespace(`${script}; ${doctor} ${args}`);
      const { verdict, findings, fix }: Diagnosis = JSON.parse(stdout || `{"verdict":${JSON.stringify(stderr)}}`);
      assert.equal(verdict, expected);
      assert.equal(code, expected === 'locked' ? 4 : 3);
      const { detail = '' } = findings.find(({ id }) => id === 'connection') ?? {};
      if (expected === 'locked') assert.match(detail, /prohibit route.*\(EACCES\)$/);
      assert.match(
        fix[0]?.command ?? '',
        expected === 'locked' ? /^ip (-6 )?rule; ip (-6 )?route show table all type prohibit$/ : /^imds emulate/,
      );
    });

  const blocks: readonly (readonly [string, script: string, connection: 'silent' | 'no-route', shown: RegExp])[] = [
    ['a blackhole route', 'ip route add blackhole 169.254.169.254', 'no-route', /^blackhole 169\.254\.169\.254/m],
    [
      'a rule for all link-local addresses',
      'nft add table inet t; nft add chain inet t out; nft add rule inet t out ip daddr 169.254.0.0/16 drop',
      'silent',
      /ip daddr 169\.254\.0\.0\/16 drop/,
    ],
  ];
  for (const [what, script, connection, shown] of blocks)
    it(`has a command that shows ${what}`, async () => {
      const outcomes = { endpoint: 'well-known', connection } as const;
      const [fix] = blocked({ ...judgement, outcomes });
      const { stdout } = await inNamespace(`${script}; ${fix?.command.replaceAll('sudo ', '')} || true`);
      assert.match(stdout, shown);
    });
});
