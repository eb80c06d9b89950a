import { type Accessor, type Bind, below, eachWith, group } from './accessor.js';
import { type Category, optional, optionalOrEmpty, secret, under } from './category.js';
import { boolean, bytes, instantIfAny, publicKeys, textOrEmpty } from './decode.js';
import {
  ecsTaskCredentialsInfo,
  elasticGpuAssociation,
  elasticInferenceAccelerator,
  iamInfo,
  identityCredentialsInfo,
  instanceIdentityDocument,
  maintenanceEvents,
  type RoleCredentialsDocument,
  rebalanceRecommendation,
  roleCredentials,
  spotInstanceAction,
  type Word,
} from './documents.js';

/** Makes the two accessors that do more than read their category. */
export interface Composites<UserData> {
  /** Reads all tags by their keys; `category` is the directory above them. */
  readonly tags: (category: Category<unknown>) => Accessor<Readonly<Record<string, string>> | undefined>;
  /** Decodes the bytes of the category. */
  readonly userData: (category: Category<Uint8Array | undefined>) => Accessor<UserData | undefined>;
}

/** The accessors of all categories. */
export type Categories<UserData = unknown> = ReturnType<typeof categories<UserData>>;

type LifeCycle = 'on-demand' | 'spot' | 'scheduled' | 'capacity-block' | 'interruptible-capacity-reservation';
type LifecycleState = 'Detached' | 'InService' | 'Standby' | 'Terminated';
type WarmPoolState = `Warmed:${'Hibernated' | 'Running' | 'Stopped' | 'Terminated'}`;

/** The credentials of a role, below `meta-data/`. */
function credentials(name: string, ...role: readonly string[]): Category<RoleCredentialsDocument> {
  return {
    ...secret(under('meta-data/').json(roleCredentials)(name, 'live', ...role)),
    expiresAt: (document) => (document.AccessKeyId === undefined ? undefined : Date.parse(document.Expiration)),
  };
}

/**
 * THE table: every instance metadata category, dynamic data and user data, as accessors named after the path, segment
 * by segment. A row marked `optional` gives `undefined` on 404.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
export function categories<UserData>(bind: Bind, composites: Composites<UserData>) {
  const { scalar, count, list, directory, json, row } = under('meta-data/');
  const dynamic = under('dynamic/');
  const each = eachWith(bind);

  return {
    /** Names at the top of the instance metadata, such as `['ami-id', 'block-device-mapping/', …]`. */
    metaData: bind(directory('', 'live')),

    /** ID of the AMI, such as `ami-0a887e401f7654935`. Replacing the root volume of a running instance can change it. */
    amiId: bind(scalar('ami-id', 'live')),
    /** Position within the launch request, counted from `0`; always 0 under Auto Scaling and EC2 Fleet. */
    amiLaunchIndex: bind(count('ami-launch-index', 'immutable')),
    /** S3 path of the AMI's manifest, or the literal `(unknown)` when the AMI is backed by EBS. */
    amiManifestPath: bind(scalar('ami-manifest-path', 'immutable')),
    /** AMIs from which this one was rebundled, such as `['ami-0123456789abcdef0']`; `undefined` for nearly all AMIs. */
    ancestorAmiIds: bind(optional(list('ancestor-ami-ids', 'immutable'))),

    /** Names of the Auto Scaling data, such as `['target-lifecycle-state']`; `undefined` outside a group. */
    autoscaling: group(bind(optional(directory('autoscaling/', 'live'))), {
      /**
       * State that Auto Scaling is moving the instance to, such as `InService`; `undefined` outside a group and before
       * the first transition.
       * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
       */
      targetLifecycleState: bind<Word<LifecycleState | WarmPoolState> | undefined>(
        optional(scalar('autoscaling/target-lifecycle-state', 'live')),
      ),
    }),

    /**
     * Virtual devices as of the last start, such as `['ami', 'ebs1', 'root']`, without volumes attached later and NVMe
     * instance store volumes.
     */
    blockDeviceMapping: group(bind(directory('block-device-mapping/', 'stop-start')), {
      /** Device that holds the root file system, such as `/dev/xvda`. */
      ami: bind(scalar('block-device-mapping/ami', 'stop-start')),
      /** Device of the n-th further EBS volume, such as `sdb`; the numbers begin at 0 or 1. */
      ebs: each(1, (n: number) => optional(scalar('block-device-mapping/ebs{n}', 'stop-start', n))),
      /** Device of the n-th instance store volume that is not NVMe, such as `sdc`; the numbers begin at 0. */
      ephemeral: each(0, (n: number) => optional(scalar('block-device-mapping/ephemeral{n}', 'stop-start', n))),
      /** Device or partition of the root file system, such as `/dev/xvda1`. */
      root: bind(scalar('block-device-mapping/root', 'stop-start')),
      /** Device used for swap, such as `sda3`; `undefined` for nearly all instances. */
      swap: bind(optional(scalar('block-device-mapping/swap', 'stop-start'))),
    }),

    /** Names of the Elastic GPU data: `['associations/']`. AWS has retired the product. */
    elasticGpus: group(bind(optional(directory('elastic-gpus/', 'stop-start'))), {
      /** IDs of the Elastic GPUs, such as `['egpu-0123456789abcdef0']`. AWS has retired the product. */
      associations: group(bind(optional(directory('elastic-gpus/associations/', 'stop-start'))), {
        /** One Elastic GPU by its ID, such as `egpu-0123456789abcdef0`. AWS has retired the product. */
        elasticGpuId: each('egpu-0123456789abcdef0', (id: string) =>
          optional(json(elasticGpuAssociation)('elastic-gpus/associations/{elastic-gpu-id}', 'stop-start', id)),
        ),
      }),
    }),

    /** Names of the Elastic Inference data: `['associations/']`. AWS has retired the product. */
    elasticInference: group(bind(optional(directory('elastic-inference/', 'stop-start'))), {
      /**
       * IDs of the Elastic Inference accelerators, such as `['eia-bfa21c7904f64a82a21b9f4540169ce1']`. AWS has retired
       * the product.
       */
      associations: group(bind(optional(directory('elastic-inference/associations/', 'stop-start'))), {
        /** One accelerator by its ID, such as `eia-bfa21c7904f64a82a21b9f4540169ce1`. */
        eiaId: each('eia-bfa21c7904f64a82a21b9f4540169ce1', (id: string) =>
          optional(json(elasticInferenceAccelerator)('elastic-inference/associations/{eia-id}', 'stop-start', id)),
        ),
      }),
    }),

    /** Kinds of events, such as `['maintenance/', 'recommendations/']`. */
    events: group(bind(directory('events/', 'live')), {
      /** Names of the lists of maintenance events: `['history', 'scheduled']`. */
      maintenance: group(bind(directory('events/maintenance/', 'immutable')), {
        /** Maintenance events that are over, with a `State` of `completed` or `canceled`; `[]` when there were none. */
        history: bind(json(maintenanceEvents)('events/maintenance/history', 'live')),
        /** Maintenance events to come, with a `Code` such as `system-reboot`; `[]` when there are none. */
        scheduled: bind(json(maintenanceEvents)('events/maintenance/scheduled', 'live')),
      }),
      /** Names of the current recommendations: `['rebalance']`; `undefined` when there are none. */
      recommendations: group(bind(optional(directory('events/recommendations/', 'live'))), {
        /**
         * Rebalance recommendation for this Spot Instance, such as `{ noticeTime: '2020-11-05T08:22:00Z' }`;
         * `undefined` until one is emitted.
         */
        rebalance: bind(optional(json(rebalanceRecommendation)('events/recommendations/rebalance', 'live'))),
      }),
    }),

    /** Names of the hibernation data: `['configured']`. Not documented by AWS. */
    hibernation: group(bind(optional(directory('hibernation/', 'immutable'))), {
      /** `true` when the instance was launched with hibernation enabled. Not documented by AWS. */
      configured: bind(optionalOrEmpty(row('scalar', boolean)('hibernation/configured', 'immutable'))),
    }),

    /**
     * Private host name, such as `ip-172-16-34-43.ec2.internal`. As served: where the VPC's DHCP options hold several
     * domain names, they all stand in it, with blanks between.
     */
    hostname: bind(scalar('hostname', 'stop-start')),

    /** Names of the IAM data, such as `['info', 'security-credentials/']`; `undefined` without an instance profile. */
    iam: group(bind(optional(directory('iam/', 'live'))), {
      /**
       * The attached instance profile, with an ARN such as `arn:aws:iam::896453262835:instance-profile/web`, or a
       * `Code` and `Message` for what is wrong with it; `undefined` without one.
       */
      info: bind(optional(json(iamInfo)('iam/info', 'live'))),
      /** Name of the IAM role, such as `['web-role']`; `undefined` without an instance profile. */
      securityCredentials: group(bind(optional(list('iam/security-credentials/', 'live'))), {
        /**
         * Credentials of the role of this name, such as `web-role`, or a `Code` and `Message` for why there are none.
         * Secret.
         */
        role: each('web-role', (role: string) => optional(credentials('iam/security-credentials/{role}', role))),
      }),
      /** Name of the IAM role, such as `['web-role']`; `undefined` on most instances: AWS has not released this path. */
      securityCredentialsExtended: group(bind(optional(list('iam/security-credentials-extended/', 'live'))), {
        /** Credentials of the role of this name, such as `web-role`, with the `AccountId`. Secret. */
        role: each('web-role', (role: string) =>
          optional(credentials('iam/security-credentials-extended/{role}', role)),
        ),
      }),
    }),

    /**
     * Credentials of ECS tasks under one name space, such as `example`: a group of accessors, which called itself lists their
     * names: `['info', 'security-credentials/']`. Prepared in the ECS agent and not released by AWS; `undefined` elsewhere.
     */
    iamEcs: below('example', (ns: string) =>
      group(bind(optional(under('meta-data/iam-ecs-{ns}/', ns).directory('', 'live'))), {
        /**
         * Roles of the tasks, by task ID and role type, such as `TaskApplication`: `{ LastUpdated, TaskCredentials }`. Not
         * released by AWS.
         */
        info: bind(optional(under('meta-data/iam-ecs-{ns}/', ns).json(ecsTaskCredentialsInfo)('info', 'live'))),
        securityCredentials: {
          /** Credentials of one task, by its ID and role type, such as `0123456789abcdef-TaskApplication`. Secret. Not released by AWS. */
          taskRole: each('0123456789abcdef-TaskApplication', (task: string) =>
            optional(credentials('iam-ecs-{ns}/security-credentials/{task-role}', ns, task)),
          ),
        },
      }),
    ),

    /** Services with credentials of the instance identity role: `['ec2/']`. */
    identityCredentials: group(bind(directory('identity-credentials/', 'live')), {
      /** Names of the identity role data: `['info', 'security-credentials/']`. */
      ec2: group(bind(directory('identity-credentials/ec2/', 'immutable')), {
        /** Account of the instance, such as `329910648901`, and when its identity credentials were issued. */
        info: bind(json(identityCredentialsInfo)('identity-credentials/ec2/info', 'live')),
        /** Name of the identity role: `['ec2-instance']`. */
        securityCredentials: group(bind(list('identity-credentials/ec2/security-credentials/', 'immutable')), {
          /**
           * Credentials of the instance identity role, whose `Code` is `Success`. Secret. For AWS's own software on
           * the instance: other services refuse them.
           * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html#ec2-instance-identity-roles
           */
          ec2Instance: bind(credentials('identity-credentials/ec2/security-credentials/ec2-instance')),
        }),
      }),
    }),

    /** Tells the instance to reboot before bundling: `none`, `shutdown` or `bundle-pending`. Unrelated to Spot. */
    instanceAction: bind<Word<'none' | 'shutdown' | 'bundle-pending'>>(scalar('instance-action', 'live')),
    /** ID of this instance, such as `i-1234567890abcdef0`. */
    instanceId: bind(scalar('instance-id', 'immutable')),
    /** Purchasing option, such as `on-demand` or `spot`; the further words are the EC2 API's and presumably the same here. */
    instanceLifeCycle: bind<Word<LifeCycle>>(scalar('instance-life-cycle', 'immutable')),
    /** Instance type, such as `m7g.xlarge`. */
    instanceType: bind(scalar('instance-type', 'stop-start')),
    /** First IPv6 address of the primary interface, such as `2001:db8:8:4::2`; `undefined` when it has none. */
    ipv6: bind(optional(scalar('ipv6', 'live'))),
    /** Kernel of a paravirtual instance, such as `aki-5c21674b`; `undefined` otherwise. */
    kernelId: bind(optional(scalar('kernel-id', 'stop-start'))),
    /**
     * Private DNS name of the primary interface, such as `ip-172-16-34-43.ec2.internal`; with several domain names as
     * `hostname` has them.
     */
    localHostname: bind(scalar('local-hostname', 'stop-start')),
    /** Primary private IPv4 address, such as `172.16.34.43`; `undefined` on an IPv6-only instance. */
    localIpv4: bind(optional(scalar('local-ipv4', 'immutable'))),
    /** MAC address of the primary interface, such as `0e:49:61:0f:c3:11`. */
    mac: bind(scalar('mac', 'immutable')),

    /**
     * Names of the EC2 Instance Connect data, such as `['active-keys/', 'signer-cert/']`; `undefined` where there is
     * none. Not documented by AWS.
     */
    managedSshKeys: group(bind(optional(directory('managed-ssh-keys/', 'live'))), {
      /** Users with keys pushed within the last 60 seconds, such as `['ec2-user/']`; `undefined` when there are none. Not documented by AWS. */
      activeKeys: group(bind(optional(directory('managed-ssh-keys/active-keys/', 'live'))), {
        /**
         * Lines of the signed SSH keys pushed for one user, such as `ec2-user`, within the last 60 seconds; `undefined`
         * when there are none.
         */
        user: each('ec2-user', (user: string) => optional(list('managed-ssh-keys/active-keys/{user}/', 'live', user))),
      }),
      /** Certificates of the signer in PEM, beginning with `-----BEGIN CERTIFICATE-----`. */
      signerCert: bind(optional(scalar('managed-ssh-keys/signer-cert/', 'live'))),
      /** Names of the OCSP responses for the signer's certificates, such as `['9bf6a4…']`: their fingerprints. */
      signerOcsp: group(bind(optional(list('managed-ssh-keys/signer-ocsp/', 'live'))), {
        /** One OCSP response in base64, such as `MIIB…`, by its name in the listing. */
        name: each('9bf6a4d1e2', (name: string) =>
          optional(scalar('managed-ssh-keys/signer-ocsp/{name}', 'live', name)),
        ),
      }),
    }),

    /** Names of the host metrics: `['vhostmd']`. AWS has retired them. */
    metrics: group(bind(optional(directory('metrics/', 'immutable'))), {
      /** The rest of the host metrics: `<?xml version="1.0" encoding="UTF-8"?>`. */
      vhostmd: bind(optional(scalar('metrics/vhostmd', 'immutable'))),
    }),

    /** Names of the network data: `['interfaces/']`. */
    network: group(bind(directory('network/', 'immutable')), {
      /** Names of the interface data: `['macs/']`. */
      interfaces: group(bind(directory('network/interfaces/', 'immutable')), {
        /** MAC addresses of the attached interfaces, such as `['0e:49:61:0f:c3:11/']`. */
        macs: group(bind(directory('network/interfaces/macs/', 'live')), {
          /**
           * One interface by its MAC address, such as `0e:49:61:0f:c3:11`: a group of accessors, which called itself
           * lists their names.
           */
          mac: below('0e:49:61:0f:c3:11', (mac: string) => {
            const nic = under('meta-data/network/interfaces/macs/{mac}/', mac);
            return group(bind(nic.directory('', 'live')), {
              /** Device index, such as `1`; 0 for a while after an interface is attached to a running instance. */
              deviceNumber: bind({
                ...nic.count('device-number', 'immutable'),
                isSettled: (number) => number !== 0,
              }),
              /** ID of the interface, such as `eni-0f95d3625f5c521cc`. */
              interfaceId: bind(nic.scalar('interface-id', 'immutable')),
              /** Public and Elastic IP addresses, such as `['192.0.2.54']`; `undefined` when there are none. */
              ipv4Associations: group(bind(optional(nic.directory('ipv4-associations/', 'live'))), {
                /** Private addresses behind a public one, such as `['172.16.34.43']`. */
                publicIp: each('192.0.2.54', (ip: string) =>
                  optional(nic.list('ipv4-associations/{public-ip}', 'live', ip)),
                ),
              }),
              /** Delegated IPv4 prefixes, such as `['10.0.1.16/28']`; `undefined` when there are none. */
              ipv4Prefix: bind(optional(nic.list('ipv4-prefix', 'live'))),
              /** Delegated IPv6 prefixes, such as `['2001:db8:0:1:a::/80']`; `undefined` when there are none. */
              ipv6Prefix: bind(optional(nic.list('ipv6-prefix', 'live'))),
              /** IPv6 addresses, such as `['2001:db8:8:4::2']`; `undefined` when there are none. */
              ipv6s: bind(optional(nic.list('ipv6s', 'live'))),
              /** Private DNS name, such as `ip-172-16-34-43.ec2.internal`. */
              localHostname: bind(nic.scalar('local-hostname', 'stop-start')),
              /** Private IPv4 addresses, primary first, such as `['172.31.44.13']`; `undefined` when there are none. */
              localIpv4s: bind(optional(nic.list('local-ipv4s', 'live'))),
              /** MAC address, such as `0e:49:61:0f:c3:11`. */
              mac: bind(nic.scalar('mac', 'immutable')),
              /** Index of the network card, such as `1`; `undefined` stands for 0. */
              networkCard: bind(optional(nic.count('network-card', 'immutable'))),
              /** Account that owns the interface, such as `515336597381`; may differ from the instance's. */
              ownerId: bind(nic.scalar('owner-id', 'immutable')),
              /** Seen in very old listings only, meaning unknown; presumably a text such as `default-hvm`. */
              profile: bind(optional(nic.scalar('profile', 'immutable'))),
              /** Public DNS name, such as `ec2-192-0-2-54.compute-1.amazonaws.com`; `undefined` when there is none. */
              publicHostname: bind(optionalOrEmpty(nic.scalar('public-hostname', 'live'))),
              /** Public and Elastic IP addresses, such as `['192.0.2.54']`; `undefined` when there are none. */
              publicIpv4s: bind(optional(nic.list('public-ipv4s', 'live'))),
              /** Names of the security groups, such as `['web-servers']`. */
              securityGroups: bind(nic.list('security-groups', 'live')),
              /** IDs of the security groups, such as `['sg-0b07f8f6cb485d4df']`. */
              securityGroupIds: bind(nic.list('security-group-ids', 'live')),
              /** ID of the subnet, such as `subnet-0ac62554`. */
              subnetId: bind(nic.scalar('subnet-id', 'immutable')),
              /** IPv4 range of the subnet, such as `192.0.2.0/24`; `undefined` in an IPv6-only subnet. */
              subnetIpv4CidrBlock: bind(optional(nic.scalar('subnet-ipv4-cidr-block', 'immutable'))),
              /** IPv6 ranges of the subnet, such as `['2600:1f16:67f:f201:0:0:0:0/64']`; `undefined` without any. */
              subnetIpv6CidrBlocks: bind(optional(nic.list('subnet-ipv6-cidr-blocks', 'live'))),
              /** ID of the VPC, such as `vpc-d295a6a7`. */
              vpcId: bind(nic.scalar('vpc-id', 'immutable')),
              /** Primary IPv4 range of the VPC, such as `192.0.2.0/24`. */
              vpcIpv4CidrBlock: bind(nic.scalar('vpc-ipv4-cidr-block', 'immutable')),
              /** All IPv4 ranges of the VPC, such as `['192.0.2.0/24', '198.51.100.0/24']`. */
              vpcIpv4CidrBlocks: bind(nic.list('vpc-ipv4-cidr-blocks', 'live')),
              /** IPv6 ranges of the VPC, such as `['2600:1f16:67f:f200:0:0:0:0/56']`; `undefined` without any. */
              vpcIpv6CidrBlocks: bind(optional(nic.list('vpc-ipv6-cidr-blocks', 'live'))),
            });
          }),
        }),
      }),
    }),

    /** Names of the placement data, such as `['availability-zone', 'region', …]`. */
    placement: group(bind(directory('placement/', 'stop-start')), {
      /** Availability Zone as this account names it, such as `us-east-1a`. The region cannot be cut from it: `us-west-2-lax-1a`. */
      availabilityZone: bind(scalar('placement/availability-zone', 'immutable')),
      /** Availability Zone as all accounts name it, such as `use1-az4`; `undefined` on instances from before October 2019. */
      availabilityZoneId: bind(optional(scalar('placement/availability-zone-id', 'immutable'))),
      /** Name of the placement group, such as `my-cluster`; `undefined` outside one. */
      groupName: bind(optional(scalar('placement/group-name', 'stop-start'))),
      /** ID of the Dedicated Host, such as `h-0da999999f9999fb9`; `undefined` elsewhere. */
      hostId: bind(optional(scalar('placement/host-id', 'stop-start'))),
      /** Number of the partition, such as `1`; `undefined` outside a partition placement group. */
      partitionNumber: bind(optional(count('placement/partition-number', 'stop-start'))),
      /** Region, such as `us-east-1`. */
      region: bind(scalar('placement/region', 'immutable')),
    }),

    /** AWS Marketplace product codes, such as `['3iplms73etrdhxdepv72l6ywj']`; `undefined` when there are none. */
    productCodes: bind(optional(list('product-codes', 'immutable'))),
    /** Virtualization profile, such as `default-hvm`. Not documented by AWS. */
    profile: bind<Word<'default-hvm' | 'default-paravirtual'> | undefined>(optional(scalar('profile', 'immutable'))),
    /** Public DNS name, such as `ec2-192-0-2-54.compute-1.amazonaws.com`; `undefined` when there is none. */
    publicHostname: bind(optionalOrEmpty(scalar('public-hostname', 'live'))),
    /** Public or Elastic IPv4 address, such as `192.0.2.54`; `undefined` when there is none. */
    publicIpv4: bind(optional(scalar('public-ipv4', 'live'))),

    /** Key pairs of the launch, such as `[{ index: 0, name: 'my-public-key' }]`; `undefined` when there was none. */
    publicKeys: group(bind(optional(row('list', publicKeys)('public-keys/', 'immutable'))), {
      /** One key pair by its index: a group, which called itself lists the formats of the key: `['openssh-key']`. */
      n: below(0, (n: number) => {
        const key = under('meta-data/public-keys/{n}/', n);
        return group(bind(optional(key.directory('', 'immutable'))), {
          /** The public key as OpenSSH writes it, such as `ssh-rsa AAAAB3NzaC1yc2E… my-public-key`. */
          opensshKey: bind(optional(key.scalar('openssh-key', 'immutable'))),
        });
      }),
    }),

    /** RAM disk of a paravirtual instance, such as `ari-01bb5768`; `undefined` otherwise. */
    ramdiskId: bind(optional(scalar('ramdisk-id', 'stop-start'))),
    /** ID of the reservation, such as `r-046cb3eca3e201d2f`. */
    reservationId: bind(scalar('reservation-id', 'immutable')),
    /** Names of the security groups, such as `['web-servers']`. */
    securityGroups: bind(list('security-groups', 'live')),

    /** Names of the data about the region's services: `['domain', 'partition']`. */
    services: group(bind(directory('services/', 'immutable')), {
      /** Domain of the region's AWS services, such as `amazonaws.com`. */
      domain: bind(scalar('services/domain', 'immutable')),
      /** Partition of the region, such as `aws`. */
      partition: bind<Word<'aws' | 'aws-cn' | 'aws-us-gov'>>(scalar('services/partition', 'immutable')),
    }),

    /** Names of the current Spot notices, such as `['instance-action', 'termination-time']`; `undefined` without any. */
    spot: group(bind(optional(directory('spot/', 'live'))), {
      /**
       * Spot interruption notice, such as `{ action: 'terminate', time: '2017-09-18T08:22:00Z' }`, about two minutes
       * ahead; `undefined` until one is issued.
       */
      instanceAction: bind(optional(json(spotInstanceAction)('spot/instance-action', 'live'))),
      /**
       * Termination time, such as `2015-01-05T18:02:00Z`: the older form of the notice, not given for stops and
       * hibernation. May be in the past; `undefined` without a notice.
       */
      terminationTime: bind(optional(row('scalar', instantIfAny)('spot/termination-time', 'live'))),
    }),

    /** Virtualization system, such as `nitro`. */
    system: bind<Word<'nitro' | 'xen' | 'xen-on-nitro'> | undefined>(optional(scalar('system', 'stop-start'))),

    /**
     * All tags of the instance, such as `{ Name: 'web-1' }`; `undefined` unless `InstanceMetadataTags` is enabled.
     * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
     */
    tags: group(composites.tags(optional(directory('tags/', 'live'))), {
      /** Keys of the tags, such as `['Name', 'Stage']`; `undefined` unless `InstanceMetadataTags` is enabled. */
      instance: group(bind(optional(list('tags/instance/', 'live'))), {
        /** Value of the tag with this key, such as `web-1` for `Name`; may be empty; `undefined` without such a tag. */
        tagKey: each('Name', (key: string) =>
          optional(row('scalar', textOrEmpty)('tags/instance/{tag-key}', 'live', key)),
        ),
      }),
    }),

    /** Names at the top of the dynamic data, such as `['fws/', 'instance-identity/']`. */
    dynamic: group(bind(dynamic.directory('', 'live')), {
      /** Names of the monitoring data: `['instance-monitoring']`. */
      fws: group(bind(dynamic.directory('fws/', 'immutable')), {
        /** Detailed CloudWatch monitoring: `enabled` or `disabled`. */
        instanceMonitoring: bind<Word<'enabled' | 'disabled'>>(dynamic.scalar('fws/instance-monitoring', 'live')),
      }),
      /** Names of the identity document and its signatures, such as `['document', 'pkcs7', 'rsa2048', 'signature']`. */
      instanceIdentity: group(bind(dynamic.directory('instance-identity/', 'stop-start')), {
        /**
         * The instance identity document, with a `region` such as `us-east-1`. Its signatures cover the bytes as served:
         * see `verifyIdentityDocument`.
         */
        document: bind(dynamic.json(instanceIdentityDocument)('instance-identity/document', 'stop-start')),
        /** PKCS #7 signature (DSA, SHA-1) in base64 lines, such as `MIAGCSqGSIb3DQEHAqCAMIACAQExCzAJBgUrDgMC…`. */
        pkcs7: bind(dynamic.scalar('instance-identity/pkcs7', 'stop-start')),
        /** Signature (RSA-1024, SHA-256) in base64 lines, such as `TesTTKmBbj+DUw6ut6BOr4mFGpax/k6BhIbsotUHvSIh…`. */
        signature: bind(dynamic.scalar('instance-identity/signature', 'stop-start')),
        /** PKCS #7 signature (RSA-2048, SHA-256) in base64 lines, such as `MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglghkgB…`. */
        rsa2048: bind(dynamic.scalar('instance-identity/rsa2048', 'stop-start')),
        /** Not documented by AWS, and not on every instance; presumably base64 lines such as `MIAGCSqGSIb3DQEH…`. */
        dsa2048: bind(optional(dynamic.scalar('instance-identity/dsa2048', 'stop-start'))),
      }),
    }),

    /**
     * The user data, decoded, such as `{ raw, parts: [{ kind: 'script', text: '#!/bin/bash …' }] }`; `undefined` when there
     * is none. Secret. Gzip, MIME and base64 are decoded; when they are broken, `imds.getBuffer('user-data')` still gives
     * the bytes.
     * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
     */
    userData: composites.userData(optional(secret(under('').row('binary', bytes)('user-data', 'stop-start')))),
  };
}
