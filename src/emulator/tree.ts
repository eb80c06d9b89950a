import { types } from 'node:util';
import { contentOfJson } from './documents.js';
import { EmulatorOptionError, outlineOf, refused } from './option-error.js';
import { longestPath, namesIn, segmentsOf } from './path.js';
import { isObject } from './shape.js';

/** Text, served as UTF-8, or bytes. */
export type Content = string | Uint8Array;

/** Content with its own `Last-Modified`. */
export interface DatedContent {
  readonly content: Content;
  readonly lastModified: Date;
}

/** A value, or a function that computes it at each read. */
export type Value = Content | ((now: Date) => Content | DatedContent);

/** A directory: values and directories by name or by path; `null` removes what is there. */
export interface Tree {
  readonly [path: string]: Value | Tree | null;
}

type Reading = DatedContent & { readonly kind: 'value' | 'directory' };

export type Directory = Map<string, Leaf | Directory>;

export interface Leaf {
  readonly value: Value;
  readonly lastModified: Date;
}

type Path = readonly string[];

/** The maximum number of changed paths remembered. */
export const mostChanged = 100;

/** Everything below `/latest/`. A directory exists as long as something is in it. */
export class MetadataTree {
  readonly #root: Directory;
  #lastChange: Date;
  /** The changed paths; the consumer clears them. */
  readonly changed = new Set<string>();

  constructor(root: Directory = new Map(), lastChange = new Date(0)) {
    this.#root = root;
    this.#lastChange = lastChange;
  }

  /** Replaces `path` with a value or a whole directory, or changes nothing. */
  set(path: string, value: Value | Tree, now: Date): void {
    const names = this.#names(segmentsOf(path));
    // Built separately, so that an invalid one leaves this tree unchanged.
    const fresh: Directory = new Map();
    for (const [segments, content] of leavesOf(names, value)) put(fresh, this.#names(segments), leafOf(content, now));
    put(this.#root, names, lookUp(fresh, names));
    this.#note(names, now);
  }

  /** Merges `tree` in. If one of its values cannot be set, those before it have been. */
  merge(tree: Tree, now: Date): void {
    for (const [path, value] of entriesOf(tree, 'tree', 'an object of values by path'))
      for (const [segments, content] of leavesOf(segmentsOf(path), value))
        put(this.#root, this.#names(segments), leafOf(content, now));
    this.#note([], now);
  }

  /** Removes a value, or a directory with everything in it; false if nothing was there. */
  remove(path: string, now: Date): boolean {
    const names = this.#names(segmentsOf(path));
    const isThere = lookUp(this.#root, names) !== undefined;
    put(this.#root, names, undefined);
    this.#note(names, now);
    return isThere;
  }

  /** The value or listing at `segments`, or `undefined`; anything at or below `hidden` is treated as absent. */
  read(segments: Path, now: Date, hidden?: string): Reading | undefined {
    const path = segments.join('/');
    if (hidden !== undefined && `${path}/`.startsWith(`${hidden}/`)) return undefined;
    const found = lookUp(this.#root, this.#names(segments));
    if (found instanceof Map)
      return { kind: 'directory', content: listing(found, path, hidden), lastModified: this.#lastChange };
    return found && { kind: 'value', ...contentOf(found, path, now) };
  }

  /** The value or listing at a path below `/latest/` as text. */
  text(path: string, now: Date): string | undefined {
    const found = this.read(path.split('/'), now);
    return found && Buffer.from(found.content).toString();
  }

  /** The JSON at a path below `/latest/`; `undefined` for anything else. */
  json(path: string, now: Date): unknown {
    return contentOfJson(this.text(path, now) ?? '');
  }

  /** The content of a path, or everything if it is empty: a value, or a directory as a map by name. */
  find(path = ''): { readonly segments: Path; readonly entry: Leaf | Directory } | undefined {
    const segments = path === '' ? [] : this.#names(segmentsOf(path));
    const entry = lookUp(this.#root, segments);
    return entry && { segments, entry };
  }

  /** An independent copy of this tree. */
  snapshot(): MetadataTree {
    return new MetadataTree(copied(this.#root), this.#lastChange);
  }

  #note(names: Path, now: Date): void {
    this.#lastChange = now;
    // Nobody may ever take them.
    if (this.changed.size < mostChanged) this.changed.add(names.join('/'));
  }

  /** Key 0 is requested as `public-keys/0/` and listed as `0=its-name`, which is its name in the tree. */
  #names(segments: Path): Path {
    const [top, list, index, ...rest] = segments;
    if (top !== 'meta-data' || list !== 'public-keys' || index === undefined || index.includes('=')) return segments;
    const keys = lookUp(this.#root, [top, list]);
    const name = keys instanceof Map ? [...keys.keys()].find((key) => key.startsWith(`${index}=`)) : undefined;
    return [top, list, name ?? index, ...rest];
  }
}

function leavesOf(segments: Path, value: Value | Tree | null): (readonly [Path, Value | null])[] {
  if (segments.length > longestPath) {
    const start = segments.slice(0, 4).join('/');
    throw new EmulatorOptionError(`${start}/… is too long: a path has at most ${longestPath} names`);
  }
  if (value === null || isContent(value) || typeof value === 'function') return [[segments, value]];
  const accepted = 'text, bytes, a function that returns one of them, or an object of such values';
  return entriesOf(value, segments.join('/'), accepted).flatMap(([name, inner]) =>
    leavesOf([...segments, ...namesIn(name)], inner),
  );
}

function entriesOf(tree: Tree, name: string, accepted: string): [string, Value | Tree | null][] {
  if (isObject(tree)) return Object.entries(tree);
  throw refused(name, accepted, tree, outlineOf);
}

/** The content of a value at a time; throws the errors of a function that computes it. */
export function contentOf({ value, lastModified }: Leaf, path: string, now: Date): DatedContent {
  const content = typeof value === 'function' ? value(now) : value;
  if (isContent(content)) return { content, lastModified };
  if (isContent(content?.content) && types.isDate(content.lastModified)) return content;
  const accepted = 'text, bytes, or an object of them as content and a Date as lastModified';
  throw refused(`the value computed for ${path}`, accepted, content, outlineOf);
}

function isContent(value: unknown): value is Content {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function leafOf(value: Value | null, lastModified: Date): Leaf | undefined {
  return value === null ? undefined : { value, lastModified };
}

/** Puts an entry, or nothing, at `names`, or changes nothing. A directory that would be empty is removed. */
function put(directory: Directory, names: Path, entry: Leaf | Directory | undefined, depth = 1): void {
  const name = names[depth - 1] ?? '';
  let inner = entry;
  if (depth < names.length) {
    inner = directory.get(name) ?? new Map();
    if (inner instanceof Map) put(inner, names, entry, depth + 1);
    else if (entry !== undefined) {
      const [path, value] = [names, names.slice(0, depth)].map((part) => part.join('/'));
      throw new EmulatorOptionError(`${path} cannot be set: ${value} is a value, not a directory`);
    }
  }
  if (inner === undefined || (inner instanceof Map && inner.size === 0)) directory.delete(name);
  else directory.set(name, inner);
}

function copied(directory: Directory): Directory {
  return new Map([...directory].map(([name, entry]) => [name, entry instanceof Map ? copied(entry) : entry]));
}

function lookUp(root: Directory, names: Path): Leaf | Directory | undefined {
  let found: Leaf | Directory | undefined = root;
  for (const name of names) found = found instanceof Map ? found.get(name) : undefined;
  return found;
}

function listing(directory: Directory, path: string, hidden: string | undefined): string {
  // The root and the public keys are listed without slashes, although they contain directories.
  const slash = path === '' || path === 'meta-data/public-keys' ? '' : '/';
  return [...directory]
    .filter(([name]) => `${path}/${name}` !== hidden)
    .map(([name, inner]) => (inner instanceof Map ? name + slash : name))
    .sort()
    .join('\n');
}
