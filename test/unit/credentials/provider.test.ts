import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { systemClock } from '../../../src/client/clock.js';
import { Closing } from '../../../src/client/closing.js';
import { Events, type ImdsEvents } from '../../../src/client/events.js';
import { type CredentialsClient, CredentialsSource, type ImdsCredentials } from '../../../src/credentials/provider.js';
import {
  ImdsCredentialsError,
  ImdsDecodeError,
  ImdsError,
  ImdsNotFoundError,
  ImdsSettingsError,
  ImdsTimeoutError,
  isImdsError,
} from '../../../src/errors.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const launch = Date.UTC(2026, 10, 23, 9, 0, 0);
const roles = 'iam/security-credentials/';
const rolePath = `${roles}web-role`;
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const sessionToken = 'IQoJb3JpZ2luX2VjEXAMPLE==';

const instant = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** The document of a role's credentials. */
const document = (accessKeyId: string, endsAt: number, fields: object = {}): string =>
  JSON.stringify({
    Code: 'Success',
    LastUpdated: instant(endsAt - 6 * hour),
    Type: 'AWS-HMAC',
    AccessKeyId: accessKeyId,
    SecretAccessKey: secret,
    Token: sessionToken,
    Expiration: instant(endsAt),
    ...fields,
  });

type CredentialsSettings = ReturnType<CredentialsClient['settings']>;
type Answer = string | Error | Promise<string>;

/** A metadata service and the clocks around it, controlled by the test. */
class World {
  /** The service's clock. */
  time = launch;
  /** Milliseconds that this machine's wall clock is ahead. */
  skew = 0;
  /** Milliseconds for which the monotonic clock stood still. */
  asleep = 0;
  random = 0;
  /** The `Date` headers of the next answers, where they are not the service's clock. */
  readonly dates: number[] = [];
  deadlineMs = 5000;
  readonly answers: Record<string, Answer> = {};
  account: Answer = '123456789012';
  readonly asked: string[] = [];
  readonly logged: { readonly level: string; readonly event: ImdsEvents['credentials'] }[] = [];
  readonly source: CredentialsSource;
  readonly closing = new Closing();

  constructor(settings: Partial<CredentialsSettings> = {}) {
    const log = (level: string) => (_: string, fields?: object) =>
      this.logged.push({ level, event: fields as ImdsEvents['credentials'] });
    this.source = new CredentialsSource({
      reader: {
        ask: async (path) => {
          this.asked.push(path);
          const answer = this.answers[path] ?? new ImdsNotFoundError('nothing', { path });
          if (answer instanceof Error) throw answer;
          return { text: await answer, servedAt: this.dates.shift() ?? this.time };
        },
      },
      accountId: async ({ signal }) => {
        this.asked.push('account');
        if (this.account instanceof Error) throw this.account;
        const aborted = new Promise<never>((_, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason)),
        );
        return await Promise.race([this.account, aborted]);
      },
      settings: () => ({
        ...{ roleName: undefined, staticStability: true, deadlineMs: this.deadlineMs, waitMs: 0 },
        ...{ maxAttempts: 3, retryDelayMs: 0 },
        ...settings,
      }),
      closing: this.closing,
      events: new Events({ debug: log('debug'), warn: log('warn') }),
      clock: {
        now: () => this.time - launch - this.asleep,
        running: () => this.time - launch - this.asleep,
        // By the time of the test's process, which never comes to the longer ones.
        setDeadline: (act, at) => systemClock.setTimer(act, at - (this.time - launch - this.asleep)).cancel,
        wallClock: () => this.time + this.skew,
        random: () => this.random,
        // The next turn of the event loop: time passes only when nothing else is left to do.
        setTimer: (act, ms) => {
          const turn = setImmediate(() => {
            this.pass(ms);
            act();
          });
          return { unref() {}, cancel: () => clearImmediate(turn) };
        },
      },
    });
  }

  /** An instance whose role has credentials for six hours. */
  static withRole(settings: Partial<CredentialsSettings> = {}): World {
    const world = new World(settings);
    world.answers[roles] = 'web-role';
    world.serve('ASIA1', launch + 6 * hour);
    return world;
  }

  serve(accessKeyId: string, endsAt: number, fields: object = {}): void {
    this.answers[rolePath] = document(accessKeyId, endsAt, fields);
  }

  pass(ms: number): void {
    this.time += ms;
  }

  at(time: number): void {
    this.time = time;
  }

  /** The paths asked for since the last call. */
  takeAsked(): string[] {
    return this.asked.splice(0);
  }

  takeLogged(): { readonly level: string; readonly event: ImdsEvents['credentials'] }[] {
    return this.logged.splice(0);
  }

  async key(): Promise<string> {
    return (await this.source.credentials()).accessKeyId;
  }
}

const end = launch + 6 * hour;
const silence = new ImdsTimeoutError('no answer', { phase: 'response' });

/** An answer that the test gives later. */
function later() {
  let resolve: (text: string) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<string>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
}

/** Lets a background refresh end. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('CredentialsSource', () => {
  describe('on first use', () => {
    it('reads the credentials of the role that the service lists', async () => {
      const world = World.withRole();
      assert.deepEqual(await world.source.credentials(), {
        accessKeyId: 'ASIA1',
        secretAccessKey: secret,
        sessionToken,
        expiration: new Date(end),
      });
      assert.deepEqual(world.takeAsked(), [roles, rolePath]);
    });

    it('reads them once for a thousand callers, and not again until they are due', async () => {
      const world = World.withRole();
      const all = await Promise.all(Array.from({ length: 1000 }, () => world.key()));
      assert.deepEqual(new Set(all), new Set(['ASIA1']));
      assert.equal(world.takeAsked().length, 2);
      world.at(end - 15 * minute - 1);
      assert.equal(await world.key(), 'ASIA1');
      assert.deepEqual(world.takeAsked(), []);
    });

    const listings: Readonly<Record<string, string>> = {
      'with a newline that a proxy added': 'web-role\n',
      'after empty lines': '\n\r\n  \nweb-role',
      'before others': 'web-role\r\nother-role\n',
    };
    for (const [title, listing] of Object.entries(listings)) {
      it(`reads the name of the role ${title}`, async () => {
        const world = World.withRole();
        world.answers[roles] = listing;
        assert.equal(await world.key(), 'ASIA1');
      });
    }

    it('reads documents of compatible services: four fields, an offset, nulls', async () => {
      const world = World.withRole();
      world.serve('ASIA1', end, {
        ...{ Code: undefined, Type: undefined, LastUpdated: null, AccountId: null },
        Expiration: '2026-11-23T17:00:00+02:00',
      });
      assert.equal((await world.source.credentials()).expiration.toISOString(), '2026-11-23T15:00:00.000Z');
    });

    it('reads those of the role in the option roleName, without listing', async () => {
      const world = World.withRole({ roleName: 'web-role' });
      assert.equal(await world.key(), 'ASIA1');
      assert.deepEqual(world.takeAsked(), [rolePath]);
    });

    it('says at once that there is no role, after one listing', async () => {
      const world = new World();
      for (let call = 0; call < 2; call += 1) {
        await assert.rejects(world.key(), { code: 'ERR_IMDS_CREDENTIALS' });
        assert.deepEqual(world.takeAsked(), [roles, 'iam/info']);
      }
      assert.equal(world.time, launch);
      world.answers[roles] = 'web-role';
      world.serve('ASIA1', end);
      assert.equal(await world.key(), 'ASIA1');
    });
  });

  describe('without credentials', () => {
    interface Failure {
      readonly answers?: Readonly<Record<string, Answer>>;
      readonly settings?: Partial<CredentialsSettings>;
      readonly expected: { readonly code: string; readonly reason?: string; readonly serviceCode?: string };
      readonly message: RegExp;
      readonly hint?: RegExp;
    }
    const profile = { Code: 'Success', InstanceProfileArn: 'arn:aws:iam::123456789012:instance-profile/web' };
    const noRole = { code: 'ERR_IMDS_CREDENTIALS', reason: 'no-role' };
    const failures: Readonly<Record<string, Failure>> = {
      'no profile is attached: names the command that attaches one': {
        expected: noRole,
        message: /^no IAM role is attached to this instance$/,
        hint: /aws ec2 associate-iam-instance-profile --instance-id/,
      },
      'the listing is empty: the same': {
        answers: { [roles]: '' },
        expected: noRole,
        message: /^no IAM role is attached to this instance$/,
      },
      "the profile has no role: repeats AWS's message": {
        answers: { 'iam/info': JSON.stringify({ ...profile, Message: 'Instance Profile contains no role.' }) },
        expected: noRole,
        message: /^the instance profile has no role: Instance Profile contains no role\.$/,
        hint: /aws iam add-role-to-instance-profile/,
      },
      'the profile has no role and no message: names the command that adds a role': {
        answers: { 'iam/info': JSON.stringify(profile) },
        expected: noRole,
        message: /^the instance profile has no role$/,
        hint: /aws iam add-role-to-instance-profile/,
      },
      "the profile was deleted: repeats AWS's code and says how to replace it": {
        answers: {
          'iam/info': JSON.stringify({ Code: 'InstanceProfileNotFound', Message: 'Instance Profile with id …' }),
        },
        expected: { code: 'ERR_IMDS_CREDENTIALS', reason: 'not-success', serviceCode: 'InstanceProfileNotFound' },
        message:
          /^there are no credentials for the instance profile: InstanceProfileNotFound: Instance Profile with id …$/,
        hint: /replace-iam-instance-profile-association/,
      },
      'EC2 may not assume the role: points to the trust policy': {
        answers: {
          [rolePath]: JSON.stringify({
            Code: 'AssumeRoleUnauthorizedAccess',
            Message: 'EC2 cannot assume the role web-role.\nPlease see documentation.',
            LastUpdated: instant(launch),
          }),
        },
        expected: { code: 'ERR_IMDS_CREDENTIALS', reason: 'not-success', serviceCode: 'AssumeRoleUnauthorizedAccess' },
        message:
          /^there are no credentials for the role web-role: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role web-role\. Please see documentation\.$/,
        hint: /trust policy .* ec2\.amazonaws\.com .* sts:AssumeRole/,
      },
      'AWS gives only a code: repeats it': {
        answers: { [rolePath]: '{"Code":"InternalError"}' },
        expected: { code: 'ERR_IMDS_CREDENTIALS', reason: 'not-success', serviceCode: 'InternalError' },
        message: /^there are no credentials for the role web-role: InternalError$/,
        hint: /Troubleshoot IAM and Amazon EC2/,
      },
      'AWS gives a code beside empty keys: repeats it, with the message': {
        answers: {
          [rolePath]: document('', end, { Code: 'InternalError', Message: 'later', SecretAccessKey: '', Token: null }),
        },
        expected: { code: 'ERR_IMDS_CREDENTIALS', reason: 'not-success', serviceCode: 'InternalError' },
        message: /^there are no credentials for the role web-role: InternalError: later$/,
      },
      'a compatible service gives only a message: repeats it': {
        answers: { [rolePath]: '{"Message":"not now"}' },
        expected: { code: 'ERR_IMDS_CREDENTIALS', reason: 'not-success' },
        message: /^there are no credentials for the role web-role: not now$/,
      },
      'the code is the name of a method of objects: repeats it': {
        answers: { [rolePath]: '{"Code":"constructor"}' },
        expected: { code: 'ERR_IMDS_CREDENTIALS', reason: 'not-success', serviceCode: 'constructor' },
        message: /^there are no credentials for the role web-role: constructor$/,
        hint: /Troubleshoot IAM and Amazon EC2/,
      },
      'another role than roleName is attached: names it': {
        settings: { roleName: 'other-role' },
        expected: noRole,
        message: /^the instance has the role web-role, not other-role$/,
        hint: /roleName/,
      },
      ...Object.fromEntries(
        [undefined, 'web-role'].map((roleName) => [
          `the role is listed, but has no document, with roleName ${roleName}: says so`,
          {
            ...(roleName !== undefined && { settings: { roleName } }),
            answers: {
              [rolePath]: new ImdsNotFoundError('nothing', { path: rolePath }),
              'iam/info': JSON.stringify(profile),
            },
            expected: noRole,
            message: /^the service lists the role web-role, but has no credentials for it$/,
            hint: /waitMs/,
          },
        ]),
      ),
      'none is listed, although roleName has one: says that there is no role': {
        settings: { roleName: 'web-role' },
        answers: { [roles]: '', [rolePath]: new ImdsNotFoundError('nothing', { path: rolePath }) },
        expected: noRole,
        message: /^no IAM role is attached to this instance$/,
      },
      "AWS's message is very long: shortens it": {
        answers: { [rolePath]: JSON.stringify({ Code: 'Failed', Message: `so many ${'words '.repeat(1000)}` }) },
        expected: { code: 'ERR_IMDS_CREDENTIALS', reason: 'not-success' },
        message: /^there are no credentials for the role web-role: Failed: so many [words ]{200,300}$/,
      },
      ...Object.fromEntries(
        ['AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration'].map((name) => [
          `the document has no ${name}: says what was expected`,
          {
            answers: { [rolePath]: document('ASIA1', end, { [name]: undefined }) },
            expected: { code: 'ERR_IMDS_DECODE' },
            message: new RegExp(`^Expected a JSON object with .*${name}`),
          },
        ]),
      ),
      ...Object.fromEntries(
        ['AccessKeyId', 'SecretAccessKey', 'Token'].map((name) => [
          `the ${name} is empty: says so`,
          {
            answers: { [rolePath]: document('ASIA1', end, { [name]: '' }) },
            expected: { code: 'ERR_IMDS_DECODE' },
            message: new RegExp(`got one without ${name}$`),
          },
        ]),
      ),
      ...Object.fromEntries(
        ['soon', '', '2026-02-30T00:00:00Z'].map((expiration) => [
          `the expiration is '${expiration}', which is no instant: says what was expected`,
          {
            answers: { [rolePath]: document('ASIA1', end, { Expiration: expiration }) },
            expected: { code: 'ERR_IMDS_DECODE' },
            message: /^Expected a JSON object/,
          },
        ]),
      ),
      'a web page instead of the document: does not quote it': {
        answers: { [rolePath]: '<html>secret</html>' },
        expected: { code: 'ERR_IMDS_DECODE' },
        message: /^Expected (?!.*secret).*$/,
      },
      'a web page instead of the listing: does not quote it': {
        answers: { [roles]: '<html>secret</html>' },
        expected: { code: 'ERR_IMDS_DECODE' },
        message: /^Expected the name of a role (?!.*secret).*$/,
      },
      ...Object.fromEntries(
        ['..', './x', 'x/../../../user-data', 'x'.repeat(2049)].map((name) => [
          `a listing of ${name.slice(0, 24)}: throws what is expected, and no error of a path`,
          {
            answers: { [roles]: name },
            expected: { code: 'ERR_IMDS_DECODE' },
            message: /^Expected the name of a role from iam\/security-credentials\/, got something else$/,
          },
        ]),
      ),
      'the service is silent: throws the error of the request': {
        answers: { [roles]: silence },
        expected: { code: 'ERR_IMDS_TIMEOUT' },
        message: /^no answer$/,
      },
    };
    for (const [title, { answers = {}, settings, expected, message, hint }] of Object.entries(failures)) {
      it(title, async () => {
        const world = new World(settings);
        if (roles in answers || rolePath in answers || settings) world.answers[roles] = 'web-role';
        if (settings) world.serve('ASIA1', end);
        Object.assign(world.answers, answers);
        await assert.rejects(world.key(), (error: unknown) => {
          assert.ok(isImdsError(error));
          assert.deepEqual({ ...expected, ...pick(error, Object.keys(expected)) }, expected);
          assert.match(error.message, message);
          if (hint) assert.match(error.hint ?? '', hint);
          assert.ok(!inspect(error, { depth: 10 }).includes(secret));
          return true;
        });
      });
    }

    const pick = (from: object, names: readonly string[]): object =>
      Object.fromEntries(names.map((name) => [name, Reflect.get(from, name)]));

    it('asks again in the next call after a failure', async () => {
      const world = World.withRole();
      world.answers[roles] = silence;
      await assert.rejects(world.key(), { code: 'ERR_IMDS_TIMEOUT' });
      world.answers[roles] = 'web-role';
      assert.equal(await world.key(), 'ASIA1');
    });
  });

  describe('before the credentials expire', () => {
    /** Random numbers, and how early a refresh begins with them. */
    const beginnings: readonly (readonly [number, number])[] = [
      [0, 5 * minute],
      [0.25, 7.5 * minute],
      [0.999, 14.99 * minute],
    ];
    for (const [random, early] of beginnings) {
      it(`renews them ${early / minute} minutes early when the random number is ${random}`, async () => {
        const world = World.withRole();
        world.random = random;
        await world.key();
        world.serve('ASIA2', end + 6 * hour);
        world.takeAsked();
        world.at(end - early - 1);
        assert.equal(await world.key(), 'ASIA1');
        assert.deepEqual(world.takeAsked(), []);
        world.at(end - early);
        assert.equal(await world.key(), 'ASIA1');
        await settle();
        assert.deepEqual(world.takeAsked(), [rolePath]);
        assert.equal(await world.key(), 'ASIA2');
        assert.deepEqual(world.takeAsked(), []);
      });
    }

    it('returns them at once during a refresh, however long it takes', async () => {
      const world = World.withRole();
      await world.key();
      world.takeAsked();
      const late = later();
      world.answers[rolePath] = late.promise;
      world.at(end - 5 * minute);
      for (let call = 0; call < 100; call += 1) assert.equal(await world.key(), 'ASIA1');
      assert.deepEqual(world.takeAsked(), [rolePath]);
      late.resolve(document('ASIA2', end + 6 * hour));
      await settle();
      assert.equal(await world.key(), 'ASIA2');
      assert.deepEqual(world.takeAsked(), []);
    });

    it('asks again after part of the time left when the service has no newer ones', async () => {
      const world = World.withRole();
      world.random = 0.5;
      await world.key();
      world.takeAsked();
      const asked: number[] = [];
      for (world.at(end - 16 * minute); world.time < end - minute; world.pass(second)) {
        assert.equal(await world.key(), 'ASIA1');
        await settle();
        if (world.takeAsked().length > 0) asked.push((end - world.time) / minute);
      }
      assert.deepEqual(asked, [10, 5, 2.5, 1.25]);
      const levels = world.takeLogged().map(({ level, event }) => [level, event.action]);
      // AWS promises new ones five minutes before the end, so earlier it is no reason to warn.
      assert.deepEqual(levels, [
        ['debug', 'obtained'],
        ['debug', 'kept'],
        ['debug', 'kept'],
        ['warn', 'kept'],
        ['warn', 'kept'],
      ]);
    });

    it('asks again every ten seconds at most, and once more at the end', async () => {
      const world = World.withRole();
      await world.key();
      const asked: number[] = [];
      for (world.at(end - minute); world.time <= end; world.pass(second)) {
        world.takeAsked();
        assert.equal(await world.key(), 'ASIA1');
        if (world.takeAsked().length > 0) asked.push((end - world.time) / second);
      }
      assert.deepEqual(asked, [60, 45, 33, 23, 13, 3, 0]);
    });

    it('keeps them with a warning when the service fails, however early', async () => {
      const world = World.withRole();
      await world.key();
      world.answers[rolePath] = silence;
      world.at(end - 5 * minute);
      await world.key();
      await settle();
      assert.deepEqual(world.takeLogged().at(-1), {
        level: 'warn',
        event: { action: 'kept', secondsLeft: 300, nextInSeconds: 75, error: 'ERR_IMDS_TIMEOUT' },
      });
    });

    it('waits for new ones in the last minute', async () => {
      const world = World.withRole();
      await world.key();
      world.serve('ASIA2', end + 6 * hour);
      world.at(end - minute);
      assert.equal(await world.key(), 'ASIA2');
    });

    it('returns them in the last minute when there are no newer ones', async () => {
      const world = World.withRole();
      await world.key();
      for (const answer of [document('ASIA1', end), silence, new ImdsError('ERR_IMDS_RESPONSE', 'busy')]) {
        world.answers[rolePath] = answer;
        world.at(end - minute);
        assert.equal(await world.key(), 'ASIA1');
        assert.equal((await world.source.credentials()).expiration.getTime(), end);
      }
    });

    it('replaces them by others that expire at the same time', async () => {
      const world = World.withRole();
      await world.key();
      world.serve('ASIA2', end);
      world.takeLogged();
      world.at(end - minute);
      assert.equal(await world.key(), 'ASIA2');
      assert.equal(world.takeLogged().at(-1)?.event.action, 'obtained');
    });

    it('keeps them when the new ones have already expired', async () => {
      const world = World.withRole();
      await world.key();
      world.serve('ASIA0', end - hour);
      world.at(end - minute);
      assert.equal(await world.key(), 'ASIA1');
      assert.equal(world.takeLogged().at(-1)?.event.action, 'kept');
    });

    it('finds another role when the first is gone', async () => {
      const world = World.withRole();
      await world.key();
      delete world.answers[rolePath];
      world.answers[roles] = 'db-role';
      world.answers[`${roles}db-role`] = document('ASIA2', end + 6 * hour);
      world.takeAsked();
      world.at(end - minute);
      assert.equal(await world.key(), 'ASIA2');
      assert.deepEqual(world.takeAsked(), [rolePath, roles, `${roles}db-role`]);
      world.at(end + 6 * hour - minute);
      world.answers[`${roles}db-role`] = document('ASIA3', end + 12 * hour);
      assert.equal(await world.key(), 'ASIA3');
      assert.deepEqual(world.takeAsked(), [`${roles}db-role`]);
    });
  });

  describe('after the credentials expired', () => {
    /** Answers without newer credentials. */
    const answers: Readonly<Record<string, Answer>> = {
      'has the same ones': document('ASIA1', end),
      'has others that have ended': document('ASIA1', end, { Expiration: instant(end - minute) }),
      'is silent': silence,
      'is busy': new ImdsError('ERR_IMDS_RESPONSE', 'busy'),
      'answers with something else': '<html></html>',
    };
    for (const [title, answer] of Object.entries(answers)) {
      it(`uses them while the service ${title}, and asks again 5 to 15 minutes later`, async () => {
        for (const random of [0, 0.5, 0.999]) {
          const world = World.withRole();
          await world.key();
          world.takeLogged();
          world.random = random;
          world.answers[rolePath] = answer;
          world.at(end + minute);
          const credentials = await world.source.credentials();
          const pause = 5 * minute + random * 10 * minute;
          assert.equal(credentials.accessKeyId, 'ASIA1');
          assert.equal(credentials.expiration.getTime(), world.time + pause);
          const [warning, ...others] = world.takeLogged();
          assert.deepEqual(others, []);
          assert.equal(warning?.level, 'warn');
          assert.equal(warning.event.action, 'kept');
          assert.ok(warning.event.secondsLeft < 0);
          assert.equal(warning.event.nextInSeconds, Math.round(pause / second));
          assert.equal(warning.event.error, codeOf(answer));

          world.takeAsked();
          world.pass(pause - 1);
          assert.equal(await world.key(), 'ASIA1');
          assert.deepEqual(world.takeAsked(), []);
          world.pass(1);
          world.serve('ASIA2', end + 6 * hour);
          assert.equal(await world.key(), 'ASIA2');
        }
      });

      it(`throws without staticStability when the service ${title}`, async () => {
        const world = World.withRole({ staticStability: false });
        await world.key();
        world.answers[rolePath] = answer;
        world.at(end + minute);
        const expected = codeOf(answer) ?? 'ERR_IMDS_CREDENTIALS';
        await assert.rejects(world.key(), { code: expected });
        await assert.rejects(world.source.provider()(), { code: expected });
        const told = world.takeLogged().at(-1);
        assert.equal(told?.level, 'warn');
        assert.deepEqual([told.event.action, told.event.secondsLeft, told.event.nextInSeconds], ['ended', -60, 0]);
        world.serve('ASIA2', end + 6 * hour);
        assert.equal(await world.key(), 'ASIA2');
      });
    }

    const codeOf = (answer: Answer): string | undefined =>
      answer instanceof ImdsError ? answer.code : answer === '<html></html>' ? 'ERR_IMDS_DECODE' : undefined;

    it('returns them even on first use', async () => {
      const world = World.withRole();
      world.serve('ASIA1', launch - minute);
      const { accessKeyId, expiration } = await world.source.credentials();
      assert.equal(accessKeyId, 'ASIA1');
      assert.equal(expiration.getTime(), launch + 5 * minute);
      assert.deepEqual(
        world.takeLogged().map(({ level, event }) => [level, event.action]),
        [['warn', 'obtained']],
      );
    });

    it('throws on first use without staticStability', async () => {
      const world = World.withRole({ staticStability: false });
      world.serve('ASIA1', launch - minute);
      await assert.rejects(world.key(), (error: unknown) => {
        assert.ok(error instanceof ImdsCredentialsError);
        assert.equal(error.reason, 'expired');
        assert.match(error.message, /expired at 2026-11-23T08:59:00Z$/);
        return true;
      });
    });

    const certainties: Readonly<Record<string, (world: World) => void>> = {
      'no role is attached any more': (world) => {
        delete world.answers[roles];
        delete world.answers[rolePath];
      },
      'EC2 may no longer assume the role': (world) => {
        world.answers[rolePath] = '{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}';
      },
    };
    for (const [title, change] of Object.entries(certainties)) {
      it(`uses them until they expire, but no longer, when ${title}`, async () => {
        const world = World.withRole();
        await world.key();
        change(world);
        world.at(end - minute);
        assert.equal(await world.key(), 'ASIA1');
        world.at(end);
        await assert.rejects(world.key(), { code: 'ERR_IMDS_CREDENTIALS' });
        await assert.rejects(world.key(), { code: 'ERR_IMDS_CREDENTIALS' });
        assert.equal(world.takeLogged().filter(({ event }) => event.action === 'ended').length, 1);
      });
    }

    it("does not ask again after another caller's refresh ran out of time", async () => {
      const world = World.withRole();
      await world.key();
      const late = later();
      world.answers[rolePath] = late.promise;
      world.at(end);
      world.takeAsked();
      const hasty = world.source.credentials({ deadlineMs: 1000 });
      const patient = world.key();
      world.pass(1000);
      late.reject(new ImdsTimeoutError('no answer', { phase: 'deadline' }));
      assert.deepEqual([(await hasty).accessKeyId, await patient], ['ASIA1', 'ASIA1']);
      assert.equal(world.takeAsked().length, 1);
    });

    it('throws for a caller with a short deadline without staticStability', async () => {
      const world = World.withRole({ staticStability: false });
      await world.key();
      const late = later();
      world.answers[rolePath] = late.promise;
      world.at(end);
      const patient = world.key();
      await assert.rejects(world.source.credentials({ deadlineMs: 5 }), { code: 'ERR_IMDS_TIMEOUT' });
      late.resolve(document('ASIA2', end + 6 * hour));
      assert.equal(await patient, 'ASIA2');
    });

    it('uses them for a caller whose deadline is shorter than the refresh', async () => {
      const world = World.withRole();
      await world.key();
      const late = later();
      world.answers[rolePath] = late.promise;
      world.at(end);
      const patient = world.key();
      assert.equal((await world.source.credentials({ deadlineMs: 5 })).accessKeyId, 'ASIA1');
      late.resolve(document('ASIA2', end + 6 * hour));
      assert.equal(await patient, 'ASIA2');
    });
  });

  describe('with a wrong clock', () => {
    for (const [title, skew] of Object.entries({ slow: -24 * hour, fast: 24 * hour })) {
      it(`uses them as long as with a right one (${title})`, async () => {
        const world = World.withRole({ staticStability: false });
        world.skew = skew;
        const { expiration } = await world.source.credentials();
        assert.equal(expiration.getTime(), end);
        world.at(end - 5 * minute - 1);
        world.takeAsked();
        assert.equal(await world.key(), 'ASIA1');
        assert.deepEqual(world.takeAsked(), []);
        world.serve('ASIA2', end + 6 * hour);
        world.at(end - minute);
        assert.equal(await world.key(), 'ASIA2');
      });

      it(`gives SDK clients an expiration by that clock (${title})`, async () => {
        const world = World.withRole();
        world.skew = skew;
        const { expiration } = await world.source.provider()();
        assert.equal(expiration.getTime(), end + skew);
      });
    }

    const long = Date.UTC(2015, 0, 1);
    const wrong: Readonly<Record<string, readonly number[]>> = {
      'of the document says 2015': [launch, long],
      'of the listing says 2015': [long, launch],
      'of the document says 2038': [launch, Date.UTC(2038, 0, 1)],
      'of the document is another wrong one each time': [launch, long, long + hour, long + 2 * hour],
      'of every answer says 2015': [long, long, long, long],
    };
    for (const [title, dates] of Object.entries(wrong))
      it(`renews them in time when the Date header ${title}`, async () => {
        const world = World.withRole({ staticStability: false });
        world.serve('ASIA1', launch + hour);
        world.dates.push(...dates);
        const { expiration } = await world.source.credentials();
        assert.equal(expiration.getTime(), launch + hour);
        world.dates.length = 0;
        assert.equal((await world.source.provider()()).expiration.getTime(), launch + hour);
        world.serve('ASIA2', launch + 2 * hour);
        world.at(launch + hour - minute);
        assert.equal(await world.key(), 'ASIA2');
      });

    it('asks a second time for a Date header that nothing confirms, and not again', async () => {
      const world = World.withRole({ roleName: 'web-role' });
      world.skew = -24 * hour;
      await world.key();
      assert.deepEqual(world.takeAsked(), [rolePath, rolePath]);
      world.at(end - minute);
      await world.key();
      assert.deepEqual(world.takeAsked(), [rolePath]);
    });

    it('uses the Date of the first reply when the second fails', async () => {
      const world = World.withRole({ roleName: 'web-role' });
      world.dates.push(long);
      const takeOnce = world.asked.push.bind(world.asked);
      world.asked.push = (path) => {
        if (world.asked.length === 1) world.answers[rolePath] = silence;
        return takeOnce(path);
      };
      assert.equal(await world.key(), 'ASIA1');
    });

    it('renews them after a hibernation, in which the monotonic clock stood still', async () => {
      const world = World.withRole();
      await world.key();
      world.at(end + hour);
      world.asleep = 7 * hour;
      world.serve('ASIA2', end + 6 * hour);
      assert.equal(await world.key(), 'ASIA2');
    });

    it('renews them after the wall clock was set back', async () => {
      const world = World.withRole();
      await world.key();
      world.at(end);
      world.skew = -12 * hour;
      world.serve('ASIA2', end + 6 * hour);
      assert.equal(await world.key(), 'ASIA2');
    });
  });

  describe('provider()', () => {
    /** When an SDK client calls its provider again: five minutes before the expiration. */
    const returnsAt = ({ expiration }: ImdsCredentials): number => expiration.getTime() - 5 * minute;

    it('gives an expiration with which clients come back when the refresh is due', async () => {
      for (const random of [0, 0.4, 0.999]) {
        const world = World.withRole();
        world.random = random;
        const provide = world.source.provider();
        const credentials = await provide();
        assert.ok(credentials.expiration.getTime() <= end);
        world.serve('ASIA2', end + 6 * hour);
        world.takeAsked();
        world.at(returnsAt(credentials));
        await provide();
        await settle();
        assert.deepEqual(world.takeAsked(), [rolePath]);
        assert.equal((await provide()).accessKeyId, 'ASIA2');
      }
    });

    it('gives an expiration with which clients come back for the next attempt', async () => {
      const world = World.withRole();
      const provide = world.source.provider();
      await provide();
      world.answers[rolePath] = silence;
      world.random = 0.3;
      world.at(end);
      const back = returnsAt(await provide());
      assert.equal(back, end + 8 * minute);
    });

    it('asks for newer ones with forceRefresh', async () => {
      const world = World.withRole();
      const provide = world.source.provider();
      await provide();
      world.serve('ASIA2', end + hour);
      assert.equal((await provide({ forceRefresh: true })).accessKeyId, 'ASIA2');
    });
  });

  describe('for each caller', () => {
    it('returns an object that it may change', async () => {
      const world = World.withRole();
      const provide = world.source.provider();
      for (const get of [() => world.source.credentials(), () => provide()]) {
        const mine = await get();
        Object.assign(mine, { $source: {}, accessKeyId: 'mine' });
        mine.expiration.setTime(0);
        const { accessKeyId, expiration, ...rest } = await get();
        assert.equal(accessKeyId, 'ASIA1');
        assert.ok(expiration.getTime() > launch);
        assert.ok(!('$source' in rest));
      }
    });

    it('prints no secret', async () => {
      const world = World.withRole();
      const credentials = await world.source.credentials();
      for (const printed of [inspect(credentials), inspect({ deep: [credentials] }, { showHidden: true, depth: 9 })]) {
        assert.ok(!printed.includes(secret) && !printed.includes(sessionToken), printed);
        assert.match(printed, /accessKeyId: 'ASIA1'.*secretAccessKey: '\[hidden\]'.*sessionToken: '\[hidden\]'/s);
      }
      assert.deepEqual(Object.keys(credentials), ['accessKeyId', 'secretAccessKey', 'sessionToken', 'expiration']);
      assert.ok(!JSON.stringify(world.logged).includes(secret));
      assert.ok(!inspect(world.source, { depth: 9, showHidden: true }).includes(secret));
    });

    it('asks for newer ones with fresh, and throws when that fails', async () => {
      const world = World.withRole();
      await world.key();
      world.serve('ASIA2', end + hour);
      assert.equal((await world.source.credentials({ fresh: true })).accessKeyId, 'ASIA2');
      world.answers[rolePath] = silence;
      await assert.rejects(world.source.credentials({ fresh: true }), { code: 'ERR_IMDS_TIMEOUT' });
      assert.equal(await world.key(), 'ASIA2');
    });

    it('ends its wait with its signal, while others go on waiting', async () => {
      const world = World.withRole();
      const late = later();
      world.answers[roles] = late.promise;
      const controller = new AbortController();
      const aborted = world.source.credentials({ signal: controller.signal });
      const other = world.key();
      controller.abort(new Error('enough'));
      await assert.rejects(aborted, { message: 'enough' });
      await assert.rejects(world.source.credentials({ signal: controller.signal }), { message: 'enough' });
      late.resolve('web-role');
      assert.equal(await other, 'ASIA1');
    });

    it('throws after an abort, even if credentials are cached', async () => {
      const world = World.withRole();
      await world.key();
      const reason = new Error('enough');
      await assert.rejects(world.source.credentials({ signal: AbortSignal.abort(reason) }), reason);

      const answer = later();
      world.answers[rolePath] = answer.promise;
      world.at(end - minute);
      const controller = new AbortController();
      const waiting = world.source.credentials({ signal: controller.signal });
      await settle();
      controller.abort(reason);
      await assert.rejects(waiting, reason);
      answer.resolve('');
    });

    it('refuses wrong options', async () => {
      const world = World.withRole();
      await world.key();
      const wrong: object[] = [{ force: true }, { deadlineMs: -1 }, { fresh: 'yes' }];
      for (const options of wrong)
        await assert.rejects(world.source.credentials(options), (error: unknown) => error instanceof ImdsSettingsError);
    });

    it('throws once the client is closed', async () => {
      const world = World.withRole();
      const late = later();
      await world.key();
      world.answers[rolePath] = late.promise;
      world.at(end - 5 * minute);
      await world.key();
      const closed = new ImdsError('ERR_IMDS_CLOSED', 'this client was closed');
      world.closing.close(closed);
      const said = world.logged.length;
      late.resolve(document('ASIA2', end + hour));
      await settle();
      assert.equal(world.logged.length, said, 'none is in use any more');
      await assert.rejects(world.key(), closed);
      await assert.rejects(world.source.provider()(), closed);
    });
  });

  describe('the account ID', () => {
    it("is the document's, if it has one", async () => {
      const world = World.withRole();
      world.serve('ASIA1', end, { AccountId: '210987654321' });
      assert.equal((await world.source.credentials({ accountId: true })).accountId, '210987654321');
      assert.equal((await world.source.credentials()).accountId, '210987654321');
      assert.ok(!world.takeAsked().includes('account'));
    });

    it('is read when wanted, and kept from then on', async () => {
      const world = World.withRole();
      assert.ok(!('accountId' in (await world.source.credentials())));
      assert.ok(!world.takeAsked().includes('account'));
      const provide = world.source.provider({ accountId: true });
      const all = await Promise.all([provide(), world.source.credentials({ accountId: true }), provide()]);
      assert.deepEqual(
        all.map(({ accountId }) => accountId),
        Array(3).fill('123456789012'),
      );
      assert.deepEqual(world.takeAsked(), ['account', 'account', 'account']);
      await provide();
      assert.deepEqual(world.takeAsked(), []);
      world.serve('ASIA2', end + 6 * hour);
      world.at(end);
      const { accessKeyId, accountId } = await world.source.credentials();
      assert.deepEqual([accessKeyId, accountId], ['ASIA2', '123456789012']);
    });

    it('is left out when it cannot be read, and read again after a minute', async () => {
      const world = World.withRole();
      world.account = new ImdsDecodeError('no account');
      const provide = world.source.provider({ accountId: true });
      for (let call = 0; call < 3; call += 1) assert.ok(!('accountId' in (await provide())));
      assert.equal(world.takeAsked().filter((path) => path === 'account').length, 1);
      world.account = '123456789012';
      world.pass(minute - 1);
      assert.ok(!('accountId' in (await provide())));
      world.pass(1);
      assert.equal((await provide()).accountId, '123456789012');
    });

    it('is waited for until the signal of the caller is aborted', async () => {
      const world = World.withRole();
      await world.key();
      const controller = new AbortController();
      world.account = new Promise(() => {});
      const pending = world.source.credentials({ accountId: true, signal: controller.signal });
      await settle();
      controller.abort(new Error('enough'));
      await assert.rejects(pending, { message: 'enough' });
    });
  });
});
