import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { drawing, verdicts } from '../../../src/cli/drawing.js';
import { diagnosisOf } from '../../../src/doctor/diagnose.js';
import type { Judgement } from '../../../src/doctor/judgement.js';
import type { Verdict } from '../../../src/doctor/verdict.js';
import type { ContainerKind, Platform } from '../../../src/platform.js';

const details: Readonly<Record<string, string>> = {
  connection: 'to http://169.254.169.254: forbidden by a prohibit route, or a rule for this process (EACCES)',
  token: 'asked for 3 times in 1503 ms: connected, and no reply came',
  role: 'web-role: AssumeRoleUnauthorizedAccess; see the trust policy of the role',
};
const findings = (['fail', 'ok', 'fail', 'skip', 'warn', 'fail'] as const).map((status, index) => {
  const id = ['connection', 'settings', 'token', 'v1', 'distance', 'role'][index] ?? '';
  const long = 'a text that is long enough to take two lines of eighty columns each, as findings often do';
  return { id, status, detail: details[id] ?? long };
});

type Given = Partial<Judgement> & Pick<Platform, 'managedBy'>;

function drawn(verdict: Verdict, container: ContainerKind, given: Given, verbose = false): string {
  const { managedBy, ...more } = given;
  const platform: Platform = {
    onEc2: true,
    why: 'x',
    isElsewhere: false,
    container,
    hasHostNetwork: false,
    isEnclave: false,
  };
  const found: Judgement = {
    verdict,
    outcomes: {
      settings: 'usable',
      machine: 'ec2',
      endpoint: 'well-known',
      connection: 'silent',
      token: 'lost',
      read: 'token-demanded',
      responder: 'ec2',
      distance: 'far',
      v1: 'withheld',
    },
    endpoint: 'http://169.254.169.254',
    endpointFrom: 'option endpointMode',
    findings,
    platform: { ...platform, ...(managedBy && { managedBy }) },
    distance: 3,
    instanceId: 'i-0123456789abcdef0',
    region: 'ap-southeast-1',
    device: undefined,
    disabledBy: 'AWS_EC2_METADATA_DISABLED',
    otherCredentials: 'a role for the service account (IRSA)',
    ...more,
  };
  const io = { stdout: { isTTY: false, columns: 80, write: async () => {} }, env: { LANG: 'C.UTF-8' } };
  return drawing(diagnosisOf(found), io, { bold: String, red: String, cyan: String }, verbose);
}

describe('the report of the doctor at a terminal of 80 columns and 24 lines', () => {
  const places: readonly (readonly [string, ContainerKind, Given])[] = [
    ['a Docker container', 'docker', {}],
    ['a pod', 'kubernetes', {}],
    ['an ECS task that AWS manages', 'ecs', { managedBy: 'ECS Managed Instances' }],
    ['a pod of EKS Auto Mode', 'kubernetes', { managedBy: 'EKS Auto Mode', otherCredentials: undefined }],
    ['a pod that asks over IPv6', 'kubernetes', { endpoint: 'http://[fd00:ec2::254]' }],
  ];
  for (const [place, container, given] of places)
    for (const verdict of Object.keys(verdicts) as Verdict[])
      it(`keeps the way, the verdict and the first command on the screen for ${verdict} in ${place}`, () => {
        const text = drawn(verdict, container, given);
        const lines = text.split('\n');
        // The last line of the terminal is the prompt's.
        assert.ok(lines.length - 1 <= 23, text);
        for (const line of lines) assert.ok(line.length <= 80, line);
        assert.match(text, /^ {2}this process /);
        assert.ok(lines.includes(verdict));
        if (verdict !== 'healthy') assert.match(text, /\n(?:Fix|Try): .*\n(?: {5}.*\n)?(?: {4}\S)/);
        assert.doesNotMatch(text, /^ {2}(ok|skip) /m);
      });

  it('does not repeat a finding that the summary has told', () => {
    const text = drawn('unreachable', 'docker', { otherCredentials: undefined });
    assert.match(text, /\nNo connection to http:\/\/169\.254\.169\.254: forbidden by a prohibit route/);
    assert.match(text, /^ {2}fail {2}token /m);
    assert.doesNotMatch(text, /^ {2}fail {2}connection/m);
  });

  it('names options as at a shell, also where a line ends in a name', () => {
    for (const endpoint of ['http://169.254.169.254', 'http://[fd00:ec2::254]']) {
      const text = drawn('other-family', 'docker', { endpoint });
      assert.equal(text.match(/--endpoint-mode/g)?.length, 2, text);
      assert.doesNotMatch(text, /endpointMode/);
    }
  });

  it('shows everything where all is wanted', () => {
    const text = drawn('hop-limit', 'kubernetes', {}, true);
    for (const { id } of findings) assert.ok(text.includes(id));
    assert.match(text, /export AWS_EC2_METADATA_DISABLED=true/);
  });

  it('has the details of all findings in one column, however long a name is', () => {
    const longer = { id: 'compatibility', status: 'warn', detail: 'lacks the TTL' } as const;
    const rows = drawn('healthy', 'docker', { findings: [...findings, longer] }, true).split('\nFindings\n')[1] ?? '';
    const starts = rows.match(/^ {2}\w+ +[\w-]+ +(?=\S)/gm)?.map((start) => start.length) ?? [];
    assert.deepEqual(starts, Array(findings.length + 1).fill(22));
  });
});
