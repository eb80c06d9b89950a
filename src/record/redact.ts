import { isUtf8 } from 'node:buffer';
import { isIPv4 } from 'node:net';
import { isObject } from '../metadata/documents.js';
import { categoryOf } from '../metadata/lookup.js';
import { documents, failure, fakes, ruleOf } from './rules.js';
import { StandIns } from './stand-ins.js';
import { type Item, notKnown, secretWords } from './walk.js';

// AWS access key IDs, and the beginning of user data.
const secretMarks = new RegExp(`${secretWords}|\\b(?:AKIA|ASIA)[A-Z0-9]{12}|^\\s*(?:#!|#cloud-|MIME-Version:)`, 'i');

/**
 * Returns a function that consistently replaces secrets and everything that identifies the instance, and reports what
 * had to be left out.
 *
 * @param keep replace only secrets
 */
export function redactor(items: readonly Item[], keep: boolean) {
  const standIns = new StandIns(items.flatMap(networksIn));
  return ({ path, names: given }: Item, body: Buffer) => {
    const { template = '', kind, secret } = categoryOf(path) ?? {};
    const placeholders = template.split('/');
    const names = keep ? given : given.map((name, depth) => segment(name, placeholders[depth], standIns));
    const fake = kind === 'json' && secret ? credentials(body.toString(), standIns) : fakes[lastOf(template)];
    if (fake !== undefined) return { names, content: fake };
    const text = isUtf8(body) ? body.toString() : undefined;
    const known = kind && text !== undefined ? knownOf(text, template, kind, standIns) : undefined;
    const leftOut = known === undefined ? notKnown : known.kept === undefined ? `members ${notKnown}` : undefined;
    if (!keep) return { names, content: known?.replaced, leftOut };
    if (leftOut !== undefined && secretMarks.test(body.toString('latin1')))
      return { names, leftOut: 'contains something that looks like a secret' };
    return { names, content: known?.kept ?? text ?? { $base64: body.toString('base64') } };
  };
}

/** The IPv4 networks of the VPC, which determine the private addresses. */
function networksIn({ path, body = Buffer.alloc(0) }: Item): readonly string[] {
  const networks = /-ipv4-cidr-blocks?$/.test(path) ? body.toString().split(/\s+/) : [];
  return networks.filter((network) => isIPv4(network.split('/')[0] ?? '') && /\/(1[6-9]|2\d|3[0-2])$/.test(network));
}

/** One name in the path of a value. */
function segment(name: string, placeholder: string | undefined, standIns: StandIns): string {
  if (placeholder === '{role}') return standIns.name('role', name);
  // AWS's own tag keys have this prefix, and everybody uses `Name`.
  if (placeholder === '{tag-key}' && !/^(?:Name$|aws:)/.test(name)) return standIns.name('tag', name);
  if (placeholder === '{n}') return name.replace(/(?<==).+/s, (key) => standIns.name('key', key));
  return standIns.text(name);
}

const lastOf = (template: string): string => template.replace(/.*\//, '');

/** A value of a category, with stand-ins and without secrets; undefined if its content is unknown. */
function knownOf(text: string, template: string, kind: string, standIns: StandIns) {
  if (kind !== 'json' || text === '') return { replaced: ruleOf(lastOf(template))(text, standIns), kept: text };
  const [names, document] = [documents[template], parsed(text)];
  if (names === undefined || document === undefined) return undefined;
  const { value, hasMore } = redacted(document, names, standIns);
  // A reprinted document has no duplicate members.
  return { replaced: print(value), kept: hasMore ? undefined : print(document) };
}

const print = (document: unknown): string => JSON.stringify(document, undefined, 2);

/** Replaces credentials by their state: fake ones, or the AWS code that says why there are none. */
function credentials(text: string, standIns: StandIns): string | object {
  const found: Readonly<Record<string, unknown>> = { ...parsed(text) };
  const isWhole = ['AccessKeyId', 'SecretAccessKey', 'Token'].every((name) => found[name]);
  const isFailure = typeof found['Code'] === 'string' && found['Code'] !== 'Success' && !isWhole;
  return isFailure ? print(redacted(found, failure, standIns).value) : { $credentials: {} };
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

/** The members of a document with these names, their values replaced, and whether there were others. */
function redacted(document: object, names: readonly string[], standIns: StandIns) {
  let hasMore = false;
  const check = (isKnown: boolean): boolean => {
    hasMore ||= !isKnown;
    return isKnown;
  };
  // Members are known only where there should be any.
  const fits = (value: unknown, name: string): boolean => isObject(value) === groups.includes(name);
  function shown(value: unknown, name: string): unknown {
    if (Array.isArray(value))
      return value.filter((each) => check(!Array.isArray(each) && fits(each, name))).map((each) => shown(each, name));
    if (isObject(value)) {
      const known = Object.entries(value).flatMap(([member, inner]) => {
        const kind = name === byTask && taskRole.test(member) ? '{task-role}' : member;
        return check(names.includes(kind) && fits(inner, kind)) ? [[member, shown(inner, kind)] as const] : [];
      });
      return Object.fromEntries(known);
    }
    if (typeof value === 'string') return ruleOf(name)(value, standIns);
    return typeof value === 'number' ? Number(standIns.text(String(value))) : value;
  }
  return { value: shown(document, ''), hasMore };
}

const byTask = 'TaskCredentials';
// An ECS task ID, and the purpose of the role: neither is a name that somebody chose.
const taskRole = /^[0-9a-f]+-Task(?:Application|Execution)$/;

/** The parts of a document that have members: itself, and some of its members. */
const groups = ['', 'version_2018_04_12', byTask, '{task-role}'];
