// Checked by tsc alone: what the accessors must accept and refuse, and the types they give.
import type { Categories } from '../../src/imds.js';
import type { Category } from '../../src/metadata/category.js';
import type { PublicKey } from '../../src/metadata/decode.js';
import type {
  ElasticInferenceAccelerator,
  IamInfo,
  IdentityCredentialsInfo,
  InstanceIdentityDocument,
  MaintenanceEvent,
  RebalanceRecommendation,
  RoleCredentialsDocument,
  SpotInstanceAction,
  Word,
} from '../../src/metadata/documents.js';
import type { categoryOf } from '../../src/metadata/lookup.js';
import type { UserData } from '../../src/user-data/decode.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Read<F extends (...parameters: never[]) => unknown> = Awaited<ReturnType<F>>;
type Nic = ReturnType<Categories['network']['interfaces']['macs']['mac']>;

/** Compiles only if every type given to it is `true`. */
export function all<_ extends readonly true[]>(): void {}

all<
  [
    Same<Read<Categories['instanceId']>, string>,
    Same<Read<Categories['amiLaunchIndex']>, number>,
    Same<Read<Categories['localIpv4']>, string | undefined>,
    Same<Read<Categories['hibernation']['configured']>, boolean | undefined>,
    Same<
      Read<Categories['instanceLifeCycle']>,
      Word<'on-demand' | 'spot' | 'scheduled' | 'capacity-block' | 'interruptible-capacity-reservation'>
    >,
    Same<Read<Categories['securityGroups']>, readonly string[]>,
    Same<Read<Categories['placement']>, readonly string[]>,
    Same<Read<Categories['placement']['partitionNumber']>, number | undefined>,
    Same<Read<Categories['spot']>, readonly string[] | undefined>,
    Same<Read<Categories['spot']['instanceAction']>, SpotInstanceAction | undefined>,
    Same<Read<Categories['spot']['terminationTime']>, string | undefined>,
    Same<Read<Categories['events']['maintenance']['scheduled']>, readonly MaintenanceEvent[]>,
    Same<Read<Categories['events']['recommendations']['rebalance']>, RebalanceRecommendation | undefined>,
    Same<Read<Categories['iam']['info']>, IamInfo | undefined>,
    Same<Read<Categories['iam']['securityCredentials']['role']>, RoleCredentialsDocument | undefined>,
    Same<Read<Categories['identityCredentials']['ec2']['info']>, IdentityCredentialsInfo>,
    Same<Read<Categories['dynamic']['instanceIdentity']['document']>, InstanceIdentityDocument>,
    Same<Read<Categories['elasticInference']['associations']['eiaId']>, ElasticInferenceAccelerator | undefined>,
    Same<Read<Categories['publicKeys']>, readonly PublicKey[] | undefined>,
    Same<Read<Categories['tags']>, Readonly<Record<string, string>> | undefined>,
    Same<Read<Categories['tags']['instance']>, readonly string[] | undefined>,
    Same<Read<Categories['tags']['instance']['tagKey']>, string | undefined>,
    Same<Read<Categories['userData']>, UserData | undefined>,
    Same<Read<Nic>, readonly string[]>,
    Same<Read<Nic['deviceNumber']>, number>,
    Same<Read<Nic['ipv4Associations']['publicIp']>, readonly string[] | undefined>,
    Same<Parameters<Categories['tags']['instance']['tagKey']>[0], string>,
    Same<Parameters<Categories['blockDeviceMapping']['ebs']>[0], number>,
    Same<Parameters<Categories['network']['interfaces']['macs']['mac']>, [parameter: string]>,
    Same<ReturnType<typeof categoryOf>, Category<unknown> | undefined>,
  ]
>();

// @ts-expect-error: the check itself must be able to fail
all<[Same<Read<Categories['instanceId']>, number>]>();

export async function accepted(imds: Categories, signal: AbortSignal): Promise<void> {
  await imds.instanceId({ signal, fresh: true, deadlineMs: 100 });
  await imds.blockDeviceMapping.ebs(1, { signal });
  await imds.network.interfaces.macs.mac('0e:49:61:0f:c3:11').ipv4Associations.publicIp('192.0.2.54');
  await imds.managedSshKeys.signerOcsp.name('9bf6');

  const lifeCycle = await imds.instanceLifeCycle();
  if (lifeCycle === 'spot' || lifeCycle === 'one-that-comes-later') lifeCycle.toUpperCase();

  const credentials = await imds.iam.securityCredentials.role('web-role');
  if (credentials?.AccessKeyId !== undefined) credentials.SecretAccessKey.slice(credentials.Expiration.length);
  else credentials?.Message?.slice();
}

export async function refused(imds: Categories): Promise<void> {
  // @ts-expect-error: there is no such category
  await imds.instanceID();
  // @ts-expect-error: a call option that does not exist
  await imds.instanceId({ timeout: 100 });
  // @ts-expect-error: the value may be absent
  (await imds.publicIpv4()).split('.');
  // @ts-expect-error: a count is no text
  (await imds.amiLaunchIndex()).split('.');
  // @ts-expect-error: the parameter is missing
  await imds.tags.instance.tagKey();
  // @ts-expect-error: {n} is a number
  await imds.blockDeviceMapping.ebs('1');
  // @ts-expect-error: values are shared between callers
  (await imds.securityGroups()).push('mine');
  // @ts-expect-error: values are shared between callers
  (await imds.dynamic.instanceIdentity.document()).region = 'us-east-1';
  // @ts-expect-error: an interface is a group of values, and no promise
  (await imds.network.interfaces.macs.mac('0e:49:61:0f:c3:11')).split('.');
  const credentials = await imds.iam.securityCredentials.role('web-role');
  // @ts-expect-error: there may be a failure in their place
  credentials?.SecretAccessKey.slice();
}
