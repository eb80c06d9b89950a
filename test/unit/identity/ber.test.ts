import assert from 'node:assert/strict';
import { type ImdsError, isImdsError } from '../../../src/errors.js';
import { type Element, readElement } from '../../../src/identity/ber.js';

const read = (hex: string): Element => readElement(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (bytes: Buffer): string => bytes.toString('hex');

describe('readElement()', () => {
  const readable: readonly [string, string, { tag: number; contents: string; children?: number }][] = [
    ['a primitive element', '0203 010203', { tag: 0x02, contents: '010203' }],
    ['an empty element', '0500', { tag: 0x05, contents: '' }],
    ['a SEQUENCE', '3006 020101 020102', { tag: 0x30, contents: '020101020102', children: 2 }],
    ['an empty SEQUENCE', '3000', { tag: 0x30, contents: '' }],
    ['a context tag', 'a003 020101', { tag: 0xa0, contents: '020101', children: 1 }],
    ['an indefinite length', '3080 020101 0000', { tag: 0x30, contents: '020101', children: 1 }],
    ['an indefinite length around nothing', '3080 0000', { tag: 0x30, contents: '' }],
    [
      'indefinite lengths within each other',
      '3080 a080 0401 ff 0000 0000',
      { tag: 0x30, contents: 'a0800401ff0000', children: 1 },
    ],
    ['zeros in contents, which are no end', '3080 0402 0000 0000', { tag: 0x30, contents: '04020000', children: 1 }],
    [
      'a definite length within an indefinite one',
      '3080 3003 020101 0000',
      { tag: 0x30, contents: '3003020101', children: 1 },
    ],
    [
      'an indefinite length within a definite one',
      '3007 3080 020101 0000',
      { tag: 0x30, contents: '30800201010000', children: 1 },
    ],
    ['a length in one more octet', `0481 80 ${'11'.repeat(128)}`, { tag: 0x04, contents: '11'.repeat(128) }],
    ['a length in two more octets', `0482 0100 ${'11'.repeat(256)}`, { tag: 0x04, contents: '11'.repeat(256) }],
    [
      'sixteen levels',
      `${'3080'.repeat(16)}0500${'0000'.repeat(16)}`,
      { tag: 0x30, contents: `${'3080'.repeat(15)}0500${'0000'.repeat(15)}`, children: 1 },
    ],
  ];
  for (const [title, given, { tag, contents, children = 0 }] of readable) {
    it(`reads ${title}`, () => {
      const element = read(given);
      assert.equal(element.tag, tag);
      assert.equal(hex(element.contents), contents);
      assert.equal(element.children.length, children);
      assert.equal(hex(element.bytes), given.replaceAll(' ', ''));
    });
  }

  it('gives the bytes of each child, and whether its length is definite', () => {
    const { children } = read('3080 3080 020101 0000 0402 0506 a003 0500 0000'.replace('a003', 'a002'));
    assert.deepEqual(
      children.map(({ bytes, definite }) => [hex(bytes), definite]),
      [
        ['30800201010000', false],
        ['04020506', true],
        ['a0020500', true],
      ],
    );
  });

  const unreadable: readonly [string, string, RegExp][] = [
    ['no bytes', '', /truncated/],
    ['a tag alone', '30', /truncated/],
    ['contents cut short', '0403 0102', /truncated/],
    ['a length cut short', '0482 01', /truncated/],
    ['a child longer than its parent', '3003 0204 0102', /truncated/],
    ['a child longer than its parent, though more follows', '3007 3002 0203 010100', /truncated/],
    ['a missing end', '3080 020101', /truncated/],
    ['half an end', '3080 020101 00', /truncated/],
    ['an end with contents', '3080 020101 0001 00', /end with contents/],
    ['an end within a definite length', '3002 0000', /ends too early/],
    ['an end alone', '0000', /ends too early/],
    ['bytes after the end', '0500 00', /bytes after its end/],
    ['bytes after an indefinite end', '3080 0000 0000', /bytes after its end/],
    ['a primitive element of indefinite length', '0480 0000', /without a length/],
    ['a tag above 30', '1f8101 00', /tag above 30/],
    ['a length of three octets', '0483 010000', /excessive length/],
    ['a length of 126 octets', '04fe', /excessive length/],
    ['the reserved length', '04ff', /excessive length/],
    ['a short length in the long form', '0481 01 11', /overlong length/],
    ['a length with a leading zero', `0482 0080 ${'11'.repeat(128)}`, /overlong length/],
    ['a zero length in the long form', '0481 00', /overlong length/],
    ['seventeen levels', `${'3080'.repeat(17)}0500${'0000'.repeat(17)}`, /nested too deep/],
    ['30,000 levels', '30 80'.repeat(30_000), /nested too deep/],
    ['30,000 levels of context tags', 'a0 80'.repeat(30_000), /nested too deep/],
  ];
  for (const [title, given, message] of unreadable) {
    it(`refuses ${title}`, () => {
      assert.throws(
        () => read(given),
        (error: ImdsError) => isImdsError(error) && error.code === 'ERR_IMDS_IDENTITY' && message.test(error.message),
      );
    });
  }

  it('reads 30,000 elements', () => {
    const { children } = readElement(
      Buffer.concat([Buffer.of(0x30, 0x80), Buffer.alloc(60_000, Buffer.of(5, 0)), Buffer.alloc(2)]),
    );
    assert.equal(children.length, 30_000);
  });
});
