/** `kubernetes` for a pod, `ecs` and `fargate` for a task, `container` for an unknown kind, `none` on the machine itself. */
export type ContainerKind = 'none' | 'kubernetes' | 'ecs' | 'fargate' | 'docker' | 'podman' | 'container';

/** Where this process runs, as far as it can be detected without a request. */
export interface Platform {
  /** True on an EC2 instance. */
  readonly onEc2: boolean;
  /** The evidence in words, such as `board_asset_tag is an instance ID`. */
  readonly why: string;
  /** True when the firmware names another vendor, so this is not EC2; false when it names none. */
  readonly isElsewhere: boolean;
  /** The instance ID, where the firmware has it (Nitro). */
  readonly instanceId?: string;
  readonly container: ContainerKind;
  /** The Kubernetes node, if the pod has its name in a variable such as `NODE_NAME` (downward API). */
  readonly node?: string;
  /** The AWS service that manages this instance, if detected; only that service can change the instance's options. */
  readonly managedBy?: 'ECS Managed Instances' | 'EKS Auto Mode' | 'SageMaker HyperPod';
  /** True when the process uses the machine's network: always outside a container, inside one with host networking. */
  readonly hasHostNetwork: boolean;
  /** True inside a Nitro Enclave, which has no network. */
  readonly isEnclave: boolean;
}

/** The sources of a {@link Platform}. */
export interface Facts {
  /** The text of a small file; undefined when it is missing or unreadable. */
  readonly read: (path: string) => string | undefined;
  readonly exists: (path: string) => boolean;
  /** Names of the network interfaces. */
  readonly interfaces: () => readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Looks at this machine; returns `nothing` where that is not permitted, as with Node's `--permission` or in Deno. */
export function look<T, U>(see: () => T, nothing: U): T | U {
  try {
    return see();
  } catch {
    return nothing;
  }
}

const machineFacts = (env: Facts['env'] = {}): Facts => ({
  // An import of node:fs would load all of Node's streams, even in programs that never get here.
  read: (path) => look(() => process.getBuiltinModule('node:fs').readFileSync(path, 'utf8').trim(), undefined),
  exists: (path) => look(() => process.getBuiltinModule('node:fs').existsSync(path), false),
  interfaces: () => look(() => Object.keys(process.getBuiltinModule('node:os').networkInterfaces()), []),
  env,
});

const dmi = '/sys/devices/virtual/dmi/id';
const idOfInstance = /^i-[0-9a-f]{8,17}$/;

/**
 * Detects where this process runs from traces of hypervisor, kernel and container runtime, in about a millisecond.
 *
 * @param facts default: the files of this machine, without its environment
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
 */
export function platform(facts: Facts = machineFacts()): Platform {
  const container = containerKind(facts);
  const node = container === 'kubernetes' ? nodeName(facts) : undefined;
  const managedBy = manager(facts, node);
  return {
    ...machine(facts),
    container,
    ...(node && { node }),
    ...(managedBy && { managedBy }),
    hasHostNetwork: container === 'none' || hasHardware(facts),
    // The parent instance has /dev/nitro_enclaves instead.
    isEnclave: facts.exists('/dev/nsm'),
  };
}

function machine({ read }: Facts): Pick<Platform, 'onEc2' | 'why' | 'isElsewhere' | 'instanceId'> {
  const ec2 = (why: string) => ({ onEc2: true, why, isElsewhere: false });
  const tag = read(`${dmi}/board_asset_tag`) ?? '';
  if (idOfInstance.test(tag)) return { ...ec2('board_asset_tag is an instance ID'), instanceId: tag };
  const vendors = ['sys_vendor', 'bios_vendor'].map((name) => ({ name, vendor: read(`${dmi}/${name}`) }));
  const amazon = vendors.find(({ vendor }) => vendor === 'Amazon EC2');
  if (amazon) return ec2(`${amazon.name} is Amazon EC2`);
  if (read('/sys/hypervisor/uuid')?.startsWith('ec2')) return ec2('the hypervisor UUID begins with ec2');
  // Xen instances name the vendor `Xen`, as other clouds do, and may hide the UUID.
  const other = vendors.find(({ vendor }) => vendor && vendor !== 'Xen');
  if (other) return { onEc2: false, why: `${other.name} is ${other.vendor}`, isElsewhere: true };
  return { onEc2: false, why: 'neither firmware nor hypervisor says so', isElsewhere: false };
}

function containerKind({ read, exists, env }: Facts): ContainerKind {
  if (/fargate/i.test(env['AWS_EXECUTION_ENV'] ?? '')) return 'fargate';
  if (env['ECS_CONTAINER_METADATA_URI_V4'] || env['ECS_CONTAINER_METADATA_URI']) return 'ecs';
  if (env['KUBERNETES_SERVICE_HOST'] || exists('/var/run/secrets/kubernetes.io')) return 'kubernetes';
  if (exists('/run/.containerenv')) return 'podman';
  if (exists('/.dockerenv')) return 'docker';
  // Under cgroup v2 a container sees only `0::/`, but its mounts still name its runtime.
  const groups = read('/proc/self/cgroup') ?? '';
  const traces = `${groups}\n${read('/proc/self/mountinfo') ?? ''}`;
  if (/\/kubepods|\/kubelet\/pods\//.test(traces)) return 'kubernetes';
  if (/\/libpod-/.test(traces)) return 'podman';
  if (/\/docker[/-][0-9a-f]{12}|\/docker\/containers\//.test(traces)) return 'docker';
  if (/\/containerd\/|\/lxc\//.test(groups) || env['container']) return 'container';
  return 'none';
}

const nodeVariables = [
  'NODE_NAME',
  'K8S_NODE_NAME',
  'KUBE_NODE_NAME',
  'KUBERNETES_NODE_NAME',
  'MY_NODE_NAME',
  'CSI_NODE_NAME',
];

const nodeName = ({ env }: Facts): string | undefined => nodeVariables.map((name) => env[name]).find(Boolean);

function manager({ exists, env }: Facts, node = ''): Platform['managedBy'] {
  if (/MANAGED_INSTANCES/.test(env['AWS_EXECUTION_ENV'] ?? '')) return 'ECS Managed Instances';
  // HyperPod nodes have their own naming scheme in EKS; lifecycle scripts find the cluster by a variable or a file.
  const isHyperPod = node.startsWith('hyperpod-') || env['SAGEMAKER_RESOURCE_CONFIG_PATH'];
  if (isHyperPod || exists('/opt/ml/config/resource_config.json')) return 'SageMaker HyperPod';
  // Other nodes are named by their private DNS name, unless configured otherwise.
  return idOfInstance.test(node) ? 'EKS Auto Mode' : undefined;
}

/** A container with its own network has only virtual interfaces; a hardware interface has a device. */
const hasHardware = ({ read, interfaces }: Facts): boolean =>
  interfaces().some((name) => read(`/sys/class/net/${name}/device/uevent`) !== undefined);

let known: Platform | undefined;

/** {@link platform}, detected once per process: it cannot change. */
export function platformOnce(env: Facts['env']): Platform {
  known ??= Object.freeze(platform(machineFacts(env)));
  return known;
}
