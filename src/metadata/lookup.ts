import type { Accessor, ParameterAccessor, ParameterGroup } from './accessor.js';
import { categories } from './categories.js';
import type { Category } from './category.js';
import { type Parameter, patternOf } from './path.js';

/** One row of the table. */
export interface Row {
  /** The call that reads it, such as `blockDeviceMapping.ebs(1)`. */
  readonly call: string;
  /** The category, with example parameters. */
  readonly category: Category<unknown>;
}

let table: readonly Row[] | undefined;

/** All rows of the table, in its order. */
export function rows(): readonly Row[] {
  table ??= collect(categories(unbound, { tags: unbound, userData: unbound }), '', []);
  return table;
}

const unbound = (category: Category<unknown>) =>
  Object.assign(() => Promise.reject<never>(new TypeError(`${category.path} is bound to no client`)), { category });

const takesParameter = (node: object): node is ParameterGroup<Parameter, object> => 'example' in node;
const endsInParameter = (node: object): node is ParameterAccessor<Parameter, unknown> => 'category' in node;
const isAccessor = (node: object): node is Accessor<unknown> => typeof node === 'function' && 'category' in node;

function collect(node: object, call: string, found: Row[]): Row[] {
  if (takesParameter(node)) {
    const { example } = node;
    const filled = `${call}(${typeof example === 'string' ? `'${example}'` : example})`;
    if (!endsInParameter(node)) return collect(node(example), filled, found);
    found.push({ call: filled, category: node.category(example) });
    return found;
  }
  if (isAccessor(node)) found.push({ call: `${call}()`, category: node.category });
  for (const [name, member] of Object.entries<unknown>(node as Record<string, unknown>))
    if (name !== 'category' && (typeof member === 'object' || typeof member === 'function') && member !== null)
      collect(member, call === '' ? name : `${call}.${name}`, found);
  return found;
}

interface Index {
  /** The rows by their paths without the final slash. */
  readonly byPath: ReadonlyMap<string, Category<unknown>>;
  /** The rows with parameters, and what stands before the first. */
  readonly open: readonly { readonly start: string; readonly category: Category<unknown>; pattern?: RegExp }[];
}

let index: Index | undefined;

function makeIndex(): Index {
  const all = rows().map(({ category }) => category);
  return {
    byPath: new Map(all.map((category) => [withoutSlash(category.path), category])),
    open: all.flatMap((category) => {
      const at = category.template.indexOf('{');
      return at < 0 ? [] : [{ start: `/latest/${category.template.slice(0, at)}`, category }];
    }),
  };
}

const withoutSlash = (path: string): string => (path.endsWith('/') ? path.slice(0, -1) : path);

/**
 * The category at an absolute path of any version, such as `/latest/meta-data/instance-id` or
 * `/2021-03-23/meta-data/placement/`, with or without its final slash; `undefined` where the table has no row.
 */
export function categoryOf(path: string): Category<unknown> | undefined {
  index ??= makeIndex();
  const latest = withoutSlash(path).replace(/^\/(?:\d{4}-\d\d-\d\d|1\.0)\//, '/latest/');
  const category = index.byPath.get(latest) ?? index.open.find((row) => matches(row, latest))?.category;
  return category && (category.path === path ? category : { ...category, path });
}

/** A pattern takes longer to compile than most processes take to use it, so only a likely one is. */
function matches(row: Index['open'][number], path: string): boolean {
  if (!path.startsWith(row.start)) return false;
  row.pattern ??= patternOf(withoutSlash(row.category.template));
  return row.pattern.test(path);
}

/** True for an absolute path that is listed rather than read as a value. */
export function isDirectory(path: string): boolean {
  const category = categoryOf(path);
  if (category === undefined) return path.endsWith('/');
  if (category.kind !== 'list') return category.kind === 'directory';
  // Some lists name what is below them, most are values of several lines.
  const above = category.template;
  const isBelow = (template: string) => template !== above && template.startsWith(above);
  return above.endsWith('/') && rows().some(({ category: { template } }) => isBelow(template));
}
