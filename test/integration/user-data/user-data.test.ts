import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { Imds } from '../../../src/index.js';
import { checkUserData } from '../../../src/user-data/check.js';
import { decodeUserData, type UserData } from '../../../src/user-data/decode.js';
import { judges, python } from '../../support/debian.js';
import { DocExamples } from '../../support/doc-examples.js';
import { imds as imdsCommand } from '../cli/harness.js';

const fixtures = fileURLToPath(new URL('../../fixtures/user-data/', import.meta.url));
const fixture = (name: string): Buffer => readFileSync(join(fixtures, name));

/** Runs a program with the given standard input; returns its standard output. */
function output(program: string, args: readonly string[], input = '', env = process.env): Buffer {
  const options = { cwd: fixtures, input, env, timeout: 60_000 };
  const { status, stdout, stderr, error } = spawnSync(program, args, options);
  assert.equal(status, 0, `${program}: ${error ?? stderr}`);
  return stdout;
}

const filesOf = ({ parts }: UserData) => parts.map(({ kind, name, content }) => [kind, name, content]);
const threeFiles = [
  ['script', 'setup.sh', fixture('setup.sh')],
  ['cloud-config', 'config.yaml', fixture('config.yaml')],
  ['script-per-boot', 'boot.sh', fixture('boot.sh')],
];

describe('user data from the service', () => {
  let emulator: Emulator;
  let imds: Imds;
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required' });
    imds = new Imds({ endpoint: emulator.url });
  });
  afterEach(async () => {
    imds.close();
    await emulator.close();
  });

  async function served(content: Buffer): Promise<UserData> {
    emulator.set('user-data', content);
    const userData = await imds.userData();
    assert.ok(userData);
    assert.deepEqual(userData.raw, content);
    return userData;
  }

  it('is decoded when it is MIME', async () => {
    assert.deepEqual(filesOf(await served(fixture('make-mime.txt'))), threeFiles);
  });

  it('is unpacked when gzip made it', async () => {
    const { parts } = await served(output('gzip', ['-c', 'config.yaml']));
    assert.equal(parts[0]?.text, fixture('config.yaml').toString());
  });

  it('is decoded when base64 made it', async () => {
    const { parts, isBase64 } = await served(output('base64', ['boot.sh']).subarray(0, -1));
    assert.equal(isBase64, true);
    assert.equal(parts[0]?.text, fixture('boot.sh').toString());
  });

  it('is undefined when there is none', async () => {
    emulator.remove('user-data');
    assert.equal(await imds.userData(), undefined);
  });

  it('throws ERR_IMDS_DECODE for broken gzip, and getBuffer() still gives the bytes', async () => {
    const broken = output('gzip', ['-c', 'config.yaml']).subarray(0, -5);
    await assert.rejects(served(broken), { code: 'ERR_IMDS_DECODE', message: 'The user data is gzip, but broken' });
    assert.deepEqual(await imds.getBuffer('user-data'), broken);
  });
});

describe("user data made and read by Debian's tools", () => {
  let root: string;
  let run: (args: readonly string[], input?: string) => Buffer;

  before(async function () {
    root = await judges(this);
    const env = { ...process.env, PYTHONPATH: join(root, 'usr/lib/python3/dist-packages') };
    run = (args, input) => output(python, ['-W', 'ignore', ...args], input, env);
  });

  it('opens what cloud-init devel make-mime makes', async () => {
    const files = ['setup.sh:x-shellscript', 'config.yaml:cloud-config', 'boot.sh:x-shellscript-per-boot'];
    const args = ['-m', 'cloudinit.cmd.main', 'devel', 'make-mime', ...files.flatMap((file) => ['-a', file])];
    assert.deepEqual(filesOf(await decodeUserData(run(args))), threeFiles);
  });

  for (const [title, options] of [
    ['write-mime-multipart', []],
    ['write-mime-multipart -z', ['-z']],
  ] as const)
    it(`opens what ${title} makes`, async () => {
      const files = ['setup.sh', 'config.yaml', 'boot.sh:text/x-shellscript-per-boot', 'data.bin:application/x-data'];
      const userData = await decodeUserData(
        run([join(root, 'usr/bin/write-mime-multipart'), ...options, '-o', '-', ...files]),
      );
      assert.equal(userData.isGzipped, options.length > 0);
      assert.deepEqual(filesOf(userData), [...threeFiles, ['unknown', 'data.bin', fixture('data.bin')]]);
    });

  it('finds the parts that cloud-init finds', async () => {
    const samples = [
      ...['make-mime.txt', 'write-mime-multipart.txt', 'write-mime-multipart.gz', 'config.yaml.gz', 'setup.sh'].map(
        fixture,
      ),
      ...doubtful.map((text) => Buffer.from(text)),
    ];
    const lines = run(['-c', cloudInit], samples.map((sample) => `${sample.toString('base64')}\n`).join(''));
    const found: [type: string, name: string | null, content: string][][] = lines
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(found.length, samples.length);
    for (const [index, sample] of samples.entries()) {
      const { parts } = await decodeUserData(sample);
      assert.deepEqual(
        parts.map(({ kind, name, content }) => [kind, name ?? null, Buffer.from(content).toString('base64')]),
        found[index]?.map(([type, name, content]) => [kindsByType[type] ?? 'unknown', name, content]),
        sample.toString(),
      );
    }
  });
});

// cloud-init starts scripts by Python, which leaves it to the kernel; Node would try a shell where the kernel refuses.
describe('the fate of scripts', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'imds-scripts-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const scripts = [
    '#!/bin/sh\n',
    '\n#!/bin/sh\n',
    '  #!/bin/sh\n',
    'true\n',
    '#!/bin/sh\rtrue',
    '#!/bin/sh\r -e\n',
    '\ufeff#!/bin/sh\n',
  ];
  for (const [index, script] of scripts.entries())
    it(`is that which the kernel makes of ${JSON.stringify(script)}`, async function () {
      // Kernels differ in what they run, and Python is what asks this one.
      if (process.platform !== 'linux' || spawnSync('python3', ['--version']).error) this.skip();
      const file = join(folder, `script-${index}`);
      writeFileSync(file, script, { mode: 0o755 });
      const isRun =
        spawnSync('python3', ['-c', 'import subprocess, sys; subprocess.run(sys.argv[1], check=True)', file]).status ===
        0;
      const part = `Content-Type: text/x-shellscript\nContent-Transfer-Encoding: base64\n\n${Buffer.from(script).toString('base64')}`;
      const [check] = checkUserData(await decodeUserData(Buffer.from(`MIME-Version: 1.0\n${part}\n`))).parts;
      assert.equal(check?.fates['cloud-init'] === 'run', isRun);
    });
});

describe('docs/user-data.md', () => {
  let examples: DocExamples;
  let emulator: Emulator;
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required', tree: { 'user-data': fixture('make-mime.txt') } });
    examples = new DocExamples('user-data.md');
    process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = emulator.url;
  });
  afterEach(async () => {
    delete process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
    examples[Symbol.dispose]();
    await emulator.close();
  });

  for (const words of ['console.log(kind', 'console.log(await'])
    it(`prints the output shown after ${words}`, async () => {
      const { printed } = await examples.run(words);
      assert.ok(printed.length > 0);
      assert.deepEqual(printed, examples.told(words));
    });

  it('finds the NodeConfig of an EKS node', async () => {
    const nodeConfig = '---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n';
    const part = `--B\nContent-Type: application/node.eks.aws\n\n${nodeConfig}\n`;
    emulator.set('user-data', `${head}${part}${part}--B--\n`);
    assert.deepEqual((await examples.run('export const nodeConfigs')).exported['nodeConfigs'], [
      nodeConfig,
      nodeConfig,
    ]);
  });

  it('falls back to the bytes of broken user data', async () => {
    const broken = Buffer.from('1f8b0800', 'hex');
    emulator.set('user-data', broken);
    const { userDataOrBytes } = (await examples.run('function userDataOrBytes')).exported;
    assert.ok(typeof userDataOrBytes === 'function');
    assert.deepEqual(await Reflect.apply(userDataOrBytes, undefined, []), broken);
  });

  it('runs every example', () => {
    assert.equal(examples.all.length, 5);
  });

  it('shows the output of imds user-data --parts', async () => {
    const [, shown] = /^```text\n([\s\S]*?)^```$/m.exec(examples.page) ?? [];
    const { stdout } = await imdsCommand('user-data', '--parts', '--endpoint', emulator.url);
    assert.equal(stdout.toString(), shown);
  });

  it('lists every property of a part and every kind', async () => {
    const { page } = examples;
    const { parts } = await decodeUserData(fixture('setup.sh'));
    /** The words in the first column of the table with this heading. */
    const firstColumn = (heading: string): string[] => {
      const [, ...lines] = page.slice(page.indexOf(heading)).split('\n\n')[0]?.split('\n') ?? [];
      return lines.flatMap((line) => line.split('|')[1]?.match(/[\w-]+(?=`)/g) ?? []).sort();
    };
    assert.deepEqual(firstColumn('| property |'), [...Object.keys({ ...parts[0] }), 'content', 'text'].sort());
    const kinds = readFileSync(new URL('../../../src/user-data/kinds.ts', import.meta.url), 'utf8').matchAll(
      /^ {2}\| '([^']+)'/gm,
    );
    assert.deepEqual(firstColumn('| `kind` | begins with |'), Array.from(kinds, ([, kind]) => kind).sort());
  });
});

/** Samples that cloud-init may read otherwise. */
const head = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n';
const doubtful = [
  '#Cloud-Config\nx: y\n',
  '\n #cloud-boothook\n#!/bin/sh\n',
  '#cloud-config-jsonp\n[]\n',
  '\ufeff#!/bin/sh\n',
  '#!/bin/sh\necho MIME-Version: 1.0\n',
  `${head}--B\n\n#!/bin/sh\n--B\nContent-Type: text/plain\n\n#cloud-config\n--B--\n`,
  `${head}--B\nContent-Type: text/x-shellscript\n\n#part-handler\n--B\nContent-Type: text/x-shellscript\n\necho\n\n--B--\n`,
  `${head}--B\nContent-Type: text/cloud-config\n\n#!/bin/sh\n--B\nContent-Disposition: attachment; filename="a.sh"\n\n#!/bin/sh\n--B--`,
  `${head}before\n--B\nContent-Type: multipart/mixed; boundary=C\n\n--C\n\n#!1\n--C\n\n#!2\n--C--\n\n--B\n\n#!3\n--B--\nafter\n`,
  `${head}--B\nContent-Type: text/cloud-config\nContent-Transfer-Encoding: quoted-printable\n\nx: =3D=\n=41\n\n--B--\n`,
  `${head}--B\nContent-Type: application/x-gzip\nContent-Transfer-Encoding: base64\n\n${gzipSync('#cloud-config\nx: y\n').toString('base64')}\n--B--\n`,
  `${head}--B\r\nContent-Type: text/cloud-config\r\n\r\nx: y\r\n\r\n--B\n\n\n--B--\n`,
  `${head}--B\nContent-Type: text/x-shellscript\n#!/bin/sh\necho 1\n--B\n\n#cloud-config\n--B--\n`,
  'MIME-Version: 1.0\nContent-Type: text/x-shellscript\n#!/bin/sh\n',
  `${head}before\n--B\n#!/bin/sh\n--B\nx y: z\n--B--\n`,
  `${head}--B\nContent-Type: text/x-shellscript\n\n#!/bin/sh\necho\n\n--B\nContent-Type: text/cloud-config\n\nx: y\n--B--\n`.replaceAll(
    '\n',
    '\r',
  ),
  `${head}--B\rContent-Type: text/x-shellscript\r\r#!/bin/sh\r\n--B\r\n\n#cloud-config\r\r--B--\n`,
  '\n#!/bin/sh\n',
  `${head}--B\n--B\nContent-Type: text/cloud-config\n\nx: y\n--B--\n--B\n\n#!/bin/sh\n`,
  `${head}--B\nContent-Transfer-Encoding: base64\n\n--_I2Nsb3Vk-LWNvbmZpZwo=\n--B--\n`,
  '\ufeff#cloud-config\n',
  `${head}--B\nContent-Type: text/x-shellscript-per-once\n\n--B\ncontent-type: TEXT/Cloud-Boothook; charset=x\n\n#!/bin/sh\n--B--`,
];

const kindsByType: Readonly<Record<string, string>> = {
  'text/cloud-boothook': 'boothook',
  'text/cloud-config': 'cloud-config',
  'text/cloud-config-jsonp': 'cloud-config-jsonp',
  'text/part-handler': 'part-handler',
  'text/x-shellscript': 'script',
  'text/x-shellscript-per-boot': 'script-per-boot',
  'text/x-shellscript-per-once': 'script-per-once',
};

/** Lets cloud-init take apart user data, one base64 line each, and print type, name and content of each part. */
const cloudInit = `
import base64, json, sys
from cloudinit import user_data, util
user_data.util.fetch_ssl_details = lambda paths: {}
processor = user_data.UserDataProcessor(None)
for line in sys.stdin:
    parts = processor.process(base64.b64decode(line)).get_payload()
    found = []
    for part in parts:
        name = part.get_filename()
        content = util.fully_decoded_payload(part)
        content = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
        name = None if name.startswith("part-0") else name
        found.append([part.get_content_type(), name, base64.b64encode(content).decode()])
    print(json.dumps(found))
`;
