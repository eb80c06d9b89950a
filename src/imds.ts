import { type Client, clientOf } from './client/client.js';
import { accountId, region, tags } from './client/composed.js';
import type { ImdsOptions } from './client/options.js';
import type { Reader } from './client/reader.js';
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

/** Has the accessors as its own properties. A class cannot declare the members that a table has; a type can. */
const Accessors = class {} as new () => Categories;

/**
 * The instance metadata of the EC2 instance this process runs on. Fetches and renews IMDSv2 session tokens by itself,
 * keeps values as long as they cannot change, and makes no request before the first value is asked for.
 *
 * Every instance metadata category is a typed accessor, named after its path: `imds.instanceId()`,
 * `imds.placement.availabilityZone()`. A category that may be absent gives `undefined` then.
 * @example
 * import { Imds } from 'imds';
 * const imds = new Imds();
 * console.log(await imds.instanceId(), await imds.placement.region());
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
export class Imds extends Accessors {
  readonly #client: Client;
  // Made when they are first used, as most programs need none of them.
  #credentials: CredentialsSource | undefined;
  #network: NetworkInterfaces | undefined;
  #watch: Poller | undefined;

  /**
   * Makes no request and reads no file but its own code.
   * @throws ImdsSettingsError when an option or an environment variable cannot be used, or an option is unknown.
   */
  constructor(options: ImdsOptions = {}) {
    super();
    this.#client = clientOf(options);
    const { reader } = this.#client;
    bindOnDemand(this, table, (category, options) => {
      if (category === table.tags.category) return tags(this.tags, reader.sharing(options));
      if (category === table.userData.category) return this.#userData(options);
      return reader.read(category, options);
    });
  }

  /**
   * The URL that is asked, such as `http://169.254.169.254`.
   * @throws ImdsSettingsError when the shared config file, consulted now, holds something unusable.
   */
  get endpoint(): string {
    return this.#client.settings().endpoint;
  }

  /**
   * Reads any path as text: `placement/region`, `dynamic/instance-identity/document`, `/latest/user-data`. A path
   * without a leading slash is taken under `/latest/meta-data/`, unless it begins with `meta-data`, `dynamic` or
   * `user-data`. A single value comes without a final newline.
   * @returns the text, such as `us-east-1`.
   * @throws ImdsNotFoundError when there is nothing at the path, ImdsPathError when it cannot be asked for,
   *   ImdsDecodeError when the value is not UTF-8 text, and every error of a failed request (docs/errors.md).
   */
  async get(path: string, options: CallOptions = {}): Promise<string> {
    return await this.#client.reader.text(path, options);
  }

  /** Reads any path as bytes, exactly as served, for each caller anew; see {@link get} for paths and errors. */
  async getBuffer(path: string, options: CallOptions = {}): Promise<Buffer> {
    return await this.#client.reader.bytes(path, options);
  }

  /**
   * Lists a directory.
   * @param path such as `network/interfaces/macs/`; default the top of the instance metadata.
   * @returns its entries as served, those that are directories ending in `/`; `[]` when it is empty.
   * @throws ImdsPathError for the path of a value, and as {@link get}
   */
  async list(path = 'meta-data/', options: CallOptions = {}): Promise<readonly string[]> {
    return await this.#client.reader.list(path, options);
  }

  /**
   * The region, such as `us-east-1`: `placement/region`, or on builds that lack it the identity document's.
   * @throws as {@link get}
   */
  async region(options?: CallOptions): Promise<string> {
    return await region(this, this.#client.reader.sharing(options));
  }

  /**
   * The account of the instance, such as `123456789012`: of `identity-credentials/ec2/info`, or else the identity document.
   * @throws as {@link get}
   */
  async accountId(options?: CallOptions): Promise<string> {
    return await accountId(this, this.#client.reader.sharing(options));
  }

  /**
   * Temporary credentials of the instance's IAM role, renewed early while the old ones are in use.
   * @returns such as `{ accessKeyId: 'ASIA…', secretAccessKey: …, sessionToken: …, expiration: Date }`.
   * @throws ImdsCredentialsError when no role is attached or EC2 got no credentials for it, and as {@link get}.
   * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
   */
  async credentials(options?: CredentialsOptions): Promise<ImdsCredentials> {
    return await this.#source().credentials(options);
  }

  /**
   * A function that gives the role's credentials, for the option `credentials` of AWS's SDK for JavaScript.
   * @example
   * new S3Client({ credentials: imds.credentialProvider() });
   */
  credentialProvider(options?: CredentialProviderOptions): ImdsCredentialProvider {
    return this.#source().provider(options);
  }

  /**
   * The network interfaces, primary first, then by card and device number; `isSettling` while one is not served in full yet.
   * @throws as {@link get}
   */
  async networkInterfaces(options?: CallOptions): Promise<readonly NetworkInterface[]> {
    this.#network ??= new NetworkInterfaces(this, this.#client.clock.now);
    return await this.#network.read(this.#client.reader.sharing(options));
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
   * Notices as they come: what is there at the start, then each change, once. However many iterations there are, the
   * service is polled once, every 5 seconds for Spot, less often for the rest (docs/watching.md). A failed poll is
   * published on `imds:watch` and logged, and the watch goes on.
   * @example
   * for await (const notice of imds.watch({ kinds: ['spot-interruption'], signal })) await drain(notice.deadline);
   * @throws ImdsSettingsError at once when an option cannot be used. The iteration throws an `AbortError` when the signal
   *   aborts, and `ERR_IMDS_DISABLED` or `ERR_IMDS_CLOSED` when no poll can succeed.
   */
  watch<Kind extends NoticeKind = DefaultNoticeKind>(options?: WatchOptions<Kind>): NoticeIterator<NoticeOf<Kind>> {
    const { clock, closing } = this.#client;
    this.#watch ??= new Poller(this, this.#report, clock, closing);
    return this.#watch.watch(options);
  }

  /**
   * Calls a handler once for each interruption of this Spot Instance that is announced, also if it was announced before.
   * The handler's signal aborts at the deadline: usually after two minutes, at once before a hibernation, never if the
   * service gives no time that can be read. What it throws is published on `imds:watch` and logged. The hook does not keep
   * the process alive.
   * @example
   * using hook = imds.onInterruption(async (notice, { signal }) => { await queue.drain({ signal }); });
   * @returns a function that removes the hook, also with `using`.
   * @throws ImdsSettingsError when an option cannot be used, and `ERR_IMDS_CLOSED` when the client was closed.
   */
  onInterruption(handler: InterruptionHandler, options: InterruptionOptions = {}): InterruptionHook {
    this.#client.closing.throwIfClosed();
    return onInterruption(this, handler, options, this.#report);
  }

  /**
   * Checks that IMDSv2 works for this process, and if not, why not and what helps: the findings of `imds doctor`, as data.
   * Takes well below a second where all is well, at most three. Holds no secret, and does not reject for what it finds.
   * @throws ImdsSettingsError when the shared config file holds something unusable, and the signal's reason.
   */
  async diagnose(options?: DiagnoseOptions): Promise<Diagnosis> {
    const { diagnose } = await import('./doctor/diagnose.js');
    const { settings, events } = this.#client;
    return await diagnose({ settings: settings(), events, env: environment() }, options);
  }

  /** Where this process runs, by firmware, kernel and container runtime: no request, about a millisecond, and only once. */
  platform(): Platform {
    return platformOnce(environment());
  }

  /** True on an EC2 instance, without a request. A container may hide it; see {@link platform}. */
  isEC2(): boolean {
    return this.platform().onEc2;
  }

  /**
   * A session token for another program, to be sent as `X-aws-ec2-metadata-token`. Treat it as a password.
   * @throws every error of a failed token request (docs/errors.md).
   */
  async token(options: CallOptions = {}): Promise<string> {
    return await this.#client.reader.token(options);
  }

  /** Ends all requests and forgets everything; later calls fail with `ERR_IMDS_CLOSED`. No process needs it to end. */
  close(): void {
    this.#client.closing.close();
  }

  #source(): CredentialsSource {
    const ask: Reader['ask'] = (path, options) => this.#client.reader.ask(path, options);
    const accountId = (options: CallOptions) => this.accountId(options);
    this.#credentials ??= new CredentialsSource({ ask, accountId, ...this.#client });
    return this.#credentials;
  }

  readonly #report: Report = (event, level) => this.#client.events.publish('watch', event, level);

  async #userData(options: CallOptions | undefined): Promise<UserData | undefined> {
    const raw = await this.#client.reader.read(table.userData.category as Category<Uint8Array | undefined>, options);
    // Bytes can be written to, so each caller gets a copy.
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
