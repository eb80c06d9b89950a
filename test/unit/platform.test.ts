import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Facts, type Platform, platform } from '../../src/platform.js';

const dmi = '/sys/devices/virtual/dmi/id';

/** A machine that has these files; those without text exist only. */
const machine = (files: Readonly<Record<string, string>>, env: Facts['env'] = {}, interfaces = ['eth0']): Facts => ({
  read: (path) => files[path],
  exists: (path) => path in files,
  interfaces: () => interfaces,
  env,
});

describe('platform', () => {
  const machines: readonly {
    what: string;
    facts: Facts;
    tells: { readonly [Name in keyof Platform]?: Platform[Name] | undefined };
  }[] = [
    {
      what: 'a Nitro instance',
      facts: machine({ [`${dmi}/board_asset_tag`]: 'i-0123456789abcdef0', [`${dmi}/sys_vendor`]: 'Amazon EC2' }),
      tells: { onEc2: true, instanceId: 'i-0123456789abcdef0', container: 'none', hasHostNetwork: true },
    },
    {
      what: 'an instance whose asset tag is no instance ID',
      facts: machine({ [`${dmi}/board_asset_tag`]: 'Not Specified', [`${dmi}/bios_vendor`]: 'Amazon EC2' }),
      tells: { onEc2: true, why: 'bios_vendor is Amazon EC2' },
    },
    {
      what: 'a Xen instance',
      facts: machine({ '/sys/hypervisor/uuid': 'ec2e1916-9099-7caf-fd21-012345abcdef', [`${dmi}/sys_vendor`]: 'Xen' }),
      tells: { onEc2: true, isElsewhere: false },
    },
    {
      what: 'a Xen machine that hides its UUID',
      facts: machine({ [`${dmi}/sys_vendor`]: 'Xen' }),
      tells: { onEc2: false, isElsewhere: false },
    },
    {
      what: 'another cloud',
      facts: machine({ [`${dmi}/sys_vendor`]: 'Google' }),
      tells: { onEc2: false, isElsewhere: true, why: 'sys_vendor is Google' },
    },
    { what: 'a machine that says nothing', facts: machine({}), tells: { onEc2: false, isElsewhere: false } },
    {
      what: 'a Docker container',
      facts: machine({ '/.dockerenv': '' }),
      tells: { container: 'docker', hasHostNetwork: false },
    },
    {
      what: 'a Docker container with the network of its host',
      facts: machine({ '/.dockerenv': '', '/sys/class/net/ens5/device/uevent': 'DRIVER=ena' }, {}, ['lo', 'ens5']),
      tells: { container: 'docker', hasHostNetwork: true },
    },
    {
      what: 'a Docker container known by its mounts',
      facts: machine({
        '/proc/self/cgroup': '0::/',
        '/proc/self/mountinfo': '620 599 259:1 /var/lib/docker/containers/0a1b2c3d4e5f/hosts /etc/hosts rw',
      }),
      tells: { container: 'docker' },
    },
    { what: 'a Podman container', facts: machine({ '/run/.containerenv': '' }), tells: { container: 'podman' } },
    {
      what: 'a pod',
      facts: machine({ '/.dockerenv': '' }, { KUBERNETES_SERVICE_HOST: '10.100.0.1' }),
      tells: { container: 'kubernetes', hasHostNetwork: false },
    },
    {
      what: 'a pod known by its control group',
      facts: machine({ '/proc/self/cgroup': '11:memory:/kubepods/burstable/pod1234/5678' }),
      tells: { container: 'kubernetes' },
    },
    {
      what: 'a pod that knows its node',
      facts: machine({}, { KUBERNETES_SERVICE_HOST: '10.100.0.1', K8S_NODE_NAME: 'ip-10-0-1-5.ec2.internal' }),
      tells: { node: 'ip-10-0-1-5.ec2.internal', managedBy: undefined },
    },
    {
      what: 'a pod of EKS Auto Mode, whose nodes are called by their instance IDs',
      facts: machine({}, { KUBERNETES_SERVICE_HOST: '10.100.0.1', NODE_NAME: 'i-0123456789abcdef0' }),
      tells: { node: 'i-0123456789abcdef0', managedBy: 'EKS Auto Mode' },
    },
    {
      what: 'a build agent that is called by its instance ID, and is no pod',
      facts: machine({}, { NODE_NAME: 'i-0123456789abcdef0' }),
      tells: { node: undefined, managedBy: undefined },
    },
    {
      what: 'a pod on a node of SageMaker HyperPod',
      facts: machine({}, { KUBERNETES_SERVICE_HOST: '10.100.0.1', NODE_NAME: 'hyperpod-i-0123456789abcdef0' }),
      tells: { managedBy: 'SageMaker HyperPod' },
    },
    {
      what: 'a node of SageMaker HyperPod',
      facts: machine({ '/opt/ml/config/resource_config.json': '{}' }),
      tells: { container: 'none', managedBy: 'SageMaker HyperPod' },
    },
    {
      what: 'a lifecycle script of SageMaker HyperPod',
      facts: machine({}, { SAGEMAKER_RESOURCE_CONFIG_PATH: '/tmp/resource_config.json' }),
      tells: { managedBy: 'SageMaker HyperPod' },
    },
    {
      what: 'a task of ECS Managed Instances',
      facts: machine({}, { AWS_EXECUTION_ENV: 'AWS_ECS_MANAGED_INSTANCES', ECS_CONTAINER_METADATA_URI_V4: 'http://1' }),
      tells: { container: 'ecs', managedBy: 'ECS Managed Instances' },
    },
    {
      what: 'an ECS task',
      facts: machine({ '/.dockerenv': '' }, { ECS_CONTAINER_METADATA_URI_V4: 'http://169.254.170.2/v4/1' }),
      tells: { container: 'ecs' },
    },
    {
      what: 'a Fargate task',
      facts: machine(
        {},
        { AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE', ECS_CONTAINER_METADATA_URI_V4: 'http://169.254.170.2' },
      ),
      tells: { container: 'fargate' },
    },
    {
      what: 'a container of another runtime',
      facts: machine({ '/proc/self/cgroup': '1:name=systemd:/system.slice/containerd/0a1b2c' }),
      tells: { container: 'container' },
    },
    { what: 'an enclave', facts: machine({ '/dev/nsm': '' }), tells: { isEnclave: true } },
  ];

  for (const { what, facts, tells } of machines)
    it(`tells ${what}`, () => {
      const found = platform(facts);
      const told = Object.fromEntries(Object.keys(tells).map((name) => [name, found[name as keyof Platform]]));
      assert.deepEqual(told, tells);
    });

  it('recognises any machine by default', () => assert.equal(typeof platform().onEc2, 'boolean'));
});
