/** Role credentials with the types of AWS's SDK for JavaScript: what compiles and what does not. */
import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from '@aws-sdk/types';
import type { Imds, ImdsCredentialProvider, ImdsCredentials } from 'imds';

declare const imds: Imds;

const provider: AwsCredentialIdentityProvider = imds.credentialProvider();
const withAccountId: AwsCredentialIdentityProvider = imds.credentialProvider({ accountId: true });
const identity: AwsCredentialIdentity = await imds.credentials({ fresh: true, accountId: true, deadlineMs: 1000 });
const own: ImdsCredentialProvider = imds.credentialProvider();
const credentials: ImdsCredentials = await own({ forceRefresh: true });
const accountId: string | undefined = credentials.accountId;
const endsAt: number = credentials.expiration.getTime();

// @ts-expect-error there is no such option
await imds.credentials({ force: true });
// @ts-expect-error a provider has no signal: it serves many callers
imds.credentialProvider({ signal: AbortSignal.timeout(1) });
// @ts-expect-error credentials are read, not made
credentials.secretAccessKey = '';

export { accountId, endsAt, identity, provider, withAccountId };
