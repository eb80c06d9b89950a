import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { binary, imds, outcomeOf, start } from '../cli/harness.js';
import { change, controlled } from './controlling.js';
import { ask } from './socket.js';

const directory = 'dynamic/instance-identity';
const forms = ['signature', 'pkcs7', 'rsa2048', 'dsa2048'] as const;
type Form = (typeof forms)[number];

const served = async (emulator: Emulator, name: string): Promise<string> => {
  const { status, body } = await ask(emulator, 'GET', `/latest/${directory}/${name}`);
  assert.equal(status, 200);
  return body;
};

describe('an emulator that signs the identity document', () => {
  let folder = '';
  let emulator: Emulator;
  const file = (name: string): string => join(folder, name);
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'imds-signing-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    for (const name of ['document', 'signature', 'out']) rmSync(file(name), { force: true });
  });

  const openssl = (...args: readonly string[]) => spawnSync('openssl', args, { encoding: 'utf8' });

  /** OpenSSL's verdict on what is served: true if the signature is valid, and is of the document. */
  async function opensslAccepts(form: Form, tool: 'cms' | 'smime' = 'cms'): Promise<boolean> {
    writeFileSync(file('certificate'), emulator.certificate ?? '');
    writeFileSync(file('document'), await served(emulator, 'document'));
    writeFileSync(file('signature'), Buffer.from(await served(emulator, form), 'base64'));
    if (form === 'signature') {
      const { stdout } = openssl('x509', '-in', file('certificate'), '-pubkey', '-noout');
      writeFileSync(file('key'), stdout);
      const signature = ['-signature', file('signature'), file('document')];
      return openssl('dgst', '-sha256', '-verify', file('key'), ...signature).status === 0;
    }
    const trust = ['-certfile', file('certificate'), '-nointern', '-noverify', '-binary'];
    const given = ['-inform', 'DER', '-in', file('signature'), '-out', file('out')];
    if (openssl(tool, '-verify', ...given, ...trust).status !== 0) return false;
    return readFileSync(file('out')).equals(readFileSync(file('document')));
  }

  const imdsSays = (kind: Form) => {
    writeFileSync(file('certificate'), emulator.certificate ?? '');
    const trust = ['--certificate', file('certificate')];
    return imds('identity', '--endpoint', emulator.url, '--verify', '--kind', kind, ...trust);
  };

  async function assertAccepted(form: Form): Promise<void> {
    assert.ok(await opensslAccepts(form), `${form} by openssl cms or dgst`);
    assert.ok(await opensslAccepts(form, 'smime'), `${form} by openssl smime`);
    if (form === 'dsa2048') return;
    const { code, stderr } = await imdsSays(form);
    assert.deepEqual([code, stderr], [0, '']);
  }

  async function assertRefused(form: Form): Promise<void> {
    assert.ok(!(await opensslAccepts(form)), `${form} by openssl cms or dgst`);
    assert.ok(!(await opensslAccepts(form, 'smime')), `${form} by openssl smime`);
    if (form === 'dsa2048') return;
    const { code, stdout, stderr } = await imdsSays(form);
    assert.deepEqual([code, stdout.toString()], [8, '']);
    assert.match(stderr, new RegExp(`${form} signature does not verify`));
  }

  for (const form of forms) {
    it(`serves ${form} as imds and OpenSSL accept it`, async () => {
      await using signing = await createEmulator({ signIdentity: true });
      emulator = signing;
      await assertAccepted(form);
      assert.ok((await served(emulator, form)).split('\n').every((line) => line.length <= 76));
    });

    it(`has ${form} refused after a change of one byte of the document, or of the signature`, async () => {
      await using signing = await createEmulator({ signIdentity: true });
      emulator = signing;
      const document = await served(emulator, 'document');
      const signature = Buffer.from(await served(emulator, form), 'base64');
      const [id, other] = ['i-1234567890abcdef0', 'i-1234567890abcdef1'];
      assert.ok(document.includes(id));

      const forged = signature.toString('latin1').replace(id, other);
      emulator.set(`${directory}/document`, document.replace(id, other));
      emulator.set(`${directory}/${form}`, Buffer.from(forged, 'latin1').toString('base64'));
      await assertRefused(form);

      emulator.set(`${directory}/document`, document);
      // The messages end with eight bytes that end elements.
      const last = signature.length - (form === 'signature' ? 1 : 9);
      signature.writeUInt8(signature.readUInt8(last) ^ 1, last);
      emulator.set(`${directory}/${form}`, signature.toString('base64'));
      await assertRefused(form);
    });
  }

  it('signs the document as an event leaves it', async () => {
    await using signing = await createEmulator({ signIdentity: true });
    emulator = signing;
    emulator.trigger({ event: 'replace-root-volume', imageId: 'ami-0fedcba0987654321' });
    assert.equal(JSON.parse(await served(emulator, 'document')).imageId, 'ami-0fedcba0987654321');
    for (const form of forms) await assertAccepted(form);
  });

  it('signs the document that the control service puts, and signs it with the same key after a reset', async () => {
    await using signing = await controlled({ signIdentity: true });
    emulator = signing;
    const { certificate } = emulator;
    const document = JSON.parse(await served(emulator, 'document'));
    const text = JSON.stringify({ ...document, accountId: '999988887777' });
    await change(emulator, 'POST', '/v1/events', { event: 'set', path: `${directory}/document`, value: text });
    assert.equal(await served(emulator, 'document'), text);
    for (const form of forms) await assertAccepted(form);

    await change(emulator, 'POST', '/v1/reset');
    assert.deepEqual(JSON.parse(await served(emulator, 'document')), document);
    assert.equal(emulator.certificate, certificate);
    for (const form of forms) await assertAccepted(form);
  });

  it('signs a recorded document anew, on no base too, and leaves signatures that the caller sets', async () => {
    await using calm = await createEmulator();
    const document = await served(calm, 'document');
    await using signing = await createEmulator({
      signIdentity: true,
      scenario: {
        base: 'empty',
        tree: {
          'placement/region': 'us-east-1',
          [`${directory}/document`]: document,
          [`${directory}/pkcs7`]: 'cmVjb3JkZWQ=',
        },
      },
      tree: { [`${directory}/dsa2048`]: 'b3du' },
    });
    emulator = signing;
    for (const form of ['signature', 'pkcs7', 'rsa2048'] as const) await assertAccepted(form);
    assert.equal(await served(emulator, 'dsa2048'), 'b3du');
  });

  it('adds no signatures where there is no identity document', async () => {
    await using empty = await createEmulator({ signIdentity: true, scenario: 'compatible-server' });
    assert.equal((await ask(empty, 'GET', `/latest/${directory}/`)).status, 404);
  });

  it('has another key each time, whose certificate says that it is not that of AWS', async () => {
    await using one = await createEmulator({ signIdentity: true });
    await using other = await createEmulator({ signIdentity: true });
    assert.notEqual(one.certificate, other.certificate);
    const certificate = new X509Certificate(one.certificate ?? '');
    assert.equal(certificate.subject, 'CN=imds emulator (not AWS)');
    assert.equal(certificate.issuer, certificate.subject);
    assert.ok(certificate.verify(certificate.publicKey));
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.modulusLength, 2048);
    assert.notEqual(certificate.serialNumber, new X509Certificate(other.certificate ?? '').serialNumber);
  });

  it('has no certificate, and signatures that nobody accepts, unless it is asked for them', async () => {
    await using calm = await createEmulator();
    assert.equal(calm.certificate, undefined);
    await using signing = await createEmulator({ signIdentity: true });
    for (const form of forms) {
      signing.set(`${directory}/${form}`, await served(calm, form));
      signing.set(`${directory}/document`, await served(calm, 'document'));
      emulator = signing;
      assert.ok(!(await opensslAccepts(form)), form);
    }
  });

  it('refuses a signIdentity that is neither true nor false', async () => {
    await assert.rejects(createEmulator({ signIdentity: 'yes' as unknown as boolean }), {
      code: 'ERR_EMULATOR_OPTION',
      message: "signIdentity must be true or false, not 'yes'",
    });
  });

  describe('at the command line', () => {
    const judge = (...args: readonly string[]) => [process.execPath, binary, 'identity', '--verify', ...args];

    it('writes the certificate before the command runs, which verifies the document with it', async () => {
      const flags = ['--sign-identity', '--certificate-out', file('emulator.pem')];
      const command = judge('--kind', 'pkcs7', '--certificate', file('emulator.pem'));
      const { code, stdout, stderr } = await outcomeOf(start(['emulate', ...flags, '--', ...command]));
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout.toString(), /^verdict {3}the signature is valid$/m);
    });

    it('is verified by the commands of docs/emulator.md', async () => {
      const [, section = ''] = readFileSync('docs/emulator.md', 'utf8').split('## A signed identity document\n');
      const [, commands] = /```sh\n(imds get [^`]+)```/.exec(section) ?? [];
      const script = `cd '${folder}'; imds() { '${process.execPath}' '${binary}' "$@"; }; ${commands}`;
      const flags = ['--sign-identity', '--certificate-out', file('emulator.pem')];
      const { code, stdout, stderr } = await outcomeOf(start(['emulate', ...flags, '--', 'sh', '-ec', script]));
      assert.equal(code, 0, stderr);
      assert.match(stdout.toString(), /^Verified OK\n\{\n {2}"accountId" : "123456789012",/);
      assert.match(stderr, /^CMS Verification successful$/m);
    });

    it('is not what AWS signed', async () => {
      const { code, stderr } = await outcomeOf(start(['emulate', '--sign-identity', '--', ...judge()]));
      assert.equal(code, 8);
      assert.match(stderr, /does not verify with the key for region us-east-1/);
    });

    for (const name of ['emulate', 'lab'])
      it(`refuses --certificate-out of imds ${name} without --sign-identity`, async () => {
        const { code, stderr } = await imds(name, '--certificate-out', file('none.pem'), '--', 'true');
        assert.equal(code, 2);
        assert.match(stderr, /^imds: --certificate-out needs --sign-identity/);
      });

    const unwritable: readonly [what: string, name: string, why: string][] = [
      ['a folder that is not there', 'absent/emulator.pem', 'ENOENT'],
      ['a folder', '', 'EISDIR'],
    ];
    for (const [what, name, why] of unwritable)
      it(`says that no certificate can be written to ${what}, and runs no command`, async () => {
        const flags = ['--sign-identity', '--certificate-out', file(name)];
        const { code, stdout, stderr } = await imds('emulate', ...flags, '--', 'echo', 'ran');
        assert.deepEqual([code, stdout.toString()], [2, '']);
        const needed = 'must name a file that can be written, in a folder that exists';
        assert.equal(stderr, `imds: --certificate-out ${file(name)} ${needed}: ${why}\n`);
      });

    for (const name of ['emulate', 'lab'])
      it(`refuses --certificate-out '' of imds ${name}`, async () => {
        const { code, stderr } = await imds(name, '--sign-identity', '--certificate-out', '', '--', 'true');
        assert.deepEqual([code, stderr], [2, 'imds: --certificate-out needs a value, not ""\n']);
      });
  });
});
