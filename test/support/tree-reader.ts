import { ImdsNotFoundError } from '../../src/errors.js';
import type { WalkReader } from '../../src/record/walk.js';

/** True for a directory in a tree: an object by name, and not a value in another form than text. */
const isDirectory = (node: unknown): boolean =>
  typeof node === 'object' && node !== null && !Buffer.isBuffer(node) && !('$credentials' in node);

/**
 * Reads from a tree as a client reads from a service that has it.
 *
 * @param onRead called before each read; what it throws is what the read rejects with
 */
export function treeReader(tree: object, onRead: (path: string) => void | Promise<void> = () => {}): WalkReader {
  const find = (path: string): unknown => {
    let node: unknown = tree;
    for (const part of path
      .replace(/^\/latest\//, '')
      .split('/')
      .filter((part) => part !== '')) {
      // A public key is listed as `0=its-name`, and asked for as `0`.
      const entries = isDirectory(node) ? Object.entries(Object(node)) : [];
      node = entries.find(([name]) => name === part || /^(\d+)=/.exec(name)?.[1] === part)?.[1];
    }
    if (node === undefined) throw new ImdsNotFoundError(`nothing at ${path}`, { path });
    return node;
  };
  return {
    async list(path = '') {
      await onRead(path);
      return Object.entries(Object(find(path))).map(([name, node]) => (isDirectory(node) ? `${name}/` : name));
    },
    async getBuffer(path) {
      await onRead(path);
      const found = find(path);
      if (Buffer.isBuffer(found)) return found;
      return Buffer.from(typeof found === 'string' ? found : '{"Code": "Success"}');
    },
  };
}
