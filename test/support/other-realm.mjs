/**
 * Loads the built library in a vm context of its own, as Jest loads what it tests, and prints what a client reads:
 * `node other-realm.mjs ENDPOINT`.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunction, createContext } from 'node:vm';

const globals = ['process', 'Buffer', 'URL', 'URLSearchParams', 'TextEncoder', 'AbortController', 'AbortSignal'];
globals.push('DOMException', 'performance');
const timers = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'];
const context = createContext(Object.fromEntries([...globals, ...timers].map((name) => [name, globalThis[name]])));
const modules = new Map();
const builtin = createRequire(import.meta.url);

function load(file) {
  const known = modules.get(file);
  if (known) return known.exports;
  const module = { exports: {} };
  modules.set(file, module);
  const require = (name) => (name.startsWith('.') ? load(join(dirname(file), name)) : builtin(name));
  const names = ['exports', 'require', 'module', '__filename', '__dirname'];
  const run = compileFunction(readFileSync(file, 'utf8'), names, { parsingContext: context, filename: file });
  run(module.exports, require, module, file, dirname(file));
  return module.exports;
}

const [endpoint] = process.argv.slice(2);
const { Imds, isImdsError } = load(fileURLToPath(new URL('../../dist/index.cjs', import.meta.url)));
const imds = new Imds({ endpoint });
const failure = await imds.get('no-such-thing').catch((error) => error);
console.log(await imds.instanceId(), failure.code, isImdsError(failure), failure instanceof Error);
