import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import nock from 'nock';
import { identityKeys } from '../../src/identity-keys.js';

const page = readFileSync(new URL('../../docs/identity.md', import.meta.url), 'utf8');
const examples = Array.from(page.matchAll(/^```ts\n([\s\S]*?)^```$/gm), ([, code = '']) => code);
const stand = new URL('../support/imds-for-examples.ts', import.meta.url).href;

describe('docs/identity.md', () => {
  // The modules of the examples, and so their keys, are other copies than those that a test file imports.
  let made: typeof import('../support/signed-data.js');
  let folder: string;
  before(async () => {
    made = await import('../support/signed-data.js');
    folder = mkdtempSync(join(tmpdir(), 'imds-examples-'));
    process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = 'http://127.0.0.1:1';
  });
  after(() => {
    delete process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
    rmSync(folder, { recursive: true });
  });

  /** Runs the example with this beginning of an exported name, and gives what it exports. */
  async function run(exported: string): Promise<Record<string, unknown>> {
    const [code, ...others] = examples.filter((each) => each.includes(exported));
    assert.ok(code && others.length === 0, exported);
    const file = join(folder, `${exported.replaceAll(/\W+/g, '-')}.mts`);
    writeFileSync(file, code.replaceAll("from 'imds'", `from '${stand}'`));
    return import(pathToFileURL(file).href);
  }

  async function call(exported: string, ...args: readonly unknown[]): Promise<unknown> {
    const name = exported.split(' ').at(-1) ?? '';
    const called = (await run(exported))[name];
    assert.ok(typeof called === 'function');
    return Reflect.apply(called, undefined, args);
  }

  const signatureOf = (fields: Readonly<Record<string, unknown>>): string => {
    const [form] = made.forms;
    assert.ok(form);
    return made.lines(made.signedMessage(made.identityDocument(fields), form));
  };
  const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;

  function serve(answers: Readonly<Record<string, string>>): void {
    const service = nock('http://127.0.0.1:1');
    service.put('/latest/api/token').reply(200, 'token', { 'X-aws-ec2-metadata-token-ttl-seconds': '21600' });
    for (const [name, body] of Object.entries(answers))
      service.get(`/latest/dynamic/instance-identity/${name}`).reply(200, body);
  }

  it('tells a server which instance it is talking to', async () => {
    const signature = signatureOf({ pendingTime: now() });
    assert.equal(await call('function instanceBehind', signature), 'i-1234567890abcdef0');
  });

  it('prints what the example says for a foreign account', async () => {
    const signature = signatureOf({ pendingTime: now(), accountId: '999999999999' });
    const printed: unknown[] = [];
    const { warn } = console;
    console.warn = (text: unknown) => printed.push(text);
    try {
      assert.equal(await call('function instanceBehind', signature), undefined);
    } finally {
      console.warn = warn;
    }
    assert.match(page, new RegExp(`// such as: ${String(printed[0])}$`, 'm'));
  });

  it('reads the signature on the instance', async () => {
    const signature = signatureOf({});
    serve({ rsa2048: signature });
    assert.equal((await run('const signature'))['signature'], signature);
  });

  it('verifies a signature beside its document', async () => {
    const document = made.identityDocument({ pendingTime: now() });
    serve({ document, signature: made.lines(made.detachedSignature(document)) });
    assert.match(String((await run('const line'))['line']), /^i-1234567890abcdef0, launched \d s ago$/);
  });

  it('verifies a document of a region added later', async () => {
    const signature = signatureOf({ region: 'eu-north-9' });
    const certificate = made.pem('CERTIFICATE', made.signer('rsa2048').certificate);
    assert.equal(await call('function regionOf', signature, certificate), 'eu-north-9');
  });

  it('has no example that is not run here', () => {
    assert.equal(examples.length, 4);
  });

  it('lists the regions whose keys are built in', () => {
    const [, list = ''] = /<!-- regions -->([\s\S]*)<!-- \/regions -->/.exec(page) ?? [];
    const regions = list.trim().split(/,\s+/);
    const builtIn = (kind: keyof typeof identityKeys): readonly string[] =>
      identityKeys[kind].flatMap(([names]) => names.split(' ')).sort();
    assert.deepEqual(regions, builtIn('rsa2048'));
    assert.deepEqual(regions, builtIn('signature'));
    const withoutPkcs7 = regions.filter((region) => !builtIn('pkcs7').includes(region));
    assert.match(page, new RegExp(`no key is known of ${withoutPkcs7.join(', ').replace(/, ([^,]*)$/, ' and $1')};`));
    assert.match(page, new RegExp(`Those of these ${regions.length} regions`));
  });
});
