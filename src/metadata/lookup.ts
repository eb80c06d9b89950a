import { table } from './categories.js';
import type { Category } from './category.js';
import { filled, type Node, nodesOf } from './rows.js';
import { type Parameter, patternOf } from './template.js';

/** One row of the table. */
export interface Row {
  /** The call that reads it, such as `blockDeviceMapping.ebs(1)`. */
  readonly call: string;
  /** The category, with example parameters. */
  readonly category: Category<unknown>;
}

const top = nodesOf(table);
let all: readonly Row[] | undefined;

/** All rows of the table, in its order. */
export function rows(): readonly Row[] {
  all ??= Object.entries(top).flatMap(([name, node]) => collect(node, name, []));
  return all;
}

function collect({ category, example, members }: Node, name: string, above: readonly Parameter[]): Row[] {
  const values = example === undefined ? above : [...above, example];
  const call = example === undefined ? name : `${name}(${typeof example === 'string' ? `'${example}'` : example})`;
  const ownCall = example !== undefined && !members ? call : `${call}()`;
  const own = category ? [{ call: ownCall, category: filled(category, values) }] : [];
  const below = Object.entries(members?.() ?? {});
  return [...own, ...below.flatMap(([member, node]) => collect(node, `${call}.${member}`, values))];
}

const prefix = '/latest/';
const withoutSlash = (path: string): string => (path.endsWith('/') ? path.slice(0, -1) : path);

/**
 * The category at an absolute path of any version, such as `/latest/meta-data/instance-id` or
 * `/2021-03-23/meta-data/placement/`, with or without its final slash; `undefined` where the table has no row.
 */
export function categoryOf(path: string): Category<unknown> | undefined {
  const plain = withoutSlash(path);
  const latest = plain.startsWith(prefix) ? plain : plain.replace(/^\/(?:\d{4}-\d\d-\d\d|1\.0)\//, prefix);
  const category = rowAt(latest);
  return category && (category.path === path ? category : { ...category, path });
}

/** Finds a row by descending the table along the names of the path: walking all rows would take milliseconds. */
function rowAt(latest: string): Category<unknown> | undefined {
  if (!latest.startsWith(prefix)) return undefined;
  const [root = '', ...segments] = latest.slice(prefix.length).split('/');
  let node: Node = { members: () => top };
  for (const segment of root === 'meta-data' && segments.length > 0 ? segments : [root, ...segments]) {
    const members = node.members?.() ?? {};
    const name = segment.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const named = Object.hasOwn(members, name) ? members[name] : undefined;
    const isNamed = named !== undefined && named.example === undefined;
    const next = isNamed ? named : Object.values(members).find((member) => mayTake(member, segment));
    if (!next) return undefined;
    node = next;
  }
  const { category } = node;
  return category && isOf(withoutSlash(category.template), latest) ? category : undefined;
}

/** True for a row with a parameter whose text before it starts the segment: `ebs{n}` for `ebs1`. */
function mayTake({ example, category }: Node, segment: string): boolean {
  if (example === undefined || category === undefined) return false;
  const last = withoutSlash(category.template).replace(/^.*\//, '');
  return segment.startsWith(last.slice(0, last.indexOf('{')));
}

const isOf = (template: string, latest: string): boolean =>
  template.includes('{') ? patternOf(template).test(latest) : prefix + template === latest;

/** True for an absolute path that is listed rather than read as a value. */
export function isDirectory(path: string): boolean {
  const category = categoryOf(path);
  if (category === undefined) return path.endsWith('/');
  if (category.kind !== 'list') return category.kind === 'directory';
  // Some lists name the paths below them, most are values of several lines.
  const above = category.template;
  const isBelow = (template: string) => template !== above && template.startsWith(above);
  return above.endsWith('/') && rows().some(({ category: { template } }) => isBelow(template));
}
