/**
 * What bundled packages load and do not need here, by package: the module as it is imported, and its stand-in. The build
 * fails when a stand-in exports what its module does not, when a package wants more than the stand-in has, and when a
 * module is no longer imported.
 *
 * @type {Record<string, Record<string, string>>}
 */
const standIns = {
  // A GET or PUT over http as a stream, without a cache, a form, compression or got's own timeouts. Code that a process
  // runs for the first time is slow: with all of this, fifty reads took 1.6 times what node:http takes, without it 1.25.
  got: {
    // Never called: the endpoint is http, and src/client/transport.ts makes the requests itself.
    'node:https': 'export default {}',
    'node:tls': 'export const checkServerIdentity = undefined',
    'http2-wrapper': 'export default {}',
    'cacheable-lookup': 'export default class {}',
    // Never called, as the option that asks for it is not given.
    'cacheable-request': 'export default class {} export class CacheError extends Error {}',
    'decompress-response': 'export default (response) => response',
    'form-data-encoder': 'export class FormDataEncoder {} export const isFormData = () => false',
    // Never called: all requests are streams, which no promise wraps.
    './as-promise/index.js': 'export default undefined',
    // Never called: for pages of results.
    'node:timers/promises': 'export const setTimeout = undefined',
    // For the id of a request in got's own diagnostics channels. imds has channels of its own.
    './diagnostics-channel.js': `
      const nothing = () => {};
      export { nothing as generateRequestId, nothing as publishError, nothing as publishRedirect };
      export { nothing as publishRequestCreate, nothing as publishRequestStart, nothing as publishResponseEnd };
      export { nothing as publishResponseStart, nothing as publishRetry };
    `,
    // Hands on events of the request that src/client/transport.ts listens to itself.
    './utils/proxy-events.js': 'export default () => () => {}',
    // Ten listeners for each request. src/client/transport.ts notices the connection, and keeps the time itself.
    './utils/timer.js': 'export default () => {}',
    './timed-out.js': 'export default () => () => {}; export class TimeoutError extends Error {}',
    // Checks of got's options, which are always the same here, and the few questions that got asks of values.
    '@sindresorhus/is': `
      export const isBuffer = Buffer.isBuffer;
      const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function');
      export default {
        array: Array.isArray,
        asyncGenerator: (value) => typeof value?.[Symbol.asyncIterator] === 'function' && typeof value.next === 'function',
        asyncIterable: (value) => typeof value?.[Symbol.asyncIterator] === 'function',
        boolean: (value) => typeof value === 'boolean',
        buffer: isBuffer,
        function: (value) => typeof value === 'function',
        generator: (value) => typeof value?.[Symbol.iterator] === 'function' && typeof value.next === 'function',
        iterable: (value) => typeof value?.[Symbol.iterator] === 'function',
        nodeStream: (value) => isObject(value) && typeof value.pipe === 'function',
        nonEmptyString: (value) => typeof value === 'string' && value !== '',
        null: (value) => value === null,
        number: (value) => typeof value === 'number' && !Number.isNaN(value),
        object: isObject,
        plainObject: (value) => isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value)),
        promise: (value) => isObject(value) && typeof value.then === 'function',
        string: (value) => typeof value === 'string',
        typedArray: ArrayBuffer.isView,
        undefined: (value) => value === undefined,
        urlInstance: (value) => value instanceof URL,
      };
      const nothing = () => {};
      export const assert = {
        any: nothing,
        array: nothing,
        boolean: nothing,
        function: nothing,
        number: nothing,
        object: nothing,
        plainObject: nothing,
        string: nothing,
        truthy: nothing,
        undefined: nothing,
      };
    `,
  },
  // Commands that are programs of their own: there are none here.
  commander: { 'node:child_process': 'export default {}' },
  // Archives are split, not written.
  '@zone-eu/mailsplit': {
    './lib/message-joiner': 'export default undefined',
    './lib/node-rewriter': 'export default undefined',
    './lib/node-streamer': 'export default undefined',
    './lib/chunked-passthrough': 'export default undefined',
  },
  libmime: {
    // For guesses at the type of a part without one, which nobody asks for.
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
 * Code of a package that does more than is needed here, and what stands in its place, by the end of the file's name. The
 * build fails when a package has not this code any more.
 *
 * @type {Record<string, Record<string, string>>}
 */
const shortcuts = {
  // Of forty options for node:http, src/client/transport.ts uses these.
  'got/dist/source/core/options.js': {
    'createNativeRequestOptions() {':
      'createNativeRequestOptions() { return { ...this._unixOptions, method: this._internals.method, headers: this._internals.headers };',
  },
  // A system call for each reply, which nobody asks for.
  'got/dist/source/core/index.js': { 'return this.socket?.remoteAddress;': 'return undefined;' },
  // For a bound that is not used, and its first use takes a process a millisecond.
  'p-retry/index.js': { 'startTime = performance.now()': 'startTime = 0' },
};

const prefix = '\0stand-in:';

/** The package that a module belongs to. @param {string} id */
export const packageOf = (id) => id.match(/.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/)?.[1] ?? '';

/** What got's own code asks of the stand-in for this package, as `is.string` and `assert.string`. */
const asked = { name: '@sindresorhus/is', pattern: /\b(is|assert)\.([a-zA-Z]+)\b/g };

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
    const code = standIns[user]?.[name];
    if (code !== undefined) {
      const id = `${prefix}${user}:${name}`;
      if (used.has(id)) return id;
      used.add(id);
      const real = await this.resolve(name, importer, { ...options, skipSelf: true });
      // The plugin for CommonJS marks a name in front and behind.
      const file = real?.id.replace(/^\0|\?.*$/g, '') ?? name;
      const [names, stood] = await Promise.all([import(file), imported(code)]);
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

  async transform(code, id) {
    const [, edits = {}] = Object.entries(shortcuts).find(([file]) => id.endsWith(`/node_modules/${file}`)) ?? [];
    let shorter = code;
    for (const [long, short] of Object.entries(edits)) {
      if (!code.includes(long)) this.error(`${id} has no “${long}” any more`);
      shorter = shorter.replace(long, short);
    }
    if (packageOf(id) !== 'got') return shorter;
    const { default: is, assert } = await imported(standIns.got?.[asked.name] ?? '');
    for (const [call, from, question] of code.matchAll(asked.pattern))
      if (!((question ?? '') in (from === 'is' ? is : assert)))
        this.error(`got calls ${call}, which the stand-in for ${asked.name} has not: ${id}`);
    return shorter;
  },

  buildEnd(error) {
    const all = Object.entries(standIns).flatMap(([user, of]) => Object.keys(of).map((name) => [user, name]));
    const left = all.filter(([user, name]) => !used.has(`${prefix}${user}:${name}`)).map((pair) => pair.join(': '));
    if (!error && left.length > 0) this.error(`modules that are no longer imported: ${left.join('; ')}`);
  },
};
