import { duration, later, milliseconds, spanSource } from './clock.js';
import { instant } from './documents.js';
import { EmulatorOptionError, refused } from './option-error.js';
import { longestPath, pathPattern, pathShape } from './path.js';
import { type CredentialsTerms, credentialsFrom } from './roles.js';
import { type Fields, fields, isObject, member, named, optional, type Schema, shape, text } from './shape.js';
import type { Tree, Value } from './tree.js';

/** A value of a scenario. */
type JsonValue =
  | string
  /** Bytes. */
  | { readonly $base64: string }
  /**
   * Text with times in it, counted from the moment it is set: `{{+2m}}`, `{{0s}}` or `{{-1h}}` becomes
   * `2026-11-23T09:02:00Z`.
   */
  | { readonly $template: string }
  /** Fake role credentials, renewed forever, five minutes before they expire. */
  | { readonly $credentials: CredentialsTerms };

/** Values and directories by name or by path; `null` removes what is there. */
export interface JsonTree {
  readonly [path: string]: JsonNode | null | undefined;
  readonly $base64?: never;
  readonly $template?: never;
  readonly $credentials?: never;
}

/** A value or a directory. */
export type JsonNode = JsonValue | JsonTree;

/** Pattern of names in a directory, where `$` is reserved for the forms of a value. */
const namePattern = /^[^$/]/;
const spans = new RegExp(`\\{\\{([+-]?)(${spanSource})\\}\\}`, 'g');
const noSpan = new RegExp(`\\{\\{(?![+-]?(?:${spanSource})\\}\\})`);
const base64 = 'bytes in base64';
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const template = 'text in which {{…}} is a time, such as {{+2m}}';

/** The forms of a value that is not text. */
const forms: Fields = {
  // Without the published pattern, which repeats a group and would exhaust the stack on megabytes.
  $base64: shape(
    base64,
    { type: 'string', pattern: base64Pattern.source, description: base64 },
    (value) => typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value),
  ),
  $template: shape(
    template,
    { type: 'string', description: template, not: { type: 'string', pattern: noSpan.source } },
    (value) => typeof value === 'string' && !noSpan.test(value),
  ),
  $credentials: fields({ lifetime: optional(duration), accountId: optional(text('an account ID', /^\d{12}$/)) }),
};
const formShapes = new Map(Object.entries(forms).map(([name, shape]) => [name, fields({ [name]: shape })]));
const directorySchema = (names: RegExp): Schema => ({
  type: 'object',
  propertyNames: { pattern: names.source },
  additionalProperties: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/node' }] },
});
const accepted = `text, an object of values by name, or an object with nothing but ${Object.keys(forms).join(', ')}`;

/** A value or a directory. */
export const nodeShape = named(
  'node',
  shape<JsonNode>(
    accepted,
    {
      anyOf: [
        { type: 'string' },
        ...[...formShapes.values()].map(({ schema }) => schema),
        directorySchema(namePattern),
      ],
    },
    (value, path) => isNode(value, path, 1),
  ),
);

/** The tree of a scenario: by path at the top, by name or path below. */
export const treeShape = shape<JsonTree>(
  'an object of values by path',
  directorySchema(pathPattern),
  (value, path) => isObject(value) && isDirectory(value, path, 0),
);

function isNode(value: unknown, path: string, depth: number): boolean {
  if (!isObject(value)) return typeof value === 'string';
  const form = Object.keys(value).find((name) => formShapes.has(name));
  if (form === undefined) return isDirectory(value, path, depth);
  return formShapes.get(form)?.check(value, path) !== undefined;
}

function isDirectory(directory: object, path: string, depth: number): boolean {
  const [pattern, names] =
    depth === 0 ? [pathPattern, pathShape.accepted] : [namePattern, 'a name that does not begin with $ or /'];
  if (depth === longestPath)
    throw new EmulatorOptionError(`${path} is too deep: a path has at most ${longestPath} names`, path);
  for (const [name, inner] of Object.entries(directory)) {
    if (!pattern.test(name)) throw refused(`the key in ${path || 'it'}`, names, name);
    const place = member(path, name);
    const isLeft = inner === null || inner === undefined;
    if (!isLeft && !isNode(inner, place, depth + 1)) throw refused(place, accepted, inner);
  }
  return true;
}

/** Converts a scenario's checked tree to the emulator's, set at `at`. */
export function toTree(tree: JsonTree, at: Date): Tree {
  const entries = Object.entries(tree).map(([name, node = null]) => [name, node === null ? null : toNode(node, at)]);
  return Object.fromEntries(entries);
}

/** Converts a scenario's checked value or directory to the emulator's, set at `at`. */
export function toNode(node: JsonNode, at: Date): Value | Tree {
  if (typeof node === 'string') return node;
  if ('$base64' in node && node.$base64 !== undefined) return Buffer.from(node.$base64, 'base64');
  if ('$template' in node && node.$template !== undefined) return fill(node.$template, at);
  if ('$credentials' in node && node.$credentials !== undefined) return credentialsFrom(node.$credentials, at);
  return toTree(node, at);
}

function fill(template: string, at: Date): string {
  return template.replace(spans, (_, sign: string, length: string) =>
    instant(later(at, milliseconds(length) * (sign === '-' ? -1 : 1))),
  );
}
