import assert from 'node:assert/strict';
import { requestFailed, statusError } from '../../../src/client/failures.js';
import { type ImdsError, ImdsForbiddenError, ImdsResponseError } from '../../../src/errors.js';

describe('statusError()', () => {
  const target = 'GET http://127.0.0.1:1338/x';
  const cases: readonly [number, (error: ImdsError) => void][] = [
    [
      403,
      (error) => {
        assert.ok(error instanceof ImdsForbiddenError);
        assert.match(
          error.hint ?? '',
          /HttpEndpoint=disabled.*--http-endpoint enabled.*X-Forwarded-For.*Docker Desktop/,
        );
      },
    ],
    [
      301,
      (error) => {
        assert.ok(error instanceof ImdsResponseError && error.fault === 'redirect');
        assert.equal(error.message, `${target} returned a redirect (301), which is not followed`);
      },
    ],
    [400, (error) => assert.ok(error instanceof ImdsResponseError && error.fault === 'status')],
    [503, (error) => assert.ok(error instanceof ImdsResponseError && error.fault === 'status')],
    [200, (error) => assert.ok(error instanceof ImdsResponseError && error.statusCode === 200)],
  ];
  for (const [statusCode, check] of cases) {
    it(`${statusCode} is named with what was tried`, () => {
      const error = statusError(statusCode, target);
      assert.ok(error.message.startsWith(`${target} returned `));
      assert.match(error.message, new RegExp(String(statusCode)));
      check(error);
    });
  }

  it('appends a note of the caller to the hint of a 403', () => {
    assert.match(statusError(403, 'PUT x', 'IMDSv1 was not tried.').hint ?? '', /\. IMDSv1 was not tried\.$/);
  });
});

describe('requestFailed()', () => {
  const offEC2 = /^Is this an EC2 instance\? .* HttpProtocolIpv6\. Elsewhere, run `imds emulate`/;
  const hints: readonly [code: string, hint: RegExp, endpoint?: string][] = [
    ['ECONNREFUSED', /^Nothing answers at this endpoint/],
    ['EHOSTUNREACH', offEC2, 'http://169.254.169.254'],
    ['ENETUNREACH', offEC2, 'http://[fd00:ec2::254]'],
    ['EACCES', /prohibit route/],
    ['ERR_ACCESS_DENIED', /permission model.*--allow-net/],
  ];
  for (const [code, hint, endpoint = 'http://127.0.0.1:1338'] of hints)
    it(`without a connection, ${code} says what helps`, () => {
      const error = requestFailed({ code, message: code }, `GET ${endpoint}/x`, false, undefined);
      assert.equal(error.code, 'ERR_IMDS_UNREACHABLE');
      assert.match(error.hint ?? '', hint);
    });

  const reply = { statusCode: 200 };
  for (const [code, received, message] of [
    ['ECONNRESET', undefined, 'got no reply: the connection was closed'],
    ['ECONNRESET', reply, 'returned a body that was cut off or shorter than announced'],
    ['HPE_INVALID_EOF_STATE', reply, 'returned a body that was cut off or shorter than announced'],
    ['HPE_INVALID_CONSTANT', reply, 'got a reply that is not HTTP'],
  ] as const)
    it(`says of ${code} ${received ? 'within' : 'before'} the reply what came of the request`, () => {
      const error = requestFailed({ code, message: code }, 'GET x', true, received);
      assert.equal(error.message, `GET x ${message} (${code})`);
    });
});
