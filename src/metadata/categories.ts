import type { Accessor } from './accessor.js';
import { boolean, bytes, instantIfAny, publicKeys, textOrEmpty } from './decode.js';
import * as documents from './documents.js';
import { networkInterface } from './network-interface.js';
import { below, each, group, optional, optionalOrEmpty, secret, under, whole } from './rows.js';

type Tags = Readonly<Record<string, string>>;
type LifeCycle = 'on-demand' | 'spot' | 'scheduled' | 'capacity-block' | 'interruptible-capacity-reservation';
type WarmState = `Warmed:${'Hibernated' | 'Running' | 'Stopped' | 'Terminated'}`;
type TargetState = documents.Word<'Detached' | 'InService' | 'Standby' | 'Terminated' | WarmState>;

const { scalar, count, list, directory, json, row } = under('meta-data/');
const dynamic = under('dynamic/');

const credentials = (name: string) =>
  secret(json(name, 'live', documents.roleCredentials), {
    expiresAt: (document) => (document.AccessKeyId === undefined ? undefined : Date.parse(document.Expiration)),
  });

/**
 * THE table: every instance metadata category, dynamic data and user data, by the names of their paths, segment by segment.
 * A row marked `optional` gives `undefined` on 404.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
const named = {
  /** Names at the top of the instance metadata, such as `['ami-id', 'block-device-mapping/', …]`. */
  metaData: directory('', 'live'),
  /** ID of the AMI, such as `ami-0a887e401f7654935`. Replacing the root volume of a running instance can change it. */
  amiId: scalar('ami-id', 'live'),
  /** Position within the launch request, counted from `0`; always 0 under Auto Scaling and EC2 Fleet. */
  amiLaunchIndex: count('ami-launch-index', 'immutable'),
  /** S3 path of the AMI's manifest, or the literal `(unknown)` when the AMI is backed by EBS. */
  amiManifestPath: scalar('ami-manifest-path', 'immutable'),
  /** AMIs from which this one was rebundled, such as `['ami-0123456789abcdef0']`; `undefined` for nearly all AMIs. */
  ancestorAmiIds: optional(list('ancestor-ami-ids', 'immutable')),
  /** Names of the Auto Scaling data, such as `['target-lifecycle-state']`; `undefined` outside a group. */
  autoscaling: group(optional(directory('autoscaling/', 'live')), () => ({
    /**
     * State that Auto Scaling is moving the instance to, such as `InService`; `undefined` outside a group and before
     * the first transition.
     * @see https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
     */
    targetLifecycleState: optional(scalar<TargetState>('autoscaling/target-lifecycle-state', 'live')),
  })),
  /** Virtual devices at the last start, such as `['ami', 'ebs1', 'root']`, without later volumes and NVMe instance store volumes. */
  blockDeviceMapping: group(directory('block-device-mapping/', 'stop-start'), () => ({
    /** Device that holds the root file system, such as `/dev/xvda`. */
    ami: scalar('block-device-mapping/ami', 'stop-start'),
    /** Device of the n-th further EBS volume, such as `sdb`; the numbers begin at 0 or 1. */
    ebs: each(1, optional(scalar('block-device-mapping/ebs{n}', 'stop-start'))),
    /** Device of the n-th instance store volume that is not NVMe, such as `sdc`; the numbers begin at 0. */
    ephemeral: each(0, optional(scalar('block-device-mapping/ephemeral{n}', 'stop-start'))),
    /** Device or partition of the root file system, such as `/dev/xvda1`. */
    root: scalar('block-device-mapping/root', 'stop-start'),
    /** Device used for swap, such as `sda3`; `undefined` for nearly all instances. */
    swap: optional(scalar('block-device-mapping/swap', 'stop-start')),
  })),
  /** Names of the Elastic GPU data: `['associations/']`. Retired by AWS. */
  elasticGpus: group(optional(directory('elastic-gpus/', 'stop-start')), () => ({
    /** IDs of the Elastic GPUs, such as `['egpu-0123456789abcdef0']`. Retired by AWS. */
    associations: group(optional(directory('elastic-gpus/associations/', 'stop-start')), () => ({
      /** One Elastic GPU by its ID, such as `egpu-0123456789abcdef0`. Retired by AWS. */
      elasticGpuId: each(
        'egpu-0123456789abcdef0',
        optional(json('elastic-gpus/associations/{elastic-gpu-id}', 'stop-start', documents.elasticGpuAssociation)),
      ),
    })),
  })),
  /** Names of the Elastic Inference data: `['associations/']`. Retired by AWS. */
  elasticInference: group(optional(directory('elastic-inference/', 'stop-start')), () => ({
    /** IDs of the Elastic Inference accelerators, such as `['eia-bfa21c7904f64a82a21b9f4540169ce1']`. Retired by AWS. */
    associations: group(optional(directory('elastic-inference/associations/', 'stop-start')), () => ({
      /** One accelerator by its ID, such as `eia-bfa21c7904f64a82a21b9f4540169ce1`. */
      eiaId: each(
        'eia-bfa21c7904f64a82a21b9f4540169ce1',
        optional(json('elastic-inference/associations/{eia-id}', 'stop-start', documents.elasticInferenceAccelerator)),
      ),
    })),
  })),
  /** Kinds of events, such as `['maintenance/', 'recommendations/']`. */
  events: group(directory('events/', 'live'), () => ({
    /** Names of the lists of maintenance events: `['history', 'scheduled']`. */
    maintenance: group(directory('events/maintenance/', 'immutable'), () => ({
      /** Maintenance events that are over, with a `State` of `completed` or `canceled`; `[]` when there were none. */
      history: json('events/maintenance/history', 'live', documents.maintenanceEvents),
      /** Maintenance events to come, with a `Code` such as `system-reboot`; `[]` when there are none. */
      scheduled: json('events/maintenance/scheduled', 'live', documents.maintenanceEvents),
    })),
    /** Names of the current recommendations: `['rebalance']`; `undefined` when there are none. */
    recommendations: group(optional(directory('events/recommendations/', 'live')), () => ({
      /** Rebalance recommendation, such as `{ noticeTime: '2020-11-05T08:22:00Z' }`; `undefined` until one is emitted. */
      rebalance: optional(json('events/recommendations/rebalance', 'live', documents.rebalanceRecommendation)),
    })),
  })),
  /** Names of the hibernation data: `['configured']`. Not documented by AWS. */
  hibernation: group(optional(directory('hibernation/', 'immutable')), () => ({
    /** `true` when the instance was launched with hibernation enabled. Not documented by AWS. */
    configured: optionalOrEmpty(row('scalar', 'hibernation/configured', 'immutable', boolean)),
  })),
  /** Private host name, such as `ip-172-16-34-43.ec2.internal`. With several domain names in the VPC's DHCP options, it holds them all. */
  hostname: scalar('hostname', 'stop-start'),
  /** Names of the IAM data, such as `['info', 'security-credentials/']`; `undefined` without an instance profile. */
  iam: group(optional(directory('iam/', 'live')), () => ({
    /** The attached instance profile, such as `{ Code: 'Success', InstanceProfileArn: 'arn:aws:iam::…:instance-profile/web', … }`; `undefined` without one. */
    info: optional(json('iam/info', 'live', documents.iamInfo)),
    /** Name of the IAM role, such as `['web-role']`; `undefined` without an instance profile. */
    securityCredentials: group(optional(list('iam/security-credentials/', 'live')), () => ({
      /** Credentials of the role of this name, such as `web-role`, or a `Code` and `Message` for why there are none. Secret. */
      role: each('web-role', optional(credentials('iam/security-credentials/{role}'))),
    })),
    /** Name of the IAM role, such as `['web-role']`; `undefined` on most instances: AWS has not released this path. */
    securityCredentialsExtended: group(optional(list('iam/security-credentials-extended/', 'live')), () => ({
      /** Credentials of the role of this name, such as `web-role`, with the `AccountId`. Secret. */
      role: each('web-role', optional(credentials('iam/security-credentials-extended/{role}'))),
    })),
  })),
  /** Credentials of ECS tasks under one name space: a group; called itself, it lists its names, such as `['info']`. Not released by AWS. */
  iamEcs: below('example', optional(directory('iam-ecs-{ns}/', 'live')), () => ({
    /** Roles of the tasks, by task ID and role type: `{ LastUpdated, TaskCredentials }`. */
    info: optional(json('iam-ecs-{ns}/info', 'live', documents.ecsTaskCredentialsInfo)),
    securityCredentials: group({}, () => ({
      /** Credentials of one task, by its ID and role type, such as `0123456789abcdef-TaskApplication`. Secret. */
      taskRole: each(
        '0123456789abcdef-TaskApplication',
        optional(credentials('iam-ecs-{ns}/security-credentials/{task-role}')),
      ),
    })),
  })),
  /** Services with credentials of the instance identity role: `['ec2/']`. */
  identityCredentials: group(directory('identity-credentials/', 'live'), () => ({
    /** Names of the identity role data: `['info', 'security-credentials/']`. */
    ec2: group(directory('identity-credentials/ec2/', 'immutable'), () => ({
      /** Account of the instance, such as `329910648901`, and when its identity credentials were issued. */
      info: json('identity-credentials/ec2/info', 'live', documents.identityCredentialsInfo),
      /** Name of the identity role: `['ec2-instance']`. */
      securityCredentials: group(list('identity-credentials/ec2/security-credentials/', 'immutable'), () => ({
        /**
         * Credentials of the instance identity role, whose `Code` is `Success`. Secret. For AWS's own software on
         * the instance: other services refuse them.
         * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html#ec2-instance-identity-roles
         */
        ec2Instance: credentials('identity-credentials/ec2/security-credentials/ec2-instance'),
      })),
    })),
  })),
  /** Tells the instance to reboot before bundling: `none`, `shutdown` or `bundle-pending`. Unrelated to Spot. */
  instanceAction: scalar<documents.Word<'none' | 'shutdown' | 'bundle-pending'>>('instance-action', 'live'),
  /** ID of this instance, such as `i-1234567890abcdef0`. */
  instanceId: scalar('instance-id', 'immutable'),
  /** Purchasing option, such as `on-demand` or `spot`; the further words are the EC2 API's and presumably the same here. */
  instanceLifeCycle: scalar<documents.Word<LifeCycle>>('instance-life-cycle', 'immutable'),
  /** Instance type, such as `m7g.xlarge`. */
  instanceType: scalar('instance-type', 'stop-start'),
  /** First IPv6 address of the primary interface, such as `2001:db8:8:4::2`; `undefined` when it has none. */
  ipv6: optional(scalar('ipv6', 'live')),
  /** Kernel of a paravirtual instance, such as `aki-5c21674b`; `undefined` otherwise. */
  kernelId: optional(scalar('kernel-id', 'stop-start')),
  /** Private DNS name of the primary interface, such as `ip-172-16-34-43.ec2.internal`; with several domain names as `hostname`. */
  localHostname: scalar('local-hostname', 'stop-start'),
  /** Primary private IPv4 address, such as `172.16.34.43`; `undefined` on an IPv6-only instance. */
  localIpv4: optional(scalar('local-ipv4', 'immutable')),
  /** MAC address of the primary interface, such as `0e:49:61:0f:c3:11`. */
  mac: scalar('mac', 'immutable'),
  /** Names of the EC2 Instance Connect data, such as `['active-keys/']`; `undefined` where there are none. Not documented by AWS. */
  managedSshKeys: group(optional(directory('managed-ssh-keys/', 'live')), () => ({
    /** Users with keys pushed within the last 60 seconds, such as `['ec2-user/']`; `undefined` without any. */
    activeKeys: group(optional(directory('managed-ssh-keys/active-keys/', 'live')), () => ({
      /** Signed SSH keys pushed for one user, such as `ec2-user`, within the last 60 seconds, one a line; `undefined` without any. */
      user: each('ec2-user', optional(list('managed-ssh-keys/active-keys/{user}/', 'live'))),
    })),
    /** Certificates of the signer in PEM, beginning with `-----BEGIN CERTIFICATE-----`. */
    signerCert: optional(scalar('managed-ssh-keys/signer-cert/', 'live')),
    /** Names of the OCSP responses for the signer's certificates, such as `['9bf6a4…']`: their fingerprints. */
    signerOcsp: group(optional(list('managed-ssh-keys/signer-ocsp/', 'live')), () => ({
      /** One OCSP response in base64, such as `MIIB…`, by its name in the listing. */
      name: each('9bf6a4d1e2', optional(scalar('managed-ssh-keys/signer-ocsp/{name}', 'live'))),
    })),
  })),
  /** Names of the host metrics: `['vhostmd']`. AWS has retired them. */
  metrics: group(optional(directory('metrics/', 'immutable')), () => ({
    /** The rest of the host metrics: `<?xml version="1.0" encoding="UTF-8"?>`. */
    vhostmd: optional(scalar('metrics/vhostmd', 'immutable')),
  })),
  /** Names of the network data: `['interfaces/']`. */
  network: group(directory('network/', 'immutable'), () => ({
    /** Names of the interface data: `['macs/']`. */
    interfaces: group(directory('network/interfaces/', 'immutable'), () => ({
      /** MAC addresses of the attached interfaces, such as `['0e:49:61:0f:c3:11/']`. */
      macs: group(directory('network/interfaces/macs/', 'live'), () => ({
        /** One interface by its MAC address, such as `0e:49:61:0f:c3:11`: a group; called itself, it lists its names. */
        mac: networkInterface as typeof networkInterface,
      })),
    })),
  })),
  /** Names of the placement data, such as `['availability-zone', 'region', …]`. */
  placement: group(directory('placement/', 'stop-start'), () => ({
    /** Availability Zone as this account names it, such as `us-east-1a`. The region cannot be cut from it: `us-west-2-lax-1a`. */
    availabilityZone: scalar('placement/availability-zone', 'immutable'),
    /** Availability Zone as all accounts name it, such as `use1-az4`; `undefined` on instances from before October 2019. */
    availabilityZoneId: optional(scalar('placement/availability-zone-id', 'immutable')),
    /** Name of the placement group, such as `my-cluster`; `undefined` outside one. */
    groupName: optional(scalar('placement/group-name', 'stop-start')),
    /** ID of the Dedicated Host, such as `h-0da999999f9999fb9`; `undefined` elsewhere. */
    hostId: optional(scalar('placement/host-id', 'stop-start')),
    /** Number of the partition, such as `1`; `undefined` outside a partition placement group. */
    partitionNumber: optional(count('placement/partition-number', 'stop-start')),
    /** Region, such as `us-east-1`. */
    region: scalar('placement/region', 'immutable'),
  })),
  /** AWS Marketplace product codes, such as `['3iplms73etrdhxdepv72l6ywj']`; `undefined` when there are none. */
  productCodes: optional(list('product-codes', 'immutable')),
  /** Virtualization profile, such as `default-hvm`. Not documented by AWS. */
  profile: optional(scalar<documents.Word<'default-hvm' | 'default-paravirtual'>>('profile', 'immutable')),
  /** Public DNS name, such as `ec2-192-0-2-54.compute-1.amazonaws.com`; `undefined` when there is none. */
  publicHostname: optionalOrEmpty(scalar('public-hostname', 'live')),
  /** Public or Elastic IPv4 address, such as `192.0.2.54`; `undefined` when there is none. */
  publicIpv4: optional(scalar('public-ipv4', 'live')),
  /** Key pairs of the launch, such as `[{ index: 0, name: 'my-public-key' }]`; `undefined` when there was none. */
  publicKeys: group(optional(row('list', 'public-keys/', 'immutable', publicKeys)), () => ({
    /** One key pair by its index: a group, which called itself lists the formats of the key: `['openssh-key']`. */
    n: below(0, optional(directory('public-keys/{n}/', 'immutable')), () => ({
      /** The public key as OpenSSH writes it, such as `ssh-rsa AAAAB3NzaC1yc2E… my-public-key`. */
      opensshKey: optional(scalar('public-keys/{n}/openssh-key', 'immutable')),
    })),
  })),
  /** RAM disk of a paravirtual instance, such as `ari-01bb5768`; `undefined` otherwise. */
  ramdiskId: optional(scalar('ramdisk-id', 'stop-start')),
  /** ID of the reservation, such as `r-046cb3eca3e201d2f`. */
  reservationId: scalar('reservation-id', 'immutable'),
  /** Names of the security groups, such as `['web-servers']`. */
  securityGroups: list('security-groups', 'live'),
  /** Names of the data about the region's services: `['domain', 'partition']`. */
  services: group(directory('services/', 'immutable'), () => ({
    /** Domain of the region's AWS services, such as `amazonaws.com`. */
    domain: scalar('services/domain', 'immutable'),
    /** Partition of the region, such as `aws`. */
    partition: scalar<documents.Word<'aws' | 'aws-cn' | 'aws-us-gov'>>('services/partition', 'immutable'),
  })),
  /** Names of the current Spot notices, such as `['instance-action', 'termination-time']`; `undefined` without any. */
  spot: group(optional(directory('spot/', 'live')), () => ({
    /** Spot interruption notice, such as `{ action: 'terminate', time: '2017-09-18T08:22:00Z' }` about two minutes ahead; else `undefined`. */
    instanceAction: optional(json('spot/instance-action', 'live', documents.spotInstanceAction)),
    /** Older form of the notice, for terminations alone, such as `2015-01-05T18:02:00Z`; may be in the past; `undefined` without one. */
    terminationTime: optional(row('scalar', 'spot/termination-time', 'live', instantIfAny)),
  })),
  /** Virtualization system, such as `nitro`. */
  system: optional(scalar<documents.Word<'nitro' | 'xen' | 'xen-on-nitro'>>('system', 'stop-start')),
  /**
   * All tags of the instance, such as `{ Name: 'web-1' }`; `undefined` unless `InstanceMetadataTags` is enabled.
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
   */
  tags: group(whole<Tags | undefined>(optional(directory('tags/', 'live'))), () => ({
    /** Keys of the tags, such as `['Name', 'Stage']`; `undefined` unless `InstanceMetadataTags` is enabled. */
    instance: group(optional(list('tags/instance/', 'live')), () => ({
      /** Value of the tag with this key, such as `web-1` for `Name`; may be empty; `undefined` without such a tag. */
      tagKey: each('Name', optional(row('scalar', 'tags/instance/{tag-key}', 'live', textOrEmpty))),
    })),
  })),
  /** Names at the top of the dynamic data, such as `['fws/', 'instance-identity/']`. */
  dynamic: group(dynamic.directory('', 'live'), () => ({
    /** Names of the monitoring data: `['instance-monitoring']`. */
    fws: group(dynamic.directory('fws/', 'immutable'), () => ({
      /** Detailed CloudWatch monitoring: `enabled` or `disabled`. */
      instanceMonitoring: dynamic.scalar<documents.Word<'enabled' | 'disabled'>>('fws/instance-monitoring', 'live'),
    })),
    /** Names of the identity document and its signatures, such as `['document', 'pkcs7', 'rsa2048', 'signature']`. */
    instanceIdentity: group(dynamic.directory('instance-identity/', 'stop-start'), () => ({
      /** The instance identity document, with a `region` such as `us-east-1`. `verifyIdentityDocument` checks its signatures. */
      document: dynamic.json('instance-identity/document', 'stop-start', documents.instanceIdentityDocument),
      /** PKCS #7 signature (DSA, SHA-1) in base64 lines, such as `MIAGCSqGSIb3DQEHAqCAMIACAQExCzAJBgUrDgMC…`. */
      pkcs7: dynamic.scalar('instance-identity/pkcs7', 'stop-start'),
      /** Signature (RSA-1024, SHA-256) in base64 lines, such as `TesTTKmBbj+DUw6ut6BOr4mFGpax/k6BhIbsotUHvSIh…`. */
      signature: dynamic.scalar('instance-identity/signature', 'stop-start'),
      /** PKCS #7 signature (RSA-2048, SHA-256) in base64 lines, such as `MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglghkgB…`. */
      rsa2048: dynamic.scalar('instance-identity/rsa2048', 'stop-start'),
      /** Not documented by AWS, and not on every instance; presumably base64 lines such as `MIAGCSqGSIb3DQEH…`. */
      dsa2048: optional(dynamic.scalar('instance-identity/dsa2048', 'stop-start')),
    })),
  })),
};

/** The table with user data, whose accessor decodes it further. */
export const table = {
  ...named,
  userData: optional(secret(under('').row('binary', 'user-data', 'stop-start', bytes))),
};

type Named = typeof named;

/** The accessors of all categories. `UserData` is what user data is decoded to. */
export interface Categories<UserData = unknown> extends Named {
  /**
   * The user data, decoded, such as `{ raw, parts: [{ kind: 'script', text: '#!/bin/bash …' }] }`; `undefined` when there
   * is none. Secret. Gzip, MIME and base64 are decoded; when they are broken, `imds.getBuffer('user-data')` still gives
   * the bytes.
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
   */
  userData: Accessor<UserData | undefined>;
}
