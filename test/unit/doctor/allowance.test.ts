import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Allowance, type Counters, linkLocalAllowance, machineCounters } from '../../../src/doctor/allowance.js';
import { stopwatch } from '../../support/stopwatch.js';

const route = (...rows: string[]): string =>
  ['Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT', ...rows].join('\n');
const zero = '0'.repeat(32);
const route6 = (device: string, metric: string): string =>
  `${zero} 00 ${zero} 00 fe800000000000000000000000000001 ${metric} 00000002 00000000 00000003 ${device}`;
const usual: Readonly<Record<string, string>> = {
  '/proc/net/route': route(
    'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'eth1\t00000000\t010300C0\t0003\t0\t0\t1024\t00000000\t0\t0\t0',
    'eth0\t00000000\t010200C0\t0003\t0\t0\t512\t00000000\t0\t0\t0',
  ),
};
const ena = (count: number): string =>
  `NIC statistics:\n     tx_timeout: 0\n     conntrack_allowance_exceeded: 7\n     linklocal_allowance_exceeded: ${count}\n     queue_0_tx_cnt: 9\n`;

const counters = (files: Readonly<Record<string, string>>, text: string | Error, asked: string[] = []): Counters => ({
  read: (path) => files[path],
  statistics: async (device) => {
    asked.push(device);
    if (text instanceof Error) throw text;
    return text;
  },
});

const failure = (code: string | number): Error => Object.assign(new Error('spawn ethtool'), { code });

const cases: readonly (readonly [string, Counters, Allowance])[] = [
  ['is what the interface counts', counters(usual, ena(12)), { device: 'eth0', dropped: 12 }],
  ['is 0 where nothing was dropped', counters(usual, ena(0)), { device: 'eth0', dropped: 0 }],
  ['is not known without the counter', counters(usual, 'NIC statistics:\n'), { why: 'eth0 has no such counter' }],
  ['is not known without ethtool', counters(usual, failure('ENOENT')), { why: 'ethtool is not installed' }],
  ['is not known where ethtool fails', counters(usual, failure(94)), { why: 'ethtool gives no counters of eth0' }],
  ['is not known without routes', counters({}, ena(1)), { why: 'no default route is known' }],
  [
    'is not known without a default route',
    counters({ '/proc/net/route': route(), '/proc/net/ipv6_route': route6('lo', 'ffffffff') }, ena(1)),
    { why: 'no default route is known' },
  ],
  [
    'is that of the default route over IPv6 where there is none over IPv4',
    counters(
      {
        '/proc/net/ipv6_route': [route6('lo', 'ffffffff'), route6('ens6', '00000400'), route6('ens5', '00000200')].join(
          '\n',
        ),
      },
      ena(3),
    ),
    { device: 'ens5', dropped: 3 },
  ],
];

describe('the link-local allowance', () => {
  for (const [title, given, expected] of cases)
    it(title, async () => assert.deepEqual(await linkLocalAllowance(given), expected));

  it('runs nothing where there is no interface to ask about', async () => {
    const asked: string[] = [];
    await linkLocalAllowance(counters({}, ena(1), asked));
    assert.deepEqual(asked, []);
  });

  describe('as the program tells it', () => {
    const { PATH } = process.env;
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'imds-ethtool-'));
      process.env['PATH'] = `${folder}${delimiter}${PATH}`;
    });
    afterEach(() => {
      process.env['PATH'] = PATH;
      rmSync(folder, { recursive: true });
    });
    const install = (script: string): void =>
      writeFileSync(join(folder, 'ethtool'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const given = { ...machineCounters, read: (path: string) => usual[path] };

    it('is read', async () => {
      install('[ "$*" = "-S eth0" ] && echo "  linklocal_allowance_exceeded: 5"');
      assert.deepEqual(await linkLocalAllowance(given), { device: 'eth0', dropped: 5 });
    });

    it('is given up after 300 ms', async () => {
      install('exec sleep 30');
      const [start, elapsedMs] = [performance.now(), stopwatch()];
      assert.deepEqual(await linkLocalAllowance(given), { why: 'ethtool gives no counters of eth0' });
      const tookMs = elapsedMs();
      assert.ok(performance.now() - start > 250 && tookMs < 1500, `it took ${tookMs} ms`);
    });
  });
});
