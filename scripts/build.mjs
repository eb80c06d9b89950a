/**
 * Builds dist/: the library and the emulator file by file, their dependencies left to be imported; and the command line
 * as a bundle, because a process that reads one value spends most of its time loading got.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const commandLine = join(dist, 'cli');

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

/**
 * The emulator is published beside the command line, which need not carry a second copy of it.
 *
 * @type {import('esbuild').Plugin}
 */
const emulatorOutside = {
  name: 'emulator-outside',
  setup({ onResolve }) {
    // Whichever folder imports it, its chunk lies in dist/cli/.
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

/** @returns {Promise<string[]>} The files that went into the bundle. */
async function bundle() {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/imds.ts'],
    outdir: commandLine,
    bundle: true,
    // got becomes a chunk of its own, loaded by the first request.
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    // Identifiers stay: errors show some of them, and shorter ones were measured to save no time.
    minifySyntax: true,
    minifyWhitespace: true,
    // The licences have a file of their own.
    legalComments: 'none',
    // Commander is CommonJS and requires modules of Node.
    banner: {
      js: "import{createRequire as $createRequire}from'node:module';const require=$createRequire(import.meta.url);",
    },
    // Large, a dependency of the library anyway, and needed by one command.
    external: ['@zone-eu/mailsplit'],
    plugins: [withoutHttp2, emulatorOutside],
    metafile: true,
    logLevel: 'warning',
  });
  return Object.keys(metafile.inputs);
}

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
// The command line was compiled for its types to be checked; the bundle takes its place.
rmSync(commandLine, { recursive: true, force: true });
writeFileSync(join(commandLine, 'THIRD-PARTY-LICENSES.txt'), licences(await bundle()));
chmodSync(join(commandLine, 'imds.js'), 0o755);
