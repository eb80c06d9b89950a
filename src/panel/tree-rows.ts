import type { Directory, Node } from './service.js';

/** A value that is not a directory. */
export interface Leaf {
  readonly form: 'text' | 'base64' | 'secret';
  readonly text: string;
}

/** A line of the tree. */
export interface TreeRow {
  readonly path: string;
  readonly name: string;
  readonly level: number;
  /** `undefined` for a directory. */
  readonly leaf: Leaf | undefined;
  readonly isOpen: boolean;
}

/** `undefined` for a directory. */
export function leafOf(node: Node): Leaf | undefined {
  if (typeof node === 'string') return { form: 'text', text: node };
  const { $base64, $masked } = node;
  if (typeof $base64 === 'string') return { form: 'base64', text: $base64 };
  return typeof $masked === 'string' ? { form: 'secret', text: $masked } : undefined;
}

/** The visible lines of a tree: those that match the search, or else those in open directories. */
export function rowsOf(tree: Directory, opened: ReadonlySet<string>, search: string): readonly TreeRow[] {
  const wanted = search.toLowerCase();
  const below = (directory: Directory, above: string, level: number): TreeRow[] =>
    Object.entries(directory).flatMap(([name, node]) => {
      const path = above === '' ? name : `${above}/${name}`;
      const leaf = leafOf(node);
      const isOpen = leaf === undefined && (wanted !== '' || opened.has(path));
      const children = isOpen ? below(node as Directory, path, level + 1) : [];
      const fits = [path, leaf?.text ?? ''].some((part) => part.toLowerCase().includes(wanted));
      return fits || children.length > 0 ? [{ path, name, level, leaf, isOpen }, ...children] : [];
    });
  return below(tree, '', 1);
}

/** The node of a path; `undefined` if it no longer exists. */
export const nodeAt = (tree: Directory, path: string): Node | undefined =>
  path
    .split('/')
    .reduce<Node | undefined>(
      (node, name) => (node === undefined || leafOf(node) ? undefined : (node as Directory)[name]),
      tree,
    );

export const urlOf = (path: string): string => `/v1/tree/${path.split('/').map(encodeURIComponent).join('/')}`;
