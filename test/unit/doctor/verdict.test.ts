import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import { resolveSettings } from '../../../src/client/settings.js';
import { diagnosisOf } from '../../../src/doctor/diagnose.js';
import { familyOf, shellWord } from '../../../src/doctor/endpoint.js';
import { type Judgement, judge } from '../../../src/doctor/judgement.js';
import type { Answers } from '../../../src/doctor/probe.js';
import { type Outcomes, type Verdict, verdictOf } from '../../../src/doctor/verdict.js';
import { ImdsUnreachableError } from '../../../src/errors.js';
import type { Platform } from '../../../src/platform.js';

const nothing: Outcomes = {
  settings: 'usable',
  machine: 'unknown',
  endpoint: 'well-known',
  connection: 'made',
  token: 'granted',
  read: 'answered',
  responder: 'ec2',
  distance: 'near',
  v1: 'skipped',
};

const host: Platform = {
  onEc2: true,
  why: 'board_asset_tag is an instance ID',
  isElsewhere: false,
  container: 'none',
  hasHostNetwork: true,
  isEnclave: false,
};

const plain: Judgement = {
  verdict: 'healthy',
  outcomes: nothing,
  endpoint: 'http://169.254.169.254',
  endpointFrom: 'default',
  findings: [
    { id: 'connection', status: 'fail', detail: 'to unix:/run/imds.sock: there is no such socket (ENOENT)' },
    { id: 'token', status: 'fail', detail: 'answered 400' },
  ],
  platform: host,
  distance: undefined,
  instanceId: undefined,
  region: undefined,
  device: undefined,
  disabledBy: undefined,
  otherCredentials: undefined,
};

/** What the checks come to that need a connection. */
const apart = { token: 'skipped', read: 'skipped' } as const;

const rows: readonly (readonly [Verdict, Partial<Outcomes>])[] = [
  ['disabled-by-setting', { settings: 'disabled' }],
  ['healthy', {}],
  ['healthy', { machine: 'elsewhere', responder: 'other', distance: 'unknown', endpoint: 'custom' }],
  ['throttled', { token: 'throttled', read: 'throttled' }],
  ['throttled', { token: 'throttled', read: 'silent', responder: 'other' }],
  ['throttled', { read: 'throttled' }],
  ['throttled', { token: 'lost', read: 'throttled', distance: 'unknown' }],
  ['throttled', { load: 'throttled' }],
  ['foreign-responder', { token: 'unsupported', read: 'unusable', responder: 'other' }],
  ['foreign-responder', { token: 'forbidden', read: 'token-ignored', responder: 'other' }],
  ['foreign-responder', { token: 'unusable', read: 'unusable', responder: 'other' }],
  ['foreign-responder', { token: 'lost', read: 'unusable', responder: 'other' }],
  ['v1-only', { token: 'unsupported', read: 'token-ignored' }],
  ['v1-only', { token: 'forbidden', read: 'token-ignored' }],
  ['v1-only', { token: 'unsupported', read: 'token-ignored', responder: 'other', endpoint: 'custom' }],
  ['endpoint-disabled', { token: 'forbidden', read: 'forbidden' }],
  ['endpoint-disabled', { token: 'lost', read: 'forbidden', distance: 'far' }],
  ['refused', { token: 'forbidden', read: 'token-demanded' }],
  ['refused', { token: 'malformed', read: 'token-demanded' }],
  ['refused', { token: 'unsupported', read: 'token-demanded' }],
  ['refused', { read: 'token-demanded' }],
  ['refused', { read: 'forbidden' }],
  ['hop-limit', { token: 'lost', read: 'token-demanded', distance: 'far' }],
  ['hop-limit', { token: 'lost', read: 'token-demanded', distance: 'unknown' }],
  ['hop-limit', { token: 'lost', read: 'token-ignored', distance: 'far' }],
  ['hop-limit', { token: 'lost', read: 'silent', distance: 'unknown', v1: 'answered' }],
  ['inconclusive', { token: 'lost', read: 'token-demanded', distance: 'near' }],
  ['inconclusive', { token: 'lost', read: 'silent', distance: 'far' }],
  ['inconclusive', { token: 'lost', read: 'silent', distance: 'unknown', v1: 'silent' }],
  ['inconclusive', { read: 'silent' }],
  ['inconclusive', { token: 'unusable', read: 'unusable' }],
  ['locked', { connection: 'locked', ...apart, family: 'answered' }],
  ['other-family', { connection: 'silent', ...apart, family: 'answered' }],
  ['other-family', { connection: 'no-route', ...apart, machine: 'elsewhere', family: 'answered', distance: 'unknown' }],
  ['unreachable', { connection: 'silent', ...apart, machine: 'ec2', family: 'silent' }],
  ['enclave', { connection: 'no-route', ...apart, machine: 'enclave' }],
  ['unreachable', { connection: 'refused', ...apart, machine: 'enclave', endpoint: 'custom' }],
  ['unreachable', { connection: 'silent', ...apart, machine: 'ec2', distance: 'unknown' }],
  ['unreachable', { connection: 'refused', ...apart, distance: 'far' }],
  ['unreachable', { connection: 'refused', ...apart, distance: 'unknown', endpoint: 'custom' }],
  ['not-ec2', { connection: 'silent', ...apart, distance: 'unknown' }],
  ['not-ec2', { connection: 'no-route', ...apart, distance: 'unknown', machine: 'elsewhere' }],
];

describe('the verdict', () => {
  for (const [verdict, outcomes] of rows)
    it(`is ${verdict} for ${JSON.stringify(outcomes)}`, () =>
      assert.equal(verdictOf({ ...nothing, ...outcomes }), verdict));

  const verdicts = [...new Set(rows.map(([verdict]) => verdict))];
  for (const verdict of verdicts) {
    it(`has a summary for ${verdict}, and a fix unless all is well`, () => {
      const outcomes: Outcomes = { ...nothing, ...rows.find(([its]) => its === verdict)?.[1] };
      const found: Judgement = { ...plain, verdict, outcomes, disabledBy: 'AWS_EC2_METADATA_DISABLED' };
      assert.match(diagnosisOf(found).summary, /^[A-Z].*\.$/);
      assert.equal(diagnosisOf(found).fix.length > 0, verdict !== 'healthy');
    });
  }
});

/** Answers where no more came back than this. */
function answersOf(more: Partial<Answers>): Answers {
  const nothing = {
    response: undefined,
    status: undefined,
    text: undefined,
    granted: undefined,
    instanceId: undefined,
  };
  const token = { ...nothing, error: undefined, isThrottled: false, tookMs: 1, attempts: 1 };
  const unasked = { routes: undefined, allowance: undefined, other: undefined, read: undefined, v1: undefined };
  return {
    ...unasked,
    isMeasurable: false,
    distance: undefined,
    token,
    details: undefined,
    missing: undefined,
    ...more,
  };
}

describe('an endpoint whose name cannot be resolved', () => {
  for (const code of ['ENOTFOUND', 'EAI_AGAIN'])
    it(`is unreachable for that, and not for a firewall: ${code}`, () => {
      const error = new ImdsUnreachableError('not sent', { cause: Object.assign(new Error(code), { code }) });
      const answers = answersOf({ token: { ...answersOf({}).token, error } });
      const settings = resolveSettings({ endpoint: 'http://imds.invalid' }).settings();
      const { verdict, summary } = diagnosisOf(
        judge({ settings, env: {}, platform: host, family: undefined, answers }),
      );
      assert.equal(verdict, 'unreachable');
      assert.ok(summary.startsWith(`No connection to http://imds.invalid: its name cannot be resolved (${code}).`));
    });
});

describe('the remedy for a hop limit that is too low', () => {
  const lost: Judgement = {
    ...plain,
    verdict: 'hop-limit',
    outcomes: { ...nothing, token: 'lost', distance: 'far' },
    platform: { ...host, container: 'docker', hasHostNetwork: false },
    distance: 3,
    instanceId: 'i-0123456789abcdef0',
    region: 'eu-west-1',
  };

  it('names the instance, the region and the limit that was measured', () => {
    assert.equal(
      diagnosisOf(lost).fix[0]?.command,
      'aws ec2 modify-instance-metadata-options --instance-id i-0123456789abcdef0 --region eu-west-1 ' +
        '--http-put-response-hop-limit 3 --http-endpoint enabled',
    );
    assert.match(diagnosisOf(lost).fix[0]?.sideEffect ?? '', /every other container/);
  });

  it('is 2, the usual need of a container, when the distance is not known', () => {
    const unmeasured = { ...lost, distance: undefined, instanceId: undefined, region: undefined };
    assert.equal(
      diagnosisOf(unmeasured).fix[0]?.command,
      'aws ec2 modify-instance-metadata-options --instance-id <instance-id> ' +
        '--http-put-response-hop-limit 2 --http-endpoint enabled',
    );
  });

  it('says which permission it needs and where it is refused', () => {
    const [raise] = diagnosisOf(lost).fix;
    assert.equal(raise?.permission, 'ec2:ModifyInstanceMetadataOptions');
    assert.match(raise?.refusedBy ?? '', /EKS Auto Mode.*get-instance-metadata-defaults/);
  });

  for (const [managedBy, container, otherCredentials, first] of [
    ['ECS Managed Instances', 'ecs', undefined, /^aws ecs register-task-definition/],
    ['EKS Auto Mode', 'kubernetes', undefined, /^aws eks create-pod-identity-association/],
    ['EKS Auto Mode', 'kubernetes', 'a role for the service account (IRSA)', /^export AWS_EC2_METADATA_DISABLED/],
    ['SageMaker HyperPod', 'kubernetes', undefined, /^aws eks create-pod-identity-association/],
  ] as const)
    for (const verdict of ['hop-limit', 'endpoint-disabled'] as const)
      it(`comes after ${first} on an instance that ${managedBy} manages, for ${verdict}`, () => {
        const platform = { ...lost.platform, container, managedBy };
        const [alternative, raise] = diagnosisOf({ ...lost, verdict, otherCredentials, platform }).fix;
        assert.match(alternative?.command ?? '', first);
        assert.match(raise?.command ?? '', /^aws ec2 modify-instance-metadata-options/);
        assert.equal(raise?.refusedBy, `${managedBy}, which seems to manage this instance`);
      });

  const alternatives = { kubernetes: /pod-identity/, ecs: /task-role/, docker: /^docker run/, podman: /^podman run/ };
  for (const container of ['kubernetes', 'ecs', 'docker', 'podman'] as const) {
    it(`has an alternative for ${container} that opens nothing to others`, () => {
      const [, alternative] = diagnosisOf({ ...lost, platform: { ...lost.platform, container } }).fix;
      assert.match(alternative?.command ?? '', alternatives[container]);
    });
  }

  it('does not involve IMDS where credentials come from elsewhere', () => {
    const [, alternative] = diagnosisOf({ ...lost, otherCredentials: 'EKS Pod Identity' }).fix;
    assert.equal(alternative?.command, 'export AWS_EC2_METADATA_DISABLED=true');
    assert.match(alternative?.why ?? '', /EKS Pod Identity gives them credentials/);
  });

  it('marks on the way that the reply dies at the instance', () => {
    assert.deepEqual(diagnosisOf({ ...lost, distance: 2 }).path, [
      { name: 'this process', brokenAfter: false },
      { name: 'Docker bridge', brokenAfter: true },
      { name: 'instance', brokenAfter: false },
      { name: 'IMDS', brokenAfter: false },
    ]);
  });

  it('draws one more router for each further hop', () => {
    const names = diagnosisOf(lost).path.map(({ name }) => name);
    assert.deepEqual(names, ['this process', 'router', 'Docker bridge', 'instance', 'IMDS']);
  });
});

describe('the remedy where only the other family answers', () => {
  const mode = 'export AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6';
  const origins: readonly (readonly [string, command: string, beware?: RegExp])[] = [
    ['default', mode],
    ['AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE', mode],
    ['AWS_EC2_METADATA_SERVICE_ENDPOINT', `unset AWS_EC2_METADATA_SERVICE_ENDPOINT; ${mode}`],
    ['option endpointMode', mode, /no effect unless option endpointMode/],
    ['ec2_metadata_service_endpoint in profile default of config', mode, /no effect unless ec2_metadata/],
  ];
  for (const [endpointFrom, command, beware] of origins)
    it(`is its setting, with the endpoint from ${endpointFrom}`, () => {
      const found = { ...plain, verdict: 'other-family', endpointFrom } as const;
      const [fix] = diagnosisOf(found).fix;
      assert.equal(fix?.command, command);
      if (beware) assert.match(fix?.sideEffect ?? '', beware);
      else assert.equal(fix?.sideEffect, undefined);
      assert.equal(
        diagnosisOf(found).summary,
        `Only the IPv6 endpoint answers; this process asks http://169.254.169.254 (${endpointFrom}).`,
      );
    });
});

describe('the remedy for a service that rejects requests', () => {
  const route = { family: 'IPv4', address: '169.254.169.254', from: '10.0.0.4', device: 'ens5' } as const;
  const token = { ...answersOf({}).token, status: 503, isThrottled: true };
  const answers = answersOf({ token, routes: [route, { ...route, family: 'IPv6', device: 'ens6' }] });
  const [settings, family] = [resolveSettings({ endpointMode: 'IPv4' }).settings(), 'IPv4'] as const;
  const fixOn = (platform: Platform) => diagnosisOf(judge({ settings, env: {}, platform, family, answers })).fix[0];

  it('shows the network interface that packets to IMDS leave through', () =>
    assert.equal(fixOn(host)?.command, 'ethtool -S ens5 | grep linklocal_allowance_exceeded'));

  it('is for the host where this process has another network', () => {
    const fix = fixOn({ ...host, container: 'docker', hasHostNetwork: false });
    assert.equal(fix?.command, 'ethtool -S <interface> | grep linklocal_allowance_exceeded');
    assert.match(fix?.why ?? '', /run it on the host/);
  });

  it('looks for a proxy first where what rejects them does not call itself IMDS', () => {
    const { summary, fix } = diagnosisOf({
      ...plain,
      verdict: 'throttled',
      outcomes: { ...nothing, token: 'throttled', responder: 'other' },
      findings: [{ id: 'responder', status: 'warn', detail: 'calls itself envoy' }],
    });
    assert.equal(summary, 'Requests are rejected, perhaps not by IMDS: what answers calls itself envoy.');
    assert.match(fix[0]?.command ?? '', /^sudo iptables-save -t nat/);
    assert.match(fix[1]?.command ?? '', /^ethtool/);
  });
});

describe('a connection that fails', () => {
  const route = { family: 'IPv6', address: 'fd00:ec2::254', from: '2001:db8::4', device: 'ens5' } as const;
  const summaryFor = (code: string, isRouted: boolean) => {
    const error = new ImdsUnreachableError('not sent', { cause: Object.assign(new Error(code), { code }) });
    const answers = answersOf({
      token: { ...answersOf({}).token, error },
      routes: isRouted ? [route, route] : undefined,
    });
    const settings = resolveSettings({ endpointMode: 'IPv6' }).settings();
    return diagnosisOf(judge({ settings, env: {}, platform: host, family: 'IPv6', answers })).summary;
  };

  const refused = 'refused, by a firewall or because nothing listens';
  for (const [code, isRouted, words] of [
    ['ECONNREFUSED', true, refused],
    ['EACCES', true, refused],
    ['EAFNOSUPPORT', false, 'there is no route'],
    ['EMFILE', true, 'the attempt failed'],
  ] as const)
    it(`is not always refused: ${code} ${isRouted ? 'with' : 'without'} a route`, () =>
      assert.equal(summaryFor(code, isRouted), `No connection to http://[fd00:ec2::254]: ${words} (${code}).`));
});

describe('the remedies for an endpoint that cannot be reached', () => {
  const commandsFor = (more: Partial<Judgement>, connection: 'silent' | 'no-route' = 'silent') =>
    diagnosisOf({ ...plain, verdict: 'unreachable', outcomes: { ...nothing, ...apart, connection }, ...more }).fix.map(
      ({ command }) => command.split(' -')[0],
    );
  const inside = (container: Platform['container']) => ({ platform: { ...host, container, hasHostNetwork: false } });
  const rules = 'sudo nft list ruleset | grep 169.254; sudo iptables-save | grep 169.254';
  const taskRole = 'aws ecs register-task-definition';

  it('show the rules for its whole network, or the routes to it', () => {
    assert.deepEqual(commandsFor({}), [rules]);
    assert.deepEqual(commandsFor({}, 'no-route'), ['ip route show table all match 169.254.169.254']);
    assert.match(
      commandsFor({ endpoint: 'http://[fd00:ec2::254]' }).join('\n'),
      /grep fd00:ec2:; sudo ip6tables-save \| grep fd00:ec2:$/,
    );
  });

  it('have a role of its own for a task or pod, which may be kept from IMDS on purpose', () => {
    assert.deepEqual(commandsFor(inside('ecs')), [rules, taskRole]);
    assert.deepEqual(commandsFor(inside('kubernetes')), [rules, 'aws eks create-pod-identity-association']);
    assert.deepEqual(commandsFor({ ...inside('ecs'), otherCredentials: 'the role of the ECS task' }), [
      rules,
      'export AWS_EC2_METADATA_DISABLED=true',
    ]);
  });

  for (const verdict of ['unreachable', 'not-ec2'] as const)
    it(`are for the role alone on Fargate, which has no IMDS: ${verdict}`, () =>
      assert.deepEqual(commandsFor({ ...inside('fargate'), verdict }), [taskRole]));
});

describe('the remedy for a service that refuses', () => {
  const fixesFor = (outcomes: Outcomes, platform = host) =>
    diagnosisOf({ ...plain, verdict: 'refused', outcomes: { ...nothing, ...outcomes }, platform }).fix;

  it('waits where its own tokens are refused', () =>
    assert.equal(fixesFor({ read: 'token-demanded' })[0]?.command, 'imds get instance-id --wait 30'));

  it('looks for what redirects the well-known endpoint where a token request is refused', () => {
    for (const token of ['forbidden', 'malformed', 'unsupported'] as const)
      assert.match(fixesFor({ token, read: 'token-demanded' })[0]?.command ?? '', /^sudo iptables-save -t nat/);
  });

  for (const [place, address] of [
    ['on the instance', '127.0.0.1'],
    ['in a container', '<host-address>'],
  ])
    it(`adds no header where a token request is refused, and opens no other address: ${place}`, () => {
      const platform = { ...host, hasHostNetwork: place === 'on the instance' };
      const [, fix] = fixesFor({ token: 'forbidden', read: 'token-demanded' }, platform);
      assert.equal(fix?.command, `socat TCP-LISTEN:1338,bind=${address},fork,reuseaddr TCP:169.254.169.254:80`);
      assert.ok(fix?.why.endsWith(`; then set AWS_EC2_METADATA_SERVICE_ENDPOINT=http://${address}:1338`), fix?.why);
    });
});

describe('the remedy in an enclave', () => {
  it('is a command of docs/enclaves.md', () => {
    const [fix] = diagnosisOf({ ...plain, verdict: 'enclave' }).fix;
    assert.ok(readFileSync('docs/enclaves.md', 'utf8').includes(`\n${fix?.command}\n`), fix?.command);
  });
});

describe('an endpoint with a path', () => {
  const found = (endpoint: string, endpointFrom: string) => {
    const outcomes = { ...nothing, endpoint: 'custom', token: 'unsupported', read: 'token-demanded' } as const;
    return diagnosisOf({ ...plain, verdict: 'refused', outcomes, endpoint, endpointFrom });
  };

  for (const endpoint of ['http://169.254.169.254/latest', 'http://[fd00:ec2::254]/latest/meta-data'])
    it(`is left without it where no tokens are issued there: ${endpoint}`, () => {
      const { fix, path } = found(endpoint, 'AWS_EC2_METADATA_SERVICE_ENDPOINT');
      const root = endpoint.replace(/\/latest.*/, '');
      assert.equal(fix[0]?.command, `export AWS_EC2_METADATA_SERVICE_ENDPOINT=${shellWord(root)}`);
      assert.equal(fix[0]?.sideEffect, undefined);
      assert.equal(path.at(-1)?.name, endpoint);
      assert.match(found(endpoint, 'option endpoint').fix[0]?.sideEffect ?? '', /unless option endpoint is removed/);
    });

  it('is not what is wrong where there is none', () => {
    assert.match(found('http://127.0.0.1:8080', 'option endpoint').fix[0]?.command ?? '', /^socat/);
  });

  for (const endpoint of ['http://169.254.169.254/latest', 'http://169.254.169.254:8080', 'http://[fd00:ec2::254]:81'])
    it(`is no well-known endpoint, nor is one with another port: ${endpoint}`, () =>
      assert.equal(familyOf(endpoint), undefined));
});

describe('a command with what the environment holds', () => {
  const endpoint = "http://127.0.0.1:9/$(echo,x);y'z&[a]";
  const custom: Outcomes = { ...nothing, endpoint: 'custom', token: 'unusable', read: 'unusable' };
  /** The arguments that a shell gives to the program in the first command. */
  const argumentsOf = (found: Partial<Judgement>): readonly string[] => {
    const { command = '' } = diagnosisOf({ ...plain, outcomes: custom, endpoint, ...found }).fix[0] ?? {};
    const show = `show() { printf '%s\\n' "$@"; }; ${command.replace(/^(sudo )?\w+/, 'show')}`;
    return execFileSync('sh', ['-c', show], { encoding: 'utf8' }).split('\n');
  };

  it('has an endpoint as one word', () => {
    for (const verdict of ['unreachable', 'foreign-responder'] as const)
      assert.deepEqual(argumentsOf({ verdict }), ['-v', `${endpoint}/`, '']);
    assert.equal(argumentsOf({ verdict: 'inconclusive', endpoint: 'http://a;$(b)' }).at(-2), 'a;$(b)');
  });

  it('has a region as one word', () => {
    const words = argumentsOf({ verdict: 'hop-limit', region: 'eu-west-1; echo x', instanceId: 'i-0123456789abcdef0' });
    assert.equal(words[words.indexOf('--region') + 1], 'eu-west-1; echo x');
  });
});

describe('the remedy where something else answers', () => {
  for (const verdict of ['foreign-responder', 'v1-only'] as const)
    it(`looks for what redirects IMDS, but queries a custom endpoint: ${verdict}`, () => {
      const found = { ...plain, verdict };
      assert.match(diagnosisOf(found).fix[0]?.command ?? '', /^sudo iptables-save -t nat \| grep 169\.254;/);
      const own = {
        ...found,
        endpoint: 'http://127.0.0.1:8080',
        outcomes: { ...nothing, endpoint: 'custom' } as const,
      };
      assert.equal(diagnosisOf(own).fix[0]?.command, 'curl -v http://127.0.0.1:8080/');
    });
});

describe('the summary', () => {
  it('says where credentials come from when they need no IMDS', () => {
    const found = { ...plain, verdict: 'hop-limit', otherCredentials: 'EKS Pod Identity' } as const;
    assert.match(diagnosisOf(found).summary, / Credentials come from EKS Pod Identity, not from IMDS\.$/);
  });

  it('says what is wrong with a service that works', () => {
    assert.match(
      diagnosisOf({
        ...plain,
        findings: [{ id: 'role', status: 'fail', detail: 'web: AssumeRoleUnauthorizedAccess' }],
      }).summary,
      /works.*AssumeRoleUnauthorizedAccess/,
    );
  });
});

describe('with a Unix socket for an endpoint', () => {
  const verdicts = [...new Set(rows.map(([verdict]) => verdict))];
  const through = (verdict: Verdict, isEnclave = false): Judgement => ({
    ...plain,
    verdict,
    outcomes: { ...nothing, ...rows.find(([its]) => its === verdict)?.[1], endpoint: 'custom', distance: 'unknown' },
    endpoint: 'unix:/run/imds.sock',
    platform: { ...host, isEnclave },
    disabledBy: 'AWS_EC2_METADATA_DISABLED',
  });

  for (const verdict of verdicts)
    it(`draws the socket on the way, and names no network address of it, for ${verdict}`, () => {
      const found = through(verdict);
      assert.deepEqual(
        diagnosisOf(found).path.map(({ name }) => name),
        ['this process', 'Unix socket', verdict === 'foreign-responder' ? 'not IMDS' : 'IMDS'],
      );
      const text = `${diagnosisOf(found).summary} ${diagnosisOf(found).fix.map(({ command }) => command)}`;
      assert.doesNotMatch(text, /grep *(,|;|$)|tcpdump|TCP-LISTEN|(ls|src|host|socket) *$/);
    });

  const breaks: readonly (readonly [Verdict, string])[] = [
    ['unreachable', 'this process'],
    ['hop-limit', 'Unix socket'],
    ['endpoint-disabled', 'Unix socket'],
    ['refused', 'Unix socket'],
  ];
  for (const [verdict, place] of breaks)
    it(`breaks the way after "${place}" for ${verdict}`, () =>
      assert.equal(diagnosisOf(through(verdict)).path.find(({ brokenAfter }) => brokenAfter)?.name, place));

  it('says what is wrong with the socket, and how to make it: on the host, or in an enclave', () => {
    assert.equal(
      diagnosisOf(through('unreachable')).summary,
      'No connection to unix:/run/imds.sock: there is no such socket (ENOENT).',
    );
    const commands = [false, true].map((isEnclave) => diagnosisOf(through('unreachable', isEnclave)).fix[1]?.command);
    assert.deepEqual(commands, [
      'socat UNIX-LISTEN:/run/imds.sock,fork,unlink-early,mode=660 TCP:169.254.169.254:80',
      'socat UNIX-LISTEN:/run/imds.sock,fork,unlink-early,mode=660 VSOCK-CONNECT:3:8002',
    ]);
  });

  it('blames the hop limit of what forwards it, and puts that on the host', () => {
    const found = through('hop-limit');
    assert.match(diagnosisOf(found).summary, /too low for what forwards this socket/);
    assert.match(diagnosisOf(found).fix[1]?.why ?? '', /on the host itself, where 1 hop is enough/);
  });
});
