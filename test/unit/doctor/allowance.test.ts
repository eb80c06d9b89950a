import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Allowance, linkLocalAllowance } from '../../../src/doctor/allowance.js';
import { stopwatch } from '../../support/stopwatch.js';

const ena = (count: number): string =>
  `NIC statistics:\n     tx_timeout: 0\n     conntrack_allowance_exceeded: 7\n     linklocal_allowance_exceeded: ${count}\n     queue_0_tx_cnt: 9\n`;

const failure = (code: string | number): Error => Object.assign(new Error('spawn ethtool'), { code });

const cases: readonly (readonly [title: string, tells: string | Error, Allowance])[] = [
  ['is what the interface counts', ena(12), { device: 'eth0', dropped: 12 }],
  ['is 0 where nothing was dropped', ena(0), { device: 'eth0', dropped: 0 }],
  ['is not known without the counter', 'NIC statistics:\n', { why: 'eth0 has no such counter' }],
  ['is not known without ethtool', failure('ENOENT'), { why: 'ethtool is not installed' }],
  ['is not known where ethtool fails', failure(94), { why: 'ethtool gives no counters of eth0' }],
];

describe('the link-local allowance', () => {
  for (const [title, tells, expected] of cases)
    it(title, async () => {
      const statistics = async (device: string) => {
        assert.equal(device, 'eth0');
        if (tells instanceof Error) throw tells;
        return tells;
      };
      assert.deepEqual(await linkLocalAllowance('eth0', undefined, statistics), expected);
    });

  it('runs nothing where there is no interface to ask about', async () => {
    const statistics = () => assert.fail('ethtool was run');
    assert.deepEqual(await linkLocalAllowance(undefined, undefined, statistics), { why: 'there is no route to IMDS' });
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

    it('is read', async () => {
      install('[ "$*" = "-S eth0" ] && echo "  linklocal_allowance_exceeded: 5"');
      assert.deepEqual(await linkLocalAllowance('eth0'), { device: 'eth0', dropped: 5 });
    });

    it('is given up after 300 ms', async () => {
      install('exec sleep 30');
      const [start, elapsedMs] = [performance.now(), stopwatch()];
      assert.deepEqual(await linkLocalAllowance('eth0'), { why: 'ethtool gives no counters of eth0' });
      const tookMs = elapsedMs();
      assert.ok(performance.now() - start > 250 && tookMs < 1500, `it took ${tookMs} ms`);
    });
  });
});
