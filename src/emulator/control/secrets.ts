import { contentOfJson } from '../documents.js';
import { holdsToken } from '../tokens.js';
import type { JsonNode } from '../values.js';

/** With any number of slashes between the names. */
const credentialsPath =
  /(?:^|\/)(?:iam(?:-ecs-[^/]+)?|identity-credentials\/+[^/]+)\/+security-credentials(?:-extended)?\/+[^/]/;
/** The fields of such a document that are not secret. */
const shownFields = ['Code', 'Message', 'LastUpdated', 'Type', 'Expiration', 'AccountId'];
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const secretField = /"(?:SecretAccessKey|secretAccessKey|sessionToken)"/;
const hidden = '…';

/** A secret, and a replacement that may be shown. */
interface Secret {
  readonly shown: string;
  /** True for credentials where the instance has them. */
  readonly isRole: boolean;
}

/** Finds credentials, session tokens of IMDS and private keys; undefined for text that is not secret. */
function secretIn(path: string, text: string): Secret | undefined {
  if (!credentialsPath.test(path)) {
    const isSecret = holdsToken(text) || privateKey.test(text) || secretField.test(text);
    return isSecret ? { shown: hidden, isRole: false } : undefined;
  }
  const parsed = contentOfJson(text);
  const fields = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : undefined;
  if (fields?.every(([name]) => shownFields.includes(name))) return undefined;
  const shown = fields?.map(([name, value]) => [name, shownFields.includes(name) ? value : hidden]);
  return { shown: shown ? JSON.stringify(Object.fromEntries(shown), undefined, 2) : hidden, isRole: true };
}

/** A value or directory with `replace` applied to each secret in it. `Replaced` is its result. */
export function withoutSecrets<Replaced>(
  node: JsonNode,
  path: string,
  replace: (secret: Secret) => Replaced,
): JsonNode | Replaced {
  const text = textOf(node);
  if (text !== undefined) {
    const secret = secretIn(path, text);
    return secret ? replace(secret) : node;
  }
  if (typeof node === 'string' || '$credentials' in node) return node;
  const entries = Object.entries(node as Readonly<Record<string, JsonNode | null>>);
  const shown = entries.map(([name, inner]) => [
    name,
    inner === null ? null : withoutSecrets(inner, `${path}/${name}`, replace),
  ]);
  return Object.fromEntries(shown);
}

function textOf(node: JsonNode): string | undefined {
  if (typeof node === 'string') return node;
  if ('$base64' in node && node.$base64 !== undefined) return Buffer.from(node.$base64, 'base64').toString('latin1');
  return '$template' in node ? node.$template : undefined;
}
