import { checkOptions, trueOrFalse } from '../client/check.js';
import type { ImdsEvents } from '../client/events.js';
import type { Reader } from '../client/reader.js';
import { retry } from '../client/retry.js';
import { callChecks, type Settings } from '../client/settings.js';
import { type Call, SingleFlight } from '../client/single-flight.js';
import type { Shared } from '../client/transport.js';
import { ImdsCredentialsError, isImdsError } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import { type RoleCredentials, rotationMs } from '../metadata/documents.js';
import { Role } from './role.js';
import { refreshDelayMs, waitBelowMs } from './schedule.js';

/**
 * Temporary credentials of the instance's IAM role, in the form that the AWS SDK for JavaScript takes. Each caller gets
 * its own object; `console.log` hides its secret access key and session token.
 */
export interface ImdsCredentials {
  /** Such as `ASIAIOSFODNN7EXAMPLE`. */
  readonly accessKeyId: string;
  /** Secret. */
  readonly secretAccessKey: string;
  /** Secret; sent with every request as `X-Amz-Security-Token`. */
  readonly sessionToken: string;
  /**
   * When they expire, by the service's clock; for expired credentials still in use, the time of the next refresh. From
   * a provider, up to ten minutes earlier and by this machine's clock, so that SDK clients come back in time.
   */
  readonly expiration: Date;
  /** Account of the role, such as `123456789012`; present if requested, or if the document has it. */
  readonly accountId?: string;
}

/** Options of a credential provider. */
export interface CredentialProviderOptions {
  /**
   * `true` adds the `accountId`, which takes one more request, once per client. If it cannot be read, the credentials
   * lack it. Default false.
   */
  readonly accountId?: boolean | undefined;
}

/** Options of a single call; `fresh` asks the service for newer credentials now. */
export interface CredentialsOptions extends CallOptions, CredentialProviderOptions {}

/** Returns credentials whenever it is called: an `AwsCredentialIdentityProvider` of the AWS SDK for JavaScript. */
export type ImdsCredentialProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<ImdsCredentials>;

/** The parts of a client that credentials need. */
export interface CredentialsClient extends Omit<Shared, 'settings'> {
  readonly reader: Pick<Reader, 'ask'>;
  /** The account of the instance. Concurrent calls share a request. */
  readonly accountId: (options: CallOptions) => Promise<string>;
  readonly settings: () => Pick<
    Settings,
    'deadlineMs' | 'maxAttempts' | 'retryDelayMs' | 'roleName' | 'staticStability' | 'waitMs'
  >;
}

const checks = { ...callChecks, accountId: trueOrFalse };
// An account that could not be read is requested again this much later.
const accountAgainMs = 60_000;

/** The current credentials. Times are milliseconds since the epoch, by the service's clock. */
interface Held {
  readonly document: RoleCredentials;
  readonly time: () => number;
  readonly endsAt: number;
  readonly refreshAt: number;
}

/**
 * The credentials of the instance's role: read on first use, refreshed while the current ones are still valid. There is
 * no timer: a call after `refreshAt` starts the refresh.
 */
export class CredentialsSource {
  readonly #client: CredentialsClient;
  readonly #role: Role;
  readonly #refreshes: SingleFlight<Held>;
  #held: Held | undefined;
  #accountId: string | undefined;
  #accountNotBefore = 0;

  constructor(client: CredentialsClient) {
    this.#client = client;
    this.#role = new Role(client.reader, client.clock);
    this.#refreshes = new SingleFlight(client.clock);
    client.closing.onEnd(() => {
      this.#held = undefined;
    });
  }

  /** Returns the current credentials, or waits for new ones if less than a minute is left. */
  async credentials(options: CredentialsOptions = {}): Promise<ImdsCredentials> {
    const { held, accountId } = await this.#get(options);
    return credentialsOf(held.document, hasEnded(held) ? held.refreshAt : held.endsAt, accountId);
  }

  /** Makes a function for AWS SDK clients, which call it when their credentials are about to expire. */
  provider(options: CredentialProviderOptions = {}): ImdsCredentialProvider {
    checkOptions(options, 'call option ', checks);
    return async (request) => {
      const fresh = request?.forceRefresh === true;
      const { held, accountId } = await this.#get({ ...options, fresh }).catch(letChainGoOn);
      // SDK clients compare it with this machine's clock, and come back at `refreshAt`.
      const expiration = this.#client.clock.wallClock() + held.refreshAt - held.time() + rotationMs;
      return credentialsOf(held.document, expiration, accountId);
    };
  }

  async #get(options: CredentialsOptions) {
    checkOptions(options, 'call option ', checks);
    options.signal?.throwIfAborted();
    this.#client.closing.throwIfClosed();
    const { settings, clock } = this.#client;
    const { deadlineMs = settings().deadlineMs, signal, fresh = false, accountId: wantsAccount } = options;
    const call = { deadline: clock.running() + deadlineMs, signal };
    const held = await this.#current(call, fresh);
    const accountId = held.document.AccountId ?? this.#accountId;
    return { held, accountId: accountId ?? (wantsAccount ? await this.#readAccountId(call) : undefined) };
  }

  async #current(call: Call, fresh: boolean): Promise<Held> {
    const held = this.#held;
    if (held && !fresh && !isDue(held)) return held;
    const run = (caller: Call) =>
      this.#refreshes.run('the role credentials', caller, (deadline) => this.#refresh(deadline, fresh));
    if (held && !fresh && held.endsAt - held.time() > waitBelowMs) {
      // In the background: a failure is published as an event, and the current credentials stay in use.
      const { clock, settings } = this.#client;
      run({ deadline: clock.running() + settings().deadlineMs }).catch(() => {});
      return held;
    }
    try {
      return await run(call);
    } catch (error) {
      if (fresh || call.signal?.aborted || !this.#held || !this.#mayServe(this.#held)) throw error;
      return this.#held;
    }
  }

  async #refresh(deadline: number, fresh: boolean): Promise<Held> {
    const before = this.#held;
    // A refresh that ran out of another caller's time begins again, if it is still needed.
    if (before && !fresh && !isDue(before)) return before;
    try {
      const { document, serviceTime } = await this.#load(deadline, fresh);
      // Expired credentials do not replace ones that expire later.
      const outlives = before && endOf(document) <= Math.min(before.endsAt, serviceTime());
      const isNew = !outlives && document.AccessKeyId !== before?.document.AccessKeyId;
      const held = this.#hold(outlives ? before.document : document, serviceTime, isNew);
      this.#publish(isNew ? 'obtained' : 'kept', held);
      return held;
    } catch (error) {
      if (!before) throw error;
      const held = this.#hold(before.document, before.time, false);
      // Once the credentials have expired, a definite answer counts; silence and mistakes do not.
      const mayServe = !hasEnded(held) || (this.#mayServe(held) && !(error instanceof ImdsCredentialsError));
      if (!mayServe) this.#held = undefined;
      this.#publish(mayServe ? 'kept' : 'ended', held, error);
      throw error;
    }
  }

  async #load(deadline: number, fresh: boolean) {
    const settings = this.#client.settings();
    const options = { ...settings, ...this.#client, path: 'iam/security-credentials/', deadline };
    const answer = await retry(() => this.#role.credentials(settings.roleName, { deadline, fresh }), options);
    if (endOf(answer.document) <= answer.serviceTime() && !settings.staticStability)
      throw new ImdsCredentialsError(`the credentials of the role expired at ${answer.document.Expiration}`, {
        reason: 'expired',
        hint: 'The service has no newer ones yet. With option staticStability these would be used meanwhile.',
      });
    return answer;
  }

  #hold(document: RoleCredentials, time: () => number, isNew: boolean): Held {
    this.#client.closing.throwIfClosed();
    const endsAt = endOf(document);
    const refreshAt = time() + refreshDelayMs(endsAt - time(), isNew, this.#client.clock.random());
    this.#held = { document, time, endsAt, refreshAt };
    return this.#held;
  }

  #mayServe(held: Held): boolean {
    return this.#client.settings().staticStability || !hasEnded(held);
  }

  /** Undefined after a failure, which must not fail the credentials, nor keep the account from others for long. */
  async #readAccountId({ deadline, signal }: Call): Promise<string | undefined> {
    const { now, running } = this.#client.clock;
    if (now() < this.#accountNotBefore) return undefined;
    try {
      const deadlineMs = Math.max(1, deadline - running());
      this.#accountId = await this.#client.accountId({ deadlineMs, signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      this.#accountNotBefore = now() + accountAgainMs;
    }
    return this.#accountId;
  }

  #publish(action: ImdsEvents['credentials']['action'], { time, endsAt, refreshAt }: Held, error?: unknown): void {
    const leftMs = endsAt - time();
    const event = {
      action,
      secondsLeft: Math.round(leftMs / 1000),
      nextInSeconds: action === 'ended' ? 0 : Math.round((refreshAt - time()) / 1000),
      ...(isImdsError(error) && { error: error.code }),
    };
    // AWS promises new credentials five minutes before the expiration; having none earlier is normal.
    const isWarning = leftMs <= 0 || error !== undefined || (action === 'kept' && leftMs < rotationMs);
    this.#client.events.publish('credentials', event, isWarning ? 'warn' : 'debug');
  }
}

/** Makes a chain of SDK providers try the next one, as it does after the SDK's own provider, except after a mistake. */
function letChainGoOn(error: unknown): never {
  if (isImdsError(error) && !['ERR_IMDS_SETTINGS', 'ERR_IMDS_PATH'].includes(error.code))
    Object.defineProperty(error, 'tryNextLink', { value: true, writable: true });
  throw error;
}

const endOf = ({ Expiration }: RoleCredentials): number => Date.parse(Expiration);
const isDue = ({ time, refreshAt }: Held): boolean => time() >= refreshAt;
const hasEnded = ({ time, endsAt }: Held): boolean => time() >= endsAt;

/** Makes `console.log` hide the secrets. */
const inspection: PropertyDescriptor & ThisType<ImdsCredentials> = {
  value(_depth: number, options: object, inspect: (value: object, options: object) => string) {
    return inspect({ ...this, secretAccessKey: '[hidden]', sessionToken: '[hidden]' }, options);
  },
};

/** A new object for each caller: AWS SDK clients write to it. */
function credentialsOf(document: RoleCredentials, expiration: number, accountId: string | undefined): ImdsCredentials {
  const credentials: ImdsCredentials = {
    accessKeyId: document.AccessKeyId,
    secretAccessKey: document.SecretAccessKey,
    sessionToken: document.Token,
    expiration: new Date(expiration),
    ...(accountId !== undefined && { accountId }),
  };
  return Object.defineProperty(credentials, Symbol.for('nodejs.util.inspect.custom'), inspection);
}
