import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { format, inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ImdsDecodeError } from '../../../src/errors.js';
import { decodeUserData, type UserData } from '../../../src/user-data/decode.js';

const script = '#!/bin/sh\necho hunter2\n';
const config = '#cloud-config\ntimezone: "Asia/Tokyo"\n';
const fixture = (name: string) => readFileSync(new URL(`../../fixtures/user-data/${name}`, import.meta.url));

const head = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n';
/** An archive of parts, each from its headers on. */
const archive = (...parts: readonly string[]) => `${head}${parts.map((part) => `--B\n${part}\n`).join('')}--B--\n`;
const leaf = (contentType: string, text: string) => `Content-Type: ${contentType}\n\n${text}`;
const base64 = (content: string | Buffer) => Buffer.from(content).toString('base64');

const decode = (content: string | Uint8Array) => decodeUserData(Buffer.from(content));
const textsOf = ({ parts }: UserData) => parts.map(({ kind, text }) => [kind, text]);

describe('decodeUserData()', () => {
  describe('plain user data', () => {
    it('gives one part for a shell script', async () => {
      const raw = Buffer.from(script);
      const userData = await decodeUserData(raw);
      const [part, ...others] = userData.parts;
      assert.ok(part);
      assert.equal(others.length, 0);
      assert.equal(userData.raw, raw);
      assert.deepEqual(
        { ...userData },
        {
          isBase64: false,
          isGzipped: false,
          isMime: false,
          isCut: false,
          flaws: [],
          parts: userData.parts,
        },
      );
      assert.deepEqual(
        { ...part },
        {
          kind: 'script',
          contentType: undefined,
          name: undefined,
          isGzipped: false,
          isTemplate: false,
          persists: false,
          line: 1,
          flaws: [],
        },
      );
      assert.deepEqual(part.content, Buffer.from(script));
      assert.equal(part.text, script);
    });

    it('gives one part for a cloud-config', async () => {
      assert.deepEqual(textsOf(await decode(config)), [['cloud-config', config]]);
    });

    it('gives a part for each Windows script', async () => {
      const { parts } = await decode('<script>dir</script><powershell>Get-Date</powershell><persist>true</persist>');
      assert.deepEqual(
        parts.map(({ kind, text, persists }) => [kind, text, persists]),
        [
          ['windows-script', 'dir', true],
          ['windows-powershell', 'Get-Date', true],
        ],
      );
    });

    it('gives bytes but not text when it is not UTF-8', async () => {
      // Latin-1, a lone surrogate, a code point too large, a sequence too long, UTF-16, UTF-8 that is cut.
      for (const bytes of ['e9', 'eda080', 'f4908080', 'c080', 'fffe2300', 'e3818']) {
        const content = Buffer.concat([Buffer.from('#!/bin/sh\n'), Buffer.from(bytes, 'hex')]);
        const [part] = (await decode(content)).parts;
        assert.ok(part);
        assert.deepEqual([part.kind, part.text, part.content], ['script', undefined, content]);
      }
    });

    it('keeps a byte order mark, which makes the kind unknown', async () => {
      assert.deepEqual(textsOf(await decode(`\ufeff${config}`)), [['unknown', `\ufeff${config}`]]);
    });

    it('does not mistake the first two bytes of gzip for gzip', async () => {
      const content = Buffer.from('1f8b0000', 'hex');
      const { isGzipped, parts } = await decode(content);
      assert.deepEqual([isGzipped, parts[0]?.kind, parts[0]?.content], [false, 'unknown', content]);
    });

    it('accepts empty user data', async () => {
      assert.deepEqual(textsOf(await decode('')), [['unknown', '']]);
    });

    it('accepts a view of a larger buffer', async () => {
      const larger = new Uint8Array(Buffer.from(`xx${script}xx`));
      const { parts } = await decodeUserData(larger.subarray(2, -2));
      assert.equal(parts[0]?.text, script);
    });
  });

  describe('gzip', () => {
    it('is unpacked', async () => {
      const userData = await decode(gzipSync(config));
      assert.equal(userData.isGzipped, true);
      assert.equal(userData.parts[0]?.isGzipped, false);
      assert.deepEqual(textsOf(userData), [['cloud-config', config]]);
      assert.deepEqual(userData.raw, gzipSync(config));
    });

    it('is unpacked when the gzip program made it', async () => {
      const userData = await decode(fixture('config.yaml.gz'));
      assert.deepEqual(textsOf(userData), [['cloud-config', fixture('config.yaml').toString()]]);
    });

    it('may consist of several members', async () => {
      const userData = await decode(Buffer.concat([gzipSync('#!/bin/sh\n'), gzipSync('id\n')]));
      assert.deepEqual(textsOf(userData), [['script', '#!/bin/sh\nid\n']]);
    });

    it('may hold nothing', async () => {
      assert.deepEqual(textsOf(await decode(gzipSync(''))), [['unknown', '']]);
    });

    it('may hold 1 MiB, and not a byte more', async () => {
      const most = Buffer.alloc(2 ** 20);
      assert.equal((await decode(gzipSync(most))).parts[0]?.content.length, most.length);
      await refused(gzipSync(Buffer.concat([most, Buffer.of(0)])), /^The user data unpacks to more than 1 MiB$/);
    });
  });

  describe('base64 on top', () => {
    it('is decoded', async () => {
      const userData = await decode(base64(script));
      assert.equal(userData.isBase64, true);
      assert.deepEqual(textsOf(userData), [['script', script]]);
      assert.deepEqual(userData.raw, Buffer.from(base64(script)));
    });

    it('is decoded around gzip around MIME', async () => {
      const userData = await decode(base64(gzipSync(archive(leaf('text/x-shellscript', script)))));
      const { isBase64, isGzipped, isMime } = userData;
      assert.deepEqual([isBase64, isGzipped, isMime], [true, true, true]);
      assert.deepEqual(textsOf(userData), [['script', script]]);
      assert.equal((await decode(base64(archive(leaf('text/plain', 'x'))))).isBase64, true);
    });

    for (const [title, text] of [
      ['a word that happens to be base64', 'production+1'],
      ['base64 of nothing known', base64('a secret of some program')],
      ['base64 in lines, as in cloud-init', `${base64(script)}\n`],
      ['base64 without its padding', base64('#!/bin/sh\n').replaceAll('=', '')],
      ['base64url', base64('#!/bin/sh\n???>>>').replaceAll('/', '_')],
    ] as const)
      it(`is not decoded: ${title}`, async () => {
        const userData = await decode(text);
        assert.equal(userData.isBase64, false);
        assert.deepEqual(textsOf(userData), [['unknown', text]]);
      });
  });

  describe('MIME', () => {
    it('is opened when cloud-init made it', async () => {
      const userData = await decode(fixture('make-mime.txt'));
      assert.deepEqual([userData.isMime, userData.isCut], [true, false]);
      assert.deepEqual(
        userData.parts.map(({ kind, contentType, name, content }) => [kind, contentType, name, content]),
        [
          ['script', 'text/x-shellscript', 'setup.sh', fixture('setup.sh')],
          ['cloud-config', 'text/cloud-config', 'config.yaml', fixture('config.yaml')],
          ['script-per-boot', 'text/x-shellscript-per-boot', 'boot.sh', fixture('boot.sh')],
        ],
      );
    });

    for (const name of ['write-mime-multipart.txt', 'write-mime-multipart.gz'])
      it(`is opened: ${name}`, async () => {
        const { parts, isGzipped } = await decode(fixture(name));
        assert.equal(isGzipped, name.endsWith('.gz'));
        assert.deepEqual(
          parts.map(({ kind, name, content }) => [kind, name, content]),
          [
            ['script', 'setup.sh', fixture('setup.sh')],
            ['cloud-config', 'config.yaml', fixture('config.yaml')],
            ['script-per-boot', 'boot.sh', fixture('boot.sh')],
            ['unknown', 'data.bin', fixture('data.bin')],
          ],
        );
      });

    it('is opened as nodeadm documents it', async () => {
      const nodeConfig = (spec: string) => `---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n${spec}`;
      const first = nodeConfig('  cluster:\n    name: my-cluster\n');
      const second = nodeConfig('  kubelet:\n    config:\n      shutdownGracePeriod: 30s\n');
      const type = 'application/node.eks.aws';
      assert.deepEqual(textsOf(await decode(archive(leaf(type, first), leaf(type, second)))), [
        ['eks-node-config', first],
        ['eks-node-config', second],
      ]);
    });

    it('keeps every byte of a part but the line break before the boundary', async () => {
      for (const body of [
        '',
        'x',
        'x\n',
        'x\n\n',
        '\nx',
        '\n',
        '\r\n',
        '\n\n',
        'x\r\n',
        'a\r\nb\nc\rd',
        '--',
        '--B-',
        ' --B',
        '--BB',
        '\0\x1f\x8b',
      ]) {
        const { parts } = await decode(archive(leaf('text/x-shellscript', body), leaf('text/plain', 'last')));
        assert.deepEqual(
          parts.map(({ text }) => text),
          [body, 'last'],
          JSON.stringify(body),
        );
      }
    });

    it('may have line breaks of either kind', async () => {
      const text = archive(leaf('text/cloud-config', 'a: b\nc: d')).replaceAll('\n', '\r\n');
      const userData = await decode(text);
      assert.deepEqual(textsOf(userData), [['cloud-config', 'a: b\r\nc: d']]);
      assert.equal(userData.isCut, false);
    });

    for (const [encoding, body, content] of [
      ['7bit', 'echo =41', 'echo =41'],
      ['8bit', 'ようこそ', 'ようこそ'],
      ['binary', 'a\rb', 'a\rb'],
      ['base64', `${base64('日本')}\n`, '日本'],
      ['BASE64', base64('x'.repeat(99)).replace(/.{76}/g, '$&\r\n'), 'x'.repeat(99)],
      ['quoted-printable', 'caf=C3=A9 =3D =\nsoft', 'café = soft'],
      ['x-unheard-of', 'as it is', 'as it is'],
    ] as const)
      it(`decodes the transfer encoding ${encoding}`, async () => {
        const part = `Content-Type: text/cloud-config\nContent-Transfer-Encoding: ${encoding}\n\n${body}`;
        assert.deepEqual(textsOf(await decode(archive(part))), [['cloud-config', content]]);
      });

    it('unpacks gzipped parts, whatever their media type says', async () => {
      const packed = (contentType: string, text: string) =>
        `Content-Type: ${contentType}\nContent-Transfer-Encoding: base64\n\n${base64(gzipSync(text))}`;
      const userData = await decode(
        archive(
          packed('application/gzip', script),
          packed('application/x-gzip-compressed; x=y', config),
          packed('application/node.eks.aws', '---\n'),
          packed('text/cloud-config', 'x: y'),
          leaf('text/cloud-config', 'x: y'),
        ),
      );
      assert.equal(userData.isGzipped, false);
      assert.deepEqual(
        userData.parts.map(({ kind, contentType, text, isGzipped }) => [kind, contentType, text, isGzipped]),
        [
          ['script', 'application/gzip', script, true],
          ['cloud-config', 'application/x-gzip-compressed', config, true],
          ['eks-node-config', 'application/node.eks.aws', '---\n', true],
          ['cloud-config', 'text/cloud-config', 'x: y', true],
          ['cloud-config', 'text/cloud-config', 'x: y', false],
        ],
      );
    });

    it('unpacks a gzipped part without transfer encoding', async () => {
      // Line breaks are among its bytes.
      const packed = gzipSync(`${script}\r\n\n\r`, { level: 0 });
      const start = `${head}--B\nContent-Type: application/gzip\nContent-Transfer-Encoding: binary\n\n`;
      const userData = await decode(Buffer.concat([Buffer.from(start), packed, Buffer.from('\n--B--\n')]));
      assert.equal(userData.parts[0]?.text, `${script}\r\n\n\r`);
    });

    it('recognises a part without a valid media type by its first line', async () => {
      const parts = [
        `\n${script}`,
        `Content-Disposition: attachment; filename="a.yaml"\n\n${config}`,
        leaf('shell', script),
      ];
      const userData = await decode(archive(...parts));
      assert.deepEqual(textsOf(userData), [
        ['script', script],
        ['cloud-config', config],
        ['script', script],
      ]);
      assert.deepEqual(
        userData.parts.map(({ contentType }) => contentType),
        [undefined, undefined, undefined],
      );
    });

    it('recognises parts of text/plain by their first line', async () => {
      const userData = await decode(
        archive(leaf('text/plain', script), leaf('text/plain', config), leaf('text/html', '<p>')),
      );
      assert.deepEqual(textsOf(userData), [
        ['script', script],
        ['cloud-config', config],
        ['unknown', '<p>'],
      ]);
    });

    it('names Windows scripts after their part', async () => {
      const part = `Content-Disposition: attachment; filename=w.txt\n\n<script>dir</script><powershell>ls</powershell>`;
      const { parts } = await decode(archive(part));
      assert.deepEqual(
        parts.map(({ kind, name, text }) => [kind, name, text]),
        [
          ['windows-script', 'w.txt', 'dir'],
          ['windows-powershell', 'w.txt', 'ls'],
        ],
      );
    });

    for (const [title, headers, name] of [
      ['quoted', 'Content-Disposition: attachment; filename="a b.sh"', 'a b.sh'],
      ['plain', 'content-disposition: attachment;filename=a.sh', 'a.sh'],
      ['in folded lines', 'Content-Disposition: attachment;\n\tfilename="a.sh"', 'a.sh'],
      ['of RFC 2231', "Content-Disposition: attachment; filename*=utf-8''na%C3%AFve.sh", 'naïve.sh'],
      ['of RFC 2047', 'Content-Disposition: attachment; filename="=?utf-8?Q?na=C3=AFve=2Esh?="', 'naïve.sh'],
      ['of the media type', 'Content-Type: text/x-shellscript; name="a.sh"', 'a.sh'],
      ['with directories', 'Content-Disposition: attachment; filename="../../etc/a.sh"', '../../etc/a.sh'],
      ['that is missing', 'Content-Disposition: attachment', undefined],
    ] as const)
      it(`reads a file name ${title}`, async () => {
        const { parts } = await decode(archive(`${headers}\n\n${script}`));
        assert.equal(parts[0]?.name, name);
      });

    it('ignores the charset of a part, as cloud-init does', async () => {
      for (const charset of ['us-ascii', 'iso-8859-1', 'utf-16', 'utf-7', 'x-unheard-of', '"'])
        assert.deepEqual(textsOf(await decode(archive(leaf(`text/cloud-config; charset=${charset}`, 'motd: é')))), [
          ['cloud-config', 'motd: é'],
        ]);
    });

    it('does not open message/rfc822', async () => {
      const message = 'Subject: hello\n\n#!/bin/sh\n';
      const part = `Content-Type: message/rfc822\nContent-Disposition: inline\n\n${message}`;
      assert.deepEqual(textsOf(await decode(archive(part))), [['unknown', message]]);
    });

    it('opens a part whose header is followed by no empty line, and marks it', async () => {
      const flawed = `Content-Type: text/x-shellscript\n${script}`;
      const { parts } = await decode(
        archive(leaf('text/cloud-config', 'a: b'), flawed, leaf('text/cloud-config', 'c: d')),
      );
      assert.deepEqual(
        parts.map(({ kind, text, line, flaws }) => [kind, text, line, flaws]),
        [
          ['cloud-config', 'a: b', 7, []],
          ['script', script, 10, [{ flaw: 'missing-empty-line', line: 10 }]],
          ['cloud-config', 'c: d', 16, []],
        ],
      );
    });

    it('opens one whose own header is followed by no empty line', async () => {
      const { parts } = await decode('MIME-Version: 1.0\nContent-Type: text/x-shellscript\n#!/bin/sh\n');
      assert.deepEqual(parts[0]?.flaws, [{ flaw: 'missing-empty-line', line: 3 }]);
      assert.equal(parts[0]?.text, '#!/bin/sh\n');
    });

    it('may have bare carriage returns as line ends', async () => {
      const whole = archive(leaf('text/cloud-config', 'a: b\nc: d'), leaf('text/x-shellscript', script));
      const text = whole.replaceAll('\n', '\r');
      const userData = await decode(text);
      assert.equal(userData.isCut, false);
      assert.deepEqual(textsOf(userData), [
        ['cloud-config', 'a: b\rc: d'],
        ['script', script.replaceAll('\n', '\r')],
      ]);
      assert.deepEqual(userData.parts[1]?.flaws, [{ flaw: 'carriage-return', line: 12 }]);
    });

    it('treats no line of a part as a boundary or a header', async () => {
      const text = 'Content-Type: multipart/mixed; boundary=X\n--X\n#!/bin/sh\n--X--\n';
      const userData = await decode(archive(leaf('text/x-shellscript', text), leaf('message/rfc822', text)));
      assert.deepEqual(
        userData.parts.map(({ text }) => text),
        [text, text],
      );
    });

    it('may be one part without a boundary', async () => {
      const text = `Content-Type: text/x-shellscript-per-boot\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n${base64(script)}\n`;
      const userData = await decode(text);
      assert.deepEqual([userData.isMime, userData.isCut], [true, false]);
      assert.deepEqual(textsOf(userData), [['script-per-boot', script]]);
    });

    it('may contain archives', async () => {
      const inner = (boundary: string, ...parts: readonly string[]) =>
        `Content-Type: multipart/mixed; boundary="${boundary}"\n\n${parts.map((part) => `--${boundary}\n${part}\n`).join('')}--${boundary}--`;
      const text = archive(
        leaf('text/cloud-config', 'n: 1'),
        inner('C', leaf('text/cloud-config', 'n: 2'), inner('D', leaf('text/cloud-config', 'n: 3'))),
        leaf('text/cloud-config', 'n: 4'),
      );
      assert.deepEqual(
        (await decode(text)).parts.map(({ text }) => text),
        ['n: 1', 'n: 2', 'n: 3', 'n: 4'],
      );
    });

    it('may have text before its first and after its last boundary', async () => {
      const text = archive(leaf('text/cloud-config', 'x: y')).replace('--B', 'This is MIME.\n--not this\n--B');
      const userData = await decode(`${text}\nThat was it.\n`);
      assert.deepEqual(textsOf(userData), [['cloud-config', 'x: y']]);
      assert.equal(userData.isCut, false);
    });

    it('has isCut when the last boundary is missing', async () => {
      const whole = archive(leaf('text/cloud-config', 'x: y'), leaf('text/x-shellscript', script));
      for (const [end, isCut] of [
        ['\n--B--', false],
        ['\n--B-- \t', false],
        ['\n--B-', true],
        ['\n', true],
        ['', true],
      ] as const) {
        const userData = await decode(whole.replace('\n--B--\n', end));
        assert.equal(userData.isCut, isCut, JSON.stringify(end));
        assert.deepEqual(
          userData.parts.map(({ kind }) => kind),
          ['cloud-config', 'script'],
        );
      }
    });

    it('has isCut even if a nested archive has its last boundary', async () => {
      const inner = `Content-Type: multipart/mixed; boundary="C"\n\n--C\n\nx\n--C--\n`;
      assert.equal((await decode(`${head}--B\n${inner}`)).isCut, true);
    });

    it('treats a boundary shared with a nested archive as the outer one, as cloud-init does', async () => {
      const inner = `Content-Type: multipart/mixed; boundary="B"\n\n`;
      const userData = await decode(`${head}--B\n${inner}--B\n${leaf('text/cloud-config', 'x: y')}\n--B--\nthe end\n`);
      assert.deepEqual(textsOf(userData), [['cloud-config', 'x: y']]);
      assert.equal(userData.isCut, false);
    });

    it('is recognised by mime-version within 4096 bytes, in any case', async () => {
      const rest = 'Content-Type: text/cloud-config\n\nx: y';
      const isMime = async (text: string) => (await decode(text)).isMime;
      assert.equal(await isMime(`mime-VERSION: 1.0\n${rest}`), true);
      assert.equal(await isMime(`X: ${'x'.repeat(4080 - 13)}\nMIME-Version: 1.0\n${rest}`), true);
      assert.equal(await isMime(`X: ${'x'.repeat(4081)}\nMIME-Version: 1.0\n${rest}`), false);
      assert.equal(await isMime(rest), false);
    });

    it('is not recognised in text that merely mentions MIME', async () => {
      for (const text of [
        `#!/bin/sh\nprintf 'MIME-Version: 1.0\\n\\nhello' | sendmail root\n`,
        `\n${archive(leaf('text/plain', 'x'))}`,
        `#cloud-config\nwrite_files:\n  - content: 'MIME-Version: 1.0'\n`,
      ])
        assert.equal((await decode(text)).isMime, false, text);
    });
  });

  describe('refuses', () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
    const quarter = (): string =>
      `Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n${base64(gzipSync(Buffer.alloc(2 ** 20)))}`;
    const nested = (depth: number): string =>
      Array.from({ length: depth }, (_, n) => `Content-Type: multipart/mixed; boundary="${n}-"\n\n--${n}-\n`).join('');
    const version = 'MIME-Version: 1.0\n';
    const packed = gzipSync(script);
    const broken = Buffer.from(packed);
    broken[15] = 0xff ^ (broken[15] ?? 0);

    for (const [title, content, message] of [
      ['gzip that is cut', packed.subarray(0, -9), /^The user data is gzip, but broken$/],
      ['gzip that is damaged', broken, /^The user data is gzip, but broken$/],
      ['the first bytes of gzip alone', Buffer.of(0x1f, 0x8b, 0x08), /^The user data is gzip, but broken$/],
      ['base64 of gzip that is cut', base64(packed.subarray(0, -9)), /^The user data is gzip, but broken$/],
      ['more than 1 MiB', Buffer.alloc(2 ** 20 + 1), /^The user data is larger than 1 MiB$/],
      ['16 KB that unpack to 64 MiB', bomb, /^The user data unpacks to more than 1 MiB$/],
      [
        'parts that unpack to more than 1 MiB together',
        archive(...Array.from({ length: 5 }, quarter)),
        /unpacks to more than 1 MiB$/,
      ],
      [
        'a part of broken gzip',
        archive(leaf('application/gzip', script)),
        /^A part of the user data is gzip, but broken$/,
      ],
      ['archives nested without end', version + nested(1000), /^The user data is MIME nested more than 16 deep$/],
      [
        'more than 256 parts',
        archive(...Array<string>(300).fill(`\n${script}`)),
        /^The user data has more than 256 parts$/,
      ],
      ['more than 256 Windows scripts', '<script>x</script>'.repeat(257), /^The user data has more than 256 parts$/],
      ['an archive without parts', archive(), /^The user data is MIME, but has no parts$/],
      ['an archive without a boundary', `${version}Content-Type: multipart/mixed\n\n--B\n`, /but has no parts$/],
      ['an archive cut before its first part', head.slice(0, -1), /but has no parts$/],
      ...[65_516, 65_533, 65_536].map(
        (length) =>
          [
            `a header of more than 64 KiB, cut within a name after ${length} bytes`,
            `${`${version}X: `.padEnd(length - 1, 'x')}\nSubject-of-a-long-name-that-goes-on-and-on: 1\n\nbody`,
            /^The user data is MIME, but cannot be read$/,
          ] as const,
      ),
      ['a header without end', `${version}X: ${'x'.repeat(70_000)}`, /^The user data is MIME, but cannot be read$/],
    ] as const)
      it(title, async () => {
        await refused(content, message);
      });

    it('but not 16 levels of nesting, nor 256 parts', async () => {
      assert.equal((await decode(`${version}${nested(16)}\n${script}`)).parts[0]?.text, script);
      const { parts } = await decode('<script>x</script>'.repeat(256));
      assert.equal(parts.length, 256);
    });
  });

  describe('console.log and JSON', () => {
    const secret = 'hunter2';
    const samples = {
      script,
      mime: archive(`Content-Type: text/${secret}\nContent-Disposition: attachment; filename="${secret}"\n\n${secret}`),
      windows: `<script>${secret}</script>`,
    };

    for (const [name, sample] of Object.entries(samples))
      it(`show only kinds and sizes (${name})`, async () => {
        const userData = await decode(sample);
        const text = userData.parts[0]?.text;
        assert.ok(text?.includes(secret));
        for (const shown of [
          inspect(userData),
          inspect({ userData }, { depth: 9, compact: false }),
          inspect(userData.parts, { showHidden: true, getters: true }),
          format('%s %o %O %j', userData.parts[0], userData.parts[0], [userData], undefined),
          String(userData),
        ])
          assert.ok(!shown.includes(secret), shown);
      });

    it('show one readable line', async () => {
      const userData = await decode(archive(leaf('text/x-shellscript', script), leaf('text/cloud-config', config)));
      assert.equal(inspect(userData), 'UserData { size: 206, parts: [ script (23 bytes), cloud-config (37 bytes) ] }');
      assert.equal(inspect(userData.parts[0]), "UserDataPart { kind: 'script', size: 23 }");
    });

    it('lack bytes and text, and so do copies', async () => {
      const userData = await decode(script);
      for (const shown of [JSON.stringify(userData), inspect({ ...userData }), inspect({ ...userData.parts[0] })])
        assert.ok(!shown.includes(secret), shown);
    });

    it('are given frozen objects', async () => {
      const { parts } = await decode(script);
      assert.ok(Object.isFrozen(parts) && Object.isFrozen(parts[0]));
    });
  });
});

/** Expects an error with this message, a hint, and nothing of the user data. */
async function refused(content: string | Uint8Array, message: RegExp): Promise<void> {
  await assert.rejects(decode(content), (error) => {
    assert.ok(error instanceof ImdsDecodeError, inspect(error));
    assert.equal(error.code, 'ERR_IMDS_DECODE');
    assert.match(error.message, message);
    assert.match(error.hint ?? '', /getBuffer\('user-data'\)/);
    assert.doesNotMatch(inspect(error), /hunter2|sendmail|#!|Content-Type/);
    return true;
  });
}
