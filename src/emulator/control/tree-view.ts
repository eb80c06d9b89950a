import { type Content, contentOf, type Directory, type Leaf, type MetadataTree } from '../tree.js';
import type { JsonNode } from '../values.js';
import { withoutSecrets } from './secrets.js';

/** Stands for a value that is not shown as it is. */
export const masked = ({ shown }: { readonly shown: string }) => ({ $masked: shown });

/** A value, or all in a directory by name, in the form of a scenario; `undefined` if nothing is there. */
export function viewOf(tree: MetadataTree, path: string, now: Date): unknown {
  const found = tree.find(path);
  return found && viewAt(found.entry, found.segments, now);
}

function viewAt(entry: Leaf | Directory, segments: readonly string[], now: Date): unknown {
  if (entry instanceof Map)
    return Object.fromEntries([...entry].map(([name, inner]) => [name, viewAt(inner, [...segments, name], now)]));
  const path = segments.join('/');
  try {
    return withoutSecrets(nodeOf(contentOf(entry, path, now).content), path, masked);
  } catch (error) {
    // A user's function computes it.
    return masked({ shown: `it fails: ${error}` });
  }
}

/** Content in the form of a scenario. */
export function nodeOf(content: Content): JsonNode {
  const bytes = Buffer.from(content);
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : { $base64: bytes.toString('base64') };
}
