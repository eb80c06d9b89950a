/**
 * Builds dist/. The library, the emulator and the command line are bundled each, because loading many small files takes
 * longer than what they do. The library leaves its dependencies to be imported, all but ini, which is small and CommonJS;
 * the command line holds got too, on whose loading a process that reads one value spends most of its time.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

/**
 * got touches http2-wrapper only for https with its option `http2`, which IMDS does not speak. Without it, and the
 * `node:http2` it loads, `imds get` is about 7 of 160 ms faster; leaving out more of got's unused parts made no difference.
 *
 * @type {import('esbuild').Plugin}
 */
const withoutHttp2 = {
  name: 'without-http2',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^http2-wrapper$/ }, ({ path }) => ({ path, namespace: 'empty' }));
    onLoad({ filter: /^/, namespace: 'empty' }, () => ({ contents: 'export default {}' }));
  },
};

// Imported by the first request, by these names.
const wireModules = ['got', 'p-retry'];

/**
 * What makes requests lies beside the command line, which loads it when there is one to make.
 *
 * @type {import('esbuild').Plugin}
 */
const wireOutside = {
  name: 'wire-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^(got|p-retry)$/ }, ({ path }) => ({ path: `./${path}.js`, external: true }));
  },
};

/**
 * The emulator is published beside the command line, which need not carry a second copy of it.
 *
 * @type {import('esbuild').Plugin}
 */
const emulatorOutside = {
  name: 'emulator-outside',
  setup({ onResolve }) {
    // Whichever folder imports it, the bundle lies in dist/cli/.
    onResolve({ filter: /^(\.\.\/)+emulator\// }, ({ path }) => ({
      path: path.replace(/^(\.\.\/)+/, '../'),
      external: true,
    }));
  },
};

function compile() {
  const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')));
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
  // One file for all commands: a chunk costs more to find than to parse. What asks the service is in another.
  splitting: false,
  entryPoints: { 'cli/imds': 'src/cli/imds.ts' },
  // Identifiers stay: errors show some of them, and shorter ones were measured to save no time.
  minifySyntax: true,
  minifyWhitespace: true,
  // Commander is CommonJS and requires modules of Node.
  banner: {
    js: "import{createRequire as $createRequire}from'node:module';const require=$createRequire(import.meta.url);",
  },
  // Large, a dependency of the library anyway, and needed by one command.
  external: ['@zone-eu/mailsplit'],
  plugins: [wireOutside, emulatorOutside],
};

/** @type {import('esbuild').BuildOptions} */
const wire = {
  ...commandLine,
  entryPoints: Object.fromEntries(wireModules.map((name) => [`cli/${name}`, name])),
  external: [],
  plugins: [withoutHttp2],
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
// Of what the compiler emitted, the declarations of the library stay; bundles take the place of the rest.
rmSync(join(dist, 'cli'), { recursive: true, force: true });
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' }))
  if (name.endsWith('.js')) rmSync(join(dist, name));
const builds = [await build(library), await build(commandLine), await build(wire)];
const files = builds.flatMap(({ metafile }) => Object.keys(metafile.inputs));
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), licences(files));
chmodSync(join(dist, 'cli', 'imds.js'), 0o755);
