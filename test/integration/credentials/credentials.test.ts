import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { Imds, type ImdsOptions } from '../../../src/index.js';

const minute = 60_000;
const hour = 60 * minute;
const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const roles = 'iam/security-credentials';
const role = `${roles}/example-role`;
const token = '/latest/api/token';
const below = (path: string): string => `/latest/meta-data/${path}`;

describe('imds.credentials()', () => {
  const realNow = Date.now;
  /** The time on the instance, and in the client's own clocks. */
  let time = launch;
  let emulator: Emulator;
  let imds: Imds;
  /** Number of requests that `takePaths` has returned. */
  let taken = 0;
  beforeEach(async () => {
    time = launch;
    taken = 0;
    Date.now = () => time;
    emulator = await createEmulator({ httpTokens: 'required', now: () => time });
    imds = client();
  });
  afterEach(async () => {
    Date.now = realNow;
    imds.close();
    await emulator.close();
  });

  const client = (options: ImdsOptions = {}): Imds =>
    new Imds({ endpoint: emulator.url, now: () => time - launch, ...options });

  /** The paths asked for since the last call. */
  function takePaths(): string[] {
    const paths = emulator.requests.slice(taken).map(({ path }) => path);
    taken = emulator.requests.length;
    return paths;
  }

  const key = async (): Promise<string> => (await imds.credentials()).accessKeyId;

  it('requests a token, a listing and a document', async () => {
    const { accessKeyId, secretAccessKey, sessionToken, expiration, ...rest } = await imds.credentials();
    assert.match(accessKeyId, /^ASIA/);
    assert.match(secretAccessKey, /^wJalr/);
    assert.match(sessionToken, /^FAKE\+SESSION\+TOKEN/);
    assert.equal(expiration.getTime(), launch + 6 * hour);
    assert.deepEqual(rest, {});
    assert.deepEqual(takePaths(), [token, below(`${roles}/`), below(role)]);
  });

  it('requests no more for a thousand concurrent calls, and nothing afterwards', async () => {
    const provide = imds.credentialProvider();
    const asking = Array.from({ length: 1000 }, (_, index) => (index % 2 ? imds.credentials() : provide()));
    const keys = (await Promise.all(asking)).map(({ accessKeyId }) => accessKeyId);
    assert.equal(new Set(keys).size, 1);
    assert.equal(takePaths().length, 3);
    await key();
    await provide();
    assert.deepEqual(takePaths(), []);
  });

  it('takes one request less with roleName, and one more with accountId', async () => {
    const named = client({ roleName: 'example-role' });
    const all = await Promise.all([1, 2, 3].map(() => named.credentials({ accountId: true })));
    for (const { accountId } of all) assert.equal(accountId, '123456789012');
    assert.deepEqual(takePaths(), [token, below(role), below('identity-credentials/ec2/info')]);
    await named.credentials({ accountId: true });
    assert.deepEqual(takePaths(), []);
    named.close();
  });

  it('takes the account ID from the identity document if there is no other', async () => {
    emulator.remove('identity-credentials');
    assert.equal((await imds.credentials({ accountId: true })).accountId, '123456789012');
  });

  it('renews them in the background, with one request', async () => {
    const first = await key();
    time = launch + 6 * hour - 5 * minute;
    takePaths();
    assert.equal(await key(), first);
    while ((await key()) === first) await sleep(1);
    // The emulator's tokens use the same clock; this one has seconds left.
    assert.deepEqual(takePaths(), [below(role)]);
    assert.equal((await imds.credentials()).expiration.getTime(), time + 6 * hour);
  });

  it('waits for new ones when they have ended, as after a hibernation', async () => {
    const first = await key();
    time = launch + 12 * hour;
    assert.notEqual(await key(), first);
    assert.ok((await imds.credentials()).expiration.getTime() > time);
  });

  it('reads newer ones with fresh', async () => {
    await key();
    emulator.set(role, document('ASIANEW', launch + hour));
    assert.notEqual(await key(), 'ASIANEW');
    assert.equal((await imds.credentials({ fresh: true })).accessKeyId, 'ASIANEW');
    assert.equal(await key(), 'ASIANEW');
  });

  it('fails at once without a profile, after one listing', async () => {
    emulator.remove('iam');
    const missing = { name: 'ImdsCredentialsError', code: 'ERR_IMDS_CREDENTIALS', reason: 'no-role' };
    await assert.rejects(key(), missing);
    assert.deepEqual(takePaths(), [token, below(`${roles}/`), below('iam/info')]);
    await assert.rejects(key(), missing);
    assert.deepEqual(takePaths(), [below(`${roles}/`), below('iam/info')]);
    emulator.set(role, document('ASIALATE', launch + hour));
    assert.equal(await key(), 'ASIALATE');
  });

  const garbled: Readonly<Record<string, (whole: string) => string>> = {
    'is cut off': (whole) => whole.slice(0, 60),
    'is empty': () => '',
    'lacks its expiration': (whole) => whole.replace('Expiration', 'X'),
  };
  for (const [what, garble] of Object.entries(garbled)) {
    it(`reads a document again that ${what}, as often as maxAttempts allows`, async () => {
      const whole = document('ASIAWHOLE', launch + hour);
      let left = 2;
      emulator.set(role, () => (left-- > 0 ? garble(whole) : whole));
      imds = client({ retryDelayMs: 1 });
      assert.equal(await key(), 'ASIAWHOLE');
      assert.deepEqual(takePaths(), [token, below(`${roles}/`), below(role), below(role), below(role)]);
      left = 2;
      const twice = client({ retryDelayMs: 1, maxAttempts: 2 });
      await assert.rejects(twice.credentials(), { code: 'ERR_IMDS_DECODE' });
      assert.equal(left, 0);
      twice.close();
    });
  }

  it('attempts each request as often as maxAttempts allows, and no more', async () => {
    emulator.fault({ kind: 'status', status: 503, paths: role });
    imds = client({ retryDelayMs: 1 });
    await assert.rejects(key(), { code: 'ERR_IMDS_RESPONSE', statusCode: 503 });
    assert.deepEqual(takePaths(), [token, below(`${roles}/`), below(role), below(role), below(role)]);
  });

  it('reads the document of a listed role again after a 404, once', async () => {
    const missing = emulator.fault({ kind: 'status', status: 404, paths: role, times: 1 });
    await key();
    const [listing, document] = [below(`${roles}/`), below(role)];
    assert.deepEqual(takePaths(), [token, listing, document, listing, document]);
    assert.equal(missing.hits, 1);
    emulator.fault({ kind: 'status', status: 404, paths: role });
    await assert.rejects(client().credentials(), {
      reason: 'no-role',
      message: 'the service lists the role example-role, but has no credentials for it',
    });
    assert.deepEqual(takePaths(), [token, listing, document, listing, document, below('iam/info')]);
  });

  it('finds a role that replaces the listed one before that was read', async () => {
    const replace = (event: unknown): void => {
      if (!inspect(event).includes(`${roles}/'`)) return;
      unsubscribe('imds:request', replace);
      emulator.remove(role);
      emulator.set(`${roles}/other-role`, document('ASIAOTHER', launch + hour));
    };
    subscribe('imds:request', replace);
    assert.equal(await key(), 'ASIAOTHER');
    const [first, second] = [below(`${roles}/`), below(role)];
    assert.deepEqual(takePaths(), [token, first, second, first, below(`${roles}/other-role`)]);
  });

  it("fails with AWS's own message when EC2 may not assume the role", async () => {
    const said = { Code: 'AssumeRoleUnauthorizedAccess', Message: 'EC2 cannot assume the role example-role.' };
    emulator.set(role, JSON.stringify(said));
    await assert.rejects(key(), {
      code: 'ERR_IMDS_CREDENTIALS',
      reason: 'not-success',
      serviceCode: said.Code,
      message: `there are no credentials for the role example-role: ${said.Code}: ${said.Message}`,
    });
  });

  it('uses them until their end after the role is detached, and no longer', async () => {
    const first = await key();
    emulator.remove('iam');
    const missing = { code: 'ERR_IMDS_CREDENTIALS', reason: 'no-role' };
    time = launch + 6 * hour - 2 * minute;
    await assert.rejects(imds.credentials({ fresh: true }), missing);
    assert.equal(await key(), first);
    time = launch + 6 * hour;
    await assert.rejects(key(), missing);
  });

  it('uses them after they expire while the service has no newer ones, unless staticStability is false', async () => {
    const strict = client({ staticStability: false });
    emulator.set(role, document('ASIAOLD', launch + hour));
    assert.equal(await key(), 'ASIAOLD');
    assert.equal((await strict.credentials()).accessKeyId, 'ASIAOLD');
    time = launch + 2 * hour;
    const { accessKeyId, expiration } = await imds.credentials();
    assert.equal(accessKeyId, 'ASIAOLD');
    assert.ok(expiration.getTime() >= time + 5 * minute - 1000 && expiration.getTime() <= time + 15 * minute);
    await assert.rejects(strict.credentials(), { code: 'ERR_IMDS_CREDENTIALS', reason: 'expired' });
    strict.close();
  });

  it('works with a clock that is years off, by the Date header', async () => {
    const strict = client({ staticStability: false });
    time = Date.UTC(2031, 0, 1);
    emulator.set(role, document('ASIA2031', time + hour));
    const { accessKeyId, expiration } = await strict.credentials();
    assert.equal(accessKeyId, 'ASIA2031');
    assert.equal(expiration.getTime(), time + hour);
    // SDK clients compare it with the clock of the machine.
    const provided = (await strict.credentialProvider()()).expiration.getTime();
    assert.ok(provided > Date.now() + 40 * minute && provided <= Date.now() + hour);
    strict.close();
  });

  it('logs and prints no secret', async () => {
    const log: unknown[] = [];
    const record = (...entry: unknown[]): void => {
      log.push(entry);
    };
    const talkative = client({ logger: { debug: record, info: record, warn: record, error: record } });
    const credentials = await talkative.credentials();
    await talkative.credentials({ fresh: true });
    const shown = inspect([log, talkative, credentials], { depth: 20, showHidden: true });
    assert.match(shown, /imds credentials/);
    assert.ok(!shown.includes(credentials.secretAccessKey));
    assert.ok(!shown.includes(credentials.sessionToken));
    talkative.close();
  });

  it('fails after close()', async () => {
    const provide = imds.credentialProvider();
    await provide();
    imds.close();
    await assert.rejects(key(), { code: 'ERR_IMDS_CLOSED' });
    await assert.rejects(provide(), { code: 'ERR_IMDS_CLOSED' });
  });

  const document = (accessKeyId: string, endsAt: number): string =>
    JSON.stringify({
      Code: 'Success',
      AccessKeyId: accessKeyId,
      SecretAccessKey: 'secret',
      Token: 'token',
      Expiration: new Date(endsAt).toISOString(),
    });
});
