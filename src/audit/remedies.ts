import type { Finding } from './findings.js';
import { nameOf, type Report } from './report.js';

const setting = 'AWS_EC2_METADATA_V1_DISABLED=true (in the profile ec2_metadata_v1_disabled = true';

/** Remedies for packages that use version 1, by name; taken from the packages' sources. */
const packages: Readonly<Record<string, string>> = {
  '@smithy/credential-provider-imds': `It falls back when a token request gets 403, 404, 405 or no reply: imds doctor finds out why. ${setting}, in code fromInstanceMetadata({ ec2MetadataV1Disabled: true })) makes it fail instead.`,
  '@aws-sdk/ec2-metadata-service': `It falls back when a token request fails: imds doctor finds out why. ${setting}, in code new MetadataService({ ec2MetadataV1Disabled: true })) makes it fail instead.`,
  'aws-sdk': `Move to version 3: version 2 has been unsupported since 2025-09-08. Until then ${setting}) makes its credentials fail rather than fall back. AWS.MetadataService.request() never requests a token.`,
  imds: 'Omit allowV1 (--allow-v1), or set AWS_EC2_METADATA_V1_DISABLED=true, which wins.',
};

const general =
  'Get a token with PUT /latest/api/token and send it as X-aws-ec2-metadata-token with each read, or use a client that does, such as imds.';

/** Remedies for everything else. */
const remedies: Readonly<Record<Exclude<Finding['id'], 'v1'>, string>> = {
  'v1-after-401': 'A 401 means that the token has expired: get another and read again.',
  'token-per-value':
    'Keep a token until it expires, up to six hours, and values for as long as they are valid; imds does both.',
  polling: 'Cache the value, or read it less often. For Spot notices AWS recommends every 5 seconds.',
  'token-reply-lost': 'imds doctor, run in the same place, measures the HttpPutResponseHopLimit needed.',
  'no-reply': 'IMDS drops packets beyond 1,024 a second: imds doctor shows the counter.',
  'forwarded-for': 'Route requests for IMDS around the proxy or sidecar that adds the header.',
  proxy: 'Add 169.254.169.254 and fd00:ec2::254 to NO_PROXY.',
  unseen: 'Check whether the command requests a token first. In a shell, imds get PATH does.',
};

/** The remedies, each with its subject. */
export function advice({ callers, findings }: Report): readonly { readonly on: string; readonly text: string }[] {
  const names = new Map<string, Set<string>>();
  const add = (text: string, name: string): unknown => names.set(text, (names.get(text) ?? new Set()).add(name));
  for (const caller of callers.filter(({ v1 }) => v1 > 0))
    add(packages[caller.package ?? ''] ?? general, nameOf(caller));
  for (const { id } of findings) if (id !== 'v1') add(remedies[id], id);
  return [...names].map(([text, on]) => ({ on: [...on].join(', '), text }));
}
