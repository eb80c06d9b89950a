import { emptyAnswer, ImdsPathError } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import type { Category } from '../metadata/category.js';
import { isEmpty, lines, textOrEmpty, utf8 } from '../metadata/decode.js';
import { longestLifeMs, rotationMs } from '../metadata/documents.js';
import { categoryOf, isDirectory } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';
import { Cache, type Keep } from './cache.js';
import { checkOptions } from './check.js';
import { disabled, notFound } from './failures.js';
import { Session } from './session.js';
import { type CacheSettings, callChecks } from './settings.js';
import { type Call, SingleFlight } from './single-flight.js';
import { loadGot, type Response, type Shared, Transport } from './transport.js';

/** The content of a path. */
interface Entry {
  /** The bytes served; undefined after a 404. */
  readonly body: Buffer | undefined;
  /** The value of the path's category, once decoded. Kept as a promise, so that a cache hit need not make one. */
  value?: Promise<unknown>;
}

/** Reads values: from the cache, by joining a read under way, or through the session. */
export class Reader {
  readonly #shared: Shared;
  readonly #cache: Cache<Entry> | undefined;
  readonly #liveMaxAgeMs: number;
  readonly #reads: SingleFlight<Entry>;
  #session: Session | undefined;

  constructor(shared: Shared, cache: CacheSettings | undefined) {
    this.#shared = shared;
    this.#cache = cache && new Cache(cache.maxEntries, shared.clock);
    this.#liveMaxAgeMs = cache?.liveMaxAgeMs ?? 0;
    this.#reads = new SingleFlight(shared.clock);
    shared.closing.onEnd(() => this.#cache?.clear());
  }

  /** Reads a category. A cached value costs no more than a resolved promise. */
  read<T>(category: Category<T>, options?: CallOptions): Promise<T> {
    const kept = options === undefined ? this.#cache?.get(category.path) : undefined;
    if (kept === undefined)
      return this.#entry(category.path, () => category, options ?? {}).then((entry) => valueIn(entry, category));
    if (this.#shared.events.wanted('cache'))
      this.#shared.events.publish('cache', { action: 'hit', path: category.path });
    return valueIn(kept, category);
  }

  /** Reads any path as text, a single value without its trailing newline. */
  async text(path: string, options: CallOptions): Promise<string> {
    const absolute = this.#absolute(path);
    const category = categoryOf(absolute);
    const body = await this.#present(absolute, options, () => category);
    // Proxies add a newline to values. User data, documents and listings are returned as served.
    const isSingle = category ? category.kind === 'scalar' : /^\/[^/]+\/meta-data\/.*[^/]$/.test(absolute);
    return isSingle ? textOrEmpty(body, absolute) : utf8(body, absolute);
  }

  /** Reads any path as bytes. The caller gets a copy. */
  async bytes(path: string, options: CallOptions): Promise<Buffer> {
    return Buffer.from(await this.#present(this.#absolute(path), options));
  }

  /** Lists a directory, with or without its final slash. */
  async list(path: string, options: CallOptions): Promise<readonly string[]> {
    const absolute = this.#absolute(path).replace(/\/?$/, '/');
    if (!isDirectory(absolute))
      throw new ImdsPathError(`${path} is a value, not a directory`, { hint: `imds.get('${path}') reads it.` });
    const body = await this.#present(absolute, options);
    return isEmpty(body) ? Object.freeze([]) : lines(body, absolute);
  }

  /** Requests the text at a path, bypassing the cache, and says when it was served. */
  async ask(path: string, options: CallOptions): Promise<{ text: string; servedAt: number }> {
    const absolute = this.#absolute(path);
    const call = await this.#call(options);
    const response = await this.#connect().read(absolute, call);
    if (response.statusCode === 404) throw notFound(absolute, categoryOf(absolute));
    return { text: utf8(response.body, absolute), servedAt: this.#servedAt(response) };
  }

  async token(options: CallOptions): Promise<string> {
    const call = await this.#call(options);
    return await this.#connect().token(call);
  }

  /** Options for several reads that share the time of one call, which starts now. */
  async sharing(options: CallOptions = {}): Promise<() => CallOptions> {
    const { deadline } = await this.#call(options);
    return () => ({ ...options, deadlineMs: Math.max(1, deadline - this.#shared.clock.running()) });
  }

  /** The endpoint, once a read was made. */
  get endpoint(): string | undefined {
    return this.#session && this.#shared.settings().endpoint;
  }

  /** The absolute path. Looks for the token first, since the error of an invalid path quotes it. */
  #absolute(path: string): string {
    if (typeof path === 'string') this.#session?.checkPath(path);
    return absolutePath(path);
  }

  /** The bytes at a path, which must exist. */
  async #present(path: string, options: CallOptions, category = () => categoryOf(path)): Promise<Buffer> {
    const { body } = await this.#entry(path, category, options);
    if (body === undefined) throw notFound(path, category());
    // For a mandatory value, an empty body means an interceptor, or that the value is not there yet.
    if (body.length === 0 && category()?.optional === false) throw emptyAnswer('a value', path);
    return body;
  }

  /**
   * The content of a path: from the cache, from a read under way, or from the service.
   *
   * @param category called only when it is needed: bytes that are not kept need neither the category nor the table
   */
  async #entry(path: string, category: () => Category<unknown> | undefined, options: CallOptions): Promise<Entry> {
    const call = await this.#call(options);
    this.#session?.checkPath(path);
    const kept = options.fresh ? undefined : this.#cache?.get(path);
    this.#shared.events.publish('cache', { action: kept ? 'hit' : 'miss', path });
    if (kept) return kept;
    return await this.#reads.run(path, call, async (deadline, isLatest) => {
      const epoch = this.#cache?.epoch ?? 0;
      const response = await this.#connect().read(path, { deadline, fresh: call.fresh });
      const entry: Entry = { body: response.statusCode === 404 ? undefined : response.body };
      // Kept only if no newer read of the path was begun meanwhile.
      if (this.#cache && isLatest()) {
        await this.#cache.open();
        this.#shared.closing.throwIfClosed();
        this.#cache.set(path, entry, this.#ageOf(entry, category(), this.#servedAt(response)), epoch);
      }
      return entry;
    });
  }

  /** When a reply was sent, in milliseconds since the epoch, by the service's clock if the reply has a date. */
  #servedAt(response: Response): number {
    return Date.parse(response.header('date') ?? '') || this.#shared.clock.wallClock();
  }

  /** Decides how long an entry is kept, by how its category can change. Decodes it: malformed values are not kept. */
  #ageOf(entry: Entry, category: Category<unknown> | undefined, servedAt: number): Keep {
    const { body } = entry;
    const live = { forMs: this.#liveMaxAgeMs, survivesStop: false };
    const never = { forMs: 0, survivesStop: false };
    if (!category) return body ? live : never;
    // For an optional category, an empty reply is an answer, too, but only for a moment.
    if (!body || body.length === 0) return category.optional ? live : never;
    let value: unknown;
    try {
      value = category.decode(body);
    } catch {
      return never;
    }
    entry.value = Promise.resolve(value);
    const expiresAt = category.expiresAt?.(value);
    if (expiresAt === undefined) {
      if (category.mutability === 'live' || category.isSettled?.(value) === false) return live;
      return { forMs: Number.POSITIVE_INFINITY, survivesStop: category.mutability === 'immutable' };
    }
    // A wrong `Date` must not keep credentials for years.
    const isLikely = expiresAt - servedAt <= longestLifeMs;
    const validMs = expiresAt - (isLikely ? servedAt : Math.max(servedAt, this.#shared.clock.wallClock()));
    return { ...live, forMs: Math.max(validMs - rotationMs, Math.min(validMs, live.forMs)) };
  }

  /** Checks the options of a call and loads what it needs. Then its time starts. */
  async #call(options: CallOptions): Promise<Call> {
    this.#shared.closing.throwIfClosed();
    checkOptions(options, 'call option ', callChecks);
    const { deadlineMs, signal, fresh } = options;
    signal?.throwIfAborted();
    this.#connect();
    await loadGot();
    const { settings, clock } = this.#shared;
    return { deadline: clock.running() + (deadlineMs ?? settings().deadlineMs), signal, fresh };
  }

  /** The session, made when it is first needed, as it needs the settings. */
  #connect(): Session {
    const { settings, events, closing } = this.#shared;
    closing.throwIfClosed();
    const { disabledBy } = settings();
    if (disabledBy) throw disabled(disabledBy);
    const onRefusal = () => {
      this.#cache?.startEpoch();
      events.publish('cache', { action: 'forget', path: '*' });
    };
    this.#session ??= new Session({ ...this.#shared, transport: new Transport(this.#shared), onRefusal });
    return this.#session;
  }
}

/** The value of an entry, decoded once for all callers. A path has one category, so the value is of its type. */
function valueIn<T>(entry: Entry, category: Category<T>): Promise<T> {
  const { body, value } = entry;
  if (value) return value as Promise<T>;
  try {
    if (body === undefined && !category.optional) throw notFound(category.path, category);
    entry.value = Promise.resolve(body && category.decode(body));
    return entry.value as Promise<T>;
  } catch (error) {
    return Promise.reject(error);
  }
}
