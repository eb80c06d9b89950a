import { inHops } from './distance.js';
import { familyOf, hostOf, otherFamily, socketOf, toolsFor } from './endpoint.js';
import type { Judgement } from './judgement.js';
import { alternatives, blocked, closerLook, type Fix, interceptor, modify, otherWays, refusal } from './remedies.js';
import type { Verdict } from './verdict.js';

/** Enough for one bridge, the usual case; used when the distance could not be measured. */
const usualLimit = 2;

/** The `HttpPutResponseHopLimit` that this process needs, as far as it is known. */
export const neededLimit = ({ verdict, distance }: Pick<Judgement, 'verdict' | 'distance'>): number | undefined =>
  distance ?? (verdict === 'hop-limit' ? usualLimit : undefined);

const detailOf = ({ findings }: Judgement, id: string): string =>
  findings.find((finding) => finding.id === id)?.detail ?? '';

/** The reason that there is no token, or that it does not help. */
const tokenDetail = (found: Judgement): string =>
  detailOf(found, found.outcomes.token === 'granted' ? 'read' : 'token');

const emulator: Fix = { why: 'runs a command against an emulator of IMDS', command: 'imds emulate -- <command>' };

/** For each verdict a sentence or two, and fixes, the likeliest first. */
const advice: Readonly<Record<Verdict, (found: Judgement) => readonly [summary: string, ...fixes: readonly Fix[]]>> = {
  healthy({ distance, instanceId, region, findings }) {
    const faults = findings.filter(({ id, status }) => status === 'fail' && (id === 'role' || id === 'clock'));
    return [
      `IMDSv2 works${distance ? `, from ${inHops(distance)} away` : ''}` +
        `${instanceId ? `; this is ${instanceId}${region ? ` in ${region}` : ''}` : ''}.` +
        faults.map(({ id, detail }) => ` But ${id}: ${detail}.`).join(''),
    ];
  },
  'hop-limit'(found) {
    const { distance, endpoint } = found;
    const limit = distance ?? usualLimit;
    const raise = {
      why: `lets the token reply travel ${inHops(limit)}`,
      option: `--http-put-response-hop-limit ${limit}`,
      sideEffect: 'also lets every other container on this instance read the credentials of its role',
    };
    return [
      'The token reply is lost on the way: ' +
        (distance === undefined
          ? `HttpPutResponseHopLimit is too low for ${socketOf(endpoint) ? 'what forwards this socket' : 'this process'}; a container usually needs ${usualLimit}, one inside another 3.`
          : `this process is ${inHops(distance)} away, so HttpPutResponseHopLimit must be at least ${distance}. If it is, a firewall or proxy drops token requests.`),
      ...modify(found, raise, alternatives(found)),
    ];
  },
  'endpoint-disabled'(found) {
    const enable = {
      why: 'turns the endpoint on',
      sideEffect: 'every process on the instance may then read its metadata and the credentials of its role',
    };
    return [
      'The metadata endpoint of this instance is off (HttpEndpoint=disabled).',
      ...modify(found, enable, otherWays(found)),
    ];
  },
  unreachable: (found) => [`No connection ${detailOf(found, 'connection')}.`, ...blocked(found)],
  locked(found) {
    const { ip } = toolsFor(hostOf(found.endpoint));
    return [
      `No connection ${detailOf(found, 'connection')}. systemd-imdsd does so in its "locked" mode.`,
      { why: 'shows what forbids it', command: `${ip} rule; ${ip} route show table all type prohibit` },
      { why: 'asks systemd-imdsd, which has access', command: 'systemd-imds' },
    ];
  },
  'other-family'({ endpoint, endpointFrom }) {
    const other = otherFamily[familyOf(endpoint) ?? 'IPv4'];
    const command = `export AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=${other}`;
    const isDefault = /^default$|_MODE$/.test(endpointFrom);
    const isVariable = /^[A-Z_0-9]+$/.test(endpointFrom);
    return [
      `Only the ${other} endpoint answers; this process asks ${endpoint} (${endpointFrom}).`,
      {
        why: `makes this process, and the AWS SDKs in it, use ${other}`,
        command: isVariable && !isDefault ? `unset ${endpointFrom}; ${command}` : command,
        ...(!isVariable && !isDefault && { sideEffect: `has no effect unless ${endpointFrom} is removed` }),
      },
    ];
  },
  refused: (found) => [
    found.outcomes.token === 'forbidden'
      ? 'The service refuses to issue a token but answers reads: something on the way adds X-Forwarded-For, or blocks the request itself.'
      : `The service refuses IMDSv2: ${tokenDetail(found)}.`,
    ...refusal(found),
  ],
  throttled(found) {
    const { device, platform, outcomes } = found;
    const count = {
      why: `shows whether packets beyond 1024 a second were dropped${platform.hasHostNetwork ? '' : ' (run it on the host)'}`,
      command: `ethtool -S ${device ?? '<interface>'} | grep linklocal_allowance_exceeded`,
    };
    if (outcomes.responder !== 'other')
      return ['This instance sends too many requests to IMDS, which rejects some.', count];
    // Proxies reply 503 when they cannot connect.
    const summary = `Requests are rejected, perhaps not by IMDS: what answers ${detailOf(found, 'responder')}.`;
    return [summary, interceptor(found), count];
  },
  'foreign-responder': (found) => [`Something other than IMDS answers at ${found.endpoint}.`, interceptor(found)],
  'v1-only': (found) => [
    found.outcomes.endpoint === 'custom'
      ? 'The service here supports IMDSv1 only: it neither issues nor requires session tokens.'
      : 'The responder here supports IMDSv1 only: there is an interceptor on the way that does not support IMDSv2.',
    interceptor(found),
  ],
  'disabled-by-setting': ({ disabledBy }) => [
    `${disabledBy} is true, so IMDS is not used; nothing was sent.`,
    { why: 'lets this process use IMDS again', command: `unset ${disabledBy}` },
  ],
  'not-ec2': (found) => [
    `This does not seem to be an EC2 instance (${found.platform.why}), and nothing answers at ${found.endpoint}.`,
    ...(found.platform.container === 'fargate' ? otherWays(found) : [emulator]),
  ],
  enclave: () => [
    'This is a Nitro Enclave, which has no network: IMDS is reachable only through the parent instance.',
    {
      why: 'on the parent instance, forwards IMDS to the enclave (docs/enclaves.md has imds.yaml, and the other half)',
      command: 'vsock-proxy 8002 169.254.169.254 80 --config /etc/nitro_enclaves/imds.yaml',
      sideEffect: 'whatever runs in the enclave may then read the credentials of the role',
    },
  ],
  inconclusive(found) {
    if (found.outcomes.v1 === 'withheld')
      return [
        'The token reply did not arrive, and only a request without a token could show whether the service answers at all.',
        { why: 'may send one request without a token, which shows more', command: 'imds doctor' },
        closerLook(found),
      ];
    return [
      found.outcomes.connection === 'made'
        ? `The connection works, but the replies do not show more: ${tokenDetail(found)}.`
        : 'The findings contradict one another.',
      closerLook(found),
    ];
  },
};

/** The verdict in a sentence or two, and the commands that help, the likeliest first. */
export function adviceOn(found: Judgement): { readonly summary: string; readonly fix: readonly Fix[] } {
  const { verdict, otherCredentials } = found;
  const [words, ...fix] = advice[verdict](found);
  const elsewhere = otherCredentials ? ` Credentials come from ${otherCredentials}, not from IMDS.` : '';
  return { summary: words + elsewhere, fix };
}
