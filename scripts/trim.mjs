/**
 * What bundled packages load and do not need here, by package: the module as it is imported, and its stand-in. The build
 * fails when a stand-in exports what its module does not, when a package wants more than the stand-in has, and when a
 * module is no longer imported.
 *
 * @type {Record<string, Record<string, string>>}
 */
const standIns = {
  got: {
    // Of eighty options those that src/client/transport.ts gives, as they are: got copies, checks and merges all of them
    // for each request.
    './core/options.js': `
      export default class Options {
        url = undefined;
        method = 'GET';
        headers = undefined;
        request = undefined;
        isStream = false;
        constructor(url, options, defaults) {
          this.merge(defaults);
          this.merge(options);
          if (url !== undefined) this.url = new URL(url);
        }
        merge(options) {
          const headers = { ...this.headers, ...options?.headers };
          Object.assign(this, options, { headers });
        }
        getRequestFunction() {
          return this.request;
        }
        createNativeRequestOptions() {
          return { method: this.method, headers: this.headers };
        }
      }
    `,
    // Where an error came from.
    '@sindresorhus/is': `
      export const isBuffer = Buffer.isBuffer;
      export const assert = undefined;
      export default {
        object: (value) => value !== null && (typeof value === 'object' || typeof value === 'function'),
        string: (value) => typeof value === 'string',
        undefined: (value) => value === undefined,
      };
    `,
  },
  // Commands that are programs of their own: there are none here.
  commander: { 'node:child_process': 'export default {}' },
  libmime: {
    // For guessing the type of a part without one, which is never used.
    './mimetypes.js': 'export const list = {}; export const extensions = {}',
    // 600 kB of tables for what Node's TextDecoder knows, too: the names of parts.
    './charset.js': `
      export const normalizeCharset = (charset) => (charset || 'utf-8').toString().trim().toLowerCase();
      export function decode(data, charset) {
        const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
        try {
          return new TextDecoder(charset).decode(bytes);
        } catch {
          return bytes.toString();
        }
      }
      export const encode = (text) => Buffer.from(text);
      export const convert = (data, charset) => encode(typeof data === 'string' ? data : decode(data, charset));
      export const createDecodeStream = undefined;
    `,
  },
};

/**
 * Expressions of a package whose value is always the same here, by the end of the file's name: the value, or something that
 * is quicker to get. rollup leaves out what this makes unreachable. The build fails when a package has not this code any more.
 *
 * @type {Record<string, Record<string, string>>}
 */
const shortcuts = {
  'got/dist/source/create.js': {
    'isGotInstance(value)': 'false',
  },
  'got/dist/source/core/index.js': {
    // All requests are without a body,
    'is.nodeStream(body)': 'false',
    'is.buffer(body)': 'false',
    'is.typedArray(body)': 'false',
    'is.asyncIterable(body) || (is.iterable(body) && !is.string(body) && !isBuffer(body))': 'false',
    'is.undefined(body)': 'true',
    // made by node:http,
    'isClientRequest(requestOrResponse)': 'true',
    // not cached,
    'options.cache ? this._createCacheableRequest : request': 'request',
    "options.cache ? 'cacheableResponse' : 'response'": "'response'",
    'error instanceof CacheableCacheError': 'false',
    // without got's own timeouts and retries,
    'error instanceof TimedOutTimeoutError': 'false',
    "this.listenerCount('retry') !== 0": 'false',
    // and done once the reply is there, whatever its status.
    'options.decompress && !hasNoBody': 'false',
    'options.isStream && options.throwHttpErrors': 'false',
  },
  // For a bound that is not used, and its first use takes a process a millisecond.
  'p-retry/index.js': { 'startTime = performance.now()': 'startTime = 0' },
};

/**
 * Statements of a package for unused features, by the end of the file's name and the start of their first line. A line
 * that opens a block is removed with the whole block. The build fails if a package no longer has the line.
 *
 * @type {Record<string, readonly string[]>}
 */
const leftOut = {
  'got/dist/source/create.js': [
    // Pages of results, and names for methods.
    'const paginateEach = ',
    'got.paginate',
    'for (const method of aliases)',
    // Defaults that can be changed, or handed on from one instance to another.
    "Object.defineProperty(defaults, 'mutableDefaults',",
    'if (!defaults.mutableDefaults)',
    "Object.defineProperty(got, 'defaults',",
    // Promises.
    'if (is.promise(result) && ',
    'promise ||= ',
  ],
  'got/dist/source/core/index.js': [
    // Pipes to and from a request.
    "this.on('pipe', ",
    "this.on('newListener', ",
    '_pipedServerResponses = ',
    'pipe(destination, options)',
    'unpipe(destination)',
    'for (const destination of this._pipedServerResponses)',
    // Events that nobody listens to.
    '_requestId = ',
    'publishRequestCreate(',
    'publishRequestStart(',
    'publishResponseStart(',
    'publishResponseEnd(',
    'publishError(',
    'this._unproxyEvents = ',
    "this.emit('downloadProgress'",
    "this.emit('uploadProgress'",
    'const progress = ',
    'if (progress.percent < 1)',
    'get downloadProgress()',
    'get uploadProgress()',
    'this._responseSize = ',
    // Bodies.
    'const isForm = ',
    'const isJSON = ',
    'const isBody = ',
    'if (isForm || isJSON || isBody)',
    "if (options.responseType === 'json' ",
    '_write(chunk, encoding, callback)',
    '_writeRequest(chunk, encoding, callback)',
    'async _asyncWrite(chunk)',
    // Signals, timings and timeouts.
    'if (this.options.signal)',
    'const timings = ',
    'if (timings && ',
    'timer(request)',
    'this._cancelTimeouts = ',
    'if (this.options.http2)',
    // Events about a reply, besides the reply itself.
    'typedResponse.',
    'this._isFromCache = ',
    'get isFromCache()',
    'get ip()',
    'get timings()',
    'get reusedSocket()',
    'get isReadonly()',
    // Compression, a length that must be given, cookies, redirects, caches, passwords, promises and hooks.
    'const supportsBrotli = ',
    'const supportsZstd = ',
    'if (options.decompress && is.undefined(',
    'if (this._checkContentLengthMismatch())',
    'if (!hasNoBody && (!wasDecompressed ',
    'const rawCookies = ',
    'if (is.object(options.cookieJar) && rawCookies)',
    'if (cookieJar)',
    'if (response.headers.location && ',
    'if (options.cache)',
    '_prepareCache(cache)',
    'async _createCacheableRequest(url, options)',
    'for (const key in headers)',
    'if (username || password)',
    'for (const hook of options.hooks.beforeRequest)',
    'if (is.promise(requestOrResponse))',
    'if (is.undefined(requestOrResponse))',
    'else if (this.options)',
    'if (this._noPipe)',
  ],
};

const prefix = '\0stand-in:';

/** The package that a module belongs to. @param {string} id */
export const packageOf = (id) => id.match(/.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/)?.[1] ?? '';

/** @param {string} text */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** @param {string} file @param {string} name relative to some folder */
const isFile = (file, name) =>
  name.startsWith('./') && file.replace(/\.js$/, '').endsWith(name.slice(1).replace(/\.js$/, ''));

/** @param {string} code */
const imported = (code) => import(`data:text/javascript,${encodeURIComponent(code)}`);

/** True for a module in whose place another is bundled. @param {string} name @param {string} importer */
export const isReplaced = (name, importer = '') => standIns[packageOf(importer)]?.[name] !== undefined;

/** @type {Set<string>} */
const used = new Set();

/** @type {import('rollup').Plugin} */
export const trim = {
  name: 'trim',

  async resolveId(name, importer = '', options) {
    const user = packageOf(importer);
    const real = standIns[user] && (await this.resolve(name, importer, { ...options, skipSelf: true }));
    // The plugin for CommonJS marks a name in front and behind.
    const file = real?.id.replace(/^\0|\?.*$/g, '') ?? name;
    const module = Object.keys(standIns[user] ?? {}).find((key) => key === name || isFile(file, key));
    if (module !== undefined) {
      const id = `${prefix}${user}:${module}`;
      if (used.has(id)) return id;
      used.add(id);
      const [names, stood] = await Promise.all([import(file), imported(standIns[user]?.[module] ?? '')]);
      const extra = Object.keys(stood).filter((exported) => !(exported in names));
      return extra.length === 0 ? id : this.error(`${name} of ${user} exports no ${extra.join(', ')} any more`);
    }
    // Its main file is minified.
    if (name === 'lru-cache') return this.resolve('lru-cache/raw', importer);
    return undefined;
  },

  load(id) {
    if (!id.startsWith(prefix)) return undefined;
    const [user = '', ...name] = id.slice(prefix.length).split(/:(.*)/s);
    return standIns[user]?.[name[0] ?? ''];
  },

  transform(code, id) {
    const of = (table) => Object.entries(table).find(([file]) => id.endsWith(`/node_modules/${file}`))?.[1] ?? [];
    let shorter = code;
    for (const [long, short] of Object.entries(of(shortcuts))) {
      if (!code.includes(long)) this.error(`${id} has no “${long}” any more`);
      shorter = shorter.replaceAll(long, short);
    }
    for (const line of of(leftOut)) {
      const statement = new RegExp(`^( *)${escaped(line)}.*(?:;(?: //.*)?$|\\{$[^]*?^\\1\\}.*$)\\n`, 'gm');
      if (!statement.test(shorter)) this.error(`${id} has no “${line}” any more`);
      shorter = shorter.replace(statement, '');
    }
    return shorter;
  },

  buildEnd(error) {
    const all = Object.entries(standIns).flatMap(([user, of]) => Object.keys(of).map((name) => [user, name]));
    const left = all.filter(([user, name]) => !used.has(`${prefix}${user}:${name}`)).map((pair) => pair.join(': '));
    if (!error && left.length > 0) this.error(`modules that are no longer imported: ${left.join('; ')}`);
  },
};
