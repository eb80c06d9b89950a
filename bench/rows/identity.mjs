import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { verifyIdentityDocument } from 'imds';
import { amount, atMost, interleaved, line, milliseconds } from '../measure.mjs';

const rounds = amount(15);
const verifications = amount(300);

/** @type {import('../measure.mjs').Row} */
export const row = {
  name: 'identity',
  what: `verifications of an identity document, kind signature; medians of ${rounds} rounds of ${verifications}`,
  limit: { 'time against crypto.verify alone': atMost(10) },

  async run() {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const document = JSON.stringify({
      accountId: '123456789012',
      architecture: 'x86_64',
      availabilityZone: 'us-east-1a',
      imageId: 'ami-0abcdef1234567890',
      instanceId: 'i-1234567890abcdef0',
      instanceType: 'm7g.large',
      pendingTime: '2026-02-16T00:38:27Z',
      region: 'us-east-1',
      version: '2017-09-30',
    });
    const signature = sign('sha256', Buffer.from(document), privateKey);
    const certificates = [{ kind: 'signature', region: 'us-east-1', certificate: publicKey }];
    const time = (call) => async () => {
      const start = performance.now();
      for (let done = 0; done < verifications; done += 1) await call();
      return (performance.now() - start) / verifications;
    };
    const base64 = signature.toString('base64');
    const ms = await interleaved(rounds, {
      imds: time(() => verifyIdentityDocument({ kind: 'signature', signature: base64, document }, { certificates })),
      crypto: time(() => assert(verify('sha256', Buffer.from(document), publicKey, signature))),
    });
    const shown = (each) => `${milliseconds(each, 3)}  ${(1000 / each).toFixed(0).padStart(6)} /s`;
    return {
      lines: [line('verifyIdentityDocument()', shown(ms.imds)), line('crypto.verify() alone', shown(ms.crypto))],
      figures: { 'time against crypto.verify alone': ms.imds / ms.crypto },
    };
  },
};
