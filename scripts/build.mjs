/**
 * Builds dist/. The library, the emulator and the command line are bundled each, because loading many small files takes
 * longer than what they do. The library leaves its dependencies to be imported, all but ini, which is small and CommonJS;
 * the command line, for whose user the start of the process is most of the time, is CommonJS with all it needs.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

/**
 * What got loads and never calls in a GET or PUT over http without a cache, a form or compression, and its least
 * replacement. Of 150 ms for `imds get` these took 30.
 */
const unusedByGot = {
  'node:https': 'export default {}',
  'node:tls': 'export const checkServerIdentity = undefined',
  'http2-wrapper': 'export default {}',
  'cacheable-lookup': 'export default class {}',
  'cacheable-request': 'export default class {} export class CacheError extends Error {}',
  'decompress-response': 'export default (response) => response',
  'form-data-encoder': 'export class FormDataEncoder {} export const isFormData = () => false',
  // For the id of a request in got's own diagnostics channels, which have no subscriber here.
  'node:crypto': "export const randomUUID = () => ''",
};

/** @type {import('esbuild').Plugin} */
const withoutUnused = {
  name: 'without-unused',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path }) => (path in unusedByGot ? { path, namespace: 'unused' } : undefined));
    onLoad({ filter: /./, namespace: 'unused' }, ({ path }) => ({ contents: unusedByGot[path] }));
  },
};

// Imported by the first request, by these names.
const wireModules = ['got', 'p-retry'];

/**
 * What makes requests, and the emulator, lie beside the command line, which loads them when they are needed.
 *
 * @type {import('esbuild').Plugin}
 */
const besides = {
  name: 'besides',
  setup({ onResolve }) {
    onResolve({ filter: /^(got|p-retry)$/ }, ({ path }) => ({ path: `./${path}.cjs`, external: true }));
    onResolve({ filter: /^(\.\.\/)+emulator\/index\.js$/ }, () => ({ path: './emulator.cjs', external: true }));
  },
};

function compile() {
  const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript7/package.json')));
  const { status } = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** What all bundles have in common. @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  // What is imported while running becomes a chunk of its own, loaded when it is needed.
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  // The licences have a file of their own.
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
};

/** @type {import('esbuild').BuildOptions} */
const library = {
  ...common,
  minifyWhitespace: true,
  entryPoints: { index: 'src/index.ts', 'emulator/index': 'src/emulator/index.ts' },
  external: Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies),
};

/** @type {import('esbuild').BuildOptions} */
const commandLine = {
  ...common,
  // Node loads CommonJS 15 ms sooner than ES modules.
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  supported: { 'dynamic-import': false },
  splitting: false,
  // Identifiers stay: errors show some of them, and shorter ones were measured to save no time.
  minifySyntax: true,
  minifyWhitespace: true,
  entryPoints: { 'cli/imds': 'src/cli/imds.ts', 'cli/emulator': 'src/emulator/index.ts' },
  // Large, a dependency of the library anyway, and needed by one command.
  external: ['@zone-eu/mailsplit'],
  plugins: [besides],
};

/** @type {import('esbuild').BuildOptions} */
const wire = {
  ...commandLine,
  entryPoints: Object.fromEntries(wireModules.map((name) => [`cli/${name}`, name])),
  external: [],
  plugins: [withoutUnused],
  // Only got's messages about wrong options use it, and its first mention makes Node load its Intl data.
  define: { 'Intl.ListFormat': 'ListFormat' },
  inject: ['scripts/list-format.mjs'],
  // Imported as ES modules with a default export and, p-retry, another.
  footer: { js: 'module.exports=Object.assign(module.exports.default,module.exports)' },
};

/** @param {string[]} files */
function licences(files) {
  const folders = files.flatMap((file) => file.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? []);
  const sections = [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const texts = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|notice)(\.(md|txt))?$/i.test(file));
    if (!texts.some((file) => /^licen/i.test(file))) throw new Error(`${name} is bundled but has no licence text`);
    const title = `${name} ${version} (${license})`;
    const text = texts.map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
    return [title, '='.repeat(title.length), '', ...text].join('\n');
  });
  return `${['The files in this folder contain these packages.', ...sections].join('\n\n\n')}\n`;
}

rmSync(dist, { recursive: true, force: true });
compile();
// Made of the shapes that check a scenario, so that the two cannot differ.
const { scenarioSchema } = await import(pathToFileURL(join(dist, 'emulator', 'scenario.js')).href);
writeFileSync(join(dist, 'emulator', 'scenario.schema.json'), `${JSON.stringify(scenarioSchema)}\n`);
// Of what the compiler emitted, the declarations of the library stay; bundles take the place of the rest.
rmSync(join(dist, 'cli'), { recursive: true, force: true });
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' }))
  if (name.endsWith('.js')) rmSync(join(dist, name));
const builds = [await build(library), await build(commandLine), await build(wire)];
const files = builds.flatMap(({ metafile }) => Object.keys(metafile.inputs));
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), licences(files));
chmodSync(join(dist, 'cli', 'imds.cjs'), 0o755);
