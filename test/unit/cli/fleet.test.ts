import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Fleet } from '../../../src/cli/fleet.js';
import { assertHeldBriefly } from '../../support/event-loop.js';

const report = (verdict: string, hopLimit?: number, instanceId?: string) => ({
  verdict,
  summary: `A sentence about it${instanceId ? `; this is ${instanceId} in eu-west-1` : ''}.`,
  ...(hopLimit !== undefined && { distance: hopLimit, hopLimit }),
  path: [
    { name: 'this process', brokenAfter: true },
    { name: 'IMDS', brokenAfter: false },
  ],
  findings: [{ id: 'token', status: 'fail', detail: 'asked {3} times: "no" reply came' }],
  fix: [],
});
const sorted = (value: object) => Object.fromEntries(Object.entries(value).sort());
const pretty = (value: object): string[] => JSON.stringify(value, undefined, 2).split('\n');
const prefixed = (prefix: string, value: object): string[] => pretty(value).map((line) => prefix + line);

function fleetOf(lines: readonly string[], source = '-'): Fleet {
  const fleet = new Fleet();
  for (const line of lines) fleet.add(line, source);
  fleet.end();
  return fleet;
}

const pod = (name: string): string => `[pod/imds-doctor-${name}/doctor] `;
const plain = { bold: String, red: String, cyan: String };

describe('many reports of the doctor', () => {
  const forms: readonly (readonly [string, readonly string[], node: string])[] = [
    ['as printed', pretty(report('hop-limit', 2, 'i-0123456789abcdef0')), 'i-0123456789abcdef0'],
    ['with their keys sorted', pretty(sorted(report('hop-limit', 2, 'i-0123456789abcdef0'))), 'i-0123456789abcdef0'],
    ['on one line', [JSON.stringify(report('hop-limit', 2))], 'file.log'],
    ['with the prefix of kubectl', prefixed(pod('x7k2p'), report('hop-limit', 2)), 'imds-doctor-x7k2p'],
    [
      'with prefix and times of kubectl',
      pretty(report('hop-limit', 2)).map(
        (line, at) => `${pod('x7k2p')}2026-11-28T18:00:00.00000000${at % 10}Z ${line}`,
      ),
      'imds-doctor-x7k2p',
    ],
    [
      'from CloudWatch',
      pretty(report('hop-limit', 2)).map((line, at) => `2026-11-28T18:00:0${at % 10} doctor/doctor/0a1b ${line}`),
      'doctor/doctor/0a1b',
    ],
    ['from Compose', prefixed('web-1  | ', report('hop-limit', 2)), 'web-1'],
    ['with CRLF', pretty(report('hop-limit', 2)).map((line) => `${line}\r`), 'file.log'],
    [
      'among other lines',
      ['{', '  "level": "info"', '}', 'no {JSON}', ...pretty(report('hop-limit', 2)), 'bye'],
      'file.log',
    ],
  ];
  for (const [form, lines, node] of forms)
    it(`are read ${form}`, () => {
      const { groups, damaged, exitCode } = fleetOf(lines, 'file.log');
      assert.deepEqual(groups, [{ verdict: 'hop-limit', hopLimit: 2, nodes: [node] }]);
      assert.deepEqual([damaged, exitCode], [0, 7]);
    });

  it('are read from an array', () => {
    const { groups, damaged } = fleetOf(pretty([report('healthy', 1), sorted(report('healthy', 1))]));
    assert.deepEqual([groups, damaged], [[{ verdict: 'healthy', hopLimit: 1, nodes: ['-', '-'] }], 0]);
  });

  it('are told apart when their lines come interleaved', () => {
    const [a, b] = [prefixed(pod('a'), report('healthy', 1)), prefixed(pod('b'), report('hop-limit', 2))];
    const { groups } = fleetOf(a.flatMap((line, index) => [line, b[index] ?? '']));
    assert.deepEqual(
      groups.map(({ verdict, nodes }) => [verdict, nodes]),
      [
        ['hop-limit', ['imds-doctor-b']],
        ['healthy', ['imds-doctor-a']],
      ],
    );
  });

  it('are looked for in the long lines of other programs without holding the event loop', async () => {
    const line = `${'{"a_b":1},'.repeat(20_000)}.`;
    await assertHeldBriefly(() => fleetOf([line]));
    assert.equal(fleetOf([line, ...good]).groups.length, 1);
  });

  it('come with the node that the pod knows', () => {
    const detail = 'a Kubernetes pod on the node ip-10-0-1-5.ec2.internal, with its own network';
    const known = { ...report('healthy', 2), findings: [{ id: 'container', status: 'ok', detail }] };
    const { groups } = fleetOf(prefixed(pod('x7k2p'), known));
    assert.deepEqual(groups, [{ verdict: 'healthy', hopLimit: 2, nodes: ['ip-10-0-1-5.ec2.internal'] }]);
  });

  it('come with the instance of the path where they tell none', () => {
    const { groups } = fleetOf(pretty(report('hop-limit')), 'command/i-0fedcba9876543210/awsrunShellScript/stdout');
    assert.deepEqual(groups, [{ verdict: 'hop-limit', nodes: ['i-0fedcba9876543210'] }]);
  });

  const good = pretty(report('healthy', 1));
  const flaws: readonly (readonly [string, readonly string[]])[] = [
    ['is cut at the end', [...good, ...good.slice(0, 5)]],
    ['is cut before the next', [...good.slice(0, 9), ...good]],
    ['is cut before the next, their keys sorted', [...pretty(sorted(report('healthy', 1))).slice(0, 3), ...good]],
    ['is cut on one line', [JSON.stringify(report('healthy')).replace(/"fix.*/, '}'), ...good]],
    ['has another verdict', [JSON.stringify(report('splendid')), ...good]],
    ['has an odd hop limit', [JSON.stringify({ ...report('healthy'), hopLimit: '1"} 9' }), ...good]],
  ];
  for (const [flaw, lines] of flaws)
    it(`are counted apart where one ${flaw}, and the others are read`, () => {
      const { groups, damaged } = fleetOf(lines);
      assert.deepEqual([groups.map(({ nodes }) => nodes.length), damaged], [[1], 1]);
    });

  it('are both counted where one is cut before another whose verdict is not the first of its keys', () => {
    const lines = pretty(sorted(report('hop-limit', 2)));
    const { groups, damaged } = fleetOf([...lines.slice(0, 6), ...lines, ...good]);
    assert.deepEqual([groups.map(({ verdict }) => verdict), damaged], [['healthy'], 2]);
  });

  it('stand for 8 where none can be read, and for 0 where all are healthy', () => {
    assert.equal(fleetOf(['nothing']).exitCode, 8);
    assert.equal(fleetOf(good).exitCode, 0);
  });

  it('make a table, the worst first, that fits its columns', () => {
    const healthy = Array.from({ length: 50 }, (_, number) => prefixed(pod(`h${number}`), report('healthy', 1)));
    const fleet = fleetOf([
      ...healthy.flat(),
      ...prefixed(pod('x'), report('hop-limit', 2)),
      ...pretty(report('locked')),
    ]);
    assert.equal(
      fleet.table(plain, 90),
      [
        'verdict    hop limit  reports  nodes',
        'hop-limit  2          1        imds-doctor-x',
        'locked     -          1        -',
        'healthy    1          50       imds-doctor-h0, imds-doctor-h1 and 48 more',
        '',
      ].join('\n'),
    );
  });

  it('make metrics', () => {
    const fleet = fleetOf([...good, ...good.slice(0, 4), ...pretty(report('locked'))]);
    const metrics = fleet.prometheus();
    assert.match(metrics, /^imds_doctor_reports\{verdict="locked",hop_limit=""\} 1$/m);
    assert.match(metrics, /^imds_doctor_reports\{verdict="healthy",hop_limit="1"\} 1$/m);
    assert.match(metrics, /^imds_doctor_damaged_reports 1\n$/m);
    for (const line of metrics.trimEnd().split('\n'))
      assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z_]+="[a-z0-9-]*",?)+\})? \d+)$/);
  });
});
