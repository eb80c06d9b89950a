import assert from 'node:assert/strict';
import type http from 'node:http';
import { describe, it } from 'mocha';
import { guardedEnv } from '../../support/guard.mjs';
import { imds, listen, nobody, type Outcome, outcomeOf, type Stand, serve, start } from './harness.js';

interface Case {
  readonly title: string;
  /** After the endpoint and short timeouts. */
  readonly args: readonly string[];
  readonly code: number;
  /** What standard error has to name. */
  readonly names: readonly (string | RegExp)[];
}

/** A command line that is wrong by itself. */
const wrong = (title: string, args: readonly string[], ...names: readonly (string | RegExp)[]): Case => ({
  title,
  args,
  code: 2,
  names,
});
const get = (path: string): readonly string[] => ['get', path];

const misuses: readonly Case[] = [
  wrong('an unknown command', ['gett', 'instance-id'], "unknown command 'gett'", 'did you mean get?'),
  wrong('a command that would clear the screen', ['\x1b[2Jget'], String.raw`unknown command '\x1b[2Jget'`),
  wrong('a path in the place of a command', ['instance-id'], "unknown command 'instance-id'", 'imds get'),
  wrong('help on an unknown command', ['help', 'nope'], "unknown command 'nope'", /^(?!.*Usage:)/s),
  wrong('help on a misspelt command', ['help', 'wacth'], "unknown command 'wacth'", 'did you mean watch?'),
  wrong('a path and no command', ['instance-id'], 'did you mean imds get instance-id?'),
  wrong('a name in the place of a command', ['region'], 'did you mean imds get placement/region?'),
  wrong('a name as an option', ['--region'], "unknown option '--region'", 'did you mean imds get placement/region?'),
  wrong('a part of a kind', ['watch', 'spot'], 'watch spot: expected', 'did you mean spot-interruption?'),
  wrong('a misspelt kind', ['watch', 'tags', 'rebalence'], 'watch rebalence:', 'did you mean rebalance?'),
  wrong('a misspelt format', ['credentials', '--format', 'proces'], 'did you mean process?'),
  wrong('an unknown option', ['get', '--jsn', 'instance-id'], "unknown option '--jsn'", 'did you mean --json?'),
  wrong('an unknown global option', ['--tiemout', '5', 'get', 'mac'], "unknown option '--tiemout'", '--timeout'),
  wrong('an unknown short option', ['list', '-x'], "unknown option '-x'", 'imds list --help'),
  wrong('a missing path', ['get'], "missing required argument 'path'", 'imds get --help'),
  wrong('a missing value', ['get', 'mac', '--endpoint'], '--endpoint <url>', 'argument missing'),
  wrong('an argument too many', ['token', 'now'], 'too many arguments', 'imds token --help'),
  wrong('a shell without completion', ['completion', 'tcsh'], 'tcsh', 'bash, zsh or fish'),
  wrong('a timeout that is no number', ['get', 'mac', '--timeout', 'abc'], '--timeout abc', 'milliseconds'),
  wrong('a timeout of nothing', ['get', 'mac', '--timeout', '0'], '--timeout 0', 'milliseconds'),
  wrong('a timeout below nothing', ['get', 'mac', '--timeout', '-5'], '--timeout -5', 'milliseconds'),
  wrong('an empty timeout', ['get', 'mac', '--timeout', ''], '--timeout ""', 'milliseconds'),
  wrong('a timeout that is too long for a timer', ['get', 'mac', '--timeout', '2147483648'], '--timeout 2147483648'),
  wrong('no attempt at all', ['get', 'mac', '--attempts', '0'], '--attempts 0', '1 to 100'),
  wrong('half an attempt', ['get', 'mac', '--attempts', '1.5'], '--attempts 1.5', '1 to 100'),
  wrong('a wait that is no number', ['get', 'mac', '--wait', '1m'], '--wait 1m', 'seconds, 0 to 86400'),
  wrong('a wait below nothing', ['get', 'mac', '--wait', '-1'], '--wait -1', 'seconds, 0 to 86400'),
  wrong('a token that lives no time', ['token', '--ttl', '0'], '--ttl 0', 'seconds, 1 to 21600'),
  wrong('a token that lives too long', ['token', '--ttl', '21601'], '--ttl 21601', 'seconds, 1 to 21600'),
  wrong('a path that climbs', get('../user-data'), '"../user-data"', '..'),
  wrong('a path that climbs encoded', get('placement/%2e%2e/iam'), '"placement/%2e%2e/iam"', '..'),
  wrong('a path with a space', get('placement/ region'), '"placement/ region"', 'space'),
  wrong('a path with a newline', get('mac\r\nX-Evil: 1'), String.raw`"mac\r\nX-Evil: 1"`, 'control character'),
  wrong('a path with an escape sequence', get('mac\x1b[2J'), String.raw`mac\u001b[2J`, 'control character'),
  wrong('a path with a query', get('placement/region?x=1'), '"placement/region?x=1"', '?'),
  wrong('a path with a fragment', get('placement/region#x'), '"placement/region#x"', '#'),
  wrong('a whole URL', get('http://169.254.169.254/latest/'), '"http://169.254.169.254/latest/"', 'URL'),
  wrong('an empty path', get(''), '""', 'is empty'),
  wrong('a path with two leading slashes', get('//evil/'), '"//evil/"', 'second slash'),
  wrong('one bad path among others', ['get', 'mac', 'a b', 'instance-id'], '"a b"', 'space'),
  wrong('a directory whose path climbs', ['list', '-r', 'iam/..'], '"iam/.."', '..'),
  wrong('a value taken for a directory', ['list', 'instance-id'], 'instance-id is a value', 'imds get instance-id'),
  wrong('user data taken for a directory', ['list', '-r', '/latest/user-data'], '/latest/user-data is a value'),
  wrong('an unknown port', ['emulate', '--port', '65536'], '--port 65536', '0 to 65535'),
  wrong('a state that is none', ['emulate', '--http-tokens', 'maybe'], '--http-tokens maybe', 'optional or required'),
  wrong('a hop limit of nothing', ['emulate', '--http-put-response-hop-limit', '0'], '-hop-limit 0', '1 to 64'),
  wrong('an empty host', ['emulate', '--host', ''], '--host needs a value, not ""'),
  wrong('one empty host among others', ['emulate', '--host', '::1', '--host', ''], '--host needs a value, not ""'),
  wrong('an end of options as a file', ['audit', '--json', '--', 'true'], '--json needs a value, not --'),
  wrong('an option as a finding', ['audit', '--fail-on', '--json', 'x', '--', 'true'], '--fail-on --json: expected'),
  wrong('an option as a file to write', ['record', '--out', '--force'], '--out needs a value, not --force'),
  wrong('a short option as a file', ['record', '--out=-h'], '--out needs a value, not -h'),
  wrong('an empty certificate', ['identity', '--certificate', ''], '--certificate needs a value, not ""'),
  wrong('an empty file name', ['record', '--out', ''], '--out needs a value, not ""'),
  wrong(
    'an end of options as a certificate',
    ['emulate', '--certificate-out', '--', 'true'],
    '--certificate-out needs',
  ),
  wrong('an option as an address', ['emulate', '--host', '--json', '--', 'true'], '--host needs a value, not --json'),
  wrong('an option as a number', ['emulate', '--hops', '--json'], '--hops --json: expected a number of routers'),
  wrong('an option as a scenario', ['emulate', '--scenario', '--json'], '--scenario needs a value, not --json'),
  wrong('a command that is empty', ['watch', '--exec', ''], '--exec needs a value, not ""'),
  wrong('an address with a port', ['emulate', '--host', '127.0.0.1:80'], '--host must be', 'without a port'),
  wrong('a control address that is none', ['emulate', '--control', 'a:b:80'], '--control must be', "'a:b'"),
  wrong('a word as a control port', ['emulate', '--control', 'x'], '--control x: expected a port', 'or ADDRESS:PORT'),
  wrong('a caller too far away', ['emulate', '--hops', '127.0.0.2=99'], '--hops 127.0.0.2=99: expected', 'ADDRESS=N'),
  wrong('a caller without an address', ['emulate', '--hops', 'a=1'], "--hops must be a caller's address", "'a'"),
  wrong('a caller that has no such address', ['emulate', '--hops', '300.0.0.1=1'], '--hops must be', "'300.0.0.1'"),
  wrong('a form beside JSON', ['doctor', '--summarize', '--json', '--format', 'table'], '--format', '--json'),
  wrong(
    'two hop limits',
    ['lab', '--hop-limit', '2', '--http-put-response-hop-limit', '3', '--', 'true'],
    '--hop-limit',
    '--http-put-response-hop-limit',
  ),
  wrong('a host name with a port', ['emulate', '--allow-host', 'imds:1338'], '--allow-host', "'imds:1338'"),
];

const badEndpoints: readonly Case[] = [
  wrong('without a scheme', ['--endpoint', '127.0.0.1:1338'], '--endpoint', '"127.0.0.1:1338"', 'scheme'),
  wrong('with an unknown scheme', ['--endpoint', 'ftp://127.0.0.1'], '--endpoint', '"ftp://127.0.0.1"', 'http:'),
  wrong('with TLS', ['--endpoint', 'https://127.0.0.1'], '--endpoint', '"https://127.0.0.1"', 'http:'),
  wrong('with a query', ['--endpoint', 'http://127.0.0.1/?x=1'], '--endpoint', 'query'),
  wrong('with a fragment', ['--endpoint', 'http://127.0.0.1/#x'], '--endpoint', 'fragment'),
  wrong('with credentials', ['--endpoint', 'http://me:hunter2@127.0.0.1'], '--endpoint', 'password', /^(?!.*hunter2)/s),
  wrong('that is empty', ['--endpoint', ''], '--endpoint', '""'),
  wrong('that is an option', ['--endpoint', '--json'], '--endpoint needs a value, not --json'),
  wrong(
    'beside a mode',
    ['--endpoint', 'http://127.0.0.1:9', '--endpoint-mode', 'IPv4'],
    '--endpoint ',
    '--endpoint-mode',
  ),
  wrong('in a mode that is none', ['--endpoint-mode', 'ipv5'], '--endpoint-mode ipv5', /IPv4 or IPv6\n$/),
];

interface BadService {
  readonly title: string;
  readonly open: () => Promise<Stand>;
  readonly args?: readonly string[];
  readonly code: number;
  readonly names: readonly (string | RegExp)[];
}

const answer =
  (status: number, body = '', headers: http.OutgoingHttpHeaders = {}): http.RequestListener =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);
const silence: http.RequestListener = () => {};
const endless: http.RequestListener = (_, response) => {
  const more = (): void => {
    while (response.write('i'.repeat(65_536)));
  };
  response.on('drain', more);
  more();
};

const badServices: readonly BadService[] = [
  { title: 'that is not there', open: nobody, code: 3, names: ['could not be sent', 'ECONNREFUSED', 'hint'] },
  {
    title: 'that swallows the token request',
    open: () => listen(() => {}),
    code: 7,
    names: ['--http-put-response-hop-limit 2'],
  },
  { title: 'that swallows reads', open: () => serve(silence), code: 6, names: ['GET', 'got no reply within 200 ms'] },
  {
    title: 'that starts to answer and stops',
    open: () => serve((_, response) => void response.writeHead(200, { 'content-length': '19' }).write('i-')),
    code: 6,
    names: ['got no complete reply within 200 ms'],
  },
  {
    title: 'that speaks no HTTP',
    open: () => listen((socket) => void socket.end('SSH-2.0-OpenSSH_9.9\r\n')),
    code: 8,
    names: ['not HTTP'],
  },
  {
    title: 'that hangs up',
    open: () => listen((socket) => socket.destroy()),
    code: 8,
    names: ['the connection was closed'],
  },
  { title: 'that serves nothing', open: () => serve(answer(200)), code: 8, names: ['instance-id', 'empty'] },
  { title: 'that never stops', open: () => serve(endless), code: 8, names: ['more than 1048576 bytes'] },
  {
    title: 'that cuts answers off',
    open: () =>
      serve((_, response) => {
        response.writeHead(200, { 'content-length': '19' }).write('i-12', () => response.socket?.destroy());
      }),
    code: 8,
    names: ['shorter than announced'],
  },
  {
    title: 'that redirects',
    open: () => serve(answer(302, '', { location: 'http://127.0.0.1:9/' })),
    code: 8,
    names: ['redirect (302)'],
  },
  { title: 'that is broken', open: () => serve(answer(500)), code: 8, names: ['GET', 'returned 500'] },
  { title: 'that throttles', open: () => serve(answer(429)), code: 8, names: ['GET', 'returned 429'] },
  {
    title: 'that serves a page where JSON is promised',
    open: () => serve(answer(200, '<html>secret</html>')),
    args: ['get', '--json', 'iam/info'],
    code: 8,
    names: ['/latest/meta-data/iam/info', 'JSON', /^(?!.*secret)/s],
  },
  {
    title: 'that serves text where a number is promised',
    open: () => serve(answer(200, 'first')),
    args: ['get', 'ami-launch-index', 'mac'],
    code: 8,
    names: ['/latest/meta-data/ami-launch-index', 'whole number'],
  },
  {
    title: 'that serves an empty directory',
    open: () => serve(answer(200)),
    args: ['list'],
    code: 8,
    names: ['/latest/meta-data/', 'empty'],
  },
  {
    title: 'that serves the same directory everywhere',
    open: () => serve(answer(200, 'deeper/')),
    args: ['list', '-r', '--all'],
    code: 8,
    names: ['deeper than any instance metadata'],
  },
  { title: 'that is disabled', open: () => serve(silence, answer(403)), code: 4, names: ['HttpEndpoint=disabled'] },
  { title: 'that refuses reads', open: () => serve(answer(403)), code: 4, names: ['GET', 'returned 403'] },
  {
    title: 'that refuses its own tokens',
    open: () => serve(answer(401)),
    code: 4,
    names: ['GET', 'returned 401', ': --wait waits'],
  },
  { title: 'that knows no tokens', open: () => serve(silence, answer(404)), code: 4, names: ['PUT', 'returned 404'] },
  {
    title: 'that serves pages for tokens',
    open: () => serve(silence, answer(200, '<html>')),
    code: 4,
    names: ['no session token'],
  },
  {
    title: 'that has nothing',
    open: () => serve(answer(404)),
    code: 5,
    names: ['/latest/meta-data/instance-id (404)'],
  },
];

const variables: readonly (Omit<Case, 'args'> & { readonly env: Readonly<Record<string, string>> })[] = [
  {
    title: 'AWS_EC2_METADATA_DISABLED=true',
    env: { AWS_EC2_METADATA_DISABLED: 'true' },
    code: 3,
    names: ['AWS_EC2_METADATA_DISABLED', 'Unset'],
  },
  {
    title: 'AWS_EC2_METADATA_DISABLED=maybe',
    env: { AWS_EC2_METADATA_DISABLED: 'maybe' },
    code: 2,
    names: ['AWS_EC2_METADATA_DISABLED', '"maybe"'],
  },
  {
    title: 'a mode of ipv5',
    env: { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'ipv5' },
    code: 2,
    names: ['ENDPOINT_MODE', '"ipv5"'],
  },
  {
    title: 'a timeout of soon',
    env: { AWS_METADATA_SERVICE_TIMEOUT: 'soon' },
    code: 2,
    names: ['AWS_METADATA_SERVICE_TIMEOUT', '"soon"'],
  },
  { title: 'a config file that is a directory', env: { AWS_CONFIG_FILE: '.' }, code: 2, names: ['EISDIR'] },
];

/** The message on one line, then perhaps the hint on another; nothing on standard output. */
function assertComplaint({ code, stdout, stderr }: Outcome, expected: Pick<Case, 'code' | 'names'>): void {
  assert.equal(code, expected.code, stderr);
  assert.equal(stdout.toString(), '');
  assert.match(stderr, /^imds: \P{Cc}+\n(hint: \P{Cc}+\n)?$/u);
  for (const name of expected.names) {
    if (typeof name === 'string') assert.ok(stderr.includes(name), `${JSON.stringify(name)} is not in ${stderr}`);
    else assert.match(stderr, name);
  }
}

const briefly = ['--timeout', '200', '--attempts', '1'];

describe('imds refuses', () => {
  for (const { title, args, ...expected } of misuses) {
    it(`${title}, and sends nothing`, async () => {
      let connections = 0;
      const service = await listen((socket) => {
        connections += 1;
        socket.destroy();
      });
      try {
        const isAboutTimeouts = args.some((arg) => briefly.includes(arg));
        assertComplaint(await imds('--endpoint', service.url, ...(isAboutTimeouts ? [] : briefly), ...args), expected);
        assert.equal(connections, 0);
      } finally {
        await service.close();
      }
    });
  }

  for (const { title, args, ...expected } of badEndpoints) {
    it(`an endpoint ${title}`, async () => assertComplaint(await imds('get', 'instance-id', ...args), expected));
  }

  for (const args of [['categories'], ['completion', 'bash'], ['emulate', '--list'], ['lab', '--', 'true']]) {
    it(`an endpoint that is none, where no service is asked: ${args.join(' ')}`, async () =>
      assertComplaint(await imds(...args.toSpliced(1, 0, '--endpoint', 'foo')), {
        code: 2,
        names: ['--endpoint is "foo"', 'scheme'],
      }));
  }
});

describe('imds takes an endpoint mode', () => {
  for (const mode of ['IPv6', 'ipv6', 'IPV6', 'ipv4']) {
    it(`written ${mode}`, async () => {
      const { code, stderr } = await imds('categories', '--endpoint-mode', mode);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    });
  }
});

describe('imds explains a service', () => {
  for (const { title, open, args = ['get', 'instance-id'], ...expected } of badServices) {
    it(title, async () => {
      const service = await open();
      try {
        assertComplaint(await imds('--endpoint', service.url, ...briefly, ...args), expected);
      } finally {
        await service.close();
      }
    });
  }
});

describe('imds explains a setting of the environment', () => {
  for (const { title, env, ...expected } of variables) {
    it(`${title}, and sends nothing`, async () => {
      let connections = 0;
      const service = await listen((socket) => {
        connections += 1;
        socket.destroy();
      });
      try {
        const args = ['get', 'instance-id', '--endpoint', service.url];
        assertComplaint(await outcomeOf(start(args, { env: guardedEnv(env) })), expected);
        assert.equal(connections, 0);
      } finally {
        await service.close();
      }
    });
  }
});
