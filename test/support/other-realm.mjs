/**
 * Loads the built library in a vm context of its own, as Jest loads what it tests, and prints what a client reads:
 * `node --experimental-vm-modules other-realm.mjs ENDPOINT`.
 */
import { readFileSync } from 'node:fs';
import { createContext, SourceTextModule, SyntheticModule } from 'node:vm';

const globals = ['process', 'Buffer', 'URL', 'AbortController', 'AbortSignal', 'DOMException', 'performance'];
const timers = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'];
const context = createContext(Object.fromEntries([...globals, ...timers].map((name) => [name, globalThis[name]])));
const modules = new Map();

/** The library's own files are evaluated in the context; what they import from elsewhere is Node's or a package. */
async function load(specifier, { identifier }) {
  if (!specifier.startsWith('.')) return await borrowed(specifier);
  const url = new URL(specifier, identifier).href;
  const known = modules.get(url);
  if (known) return known;
  const importModuleDynamically = async (name, referrer) => await ready(await load(name, referrer));
  const module = new SourceTextModule(readFileSync(new URL(url), 'utf8'), {
    context,
    identifier: url,
    importModuleDynamically,
    initializeImportMeta: (meta) => Object.assign(meta, { url }),
  });
  modules.set(url, module);
  return module;
}

async function borrowed(name) {
  const all = await import(name);
  return new SyntheticModule(
    Object.keys(all),
    function () {
      for (const [key, value] of Object.entries(all)) this.setExport(key, value);
    },
    { context, identifier: name },
  );
}

async function ready(module) {
  if (module.status === 'unlinked') await module.link(load);
  await module.evaluate();
  return module;
}

const [endpoint] = process.argv.slice(2);
const here = new URL('../../dist/', import.meta.url).href;
const { Imds, isImdsError } = (await ready(await load('./index.js', { identifier: here }))).namespace;
const imds = new Imds({ endpoint });
const failure = await imds.get('no-such-thing').catch((error) => error);
console.log(await imds.instanceId(), failure.code, isImdsError(failure), failure instanceof Error);
