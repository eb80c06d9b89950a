import { later } from './clock.js';
import { base64Lines, documents, type Field, filler, instant } from './documents.js';
import { identityTree } from './identity.js';
// Addresses are from the ranges for documentation (RFC 5737, RFC 3849); account, access keys and secrets are the ones in
// AWS's own examples and open nothing.
import instance from './instance.json' with { type: 'json' };
import { ended, maintenanceEvent } from './maintenance.js';
import { account, attachedRole, instanceCredentials, renewing, roleCredentials } from './roles.js';
import type { Tree } from './tree.js';
import { toTree } from './values.js';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const role = 'example-role';

/**
 * An instance with every category, retired products included, which no real one has: a Spot Instance in us-east-1, about
 * to be interrupted, with two network interfaces.
 */
export function instanceTree(launched: Date, identity: () => Readonly<Record<string, Field>>): Tree {
  const reboot = (eventId: string, ms: number) =>
    maintenanceEvent('system-reboot', eventId, later(launched, ms), later(launched, ms + 2 * hour));
  const renewed = renewing(launched, 6 * hour, 0);
  return {
    ...toTree(instance, launched),
    '/latest/dynamic/instance-identity': identityTree(identity, launched),
    'events/maintenance': {
      history: documents([ended(reboot('instance-event-0d59937288b749b31', -30 * day), 'completed')]),
      scheduled: documents([reboot('instance-event-0d59937288b749b32', 14 * day)]),
    },
    iam: {
      ...attachedRole(role, 'example-profile', renewed),
      'security-credentials-extended': {
        [role]: renewed((period) => ({ ...roleCredentials(period), AccountId: account })),
      },
    },
    'identity-credentials/ec2': {
      info: renewed(({ issued }) => ({ Code: 'Success', LastUpdated: instant(issued), AccountId: account })),
      'security-credentials/ec2-instance': renewed(instanceCredentials),
    },
    'managed-ssh-keys': {
      'active-keys/ec2-user': [
        `#Timestamp=${Math.trunc(later(launched, minute).getTime() / 1000)}`,
        `#Instance=${instance['instance-id']}`,
        `#Caller=arn:aws:iam::${account}:role/${role}`,
        '#Request=1234abcd-12ab-34cd-56ef-1234567890ab',
        instance['public-keys/0=my-key/openssh-key'].replace('my-key\n', 'pushed-key'),
        base64Lines(filler(256)),
      ].join('\n'),
      'signer-cert': `-----BEGIN CERTIFICATE-----\n${base64Lines(filler(600))}\n-----END CERTIFICATE-----`,
      'signer-ocsp/0123456789ABCDEF0123456789ABCDEF01234567': filler(300).toString('base64'),
    },
  };
}

/** Another network interface, like the second one but with IPv4 only. */
export function furtherInterface(mac: string, deviceNumber: number, networkCard: number) {
  const { ipv6s, 'subnet-ipv6-cidr-blocks': _, ...second } = instance['network/interfaces/macs']['0e:49:61:0f:c3:77'];
  return {
    ...second,
    'device-number': String(deviceNumber),
    'interface-id': `eni-0${mac.replaceAll(':', '')}bbcc0`,
    'local-hostname': `ip-10-0-3-${deviceNumber}.ec2.internal`,
    'local-ipv4s': `10.0.3.${deviceNumber}`,
    mac,
    'network-card': String(networkCard),
    'subnet-id': 'subnet-0ce84776f3a4b5c6d',
    'subnet-ipv4-cidr-block': '10.0.3.0/24',
  };
}
