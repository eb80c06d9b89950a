/**
 * Builds dist/: the compiler emits ES modules, which are bundled into one set of CommonJS files for library, emulator and
 * command line, all packages included. The ES modules that users import hand on what these export, so that no class and no
 * state exists twice. docs/design.md has the reasons.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { transform } from 'esbuild';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import typescript from 'typescript';
import { descriptions } from './descriptions.mjs';
import { writeInventory } from './inventory.mjs';
import { writePanel } from './panel.mjs';
import { isReplaced, packageOf, trim } from './trim.mjs';

const target = 'node20.19';
const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const modules = join(dist, 'modules');

const library = {
  index: join(modules, 'index'),
  'emulator/index': join(modules, 'emulator', 'index'),
  'audit/index': join(modules, 'audit', 'index'),
};

/** @param {Record<string, string>} entries @param {string} extension */
const withExtension = (entries, extension) =>
  Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, file + extension]));

function compile() {
  const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript7/package.json')));
  const { status } = spawnSync(process.execPath, [tsc, '-p', root, '--outDir', modules], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** esbuild leaves `require` of Node's modules in the ES modules that it bundles, where there is no `require`. */
const builtinsWithoutRequire = {
  name: 'builtins-without-require',
  /** @param {string} code */
  renderChunk: (code) =>
    code.replace(/\brequire\((["'])([^"']+)\1\)/g, (call, quote, name) =>
      isBuiltin(name) ? `globalThis.process.getBuiltinModule(${quote}${name}${quote})` : call,
    ),
};

/**
 * The files of dist/lib by the modules that they hold, each loaded when something in it is first used: by the start of a
 * path below src/, or the name of a package, which is joined by what it imports. Other modules are divided by rollup, and
 * loaded together with whatever imports them.
 *
 * @type {Record<string, RegExp>}
 */
const files = {
  // Loaded by `import 'imds'`. `require('imds')` loads the second only when one of its exports is used, or on an error.
  index: /^(index|imds)\./,
  common: /^(errors|watch\/notices|user-data\/agents)\./,
  // `new Imds()` loads `client` and `metadata`, the first request `wire`, what fails `failures`.
  platform: /^platform\./,
  failures: /^client\/failures\./,
  // What a path alone needs: `imds get` loads no table, and nothing but JSON documents loads their shapes.
  client: /^(client\/(?!composed)|metadata\/path\.|version\.)/,
  metadata: /^metadata\/(?!documents|instant)/,
  documents: /^metadata\//,
  composed: /^client\/composed\./,
  ...Object.fromEntries(
    ['credentials', 'network', 'identity', 'user-data', 'watch', 'doctor', 'record'].map((room) => [
      room,
      new RegExp(`^${room}/`),
    ]),
  ),
  wire: /^got$/,
  // What a plain `imds get` loads, and what it does without.
  cli: /^cli\/(io|output|exit-codes)\./,
  'cli-program': /^cli\/(program|command|options|layout|values|commands\/get)\./,
  commander: /^commander$/,
  'cli-report': /^cli\/report\./,
  'cli-unicode': /^cli\/unicode\./,
  'lru-cache': /^lru-cache$/,
  retry: /^p-retry$/,
  mime: /^lib(mime|qp)$/,
  levenshtein: /^fastest-levenshtein$/,
};

// rollup takes the name for that of the variable, which is found by it.
const variablePrefix = 'from_';

/** @param {string} id */
function chunkOf(id) {
  const name = id.startsWith(modules) ? relative(modules, id).replaceAll(sep, '/') : packageOf(id);
  const [file] = Object.entries(files).find(([, pattern]) => pattern.test(name)) ?? [];
  return file && variablePrefix + file.replaceAll('-', '_');
}

/**
 * Loads files when something in them is first used.
 *
 * @type {import('rollup').Plugin}
 */
const onDemand = {
  name: 'on-demand',
  /** @param {string} code */
  renderChunk(code) {
    const required = new RegExp(`^const (${variablePrefix}\\w+) = require\\((.*)\\);$`, 'gm');
    let shown = code;
    for (const [line, variable = '', file] of code.matchAll(required)) {
      const loaded = variable.slice(variablePrefix.length);
      shown = shown
        .replace(line, '')
        .replace(new RegExp(`\\bnew ${variable}\\.([\\w$.]+)`, 'g'), `new (${variable}.$1)`)
        .replace(new RegExp(`\\b${variable}\\b`, 'g'), `${variable}()`)
        .replace(
          /^'use strict';\n/m,
          `$&\nlet ${loaded}_cjs;\nconst ${variable} = () => (${loaded}_cjs ??= require(${file}));\n`,
        );
    }
    // Handed on by `index`. Whoever imports a function gets one that loads no more than it must; classes must be the same.
    const handedOn = new RegExp(`^exports\\.(\\w+) = (${variablePrefix}(\\w+)\\(\\))\\.\\1;$`, 'gm');
    return shown.replace(handedOn, (_, name, file, from) =>
      from === 'common'
        ? `Object.defineProperty(exports, '${name}', { configurable: true, enumerable: true, get: () => ${file}.${name} });`
        : `exports.${name} = function ${name}(...args) {\n    return ${file}.${name}(...args);\n};`,
    );
  },
};

/**
 * Makes the modules smaller before they are bundled, as V8 compiles them anew in every process: comments go, a third of all,
 * and packages get short names. Lines stay, as an error in a program that does not catch it shows the line that threw it.
 * esbuild's limit for lines would break them within strings, and bundlers that indent code change such strings.
 *
 * @type {import('rollup').Plugin}
 */
const small = {
  name: 'small',
  async transform(code, id) {
    if (!/\.[cm]?js$/.test(id)) return undefined;
    const options = {
      target: typescript.ScriptTarget.ES2022,
      module: typescript.ModuleKind.ESNext,
      removeComments: true,
    };
    const { outputText } = typescript.transpileModule(code, { compilerOptions: options });
    const minifyIdentifiers = packageOf(id) !== '';
    const result = await transform(outputText, { minifyIdentifiers, legalComments: 'none', target });
    return { code: result.code, map: null };
  },
};

/** rollup would ask `require` for node:url, and look for a document first. @type {import('rollup').Plugin} */
const urlOfFile = {
  name: 'url-of-file',
  resolveImportMeta: (property) =>
    property === 'url' ? "globalThis.process.getBuiltinModule('node:url').pathToFileURL(__filename).href" : null,
};

/** V8 compiles text that is not Latin-1 slower, all of it. */
const ascii = {
  name: 'ascii',
  /** @param {string} code */
  renderChunk: (code) =>
    code.replace(/[^\n\r\t -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
};

/** By room and file. @param {import('rollup').PreRenderedChunk} chunk */
function chunkName({ name, moduleIds }) {
  if (name.startsWith(variablePrefix)) return `lib/${name.slice(variablePrefix.length).replaceAll('_', '-')}.cjs`;
  const own = moduleIds.findLast((id) => id.startsWith(modules) && id !== `${library.index}.js`);
  return `lib/${own ? relative(modules, own).replaceAll(sep, '-').replace(/\.js$/, '') : name}.cjs`;
}

/** @type {import('rollup').Plugin} */
const json = {
  name: 'json',
  transform: (code, id) => (id.endsWith('.json') ? `export default ${code}` : undefined),
};

async function bundle() {
  const build = await rollup({
    input: {
      ...withExtension(library, '.js'),
      'cli/imds': join(modules, 'cli', 'imds.js'),
      // A separate process, which must start fast.
      'cli/lab-inside': join(modules, 'lab', 'inside.js'),
    },
    external: (name, importer) => isBuiltin(name) && !isReplaced(name, importer),
    preserveEntrySignatures: 'strict',
    treeshake: { moduleSideEffects: (_id, isExternal) => !isExternal },
    plugins: [
      trim,
      small,
      json,
      urlOfFile,
      nodeResolve({ exportConditions: ['node'], preferBuiltins: true }),
      commonjs({ ignoreDynamicRequires: true }),
    ],
  });
  const { output } = await build.write({
    dir: dist,
    format: 'cjs',
    exports: 'named',
    // Else the automatic mocks of Jest lack the exports that load their file, and spies on a namespace spy on a copy.
    esModule: true,
    interop: 'default',
    dynamicImportInCjs: false,
    generatedCode: { preset: 'es2015', symbols: false },
    strict: true,
    entryFileNames: '[name].cjs',
    chunkFileNames: chunkName,
    manualChunks: chunkOf,
    hoistTransitiveImports: false,
    plugins: [onDemand, ascii, builtinsWithoutRequire],
  });
  return output.filter((file) => file.type === 'chunk');
}

/**
 * The ES modules of an entry: one for Node, and one for bundlers, which cannot follow `createRequire`. An `import` of the
 * CommonJS file would cost Node 10 ms: it parses all of the file, and of those it loads, for the names that they export.
 *
 * @param {string} name @param {readonly string[]} exported
 */
function writeModule(name, exported) {
  const [file] = name.split('/').slice(-1);
  const names = exported.join(', ');
  writeFileSync(
    join(dist, `${name}.js`),
    `import { createRequire } from 'node:module';\n\nexport const { ${names} } = createRequire(import.meta.url)('./${file}.cjs');\n`,
  );
  writeFileSync(join(dist, `${name}.bundler.js`), `export { ${names} } from './${file}.cjs';\n`);
}

async function declare() {
  for (const [name, file] of Object.entries(withExtension(library, '.d.ts'))) {
    const build = await rollup({ input: file, plugins: [dts()], external: isBuiltin });
    await build.write({ file: join(dist, `${name}.d.cts`), format: 'es' });
    const [twin] = name.split('/').slice(-1);
    writeFileSync(join(dist, `${name}.d.ts`), `export * from './${twin}.cjs';\n`);
  }
}

rmSync(dist, { recursive: true, force: true });
compile();
// Made of the shapes that check a scenario, so that the two cannot differ.
const { scenarioSchema } = await import(pathToFileURL(join(modules, 'emulator', 'scenario.js')).href);
const { rows } = await import(pathToFileURL(join(modules, 'metadata', 'lookup.js')).href);
const chunks = await bundle();
for (const { name, exports } of chunks.filter(({ isEntry, name }) => isEntry && name in library))
  writeModule(name, exports);
await declare();
rmSync(modules, { recursive: true });
// The ready scenarios as files, to copy and change.
const scenarios = JSON.parse(readFileSync(join(root, 'src', 'emulator', 'scenarios.json'), 'utf8'));
mkdirSync(join(dist, 'emulator', 'scenarios'));
for (const [name, scenario] of Object.entries(scenarios))
  writeFileSync(
    join(dist, 'emulator', 'scenarios', `${name}.json`),
    `${JSON.stringify({ $schema: './node_modules/imds/dist/emulator/scenario.schema.json', ...scenario }, undefined, 2)}\n`,
  );
writeFileSync(join(dist, 'emulator', 'scenario.schema.json'), `${JSON.stringify(scenarioSchema)}\n`);
copyFileSync(join(root, 'src', 'audit', 'report.schema.json'), join(dist, 'audit', 'report.schema.json'));
const panel = await writePanel(join(dist, 'emulator', 'panel.html'), descriptions(rows()));
// Those of which something is left.
const bundled = chunks.flatMap(({ modules }) => Object.keys(modules).filter((id) => modules[id]?.renderedLength));
writeInventory(root, [...bundled, ...panel.map((file) => join(root, file))]);
chmodSync(join(dist, 'cli', 'imds.cjs'), 0o755);
