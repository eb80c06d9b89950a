/**
 * What bundled packages load and never call here, by package: the module as it is imported, and its least replacement.
 *
 * @type {Record<string, Record<string, string>>}
 */
const unused = {
  // A GET or PUT over http, without a cache, a form or compression. Of 150 ms for `imds get` these took 30.
  got: {
    'node:https': 'export default {}',
    'node:tls': 'export const checkServerIdentity = undefined',
    'http2-wrapper': 'export default {}',
    'cacheable-lookup': 'export default class {}',
    'cacheable-request': 'export default class {} export class CacheError extends Error {}',
    'decompress-response': 'export default (response) => response',
    'form-data-encoder': 'export class FormDataEncoder {} export const isFormData = () => false',
    // For the id of a request in got's own diagnostics channels, which have no subscriber here.
    'node:crypto': "export const randomUUID = () => ''",
  },
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

const prefix = '\0unused:';

/** The package that a module belongs to. @param {string} id */
export const packageOf = (id) => id.match(/.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/)?.[1] ?? '';

/** @type {import('rollup').Plugin} */
export const trim = {
  name: 'trim',
  resolveId(name, importer = '') {
    const user = packageOf(importer);
    if (unused[user]?.[name] !== undefined) return `${prefix}${user}:${name}`;
    // Its main file is minified.
    if (name === 'lru-cache') return this.resolve('lru-cache/raw', importer);
    return undefined;
  },
  load(id) {
    if (!id.startsWith(prefix)) return undefined;
    const [user = '', ...name] = id.slice(prefix.length).split(/:(.*)/s);
    return unused[user]?.[name[0] ?? ''];
  },
  // Only got's messages about wrong options use it, and its first mention makes Node load its Intl data.
  transform: (code, id) =>
    packageOf(id) === '@sindresorhus/is'
      ? code.replace(/new Intl\.ListFormat\([^)]*\)/g, "({ format: (items) => items.join(', ') })")
      : undefined,
};
