import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/index.js';
import { createSigV4Server, type KnownCredentials, type SigV4Server } from './sigv4-server.js';

const minute = 60_000;
const hour = 60 * minute;
const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const role = 'iam/security-credentials/example-role';

/** Credentials are valid for six hours; the next come five minutes before the end. */
const spacing = 6 * hour - 5 * minute;
const startOf = (serial: number): number => launch + serial * spacing;
const accessKeyOf = (serial: number): string => `ASIAEXAMPLE${serial}`;

/** The credentials by number, as issued and as checked. */
function issued(serial: number): KnownCredentials {
  return {
    secretAccessKey: `secret/access+key/${serial}`,
    sessionToken: `session+token/${serial}==`,
    endsAt: startOf(serial) + 6 * hour,
  };
}

function documentAt(now: Date): string {
  const serial = Math.floor((now.getTime() - launch) / spacing);
  const { secretAccessKey, sessionToken, endsAt } = issued(serial);
  return JSON.stringify({
    Code: 'Success',
    LastUpdated: new Date(startOf(serial)).toISOString(),
    Type: 'AWS-HMAC',
    AccessKeyId: accessKeyOf(serial),
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: new Date(endsAt).toISOString(),
  });
}

describe("imds.credentialProvider() with AWS's own clients", () => {
  // The AWS packages take a while to load.
  const realNow = Date.now;
  let time = launch;
  let emulator: Emulator;
  let service: SigV4Server;
  let imds: Imds;

  beforeEach(async () => {
    time = launch;
    // The clients read Date.now, so the test moves it.
    Date.now = () => time;
    const now = () => Date.now();
    emulator = await createEmulator({ now, httpTokens: 'required', tree: { [role]: documentAt } });
    service = await createSigV4Server((accessKeyId) => {
      const serial = /^ASIAEXAMPLE(\d+)$/.exec(accessKeyId)?.[1];
      return serial === undefined ? undefined : issued(Number(serial));
    }, now);
    // A read that failed would leave the old credentials in use, as it should: patience for a slow machine.
    const patience = { requestTimeoutMs: 30_000, deadlineMs: 30_000 };
    imds = new Imds({ endpoint: emulator.url, now: () => Date.now() - launch, ...patience });
  });
  afterEach(async () => {
    Date.now = realNow;
    imds.close();
    await service[Symbol.asyncDispose]();
    await emulator.close();
  });

  const settings = () => ({ endpoint: service.url, region: 'us-east-1', maxAttempts: 1 });
  /** Waits for a renewal in the background: minutes must not pass between its requests. */
  async function renewed(): Promise<void> {
    for (let seen = -1; seen !== emulator.requests.length; ) {
      seen = emulator.requests.length;
      await sleep(10);
    }
  }
  const documentsRead = () => emulator.requests.filter(({ path }) => path.endsWith(role)).length;

  it('signs requests that S3 and STS accept, for days and across rotations', async () => {
    const credentials = imds.credentialProvider();
    const s3 = new S3Client({ ...settings(), forcePathStyle: true, credentials });
    const sts = new STSClient({ ...settings(), credentials });
    for (; time < startOf(4); time += 7 * minute) {
      const { Buckets } = await s3.send(new ListBucketsCommand({}));
      assert.deepEqual(Buckets, [{ Name: 'example' }]);
      const { Account } = await sts.send(new GetCallerIdentityCommand({}));
      assert.equal(Account, '123456789012');
      await renewed();
    }
    assert.deepEqual(service.refused, []);
    const used = [...new Set(service.accepted)];
    assert.deepEqual(used, [0, 1, 2, 3].map(accessKeyOf));
    // One per rotation, and a few that came too early for it.
    assert.ok(documentsRead() < 4 * 5, `${documentsRead()} documents were read for 4 sets`);
    s3.destroy();
    sts.destroy();
  });

  it('gives an object that clients accept and write to', async () => {
    const s3 = new S3Client({ ...settings(), forcePathStyle: true, credentials: await imds.credentials() });
    await s3.send(new PutObjectCommand({ Bucket: 'example', Key: 'a key/of ümlauts', Body: 'text' }));
    assert.deepEqual(service.accepted, [accessKeyOf(0)]);
    s3.destroy();
  });

  it('reads once for many clients that start together', async () => {
    const credentials = imds.credentialProvider();
    const clients = Array.from({ length: 50 }, () => new STSClient({ ...settings(), credentials }));
    const resolved = await Promise.all(clients.map((client) => client.config.credentials()));
    assert.deepEqual(new Set(resolved.map(({ accessKeyId }) => accessKeyId)), new Set([accessKeyOf(0)]));
    assert.equal(emulator.requests.length, 3);
    for (const client of clients) client.destroy();
  });

  it('gives clients the account ID when asked for it', async () => {
    const sts = new STSClient({ ...settings(), credentials: imds.credentialProvider({ accountId: true }) });
    const { accountId } = await sts.config.credentials();
    assert.equal(accountId, '123456789012');
    sts.destroy();
  });

  it('reads newer credentials with forceRefresh', async () => {
    const sts = new STSClient({ ...settings(), credentials: imds.credentialProvider() });
    await sts.config.credentials();
    await sts.config.credentials();
    assert.equal(documentsRead(), 1);
    await sts.config.credentials({ forceRefresh: true });
    assert.equal(documentsRead(), 2);
    sts.destroy();
  });

  it('makes way for the next provider of a chain where there are no credentials, but not after a mistake', async () => {
    // The function behind the SDK's createCredentialChain, as its own provider for EC2 has it.
    const { chain } = createRequire(import.meta.resolve('@smithy/credential-provider-imds'))('@smithy/core/config');
    const fallback = { accessKeyId: 'AKIAFALLBACK', secretAccessKey: 'secret' };
    const chained = (instance: Imds) => chain(instance.credentialProvider(), async () => fallback)();
    const nobody = { endpoint: 'http://127.0.0.1:9' };
    assert.equal((await chained(imds)).accessKeyId, accessKeyOf(0));
    assert.equal(await chained(new Imds({ endpoint: emulator.url, roleName: 'other' })), fallback);
    assert.equal(await chained(new Imds(nobody)), fallback);
    await assert.rejects(chained(new Imds({ ...nobody, profile: 'missing' })), { code: 'ERR_IMDS_SETTINGS' });
    await assert.rejects(chained(new Imds({ ...nobody, roleName: 'my role' })), { code: 'ERR_IMDS_PATH' });
    // A wrapper may decide otherwise.
    const wrapped = async () => await new Imds(nobody).credentialProvider()().catch(endChain);
    const endChain = (error: Error) => Promise.reject(Object.assign(error, { tryNextLink: false }));
    await assert.rejects(chain(wrapped, async () => fallback)(), { code: 'ERR_IMDS_UNREACHABLE' });
  });

  const forgeries: readonly { readonly title: string; readonly change: object; readonly fault: string }[] = [
    { title: 'another secret', change: { secretAccessKey: 'guessed' }, fault: 'SignatureDoesNotMatch' },
    { title: 'no session token', change: { sessionToken: undefined }, fault: 'InvalidToken' },
    { title: 'an unknown access key', change: { accessKeyId: 'AKIAGUESSED' }, fault: 'InvalidAccessKeyId' },
  ];
  for (const { title, change, fault } of forgeries) {
    it(`the test server refuses a forgery with ${title}`, async () => {
      const credentials = { ...(await imds.credentials()), ...change };
      const sts = new STSClient({ ...settings(), credentials });
      await assert.rejects(sts.send(new GetCallerIdentityCommand({})));
      assert.deepEqual(service.refused, [fault]);
      sts.destroy();
    });
  }

  it('the test server refuses expired credentials', async () => {
    const sts = new STSClient({ ...settings(), credentials: { ...(await imds.credentials()) } });
    time += 6 * hour;
    await assert.rejects(sts.send(new GetCallerIdentityCommand({})));
    assert.deepEqual(service.refused, ['ExpiredToken']);
    sts.destroy();
  });
});
