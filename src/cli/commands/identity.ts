import {
  type IdentitySignatureKind,
  type Imds,
  ImdsIdentityError,
  isImdsError,
  type VerifiedIdentity,
  verifyIdentityDocument,
} from '../../index.js';
import { command } from '../command.js';
import { codeOf, exitCodes, Failure, misuse } from '../exit-codes.js';
import { jsonText, printable, writeServed } from '../output.js';

const kinds: readonly IdentitySignatureKind[] = ['rsa2048', 'pkcs7', 'signature'];
const documentPath = 'dynamic/instance-identity/document';

export const identity = command({
  summary: 'the identity document, and whether AWS signed it',
  text:
    'Prints the instance identity document as served. With --verify it prints what the document says of the instance, ' +
    "if the signature that AWS made of it holds with AWS's public key for the region; else it fails with exit code 8.",
  examples: {
    'imds identity > document': 'the document, byte for byte',
    'imds identity --verify': 'check that AWS signed it',
  },
  options: {
    '--verify': 'verify the signature, offline',
    '--kind <kind>': [`which signature to verify: ${kinds.join(', ')}; default rsa2048`, kinds],
    '--certificate <file>': "a certificate or public key (PEM or DER) to verify with, instead of AWS's built-in key",
    '--json': 'a JSON object',
  },
  async run({ io, connect }, { verify, kind, certificate, json }) {
    if (!verify && (kind ?? certificate) !== undefined)
      throw misuse(`--${kind ? 'kind' : 'certificate'} needs --verify: without it nothing is verified`);
    const imds = connect();
    if (verify) {
      const found = await verified(imds, kind ?? 'rsa2048', certificate);
      await io.stdout.write(json ? jsonText({ verified: true, ...found }) : verdict(found));
    } else if (json) await io.stdout.write(jsonText(await imds.identityDocument()));
    else await writeServed(io.stdout, await imds.getBuffer(documentPath));
  },
});

async function verified(imds: Imds, kind: IdentitySignatureKind, file: string | undefined): Promise<VerifiedIdentity> {
  const certificate = file === undefined ? undefined : await trusted(file, kind);
  const [document, signature] = await Promise.all([
    imds.getBuffer(documentPath),
    imds.getBuffer(`dynamic/instance-identity/${kind}`),
  ]);
  const certificates = certificate === undefined ? [] : [{ kind, region: await imds.region(), certificate }];
  return await verifyIdentityDocument({ kind, signature, document }, { certificates }).catch((error) => {
    if (!(error instanceof ImdsIdentityError) || error.reason !== 'signature') throw error;
    // Nothing was reformatted on the way here, which the library's own hint is about.
    throw new Failure(exitCodes.unusable, error.message, {
      hint: file
        ? `The key in ${file} did not sign this document. Without --certificate, AWS's key is the one that counts.`
        : 'AWS did not sign this document. An emulator does not sign its document without --sign-identity; --certificate FILE trusts another key.',
      cause: error,
    });
  });
}

/** Reads a certificate, and checks that it is usable before any request. */
async function trusted(file: string, kind: IdentitySignatureKind): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises');
  const certificate = await readFile(file).catch((error) => {
    throw misuse(`--certificate ${file}: cannot be read (${codeOf(error)}), expected a certificate or public key`);
  });
  // The certificate is checked first; then the signature, which is empty, is refused.
  const nothing = { kind, signature: '', document: '' };
  const certificates = [{ kind, region: 'us-east-1', certificate }];
  await verifyIdentityDocument(nothing, { certificates }).catch((error) => {
    if (isImdsError(error) && error.code === 'ERR_IMDS_SETTINGS')
      throw misuse(error.message.replace(/^option \S+ certificate/, `--certificate ${file}`));
  });
  return certificate;
}

function verdict({ document, kind, region, ageMs }: VerifiedIdentity): string {
  const facts: Readonly<Record<string, string>> = {
    verdict: 'the signature is valid',
    kind,
    region,
    account: document.accountId,
    instance: document.instanceId,
    type: document.instanceType,
    image: document.imageId,
    age: `${age(ageMs)} (launched or started ${document.pendingTime})`,
  };
  return Object.entries(facts)
    .map(([name, fact]) => `${name.padEnd(10)}${printable(fact)}\n`)
    .join('');
}

/** A duration in its two largest units, such as `3 d 4 h`. */
function age(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}
