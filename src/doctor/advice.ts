import { inHops } from './distance.js';
import { familyOf, hostOf, otherFamily, socketOf } from './endpoint.js';
import type { Judgement } from './judgement.js';
import { alternatives, blocked, closerLook, type Fix, forwarder, interceptor, modify, otherWays } from './remedies.js';
import type { Verdict } from './verdict.js';

/** Enough for one bridge, the usual case; for when the distance could not be measured. */
const usualLimit = 2;

/** The `HttpPutResponseHopLimit` that this process needs, as far as it is known. */
export const neededLimit = ({ verdict, distance }: Pick<Judgement, 'verdict' | 'distance'>): number | undefined =>
  distance ?? (verdict === 'hop-limit' ? usualLimit : undefined);

const detailOf = ({ findings }: Judgement, id: string): string =>
  findings.find((finding) => finding.id === id)?.detail ?? '';

/** Why there is no token, or why it does not help. */
const tokenDetail = (found: Judgement): string =>
  detailOf(found, found.outcomes.token === 'granted' ? 'read' : 'token');

/** For each verdict a sentence or two, and what helps, the likeliest first. */
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
      'The token reply gets lost on its way here: ' +
        (distance === undefined
          ? `HttpPutResponseHopLimit is too low for ${socketOf(endpoint) ? 'what forwards this socket' : 'this process'}, ${usualLimit} is what a container usually needs.`
          : `this process is ${inHops(distance)} away, so HttpPutResponseHopLimit has to be ${distance}, and it is lower.`),
      ...modify(found, raise, alternatives(found)),
    ];
  },
  'endpoint-disabled'(found) {
    const enable = {
      why: 'switches the endpoint on',
      sideEffect: 'every process on the instance may then read its metadata and the credentials of its role',
    };
    return [
      'The metadata endpoint of this instance is switched off (HttpEndpoint=disabled).',
      ...modify(found, enable, otherWays(found)),
    ];
  },
  unreachable: (found) => [`No connection ${detailOf(found, 'connection')}.`, ...blocked(found)],
  locked(found) {
    const ip = hostOf(found.endpoint).includes(':') ? 'ip -6' : 'ip';
    return [
      `No connection ${detailOf(found, 'connection')}. systemd-imdsd does so in its mode "locked".`,
      { why: 'shows what forbids it', command: `${ip} rule; ${ip} route show table all type prohibit` },
      { why: 'asks systemd-imdsd, which may pass', command: 'systemd-imds' },
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
        why: `has this process, and AWS's SDKs in it, ask over ${other}`,
        command: isVariable && !isDefault ? `unset ${endpointFrom}; ${command}` : command,
        ...(!isVariable && !isDefault && { sideEffect: `it has no effect unless ${endpointFrom} is taken away` }),
      },
    ];
  },
  refused: (found) => [
    found.outcomes.token === 'forbidden'
      ? 'The service refuses to give a token but answers reads: something on the way adds X-Forwarded-For, or forbids the request itself.'
      : `The service refuses IMDSv2: ${tokenDetail(found)}.`,
    ...(found.outcomes.token === 'granted' && found.outcomes.read === 'token-demanded'
      ? [
          {
            why: 'keeps asking for half a minute, as an instance may refuse its tokens in the first seconds of its life',
            command: 'imds get instance-id --wait 30',
          },
          closerLook(found),
        ]
      : [forwarder('forwards connections rather than HTTP requests, so that no header is added', found)]),
  ],
  throttled: ({ device, platform }) => [
    'IMDS is overloaded by requests from this instance, and turns some away.',
    {
      why: `shows whether packets were dropped because of more than 1024 a second${platform.hasHostNetwork ? '' : ' (run it on the host)'}`,
      command: `ethtool -S ${device ?? '<interface>'} | grep linklocal_allowance_exceeded`,
    },
  ],
  'foreign-responder': (found) => [`Something other than IMDS answers at ${found.endpoint}.`, interceptor(found)],
  'v1-only': (found) => [
    found.outcomes.endpoint === 'custom'
      ? 'What answers here speaks IMDSv1 only: it gives no session token, and asks for none.'
      : 'What answers here speaks IMDSv1 only: an interceptor stands in the way that does not know IMDSv2.',
    interceptor(found),
  ],
  'disabled-by-setting': ({ disabledBy }) => [
    `${disabledBy} is true, so IMDS is not asked; nothing was sent.`,
    { why: 'lets this process ask again', command: `unset ${disabledBy}` },
  ],
  'not-ec2': ({ endpoint, platform }) => [
    `This is no EC2 instance as far as can be told (${platform.why}), and nothing answers at ${endpoint}.`,
    { why: 'runs a command against an emulator of IMDS', command: 'imds emulate -- <command>' },
  ],
  enclave: () => [
    'This is a Nitro Enclave, which has no network: IMDS can be reached through the parent instance only.',
    {
      why: 'on the parent instance, forwards IMDS to the enclave (docs/enclaves.md has the other half)',
      command: 'vsock-proxy 8002 169.254.169.254 80 --config /etc/nitro_enclaves/vsock-proxy.yaml',
      sideEffect: 'whatever runs in the enclave may then read the credentials of the role',
    },
  ],
  inconclusive(found) {
    if (found.outcomes.v1 === 'withheld')
      return [
        'The token reply did not arrive, and whether the service answers at all was not to be found out without asking it without a token.',
        { why: 'may ask once without a token, which tells more', command: 'imds doctor' },
        closerLook(found),
      ];
    return [
      found.outcomes.connection === 'made'
        ? `A connection is made, but what comes back is not enough to tell more: ${tokenDetail(found)}.`
        : 'What was found does not fit together.',
      closerLook(found),
    ];
  },
};

/** The verdict in a sentence or two, and the commands that help, the likeliest first. */
export function adviceOn(found: Judgement): { readonly summary: string; readonly fix: readonly Fix[] } {
  const { verdict, otherCredentials } = found;
  const [words, ...fix] = advice[verdict](found);
  const elsewhere = otherCredentials ? ` Credentials come from ${otherCredentials}, which does not need IMDS.` : '';
  return { summary: words + elsewhere, fix };
}
