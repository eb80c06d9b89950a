import { type Duration, later, milliseconds } from './clock.js';
import { document, instant } from './documents.js';
import type { DatedContent, MetadataTree, Tree, Value } from './tree.js';

export const account = '123456789012';
const usualLifetime = '6h';

export interface CredentialsTerms {
  /** Validity of each set; if less than ten minutes, the next one comes at half time. Default `6h`. */
  readonly lifetime?: Duration;
  /** Account in the documents of `iam/security-credentials-extended/`. Default: none, as in the others. */
  readonly accountId?: string | undefined;
}

interface Period {
  readonly issued: Date;
  readonly expiration: Date;
  readonly serial: number;
}

/** A document that is renewed five minutes before its credentials expire. `serial` is the number of the first set. */
export function renewed(
  fields: (period: Period) => Readonly<Record<string, string>>,
  launched: Date,
  lifetime: Duration = usualLifetime,
  serial = 0,
): (now: Date) => DatedContent {
  const lifetimeMs = milliseconds(lifetime);
  // Shorter-lived ones are renewed at half time.
  const spacing = Math.max(lifetimeMs - 300_000, lifetimeMs / 2, 1);
  return (now) => {
    const period = Math.max(0, Math.floor((now.getTime() - launched.getTime()) / spacing));
    const issued = later(launched, period * spacing);
    const content = document(fields({ issued, expiration: later(issued, lifetimeMs), serial: serial + period }));
    return { content, lastModified: issued };
  };
}

/** The terms of the values that are credentials of a role. */
const renewals = new WeakMap<object, CredentialsTerms & { readonly lifetime: Duration }>();

/** The directory `iam/` while a role is attached, whose credentials are renewed from `at` on. */
export function attachedRole(role: string, profile: string, terms: CredentialsTerms, at: Date, serial = 0): Tree {
  const info = ({ issued }: Period) => ({
    Code: 'Success',
    LastUpdated: instant(issued),
    InstanceProfileArn: `arn:aws:iam::${account}:instance-profile/${profile}`,
    InstanceProfileId: 'AIPAIOSFODNN7EXAMPLE',
  });
  return {
    info: renewed(info, at, terms.lifetime),
    'security-credentials': { [role]: credentialsFrom(terms, at, serial) },
  };
}

const credentials =
  (accessKey: string, secretAccessKey: string) =>
  ({ issued, expiration, serial }: Period) => ({
    Code: 'Success',
    LastUpdated: instant(issued),
    Type: 'AWS-HMAC',
    AccessKeyId: `${accessKey}${(7 + serial) % 10}EXAMPLE`,
    SecretAccessKey: secretAccessKey,
    Token: `FAKE+SESSION+TOKEN+${serial}+${issued.getTime()}+${'EXAMPLE+'.repeat(120)}==`,
    Expiration: instant(expiration),
  });

/** A document of `iam/security-credentials/`. */
const roleCredentials = credentials('ASIAIOSFODNN', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
/** The document of `identity-credentials/ec2/security-credentials/`. */
export const instanceCredentials = credentials('ASIAI44QH8DH', 'je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY');

/** A document of credentials that are renewed from `at` on. */
export function credentialsFrom(terms: CredentialsTerms, at: Date, serial = 0): Value {
  const { lifetime = usualLifetime, accountId } = terms;
  const owner = accountId === undefined ? {} : { AccountId: accountId };
  const value = renewed((period) => ({ ...roleCredentials(period), ...owner }), at, lifetime, serial);
  renewals.set(value, { lifetime, accountId });
  return value;
}

/** The terms of a role's credentials in a tree; undefined for any other value. */
export const termsOf = (value: Value) => (typeof value === 'function' ? renewals.get(value) : undefined);

/** Replaces the document of each role's credentials; false if there is no role. */
export function eachRole(tree: MetadataTree, at: Date, document: (role: string) => Value): boolean {
  const roles = tree.text('meta-data/iam/security-credentials', at)?.split('\n') ?? [];
  for (const role of roles) tree.set(`iam/security-credentials/${role}`, document(role), at);
  return roles.length > 0;
}

export function untrusted(role: string, at: Date): string {
  const page = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html';
  return document({
    Code: 'AssumeRoleUnauthorizedAccess',
    Message: `EC2 cannot assume the role ${role}. Please see documentation at ${page}#troubleshoot_iam-ec2_errors-info-doc.`,
    LastUpdated: instant(at),
  });
}
