import { EmulatorOptionError } from './option-error.js';
import { parseScenario, type Scenario } from './scenario.js';
import type { JsonTree } from './values.js';

/** A tree that removes these names. */
const without = (names: string, directory = ''): JsonTree =>
  Object.fromEntries(names.split(' ').map((name) => [directory + name, null]));

/** An instance with nothing announced. */
const calm: JsonTree = {
  ...without('spot events/recommendations'),
  'events/maintenance': { scheduled: '[]', history: '[]' },
};
const onDemand: JsonTree = { ...calm, 'instance-life-cycle': 'on-demand' };

const primary = 'network/interfaces/macs/0e:49:61:0f:c3:11';
const secondary = 'network/interfaces/macs/0e:49:61:0f:c3:77';
const noNetworkCard = without(`${primary}/network-card ${secondary}/network-card`);
const resourceName = 'i-1234567890abcdef0.ec2.internal';
const nodeConfig = `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="BOUNDARY"

--BOUNDARY
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: example
    apiServerEndpoint: https://EXAMPLE.gr7.us-east-1.eks.amazonaws.com
    certificateAuthority: RVhBTVBMRQ==
    cidr: 172.20.0.0/16

--BOUNDARY--
`;

type Described = Scenario & { readonly description: string };

const named = <Name extends string>(all: Record<Name, Described>): Readonly<Record<Name, Described>> => all;

/** The ready scenarios by name. Each begins when the emulator starts. */
export const scenarios = named({
  'spot-interruption': {
    description:
      'a Spot Instance: rebalance recommended at 10 s, termination announced at 30 s, gone two minutes later',
    tree: calm,
    timeline: [
      { at: '+10s', event: 'rebalance' },
      { at: '+30s', event: 'spot-interruption', action: 'terminate' },
    ],
  },
  'spot-hibernation': {
    description: 'a Spot Instance: hibernation announced at 30 s, gone at 40 s, back with void tokens at 5 min',
    tree: { ...calm, 'hibernation/configured': 'true' },
    timeline: [
      { at: '+30s', event: 'spot-interruption', action: 'hibernate', notice: '10s' },
      { at: '+5m', event: 'resume' },
    ],
  },
  rebalance: {
    description: 'a Spot Instance: rebalance recommended at 30 s',
    tree: calm,
    timeline: [{ at: '+30s', event: 'rebalance' }],
  },
  maintenance: {
    description: 'a reboot scheduled at 30 s, begun five minutes later, completed and in the history after ten more',
    tree: onDemand,
    timeline: [{ at: '+30s', event: 'maintenance', code: 'system-reboot', startsIn: '5m', lasts: '10m' }],
  },
  autoscaling: {
    description:
      'no Auto Scaling state until 5 s, then InService, Standby at 2 min, InService at 5 min, Terminated at 10 min',
    tree: { ...onDemand, autoscaling: null },
    timeline: [
      { at: '+5s', event: 'autoscaling', state: 'InService' },
      { at: '+2m', event: 'autoscaling', state: 'Standby' },
      { at: '+5m', event: 'autoscaling', state: 'InService' },
      { at: '+10m', event: 'autoscaling', state: 'Terminated' },
    ],
  },
  'eks-node': {
    description: 'a pod on a node of Amazon EKS: one hop away, IMDSv2 required, hop limit 2, no tags',
    options: { httpTokens: 'required', httpPutResponseHopLimit: 2, hops: 1, instanceMetadataTags: 'disabled' },
    tree: {
      ...onDemand,
      ...without(
        'elastic-gpus elastic-inference kernel-id managed-ssh-keys placement/group-name placement/host-id ' +
          'placement/partition-number product-codes public-keys ramdisk-id',
      ),
      ...noNetworkCard,
      autoscaling: { 'target-lifecycle-state': 'InService' },
      'instance-type': 'm6i.large',
      [`${secondary}/ipv4-prefix`]: '10.0.2.32/28',
      'user-data': nodeConfig,
    },
    timeline: [{ at: '0s', event: 'attach-role', role: 'eks-node-role', profile: 'eks-example-profile' }],
  },
  'ipv6-only': {
    description: 'an instance in an IPv6-only subnet: no IPv4 address in the metadata, names after the instance',
    tree: {
      ...onDemand,
      ...without(`local-ipv4 public-hostname public-ipv4 ${secondary}`),
      ...without(
        'ipv4-associations ipv4-prefix local-ipv4s public-hostname public-ipv4s subnet-ipv4-cidr-block',
        `${primary}/`,
      ),
      hostname: resourceName,
      'local-hostname': resourceName,
      [`${primary}/local-hostname`]: resourceName,
    },
  },
  'no-role': {
    description: 'no instance profile: there is no iam/',
    tree: { ...onDemand, iam: null },
  },
  'late-role': {
    description: 'no instance profile until 10 s, as at boot or when one is attached to a running instance',
    tree: { ...onDemand, iam: null },
    timeline: [{ at: '+10s', event: 'attach-role' }],
  },
  'replaced-role': {
    description: 'another role in the place of the first at 30 s',
    tree: onDemand,
    timeline: [{ at: '+30s', event: 'attach-role', role: 'other-role' }],
  },
  'broken-trust': {
    description: 'a role that EC2 may not assume from 30 s on, and may again at 5 min',
    tree: onDemand,
    timeline: [
      { at: '+30s', event: 'break-trust' },
      { at: '+5m', event: 'rotate-credentials' },
    ],
  },
  'rotating-credentials': {
    description: 'credentials that last ten minutes; every five minutes there are new ones',
    tree: onDemand,
    timeline: [{ at: '0s', event: 'attach-role', lifetime: '10m' }],
  },
  'v2-required-in-container': {
    description: 'a container one hop away, IMDSv2 required, hop limit 1: the reply to a token request never comes',
    options: { httpTokens: 'required', httpPutResponseHopLimit: 1, hops: 1 },
    tree: onDemand,
  },
  xen: {
    description: 'an instance of a Xen generation: HTTP/1.0, ETag, directories without their slash redirected',
    options: { system: 'xen' },
    tree: {
      ...onDemand,
      'instance-type': 't2.micro',
      system: 'xen',
      ...noNetworkCard,
    },
  },
  throttled: {
    description: 'five requests a second are answered, the others by 503',
    tree: onDemand,
    faults: [{ kind: 'throttle', rate: 5 }],
  },
  flaky: {
    description: 'one answer in five is late, one in ten a 503, one in twenty a reset, one in fifty never comes',
    tree: onDemand,
    faults: [
      { kind: 'latency', probability: 0.2, delay: '100ms', jitter: '400ms' },
      { kind: 'status', probability: 0.1, status: 503 },
      { kind: 'reset', probability: 0.05 },
      { kind: 'no-reply', probability: 0.02 },
    ],
  },
  'hot-plug': {
    description: 'a third network interface at 30 s, its leaves five seconds later; gone at 5 min',
    tree: onDemand,
    timeline: [
      { at: '+30s', event: 'attach-interface', mac: '0e:49:61:0f:c3:99', deviceNumber: 2, networkCard: 1, lag: '5s' },
      { at: '+5m', event: 'detach-interface', mac: '0e:49:61:0f:c3:99' },
    ],
  },
  hibernate: {
    description: 'an instance that hibernates at 30 s and is back with void tokens at 60 s',
    tree: { ...onDemand, 'hibernation/configured': 'true' },
    timeline: [
      { at: '+30s', event: 'hibernate' },
      { at: '+60s', event: 'resume' },
    ],
  },
  tags: {
    description: 'no tags until 30 s, another tag at 60 s, no tags again at 90 s',
    options: { instanceMetadataTags: 'disabled' },
    tree: onDemand,
    timeline: [
      { at: '+30s', event: 'configure', options: { instanceMetadataTags: 'enabled' } },
      { at: '+60s', event: 'set', path: 'tags/instance/stage', value: 'blue' },
      { at: '+90s', event: 'configure', options: { instanceMetadataTags: 'disabled' } },
    ],
  },
  'root-volume': {
    description: 'a running instance whose root volume is replaced from another AMI at 30 s',
    tree: onDemand,
    timeline: [{ at: '+30s', event: 'replace-root-volume', imageId: 'ami-0fedcba0987654321' }],
  },
  'endpoint-off': {
    description: 'the metadata service is switched off: 403 to everything',
    options: { httpEndpoint: 'disabled' },
    tree: onDemand,
  },
  'early-tokens': {
    description: 'session tokens that end after 30 s, whatever they were promised',
    tree: onDemand,
    faults: [{ kind: 'short-token', lifetime: '30s' }],
  },
});

export type ScenarioName = keyof typeof scenarios;

/** A scenario by its name, or the given one, checked. */
export function scenarioOf(given: unknown): Scenario {
  if (given === undefined) return {};
  if (typeof given !== 'string') return parseScenario(given);
  const found = Object.entries(scenarios).find(([name]) => name === given);
  if (found !== undefined) return found[1];
  const names = Object.keys(scenarios).join(', ');
  throw new EmulatorOptionError(`there is no scenario '${given}'; the scenarios are ${names}`);
}
