import assert from 'node:assert/strict';
import nock from 'nock';
import { identityKeys } from '../../../src/identity/keys.js';
import { DocExamples } from '../../support/doc-examples.js';

describe('docs/identity.md', () => {
  // The examples load their own copies of the modules, and so of the keys.
  let made: typeof import('../../support/signed-data.js');
  let examples: DocExamples;
  before(async () => {
    made = await import('../../support/signed-data.js');
    examples = new DocExamples('identity.md', './imds-for-examples.ts');
    process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = 'http://127.0.0.1:1';
  });
  after(() => {
    delete process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
    examples[Symbol.dispose]();
  });

  async function call(exported: string, ...args: readonly unknown[]): Promise<unknown> {
    const name = exported.split(' ').at(-1) ?? '';
    const called = (await examples.run(exported)).exported[name];
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

  it('identifies the instance behind a signature', async () => {
    const signature = signatureOf({ pendingTime: now() });
    assert.equal(await call('function instanceBehind', signature), 'i-1234567890abcdef0');
  });

  it('prints the message shown for a foreign account', async () => {
    const signature = signatureOf({ pendingTime: now(), accountId: '999999999999' });
    const printed: unknown[] = [];
    const { warn } = console;
    console.warn = (text: unknown) => printed.push(text);
    try {
      assert.equal(await call('function instanceBehind', signature), undefined);
    } finally {
      console.warn = warn;
    }
    assert.match(examples.page, new RegExp(`// such as: ${String(printed[0])}$`, 'm'));
  });

  it('reads the signature on the instance', async () => {
    const signature = signatureOf({});
    serve({ rsa2048: signature });
    assert.equal((await examples.run('const signature')).exported['signature'], signature);
  });

  it('verifies a signature beside its document', async () => {
    const document = made.identityDocument({ pendingTime: now() });
    serve({ document, signature: made.lines(made.detachedSignature(document)) });
    assert.match(
      String((await examples.run('const line')).exported['line']),
      /^i-1234567890abcdef0, launched \d s ago$/,
    );
  });

  it('verifies a document of a region without a built-in key', async () => {
    const signature = signatureOf({ region: 'eu-north-9' });
    const certificate = made.pem('CERTIFICATE', made.signer('rsa2048').certificate);
    assert.equal(await call('function regionOf', signature, certificate), 'eu-north-9');
  });

  it('runs every example', () => {
    assert.equal(examples.all.length, 4);
  });

  it('lists the regions whose keys are built in', () => {
    const [, list = ''] = /<!-- regions -->([\s\S]*)<!-- \/regions -->/.exec(examples.page) ?? [];
    const regions = list.trim().split(/,\s+/);
    const builtIn = (kind: keyof typeof identityKeys): readonly string[] =>
      identityKeys[kind].flatMap(([names]) => names.split(' ')).sort();
    assert.deepEqual(regions, builtIn('rsa2048'));
    assert.deepEqual(regions, builtIn('signature'));
    const withoutPkcs7 = regions.filter((region) => !builtIn('pkcs7').includes(region));
    assert.match(
      examples.page,
      new RegExp(`no key is known for ${withoutPkcs7.join(', ').replace(/, ([^,]*)$/, ' and $1')};`),
    );
    assert.match(examples.page, new RegExp(`Those of these ${regions.length} regions`));
  });
});
