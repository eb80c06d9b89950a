import type { ContainerKind, Platform } from '../platform.js';

/** What the doctor can come to. */
export type Verdict =
  | 'healthy'
  | 'hop-limit'
  | 'endpoint-disabled'
  | 'unreachable'
  | 'refused'
  | 'throttled'
  | 'foreign-responder'
  | 'v1-only'
  | 'disabled-by-setting'
  | 'not-ec2'
  | 'enclave'
  | 'inconclusive';

/** What each check that bears on the verdict found, in one word. */
export interface Outcomes {
  readonly settings: 'usable' | 'disabled';
  readonly platform: 'ec2' | 'elsewhere' | 'unknown' | 'enclave';
  readonly endpoint: 'well-known' | 'custom';
  readonly connection: 'made' | 'refused' | 'no-route' | 'silent' | 'skipped';
  /** `lost`: connected, asked, and nothing came back. */
  readonly token: 'granted' | 'lost' | 'forbidden' | 'malformed' | 'unsupported' | 'throttled' | 'unusable' | 'skipped';
  /** A read with the token, or, where none was granted, with one that IMDS never gave: it answers that 401 at once. */
  readonly read:
    | 'answered'
    | 'token-demanded'
    | 'token-ignored'
    | 'forbidden'
    | 'throttled'
    | 'silent'
    | 'unusable'
    | 'skipped';
  readonly responder: 'ec2' | 'other' | 'unknown';
  /** `near`: no router in between. */
  readonly distance: 'near' | 'far' | 'unknown';
  /** A read without any token. */
  readonly v1: 'answered' | 'silent' | 'skipped';
}

type Row = readonly [verdict: Verdict, conditions: { readonly [Check in keyof Outcomes]?: readonly Outcomes[Check][] }];

const noConnection = ['refused', 'no-route', 'silent'] as const;
const mayLose = ['unknown', 'far'] as const;

/** The first row whose conditions all hold gives the verdict. */
const table: readonly Row[] = [
  ['disabled-by-setting', { settings: ['disabled'] }],
  ['healthy', { token: ['granted'], read: ['answered'] }],
  ['throttled', { token: ['throttled'] }],
  ['throttled', { token: ['granted'], read: ['throttled'] }],
  ['foreign-responder', { token: ['forbidden', 'malformed', 'unsupported', 'unusable'], responder: ['other'] }],
  ['v1-only', { token: ['forbidden', 'malformed', 'unsupported', 'unusable'], read: ['token-ignored'] }],
  ['endpoint-disabled', { token: ['forbidden', 'lost'], read: ['forbidden'] }],
  ['refused', { token: ['forbidden', 'malformed', 'unsupported'] }],
  ['refused', { token: ['granted'], read: ['forbidden', 'token-demanded'] }],
  ['foreign-responder', { token: ['lost'], read: ['unusable'], responder: ['other'] }],
  ['hop-limit', { token: ['lost'], distance: mayLose, read: ['token-demanded', 'token-ignored'] }],
  ['hop-limit', { token: ['lost'], distance: mayLose, v1: ['answered'] }],
  ['enclave', { connection: noConnection, platform: ['enclave'], endpoint: ['well-known'] }],
  ['unreachable', { connection: noConnection, platform: ['ec2'] }],
  ['unreachable', { connection: noConnection, distance: ['near', 'far'] }],
  ['unreachable', { connection: noConnection, endpoint: ['custom'] }],
  ['not-ec2', { connection: noConnection }],
  ['inconclusive', {}],
];

/** What the outcomes of the checks come to. */
export function verdictOf(outcomes: Outcomes): Verdict {
  const holds = ([, conditions]: Row): boolean =>
    Object.entries(conditions).every(([check, accepted]) =>
      accepted.some((outcome) => outcome === outcomes[check as keyof Outcomes]),
    );
  return table.find(holds)?.[0] ?? 'inconclusive';
}

/** A command that helps, with what it is for and what else it does. */
export interface Fix {
  readonly why: string;
  /** Ready to paste; what could not be found out stands in angle brackets. */
  readonly command: string;
  /** What the command changes beyond its purpose. */
  readonly sideEffect?: string;
}

/** What summary and fixes are made of. */
export interface Case {
  readonly verdict: Verdict;
  readonly outcomes: Outcomes;
  readonly endpoint: string;
  readonly platform: Platform;
  /** The measured distance. */
  readonly distance: number | undefined;
  readonly instanceId: string | undefined;
  readonly region: string | undefined;
  /** The setting that forbids every request. */
  readonly disabledBy: string | undefined;
  /** Where credentials come from without IMDS, such as `EKS Pod Identity`. */
  readonly otherCredentials: string | undefined;
  /** What the finding about the connection says. */
  readonly connectionDetail: string;
  /** What the finding about the token says. */
  readonly tokenDetail: string;
  /** What a service that works has wrong all the same. */
  readonly complaints: readonly string[];
  /** Whether a request without token was forbidden. */
  readonly v1Withheld: boolean;
}

/** The limit to set when the distance could not be measured: enough for one bridge, which is the usual case. */
const usualLimit = 2;

/** The `HttpPutResponseHopLimit` that this process needs, as far as it is known. */
export const neededLimit = ({ verdict, distance }: Pick<Case, 'verdict' | 'distance'>): number | undefined =>
  distance ?? (verdict === 'hop-limit' ? usualLimit : undefined);

/** The path of an endpoint that is a Unix socket, which something forwards to IMDS. */
export const socketOf = (endpoint: string): string | undefined =>
  endpoint.startsWith('unix:') ? endpoint.slice('unix:'.length) : undefined;

const hops = (count: number): string => `${count} ${count === 1 ? 'hop' : 'hops'}`;

/** The verdict in one sentence. */
export function summaryOf(found: Case): string {
  const { endpoint, distance, outcomes, platform, otherCredentials } = found;
  const socket = socketOf(endpoint);
  const elsewhere = otherCredentials ? ` Credentials come from ${otherCredentials}, which does not need IMDS.` : '';
  const sentence = {
    healthy: () =>
      `IMDSv2 works${distance === undefined ? '' : `, from ${hops(distance)} away`}${
        found.instanceId ? `; this is ${found.instanceId}${found.region ? ` in ${found.region}` : ''}` : ''
      }.${found.complaints.map((complaint) => ` But ${complaint}.`).join('')}`,
    'hop-limit': () =>
      distance === undefined
        ? `The token reply gets lost on its way here: HttpPutResponseHopLimit is too low for ${socket ? 'what forwards this socket' : 'this process'}, ${usualLimit} is what a container usually needs.`
        : `The token reply gets lost on its way here: this process is ${hops(distance)} away, so HttpPutResponseHopLimit has to be ${distance}, and it is lower.`,
    'endpoint-disabled': () => 'The metadata endpoint of this instance is switched off (HttpEndpoint=disabled).',
    unreachable: () =>
      socket
        ? `No connection to ${endpoint}: ${found.connectionDetail}.`
        : {
            refused: `Nothing lets a connection to ${endpoint} through: it is refused, by a firewall rule or because nothing listens.`,
            'no-route': `There is no route to ${endpoint} from here.`,
            silent: `No connection to ${endpoint}: packets to it are dropped on the way.`,
            made: '',
            skipped: '',
          }[outcomes.connection],
    refused: () =>
      outcomes.token === 'forbidden'
        ? 'The service refuses to give a token but answers reads: something on the way adds X-Forwarded-For, or forbids the request itself.'
        : `The service refuses IMDSv2: ${found.tokenDetail}.`,
    throttled: () => 'IMDS is overloaded by requests from this instance, and turns some away.',
    'foreign-responder': () => `Something other than IMDS answers at ${endpoint}.`,
    'v1-only': () =>
      'What answers here speaks IMDSv1 only: an interceptor stands in the way that does not know IMDSv2.',
    'disabled-by-setting': () => `${found.disabledBy} is true, so IMDS is not asked; nothing was sent.`,
    'not-ec2': () =>
      `This is no EC2 instance as far as can be told (${platform.why}), and nothing answers at ${endpoint}.`,
    enclave: () =>
      'This is a Nitro Enclave, which has no network: IMDS can be reached through the parent instance only.',
    inconclusive: () =>
      outcomes.token === 'lost' && found.v1Withheld && outcomes.distance !== 'near'
        ? 'The token reply did not arrive, and whether the service answers at all was not to be found out without asking it without a token.'
        : outcomes.connection === 'made'
          ? `A connection is made, but what comes back is not enough to tell more: ${found.tokenDetail}.`
          : 'What was found does not fit together.',
  }[found.verdict]();
  return sentence + elsewhere;
}

/** What helps, the likeliest first. */
export function fixesOf(found: Case): readonly Fix[] {
  const { verdict, platform, endpoint } = found;
  const address = hostOf(endpoint);
  const socket = socketOf(endpoint);
  switch (verdict) {
    case 'healthy':
      return [];
    case 'hop-limit':
      return [
        {
          why: `lets the token reply travel ${hops(neededLimit(found) ?? usualLimit)}, at once and without a restart`,
          command: modify(found, `--http-put-response-hop-limit ${neededLimit(found)}`),
          sideEffect: 'also lets every other container on this instance read the credentials of its role',
        },
        ...(socket && !platform.isEnclave
          ? [
              {
                why: 'forwards the socket on the host itself, where 1 hop is enough',
                ...socketForwarder(socket, platform),
              },
            ]
          : platform.hasHostNetwork
            ? []
            : narrower(platform.container)),
      ];
    case 'endpoint-disabled':
      return [
        {
          why: 'switches the endpoint on, at once and without a restart',
          command: modify(found, ''),
          sideEffect: 'every process on the instance may then read its metadata and the credentials of its role',
        },
      ];
    case 'unreachable':
      if (socket)
        return [
          { why: 'shows whether the socket is there, and who may open it', command: `ls -l ${socket}` },
          {
            why: platform.isEnclave
              ? 'forwards it to the parent instance'
              : 'forwards it to IMDS (run it on the instance)',
            ...socketForwarder(socket, platform),
          },
        ];
      return found.outcomes.endpoint === 'custom'
        ? [{ why: 'shows whether anything listens there', command: `curl -v ${endpoint}/` }]
        : unreachableFixes(found, address);
    case 'refused':
      return [
        {
          why: 'forwards connections rather than HTTP requests, so that no header is added',
          ...(socket ? socketForwarder(socket, platform) : portForwarder),
        },
      ];
    case 'throttled':
      return [
        {
          why: 'shows whether packets were dropped because of more than 1024 a second',
          command: `ethtool -S eth0 | grep linklocal_allowance_exceeded`,
        },
      ];
    case 'foreign-responder':
    case 'v1-only':
      if (socket) return [{ why: 'shows what listens at the socket', command: `sudo ss -xlp src ${socket}` }];
      return [
        {
          why: `shows what redirects ${address} (run it on the host)`,
          command: `sudo iptables-save -t nat | grep ${address}; sudo nft list ruleset | grep ${address}`,
        },
      ];
    case 'disabled-by-setting':
      return [{ why: 'lets this process ask again', command: `unset ${found.disabledBy}` }];
    case 'not-ec2':
      return [{ why: 'serves the same here, to try things with', command: 'imds emulate -- <command>' }];
    case 'enclave':
      return [
        {
          why: 'on the parent instance, forwards IMDS to the enclave (docs/enclaves.md has the other half)',
          command: 'vsock-proxy 8002 169.254.169.254 80 --config /etc/nitro_enclaves/vsock-proxy.yaml',
          sideEffect: 'whatever runs in the enclave may then read the credentials of the role',
        },
      ];
    case 'inconclusive':
      return [
        ...(found.v1Withheld && found.outcomes.token === 'lost'
          ? [{ why: 'may ask once without a token, which tells more', command: 'imds doctor' }]
          : []),
        socket
          ? {
              why: 'shows what a token request comes to; the token itself is thrown away',
              command:
                `curl -v -o /dev/null -X PUT --unix-socket ${socket} ` +
                '--header "X-aws-ec2-metadata-token-ttl-seconds: 1" http://localhost/latest/api/token',
            }
          : {
              why: 'shows what is sent and what comes back while the doctor runs again',
              command: `sudo tcpdump -ni any host ${address}`,
            },
      ];
  }
}

const portForwarder: Omit<Fix, 'why'> = {
  command: 'socat TCP-LISTEN:1338,fork,reuseaddr TCP:169.254.169.254:80',
  sideEffect: 'whoever reaches that port may read the credentials of the role',
};

/** To IMDS on the host; in an enclave to the parent, which is CID 3 there and forwards its vsock port (docs/enclaves.md). */
const socketForwarder = (path: string, { isEnclave }: Platform): Omit<Fix, 'why'> => ({
  command: `socat UNIX-LISTEN:${path},fork,unlink-early,mode=660 ${isEnclave ? 'VSOCK-CONNECT:3:8002' : 'TCP:169.254.169.254:80'}`,
  sideEffect: 'whoever may open that socket may read the credentials of the role',
});

function unreachableFixes(found: Case, address: string): readonly Fix[] {
  const isIpv6 = address.includes(':');
  const { connection } = found.outcomes;
  return [
    ...(isIpv6
      ? [
          {
            why: 'switches the IPv6 endpoint on, which is off unless asked for',
            command: modify(found, '--http-protocol-ipv6 enabled'),
          },
          { why: 'asks over IPv4 instead', command: 'imds doctor --endpoint-mode IPv4' },
        ]
      : []),
    ...(connection === 'no-route' || isIpv6
      ? [{ why: 'shows the route, or that there is none', command: `ip route get ${address}` }]
      : []),
    ...(connection === 'no-route'
      ? []
      : [
          {
            why: 'shows firewall rules for it; on the host a container is subject to those of the host, too',
            command: `sudo nft list ruleset | grep ${address}; sudo iptables-save | grep ${address}`,
          },
        ]),
  ];
}

/** Ways to credentials that open nothing to other containers. */
function narrower(container: ContainerKind): readonly Fix[] {
  switch (container) {
    case 'kubernetes':
      return [
        {
          why: 'gives this service account a role of its own (EKS Pod Identity); IMDS stays closed',
          command:
            'aws eks create-pod-identity-association --cluster-name <cluster> --namespace <namespace> ' +
            '--service-account <name> --role-arn <role>',
        },
      ];
    case 'ecs':
    case 'fargate':
      return [
        {
          why: 'gives the task a role of its own; IMDS stays closed',
          command: 'aws ecs register-task-definition --task-role-arn <role> --cli-input-json file://<task>.json',
        },
      ];
    default:
      return [
        {
          why: 'puts this one container on the network of the host, where 1 hop is enough',
          command: `${container === 'podman' ? 'podman' : 'docker'} run --network host <image>`,
          sideEffect: 'the container sees all of the network of the host',
        },
      ];
  }
}

function modify({ instanceId, region }: Case, option: string): string {
  const place = `--instance-id ${instanceId ?? '<instance-id>'}${region ? ` --region ${region}` : ''}`;
  return `aws ec2 modify-instance-metadata-options ${place}${option && ` ${option}`} --http-endpoint enabled`;
}

/** The host of an endpoint as other tools want it, without brackets. */
export const hostOf = (endpoint: string): string =>
  URL.canParse(endpoint) ? new URL(endpoint).hostname.replace(/^\[(.*)\]$/, '$1') : endpoint;

/** A place on the way from this process to IMDS. */
export interface Station {
  readonly name: string;
  /** Whether the way breaks between this place and the next: a reply, or for want of a connection a request, dies there. */
  readonly brokenAfter: boolean;
}

/** The way from this process to IMDS, and where it breaks. */
export function pathOf(found: Case): readonly Station[] {
  const { verdict, outcomes, platform, endpoint } = found;
  // Off EC2 there is no instance on the way, and at another endpoint nothing is known of it.
  const socket = socketOf(endpoint);
  const isDirect = outcomes.endpoint === 'custom' || verdict === 'not-ec2';
  const routers = isDirect ? 0 : (neededLimit(found) ?? 1) - 1;
  // The one next to the instance is its own bridge; what lies before that is not known by name.
  const inner = Array.from({ length: routers }, (_, index) =>
    index === routers - 1 ? bridges[platform.container] : 'router',
  );
  const target =
    outcomes.endpoint === 'custom' && !socket ? endpoint : verdict === 'foreign-responder' ? 'not IMDS' : 'IMDS';
  const names = ['this process', ...(socket ? ['Unix socket'] : inner), ...(isDirect ? [] : ['instance']), target];
  const instance = names.length - 2;
  const broken = new Map<Verdict, number>([
    // With one router in between the place is known; with more, it may be one of the next, too.
    ['hop-limit', socket ? instance : Math.max(0, instance - 1)],
    ['unreachable', 0],
    ['not-ec2', 0],
    ['enclave', 0],
    ['disabled-by-setting', 0],
    ['endpoint-disabled', instance],
    ['refused', instance],
    ['throttled', instance],
    ['foreign-responder', instance],
    ['v1-only', instance],
  ]).get(verdict);
  return names.map((name, index) => ({ name, brokenAfter: index === broken }));
}

const bridges: Readonly<Record<ContainerKind, string>> = {
  none: 'router',
  kubernetes: 'pod network',
  ecs: 'container bridge',
  fargate: 'container bridge',
  docker: 'Docker bridge',
  podman: 'Podman bridge',
  container: 'container bridge',
};
