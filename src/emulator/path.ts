import { EmulatorOptionError } from './option-error.js';
import { text } from './shape.js';

const tops = ['dynamic', 'meta-data', 'user-data'];
/** Names in a path; those of real instances have eight at most. */
export const longestPath = 100;
/** Of a path of the metadata: below `/latest/` if it begins with a slash or a top directory, else below `meta-data`. */
export const pathPattern =
  /^(?:(?!latest(?:\/|$))(?=.*[^/\s])[^/].*|\/+latest\/+(?:meta-data|dynamic|user-data)(?:\/.*)?)$/;
export const pathShape = text("a path such as 'placement/region' or '/latest/dynamic/…'", pathPattern);

/** The names in a path; doubled and final slashes make no difference. */
export function namesIn(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

/** The names below `/latest/` of a path of the metadata. */
export function segmentsOf(path: string): readonly string[] {
  if (typeof path !== 'string' || !pathPattern.test(path)) {
    const same = "'placement/region', 'meta-data/placement/region' and '/latest/meta-data/placement/region'";
    throw new EmulatorOptionError(`'${String(path)}' is not a metadata path; ${same} are, and mean the same`);
  }
  const names = namesIn(path);
  const below = path.startsWith('/') ? names.slice(1) : names;
  return tops.includes(below[0] ?? '') ? below : ['meta-data', ...below];
}

/** The shortest path of the metadata with these names below `/latest/`. */
export function shortPath([top = '', ...rest]: readonly string[]): string {
  const isShort = top === 'meta-data' && ![...tops, 'latest'].includes(rest[0] ?? top);
  return (isShort ? rest : [top, ...rest]).join('/');
}

/** The names in a pattern of paths of requests, which begin with the version. */
export function patternNames(pattern: string): readonly string[] {
  const names = namesIn(pattern);
  if (pattern.startsWith('/')) return names;
  return [...tops, 'api'].includes(names[0] ?? '') ? ['*', ...names] : ['*', 'meta-data', ...names];
}

/** The path of a request target without its query. */
export function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

/** The decoded names in the path of a request target; undefined if it is not a path. */
export function decodedNames(target: string): string[] | undefined {
  if (!target.startsWith('/')) return undefined;
  const names = namesIn(pathOf(target));
  try {
    return target.includes('%') ? names.map(decodeURIComponent) : names;
  } catch {
    return undefined;
  }
}
