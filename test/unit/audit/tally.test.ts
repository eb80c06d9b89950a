import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { headline, reportOf } from '../../../src/audit/report.js';
import { hashOf, Tally } from '../../../src/audit/tally.js';
import { textOf } from '../../../src/audit/text.js';

const place = { package: 'a', packageVersion: '1.0.0', file: '/app/a.js', line: 1 };
const get = (path: string, token?: string) => ({
  method: 'GET',
  path,
  token: token === undefined ? undefined : hashOf(token),
  isForwarded: false,
});
const about = { command: 'node a.js', durationMs: 1 };

describe('counts of requests', () => {
  it('tell the busiest minute, of all processes where they share it', () => {
    let now = 60_000;
    const tally = new Tally(
      () => {},
      () => now,
    );
    const requests = (count: number): void => {
      for (let at = 0; at < count; at += 1) tally.begin(place, get('/', 'token'));
    };
    requests(3);
    now += 60_000;
    requests(5);
    now += 60_000;
    requests(4);
    const peak = (states: number): unknown =>
      reportOf(Array(states).fill(JSON.parse(JSON.stringify(tally.state))), about).callers[0]?.peakPerMinute;
    assert.equal(peak(1), 5);
    assert.equal(peak(2), 10);
  });

  it('tell polling from reads that a second or more lies between', () => {
    for (const [ms, expected] of [
      [999, ['polling']],
      [1000, []],
    ] as const) {
      let now = 0;
      const tally = new Tally(
        () => {},
        () => now,
      );
      for (let at = 0; at < 10; at += 1) {
        now += ms;
        tally.begin(place, get('/latest/meta-data/spot/instance-action', 'token'));
        // Different values are no polling of one.
        tally.begin(place, get(`/latest/meta-data/network/interfaces/macs/0e:49:61:0f:c3:${at}/mac`, 'token'));
      }
      assert.deepEqual(
        reportOf([tally.state], about).findings.map(({ id }) => id),
        expected,
      );
    }
  });

  it('count one end of a request', () => {
    const tally = new Tally(() => {});
    const exchange = tally.begin(place, get('/'));
    exchange.answered(403);
    exchange.answered(401);
    exchange.lost();
    const [{ failures } = {}] = reportOf([tally.state], about).callers;
    assert.deepEqual(failures, { unauthorized: 0, forbidden: 1, noReply: 0 });
  });

  it('are bounded: callers, their paths, and programs', () => {
    const tally = new Tally(() => {});
    for (let line = 1; line <= 1000; line += 1) {
      tally.begin({ ...place, line }, get('/'));
      tally.begin({ ...place, line: 1 }, get(`/${line}`));
      tally.started(place, `curl ${line}`);
    }
    const { callers, processes } = reportOf([JSON.parse(JSON.stringify(tally.state))], about);
    assert.ok(callers.length <= 201 && processes.length <= 200);
    assert.equal(
      callers.reduce((sum, { v1 }) => sum + v1, 0),
      2000,
    );
    assert.ok(callers.every(({ paths }) => paths.length <= 50));
  });
});

describe('the report as text', () => {
  const tally = new Tally(() => {});
  const long = 'a'.repeat(100);
  tally.begin({ package: `@${long}/b`, packageVersion: '1.0.0', file: `/app/${long}/${long}.js`, line: 123 }, get('/'));
  tally.begin({ package: null, packageVersion: null, file: null, line: null }, get(`/${long}`));
  tally.started(place, `curl http://169.254.169.254/${long}`);
  const report = reportOf([tally.state], about);

  it('is no wider than 80 columns, whatever names there are', () => {
    const lines = textOf(report, '/app').split('\n');
    assert.deepEqual(
      lines.filter((line) => line.length > 80),
      [],
    );
    assert.ok(lines.length > 10);
  });

  it('begins with the sentence that matters', () => {
    assert.equal(
      headline(report),
      '2 callers use IMDSv1 and will fail with HttpTokens=required. The requests of 1 started program cannot be seen.',
    );
    assert.equal(headline({ ...report, callers: [], processes: [], findings: [] }), 'Nothing used IMDS.');
    const second = new Tally(() => {});
    second.begin(place, get('/', 'token'));
    assert.equal(
      headline(reportOf([second.state], about)),
      'No caller uses IMDSv1: HttpTokens=required breaks none of them.',
    );
  });
});
