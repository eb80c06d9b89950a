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
    ['http://169.254.169.254/latest/', /is a URL: expected a path alone/],
    ['HTTP://x', /is a URL/],
    ['//evil/', /begins with a second slash/],
    ['/latest/meta-data/a\r\nX-Header: y', /holds a control character/],
    ['a\0', /holds a control character/],
    ['a\x7f', /holds a control character/],
    ['my key', /holds a space/],
    ['a?x=1', /holds a query or fragment/],
    ['?', /holds a query or fragment/],
    ['a#b', /holds a query or fragment/],
    ['..\\a', /holds a backslash/],
    ['ä', /holds a character that is not one of a URL path: expected it percent-encoded/],
    ['a\u0085', /holds a character that is not one of a URL path/],
    ['a\u2028', /holds a character that is not one of a URL path/],
    ['a/\uff0e\uff0e/b', /holds a character that is not one of a URL path/],
    ...[...'"<>^`{|}[]'].map((c): [string, RegExp] => [`a${c}`, /holds a character that is not one of a URL path/]),
    ['a%', /holds a % that encodes nothing/],
    ['a%2', /holds a % that encodes nothing/],
    ['a%2g', /holds a % that encodes nothing/],
    ['%u002e%u002e', /holds a % that encodes nothing/],
    ['..', /holds a \. or \.\. segment/],
    ['.', /holds a \. or \.\. segment/],
    ['/..', /holds a \. or \.\. segment/],
    ['a/../b', /holds a \. or \.\. segment/],
    ['a/./b', /holds a \. or \.\. segment/],
    ['a/..', /holds a \. or \.\. segment/],
    ['/latest/%2e%2e/x', /holds a \. or \.\. segment/],
    ['%2E./x', /holds a \. or \.\. segment/],
    ['.%2e/x', /holds a \. or \.\. segment/],
    ['a%2f..%2fb', /holds a \. or \.\. segment/],
    ['a%2F%2e%2E%5cb', /holds a \. or \.\. segment/],
    ['a%0ab', /holds an encoded control character/],
    ['a%00', /holds an encoded control character/],
    ['a%1Fb', /holds an encoded control character/],
    ['a%7Fb', /holds an encoded control character/],
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
        message: `the path given is of type ${typeof path}: expected text`,
      });
    });
  }
});
