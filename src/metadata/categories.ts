import type { CallOptions } from '../client/settings.js';
import { ImdsPathError } from '../errors.js';
import type { UserData } from '../user-data/decode.js';
import {
  boolean,
  bytes,
  type Category,
  credentialsExpiry,
  type Decoder,
  elasticGpuAssociation,
  elasticInferenceAccelerator,
  iamInfo,
  identityCredentialsInfo,
  instanceIdentityDocument,
  instantIfAny,
  integer,
  isEmpty,
  type Kind,
  lines,
  type Mutability,
  maintenanceEvents,
  publicKeys,
  rebalanceRecommendation,
  roleCredentials,
  spotInstanceAction,
  text,
  textOrEmpty,
  type Word,
} from './decode.js';

/** Reads one category. Rejects with an `ImdsError`; where absence is normal a 404 gives `undefined`. */
export interface Accessor<T> {
  (options?: CallOptions): Promise<T>;
  /** What is read. */
  readonly category: Category<unknown>;
}

/** What fills a placeholder: a name or an address, or a number for `{n}`. */
export type Parameter = string | number;

/**
 * Reads a category whose path ends in a parameter. Rejects with `ImdsPathError`, before anything is sent, when the
 * parameter is not one path segment of visible ASCII.
 */
export interface ParameterAccessor<P extends Parameter, T> {
  (parameter: P, options?: CallOptions): Promise<T>;
  /** What is read for one parameter. Throws `ImdsPathError`. */
  readonly category: (parameter: P) => Category<T>;
  /** A parameter as it may look. */
  readonly example: P;
}

/** What is below a parameter. Throws `ImdsPathError` when the parameter is not one path segment of visible ASCII. */
export interface ParameterGroup<P extends Parameter, G> {
  (parameter: P): G;
  /** A parameter as it may look. */
  readonly example: P;
}

/** Makes the accessor that reads a category. */
export type Bind = <T>(category: Category<T>) => Accessor<T>;

/** Makes the accessors that put several answers together. */
export interface Composites {
  /** Reads all tags by their keys; `category` is the directory above them. */
  readonly tags: (category: Category<unknown>) => Accessor<Readonly<Record<string, string>> | undefined>;
  /** Decodes the bytes of the category. */
  readonly userData: (category: Category<Uint8Array | undefined>) => Accessor<UserData | undefined>;
}

/** The accessors of all categories. */
export type Categories = ReturnType<typeof categories>;

// Narrower than RFC 3986 asks for: nothing that could end the path, climb out of it, or need an escape.
const segmentRule = {
  is: (value: string) => /^[!-~]+$/.test(value) && !/^\.\.?$|[/?#%\\]/.test(value),
  expected: 'one path segment of visible ASCII without / ? # % \\, and neither . nor ..',
};
const numberRule = { is: (value: string) => /^\d+$/.test(value), expected: 'a whole number, 0 or more' };

/** What the placeholder of that name takes. */
const ruleOf = (placeholder: string) => (placeholder === 'n' ? numberRule : segmentRule);

/** One value for each placeholder of a template. */
type Values<Template extends string> = Template extends `${string}{${string}}${infer Rest}`
  ? readonly [Parameter, ...Values<Rest>]
  : readonly [];

function segment(template: string, placeholder: string, value: unknown): string {
  // Listings show directories with a final slash, so a line of a listing may be given as it is.
  const given = typeof value === 'string' || typeof value === 'number' ? String(value).replace(/\/$/, '') : '';
  const { is, expected } = ruleOf(placeholder);
  if (!is(given)) throw new ImdsPathError(`the parameter {${placeholder}} of ${template} must be ${expected}`);
  return given;
}

/** The path of a template, its placeholders replaced by these values in turn. */
function fill(template: string, values: readonly Parameter[]): string {
  let path = '/latest/';
  let rest = 0;
  for (const value of values) {
    const start = template.indexOf('{', rest);
    const end = template.indexOf('}', start);
    path += template.slice(rest, start) + segment(template, template.slice(start + 1, end), value);
    rest = end + 1;
  }
  return path + template.slice(rest);
}

const row =
  <T>(kind: Kind, decoder: Decoder<T>) =>
  <Template extends string>(template: Template, mutability: Mutability, ...values: Values<Template>): Category<T> => {
    const path = fill(template, values);
    const decode = (body: Buffer, as = path): T => decoder(body, as);
    return { path, template, kind, mutability, optional: false, secret: false, decode };
  };

const scalar = row('scalar', text);
const count = row('scalar', integer);
const list = row('list', lines);
const directory = row('directory', lines);
const roleDocument = row('json', roleCredentials);

const none: readonly never[] = Object.freeze([]);
const settled = (content: string): boolean => !isEmpty(content);

/** May be absent; where an empty body has a meaning of its own it may also be one that comes too early. */
const absentOr = <T, E>(category: Category<T>, empty: E): Category<T | E | undefined> => ({
  ...category,
  optional: true,
  decode: (body, path) => (isEmpty(body.toString('latin1')) ? empty : category.decode(body, path)),
  settled,
});

/** May be absent. An empty list then says "none"; an empty text or document is no answer. */
function optional<T>(category: Category<readonly T[]>): Category<readonly T[] | undefined>;
function optional<T>(category: Category<T>): Category<T | undefined>;
function optional<T>(category: Category<T>): Category<T | readonly never[] | undefined> {
  const { kind } = category;
  return kind === 'list' || kind === 'directory' ? absentOr(category, none) : { ...category, optional: true };
}

/** May be absent, and an empty text says the same. */
const optionalOrEmpty = <T>(category: Category<T>): Category<T | undefined> => absentOr(category, undefined);

const secret = <T>(category: Category<T>): Category<T> => ({ ...category, secret: true });

const credentials = <T>(category: Category<T>): Category<T> => ({
  ...secret(category),
  expires: credentialsExpiry,
});

/** An accessor that is also the way to what lies below it. */
function group<A extends object, M extends object>(accessor: A, members: M): A & M {
  // The name of a function is read-only, and one directory has a member of that name.
  if ('name' in members) Object.defineProperty(accessor, 'name', { writable: true, enumerable: true });
  return Object.assign(accessor, members);
}

const below = <P extends Parameter, G>(example: NoInfer<P>, members: (parameter: P) => G): ParameterGroup<P, G> =>
  Object.assign(members, { example });

/**
 * THE table: every instance metadata category, dynamic data and user data, as accessors whose names follow the path
 * segment by segment. What may be absent gives `undefined` on 404.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
export function categories(bind: Bind, composites: Composites) {
  const each = <P extends Parameter, T>(
    example: NoInfer<P>,
    category: (parameter: P) => Category<T>,
  ): ParameterAccessor<P, T> =>
    Object.assign(async (parameter: P, options?: CallOptions) => bind(category(parameter))(options), {
      category,
      example,
    });

  return {
    /** Names at the top of the instance metadata, such as `['ami-id', 'block-device-mapping/', …]`. */
    metaData: bind(directory('meta-data/', 'live')),

    /** ID of the AMI, such as `ami-0a887e401f7654935`. Replacing the root volume of a running instance can change it. */
    amiId: bind(scalar('meta-data/ami-id', 'live')),

    /** Position within the launch request, counted from `0`; always 0 under Auto Scaling and EC2 Fleet. */
    amiLaunchIndex: bind(count('meta-data/ami-launch-index', 'immutable')),

    /** S3 path of the AMI's manifest, or the literal `(unknown)` when the AMI is backed by EBS. */
    amiManifestPath: bind(scalar('meta-data/ami-manifest-path', 'immutable')),

    /** AMIs from which this one was rebundled, such as `['ami-0123456789abcdef0']`; `undefined` for nearly all AMIs. */
    ancestorAmiIds: bind(optional(list('meta-data/ancestor-ami-ids', 'immutable'))),

    /** Names of the Auto Scaling data, such as `['target-lifecycle-state']`; `undefined` outside a group. */
    autoscaling: group(bind(optional(directory('meta-data/autoscaling/', 'live'))), {
      /**
       * State that Auto Scaling is moving the instance to, such as `InService`; `undefined` outside a group and until
       * the first transition.
       * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
       */
      targetLifecycleState: bind<
        | Word<
            | 'Detached'
            | 'InService'
            | 'Standby'
            | 'Terminated'
            | 'Warmed:Hibernated'
            | 'Warmed:Running'
            | 'Warmed:Stopped'
            | 'Warmed:Terminated'
          >
        | undefined
      >(optional(scalar('meta-data/autoscaling/target-lifecycle-state', 'live'))),
    }),

    /**
     * Virtual devices as of the last start, such as `['ami', 'ebs1', 'root']`. Volumes attached later and NVMe
     * instance store volumes are not among them.
     */
    blockDeviceMapping: group(bind(directory('meta-data/block-device-mapping/', 'stop-start')), {
      /** Device that holds the root file system, such as `/dev/xvda`. */
      ami: bind(scalar('meta-data/block-device-mapping/ami', 'stop-start')),
      /** Device of the n-th further EBS volume, such as `sdb`; the numbers begin at 0 or 1. */
      ebs: each(1, (n: number) => optional(scalar('meta-data/block-device-mapping/ebs{n}', 'stop-start', n))),
      /** Device of the n-th instance store volume that is not NVMe, such as `sdc`; the numbers begin at 0. */
      ephemeral: each(0, (n: number) =>
        optional(scalar('meta-data/block-device-mapping/ephemeral{n}', 'stop-start', n)),
      ),
      /** Device or partition of the root file system, such as `/dev/xvda1`. */
      root: bind(scalar('meta-data/block-device-mapping/root', 'stop-start')),
      /** Device used for swap, such as `sda3`; `undefined` for nearly all instances. */
      swap: bind(optional(scalar('meta-data/block-device-mapping/swap', 'stop-start'))),
    }),

    elasticGpus: {
      associations: {
        /** Document of one Elastic GPU, by its ID, such as `egpu-0123456789abcdef0`. AWS has retired the product. */
        elasticGpuId: each('egpu-0123456789abcdef0', (id: string) =>
          optional(
            row('json', elasticGpuAssociation)(
              'meta-data/elastic-gpus/associations/{elastic-gpu-id}',
              'stop-start',
              id,
            ),
          ),
        ),
      },
    },

    elasticInference: {
      /**
       * IDs of the Elastic Inference accelerators, such as `['eia-bfa21c7904f64a82a21b9f4540169ce1']`. AWS has retired
       * the product.
       */
      associations: group(bind(optional(directory('meta-data/elastic-inference/associations/', 'stop-start'))), {
        /** ID and type of one accelerator, by its ID, such as `eia-bfa21c7904f64a82a21b9f4540169ce1`. */
        eiaId: each('eia-bfa21c7904f64a82a21b9f4540169ce1', (id: string) =>
          optional(
            row('json', elasticInferenceAccelerator)(
              'meta-data/elastic-inference/associations/{eia-id}',
              'stop-start',
              id,
            ),
          ),
        ),
      }),
    },

    /** Kinds of events, such as `['maintenance/', 'recommendations/']`. */
    events: group(bind(directory('meta-data/events/', 'live')), {
      /** Names of the lists of maintenance events: `['history', 'scheduled']`. */
      maintenance: group(bind(directory('meta-data/events/maintenance/', 'immutable')), {
        /** Maintenance events that are over, with a `State` of `completed` or `canceled`; `[]` when there were none. */
        history: bind(row('json', maintenanceEvents)('meta-data/events/maintenance/history', 'live')),
        /** Maintenance events to come, with a `Code` such as `system-reboot`; `[]` when there are none. */
        scheduled: bind(row('json', maintenanceEvents)('meta-data/events/maintenance/scheduled', 'live')),
      }),
      /** Names of the recommendations there are: `['rebalance']`; `undefined` while there is none. */
      recommendations: group(bind(optional(directory('meta-data/events/recommendations/', 'live'))), {
        /**
         * Rebalance recommendation for this Spot Instance, such as `{ noticeTime: '2020-11-05T08:22:00Z' }`;
         * `undefined` until one is emitted.
         */
        rebalance: bind(
          optional(row('json', rebalanceRecommendation)('meta-data/events/recommendations/rebalance', 'live')),
        ),
      }),
    }),

    /** Names of the hibernation data: `['configured']`. Not documented by AWS. */
    hibernation: group(bind(optional(directory('meta-data/hibernation/', 'immutable'))), {
      /** Whether the instance was launched ready for hibernation, such as `false`. Not documented by AWS. */
      configured: bind(optionalOrEmpty(row('scalar', boolean)('meta-data/hibernation/configured', 'immutable'))),
    }),

    /** Private host name, such as `ip-172-16-34-43.ec2.internal`. */
    hostname: bind(scalar('meta-data/hostname', 'stop-start')),

    /** Names of the IAM data, such as `['info', 'security-credentials/']`; `undefined` without an instance profile. */
    iam: group(bind(optional(directory('meta-data/iam/', 'live'))), {
      /**
       * The attached instance profile, with an ARN such as `arn:aws:iam::896453262835:instance-profile/web`, or with a
       * `Code` that tells what is wrong with it; `undefined` without one.
       */
      info: bind(optional(row('json', iamInfo)('meta-data/iam/info', 'live'))),
      /** Name of the IAM role, such as `['web-role']`; `undefined` without an instance profile. */
      securityCredentials: group(bind(optional(list('meta-data/iam/security-credentials/', 'live'))), {
        /**
         * Credentials of the role by its name, such as `web-role`, or the `Code` and `Message` of why there are none.
         * Secret.
         */
        role: each('web-role', (role: string) =>
          optional(credentials(roleDocument('meta-data/iam/security-credentials/{role}', 'live', role))),
        ),
      }),
      /** Name of the IAM role, such as `['web-role']`, where the service has this path; AWS has not released it. */
      securityCredentialsExtended: group(bind(optional(list('meta-data/iam/security-credentials-extended/', 'live'))), {
        /** Credentials of the role by its name, such as `web-role`, with the `AccountId`. Secret. */
        role: each('web-role', (role: string) =>
          optional(credentials(roleDocument('meta-data/iam/security-credentials-extended/{role}', 'live', role))),
        ),
      }),
    }),

    /** Services that have credentials of the instance identity role: `['ec2/']`. */
    identityCredentials: group(bind(directory('meta-data/identity-credentials/', 'live')), {
      /** Names of the identity role data: `['info', 'security-credentials/']`. */
      ec2: group(bind(directory('meta-data/identity-credentials/ec2/', 'immutable')), {
        /** Account of the instance, such as `329910648901`, and when its identity credentials were issued. */
        info: bind(row('json', identityCredentialsInfo)('meta-data/identity-credentials/ec2/info', 'live')),
        /** Name of the identity role: `['ec2-instance']`. */
        securityCredentials: group(
          bind(list('meta-data/identity-credentials/ec2/security-credentials/', 'immutable')),
          {
            /**
             * Credentials of the instance identity role, whose `Code` is `Success`. Secret. For AWS's own software on
             * the instance: other services refuse them.
             * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html#ec2-instance-identity-roles
             */
            ec2Instance: bind(
              credentials(roleDocument('meta-data/identity-credentials/ec2/security-credentials/ec2-instance', 'live')),
            ),
          },
        ),
      }),
    }),

    /** Whether to reboot before bundling: `none`, `shutdown` or `bundle-pending`. No relation to Spot. */
    instanceAction: bind<Word<'none' | 'shutdown' | 'bundle-pending'>>(scalar('meta-data/instance-action', 'live')),

    /** ID of this instance, such as `i-1234567890abcdef0`. */
    instanceId: bind(scalar('meta-data/instance-id', 'immutable')),

    /** Purchasing option, such as `on-demand` or `spot`. */
    instanceLifeCycle: bind<Word<'on-demand' | 'spot'>>(scalar('meta-data/instance-life-cycle', 'immutable')),

    /** Instance type, such as `m7g.xlarge`. */
    instanceType: bind(scalar('meta-data/instance-type', 'stop-start')),

    /** First IPv6 address of the primary interface, such as `2001:db8:8:4::2`; `undefined` when it has none. */
    ipv6: bind(optional(scalar('meta-data/ipv6', 'live'))),

    /** Kernel of a paravirtual instance, such as `aki-5c21674b`; `undefined` otherwise. */
    kernelId: bind(optional(scalar('meta-data/kernel-id', 'stop-start'))),

    /** Private DNS name of the primary interface, such as `ip-172-16-34-43.ec2.internal`. */
    localHostname: bind(scalar('meta-data/local-hostname', 'stop-start')),

    /** Primary private IPv4 address, such as `172.16.34.43`; `undefined` on an IPv6-only instance. */
    localIpv4: bind(optional(scalar('meta-data/local-ipv4', 'immutable'))),

    /** MAC address of the primary interface, such as `0e:49:61:0f:c3:11`. */
    mac: bind(scalar('meta-data/mac', 'immutable')),

    /**
     * Names of the EC2 Instance Connect data, such as `['active-keys/', 'signer-cert/']`; `undefined` where there is
     * none. Not documented by AWS.
     */
    managedSshKeys: group(bind(optional(directory('meta-data/managed-ssh-keys/', 'live'))), {
      activeKeys: {
        /**
         * Lines of the signed SSH keys pushed for one user, such as `ec2-user`, within the last 60 seconds; `undefined`
         * when there are none.
         */
        user: each('ec2-user', (user: string) =>
          optional(list('meta-data/managed-ssh-keys/active-keys/{user}/', 'live', user)),
        ),
      },
      /** Certificates of the signer in PEM, beginning with `-----BEGIN CERTIFICATE-----`. */
      signerCert: bind(optional(scalar('meta-data/managed-ssh-keys/signer-cert/', 'live'))),
      /** Names of the OCSP responses for the signer's certificates, such as `['9bf6a4…']`: their fingerprints. */
      signerOcsp: group(bind(optional(list('meta-data/managed-ssh-keys/signer-ocsp/', 'live'))), {
        /** One OCSP response in base64, such as `MIIB…`, by its name in the listing. */
        name: each('9bf6a4d1e2', (name: string) =>
          optional(scalar('meta-data/managed-ssh-keys/signer-ocsp/{name}', 'live', name)),
        ),
      }),
    }),

    /** Names of the host metrics: `['vhostmd']`. AWS has retired them. */
    metrics: group(bind(optional(directory('meta-data/metrics/', 'immutable'))), {
      /** What is left of the host metrics: `<?xml version="1.0" encoding="UTF-8"?>`. */
      vhostmd: bind(optional(scalar('meta-data/metrics/vhostmd', 'immutable'))),
    }),

    /** Names of the network data: `['interfaces/']`. */
    network: group(bind(directory('meta-data/network/', 'immutable')), {
      /** Names of the interface data: `['macs/']`. */
      interfaces: group(bind(directory('meta-data/network/interfaces/', 'immutable')), {
        /** MAC addresses of the attached interfaces, such as `['0e:49:61:0f:c3:11/']`. */
        macs: group(bind(directory('meta-data/network/interfaces/macs/', 'live')), {
          /**
           * One interface by its MAC address, such as `0e:49:61:0f:c3:11`. Called without more, the result lists what
           * the interface has.
           */
          mac: below('0e:49:61:0f:c3:11', (mac: string) =>
            group(bind(directory('meta-data/network/interfaces/macs/{mac}/', 'live', mac)), {
              /** Device index, such as `0`; reads 0 for a while after an interface is attached to a running instance. */
              deviceNumber: bind({
                ...count('meta-data/network/interfaces/macs/{mac}/device-number', 'immutable', mac),
                settled: (digits) => digits.trim() !== '0',
              }),
              /** ID of the interface, such as `eni-0f95d3625f5c521cc`. */
              interfaceId: bind(scalar('meta-data/network/interfaces/macs/{mac}/interface-id', 'immutable', mac)),
              /** Public and Elastic IP addresses, such as `['192.0.2.54']`; `undefined` when there are none. */
              ipv4Associations: group(
                bind(optional(directory('meta-data/network/interfaces/macs/{mac}/ipv4-associations/', 'live', mac))),
                {
                  /** Private addresses, such as `['172.16.34.43']`, that belong to a public one. */
                  publicIp: each('192.0.2.54', (ip: string) =>
                    optional(
                      list('meta-data/network/interfaces/macs/{mac}/ipv4-associations/{public-ip}', 'live', mac, ip),
                    ),
                  ),
                },
              ),
              /** Delegated IPv4 prefixes, such as `['10.0.1.16/28']`; `undefined` when there are none. */
              ipv4Prefix: bind(optional(list('meta-data/network/interfaces/macs/{mac}/ipv4-prefix', 'live', mac))),
              /** Delegated IPv6 prefixes, such as `['2001:db8:0:1:a::/80']`; `undefined` when there are none. */
              ipv6Prefix: bind(optional(list('meta-data/network/interfaces/macs/{mac}/ipv6-prefix', 'live', mac))),
              /** IPv6 addresses, such as `['2001:db8:8:4::2']`; `undefined` when there are none. */
              ipv6s: bind(optional(list('meta-data/network/interfaces/macs/{mac}/ipv6s', 'live', mac))),
              /** Private DNS name, such as `ip-172-16-34-43.ec2.internal`. */
              localHostname: bind(scalar('meta-data/network/interfaces/macs/{mac}/local-hostname', 'stop-start', mac)),
              /** Private IPv4 addresses, primary first, such as `['172.31.44.13']`; `undefined` when there are none. */
              localIpv4s: bind(optional(list('meta-data/network/interfaces/macs/{mac}/local-ipv4s', 'live', mac))),
              /** MAC address, such as `0e:49:61:0f:c3:11`. */
              mac: bind(scalar('meta-data/network/interfaces/macs/{mac}/mac', 'immutable', mac)),
              /** Index of the network card, such as `1`; `undefined` stands for 0. */
              networkCard: bind(
                optional(count('meta-data/network/interfaces/macs/{mac}/network-card', 'immutable', mac)),
              ),
              /** Account that owns the interface, such as `515336597381`; may differ from the instance's. */
              ownerId: bind(scalar('meta-data/network/interfaces/macs/{mac}/owner-id', 'immutable', mac)),
              /** Seen in old listings only, its meaning unknown; presumably a text such as `default-hvm`. */
              profile: bind(optional(scalar('meta-data/network/interfaces/macs/{mac}/profile', 'immutable', mac))),
              /** Public DNS name, such as `ec2-192-0-2-54.compute-1.amazonaws.com`; `undefined` when there is none. */
              publicHostname: bind(
                optionalOrEmpty(scalar('meta-data/network/interfaces/macs/{mac}/public-hostname', 'live', mac)),
              ),
              /** Public and Elastic IP addresses, such as `['192.0.2.54']`; `undefined` when there are none. */
              publicIpv4s: bind(optional(list('meta-data/network/interfaces/macs/{mac}/public-ipv4s', 'live', mac))),
              /** Names of the security groups, such as `['web-servers']`. */
              securityGroups: bind(list('meta-data/network/interfaces/macs/{mac}/security-groups', 'live', mac)),
              /** IDs of the security groups, such as `['sg-0b07f8f6cb485d4df']`. */
              securityGroupIds: bind(list('meta-data/network/interfaces/macs/{mac}/security-group-ids', 'live', mac)),
              /** ID of the subnet, such as `subnet-0ac62554`. */
              subnetId: bind(scalar('meta-data/network/interfaces/macs/{mac}/subnet-id', 'immutable', mac)),
              /** IPv4 range of the subnet, such as `192.0.2.0/24`; `undefined` in an IPv6-only subnet. */
              subnetIpv4CidrBlock: bind(
                optional(scalar('meta-data/network/interfaces/macs/{mac}/subnet-ipv4-cidr-block', 'immutable', mac)),
              ),
              /** IPv6 ranges of the subnet, such as `['2600:1f16:67f:f201:0:0:0:0/64']`; `undefined` without any. */
              subnetIpv6CidrBlocks: bind(
                optional(list('meta-data/network/interfaces/macs/{mac}/subnet-ipv6-cidr-blocks', 'live', mac)),
              ),
              /** ID of the VPC, such as `vpc-d295a6a7`. */
              vpcId: bind(scalar('meta-data/network/interfaces/macs/{mac}/vpc-id', 'immutable', mac)),
              /** Primary IPv4 range of the VPC, such as `192.0.2.0/24`. */
              vpcIpv4CidrBlock: bind(
                scalar('meta-data/network/interfaces/macs/{mac}/vpc-ipv4-cidr-block', 'immutable', mac),
              ),
              /** All IPv4 ranges of the VPC, such as `['192.0.2.0/24', '198.51.100.0/24']`. */
              vpcIpv4CidrBlocks: bind(
                list('meta-data/network/interfaces/macs/{mac}/vpc-ipv4-cidr-blocks', 'live', mac),
              ),
              /** IPv6 ranges of the VPC, such as `['2600:1f16:67f:f200:0:0:0:0/56']`; `undefined` without any. */
              vpcIpv6CidrBlocks: bind(
                optional(list('meta-data/network/interfaces/macs/{mac}/vpc-ipv6-cidr-blocks', 'live', mac)),
              ),
            }),
          ),
        }),
      }),
    }),

    /** Names that tell where the instance runs, such as `['availability-zone', 'region', …]`. */
    placement: group(bind(directory('meta-data/placement/', 'stop-start')), {
      /** Availability Zone as this account names it, such as `us-east-1a`. The region is no part cut from it. */
      availabilityZone: bind(scalar('meta-data/placement/availability-zone', 'immutable')),
      /** Availability Zone as all accounts name it, such as `use1-az4`; `undefined` on instances from before October 2019. */
      availabilityZoneId: bind(optional(scalar('meta-data/placement/availability-zone-id', 'immutable'))),
      /** Name of the placement group, such as `my-cluster`; `undefined` outside one. */
      groupName: bind(optional(scalar('meta-data/placement/group-name', 'stop-start'))),
      /** ID of the Dedicated Host, such as `h-0da999999f9999fb9`; `undefined` elsewhere. */
      hostId: bind(optional(scalar('meta-data/placement/host-id', 'stop-start'))),
      /** Number of the partition, such as `1`; `undefined` outside a partition placement group. */
      partitionNumber: bind(optional(count('meta-data/placement/partition-number', 'stop-start'))),
      /** Region, such as `us-east-1`. */
      region: bind(scalar('meta-data/placement/region', 'immutable')),
    }),

    /** AWS Marketplace product codes, such as `['3iplms73etrdhxdepv72l6ywj']`; `undefined` when there are none. */
    productCodes: bind(optional(list('meta-data/product-codes', 'immutable'))),

    /** Virtualization profile, such as `default-hvm`. Not documented by AWS. */
    profile: bind<Word<'default-hvm' | 'default-paravirtual'> | undefined>(
      optional(scalar('meta-data/profile', 'immutable')),
    ),

    /** Public DNS name, such as `ec2-192-0-2-54.compute-1.amazonaws.com`; `undefined` when there is none. */
    publicHostname: bind(optionalOrEmpty(scalar('meta-data/public-hostname', 'live'))),

    /** Public or Elastic IPv4 address, such as `192.0.2.54`; `undefined` when there is none. */
    publicIpv4: bind(optional(scalar('meta-data/public-ipv4', 'live'))),

    /** Key pairs of the launch, such as `[{ index: 0, name: 'my-public-key' }]`; `undefined` when there was none. */
    publicKeys: group(bind(optional(row('list', publicKeys)('meta-data/public-keys/', 'immutable'))), {
      /** One key pair by its index. Called without more, the result lists the formats of its key: `['openssh-key']`. */
      n: below(0, (n: number) =>
        group(bind(optional(directory('meta-data/public-keys/{n}/', 'immutable', n))), {
          /** The public key as OpenSSH writes it, such as `ssh-rsa AAAAB3NzaC1yc2E… my-public-key`. */
          opensshKey: bind(optional(scalar('meta-data/public-keys/{n}/openssh-key', 'immutable', n))),
        }),
      ),
    }),

    /** RAM disk of a paravirtual instance, such as `ari-01bb5768`; `undefined` otherwise. */
    ramdiskId: bind(optional(scalar('meta-data/ramdisk-id', 'stop-start'))),

    /** ID of the reservation, such as `r-046cb3eca3e201d2f`. */
    reservationId: bind(scalar('meta-data/reservation-id', 'immutable')),

    /** Names of the security groups, such as `['web-servers']`. */
    securityGroups: bind(list('meta-data/security-groups', 'live')),

    /** Names of the facts about AWS here: `['domain', 'partition']`. */
    services: group(bind(directory('meta-data/services/', 'immutable')), {
      /** Domain of the region's AWS services, such as `amazonaws.com`. */
      domain: bind(scalar('meta-data/services/domain', 'immutable')),
      /** Partition of the region, such as `aws`. */
      partition: bind<Word<'aws' | 'aws-cn' | 'aws-us-gov'>>(scalar('meta-data/services/partition', 'immutable')),
    }),

    /** Names of the Spot notices there are, such as `['instance-action', 'termination-time']`; `undefined` without. */
    spot: group(bind(optional(directory('meta-data/spot/', 'live'))), {
      /**
       * Spot interruption notice, such as `{ action: 'terminate', time: '2017-09-18T08:22:00Z' }`, about two minutes
       * ahead; `undefined` until one is issued.
       */
      instanceAction: bind(optional(row('json', spotInstanceAction)('meta-data/spot/instance-action', 'live'))),
      /**
       * When the instance will be terminated, such as `2015-01-05T18:02:00Z`: the older form of the notice, without
       * stops and hibernation. May be a past time; `undefined` without a notice.
       */
      terminationTime: bind(optional(row('scalar', instantIfAny)('meta-data/spot/termination-time', 'live'))),
    }),

    /** Virtualization system, such as `nitro`. */
    system: bind<Word<'nitro' | 'xen' | 'xen-on-nitro'> | undefined>(
      optional(scalar('meta-data/system', 'stop-start')),
    ),

    /**
     * All tags of the instance, such as `{ Name: 'web-1' }`; `undefined` unless `InstanceMetadataTags` is enabled.
     * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
     */
    tags: group(composites.tags(optional(directory('meta-data/tags/', 'live'))), {
      /** Keys of the tags, such as `['Name', 'Stage']`; `undefined` unless `InstanceMetadataTags` is enabled. */
      instance: group(bind(optional(list('meta-data/tags/instance/', 'live'))), {
        /** Value of the tag with this key, such as `web-1` for `Name`; may be empty; `undefined` without such a tag. */
        tagKey: each('Name', (key: string) =>
          optional(row('scalar', textOrEmpty)('meta-data/tags/instance/{tag-key}', 'live', key)),
        ),
      }),
    }),

    /** Names at the top of the dynamic data, such as `['fws/', 'instance-identity/']`. */
    dynamic: group(bind(directory('dynamic/', 'live')), {
      /** Names of the monitoring data: `['instance-monitoring']`. */
      fws: group(bind(directory('dynamic/fws/', 'immutable')), {
        /** Detailed CloudWatch monitoring: `enabled` or `disabled`. */
        instanceMonitoring: bind<Word<'enabled' | 'disabled'>>(scalar('dynamic/fws/instance-monitoring', 'live')),
      }),
      /** Names of the identity document and its signatures, such as `['document', 'pkcs7', 'rsa2048', 'signature']`. */
      instanceIdentity: group(bind(directory('dynamic/instance-identity/', 'stop-start')), {
        /**
         * The instance identity document, whose `region` is such as `us-east-1`. To check its signature, the bytes are
         * needed as they are.
         */
        document: bind(row('json', instanceIdentityDocument)('dynamic/instance-identity/document', 'stop-start')),
        /** PKCS #7 signature (DSA, SHA-1) in base64 lines, such as `MIAGCSqGSIb3DQEHAqCAMIACAQExCzAJBgUrDgMC…`. */
        pkcs7: bind(scalar('dynamic/instance-identity/pkcs7', 'stop-start')),
        /** Signature (RSA-1024, SHA-256) in base64 lines, such as `TesTTKmBbj+DUw6ut6BOr4mFGpax/k6BhIbsotUHvSIh…`. */
        signature: bind(scalar('dynamic/instance-identity/signature', 'stop-start')),
        /** PKCS #7 signature (RSA-2048, SHA-256) in base64 lines, such as `MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglghkgB…`. */
        rsa2048: bind(scalar('dynamic/instance-identity/rsa2048', 'stop-start')),
        /** Not documented by AWS, and not on every instance; presumably base64 lines such as `MIAGCSqGSIb3DQEH…`. */
        dsa2048: bind(optional(scalar('dynamic/instance-identity/dsa2048', 'stop-start'))),
      }),
    }),

    /**
     * The user data, decoded, such as `{ raw, parts: [{ kind: 'script', text: '#!/bin/bash …' }] }`; `undefined` when there
     * is none. Secret. Gzip, MIME and base64 are undone; where they are broken `imds.getBuffer('user-data')` gives the
     * bytes as they are.
     * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
     */
    userData: composites.userData(optional(secret(row('binary', bytes)('user-data', 'stop-start')))),
  };
}

/** One row of the table. */
export interface Row {
  /** How it is read, such as `blockDeviceMapping.ebs(1)`. */
  readonly call: string;
  /** What is read; its parameters are examples. */
  readonly category: Category<unknown>;
}

const isAccessor = (node: object): node is Accessor<unknown> => typeof node === 'function' && 'category' in node;
const takesParameter = (node: object): node is ParameterGroup<Parameter, object> => 'example' in node;
const isLast = (node: object): node is ParameterAccessor<Parameter, unknown> => 'category' in node;

function* walk(node: object, call: string): Generator<Row> {
  if (takesParameter(node)) {
    const { example } = node;
    const filled = `${call}(${typeof example === 'string' ? `'${example}'` : example})`;
    if (isLast(node)) yield { call: filled, category: node.category(example) };
    else yield* walk(node(example), filled);
    return;
  }
  if (isAccessor(node)) yield { call: `${call}()`, category: node.category };
  for (const [name, member] of Object.entries<unknown>({ ...node }))
    if (name !== 'category' && (typeof member === 'object' || typeof member === 'function') && member !== null)
      yield* walk(member, call === '' ? name : `${call}.${name}`);
}

const unbound = (category: Category<unknown>) =>
  Object.assign(() => Promise.reject<never>(new TypeError(`${category.path} is bound to no client`)), { category });

let table: readonly Row[] | undefined;

/** All rows of the table, in its order. */
export function rows(): readonly Row[] {
  table ??= [...walk(categories(unbound, { tags: unbound, userData: unbound }), '')];
  return table;
}

/** The rows by the segments of their templates. */
interface Branch {
  category?: Category<unknown>;
  readonly fixed: Map<string, Branch>;
  /** Segments such as `ebs{n}`: how they begin, and the name of the placeholder. */
  readonly open: { readonly start: string; readonly placeholder: string; readonly branch: Branch }[];
}

const segmentsOf = (path: string): string[] => path.replace(/\/$/, '').split('/');

function grown(): Branch {
  const tree: Branch = { fixed: new Map(), open: [] };
  for (const { category } of rows()) {
    let branch = tree;
    for (const part of segmentsOf(category.template)) {
      const [, start, placeholder] = /^(.*)\{(.+)\}$/.exec(part) ?? [];
      const known = branch.open.find((other) => other.start === start && other.placeholder === placeholder)?.branch;
      const next: Branch = known ?? branch.fixed.get(part) ?? { fixed: new Map(), open: [] };
      if (start === undefined || placeholder === undefined) branch.fixed.set(part, next);
      else if (known === undefined) branch.open.push({ start, placeholder, branch: next });
      branch = next;
    }
    branch.category = category;
  }
  return tree;
}

function find(tree: Branch, path: string): Category<unknown> | undefined {
  let branch: Branch | undefined = tree;
  for (const part of segmentsOf(path)) {
    const { fixed, open }: Branch = branch;
    const fits = (start: string, placeholder: string) =>
      part.startsWith(start) && ruleOf(placeholder).is(part.slice(start.length));
    branch = fixed.get(part) ?? open.find(({ start, placeholder }) => fits(start, placeholder))?.branch;
    if (branch === undefined) return undefined;
  }
  return branch.category;
}

let byPath: ReadonlyMap<string, Category<unknown>> | undefined;
let byTemplate: Branch | undefined;

/**
 * The category at an absolute path of any version, such as `/latest/meta-data/instance-id` or
 * `/2021-03-23/meta-data/placement/`, with or without its final slash; `undefined` for paths of no row.
 */
export function categoryOf(path: string): Category<unknown> | undefined {
  byPath ??= new Map(rows().map(({ category }) => [category.path, category]));
  const exact = byPath.get(path);
  if (exact !== undefined) return exact;
  const [, rest] = /^\/(?:latest|\d{4}-\d\d-\d\d|1\.0)\/(.+)$/.exec(path) ?? [];
  if (rest === undefined) return undefined;
  byTemplate ??= grown();
  const category = find(byTemplate, rest);
  return category && { ...category, path, decode: (body, as = path) => category.decode(body, as) };
}

/** True for an absolute path of what is listed rather than read as a value. */
export function isDirectory(path: string): boolean {
  const category = categoryOf(path);
  if (category === undefined) return path.endsWith('/');
  if (category.kind !== 'list') return category.kind === 'directory';
  // Some lists name what is below them, most are values of several lines.
  const above = category.template;
  return (
    above.endsWith('/') && rows().some(({ category: { template } }) => template !== above && template.startsWith(above))
  );
}
