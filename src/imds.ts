import { type Client, clientOf } from './client/client.js';
import { accountId, region, tags } from './client/composed.js';
import type { ImdsOptions } from './client/options.js';
import { environment } from './client/settings.js';
import {
  type CredentialProviderOptions,
  type CredentialsOptions,
  CredentialsSource,
  type ImdsCredentialProvider,
  type ImdsCredentials,
} from './credentials/provider.js';
import type { DiagnoseOptions, Diagnosis } from './doctor/diagnose.js';
import type { CallOptions } from './metadata/accessor.js';
import { type Categories as MetadataCategories, table } from './metadata/categories.js';
import type { Category } from './metadata/category.js';
import type { InstanceIdentityDocument } from './metadata/documents.js';
import { bindOnDemand } from './metadata/rows.js';
import { type NetworkInterface, NetworkInterfaces } from './network/interfaces.js';
import { type Platform, platformOnce } from './platform.js';
import { decodeUserData, type UserData } from './user-data/decode.js';
import {
  type InterruptionHandler,
  type InterruptionHook,
  type InterruptionOptions,
  onInterruption,
} from './watch/interruption.js';
import type { NoticeIterator, WatchOptions } from './watch/iterator.js';
import type { DefaultNoticeKind, NoticeKind, NoticeOf } from './watch/notices.js';
import { Poller, type Report } from './watch/poller.js';

/** The accessors of all categories. */
export type Categories = MetadataCategories<UserData>;

/** Typed as having the accessors: a class cannot declare the members of a table, but a type can. */
const Accessors = class {} as new () => Categories;

/**
 * Client for the metadata of the EC2 instance this process runs on. Fetches and renews IMDSv2 session tokens, caches
 * values for as long as they cannot change, and sends nothing until the first read.
 *
 * Every instance metadata category is a typed accessor named after its path: `imds.instanceId()`,
 * `imds.placement.availabilityZone()`. A category that may be absent returns `undefined` then.
 * @example
 * import { Imds } from 'imds';
 * const imds = new Imds();
 * console.log(await imds.instanceId(), await imds.placement.region());
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
export class Imds extends Accessors {
  readonly #client: Client;
  // Created on first use: most programs need none of them.
  #credentials: CredentialsSource | undefined;
  #network: NetworkInterfaces | undefined;
  #watch: Poller | undefined;

  /**
   * Sends no request and reads no file except its own code.
   * @throws ImdsSettingsError for an unknown option, or an unusable option or environment variable.
   */
  constructor(options: ImdsOptions = {}) {
    super();
    this.#client = clientOf(options);
    const { reader } = this.#client;
    bindOnDemand(this, table, (category, options) => {
      if (category === table.tags.category) return reader.sharing(options).then((rest) => tags(this.tags, rest));
      if (category === table.userData.category) return this.#userData(options);
      return reader.read(category, options);
    });
  }

  /**
   * The URL that requests go to, such as `http://169.254.169.254`.
   * @throws ImdsSettingsError when the shared config file, read now if it was not before, has an unusable value.
   */
  get endpoint(): string {
    return this.#client.settings().endpoint;
  }

  /**
   * Reads any path as text: `placement/region`, `dynamic/instance-identity/document`, `/latest/user-data`. A path
   * without a leading slash is relative to `/latest/meta-data/`, or to `/latest/` if it begins with `meta-data`,
   * `dynamic` or `user-data`. A trailing newline is removed from a single value.
   * @returns the text, such as `us-east-1`.
   * @throws ImdsNotFoundError when there is nothing at the path, ImdsPathError when it is not a valid path,
   *   ImdsDecodeError when the value is not UTF-8 text, and any error of a failed request (docs/errors.md).
   */
  async get(path: string, options: CallOptions = {}): Promise<string> {
    return await this.#client.reader.text(path, options);
  }

  /** Reads any path as bytes, exactly as served; each caller gets a copy. See {@link get} for paths and errors. */
  async getBuffer(path: string, options: CallOptions = {}): Promise<Buffer> {
    return await this.#client.reader.bytes(path, options);
  }

  /**
   * Lists a directory.
   * @param path such as `network/interfaces/macs/`; default: the root of the instance metadata.
   * @returns its entries as served, directories ending in `/`; `[]` when it is empty.
   * @throws ImdsPathError for the path of a value in the table of categories, and as {@link get}
   */
  async list(path = 'meta-data/', options: CallOptions = {}): Promise<readonly string[]> {
    return await this.#client.reader.list(path, options);
  }

  /**
   * The region, such as `us-east-1`: from `placement/region`, or where that is missing, from the identity document.
   * @throws as {@link get}
   */
  async region(options?: CallOptions): Promise<string> {
    return await region(this, await this.#client.reader.sharing(options));
  }

  /**
   * The account ID, such as `123456789012`: from `identity-credentials/ec2/info`, or else the identity document.
   * @throws as {@link get}
   */
  async accountId(options?: CallOptions): Promise<string> {
    return await accountId(this, await this.#client.reader.sharing(options));
  }

  /**
   * Temporary credentials of the instance's IAM role, refreshed in the background before they expire.
   * @returns such as `{ accessKeyId: 'ASIA…', secretAccessKey: …, sessionToken: …, expiration: Date }`.
   * @throws ImdsCredentialsError when no role is attached or EC2 could not get credentials for it, and as {@link get}.
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
   */
  async credentials(options?: CredentialsOptions): Promise<ImdsCredentials> {
    return await this.#source().credentials(options);
  }

  /**
   * A provider of the role's credentials, for the `credentials` option of clients of the AWS SDK for JavaScript.
   * @example
   * new S3Client({ credentials: imds.credentialProvider() });
   */
  credentialProvider(options?: CredentialProviderOptions): ImdsCredentialProvider {
    return this.#source().provider(options);
  }

  /**
   * The network interfaces, primary first, then by card and device number; `isSettling` if not yet served in full.
   * @throws as {@link get}
   */
  async networkInterfaces(options?: CallOptions): Promise<readonly NetworkInterface[]> {
    this.#network ??= new NetworkInterfaces(this, this.#client.clock.now);
    return await this.#network.read(await this.#client.reader.sharing(options));
  }

  /**
   * The instance identity document, such as `{ region: 'us-east-1', … }`. `verifyIdentityDocument` checks its signature.
   * @throws as {@link get}
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
   */
  async identityDocument(options?: CallOptions): Promise<InstanceIdentityDocument> {
    return await this.dynamic.instanceIdentity.document(options);
  }

  /**
   * Notices as they appear: the current ones at the start, then each change once. All iterations share one poll, every
   * 5 seconds for Spot and less often for the rest (docs/watching.md). A failed poll is published on `imds:watch` and
   * logged; the watch goes on.
   * @example
   * for await (const notice of imds.watch({ kinds: ['spot-interruption'], signal })) await drain(notice.deadline);
   * @throws ImdsSettingsError immediately for an unusable option. The iteration throws an `AbortError` when the signal
   *   aborts, and `ERR_IMDS_DISABLED`, `ERR_IMDS_SETTINGS` or `ERR_IMDS_CLOSED` when no poll can succeed.
   */
  watch<Kind extends NoticeKind = DefaultNoticeKind>(options?: WatchOptions<Kind>): NoticeIterator<NoticeOf<Kind>> {
    const { clock, closing } = this.#client;
    this.#watch ??= new Poller(this, this.#report, clock, closing);
    return this.#watch.watch(options);
  }

  /**
   * Calls a handler once for each announced interruption of this Spot Instance, including one announced earlier. The
   * handler's signal aborts at the deadline: usually after two minutes, immediately for a hibernation, never if the
   * service gives no readable time. Errors it throws are published on `imds:watch` and logged. The hook does not keep
   * the process alive.
   * @example
   * using hook = imds.onInterruption(async (notice, { signal }) => { await queue.drain({ signal }); });
   * @returns a function that removes the hook; works with `using`.
   * @throws ImdsSettingsError for an unusable option, and `ERR_IMDS_CLOSED` after the client was closed.
   */
  onInterruption(handler: InterruptionHandler, options: InterruptionOptions = {}): InterruptionHook {
    this.#client.closing.throwIfClosed();
    return onInterruption(this, handler, options, this.#report);
  }

  /**
   * Checks that IMDSv2 works for this process, and if not, finds the reason and the fix: `imds doctor`, as data. Takes
   * well under a second if all is well, three at most. Contains no secret, and does not reject because of a finding.
   * @throws ImdsSettingsError when the shared config file has an unusable value, and the signal's reason.
   */
  async diagnose(options?: DiagnoseOptions): Promise<Diagnosis> {
    const { diagnose } = await import('./doctor/diagnose.js');
    const { settings, events } = this.#client;
    return await diagnose({ settings: settings(), events, env: environment() }, options);
  }

  /** The platform this process runs on, from firmware, kernel and container runtime: no request, about 1 ms, cached. */
  platform(): Platform {
    return platformOnce(environment());
  }

  /** True on an EC2 instance, without a request. A container may hide it; see {@link platform}. */
  isEC2(): boolean {
    return this.platform().onEc2;
  }

  /**
   * A session token for another program to send as `X-aws-ec2-metadata-token`: the one that this client uses, even with
   * `fresh`. Treat it like a password.
   * @throws any error of a failed token request (docs/errors.md).
   */
  async token(options: CallOptions = {}): Promise<string> {
    return await this.#client.reader.token(options);
  }

  /** Aborts all requests and clears the cache; later calls fail with `ERR_IMDS_CLOSED`. Optional before exit. */
  close(): void {
    this.#client.closing.close();
  }

  #source(): CredentialsSource {
    const accountId = (options: CallOptions) => this.accountId(options);
    this.#credentials ??= new CredentialsSource({ ...this.#client, accountId });
    return this.#credentials;
  }

  readonly #report: Report = (event, level) => this.#client.events.publish('watch', event, level);

  async #userData(options: CallOptions | undefined): Promise<UserData | undefined> {
    const raw = await this.#client.reader.read(table.userData.category as Category<Uint8Array | undefined>, options);
    // Bytes are mutable, so each caller gets a copy.
    return raw && (await decodeUserData(Buffer.from(raw)));
  }

  /** The same as {@link close}, for `using imds = new Imds()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Shown by `console.log`: the endpoint, and nothing that was read. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const { endpoint } = this.#client.reader;
    return endpoint === undefined ? 'Imds {}' : `Imds { endpoint: '${endpoint}' }`;
  }
}
