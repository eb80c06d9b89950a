/**
 * Writes src/identity/keys.ts from AWS's certificates: `node scripts/identity-keys.mjs [FOLDER]`, where FOLDER holds the
 * certificates as PEM files and an index.json that says which is for which region and kind.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Where the certificates are when nothing else is said: beside the checkout. */
export const certificatesFolder = join(root, '../shared/reference/identity-certificates');
export const keysFile = join(root, 'src/identity/keys.ts');

/** What AWS names after the key is named here after the path of the signature, in the order of preference. */
const kinds = { rsa2048: 'rsa2048', pkcs7: 'dsa', signature: 'rsa' };

/**
 * @typedef {{ asOf: string, certificates: { region: string, kind: string, pem: string }[] }} Index
 */

/**
 * The text of src/identity/keys.ts.
 *
 * @param {string} folder
 */
export function identityKeysSource(folder) {
  /** @type {Index} */
  const { asOf, certificates } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  const tables = Object.entries(kinds).map(([kind, label]) => {
    // A renewed certificate has the key of the former one, and many regions have one key.
    /** @type {Map<string, Set<string>>} */
    const regionsByKey = new Map();
    for (const { region, kind: labelled, pem } of certificates) {
      // The former certificate of every region without one of its own; each of these regions is listed by name, too.
      if (labelled !== label || region === '*') continue;
      const { publicKey } = new X509Certificate(readFileSync(join(folder, pem)));
      const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
      regionsByKey.set(key, (regionsByKey.get(key) ?? new Set()).add(region));
    }
    const rows = [...regionsByKey].map(([key, regions]) => `    ['${[...regions].sort().join(' ')}', '${key}'],\n`);
    return `  ${kind}: [\n${rows.sort().join('')}  ],\n`;
  });
  return `// biome-ignore-all format: one key a line
// Written by scripts/identity-keys.mjs from AWS's certificates as of ${asOf}. Not edited by hand.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/regions-certs.html

/** By kind of signature: the regions that share a public key, and the key (SubjectPublicKeyInfo, RFC 5280, in base64). */
export const identityKeys: Readonly<
  Record<'rsa2048' | 'pkcs7' | 'signature', readonly (readonly [regions: string, key: string])[]>
> = {
${tables.join('')}};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(keysFile, identityKeysSource(resolve(process.argv[2] ?? certificatesFolder)));
