import type { EndpointMode } from '../client/options.js';
import type { ContainerKind, Platform } from '../platform.js';
import { hostOf, socketOf } from './endpoint.js';
import type { Outcomes, Verdict } from './verdict.js';

/** A command that helps. */
export interface Fix {
  /** Its effect, such as `switches the endpoint on, at once and without a restart`. */
  readonly why: string;
  /** Ready to paste; what could not be found out stands in angle brackets. */
  readonly command: string;
  /** Changes beyond its purpose. */
  readonly sideEffect?: string;
  /** The IAM actions that it takes, such as `ec2:ModifyInstanceMetadataOptions`. */
  readonly permission?: string;
  /** Where AWS refuses it, or undoes it later. */
  readonly refusedBy?: string;
}

/** The verdict, and all that advice is made of. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly outcomes: Outcomes;
  readonly endpoint: string;
  /** The origin of the endpoint, such as `default` or `option endpoint`. */
  readonly endpointFrom: string;
  /** The family of the other well-known endpoint, if that one answers. */
  readonly otherFamily: EndpointMode | undefined;
  readonly platform: Platform;
  /** AWS manages this instance, so its options cannot be changed. */
  readonly isManaged: boolean;
  /** Measured, in hops. */
  readonly distance: number | undefined;
  readonly instanceId: string | undefined;
  readonly region: string | undefined;
  /** The setting that forbids every request. */
  readonly disabledBy: string | undefined;
  /** The source of credentials that needs no IMDS, such as `EKS Pod Identity`. */
  readonly otherCredentials: string | undefined;
  /** Details of the findings about the connection, and about the token or the read with it. */
  readonly connectionDetail: string;
  readonly tokenDetail: string;
  /** Findings that fail although the service works. */
  readonly problems: readonly string[];
  /** A request without a token would have told more, but was forbidden. */
  readonly v1Withheld: boolean;
}

/** Enough for one bridge, the usual case; for when the distance could not be measured. */
const usualLimit = 2;

/** The `HttpPutResponseHopLimit` that this process needs, as far as it is known. */
export const neededLimit = ({ verdict, distance }: Pick<Judgement, 'verdict' | 'distance'>): number | undefined =>
  distance ?? (verdict === 'hop-limit' ? usualLimit : undefined);

const hops = (count: number): string => `${count} ${count === 1 ? 'hop' : 'hops'}`;

const interceptor = ({ endpoint }: Judgement): Fix => {
  const address = hostOf(endpoint);
  const socket = socketOf(endpoint);
  if (socket) return { why: 'shows what listens at the socket', command: `sudo ss -xlp src ${socket}` };
  const command = `sudo iptables-save -t nat | grep ${address}; sudo nft list ruleset | grep ${address}`;
  return { why: `shows what redirects ${address} (run it on the host)`, command };
};

/** For each verdict a sentence, and what helps, the likeliest first. */
const advice: Readonly<
  Record<Verdict, { summary: (found: Judgement) => string; fixes: (found: Judgement) => readonly Fix[] }>
> = {
  healthy: {
    summary: ({ distance, instanceId, region, problems }) =>
      `IMDSv2 works${distance ? `, from ${hops(distance)} away` : ''}` +
      `${instanceId ? `; this is ${instanceId}${region ? ` in ${region}` : ''}` : ''}.` +
      problems.map((problem) => ` But ${problem}.`).join(''),
    fixes: () => [],
  },
  'hop-limit': {
    summary: ({ distance, endpoint }) =>
      'The token reply gets lost on its way here: ' +
      (distance === undefined
        ? `HttpPutResponseHopLimit is too low for ${socketOf(endpoint) ? 'what forwards this socket' : 'this process'}, ${usualLimit} is what a container usually needs.`
        : `this process is ${hops(distance)} away, so HttpPutResponseHopLimit has to be ${distance}, and it is lower.`),
    fixes(found) {
      const limit = neededLimit(found) ?? usualLimit;
      const raise = modifyOptions(found, {
        why: `lets the token reply travel ${hops(limit)}`,
        option: `--http-put-response-hop-limit ${limit}`,
        sideEffect: 'also lets every other container on this instance read the credentials of its role',
      });
      return found.isManaged ? [...alternatives(found), raise] : [raise, ...alternatives(found)];
    },
  },
  'endpoint-disabled': {
    summary: () => 'The metadata endpoint of this instance is switched off (HttpEndpoint=disabled).',
    fixes: (found) => [
      modifyOptions(found, {
        why: 'switches the endpoint on',
        sideEffect: 'every process on the instance may then read its metadata and the credentials of its role',
      }),
    ],
  },
  unreachable: {
    summary({ endpoint, connectionDetail, outcomes: { connection } }) {
      if (socketOf(endpoint)) return `No connection to ${endpoint}: ${connectionDetail}.`;
      if (connection === 'no-route') return `There is no route to ${endpoint} from here.`;
      return connection === 'silent'
        ? `No connection to ${endpoint}: packets to it are dropped on the way.`
        : `Nothing lets a connection to ${endpoint} through: it is refused, by a firewall rule or because nothing listens.`;
    },
    fixes(found) {
      const { endpoint, outcomes, platform } = found;
      const socket = socketOf(endpoint);
      if (outcomes.endpoint !== 'custom') return blocked(found);
      if (!socket) return [{ why: 'shows whether anything listens there', command: `curl -v ${endpoint}/` }];
      const to = platform.isEnclave ? 'the parent instance' : 'IMDS (run it on the instance)';
      return [
        { why: 'shows whether the socket is there, and who may open it', command: `ls -l ${socket}` },
        forwarder(`forwards it to ${to}`, found),
      ];
    },
  },
  locked: {
    summary: ({ endpoint, connectionDetail }) =>
      `This machine keeps the process from ${endpoint}: ${connectionDetail}. systemd-imdsd does so in its mode "locked".`,
    fixes({ endpoint }) {
      const ip = hostOf(endpoint).includes(':') ? 'ip -6' : 'ip';
      return [
        { why: 'shows what forbids it', command: `${ip} rule; ${ip} route show table all type prohibit` },
        { why: 'asks systemd-imdsd, which may pass', command: 'systemd-imds' },
      ];
    },
  },
  'other-family': {
    summary: ({ endpoint, endpointFrom, otherFamily }) =>
      `Only the ${otherFamily} endpoint answers; this process asks ${endpoint} (${endpointFrom}).`,
    fixes({ endpointFrom, otherFamily }) {
      const command = `export AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=${otherFamily}`;
      const isWeaker = /^default$|_MODE$/.test(endpointFrom);
      const isVariable = /^[A-Z_0-9]+$/.test(endpointFrom);
      return [
        {
          why: `has this process, and AWS's SDKs in it, ask over ${otherFamily}`,
          command: isWeaker || !isVariable ? command : `unset ${endpointFrom}; ${command}`,
          ...(!isWeaker && !isVariable && { sideEffect: `it has no effect unless ${endpointFrom} is taken away` }),
        },
      ];
    },
  },
  refused: {
    summary: ({ outcomes, tokenDetail }) =>
      outcomes.token === 'forbidden'
        ? 'The service refuses to give a token but answers reads: something on the way adds X-Forwarded-For, or forbids the request itself.'
        : `The service refuses IMDSv2: ${tokenDetail}.`,
    fixes: (found) => [forwarder('forwards connections rather than HTTP requests, so that no header is added', found)],
  },
  throttled: {
    summary: () => 'IMDS is overloaded by requests from this instance, and turns some away.',
    fixes: () => [
      {
        why: 'shows whether packets were dropped because of more than 1024 a second',
        command: 'ethtool -S eth0 | grep linklocal_allowance_exceeded',
      },
    ],
  },
  'foreign-responder': {
    summary: ({ endpoint }) => `Something other than IMDS answers at ${endpoint}.`,
    fixes: (found) => [interceptor(found)],
  },
  'v1-only': {
    summary: ({ outcomes }) =>
      outcomes.endpoint === 'custom'
        ? 'What answers here speaks IMDSv1 only: it gives no session token, and asks for none.'
        : 'What answers here speaks IMDSv1 only: an interceptor stands in the way that does not know IMDSv2.',
    fixes: (found) => [interceptor(found)],
  },
  'disabled-by-setting': {
    summary: ({ disabledBy }) => `${disabledBy} is true, so IMDS is not asked; nothing was sent.`,
    fixes: ({ disabledBy }) => [{ why: 'lets this process ask again', command: `unset ${disabledBy}` }],
  },
  'not-ec2': {
    summary: ({ endpoint, platform }) =>
      `This is no EC2 instance as far as can be told (${platform.why}), and nothing answers at ${endpoint}.`,
    fixes: () => [{ why: 'serves the same here, to try things with', command: 'imds emulate -- <command>' }],
  },
  enclave: {
    summary: () =>
      'This is a Nitro Enclave, which has no network: IMDS can be reached through the parent instance only.',
    fixes: () => [
      {
        why: 'on the parent instance, forwards IMDS to the enclave (docs/enclaves.md has the other half)',
        command: 'vsock-proxy 8002 169.254.169.254 80 --config /etc/nitro_enclaves/vsock-proxy.yaml',
        sideEffect: 'whatever runs in the enclave may then read the credentials of the role',
      },
    ],
  },
  inconclusive: {
    summary({ outcomes, v1Withheld, tokenDetail }) {
      if (v1Withheld)
        return 'The token reply did not arrive, and whether the service answers at all was not to be found out without asking it without a token.';
      return outcomes.connection === 'made'
        ? `A connection is made, but what comes back is not enough to tell more: ${tokenDetail}.`
        : 'What was found does not fit together.';
    },
    fixes: ({ endpoint, v1Withheld }) => [
      ...(v1Withheld ? [{ why: 'may ask once without a token, which tells more', command: 'imds doctor' }] : []),
      closerLook(endpoint),
    ],
  },
};

/** The verdict in a sentence or two. */
export function summaryOf(found: Judgement): string {
  const { verdict, otherCredentials } = found;
  const elsewhere = otherCredentials ? ` Credentials come from ${otherCredentials}, which does not need IMDS.` : '';
  return advice[verdict].summary(found) + elsewhere;
}

/** The commands that help, the likeliest first. */
export const fixesOf = (found: Judgement): readonly Fix[] => advice[found.verdict].fixes(found);

function modifyOptions(
  { instanceId = '<instance-id>', region }: Judgement,
  { why, option, sideEffect }: { readonly why: string; readonly option?: string; readonly sideEffect?: string },
): Fix {
  const words = ['aws ec2 modify-instance-metadata-options', `--instance-id ${instanceId}`];
  if (region) words.push(`--region ${region}`);
  if (option) words.push(option);
  return {
    why: `${why}, at once and without a restart`,
    command: [...words, '--http-endpoint enabled'].join(' '),
    ...(sideEffect && { sideEffect }),
    permission: 'ec2:ModifyInstanceMetadataOptions',
    refusedBy:
      'EKS Auto Mode, ECS Managed Instances, SageMaker HyperPod, or a policy (see aws ec2 get-instance-metadata-defaults)',
  };
}

/** Run on the host, or in an enclave, from which it leads to a vsock port of the parent, CID 3. */
function forwarder(why: string, { endpoint, platform }: Judgement): Fix {
  const socket = socketOf(endpoint);
  const from = socket ? `UNIX-LISTEN:${socket},fork,unlink-early,mode=660` : 'TCP-LISTEN:1338,fork,reuseaddr';
  const to = socket && platform.isEnclave ? 'VSOCK-CONNECT:3:8002' : 'TCP:169.254.169.254:80';
  const who = socket ? 'whoever may open that socket' : 'whoever reaches that port';
  return { why, command: `socat ${from} ${to}`, sideEffect: `${who} may read the credentials of the role` };
}

/** For a well-known address that cannot be reached. */
function blocked(found: Judgement): readonly Fix[] {
  const address = hostOf(found.endpoint);
  const hasRoute = found.outcomes.connection !== 'no-route';
  const route = { why: 'shows the route, or that there is none', command: `ip route get ${address}` };
  const rules = {
    why: 'shows firewall rules for it; on the host a container is subject to those of the host, too',
    command: `sudo nft list ruleset | grep ${address}; sudo iptables-save | grep ${address}`,
  };
  if (!address.includes(':')) return [hasRoute ? rules : route];
  return [
    modifyOptions(found, { why: 'switches the IPv6 endpoint on', option: '--http-protocol-ipv6 enabled' }),
    { why: 'asks over IPv4 instead', command: 'imds doctor --endpoint-mode IPv4' },
    route,
    ...(hasRoute ? [rules] : []),
  ];
}

function closerLook(endpoint: string): Fix {
  const socket = socketOf(endpoint);
  const host = hostOf(endpoint);
  if (!socket)
    return {
      why: 'shows what is sent and what comes back while the doctor runs again',
      command: `sudo tcpdump -ni any host ${host}`,
    };
  return {
    why: 'shows what a token request comes to; the token itself is thrown away',
    command:
      `curl -v -o /dev/null -X PUT --unix-socket ${socket} ` +
      '--header "X-aws-ec2-metadata-token-ttl-seconds: 1" http://localhost/latest/api/token',
  };
}

/** Ways to credentials that open nothing to other containers. */
function alternatives(found: Judgement): readonly Fix[] {
  const { endpoint, platform } = found;
  if (socketOf(endpoint) && !platform.isEnclave)
    return [forwarder('forwards the socket on the host itself, where 1 hop is enough', found)];
  return platform.hasHostNetwork ? [] : [perContainer[platform.container] ?? hostNetwork(platform.container)];
}

const taskRole: Fix = {
  why: 'gives the task a role of its own; IMDS stays closed',
  command: 'aws ecs register-task-definition --task-role-arn <role> --cli-input-json file://<task>.json',
  permission: 'ecs:RegisterTaskDefinition, iam:PassRole',
};

const perContainer: Readonly<Partial<Record<ContainerKind, Fix>>> = {
  kubernetes: {
    why: 'gives this service account a role of its own (EKS Pod Identity); IMDS stays closed',
    command:
      'aws eks create-pod-identity-association --cluster-name <cluster> --namespace <namespace> ' +
      '--service-account <name> --role-arn <role>',
    permission: 'eks:CreatePodIdentityAssociation, iam:PassRole',
  },
  ecs: taskRole,
  fargate: taskRole,
};

const hostNetwork = (container: ContainerKind): Fix => ({
  why: 'puts this one container on the network of the host, where 1 hop is enough',
  command: `${container === 'podman' ? 'podman' : 'docker'} run --network host <image>`,
  sideEffect: 'the container sees all of the network of the host',
});
