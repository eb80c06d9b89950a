import { isUtf8 } from 'node:buffer';
import { atMost } from '../client/limit.js';
import { ImdsResponseError, isImdsError, isNotFound } from '../errors.js';
import type { Imds } from '../imds.js';
import { categoryOf, isDirectory } from '../metadata/lookup.js';
import { absolutePath } from '../metadata/path.js';
import { printable } from './text.js';
import { jsonValue } from './values.js';

// IMDS throttles simultaneous connections, by how many is not published.
const parallelReads = 4;

/** A directory with what is in it, in the order of the service. */
export interface Directory {
  readonly entries: readonly Entry[];
}

/** Something in a directory: its name, without a final slash, and what it is. */
export interface Entry {
  readonly name: string;
  readonly node: Directory | Value;
}

/** A value; it has a body, or a reason why that was not read. */
export interface Value {
  /** Absolute. */
  readonly path: string;
  readonly body: Buffer | undefined;
  readonly leftOut?: string;
}

// An RSA key of 4096 bits has some 750 characters.
const longest = 1000;
// The deepest path of the table has seven segments below the version.
const deepest = 16;

/** Why a value is not read without being asked for by its path; undefined for most. */
function secrecy(path: string): string | undefined {
  const category = categoryOf(path);
  if (category?.secret) return category.kind === 'binary' ? 'user data' : 'credentials';
  // A newer kind of credentials will be at such a path too.
  return category === undefined && /credentials.*\//.test(path) ? 'perhaps credentials' : undefined;
}

/** Reads everything below a path. What vanishes meanwhile is left out. */
export async function readTree(imds: Imds, path: string): Promise<Directory | Value> {
  const inTurn = atMost(parallelReads);

  async function list(directory: string): Promise<Directory> {
    if (directory.split('/').length > deepest)
      throw new ImdsResponseError(`${directory} is deeper than instance metadata goes`, {
        fault: 'too-large',
        hint: 'Something other than IMDS answers at this address. Check the endpoint.',
      });
    const names = await inTurn(() => imds.list(directory));
    const entries = await Promise.all(names.map((name) => entry(directory, name)));
    return { entries: entries.filter((found) => found !== undefined) };
  }

  async function entry(directory: string, listed: string): Promise<Entry | undefined> {
    // Key 0 is listed as `0=its-name`, and its directory is `0/`.
    const key = categoryOf(directory)?.template === 'meta-data/public-keys/' && /^\d+(?==)/.exec(listed)?.[0];
    const name = key || listed.replace(/\/$/, '');
    const child = directory + (key ? `${key}/` : listed);
    try {
      return { name, node: isDirectory(child) ? await list(child.replace(/\/?$/, '/')) : await value(child) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (isImdsError(error) && error.code === 'ERR_IMDS_PATH')
        return { name, node: { path: child, body: undefined, leftOut: 'its name cannot be part of a path' } };
      // Empty, where something was promised: that happens while interfaces and tags come and go.
      if (isImdsError(error) && error.code === 'ERR_IMDS_DECODE')
        return { name, node: { path: child, body: Buffer.alloc(0) } };
      throw error;
    }
  }

  async function value(at: string): Promise<Value> {
    const leftOut = secrecy(at);
    if (leftOut !== undefined) return { path: at, body: undefined, leftOut };
    return { path: at, body: await inTurn(() => imds.getBuffer(at)) };
  }

  const root = absolutePath(path).replace(/\/?$/, '/');
  return isDirectory(root) ? await list(root) : await value(root);
}

/** A tree as objects in objects, values as in {@link jsonValue}. What was left out is not there. */
export function treeJson(node: Directory | Value): unknown {
  if ('body' in node) return node.body && jsonValue(node.path, node.body);
  return Object.fromEntries(node.entries.map(({ name, node: inner }) => [name, treeJson(inner)]));
}

/** A tree as text: a line for each value, or several for one of several lines, each beginning with its path. */
export function treeLines(node: Directory | Value, path: string): string {
  if ('body' in node) return valueLines(node, path);
  const start = path === '' || path.endsWith('/') ? path : `${path}/`;
  return node.entries.map(({ name, node: inner }) => treeLines(inner, start + name)).join('');
}

function valueLines({ body, leftOut, path }: Value, shown: string): string {
  if (body === undefined) return `${shown} (left out: ${leftOut})\n`;
  if (!isUtf8(body)) return `${shown} (${body.length} bytes that are no text)\n`;
  const kind = categoryOf(path)?.kind;
  const text = body.toString();
  const lines = printable(kind === 'json' ? compact(text) : text)
    .trimEnd()
    .split('\n');
  const [first = ''] = lines;
  // Certificates and signatures: nobody reads those.
  if (kind === 'scalar' && lines.length > 1) return `${shown} = ${first} … (${lines.length} lines)\n`;
  if (kind === 'scalar' && first.length > longest)
    return `${shown} = ${first.slice(0, 60)} … (${first.length} characters)\n`;
  if (lines.length > 1) return `${shown} =\n${lines.map((line) => `  ${line}\n`).join('')}`;
  return first === '' ? `${shown} =\n` : `${shown} = ${first}\n`;
}

/** A JSON document on one line; text that is none as it is. */
function compact(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}
