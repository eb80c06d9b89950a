import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import MailComposer from 'nodemailer/lib/mail-composer';
import { ImdsDecodeError } from '../../../src/errors.js';
import { decodeUserData } from '../../../src/user-data/decode.js';
import { assertHeldBriefly } from '../../support/event-loop.js';

const mebibyte = 2 ** 20;

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

/** Fragments of archives, tags and first lines in any order. */
const fragments = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...[
          'MIME-Version: 1.0\n',
          'mime-version:',
          'Content-Type: multipart/mixed; boundary="B"\n',
          '\n',
          '\r\n',
          '\r',
        ],
        ...['Content-Type: multipart/mixed; boundary=C\n', '--B', '--B\n', '--B--\n', '--C\n', '--C--\n', '--', ' '],
        ...['Content-Type: text/x-shellscript; charset="x\n', 'Content-Type: application/gzip\n', 'Content-Type:\n'],
        ...[
          'Content-Transfer-Encoding: base64\n',
          'Content-Transfer-Encoding: quoted-printable\n',
          '=3',
          '=\n',
          'AAA=',
        ],
        ...["Content-Disposition: attachment; filename*0*=utf-16''%D8%00", ';filename*1=b\n', '=?iso-2022-jp?Q?=1B?='],
        ...['#!', '#cloud-config', '## template: jinja\n', '<script>', '</script>', '<powershell>', '<persist>true'],
        ...['version: 1.0\n', 'tasks:\n', 'From x\n', 'POST x\n', 'message/rfc822\n', 'multipart/digest\n', ':', '('],
      ),
      fc.string({ unit: 'binary', maxLength: 10 }),
    ),
    { maxLength: 40 },
  )
  .map((strings) => Buffer.from(strings.join(''), 'latin1'));

const archive = fragments.map((content) =>
  Buffer.concat([Buffer.from('MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\n'), content]),
);

const zipped = (content: fc.Arbitrary<Buffer>) => content.map((each) => gzipSync(each));
const base64 = (content: fc.Arbitrary<Buffer>) => content.map((each) => Buffer.from(each.toString('base64')));
const plain = fc.oneof(bytes, fragments, archive);

/** The same with a byte changed, or cut off. */
const damaged = (content: fc.Arbitrary<Buffer>) =>
  fc.tuple(content, fc.nat(), fc.nat(255), fc.boolean()).map(([whole, position, byte, isCut]) => {
    const at = position % (whole.length + 1);
    return isCut
      ? whole.subarray(0, at)
      : Buffer.concat([whole.subarray(0, at), Buffer.of(byte), whole.subarray(at + 1)]);
  });
const anything = fc.oneof(plain, zipped(plain), base64(plain), damaged(zipped(plain)), base64(damaged(zipped(plain))));

const kindsByType = {
  'text/cloud-config': 'cloud-config',
  'text/cloud-boothook': 'boothook',
  'text/x-shellscript-per-boot': 'script-per-boot',
  'application/node.eks.aws': 'eks-node-config',
  'application/octet-stream': 'unknown',
} as const;
const types = ['text/cloud-config', 'text/cloud-boothook', 'text/x-shellscript-per-boot'] as const;
const attachment = fc.record({
  contentType: fc.constantFrom(...types, 'application/node.eks.aws', 'application/octet-stream'),
  contentTransferEncoding: fc.constantFrom('base64', 'quoted-printable'),
  filename: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((name) => name.trim() === name),
  // Content that begins like gzip would be unpacked.
  content: bytes.filter((content) => content[0] !== 0x1f),
});
const wrapping = fc.record({ isGzipped: fc.boolean(), isBase64: fc.boolean() });

describe('decodeUserData() with arbitrary input', () => {
  const seed = Number(process.env['FAST_CHECK_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
  const check = <T>(property: fc.IAsyncProperty<T>, numRuns: number) => fc.assert(property, { seed, numRuns });
  before(() => console.log(`    FAST_CHECK_SEED=${seed}`));

  it('returns parts within the limits, or throws ImdsDecodeError', async () => {
    await check(
      fc.asyncProperty(anything, async (raw) => {
        const before = Buffer.from(raw);
        try {
          const userData = await decodeUserData(raw);
          const { parts } = userData;
          assert.ok(parts.length > 0 && parts.length <= 256);
          assert.ok(parts.reduce((sum, { content }) => sum + content.length, 0) <= raw.length + 8 * mebibyte);
          for (const { kind, text, content } of parts) {
            assert.match(kind, /^[a-z0-9-]+$/);
            assert.ok(text === undefined || Buffer.from(text).equals(content));
          }
          assert.match(inspect(userData), /^UserData \{ size: \d+, parts: \[ ([a-z0-9-]+ \(\d+ bytes\)(, )?)+ \] \}$/);
        } catch (error) {
          assert.ok(error instanceof ImdsDecodeError, inspect(error));
        }
        assert.deepEqual(raw, before);
      }),
      600,
    );
  });

  it('leaves base64 of nothing known as it is', async () => {
    await check(
      fc.asyncProperty(base64(bytes.map((content) => Buffer.concat([Buffer.from('x'), content]))), async (raw) => {
        const { isBase64, parts } = await decodeUserData(raw);
        assert.equal(isBase64, false);
        assert.deepEqual(parts[0]?.content, raw);
      }),
      300,
    );
  });

  it('returns the attachments of an archive, in gzip, in base64', async () => {
    await check(
      fc.asyncProperty(fc.array(attachment, { minLength: 2, maxLength: 5 }), wrapping, async (attachments, wrap) => {
        const message = await new MailComposer({ attachments }).compile().build();
        const packed = wrap.isGzipped ? gzipSync(message) : message;
        const userData = await decodeUserData(wrap.isBase64 ? Buffer.from(packed.toString('base64')) : packed);
        assert.deepEqual(
          userData.parts.map(({ kind, contentType, name, content }) => ({ kind, contentType, name, content })),
          attachments.map(({ contentType, filename, content }) => ({
            kind: kindsByType[contentType],
            contentType,
            name: filename,
            content,
          })),
        );
        const { isGzipped, isBase64, isMime, isCut } = userData;
        assert.deepEqual({ isGzipped, isBase64, isMime, isCut }, { ...wrap, isMime: true, isCut: false });
      }),
      200,
    );
  });

  it('returns the parts of an archive byte for byte', async () => {
    // A carriage return at the end would belong to the line break before the boundary.
    const body = bytes.filter((content) => content[0] !== 0x1f && content.at(-1) !== 0x0d);
    const start = (lineBreak: string, type: string) =>
      Buffer.from(`--b o u n d a r y${lineBreak}Content-Type: ${type}${lineBreak}${lineBreak}`);
    await check(
      fc.asyncProperty(
        fc.array(body, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('\n', '\r\n'),
        async (bodies, lineBreak) => {
          const head = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b o u n d a r y"\n\n';
          const parts = bodies.flatMap((body) => [start(lineBreak, 'text/cloud-config'), body, Buffer.from(lineBreak)]);
          const raw = Buffer.concat([Buffer.from(head), ...parts, Buffer.from('--b o u n d a r y--')]);
          const userData = await decodeUserData(raw);
          assert.deepEqual(
            userData.parts.map(({ content }) => content),
            bodies,
          );
          assert.equal(userData.isCut, false);
        },
      ),
      200,
    );
  });

  const head = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\n';
  const encoded = `${head}Content-Transfer-Encoding:`;
  for (const [start, unit] of [
    ['', '\n'],
    ['', 'QUFB'],
    ['', '<script>'],
    ['', '<script><powershell>'],
    ['</script></powershell>', '<script>'],
    ['', '<script></script>'],
    ['', '<persist> '],
    ['version: 1.0', '\n'],
    ['', 'apiVersion: \n'],
    ['{"ignition":', '['],
    [head, '--\n'],
    [head, '--B\n'],
    [head, '--B '],
    [`${head}\n`, '\r'],
    [`${head}\n`, '\r\n'],
    [`${head}\n`, '\n'],
    [`${encoded} base64\n\n`, 'QUFB\n'],
    [`${encoded} quoted-printable\n\n`, '=41'],
    [`${head}Content-Type: text/plain`, '; a="('],
    [`${head}Content-Transfer-Encoding: `, '('],
    ['MIME-Version: 1.0\n', ' \n'],
  ] as const)
    it(`blocks the event loop for at most 50 ms for 1 MiB of ${JSON.stringify(unit)}`, async () => {
      const content = Buffer.from(start + unit.repeat(Math.floor((mebibyte - start.length) / unit.length)));
      await assertHeldBriefly(() =>
        decodeUserData(content).catch((error) => assert.ok(error instanceof ImdsDecodeError)),
      );
    });
});
