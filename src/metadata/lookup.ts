import { table } from './categories.js';
import type { Category } from './category.js';
import { filled, type Node, nodesOf } from './rows.js';
import { isFilledBy, type Parameter } from './template.js';

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
  const category = nodeAt(path)?.category;
  return category && (category.path === path ? category : { ...category, path });
}

/** True for an absolute path that is listed rather than read as a value. */
export function isDirectory(path: string): boolean {
  const node = nodeAt(path);
  // Some lists name the paths below them, most are values of several lines.
  return node ? node.category?.kind === 'directory' || node.members !== undefined : path.endsWith('/');
}

/** Finds a node by descending the table along the names of the path: walking all rows would take milliseconds. */
function nodeAt(path: string): Node | undefined {
  const plain = withoutSlash(path);
  const latest = plain.startsWith(prefix) ? plain : plain.replace(/^\/(?:\d{4}-\d\d-\d\d|1\.0)\//, prefix);
  if (!latest.startsWith(prefix)) return undefined;
  const parts = latest.slice(prefix.length).split('/');
  let node: Node = { members: () => top };
  for (const [index, segment] of parts.entries()) {
    if (index === 0 && segment === 'meta-data' && parts.length > 1) continue;
    const members = node.members?.() ?? {};
    const name = segment.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const named = Object.hasOwn(members, name) ? members[name] : undefined;
    const isNamed = named !== undefined && named.example === undefined;
    const takesPart = (member: Node) => member.example !== undefined && isFilledBy(lastPartOf(member), segment);
    const next = isNamed ? named : Object.values(members).find(takesPart);
    if (!next) return undefined;
    if (!isNamed) parts[index] = lastPartOf(next);
    node = next;
  }
  // With each parameter replaced by its placeholder, it is the path's template.
  return node.category && withoutSlash(node.category.template) === parts.join('/') ? node : undefined;
}

const lastPartOf = ({ category }: Node): string => withoutSlash(category?.template ?? '').replace(/^.*\//, '');
