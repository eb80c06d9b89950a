import { systemClock } from '../client/clock.js';
import type { CredentialsEvent, Events } from '../client/events.js';
import { checkCallOptions } from '../client/settings.js';
import { type Call, SingleFlight } from '../client/single-flight.js';
import { ImdsCredentialsError, ImdsDecodeError, type ImdsError, isImdsError, isNotFound } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import { type IamInfo, iamInfo, type RoleCredentials, roleCredentials } from '../metadata/documents.js';

/**
 * Temporary credentials of the instance's IAM role, in the form that AWS's SDK for JavaScript takes. The object is the
 * caller's own; `console.log` shows neither the secret access key nor the session token of it.
 */
export interface ImdsCredentials {
  /** Such as `ASIAIOSFODNN7EXAMPLE`. */
  readonly accessKeyId: string;
  /** Secret. */
  readonly secretAccessKey: string;
  /** Secret; goes with every request as `X-Amz-Security-Token`. */
  readonly sessionToken: string;
  /**
   * When they end, as the service says; of a set that is used past its end, when the service is asked again. Those of a
   * provider have it up to ten minutes earlier, so that clients come back in time, and by the clock of this machine.
   */
  readonly expiration: Date;
  /** Account of the role, such as `123456789012`; where it was asked for, or the service told it unasked. */
  readonly accountId?: string;
}

/** What a provider of credentials may be told. */
export interface CredentialProviderOptions {
  /**
   * Whether to find out the `accountId` too, which takes a further request, once. Credentials are given without it when
   * it cannot be read. Default false.
   */
  readonly accountId?: boolean | undefined;
}

/** What a single call for credentials may say for itself; `fresh` asks the service for a newer set now. */
export interface CredentialsOptions extends CallOptions, CredentialProviderOptions {}

/** Gives credentials whenever it is called: an `AwsCredentialIdentityProvider` of AWS's SDK for JavaScript. */
export type ImdsCredentialProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<ImdsCredentials>;

/** What is needed of the client. */
export interface CredentialsReader {
  /**
   * Asks the service for the text at a path, whatever is cached.
   *
   * @returns the text, and when it was served: milliseconds since 1970 by the `Date` header
   * @throws ImdsNotFoundError when there is nothing
   */
  read(path: string, options: { readonly deadlineMs: number }): Promise<{ text: string; servedAt: number }>;
  /** The account of the instance. */
  accountId(options: { readonly deadlineMs: number }): Promise<string>;
}

/** What is needed of the settings. */
export interface CredentialsSettings {
  readonly deadlineMs: number;
  readonly roleName: string | undefined;
  readonly staticStability: boolean;
}

/** Time and chance. */
export interface Circumstances {
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** A set of credentials in use. Moments are on the service's clock, in milliseconds since 1970. */
interface Held {
  readonly set: RoleCredentials;
  readonly endsAt: number;
  /** When the service is asked again. */
  readonly refreshAt: number;
  /** `refreshAt`, as an expiration of this machine's clock that brings clients of the SDK back just then. */
  readonly returnAt: number;
}

/** What was served, and what the clocks of this machine showed when it was asked for. */
interface Served {
  readonly path: string;
  readonly text: string;
  readonly servedAt: number;
  readonly now: number;
  readonly wall: number;
}

const second = 1000;
const minute = 60 * second;
// New credentials appear at least this long before the old ones end ("IAM roles for Amazon EC2", EC2 User Guide). It is
// also how early clients of AWS's SDK for JavaScript take credentials for expired, and call their provider again.
const promiseMs = 5 * minute;
// A refresh begins up to this much earlier still, in each process at a moment of its own.
const spreadMs = 10 * minute;
// In its last minute, a set is handed out only if the service has no other.
const lastMs = minute;
const shortestPauseMs = 10 * second;
// A profile takes some seconds to show after it was attached, or after the launch. The first to ask waits that long.
const patienceMs = [250, 500, 1000];

const rolesPath = 'iam/security-credentials/';

/**
 * The credentials of the instance's role: read when first asked for, then renewed while those at hand still serve.
 * It has no timer; whoever asks within the time for a refresh sets it off.
 */
export class CredentialsSource {
  readonly #reader: CredentialsReader;
  readonly #settings: () => CredentialsSettings;
  readonly #events: Events;
  readonly #circumstances: Circumstances;
  readonly #refreshes: SingleFlight<Held>;
  readonly #accounts: SingleFlight<string>;
  /** Where the service's clock stood, and where the clocks of this machine. */
  #clock: Pick<Served, 'servedAt' | 'now' | 'wall'> | undefined;
  #held: Held | undefined;
  #role: string | undefined;
  #patience: readonly number[] = patienceMs;
  #accountId: string | undefined;
  #accountIdNotBefore = Number.NEGATIVE_INFINITY;
  #closedBy: ImdsError | undefined;

  constructor(
    reader: CredentialsReader,
    settings: () => CredentialsSettings,
    events: Events,
    circumstances: Partial<Circumstances> = {},
  ) {
    this.#reader = reader;
    this.#settings = settings;
    this.#events = events;
    this.#circumstances = {
      now: () => performance.now(),
      wallClock: () => Date.now(),
      random: Math.random,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      ...circumstances,
    };
    this.#refreshes = new SingleFlight({ ...systemClock, now: this.#circumstances.now });
    this.#accounts = new SingleFlight({ ...systemClock, now: this.#circumstances.now });
  }

  /**
   * Gives the credentials at hand, or waits for new ones where those have less than a minute left.
   *
   * @throws ImdsCredentialsError when no role is attached or EC2 got no credentials for it, ImdsDecodeError when its
   *   document is not what AWS promises, and every error of a failed request
   */
  async credentials(options: CredentialsOptions = {}): Promise<ImdsCredentials> {
    const { held, accountId } = await this.#get(options);
    return credentialsOf(held.set, held.endsAt > this.#time() ? held.endsAt : held.refreshAt, accountId);
  }

  /** A function that gives credentials to clients of AWS's SDK, which call it when those they hold near their end. */
  provider(options: CredentialProviderOptions = {}): ImdsCredentialProvider {
    return async ({ forceRefresh = false } = {}) => {
      const { held, accountId } = await this.#get({ ...options, fresh: forceRefresh });
      return credentialsOf(held.set, held.returnAt, accountId);
    };
  }

  /** Forgets the credentials; whoever asks for some from now on gets the error. */
  close(reason: ImdsError): void {
    this.#closedBy = reason;
    this.#held = undefined;
  }

  async #get({ accountId: isWanted, ...options }: CredentialsOptions) {
    checkCallOptions(options);
    options.signal?.throwIfAborted();
    if (this.#closedBy) throw this.#closedBy;
    const { deadlineMs = this.#settings().deadlineMs, signal, fresh } = options;
    const call = { deadline: this.#circumstances.now() + deadlineMs, signal };
    const held = await this.#current(call, fresh);
    const accountId = held.set.AccountId ?? this.#accountId;
    return { held, accountId: accountId ?? (isWanted ? await this.#askAccountId(call, held) : undefined) };
  }

  async #current(call: Call, fresh = false): Promise<Held> {
    const held = this.#notDue(fresh);
    if (held) return held;
    if (!fresh && this.#held && this.#held.endsAt - this.#time() > lastMs) {
      const deadline = this.#circumstances.now() + this.#settings().deadlineMs;
      // Behind the callers: a failure is published as an event, and the set at hand stays in use.
      this.#renew({ deadline }).catch(() => {});
      return this.#held;
    }
    try {
      return await this.#renew(call, fresh);
    } catch (error) {
      if (fresh || call.signal?.aborted || !this.#held || !this.#mayServe(this.#held)) throw error;
      return this.#held;
    }
  }

  /** Refreshes, or joins the refresh under way. */
  #renew(call: Call, fresh = false): Promise<Held> {
    return this.#refreshes.run(
      rolesPath,
      call,
      // Work that ended with another caller's patience is begun anew by the next; by then it may be needless.
      async (until) => this.#notDue(fresh) ?? (await this.#refresh(until)),
    );
  }

  /** The set at hand, if the service need not be asked. */
  #notDue(fresh: boolean): Held | undefined {
    return !fresh && this.#held && this.#time() < this.#held.refreshAt ? this.#held : undefined;
  }

  async #refresh(until: number): Promise<Held> {
    const before = this.#held;
    try {
      const { set, endsAt } = await this.#load(until);
      const isNew = set.AccessKeyId !== before?.set.AccessKeyId;
      // What has ended does not replace what ends later.
      const outlives = before && endsAt <= Math.min(before.endsAt, this.#time());
      const held = outlives ? this.#hold(before.set, before.endsAt, false) : this.#hold(set, endsAt, isNew);
      this.#publish(isNew && !outlives ? 'obtained' : 'kept', held);
      return held;
    } catch (error) {
      if (before) this.#carryOn(before, error);
      throw error;
    }
  }

  /** After a failed refresh: keeps the set at hand for as long as it may be served. */
  #carryOn(before: Held, error: unknown): void {
    const held = this.#hold(before.set, before.endsAt, false);
    // What the service says for certain holds once the set has ended; silence and mistakes do not.
    const isCertain = error instanceof ImdsCredentialsError;
    const mayServe = held.endsAt > this.#time() || (this.#settings().staticStability && !isCertain);
    if (!mayServe) this.#held = undefined;
    this.#publish(mayServe ? 'kept' : 'ended', held, error);
  }

  /** Whether a set may be handed out that the service did not replace. */
  #mayServe(held: Held): boolean {
    return this.#settings().staticStability || held.endsAt > this.#time();
  }

  #hold(set: RoleCredentials, endsAt: number, isNew: boolean): Held {
    const { wallClock, random } = this.#circumstances;
    const time = this.#time();
    const pause = pauseMs(endsAt - time, isNew, random());
    const held = { set, endsAt, refreshAt: time + pause, returnAt: wallClock() + pause + promiseMs };
    this.#held = held;
    return held;
  }

  /**
   * The time by the service's clock: when it last served credentials, and what has passed since. Of this machine's
   * clocks the one counts that ran further, for the monotonic one stands still while the instance hibernates.
   */
  #time(): number {
    if (!this.#clock) return Number.NEGATIVE_INFINITY;
    const { now, wallClock } = this.#circumstances;
    const { servedAt, now: nowThen, wall } = this.#clock;
    return servedAt + Math.max(now() - nowThen, wallClock() - wall);
  }

  async #load(until: number): Promise<{ set: RoleCredentials; endsAt: number }> {
    let served = await this.#ask(until);
    for (const ms of this.#patience) {
      if (served || this.#circumstances.now() + ms >= until) break;
      await this.#circumstances.sleep(ms);
      served = await this.#ask(until);
    }
    this.#patience = [];
    if (!served) throw await this.#noRole(until);

    const { path, text } = served;
    const document = roleCredentials(Buffer.from(text), path);
    if (document.AccessKeyId === undefined)
      throw notSuccess(`for the role ${path.slice(rolesPath.length)}`, document.Code, document.Message);
    const empty = (['AccessKeyId', 'SecretAccessKey', 'Token'] as const).find((name) => document[name] === '');
    if (empty) throw new ImdsDecodeError(`Expected credentials from ${path}, got an empty ${empty}`);
    // Only now is it certain that this came from the service, and the clock with it.
    this.#clock = served;
    const endsAt = Date.parse(document.Expiration);
    if (endsAt <= this.#time() && !this.#settings().staticStability)
      throw new ImdsCredentialsError(`the credentials at ${path} ended at ${document.Expiration}`, {
        reason: 'expired',
        hint: 'The service has no newer ones yet. With the option staticStability these would be used meanwhile.',
      });
    return { set: document, endsAt };
  }

  /** The document of the role; undefined where there is none, or no role. */
  async #ask(until: number): Promise<Served | undefined> {
    const { roleName } = this.#settings();
    const known = roleName ?? this.#role;
    const served = known === undefined ? undefined : await this.#read(rolesPath + known, until);
    if (served || roleName !== undefined) return served;
    // The role may be another by now.
    this.#role = await this.#listed(until);
    return this.#role === undefined ? undefined : await this.#read(rolesPath + this.#role, until);
  }

  /** The name of the role that the service lists. That of the instance profile, in `iam/info`, may be another. */
  async #listed(until: number): Promise<string | undefined> {
    const served = await this.#read(rolesPath, until);
    const [name] = served?.text.split(/\r?\n/).filter((line) => line.trim() !== '') ?? [];
    if (name !== undefined && !/^[\w+=,.@:/-]+$/.test(name.trim()))
      throw new ImdsDecodeError(`Expected the name of a role from ${rolesPath}, got something else`);
    return name?.trim();
  }

  async #read(path: string, until: number): Promise<Served | undefined> {
    const { now, wallClock } = this.#circumstances;
    const clocks = { now: now(), wall: wallClock() };
    try {
      return { path, ...clocks, ...(await this.#reader.read(path, { deadlineMs: Math.max(1, until - clocks.now) })) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Why there is no role; the service may know. */
  async #noRole(until: number): Promise<ImdsError> {
    const { roleName } = this.#settings();
    const unlessFailing = <T>(read: Promise<T>): Promise<T | undefined> => read.catch(() => undefined);
    const listed = roleName === undefined ? undefined : await unlessFailing(this.#listed(until));
    if (listed !== undefined && listed !== roleName)
      return new ImdsCredentialsError(`the instance has the role ${listed}, not ${roleName}`, {
        reason: 'no-role',
        hint: 'Leave out the option roleName, or attach an instance profile that holds this role.',
      });
    const info = await unlessFailing(this.#info(until));
    if (info === undefined)
      return new ImdsCredentialsError('no IAM role is attached to this instance', {
        reason: 'no-role',
        hint:
          'Attach an instance profile: aws ec2 associate-iam-instance-profile --instance-id <id> ' +
          '--iam-instance-profile Name=<profile>. Its role shows after some seconds.',
      });
    if (info.Code !== 'Success') return notSuccess('for the instance profile', info.Code, info.Message);
    const why = info.Message ? `: ${quoted(info.Message)}` : '';
    return new ImdsCredentialsError(`the instance profile gives no role${why}`, {
      reason: 'no-role',
      hint:
        'Put a role into it: aws iam add-role-to-instance-profile --instance-profile-name <profile> ' +
        '--role-name <role>. It shows after some seconds.',
    });
  }

  async #info(until: number): Promise<IamInfo | undefined> {
    const served = await this.#read('iam/info', until);
    return served && iamInfo(Buffer.from(served.text), served.path);
  }

  async #askAccountId(call: Call, held: Held): Promise<string | undefined> {
    if (this.#time() < this.#accountIdNotBefore) return undefined;
    const { now } = this.#circumstances;
    try {
      this.#accountId = await this.#accounts.run('account ID', call, (until) =>
        this.#reader.accountId({ deadlineMs: Math.max(1, until - now()) }),
      );
    } catch (error) {
      if (call.signal?.aborted) throw error;
      // It must not cost the credentials; it is asked for again when they are.
      this.#accountIdNotBefore = held.refreshAt;
    }
    return this.#accountId;
  }

  #publish(action: CredentialsEvent['action'], { endsAt, refreshAt }: Held, error?: unknown): void {
    if (!this.#events.wanted('credentials')) return;
    const time = this.#time();
    const leftMs = endsAt - time;
    // Until AWS's promise falls due, nothing new is nothing to worry about.
    const isWorrying = leftMs <= 0 || error !== undefined || (action === 'kept' && leftMs < promiseMs);
    this.#events.publish(
      'credentials',
      {
        action,
        secondsLeft: Math.round(leftMs / second),
        nextInSeconds: action === 'ended' ? 0 : Math.round((refreshAt - time) / second),
        ...(isImdsError(error) && { error: error.code }),
      },
      isWorrying ? 'warn' : 'debug',
    );
  }
}

/** How long to wait before the service is asked for the next set. */
function pauseMs(leftMs: number, isNew: boolean, random: number): number {
  // Used past its end; all processes of the host are in the same plight, and must not ask all at once.
  if (leftMs <= 0) return promiseMs + random * spreadMs;
  if (isNew && leftMs > promiseMs) return leftMs - promiseMs - random * Math.min(spreadMs, leftMs - promiseMs);
  // Nothing newer yet: again after a part of what is left, and at the latest when it ends.
  return Math.min(leftMs, Math.max(shortestPauseMs, leftMs * (0.25 + random / 2)));
}

/** The service answers 200 with a code of its own where it got no credentials from AWS STS. */
function notSuccess(whose: string, code: string, message = ''): ImdsError {
  const remedies: Readonly<Record<string, string>> = {
    AssumeRoleUnauthorizedAccess:
      'The trust policy of the role has to allow the service principal ec2.amazonaws.com the action sts:AssumeRole.',
    InstanceProfileNotFound:
      'The instance profile was deleted, or deleted and made anew: replace the association, aws ec2 ' +
      'replace-iam-instance-profile-association --association-id <id> --iam-instance-profile Name=<profile>.',
  };
  const said = [code, message].filter((text) => text !== '').map(quoted);
  return new ImdsCredentialsError(`there are no credentials ${whose}: ${said.join(': ')}`, {
    reason: 'not-success',
    serviceCode: code,
    hint: remedies[code] ?? 'See "Troubleshoot IAM and Amazon EC2" in the IAM User Guide.',
  });
}

/** A text of the service in one line of bounded length, fit for a message. */
const quoted = (text: string): string =>
  text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 300);

const hidden = '[hidden]';

/** What `console.log` shows in place of the secrets. */
const masked: PropertyDescriptor & ThisType<ImdsCredentials> = {
  value(_depth: number, options: object, inspect: (value: object, options: object) => string) {
    return inspect({ ...this, secretAccessKey: hidden, sessionToken: hidden }, options);
  },
};

/** An object for one caller: clients of AWS's SDK write to those they are given. */
function credentialsOf(set: RoleCredentials, expiration: number, accountId: string | undefined): ImdsCredentials {
  const credentials: ImdsCredentials = {
    accessKeyId: set.AccessKeyId,
    secretAccessKey: set.SecretAccessKey,
    sessionToken: set.Token,
    expiration: new Date(expiration),
    ...(accountId !== undefined && { accountId }),
  };
  return Object.defineProperty(credentials, Symbol.for('nodejs.util.inspect.custom'), masked);
}
