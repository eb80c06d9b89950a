import { emptyAnswer, ImdsPathError } from '../errors.js';
import type { CallOptions } from '../metadata/accessor.js';
import type { Category } from '../metadata/category.js';
import { isEmpty, lines, textOrEmpty, utf8 } from '../metadata/decode.js';
import { longestLifeMs, rotationMs } from '../metadata/documents.js';
import { categoryOf, isDirectory } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';
import { Cache, type Keep } from './cache.js';
import type { WaitingClock } from './clock.js';
import type { Closing } from './closing.js';
import type { Events } from './events.js';
import { disabled, notFound } from './failures.js';
import { Session } from './session.js';
import { type CacheSettings, checkCallOptions, type Settings } from './settings.js';
import { type Call, type Flight, SingleFlight } from './single-flight.js';
import { type Response, Transport } from './transport.js';

/** What a path held when it was read. */
interface Entry {
  /** The bytes served; undefined after a 404. */
  readonly body: Buffer | undefined;
  /** The value of the path's category, once it was decoded. A promise, so that a kept value is given at once. */
  value?: Promise<unknown>;
}

type AnyCategory = Category<unknown> | undefined;

/** Finds the category of a path when it is needed: for bytes that are not kept it is not, nor is the table loaded. */
type FindCategory = () => AnyCategory;

/** What a reader shares with the other parts of its client. */
export interface Shared {
  /** The settings; the first call reads the shared config file. @throws ImdsSettingsError when it holds something unusable */
  readonly settings: () => Settings;
  readonly events: Events;
  readonly clock: WaitingClock;
  readonly closing: Closing;
}

/** Reads values: those at hand from the cache, those under way together with whoever asked first, others by the session. */
export class Reader {
  readonly #shared: Shared;
  readonly #cache: Cache<Entry> | undefined;
  readonly #liveMaxAgeMs: number;
  readonly #reads: SingleFlight<Entry>;
  #connection: { readonly settings: Settings; readonly transport: Transport; readonly session: Session } | undefined;
  #loading: Promise<void> | undefined;
  /** When got and the other packages were there; the time of a call starts no earlier. */
  #loadedAt: number | undefined;

  constructor(shared: Shared, cache: CacheSettings | undefined) {
    this.#shared = shared;
    this.#cache = cache && new Cache(cache.maxEntries, shared.clock);
    this.#liveMaxAgeMs = cache?.liveMaxAgeMs ?? 0;
    this.#reads = new SingleFlight(shared.clock);
    shared.closing.onEnd(() => this.#cache?.clear());
  }

  /** Reads a category. A value at hand costs no more than a resolved promise. */
  read<T>(category: Category<T>, options?: CallOptions): Promise<T> {
    const kept = options === undefined ? this.#cache?.get(category.path) : undefined;
    if (kept === undefined)
      return this.#entry(category.path, () => category, options ?? {}).then((entry) => valueIn(entry, category));
    if (this.#shared.events.wanted('cache'))
      this.#shared.events.publish('cache', { action: 'hit', path: category.path });
    return valueIn(kept, category);
  }

  /** Reads any path as text, a single value without its final newline. */
  async text(path: string, options: CallOptions): Promise<string> {
    const absolute = absolutePath(path);
    const category = categoryOf(absolute);
    const body = await this.#present(absolute, () => category, options);
    // Proxies add a newline to values. User data, documents and listings are given as served.
    const isSingle = category ? category.kind === 'scalar' : /^\/[^/]+\/meta-data\/.*[^/]$/.test(absolute);
    return isSingle ? textOrEmpty(body, absolute) : utf8(body, absolute);
  }

  /** Reads any path as bytes. The caller gets a copy. */
  async bytes(path: string, options: CallOptions): Promise<Buffer> {
    const absolute = absolutePath(path);
    return Buffer.from(await this.#present(absolute, () => categoryOf(absolute), options));
  }

  /** Lists a directory, with or without its final slash. */
  async list(path: string, options: CallOptions): Promise<readonly string[]> {
    const absolute = absolutePath(path).replace(/\/?$/, '/');
    const category = categoryOf(absolute);
    if (category && !isDirectory(absolute))
      throw new ImdsPathError(`${path} is a value, not a directory`, { hint: `imds.get('${path}') reads it.` });
    const body = await this.#present(absolute, () => category, options);
    return isEmpty(body) ? Object.freeze([]) : lines(body, absolute);
  }

  /** Asks the service for the text at a path, past the cache, and says when it was served. */
  async ask(path: string, options: CallOptions): Promise<{ text: string; servedAt: number }> {
    const absolute = absolutePath(path);
    const call = await this.#call(options);
    const response = await this.#connect().session.read(absolute, call);
    if (response.statusCode === 404) throw notFound(absolute, categoryOf(absolute));
    return { text: utf8(response.body, absolute), servedAt: this.#servedAt(response) };
  }

  async token(options: CallOptions): Promise<string> {
    const call = await this.#call(options);
    return await this.#connect().session.token(call);
  }

  /** Options for each of several reads that together have the time of one call, which starts now. */
  sharing(options: CallOptions = {}): () => CallOptions {
    checkCallOptions(options);
    const { running } = this.#shared.clock;
    const start = running();
    return () => {
      const { deadlineMs = this.#connect().settings.deadlineMs } = options;
      const spentMs = running() - Math.max(start, this.#loadedAt ?? running());
      return { ...options, deadlineMs: Math.max(1, deadlineMs - spentMs) };
    };
  }

  /** The endpoint, once something was asked of it. */
  get endpoint(): string | undefined {
    return this.#connection?.settings.endpoint;
  }

  /** The bytes at a path where there must be some. */
  async #present(path: string, category: FindCategory, options: CallOptions): Promise<Buffer> {
    const { body } = await this.#entry(path, category, options);
    if (body === undefined) throw notFound(path, category());
    // Where a value is promised, nothing means an interceptor, or a value that has not arrived yet.
    if (body.length === 0 && category()?.optional === false) throw emptyAnswer('a value', path);
    return body;
  }

  /** What a path holds: from the cache, from a read under way, or from the service. */
  async #entry(path: string, category: FindCategory, options: CallOptions): Promise<Entry> {
    const call = await this.#call(options);
    this.#connection?.session.checkPath(path);
    const kept = options.fresh ? undefined : this.#cache?.get(path);
    this.#shared.events.publish('cache', { action: kept ? 'hit' : 'miss', path });
    return kept ?? (await this.#reads.run(path, call, (flight) => this.#fetch(path, category, call, flight)));
  }

  async #fetch(path: string, category: FindCategory, { fresh }: Call, { deadline, isLatest }: Flight): Promise<Entry> {
    const epoch = this.#cache?.epoch ?? 0;
    const response = await this.#connect().session.read(path, { deadline, fresh });
    const entry: Entry = { body: response.statusCode === 404 ? undefined : response.body };
    // An older read than another that was begun meanwhile is not kept.
    if (this.#cache && isLatest()) {
      await this.#cache.open();
      this.#shared.closing.throwIfClosed();
      this.#cache.set(path, entry, this.#ageOf(entry, category(), this.#servedAt(response)), epoch);
    }
    return entry;
  }

  /** When a reply was sent, in milliseconds since 1970, by the service's clock if it says so. */
  #servedAt(response: Response): number {
    return Date.parse(response.header('date') ?? '') || this.#shared.clock.wallClock();
  }

  /** How long an entry may be reused, by how its category can change. Decodes it, as what cannot be decoded is not kept. */
  #ageOf(entry: Entry, category: AnyCategory, servedAt: number): Keep {
    const { body } = entry;
    const live = { forMs: this.#liveMaxAgeMs, survivesStop: false };
    const never = { forMs: 0, survivesStop: false };
    if (!category) return body ? live : never;
    // Where a category is optional, nothing is an answer too, though only for the moment.
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
    checkCallOptions(options);
    const { deadlineMs, signal, fresh } = options;
    signal?.throwIfAborted();
    const { settings, transport } = this.#connect();
    const { running } = this.#shared.clock;
    this.#loading ??= transport.load().then(() => {
      this.#loadedAt = running();
    });
    if (this.#loadedAt === undefined) await this.#loading;
    return { deadline: running() + (deadlineMs ?? settings.deadlineMs), signal, fresh };
  }

  #connect() {
    this.#shared.closing.throwIfClosed();
    if (this.#connection) return this.#connection;
    const settings = this.#shared.settings();
    if (settings.disabledBy) throw disabled(settings.disabledBy);
    const context = { ...this.#shared, settings };
    const transport = new Transport(context);
    const session = new Session({ ...context, transport }, () => {
      this.#cache?.startEpoch();
      context.events.publish('cache', { action: 'forget', path: '*' });
    });
    this.#connection = { settings, transport, session };
    return this.#connection;
  }
}

/** The value of an entry, decoded once and given to all who ask. A path has one category, so it is a value of it. */
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
