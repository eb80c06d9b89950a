import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { findSourceMap, SourceMap } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { safely } from './safely.js';

/** A place in a file. Lines count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
}

/** The package that a file belongs to. */
export interface Package {
  readonly name: string | null;
  readonly version: string | null;
}

const installed = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+(?=[\\/])/;

const rootOf = (file: string): string | undefined => installed.exec(file)?.[0];

// A program may itself be installed.
const started = process.argv[1] ?? '';
const program = rootOf(safely(() => realpathSync(started)) ?? started);

/** True for a file of the application, false for one of a package in node_modules. */
export const isApplication = (file: string): boolean => [undefined, program].includes(rootOf(file));

/** The package of the nearest package.json with a name; for a bundled file, at least the name in its path. */
export function packageOf(file: string): Package {
  const root = rootOf(file);
  if (root !== undefined) {
    const [, name = null] = /([^\\/]+|@[^\\/]+[\\/][^\\/]+)$/.exec(root.replace(/.*[\\/]node_modules[\\/]/, '')) ?? [];
    return manifestIn(root) ?? { name, version: null };
  }
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const found = manifestIn(folder);
    if (found?.name) return found;
    if (folder === dirname(folder)) return { name: null, version: null };
  }
}

/** The results of a function for files or folders, each kept; undefined where it throws. */
function kept<Result>(read: (path: string) => Result): (path: string) => Result | undefined {
  const results = new Map<string, Result | undefined>();
  return (path) => {
    const result = results.has(path) ? results.get(path) : safely(() => read(path));
    results.set(path, result);
    return result;
  };
}

const manifestIn = kept((folder): Package => {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { name: typeof name === 'string' ? name : null, version: typeof version === 'string' ? version : null };
});

/** The original place of a place in a bundled or compiled file, by its source map; else the same place. */
export function original(file: string, line: number, column: number): Position {
  const entry = mapOf(file)?.findEntry(line - 1, column - 1);
  if (!entry || !('originalSource' in entry) || !entry.originalSource) return { file, line };
  return { file: located(entry.originalSource, file), line: entry.originalLine + 1 };
}

const mapOf = kept((file): SourceMap | undefined => {
  // Node has it only for a program started with --enable-source-maps.
  const known = findSourceMap(file);
  if (known) return known;
  const code = readFileSync(file, 'utf8');
  const mark = 'sourceMappingURL=';
  const at = code.lastIndexOf(mark);
  if (at < 0) return undefined;
  const [url = ''] = code.slice(at + mark.length).split(/\s/, 1);
  const [, encoded] = /^data:[^,]*;base64,(.*)$/.exec(url) ?? [];
  const text = encoded ? Buffer.from(encoded, 'base64').toString() : readFileSync(resolve(dirname(file), url), 'utf8');
  return new SourceMap(JSON.parse(text));
});

/** The file of a source as named in a map: relative to the map, or to the project, as in webpack. */
function located(source: string, bundle: string): string {
  if (source.startsWith('file:')) return fileURLToPath(source);
  const [, inProject] = /^webpack:\/\/[^/]*\/(?:\.\/)?(.*)/.exec(source) ?? [];
  if (inProject === undefined) return resolve(dirname(bundle), source);
  let folder = dirname(bundle);
  while (folder !== dirname(folder) && !existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, inProject.replaceAll('/', sep));
}
