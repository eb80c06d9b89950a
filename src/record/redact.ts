import { isUtf8 } from 'node:buffer';
import { isIPv4 } from 'node:net';
import { categoryOf } from '../metadata/lookup.js';
import { anyText, documents, failure, fakeKey, fakes, type Replacing, type Rule, rules, type Shape } from './rules.js';
import { StandIns } from './stand-ins.js';
import { secretWords } from './walk.js';

/** A value as scenarios have it: text, bytes, or fake credentials that are renewed for ever. */
export type RecordedValue = string | { readonly $base64: string } | { readonly $credentials: Record<string, never> };

/** A value as it was read. */
export interface Reading {
  /** Absolute. */
  readonly path: string;
  /** The names in the listings that lead to it, below the version. */
  readonly names: readonly string[];
  readonly body: Buffer;
}

/** A value and its place in the recording, and what had to be left out. */
export interface Recorded {
  readonly names: readonly string[];
  /** Absent where nobody can tell what is in it. */
  readonly content?: RecordedValue;
  /** Why there is no content, or not all of it. */
  readonly leftOut?: string;
}

export const notKnown = 'not known to this version';

// Access key IDs of AWS, and how user data begins.
const secretMarks = new RegExp(`${secretWords}|\\b(?:AKIA|ASIA)[A-Z0-9]{12}|^\\s*(?:#!|#cloud-|MIME-Version:)`, 'i');

/** Replaces secrets alone. */
export function withoutSecrets({ path, names, body }: Reading): Recorded {
  const secret = stoodIn(path, body);
  if (secret !== undefined) return { names, content: secret };
  const category = categoryOf(path);
  const shape = documents[category?.template ?? ''];
  const document = shape && parsed(body.toString());
  const known = shape && document && redacted(document, shape, asItIs);
  const isKnown = category !== undefined && (known ? !known.hasMore : category.kind !== 'json' && isUtf8(body));
  if (!isKnown && secretMarks.test(body.toString('latin1')))
    return { names, leftOut: 'holds what looks like a secret' };
  if (!isUtf8(body)) return { names, content: { $base64: body.toString('base64') } };
  // Printed anew, a document has no member that came twice.
  return { names, content: document && isKnown ? JSON.stringify(document, undefined, 2) : body.toString() };
}

/** Gives a function that replaces secrets and all that tells whose instance it is, the same by the same everywhere. */
export function redactor(readings: readonly Reading[]): (reading: Reading) => Recorded {
  const standIns = new StandIns(readings.flatMap(networksIn));
  return ({ path, names, body }) => {
    const template = categoryOf(path)?.template ?? '';
    const placeholders = template.split('/');
    const renamed = names.map((name, depth) => segment(name, placeholders[depth] ?? '', standIns));
    const content = contentOf({ path, names: renamed, body }, template, standIns);
    return { names: renamed, ...content };
  };
}

/** The IPv4 networks of the VPC, which tell which addresses are private. */
function networksIn({ path, body }: Reading): readonly string[] {
  if (!/-ipv4-cidr-blocks?$/.test(path)) return [];
  return body
    .toString()
    .split(/\s+/)
    .filter((network) => isIPv4(network.split('/')[0] ?? '') && /\/(1[6-9]|2\d|3[0-2])$/.test(network));
}

// Those of AWS have this prefix, and `Name` is everybody's.
const isCommonTag = (key: string): boolean => key === 'Name' || key.startsWith('aws:');

/** One name on the way to a value. */
function segment(name: string, placeholder: string, standIns: StandIns): string {
  if (placeholder === '{role}') return standIns.name('role', name);
  if (placeholder === '{tag-key}' && !isCommonTag(name)) return standIns.name('tag', name);
  if (placeholder === '{n}') return name.replace(/(?<==).+/s, (key) => standIns.name('key', key));
  return standIns.text(name);
}

function contentOf({ path, names, body }: Reading, template: string, standIns: StandIns): Omit<Recorded, 'names'> {
  if (template === 'meta-data/public-keys/{n}/openssh-key')
    return { content: `${fakeKey} ${names[2]?.replace(/^\d+=/, '') ?? ''}\n` };
  const secret = stoodIn(path, body);
  if (secret !== undefined) return { content: secret };
  if (!isUtf8(body)) return { leftOut: notKnown };
  const text = body.toString();
  if (text === '' || categoryOf(path)?.kind !== 'json')
    return { content: (rules[template] ?? anyText)(text, standIns) };
  const [shape, document] = [documents[template], parsed(text)];
  if (shape === undefined || document === undefined) return { leftOut: notKnown };
  const { value, hasMore } = redacted(document, shape, standIns);
  return { content: JSON.stringify(value, undefined, 2), ...(hasMore && { leftOut: `members ${notKnown}` }) };
}

/** The stand-in of a secret; undefined for what is none. */
function stoodIn(path: string, body: Buffer): RecordedValue | undefined {
  const category = categoryOf(path);
  return category?.kind === 'json' && category.secret ? credentials(body.toString()) : fakes[category?.template ?? ''];
}

/** Of credentials their state alone: that there are none, and by which code of AWS, or others in their place. */
function credentials(text: string): RecordedValue {
  const found: Readonly<Record<string, unknown>> = { ...parsed(text) };
  const isWhole = ['AccessKeyId', 'SecretAccessKey', 'Token'].every((name) => found[name]);
  if (typeof found['Code'] !== 'string' || found['Code'] === 'Success' || isWhole) return { $credentials: {} };
  const told = Object.keys(failure).filter((member) => typeof found[member] === 'string');
  const state = Object.fromEntries(told.map((member) => [member, found[member]]));
  return JSON.stringify(redacted(state, failure, asItIs).value, undefined, 2);
}

/** A JSON object or array; undefined for anything else. */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const asItIs: Replacing = { name: (_, name) => name, text: (text) => text };

/** The known members of a document, their strings replaced, and whether there were others. */
function redacted(document: object, shape: Shape, standIns: Replacing): { value: unknown; hasMore: boolean } {
  let hasMore = false;
  const drop = (): [] => {
    hasMore = true;
    return [];
  };
  /** Members are known only where there should be some. */
  const fits = (value: unknown, expected: Rule | Shape): boolean => isObject(value) === (typeof expected === 'object');
  function shown(value: unknown, expected: Rule | Shape): unknown {
    if (Array.isArray(value))
      return value.flatMap((item) => (Array.isArray(item) || !fits(item, expected) ? drop() : [shown(item, expected)]));
    if (typeof expected === 'function') return scalar(value, expected, standIns);
    const members = Object.entries(Object(value)).flatMap(([name, member]): [string, unknown][] => {
      const rule = Object.hasOwn(expected, name) ? expected[name] : undefined;
      return rule === undefined || !fits(member, rule) ? drop() : [[name, shown(member, rule)]];
    });
    return Object.fromEntries(members);
  }
  return { value: shown(document, shape), hasMore };
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

function scalar(value: unknown, rule: Rule, standIns: Replacing): unknown {
  if (typeof value === 'string') return rule(value, standIns);
  return typeof value === 'number' ? Number(standIns.text(String(value))) : value;
}
