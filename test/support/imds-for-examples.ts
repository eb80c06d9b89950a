/** The `imds` that the examples of docs/identity.md import: with the tests' keys instead of AWS's. */
import { type IdentityCertificate, verifyIdentityDocument as verify } from '../../src/identity/verify.js';
import { signer } from './signed-data.js';

export * from '../../src/index.js';

const certificates: readonly IdentityCertificate[] = [
  { kind: 'rsa2048', region: 'us-east-1', certificate: signer('rsa2048').publicKey },
  { kind: 'signature', region: 'us-east-1', certificate: signer('rsa1024').publicKey },
];

export const verifyIdentityDocument: typeof verify = (input, options) => verify(input, { certificates, ...options });
