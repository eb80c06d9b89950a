// Shows the main job: a dozen values read through IMDSv2, from the instance when this is one, else from the emulator.
import { Imds } from 'imds';
import { createEmulator } from 'imds/emulator';

const here = new Imds().platform();
const emulator = here.onEc2 ? undefined : await createEmulator({ httpTokens: 'required' });
const imds = new Imds(emulator ? { endpoint: emulator.url } : {});

console.log(
  emulator
    ? `This is not an EC2 instance (${here.why}): reading from the emulator at ${imds.endpoint}, tokens required.\n`
    : `This is an EC2 instance (${here.why}): reading from ${imds.endpoint}.\n`,
);

const reads = {
  'imds.instanceId()': imds.instanceId(),
  'imds.instanceType()': imds.instanceType(),
  'imds.amiId()': imds.amiId(),
  'imds.region()': imds.region(),
  'imds.accountId()': imds.accountId(),
  'imds.placement.availabilityZone()': imds.placement.availabilityZone(),
  'imds.placement.availabilityZoneId()': imds.placement.availabilityZoneId(),
  'imds.hostname()': imds.hostname(),
  'imds.localIpv4()': imds.localIpv4(),
  'imds.mac()': imds.mac(),
  'imds.securityGroups()': imds.securityGroups(),
  'imds.tags()': imds.tags(),
  'imds.spot.instanceAction()': imds.spot.instanceAction(),
  "imds.get('services/domain')": imds.get('services/domain'),
};
for (const [call, value] of Object.entries(reads)) console.log(call.padEnd(38), JSON.stringify(await value));

if (emulator) {
  const puts = emulator.requests.filter(({ method }) => method === 'PUT').length;
  console.log(`\n${emulator.requests.length} requests: ${puts} for a session token, the others with it.`);
  await emulator.close();
}
imds.close();
