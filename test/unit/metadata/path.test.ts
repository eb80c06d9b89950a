import assert from 'node:assert/strict';
import { isImdsError } from '../../../src/errors.js';
import { absolutePath } from '../../../src/metadata/path.js';

describe('the path rule', () => {
  const accepted: readonly [string, string][] = [
    ['instance-id', '/latest/meta-data/instance-id'],
    ['placement/region', '/latest/meta-data/placement/region'],
    ['network/interfaces/macs/0e:49:61:0f:c3:11/', '/latest/meta-data/network/interfaces/macs/0e:49:61:0f:c3:11/'],
    ['meta-data', '/latest/meta-data'],
    ['meta-data/', '/latest/meta-data/'],
    ['meta-data/instance-id', '/latest/meta-data/instance-id'],
    ['meta-database', '/latest/meta-data/meta-database'],
    ['dynamic', '/latest/dynamic'],
    ['dynamic/instance-identity/document', '/latest/dynamic/instance-identity/document'],
    ['dynamics', '/latest/meta-data/dynamics'],
    ['user-data', '/latest/user-data'],
    ['user-data/', '/latest/user-data/'],
    ['user-data-script', '/latest/meta-data/user-data-script'],
    ['latest/meta-data', '/latest/meta-data/latest/meta-data'],
    ['/', '/'],
    ['/latest/user-data', '/latest/user-data'],
    ['/2021-03-23/meta-data/instance-id', '/2021-03-23/meta-data/instance-id'],
    ['/latest//meta-data/instance-id', '/latest//meta-data/instance-id'],
    ['tags/instance/a+b=c@d,e_f', '/latest/meta-data/tags/instance/a+b=c@d,e_f'],
    ['tags/instance/my%20key', '/latest/meta-data/tags/instance/my%20key'],
    ['tags/instance/%C3%A4', '/latest/meta-data/tags/instance/%C3%A4'],
    ['a...b/..c/d../.e', '/latest/meta-data/a...b/..c/d../.e'],
    ['...', '/latest/meta-data/...'],
    ['http:/x', '/latest/meta-data/http:/x'],
  ];
  for (const [path, absolute] of accepted) {
    it(`makes ${absolute} of '${path}'`, () => assert.equal(absolutePath(path), absolute));
  }

  const refused: readonly [string, RegExp][] = [
    ['', /is empty/],
    ['http://169.254.169.254/latest/', /is a URL: expected only its path/],
    ['HTTP://x', /is a URL/],
    ['//evil/', /begins with a second slash/],
    ['/latest/meta-data/a\r\nX-Header: y', /contains a control character/],
    ['a\0', /contains a control character/],
    ['a\x7f', /contains a control character/],
    ['my key', /contains a space/],
    ['a?x=1', /contains a query or fragment/],
    ['?', /contains a query or fragment/],
    ['a#b', /contains a query or fragment/],
    ['..\\a', /contains a backslash/],
    ['ä', /contains a character that is not allowed in a URL path: expected it percent-encoded/],
    ['a\u0085', /contains a character that is not allowed in a URL path/],
    ['a\u2028', /contains a character that is not allowed in a URL path/],
    ['a/\uff0e\uff0e/b', /contains a character that is not allowed in a URL path/],
    ...[...'"<>^`{|}[]'].map((c): [string, RegExp] => [
      `a${c}`,
      /contains a character that is not allowed in a URL path/,
    ]),
    ['a%', /contains a % that encodes nothing/],
    ['a%2', /contains a % that encodes nothing/],
    ['a%2g', /contains a % that encodes nothing/],
    ['%u002e%u002e', /contains a % that encodes nothing/],
    ['..', /contains a \. or \.\. segment/],
    ['.', /contains a \. or \.\. segment/],
    ['/..', /contains a \. or \.\. segment/],
    ['a/../b', /contains a \. or \.\. segment/],
    ['a/./b', /contains a \. or \.\. segment/],
    ['a/..', /contains a \. or \.\. segment/],
    ['/latest/%2e%2e/x', /contains a \. or \.\. segment/],
    ['%2E./x', /contains a \. or \.\. segment/],
    ['.%2e/x', /contains a \. or \.\. segment/],
    ['a%2f..%2fb', /contains a \. or \.\. segment/],
    ['a%2F%2e%2E%5cb', /contains a \. or \.\. segment/],
    ['a%0ab', /contains an encoded control character/],
    ['a%00', /contains an encoded control character/],
    ['a%1Fb', /contains an encoded control character/],
    ['a%7Fb', /contains an encoded control character/],
  ];
  for (const [path, message] of refused) {
    it(`refuses ${JSON.stringify(path)}`, () => {
      assert.throws(
        () => absolutePath(path),
        (error) => {
          assert.ok(isImdsError(error) && error.code === 'ERR_IMDS_PATH');
          assert.match(error.message, message);
          assert.ok(error.message.startsWith(`the path ${JSON.stringify(path)} `));
          assert.match(error.hint ?? '', /^Give a path such as placement\/region/);
          return true;
        },
      );
    });
  }

  for (const path of [undefined, null, 1, 1n, Symbol('x'), {}, ['instance-id'], new URL('http://127.0.0.1/x')]) {
    it(`refuses ${typeof path} ${Object.prototype.toString.call(path)} from JavaScript`, () => {
      assert.throws(() => Reflect.apply(absolutePath, undefined, [path]), {
        code: 'ERR_IMDS_PATH',
        message: `the path given is of type ${typeof path}: expected a string`,
      });
    });
  }
});
