import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import {
  detachedSignature,
  forms,
  identityDocument,
  lines,
  pem,
  signedMessage,
  signer,
} from '../../support/signed-data.js';
import { imds, listen } from './harness.js';

describe('imds identity', () => {
  const document = identityDocument({ pendingTime: '2026-01-02T03:04:05Z' });
  const [form] = forms;
  let emulator: Emulator;
  let folder: string;
  let rsa2048: string;
  let rsa1024: string;
  before(async () => {
    assert.ok(form);
    folder = mkdtempSync(join(tmpdir(), 'imds-identity-'));
    rsa2048 = join(folder, 'rsa2048.pem');
    rsa1024 = join(folder, 'rsa1024.pem');
    for (const [file, kind] of [
      [rsa2048, 'rsa2048'],
      [rsa1024, 'rsa1024'],
    ] as const)
      writeFileSync(file, pem('PUBLIC KEY', signer(kind).publicKey.export({ type: 'spki', format: 'der' })));
    emulator = await createEmulator({
      httpTokens: 'required',
      tree: {
        'dynamic/instance-identity/document': document,
        'dynamic/instance-identity/rsa2048': lines(signedMessage(document, form)),
        'dynamic/instance-identity/signature': lines(detachedSignature(document)),
      },
    });
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await emulator.close();
  });
  const run = (...args: readonly string[]) => imds('identity', '--endpoint', emulator.url, ...args);

  it('prints the document, byte for byte', async () => {
    const { code, stdout, stderr } = await run();
    assert.equal(stdout.toString(), document);
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('prints it as JSON that other tools can read', async () => {
    const { code, stdout } = await run('--json');
    assert.deepEqual(JSON.parse(stdout.toString()), JSON.parse(document));
    assert.equal(code, 0);
  });

  for (const kind of ['rsa2048', 'signature'] as const)
    it(`prints the verdict for the signature of kind ${kind}`, async () => {
      const certificate = kind === 'rsa2048' ? rsa2048 : rsa1024;
      const { code, stdout, stderr } = await run('--verify', '--kind', kind, '--certificate', certificate);
      assert.equal(stderr, '');
      assert.match(stdout.toString(), /^verdict {3}the signature is valid$/m);
      assert.match(stdout.toString(), new RegExp(`^kind {6}${kind}$`, 'm'));
      for (const line of [/^region {4}us-east-1$/m, /^account {3}123456789012$/m, /^instance {2}i-/m])
        assert.match(stdout.toString(), line);
      assert.match(stdout.toString(), /^age {7}\d+ d \d+ h \(launched or started 2026-01-02T03:04:05Z\)$/m);
      assert.equal(code, 0);
    });

  it('gives the verdict as JSON', async () => {
    const { stdout } = await run('--verify', '--json', '--certificate', rsa2048);
    const verdict: unknown = JSON.parse(stdout.toString());
    assert.ok(typeof verdict === 'object' && verdict !== null && 'document' in verdict && 'verified' in verdict);
    assert.equal(verdict.verified, true);
    assert.deepEqual(verdict.document, JSON.parse(document));
  });

  it('exits with 8 where the signature does not hold with the key of AWS', async () => {
    const { code, stdout, stderr } = await run('--verify');
    assert.deepEqual([code, stdout.toString()], [8, '']);
    assert.match(stderr, /rsa2048 signature does not verify with the key for region us-east-1/);
    assert.match(stderr, /hint: AWS did not sign this document\. An emulator does not sign its document/);
  });

  it('names the file whose key did not sign the document', async () => {
    const { code, stderr } = await run('--verify', '--kind', 'signature', '--certificate', rsa2048);
    assert.equal(code, 8);
    assert.ok(stderr.includes(`hint: The key in ${rsa2048} did not sign this document.`), stderr);
    assert.doesNotMatch(stderr, /AWS did not sign/);
  });

  for (const [option, value] of [
    ['--kind', 'pkcs7'],
    ['--kind', 'rsa2048'],
    ['--certificate', 'c.pem'],
  ] as const)
    it(`refuses ${option} '${value}' without --verify with 2, and prints no document`, async () => {
      for (const more of [[], ['--json']]) {
        const { code, stdout, stderr } = await run(option, value, ...more);
        assert.deepEqual([code, stdout.toString()], [2, '']);
        assert.match(stderr, new RegExp(`^imds: ${option} needs --verify`));
      }
    });

  it('refuses a kind it does not know and a certificate that it cannot read, with 2', async () => {
    const unknown = await run('--verify', '--kind', 'dsa2048');
    assert.deepEqual([unknown.code, unknown.stdout.toString()], [2, '']);
    assert.match(unknown.stderr, /--kind dsa2048: expected rsa2048, pkcs7 or signature/);
    const unreadable = await run('--verify', '--certificate', join(folder, 'absent.pem'));
    assert.equal(unreadable.code, 2);
    assert.match(unreadable.stderr, /--certificate .*absent\.pem: cannot be read \(ENOENT\)/);
  });

  it('refuses a file that is not a certificate with 2, by its name, before any request', async () => {
    let connections = 0;
    const service = await listen((socket) => {
      connections += 1;
      socket.destroy();
    });
    const file = join(folder, 'document.pem');
    const key = join(folder, 'ed25519.pem');
    writeFileSync(file, document);
    writeFileSync(key, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    for (const [name, why] of [
      [file, 'cannot be read: expected one certificate or public key, in PEM or DER'],
      [key, 'is a key of type public ed25519: expected a public key of type rsa for rsa2048'],
    ]) {
      const outcome = await imds('identity', '--endpoint', service.url, '--verify', '--certificate', name ?? '');
      assert.deepEqual([outcome.code, outcome.stderr], [2, `imds: --certificate ${name} ${why}\n`]);
    }
    assert.equal(connections, 0);
    await service.close();
  });
});
