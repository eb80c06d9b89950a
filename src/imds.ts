import { Cache, type Entry, type Keep } from './client/cache.js';
import { Events } from './client/events.js';
import { inParallel } from './client/limit.js';
import { Session } from './client/session.js';
import {
  type CallOptions,
  checkCallOptions,
  environment,
  type ImdsOptions,
  resolveSettings,
  type Settings,
} from './client/settings.js';
import { type Call, Flights } from './client/single-flight.js';
import { type Answer, Transport } from './client/transport.js';
import {
  type CredentialProviderOptions,
  type CredentialsOptions,
  CredentialsSource,
  type ImdsCredentialProvider,
  type ImdsCredentials,
} from './credentials/provider.js';
import type { DiagnoseOptions, Diagnosis } from './doctor/diagnose.js';
import { emptyAnswer, ImdsDisabledError, ImdsError, ImdsNotFoundError, isImdsError, isNotFound } from './errors.js';
import type { Bind } from './metadata/accessor.js';
import { categories } from './metadata/categories.js';
import type { Category } from './metadata/category.js';
import { lines, textOrEmpty, utf8 } from './metadata/decode.js';
import type { InstanceIdentityDocument } from './metadata/documents.js';
import { categoryOf } from './metadata/lookup.js';
import { absolutePath } from './metadata/path.js';
import { type NetworkInterface, networkInterfaces } from './network/interfaces.js';
import { type Platform, platformOnce } from './platform.js';
import { decodeUserData, type UserData } from './user-data/decode.js';
import {
  type InterruptionHandler,
  type InterruptionHook,
  type InterruptionOptions,
  onInterruption,
} from './watch/interruption.js';
import type { NoticeIterator } from './watch/iterator.js';
import type { NoticeKind, NoticeOf } from './watch/notices.js';
import type { DefaultNoticeKind, WatchOptions } from './watch/options.js';
import { Poller, type Report } from './watch/poller.js';
import { ownCircumstances } from './watch/time.js';

/** What makes requests; built by the first one. */
interface Wire {
  readonly settings: Settings;
  readonly transport: Transport;
  readonly session: Session;
}

// IMDS throttles simultaneous connections, by how many is not published.
const parallelReads = 8;
// New credentials appear at least five minutes before the old ones end ("IAM roles for Amazon EC2", EC2 User Guide).
const rotationMs = 5 * 60_000;

/** The accessors of all categories. */
export type Categories = ReturnType<typeof categories<UserData>>;

export interface Imds extends Categories {}

/**
 * The instance metadata of the EC2 instance this process runs on. Fetches and renews IMDSv2 session tokens by itself,
 * keeps values as long as they cannot change, and makes no request before the first value is asked for.
 *
 * Every instance metadata category is a typed accessor, named after its path: `imds.instanceId()`,
 * `imds.placement.availabilityZone()`. A category that may be absent gives `undefined` then.
 *
 * @example
 * import { Imds } from 'imds';
 * const imds = new Imds();
 * console.log(await imds.instanceId(), await imds.placement.region());
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor assigns every accessor of the interface
export class Imds {
  readonly #settings: () => Settings;
  readonly #events: Events;
  readonly #now: () => number;
  readonly #cache: Cache | undefined;
  readonly #liveMaxAgeMs: number;
  readonly #flights: Flights<Entry>;
  readonly #credentials: CredentialsSource;
  readonly #watch: Poller;
  readonly #report: Report;
  #wire: Wire | undefined;
  #closed: ImdsError | undefined;

  /**
   * Makes no request and reads no file.
   *
   * @throws ImdsSettingsError when an option or an environment variable cannot be used, or an option is unknown.
   */
  constructor(options: ImdsOptions = {}) {
    const { settings, cache } = resolveSettings(options);
    this.#settings = settings;
    this.#events = new Events(options.logger);
    this.#now = options.now ?? (() => performance.now());
    this.#cache = cache && new Cache(cache.maxEntries, this.#now);
    this.#liveMaxAgeMs = cache?.liveMaxAgeMs ?? 0;
    this.#flights = new Flights(this.#now);
    this.#credentials = new CredentialsSource(
      { read: (path, options) => this.#ask(path, options), accountId: (options) => this.accountId(options) },
      () => this.#connect().settings,
      this.#events,
      { now: this.#now },
    );
    this.#report = (event, level) => this.#events.publish('watch', event, level);
    this.#watch = new Poller(this, this.#report, { ...ownCircumstances, now: this.#now });
    const bind: Bind = (category) =>
      Object.assign((callOptions?: CallOptions) => this.#value(category, callOptions), { category });
    Object.assign(
      this,
      categories(bind, {
        tags: (category) => Object.assign((callOptions?: CallOptions) => this.#tags(callOptions), { category }),
        userData: (category) =>
          Object.assign(
            async (callOptions?: CallOptions) => {
              const raw = await this.#value(category, callOptions);
              return raw && (await decodeUserData(raw));
            },
            { category },
          ),
      }),
    );
  }

  /**
   * The URL that is asked, such as `http://169.254.169.254`.
   *
   * @throws ImdsSettingsError when the shared config file, consulted now, holds something unusable.
   */
  get endpoint(): string {
    return this.#settings().endpoint;
  }

  /**
   * Reads any path as text: `placement/region`, `dynamic/instance-identity/document`, `/latest/user-data`. A path
   * without a leading slash is taken under `/latest/meta-data/`, unless it begins with `meta-data`, `dynamic` or
   * `user-data`. A single value comes without a final newline.
   *
   * @returns the text, such as `us-east-1`.
   * @throws ImdsNotFoundError when there is nothing at the path, ImdsPathError when it cannot be asked for,
   *   ImdsDecodeError when the value is not UTF-8 text, and every error of a failed request (docs/errors.md).
   */
  async get(path: string, options: CallOptions = {}): Promise<string> {
    const absolute = absolutePath(path);
    const body = await this.#present(absolute, options);
    return isSingleValue(absolute) ? textOrEmpty(body, absolute) : utf8(body, absolute);
  }

  /**
   * Reads any path as bytes, exactly as served; see {@link get} for paths and errors.
   *
   * @returns a copy of the bytes.
   */
  async getBuffer(path: string, options: CallOptions = {}): Promise<Buffer> {
    return Buffer.from(await this.#present(absolutePath(path), options));
  }

  /**
   * Lists a directory.
   *
   * @param path such as `network/interfaces/macs/`; default the top of the instance metadata.
   * @returns its entries as served, those that are directories ending in `/`.
   * @throws as {@link get}
   */
  async list(path = 'meta-data/', options: CallOptions = {}): Promise<readonly string[]> {
    const absolute = absolutePath(path);
    const directory = absolute.endsWith('/') ? absolute : `${absolute}/`;
    return lines(await this.#present(directory, options), directory);
  }

  /**
   * The region, such as `us-east-1`: `placement/region`, or on builds that lack it the identity document's.
   *
   * @throws as {@link get}
   */
  async region(options?: CallOptions): Promise<string> {
    const rest = this.#sharing(options);
    try {
      return await this.placement.region(options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return (await this.dynamic.instanceIdentity.document(rest())).region;
    }
  }

  /**
   * The account that the instance belongs to, such as `123456789012`: from `identity-credentials/ec2/info`, or where
   * that is missing from the identity document.
   *
   * @throws as {@link get}
   */
  async accountId(options?: CallOptions): Promise<string> {
    const rest = this.#sharing(options);
    try {
      const { AccountId } = await this.identityCredentials.ec2.info(options);
      if (AccountId) return AccountId;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return (await this.dynamic.instanceIdentity.document(rest())).accountId;
  }

  /**
   * Temporary credentials of the instance's IAM role, renewed early and behind the callers; the same for all until then.
   *
   * @returns such as `{ accessKeyId: 'ASIA…', secretAccessKey: …, sessionToken: …, expiration: Date }`.
   * @throws ImdsCredentialsError when no role is attached or EC2 got no credentials for it, and as {@link get}.
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
   */
  async credentials(options?: CredentialsOptions): Promise<ImdsCredentials> {
    return await this.#credentials.credentials(options);
  }

  /**
   * What AWS's SDK for JavaScript takes as `credentials`: a function that gives the role's credentials when called.
   *
   * @example
   * new S3Client({ credentials: imds.credentialProvider() });
   */
  credentialProvider(options?: CredentialProviderOptions): ImdsCredentialProvider {
    return this.#credentials.provider(options);
  }

  /**
   * The network interfaces: the primary one first, then by network card and device number. One that was attached moments
   * ago, of which the service does not know everything yet, is marked `isSettling`.
   *
   * @throws as {@link get}
   */
  async networkInterfaces(options?: CallOptions): Promise<readonly NetworkInterface[]> {
    return await networkInterfaces(this, this.#sharing(options)());
  }

  /**
   * The instance identity document, such as `{ region: 'us-east-1', instanceId: 'i-1234567890abcdef0', … }`. It is not
   * verified: see `verifyIdentityDocument`.
   *
   * @throws as {@link get}
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
   */
  async identityDocument(options?: CallOptions): Promise<InstanceIdentityDocument> {
    return await this.dynamic.instanceIdentity.document(options);
  }

  /**
   * Notices as they come: what is there when the watch begins, and then each change, once. Whatever the number of
   * iterations, the service is asked once, every 5 seconds for Spot, less often for the rest (docs/watching.md). Failures
   * never end an iteration: they are published on `imds:watch` and told to the logger, and the watch goes on.
   *
   * @example
   * for await (const notice of imds.watch({ kinds: ['spot-interruption'], signal })) await drain(notice.deadline);
   * @throws ImdsSettingsError at once when an option cannot be used; in the course of the iteration, an `AbortError` when
   *   the signal is aborted, and `ERR_IMDS_DISABLED` or `ERR_IMDS_CLOSED` when there is nothing to hope for.
   */
  watch<Kind extends NoticeKind = DefaultNoticeKind>(options?: WatchOptions<Kind>): NoticeIterator<NoticeOf<Kind>> {
    return this.#watch.watch(options);
  }

  /**
   * Calls a handler when an interruption of this Spot Instance is announced, once for each, also for one that is announced
   * already. The handler has until its signal is aborted, at the deadline: two minutes as a rule, none before a
   * hibernation. What it throws is published on `imds:watch` and told to the logger. The hook does not keep the process
   * alive.
   *
   * @example
   * using hook = imds.onInterruption(async (notice, { signal }) => { await queue.drain({ signal }); });
   * @returns what takes the hook away, also with `using`.
   * @throws ImdsSettingsError when an option cannot be used, and `ERR_IMDS_CLOSED` when the client was closed.
   */
  onInterruption(handler: InterruptionHandler, options: InterruptionOptions = {}): InterruptionHook {
    if (this.#closed) throw this.#closed;
    return onInterruption(this, handler, options, this.#report);
  }

  /**
   * Finds out whether IMDSv2 works for this process, and if not why, and what helps: what `imds doctor` prints, as data.
   * Takes well below a second where all is well, at most three. Never rejects because of what it finds, and gives no secret.
   *
   * @throws ImdsSettingsError when the shared config file holds something unusable, and the signal's reason.
   */
  async diagnose(options?: DiagnoseOptions): Promise<Diagnosis> {
    const { diagnose } = await import('./doctor/diagnose.js');
    return await diagnose({ settings: this.#settings(), events: this.#events, env: environment() }, options);
  }

  /**
   * Where this process runs, as far as firmware, kernel and container runtime tell: without a request, within a
   * millisecond or so, and only once.
   */
  platform(): Platform {
    return platformOnce(environment());
  }

  /** Whether this machine is an EC2 instance, told without a request. A container may hide it; see {@link platform}. */
  isEC2(): boolean {
    return this.platform().onEc2;
  }

  /**
   * A session token for another program, to be sent as `X-aws-ec2-metadata-token`. Treat it as a password.
   *
   * @throws every error of a failed token request (docs/errors.md).
   */
  async token(options: CallOptions = {}): Promise<string> {
    return await this.#connect().session.token(this.#call(options));
  }

  /**
   * Ends the requests under way and forgets everything; later calls fail with `ERR_IMDS_CLOSED`. A client that is not
   * closed keeps no process alive.
   */
  close(): void {
    this.#closed ??= new ImdsError('ERR_IMDS_CLOSED', 'this client was closed');
    this.#wire?.transport.close(this.#closed);
    this.#wire?.session.close(this.#closed);
    this.#credentials.close(this.#closed);
    this.#watch.close(this.#closed);
    this.#cache?.clear();
  }

  /** The same as {@link close}, for `using imds = new Imds()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** What `console.log` shows: the endpoint, and nothing that was read. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.#wire ? `Imds { endpoint: '${this.#wire.settings.endpoint}' }` : 'Imds {}';
  }

  /** A typed value; one that is kept costs no more than a resolved promise. */
  #value<T>(category: Category<T>, options: CallOptions | undefined): Promise<T> {
    const kept = options === undefined ? this.#cache?.get(category.path) : undefined;
    if (kept === undefined) return this.#readValue(category, options ?? {});
    if (this.#events.wanted('cache')) this.#events.publish('cache', { action: 'hit', path: category.path });
    return promiseOf(kept, category);
  }

  async #readValue<T>(category: Category<T>, options: CallOptions): Promise<T> {
    return promiseOf(await this.#entry(category.path, options), category);
  }

  /** The bytes at a path where there must be some. */
  async #present(path: string, options: CallOptions): Promise<Buffer> {
    const { body } = await this.#entry(path, options);
    if (body === undefined) throw notFound(path);
    // Where something is promised, nothing means an interceptor, or a value that has not arrived yet.
    if (body.length === 0 && categoryOf(path)?.optional === false) throw emptyAnswer('a value', path);
    return body;
  }

  /** What is at a path: from the cache, from a read under way, or from the service. */
  async #entry(path: string, options: CallOptions): Promise<Entry> {
    const call = this.#call(options);
    const kept = options.fresh ? undefined : this.#cache?.get(path);
    if (this.#events.wanted('cache')) this.#events.publish('cache', { action: kept ? 'hit' : 'miss', path });
    return kept ?? (await this.#flights.join(path, call, (until) => this.#fetch(path, until)));
  }

  async #fetch(path: string, until: number): Promise<Entry> {
    const { session } = this.#connect();
    const life = this.#cache?.lives ?? 0;
    const [answer] = await Promise.all([session.read(path, until), this.#cache?.open()]);
    const entry: Entry = { body: answer.statusCode === 404 ? undefined : answer.body };
    if (this.#cache) {
      const keep = maximumAge(path, entry.body, this.#liveMaxAgeMs, servedAt(answer));
      this.#cache.set(path, entry, keep, life);
    }
    return entry;
  }

  /** Asks for the text at a path, past the cache, and tells when it was served. */
  async #ask(path: string, options: CallOptions): Promise<{ text: string; servedAt: number }> {
    const absolute = absolutePath(path);
    const { until } = this.#call(options);
    const answer = await this.#connect().session.read(absolute, until);
    if (answer.statusCode === 404) throw notFound(absolute);
    return { text: utf8(answer.body, absolute), servedAt: servedAt(answer) };
  }

  /** Checks a call's own options; its time starts here. */
  #call(options: CallOptions): Call {
    if (this.#closed) throw this.#closed;
    checkCallOptions(options);
    options.signal?.throwIfAborted();
    return { until: this.#now() + (options.deadlineMs ?? this.#connect().settings.deadlineMs), signal: options.signal };
  }

  #connect(): Wire {
    if (this.#closed) throw this.#closed;
    if (this.#wire) return this.#wire;
    const settings = this.#settings();
    if (settings.disabledBy)
      throw new ImdsDisabledError(`Instance metadata is switched off: ${settings.disabledBy} is true`, {
        hint: `Unset ${settings.disabledBy} where this process may ask the instance metadata service.`,
      });
    const transport = new Transport(settings, this.#events);
    const session = new Session(transport, settings, this.#events, this.#now, () => {
      this.#cache?.forgetStopStart();
      if (this.#events.wanted('cache')) this.#events.publish('cache', { action: 'forget', path: '*' });
    });
    this.#wire = { settings, transport, session };
    return this.#wire;
  }

  /** Gives the options of the next of several reads that together have the time of one call, starting now. */
  #sharing(options: CallOptions = {}): () => CallOptions {
    const { until } = this.#call(options);
    return () => ({ ...options, deadlineMs: Math.max(1, until - this.#now()) });
  }

  async #tags(options: CallOptions | undefined): Promise<Readonly<Record<string, string>> | undefined> {
    const rest = this.#sharing(options);
    const keys = await this.tags.instance(rest());
    if (keys === undefined) return undefined;
    const read = async (key: string): Promise<[string, string | undefined]> => {
      try {
        return [key, await this.tags.instance.tagKey(key, rest())];
      } catch (error) {
        // A key that got around the rules for tags in metadata is listed, but cannot be read.
        if (isImdsError(error) && error.code === 'ERR_IMDS_PATH') return [key, undefined];
        throw error;
      }
    };
    const pairs = await inParallel(keys, parallelReads, read);
    const present = pairs.filter((pair): pair is [string, string] => pair[1] !== undefined);
    return Object.freeze(Object.fromEntries(present));
  }
}

/** When an answer was sent, in milliseconds since the epoch, by the service's clock if it says so. */
const servedAt = (answer: Answer): number => Date.parse(answer.header('date') ?? '') || Date.now();

/** A category's value of an entry, made once and given to all who ask. */
function promiseOf<T>(entry: Entry, category: Category<T>): Promise<T> {
  // What was made by this very category is of its type.
  if (entry.made?.by === category) return entry.made.value as Promise<T>;
  try {
    const promise = Promise.resolve(decoded(entry.body, category));
    // Bytes can be written to, so each caller gets a copy.
    if (category.kind !== 'binary') entry.made = { by: category, value: promise };
    return promise;
  } catch (error) {
    return Promise.reject(error);
  }
}

function decoded<T>(body: Buffer | undefined, category: Category<T>): T {
  if (body !== undefined) return category.decode(category.kind === 'binary' ? Buffer.from(body) : body);
  // The type of an optional category includes undefined.
  if (category.optional) return undefined as T;
  throw notFound(category.path);
}

/** How long what is at a path may be reused, given how it can change. */
function maximumAge(path: string, body: Buffer | undefined, liveMs: number, servedAt: number): Keep {
  const live = { forMs: liveMs, overStop: true };
  const not = { forMs: 0, overStop: true };
  const category = categoryOf(path);
  if (category === undefined) return body === undefined ? not : live;
  // Nothing is promised of what may be absent or empty, but it is true for a moment.
  if (body === undefined || body.length === 0) return category.optional ? live : not;
  let value: unknown;
  try {
    value = category.decode(body);
  } catch {
    return not;
  }
  if (category.expiresAt) {
    const validMs = (category.expiresAt(value) ?? Number.POSITIVE_INFINITY) - servedAt;
    if (validMs <= 0) return not;
    return Number.isFinite(validMs)
      ? { forMs: Math.max(validMs - rotationMs, Math.min(validMs, liveMs)), overStop: true }
      : live;
  }
  if (category.mutability === 'live' || category.isSettled?.(value) === false) return live;
  return { forMs: Number.POSITIVE_INFINITY, overStop: category.mutability === 'stop-start' };
}

/** Whether `get` gives the value of a path without a final newline, which proxies add: what is neither user data nor a document. */
function isSingleValue(path: string): boolean {
  const kind = categoryOf(path)?.kind;
  return kind === 'scalar' || (kind === undefined && /^\/[^/]+\/meta-data\/.*[^/]$/.test(path));
}

function notFound(path: string): ImdsNotFoundError {
  return new ImdsNotFoundError(`there is nothing at ${path} (404)`, { path, hint: absenceHint(path) });
}

/** What has to be the case for a path to exist, where that is known. */
function absenceHint(path: string): string | undefined {
  const reasons: readonly [RegExp, string][] = [
    [
      /\/tags\//,
      'There is no such tag, or tags are not served. They are while InstanceMetadataTags is enabled: aws ec2 modify-instance-metadata-options --instance-id <id> --instance-metadata-tags enabled',
    ],
    [/\/iam\//, 'There is no such role, or no instance profile is attached to the instance.'],
    [/\/spot\//, 'Present only while an interruption of a Spot Instance is announced.'],
    [/\/events\/recommendations/, 'Present only while a rebalance recommendation is given to a Spot Instance.'],
    [/\/autoscaling\//, 'Present only on instances of an Auto Scaling group.'],
    [/\/user-data$/, 'The instance was launched without user data.'],
    [/\/public-(ipv4|hostname)/, 'The instance has no public IPv4 address, or its VPC gives no DNS names.'],
  ];
  if (!categoryOf(path)?.optional) return undefined;
  const known = reasons.find(([pattern]) => pattern.test(path));
  return known ? known[1] : 'This category is absent on many instances.';
}
