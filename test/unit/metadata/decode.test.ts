import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { ImdsDecodeError } from '../../../src/errors.js';
import * as decode from '../../../src/metadata/decode.js';
import { isFrozen } from '../../support/frozen.js';

const path = '/latest/meta-data/thing';
const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** The value, or the message of the refusal. */
function outcome(decoder: decode.Decoder<unknown>, body: string | Buffer): unknown {
  try {
    return decoder(Buffer.from(body), path);
  } catch (error) {
    assert.ok(error instanceof ImdsDecodeError, inspect(error));
    assert.equal(error.cause, undefined);
    return `! ${error.message}`;
  }
}

const refused = (expected: string) => `! Expected ${expected} from ${path}, got something else`;
const empty = (expected: string) => `! Expected ${expected} from ${path}, got an empty answer`;

const cases: Record<string, [decoder: decode.Decoder<unknown>, cases: [body: string | Buffer, outcome: unknown][]]> = {
  text: [
    decode.text,
    [
      ['i-0abc', 'i-0abc'],
      ['i-0abc\n', 'i-0abc'],
      ['i-0abc\r\n', 'i-0abc'],
      ['i-0abc\n\n', 'i-0abc\n'],
      ['a\nb\n', 'a\nb'],
      [' padded ', ' padded '],
      ['Zürich', 'Zürich'],
      ['\ufeffmarked', '\ufeffmarked'],
      ['', empty('a text')],
      ['\n', empty('a text')],
      ['\r\n\n', empty('a text')],
      [latin1('Zürich'), refused('UTF-8 text')],
    ],
  ],
  textOrEmpty: [
    decode.textOrEmpty,
    [
      ['', ''],
      ['\n', ''],
      ['web-1\n', 'web-1'],
      [latin1('é'), refused('UTF-8 text')],
    ],
  ],
  utf8: [
    decode.utf8,
    [
      ['', ''],
      ['a\n', 'a\n'],
      [latin1('é'), refused('UTF-8 text')],
    ],
  ],
  integer: [
    decode.integer,
    [
      ['0', 0],
      ['17\n', 17],
      ['9007199254740991', Number.MAX_SAFE_INTEGER],
      ...['-1', '+1', '1.0', '1e3', '0x10', '007', ' 1', '1 2', 'one', '9007199254740992'].map(
        (body): [string, string] => [body, refused('a whole number')],
      ),
      ['', empty('a whole number')],
    ],
  ],
  boolean: [
    decode.boolean,
    [
      ['true', true],
      ['false\n', false],
      ...['True', '1', 'yes', 'true '].map((body): [string, string] => [body, refused('true or false')]),
      ['', empty('true or false')],
    ],
  ],
  lines: [
    decode.lines,
    [
      ['one', ['one']],
      ['one\ntwo/', ['one', 'two/']],
      ['one\r\ntwo\r\n', ['one', 'two']],
      ['\none\n\n\ntwo\n', ['one', 'two']],
      ['', empty('one entry per line')],
      ['\n\n', empty('one entry per line')],
      [latin1('é'), refused('UTF-8 text')],
    ],
  ],
  publicKeys: [
    decode.publicKeys,
    [
      ['0=my-public-key', [{ index: 0, name: 'my-public-key' }]],
      [
        '0=a=b,c\n12=d\n',
        [
          { index: 0, name: 'a=b,c' },
          { index: 12, name: 'd' },
        ],
      ],
      ...['my-public-key', '0=', '=key', '-1=key', '0 = key', '0=key\nopenssh-key'].map((body): [string, string] => [
        body,
        refused('lines of the form 0=name'),
      ]),
    ],
  ],
  instantIfAny: [
    decode.instantIfAny,
    [
      ['2015-01-05T18:02:00Z', '2015-01-05T18:02:00Z'],
      ['2015-01-05T18:02:00.125Z\n', '2015-01-05T18:02:00.125Z'],
      ['2015-01-05T18:02:00', '2015-01-05T18:02:00Z'],
      ['2015-01-05T18:02:00+00:00', '2015-01-05T18:02:00Z'],
      ['2015-01-05T20:02:00.5+0200', '2015-01-05T18:02:00.500Z'],
      ['2015-01-05 18:02:00 UTC', '2015-01-05T18:02:00Z'],
      ['5 Jan 2015 18:02:00 GMT', '2015-01-05T18:02:00Z'],
      ['Mon, 05 Jan 2015 18:02:00 GMT', '2015-01-05T18:02:00Z'],
      ...['', 'soon', '2015-01-05', '2015-01-05T18:02', '1420480920', '2015-01-05T18:02:00 CET'].map(
        (body): [string, undefined] => [body, undefined],
      ),
      ...['2015-02-30T00:00:00Z', '2015-01-05T25:00:00Z', '2015-01-05T24:00:00Z', '2015-01-05T18:02:00+99:00'].map(
        (body): [string, undefined] => [body, undefined],
      ),
    ],
  ],
  bytes: [
    decode.bytes,
    [
      ['', Buffer.alloc(0)],
      [Buffer.from([0x1f, 0x8b, 0xff, 0x0a]), Buffer.from([0x1f, 0x8b, 0xff, 0x0a])],
    ],
  ],
};

describe('decoding', () => {
  for (const [name, [decoder, table]] of Object.entries(cases))
    describe(name, () => {
      for (const [body, expected] of table)
        it(`makes ${inspect(expected)} of ${inspect(body)}`, () => {
          assert.deepEqual(outcome(decoder, body), expected);
        });
    });

  it('freezes lists, which are shared between callers', () => {
    assert.ok(isFrozen(decode.lines(Buffer.from('one\ntwo'), path)));
    assert.ok(isFrozen(decode.publicKeys(Buffer.from('0=one'), path)));
  });
});
