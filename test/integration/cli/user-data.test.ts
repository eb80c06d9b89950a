import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { type Outcome, outcomeOf, start, Terminal } from './harness.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const archive = (...parts: readonly string[]) =>
  `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n${parts.map((part) => `--B\n${part}\n`).join('')}--B--\n`;
const named = (name: string, text: string) => `Content-Disposition: attachment; filename="${name}"\n\n${text}`;

const decoded = archive(
  named('setup.sh', '#!/bin/bash\nset -e\n'),
  named('config.yaml', '\n\n  #cloud-config\ntimezone: "Asia/Tokyo"\n'),
  `Content-Type: text/cloud-config-archive\n\n- "#!/bin/sh"\n`,
  '\n## template: jinja\n#cloud-config\nfqdn: {{ v1.local_hostname }}\n',
  '\n<powershell>\r\n\tGet-Date\r\n</powershell><persist>true</persist>',
  'Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nAAH+/w==',
  'Content-Type: text/cloud-config\n\n',
);

describe('imds user-data', () => {
  let emulator: Emulator;
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required' });
  });
  afterEach(() => emulator.close());

  const at = (terminal: Terminal, ...args: readonly string[]): Promise<Outcome> =>
    terminal.run('user-data', ...args, '--endpoint', emulator.url);
  const userData = (...args: readonly string[]): Promise<Outcome> => at(new Terminal(), ...args);

  /** What is printed; it says nothing on standard error. */
  function printed({ code, stdout, stderr }: Outcome): string {
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    return stdout.toString();
  }

  it('prints every byte as it is served', async () => {
    for (const content of [everyByte, gzipSync('#!/bin/sh\n'), Buffer.from('#!/bin/sh\r\n'), Buffer.alloc(0)]) {
      emulator.set('user-data', content);
      assert.deepEqual(await userData(), { code: 0, stdout: content, stderr: '' });
    }
  });

  it('ends with a newline at a terminal, its own or another', async () => {
    for (const [content, shown] of [
      ['#!/bin/sh', '#!/bin/sh\n'],
      ['#!/bin/sh\n', '#!/bin/sh\n'],
      ['', ''],
    ] as const) {
      emulator.set('user-data', content);
      assert.equal(printed(await at(new Terminal({ tty: true }))), shown);
    }
  });

  it('prints a line for each part with --parts: what it is, its name, its size, its first line', async () => {
    emulator.set('user-data', decoded);
    assert.equal(
      printed(await userData('--parts')),
      `\
KIND                          NAME         SIZE  FIRST LINE
script                        setup.sh     19    #!/bin/bash
cloud-config                  config.yaml  41    #cloud-config
cloud-config-archive                       14    - "#!/bin/sh"
cloud-config, template                     63    ## template: jinja
windows-powershell, persists               13    Get-Date
unknown                                    4     (not text)
cloud-config                               0
`,
    );
  });

  it('prints one line with --parts where there is one part', async () => {
    emulator.set('user-data', gzipSync('#!/bin/sh\n'));
    assert.equal(printed(await userData('--parts')), 'KIND    NAME  SIZE  FIRST LINE\nscript        10    #!/bin/sh\n');
  });

  it('has a heading in bold at a terminal', async () => {
    emulator.set('user-data', '#!/bin/sh\n');
    const text = printed(await at(new Terminal({ tty: true, columns: 80 }), '--parts'));
    assert.equal(text, '\x1b[1mKIND    NAME  SIZE  FIRST LINE\x1b[22m\nscript        10    #!/bin/sh\n');
  });

  it('stays within the width of a terminal, and within 100 columns anywhere', async () => {
    const long = named('a-rather-long-name-of-a-file.sh', `#!/bin/sh ${'𝒳'.repeat(120)}`);
    emulator.set('user-data', archive(long, named('b.sh', `#!/bin/sh ${'x'.repeat(200)}`)));
    for (const [columns, width] of [
      [80, 80],
      [100, 100],
      [250, 100],
      [undefined, 100],
    ] as const) {
      const terminal = new Terminal({ tty: columns !== undefined, ...(columns && { columns }) });
      const [, first = '', second = ''] = printed(await at(terminal, '--parts')).split('\n');
      assert.deepEqual([[...first].length, [...second].length], [width, width]);
      assert.match(first, /^script {2}a-rather-long-name-of-a… {2}490 {3}#!\/bin\/sh 𝒳+…$/u);
      assert.match(second, /^script {2}b\.sh {22}210 {3}#!\/bin\/sh x+…$/);
    }
  });

  it('does nothing to the terminal with --parts', async () => {
    const name = '=?utf-8?Q?=1B[2J=0Aa?=';
    emulator.set('user-data', archive(named(name, '#!/bin/sh\x1b]0;hello\x07\r\x9b2J\u2028\t.')));
    const [, line, ...others] = printed(await userData('--parts')).split('\n');
    assert.equal(line, 'script  \\x1b[2J a  29    #!/bin/sh\\x1b]0;hello\\x07');
    assert.deepEqual(others, ['']);
  });

  it('wonders with --parts about a MIME archive without its last boundary', async () => {
    emulator.set('user-data', archive(named('a.sh', '#!/bin/sh')).replace('--B--\n', ''));
    const { code, stdout, stderr } = await userData('--parts');
    assert.equal(code, 0);
    assert.match(stdout.toString(), /^script/m);
    assert.match(stderr, /^imds: [^\n]*last boundary[^\n]*\n$/);
  });

  it('prints one document with --json', async () => {
    emulator.set('user-data', decoded);
    const document = JSON.parse(printed(await userData('--json')));
    assert.equal(document.size, decoded.length);
    assert.equal(document.parts.length, 7);
    const [script, , , template, powershell, data] = document.parts;
    assert.deepEqual(script, {
      kind: 'script',
      name: 'setup.sh',
      isGzipped: false,
      isTemplate: false,
      persists: false,
      line: 7,
      flaws: [],
      size: 19,
      content: '#!/bin/bash\nset -e\n',
    });
    assert.deepEqual([template.isTemplate, powershell.persists], [true, true]);
    assert.deepEqual([data.contentType, data.content], ['application/octet-stream', { base64: 'AAH+/w==' }]);
  });

  it('says with --json what was decoded', async () => {
    const packed = Buffer.from(gzipSync('#!/bin/sh\n').toString('base64'));
    emulator.set('user-data', packed);
    const { parts, ...facts } = JSON.parse(printed(await userData('--json')));
    assert.equal(parts.length, 1);
    assert.deepEqual(facts, {
      size: packed.length,
      isBase64: true,
      isGzipped: true,
      isMime: false,
      isCut: false,
      flaws: [],
    });
  });

  describe('--check', () => {
    const flawed = archive(
      'Content-Type: text/x-shellscript\n#!/bin/sh\necho hunter2',
      'Content-Type: application/node.eks.aws\n\n---\n',
      'Content-Type: text/x-shellscript\nContent-Disposition: attachment; filename="a\x1b.sh"\n\n\n#!/bin/sh',
    );

    it('prints what each agent would do with each part, and exits with 8 when one would not run', async () => {
      emulator.set('user-data', flawed);
      const { code, stdout, stderr } = await userData('--check');
      assert.deepEqual([code, stderr], [8, '']);
      assert.equal(
        stdout.toString(),
        `\
KIND             LINE  CLOUD-INIT  NODEADM  EC2LAUNCH  BOTTLEROCKET  IGNITION  NAME
script           6     run         ignored  ignored    refused       refused
eks-node-config  11    ignored     refused  ignored    refused       refused
script           17    refused     ignored  ignored    refused       refused   a\\x1b.sh

line 6: no empty line between the MIME header and this: nodeadm refuses the whole archive, cloud-init reads it all the same
line 17: there is whitespace before #!, so the kernel cannot execute the script: delete it
line 11: no agent runs this eks-node-config, because of a problem elsewhere in the archive
`,
      );
    });

    it('exits with 0 when every part would be run, and remarks on flaws all the same', async () => {
      emulator.set('user-data', '#!/bin/sh\n');
      assert.match(printed(await userData('--check')), /^KIND .*\nscript {2}1 .*run [^\n]*\n$/);
      emulator.set('user-data', archive(named('a.sh', '#!/bin/sh')).replace('--B--\n', ''));
      assert.match(printed(await userData('--check')), /\n\nline 8: the last boundary of the MIME archive is missing/);
    });

    it('says that nobody knows a part', async () => {
      emulator.set('user-data', 'hello hunter2');
      const { code, stdout } = await userData('--check');
      assert.equal(code, 8);
      assert.match(stdout.toString(), /\n\nline 1: no agent recognises this, so nothing is done with it\n$/);
    });

    it('prints a document with --json, and nothing of the user data', async () => {
      emulator.set('user-data', flawed);
      const { code, stdout } = await userData('--check', '--json');
      assert.equal(code, 8);
      assert.ok(!stdout.includes('hunter2'));
      const { size, isFine, flaws, parts } = JSON.parse(stdout.toString());
      assert.deepEqual([size, isFine, flaws, parts.length], [Buffer.byteLength(flawed), false, [], 3]);
      const [{ flaws: first, ...script }] = parts;
      assert.deepEqual(script, {
        kind: 'script',
        contentType: 'text/x-shellscript',
        line: 6,
        runs: true,
        fates: {
          'cloud-init': 'run',
          nodeadm: 'ignored',
          EC2Launch: 'ignored',
          Bottlerocket: 'refused',
          Ignition: 'refused',
        },
      });
      assert.deepEqual([first[0].flaw, first[0].line, typeof first[0].detail], ['missing-empty-line', 6, 'string']);
    });

    it('is a table or a list of parts, not both', async () => {
      assert.equal((await userData('--check', '--parts')).code, 2);
    });
  });

  for (const args of [[], ['--parts'], ['--json'], ['--check']]) {
    it(`says that there is none, and exits with 5: ${['imds user-data', ...args].join(' ')}`, async () => {
      emulator.remove('user-data');
      const { code, stdout, stderr } = await userData(...args);
      assert.deepEqual([code, stdout.length], [5, 0]);
      assert.match(stderr, /^imds: there is nothing at \/latest\/user-data .*\nhint: .*without user data.*\n$/);
    });
  }

  for (const option of ['--parts', '--json', '--check'])
    it(`says with ${option} that it cannot be decoded, exits with 8, and quotes nothing`, async () => {
      const broken = gzipSync('#!/bin/sh\necho hunter2\n', { level: 0 }).subarray(0, -4);
      emulator.set('user-data', broken);
      const { code, stdout, stderr } = await userData(option);
      assert.deepEqual([code, stdout.length], [8, 0]);
      assert.match(stderr, /^imds: The user data is gzip, but broken\nhint: .*imds user-data.*\n$/);
      assert.ok(!stderr.includes('hunter2'));
      assert.deepEqual((await userData()).stdout, broken);
    });

  it('opens a MIME archive as the built command, too', async () => {
    emulator.set('user-data', decoded);
    const { code, stdout, stderr } = await outcomeOf(start(['user-data', '--parts', '--endpoint', emulator.url]));
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(stdout, (await userData('--parts')).stdout);
  });

  it('prints a table or a document, not both', async () => {
    const { code, stderr } = await userData('--parts', '--json');
    assert.equal(code, 2);
    assert.match(stderr, /^imds: .*--json.*--parts.*\n/);
    assert.equal(emulator.requests.length, 0);
  });
});
