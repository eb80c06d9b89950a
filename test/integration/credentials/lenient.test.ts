import assert from 'node:assert/strict';
import { fromInstanceMetadata } from '@smithy/credential-provider-imds';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { Imds, isImdsError } from '../../../src/index.js';

const path = 'iam/security-credentials/example-role';
const issued = {
  Code: 'Success',
  LastUpdated: '2026-11-23T09:00:00Z',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'wJalrEXAMPLE',
  Token: 'IQoJEXAMPLE',
  Expiration: '2099-11-23T15:05:00Z',
};
const needed = ['AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration'] as const;

/** Documents of EC2, of compatible services, and of none. */
const documents: readonly object[] = [
  issued,
  ...(['Code', 'Type', 'LastUpdated', ...needed] as const).flatMap((name) => [
    { ...issued, [name]: undefined },
    { ...issued, [name]: null },
  ]),
  { ...issued, Code: 'Failed', Message: 'but here they are' },
  { ...issued, AccountId: '123456789012' },
  { ...issued, AccountId: null },
  { ...issued, AccountId: '' },
  { ...issued, Expiration: '2099-11-23T17:05:00+02:00' },
  { ...issued, Expiration: '2099-11-23T15:05:00.123456Z' },
  { ...issued, Expiration: 4099129500 },
  { ...issued, more: { deep: [1] } },
  { Code: 'AssumeRoleUnauthorizedAccess', Message: 'EC2 cannot assume the role' },
  {},
];

describe("imds.credentials() beside AWS's own provider", function () {
  this.timeout(60_000);
  let emulator: Emulator;
  before(async () => {
    emulator = await createEmulator();
    process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = emulator.url;
  });
  after(async () => {
    delete process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
    await emulator.close();
  });

  for (const document of documents) {
    const served = JSON.stringify(document);
    it(`gives the same for ${served}`, async () => {
      emulator.set(path, served);
      using imds = new Imds({ endpoint: emulator.url, retryDelayMs: 1 });
      const theirs = await fromInstanceMetadata({ maxRetries: 0 })().catch((error: unknown) => String(error));
      const ours = await imds.credentials().catch((error: unknown) => (isImdsError(error) ? error.code : error));
      if (typeof theirs === 'string') assert.match(String(ours), /^ERR_IMDS_(?:CREDENTIALS|DECODE)$/, theirs);
      else assert.deepEqual({ ...Object(ours) }, { ...theirs });
    });
  }
});
