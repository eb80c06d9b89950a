import { folder } from './layout.js';
import type { Plan } from './plan.js';

/** The instance as programs see it in files. */
export interface Instance {
  readonly instanceId: string;
  readonly instanceType: string;
}

/** The resolver that `--internet` offers, which queries the machine's. */
export const internetResolver = '198.18.0.53';

/** The folder of the firmware's fields; its other name is a link. */
const dmi = '/sys/devices/virtual/dmi/id';

/** Files of the lab's folder, by name, in addition to the command's. */
export function surroundingFiles({ instanceId, instanceType }: Instance, internet: boolean): Record<string, string> {
  const servers = ['169.254.169.253', ...(internet ? [internetResolver] : [])];
  // Nitro has the instance ID in both; cloud-init looks at the beginning.
  const hex = `ec2${instanceId.replace(/\W/g, '').padEnd(29, '0').slice(0, 29)}`;
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  const firmware = {
    sys_vendor: 'Amazon EC2',
    bios_vendor: 'Amazon EC2',
    bios_version: '1.0',
    board_vendor: 'Amazon EC2',
    board_asset_tag: instanceId,
    chassis_asset_tag: 'Amazon EC2',
    chassis_vendor: 'Amazon EC2',
    product_name: instanceType,
    product_serial: uuid,
    product_uuid: uuid,
  };
  return {
    // It refuses unknown names, and the next server is queried.
    'resolv.conf': servers.map((server) => `nameserver ${server}\n`).join(''),
    ...Object.fromEntries(Object.entries(firmware).map(([name, text]) => [`virtual/dmi/id/${name}`, `${text}\n`])),
  };
}

/** A shell script that puts these files where programs look. Steps that a kernel does not allow are skipped. */
export const surroundings = ({ place }: Pick<Plan, 'place'>): string => `
exec 2>/dev/null
# Sockets with a path reach the machine's resolver from every network namespace.
resolv=$(readlink -m /etc/resolv.conf)
for covered in /run/systemd/resolve /run/nscd; do
  [ -d $covered ] && mount -t tmpfs -o mode=755 imds-lab $covered
done
[ -e "$resolv" ] || case $resolv in /run/systemd/resolve/*) : >"$resolv" ;; esac
[ -e "$resolv" ] && mount --bind ${folder}/resolv.conf "$resolv"

# A new sysfs shows the interfaces of the place; the control groups stay those of the machine.
mkdir ${folder}/cgroup
if [ -d /sys/fs/cgroup ] && mount --rbind /sys/fs/cgroup ${folder}/cgroup; then
  nsenter --net=${folder}/${place} mount -t sysfs -o ro,nosuid,nodev,noexec imds-lab /sys &&
    mount --rbind ${folder}/cgroup /sys/fs/cgroup
fi
if [ -d ${dmi} ]; then
  mount --bind ${folder}/virtual/dmi/id ${dmi}
else
  # Where firmware shows nothing, such as in microVMs.
  mkdir -p ${folder}/class/dmi && ln -s ${dmi} ${folder}/class/dmi/id
  mount -t overlay -o ro,lowerdir=${folder}/virtual:/sys/devices/virtual imds-lab /sys/devices/virtual
  mount -t overlay -o ro,lowerdir=${folder}/class:/sys/class imds-lab /sys/class
fi
:
`;
