import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { systemClock } from '../../../src/client/clock.js';
import { Closing } from '../../../src/client/closing.js';
import { Events } from '../../../src/client/events.js';
import { resolveSettings } from '../../../src/client/settings.js';
import { Transport } from '../../../src/client/transport.js';
import { isImdsError } from '../../../src/errors.js';
import { absolutePath } from '../../../src/metadata/path.js';

const endpoint = 'http://127.0.0.1:1338';

/** Paths, near paths, and what people try who want to get elsewhere. */
const fragment = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('/', 'latest', 'meta-data', 'user-data', 'dynamic', 'a', '0e:49:61:0f:c3:11'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...['.', '..', '%2e', '%2E', '%2f', '%5c', '%25', '%252e', '%', '%0a', '%00', '%c3%a4', '\\', '//', 'http://h/'],
      ...[
        '?',
        '#',
        '@',
        ':',
        ';',
        ' ',
        '\t',
        '\r\n',
        '\0',
        '\u0085',
        '\u2028',
        '\uff0e',
        '\ud800',
        'ä',
        '[',
        '^',
        '|',
        '"',
        '~',
      ],
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 6 }) },
);
const anyPath = fc.array(fragment, { maxLength: 8 }).map((fragments) => fragments.join(''));

/** The path that is asked for, or undefined where that is refused. */
function accepted(path: string): string | undefined {
  try {
    return absolutePath(path);
  } catch (error) {
    assert.ok(isImdsError(error) && error.code === 'ERR_IMDS_PATH', `${error}`);
    return undefined;
  }
}
const acceptedPath = anyPath.map(accepted).filter((path) => path !== undefined);

describe('the path rule, whatever it is given', () => {
  it('refuses with its own error, or gives a path that it takes for itself', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const absolute = accepted(path);
        if (absolute === undefined) return;
        assert.ok(absolute.startsWith('/') && absolute.endsWith(path));
        assert.equal(absolutePath(absolute), absolute);
      }),
      { numRuns: 2000 },
    );
  });

  it('accepts nothing that a URL changes, cuts off, or takes for another host', () => {
    fc.assert(
      fc.property(acceptedPath, (path) => {
        const url = new URL(endpoint + path);
        assert.equal(url.pathname, path);
        assert.equal(url.href, endpoint + path);
        assert.equal(url.origin, endpoint);
      }),
      { numRuns: 2000 },
    );
  });

  it('accepts nothing relative that leaves the tree of metadata, be it decoded once more on its way', () => {
    const relativePath = anyPath.filter((path) => !path.startsWith('/') && accepted(path) !== undefined);
    fc.assert(
      fc.property(relativePath, (path) => {
        const absolute = absolutePath(path);
        // Someone who decodes before splitting, and takes a backslash for a slash.
        const decoded = absolute.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
        assert.ok([...decoded].every((character) => character >= ' ' && character !== '\x7f'));
        for (const read of [absolute, decoded, decoded.replaceAll('\\', '/')])
          assert.match(new URL(read.replace(/[?#]/g, '-'), endpoint).pathname, /^\/latest\//);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses every path with a character that a URL does not carry', () => {
    const carried = /[A-Za-z0-9\-._~!$&'()*+,;=:@%/]/;
    const foreign = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((c) => !carried.test(c));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), foreign, fc.string(), (before, character, after) => {
        assert.equal(accepted(before + character + after), undefined);
      }),
      { numRuns: 1000 },
    );
  });

  it('accepts nothing that does not arrive at the service as it is', async () => {
    let arrived: string | undefined;
    const server = http.createServer((request, response) => {
      arrived = request.url;
      response.end('x');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { settings } = resolveSettings({ endpoint: `http://127.0.0.1:${port}` });
    const events = new Events(undefined);
    const transport = new Transport({ settings, events, clock: systemClock, closing: new Closing() });
    try {
      await fc.assert(
        fc.asyncProperty(acceptedPath, async (path) => {
          await transport.request({ method: 'GET', path, headers: {}, timeoutMs: 5000 });
          assert.equal(arrived, path);
        }),
        { numRuns: 200 },
      );
    } finally {
      server.close();
    }
  });
});
