import type { ContainerKind } from '../platform.js';
import { hostOf, shellWord, socketOf, toolsFor } from './endpoint.js';
import type { Judgement } from './judgement.js';

/** A command that helps. */
export interface Fix {
  /** Its effect, such as `turns the endpoint on, at once and without a restart`. */
  readonly why: string;
  /** Ready to paste, with unknown values in angle brackets. */
  readonly command: string;
  /** Its effects beyond the purpose. */
  readonly sideEffect?: string;
  /** The IAM actions it needs, such as `ec2:ModifyInstanceMetadataOptions`. */
  readonly permission?: string;
  /** Where AWS refuses it, or undoes it later. */
  readonly refusedBy?: string;
}

/** Changes options of the instance. If AWS manages the instance and would refuse that, the alternatives come first. */
export function modify(
  { instanceId = '<instance-id>', region, platform: { managedBy } }: Judgement,
  { option, why, ...more }: Pick<Fix, 'why' | 'sideEffect'> & { readonly option?: string },
  alternatives: readonly Fix[] = [],
): readonly Fix[] {
  const command = [
    `aws ec2 modify-instance-metadata-options --instance-id ${instanceId}`,
    ...(region ? [`--region ${shellWord(region)}`] : []),
    ...(option ? [option] : []),
    '--http-endpoint enabled',
  ].join(' ');
  const fix: Fix = {
    why: `${why}, at once and without a restart`,
    command,
    ...more,
    permission: 'ec2:ModifyInstanceMetadataOptions',
    refusedBy: managedBy
      ? `${managedBy}, which seems to manage this instance`
      : 'EKS Auto Mode, ECS Managed Instances, SageMaker HyperPod, or a policy (see aws ec2 get-instance-metadata-defaults)',
  };
  return managedBy ? [...alternatives, fix] : [fix, ...alternatives];
}

/** Run on the host, or in an enclave, where it connects to a vsock port of the parent, CID 3. */
function forwarder(why: string, { endpoint, platform }: Judgement): Fix {
  const socket = socketOf(endpoint);
  // Without an address, socat would open the port to the whole network.
  const address = platform.hasHostNetwork ? '127.0.0.1' : '<host-address>';
  const tcp = `TCP-LISTEN:1338,bind=${address},fork,reuseaddr`;
  const from = socket ? `UNIX-LISTEN:${socket},fork,unlink-early,mode=660` : tcp;
  const to = socket && platform.isEnclave ? 'VSOCK-CONNECT:3:8002' : 'TCP:169.254.169.254:80';
  const who = socket ? 'whoever may open that socket' : 'whoever reaches that port';
  const use = socket ? '' : `; then set AWS_EC2_METADATA_SERVICE_ENDPOINT=http://${address}:1338`;
  return { why: why + use, command: `socat ${from} ${to}`, sideEffect: `${who} may read the credentials of the role` };
}

/** For a service that answers, but not a token request, or not its own tokens. */
export function refusal(found: Judgement): readonly Fix[] {
  const { endpoint, endpointFrom, outcomes } = found;
  const { token, read } = outcomes;
  if (token === 'granted' && read === 'token-demanded') {
    const why =
      'keeps trying for half a minute: an instance may refuse its tokens for a few seconds after its first boot';
    return [{ why, command: 'imds get instance-id --wait 30' }, closerLook(found)];
  }
  const way = forwarder('forwards connections rather than HTTP requests, so that no header is added', found);
  // Nothing else gets in the way there.
  if (outcomes.endpoint === 'well-known') return [interceptor(found), way];
  const root = socketOf(endpoint) ? endpoint : new URL(endpoint).origin;
  if (token !== 'unsupported' || root === endpoint) return [way];
  const rooted: Fix = {
    why: 'leaves the path out of the endpoint: /latest/api/token is added to it',
    command: `export AWS_EC2_METADATA_SERVICE_ENDPOINT=${shellWord(root)}`,
    ...(endpointFrom.startsWith('option ') && { sideEffect: `has no effect unless ${endpointFrom} is removed` }),
  };
  return [rooted, way];
}

/** For an endpoint that cannot be reached. */
export function blocked(found: Judgement): readonly Fix[] {
  const { endpoint, outcomes, platform } = found;
  const socket = socketOf(endpoint);
  if (socket)
    return [
      { why: 'shows whether the socket exists, and who may open it', command: `ls -l ${socket}` },
      forwarder(
        `forwards it to ${platform.isEnclave ? 'the parent instance' : 'IMDS (run it on the instance)'}`,
        found,
      ),
    ];
  if (outcomes.endpoint === 'custom') return [listener(endpoint)];
  const ways = otherWays(found);
  // Only AWS could change its network.
  if (platform.container === 'fargate') return ways;
  const address = hostOf(endpoint);
  const { isIpv6, ip, save, network } = toolsFor(address);
  const route = { why: 'shows the routes to it, if any', command: `${ip} route show table all match ${address}` };
  const rules = {
    why: 'shows firewall rules for it; for a container, check those on the host, too',
    command: `sudo nft list ruleset | grep ${network}; sudo ${save} | grep ${network}`,
  };
  const hasRoute = outcomes.connection !== 'no-route';
  if (!isIpv6) return [hasRoute ? rules : route, ...ways];
  const open = { why: 'turns the IPv6 endpoint on', option: '--http-protocol-ipv6 enabled' };
  return modify(found, open, [route, ...(hasRoute ? [rules] : []), ...ways]);
}

/** For a custom HTTP endpoint. */
const listener = (endpoint: string): Fix => ({
  why: 'shows what answers there, if anything',
  command: `curl -v ${shellWord(`${endpoint}/`)}`,
});

export function closerLook({ endpoint }: Judgement): Fix {
  const socket = socketOf(endpoint);
  if (!socket)
    return {
      why: 'shows what is sent and what comes back while the doctor runs again',
      command: `sudo tcpdump -ni any host ${shellWord(hostOf(endpoint))}`,
    };
  return {
    why: 'shows the result of a token request; the token itself is discarded',
    command:
      `curl -v -o /dev/null -X PUT --unix-socket ${socket} ` +
      '--header "X-aws-ec2-metadata-token-ttl-seconds: 1" http://localhost/latest/api/token',
  };
}

/** Ways to get credentials without IMDS. */
export function otherWays({ platform, otherCredentials }: Judgement): readonly Fix[] {
  const own = ownRole[platform.container];
  if (!otherCredentials) return own ? [own] : [];
  return [
    {
      why: `stops SDKs from asking IMDS: ${otherCredentials} gives them credentials`,
      command: 'export AWS_EC2_METADATA_DISABLED=true',
      sideEffect: 'they read nothing else from it either, such as the region',
    },
  ];
}

/** Ways to get credentials that do not also give other containers access. */
export function alternatives(found: Judgement): readonly Fix[] {
  const { endpoint, platform } = found;
  const others = otherWays(found);
  if (others.length > 0) return others;
  if (socketOf(endpoint) && !platform.isEnclave)
    return [forwarder('forwards the socket on the host itself, where 1 hop is enough', found)];
  if (platform.hasHostNetwork) return [];
  return [
    {
      why: 'puts only this container on the network of the host, where 1 hop is enough',
      command: `${platform.container === 'podman' ? 'podman' : 'docker'} run --network host <image>`,
      sideEffect: 'the container sees the whole network of the host',
    },
  ];
}

const taskRole: Fix = {
  why: 'gives the task its own role; IMDS stays closed',
  command: 'aws ecs register-task-definition --task-role-arn <role> --cli-input-json file://<task>.json',
  permission: 'ecs:RegisterTaskDefinition, iam:PassRole',
};

const ownRole: Readonly<Partial<Record<ContainerKind, Fix>>> = {
  kubernetes: {
    why: 'gives this service account its own role (EKS Pod Identity); IMDS stays closed',
    command:
      'aws eks create-pod-identity-association --cluster-name <cluster> --namespace <namespace> ' +
      '--service-account <name> --role-arn <role>',
    permission: 'eks:CreatePodIdentityAssociation, iam:PassRole',
  },
  ecs: taskRole,
  fargate: taskRole,
};

/** Shows what answers in the place of IMDS. */
export const interceptor = ({ endpoint, outcomes }: Judgement): Fix => {
  const address = hostOf(endpoint);
  const socket = socketOf(endpoint);
  if (socket) return { why: 'shows what listens at the socket', command: `sudo ss -xlp src ${socket}` };
  if (outcomes.endpoint === 'custom') return listener(endpoint);
  const { save, network } = toolsFor(address);
  const command = `sudo ${save} -t nat | grep ${network}; sudo nft list ruleset | grep ${network}`;
  return { why: `shows what redirects ${address} (run it on the host)`, command };
};
