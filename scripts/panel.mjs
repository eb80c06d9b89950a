// @ts-check
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const source = new URL('../src/panel/', import.meta.url);
/** @param {string} name */
const file = (name) => fileURLToPath(new URL(name, source));

/**
 * Writes the page from which an emulator is controlled: one file, with all that it needs.
 *
 * @param {string} target
 * @param {ReadonlyMap<string, string>} categories what each category means, by its path
 * @returns {Promise<string[]>} the modules in it
 */
export async function writePanel(target, categories) {
  const { outputFiles, metafile } = await build({
    entryPoints: { script: file('main.tsx'), style: file('styles.css') },
    outdir: dirname(target),
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: ['es2022'],
    charset: 'utf8',
    legalComments: 'none',
    metafile: true,
    define: { categories: JSON.stringify(Object.fromEntries(categories)) },
    tsconfig: file('tsconfig.json'),
    logLevel: 'error',
  });
  /** @param {string} extension */
  const text = (extension) => outputFiles.find(({ path }) => path.endsWith(extension))?.text.trim() ?? '';
  const page = readFileSync(file('page.html'), 'utf8')
    .replace('/* style */', () => text('.css'))
    .replace('/* script */', () => text('.js').replaceAll('</script', '<\\/script'));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, page);
  return Object.keys(metafile.inputs);
}
