import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { exitCodeMeanings } from '../../../src/cli/exit-codes.js';
import { shortPath } from '../../../src/cli/values.js';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { rows } from '../../../src/metadata/lookup.js';
import { commandNames, type Outcome, program, serve, Terminal } from './harness.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

/** What a command line that succeeds prints; it says nothing on standard error. */
function printed({ code, stdout, stderr }: Outcome): string {
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return stdout.toString();
}

describe('the command line', () => {
  let emulator: Emulator;
  const at = (terminal: Terminal, ...args: string[]): Promise<Outcome> =>
    terminal.run('--endpoint', emulator.url, ...args);
  const imds = (...args: string[]): Promise<Outcome> => at(new Terminal(), ...args);
  const asked = (): string[] => emulator.requests.map(({ method, path }) => `${method} ${path}`);

  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required', scenario: 'everything' });
  });
  afterEach(() => emulator.close());

  describe('imds get', () => {
    it('prints the value alone, with two requests', async () => {
      assert.equal(printed(await imds('get', 'instance-id')), 'i-1234567890abcdef0');
      assert.deepEqual(asked(), ['PUT /latest/api/token', 'GET /latest/meta-data/instance-id']);
    });

    for (const [path, value] of [
      ['placement/region', 'us-east-1'],
      ['meta-data/placement/region', 'us-east-1'],
      ['/latest/meta-data/placement/region', 'us-east-1'],
      ['/2021-03-23/meta-data/placement/region', 'us-east-1'],
      ['dynamic/fws/instance-monitoring', 'disabled'],
      ['user-data', '#cloud-config\ntimezone: Asia/Tokyo\n'],
      ['placement/', 'availability-zone\navailability-zone-id\ngroup-name\nhost-id\npartition-number\nregion'],
    ] as const) {
      it(`prints what is at ${path}, byte for byte`, async () => {
        assert.equal(printed(await imds('get', path)), value);
      });
    }

    it('prints a newline after the value at a terminal, unless it ends in one or is empty', async () => {
      emulator.set('tags/instance/Empty', '');
      const values = {
        mac: '0e:49:61:0f:c3:11\n',
        'user-data': '#cloud-config\ntimezone: Asia/Tokyo\n',
        'tags/instance/Empty': '',
      };
      for (const [path, value] of Object.entries(values))
        assert.equal(printed(await at(new Terminal({ tty: true }), 'get', path)), value);
    });

    it('prints bytes that are not text unchanged', async () => {
      emulator.set('user-data', everyByte);
      const { stdout } = await imds('get', 'user-data');
      assert.deepEqual(stdout, everyByte);
    });

    it('prints credentials if given their path', async () => {
      const { SecretAccessKey } = JSON.parse(printed(await imds('get', 'iam/security-credentials/example-role')));
      assert.equal(SecretAccessKey, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
    });

    it('prints several values as one JSON object, typed by category and under the paths as given', async () => {
      emulator.remove('public-ipv4');
      emulator.set('tomorrow/news', 'text\n');
      emulator.set('tomorrow/noise', everyByte);
      const paths = [
        'ami-launch-index',
        '/latest/meta-data/hibernation/configured',
        'security-groups',
        'spot/instance-action',
        'public-keys/',
        'public-ipv4',
        'tomorrow/news',
        'tomorrow/noise',
        'user-data',
        '__proto__',
      ];
      emulator.set('__proto__', 'a name like any other');
      const { 'spot/instance-action': action, ...values } = JSON.parse(printed(await imds('get', ...paths)));
      assert.deepEqual(Object.keys(action), ['action', 'time']);
      assert.deepEqual(Object.entries(values), [
        ['ami-launch-index', 0],
        ['/latest/meta-data/hibernation/configured', false],
        ['security-groups', ['web', 'ssh']],
        ['public-keys/', [{ index: 0, name: 'my-key' }]],
        ['public-ipv4', null],
        ['tomorrow/news', 'text'],
        ['tomorrow/noise', { base64: everyByte.toString('base64') }],
        ['user-data', '#cloud-config\ntimezone: Asia/Tokyo\n'],
        ['__proto__', 'a name like any other'],
      ]);
    });

    it('prints one value as JSON when asked to', async () => {
      assert.equal(printed(await imds('get', '--json', 'mac')), '{\n  "mac": "0e:49:61:0f:c3:11"\n}\n');
    });

    it('gives user data that is not text in base64 as JSON', async () => {
      emulator.set('user-data', everyByte);
      assert.deepEqual(JSON.parse(printed(await imds('get', '--json', 'user-data'))), {
        'user-data': { base64: everyByte.toString('base64') },
      });
    });

    it('prints no JSON at all when one of several values is missing', async () => {
      const { code, stdout, stderr } = await imds('get', 'mac', 'no-such-thing', 'instance-id');
      assert.deepEqual({ code, stdout: stdout.toString() }, { code: 5, stdout: '' });
      assert.match(stderr, /no-such-thing/);
    });

    for (const [path, hint] of Object.entries({
      region: 'did you mean placement/region?',
      regoin: 'did you mean placement/region?',
      'placment/regin': 'did you mean placement/region?',
      'availability-zone': 'did you mean placement/availability-zone or placement/availability-zone-id?',
      instanceId: 'did you mean instance-id?',
      instance_type: 'did you mean instance-type?',
      '/instance-id': 'did you mean instance-id?',
      '/latest/instance-id': 'did you mean instance-id?',
      'dynamic/instance-identity/documnet': 'did you mean dynamic/instance-identity/document?',
      userdata: 'did you mean user-data?',
      'subnet-id': 'did you mean network/interfaces/macs/{mac}/subnet-id?',
      'network/interfaces/macs/0e:49:61:0f:c3:11/subnetid':
        'did you mean network/interfaces/macs/0e:49:61:0f:c3:11/subnet-id?',
      zone: 'did you mean placement/availability-zone or placement/availability-zone-id?',
      ipv4: 'did you mean local-ipv4, public-ipv4 or ipv6?',
      'public-ip': 'did you mean public-ipv4 or network/interfaces/macs/{mac}/public-ipv4s?',
      'tag-key': 'imds categories shows what can be read',
      'nothing-like-any-other': 'imds categories shows what can be read',
    })) {
      it(`answers ${path}, which is misspelt, with 5 and ${JSON.stringify(hint)}`, async () => {
        const { code, stdout, stderr } = await imds('get', path);
        assert.deepEqual({ code, stdout: stdout.toString() }, { code: 5, stdout: '' });
        assert.equal(stderr.split('\n')[1], `hint: ${hint}`);
      });
    }

    it('says of what may be absent that its absence is normal', async () => {
      emulator.remove('spot');
      const { code, stderr } = await imds('get', 'spot/instance-action');
      assert.equal(code, 5);
      assert.match(stderr, /^hint: Present only after/m);
    });
  });

  describe('imds list', () => {
    it('prints the names in a directory as served', async () => {
      const { stdout } = await imds('get', 'meta-data/');
      assert.equal(printed(await imds('list')), `${stdout}\n`);
      assert.equal(printed(await imds('list', 'public-keys')), '0=my-key\n');
      assert.equal(printed(await imds('list', '/latest/')), 'dynamic\nmeta-data\nuser-data\n');
      assert.equal(printed(await imds('list', 'events/')), 'maintenance/\nrecommendations/\n');
    });

    it('prints them as a JSON array when asked to', async () => {
      assert.deepEqual(JSON.parse(printed(await imds('list', 'services', '--json'))), ['domain', 'partition']);
    });

    it('suggests a directory for one that is misspelt', async () => {
      const { code, stderr } = await imds('list', 'placment');
      assert.deepEqual({ code, hint: stderr.split('\n')[1] }, { code: 5, hint: 'hint: did you mean placement/?' });
    });
  });

  describe('imds list -r', () => {
    it('prints every value under the path that reads it, in the order of the service', async () => {
      assert.equal(
        printed(await imds('list', '-r', 'placement')),
        [
          'placement/availability-zone = us-east-1a',
          'placement/availability-zone-id = use1-az4',
          'placement/group-name = example-group',
          'placement/host-id = h-0da999999f9999fb9',
          'placement/partition-number = 1',
          'placement/region = us-east-1\n',
        ].join('\n'),
      );
    });

    it('prints lists with a line for each entry, documents on one line, and certificates not', async () => {
      emulator.set('dynamic/instance-identity', { document: '{\n  "accountId" : "123456789012"\n}' });
      const text = printed(await imds('list', '-r', '/latest/'));
      for (const part of [
        '\n/latest/meta-data/security-groups =\n  web\n  ssh\n',
        '\n/latest/meta-data/managed-ssh-keys/signer-cert = -----BEGIN CERTIFICATE----- … (13 lines)\n',
        '\n/latest/meta-data/public-keys/0/openssh-key = ssh-ed25519 ',
        '\n/latest/dynamic/instance-identity/document = {"accountId":"123456789012"}\n',
      ])
        assert.ok(`\n${text}`.includes(part), part);
    });

    it('reaches every category', async () => {
      emulator.set('iam-ecs-example', { info: '{}', 'security-credentials': { task: '{}' } });
      const text = printed(await imds('list', '-r'));
      const paths = text.match(/^\S+/gm);
      const kinds = new Set(['directory', 'binary']);
      const missing = rows()
        .filter(({ category }) => category.template.startsWith('meta-data/') && !kinds.has(category.kind))
        // Left out: they are good for a minute.
        .filter(({ category }) => !category.template.includes('/active-keys/'))
        .map(
          ({ category }) =>
            new RegExp(
              `^${shortPath(category.template)
                .replace(/\{.+?\}/g, '[^/]+')
                .replace(/\/$/, '(/.+)?')}$`,
            ),
        )
        .filter((pattern) => !paths?.some((path) => pattern.test(path)));
      assert.deepEqual(missing, []);
    });

    it('neither prints nor even reads what is secret', async () => {
      emulator.set('iam/security-credentials-of-tomorrow/example-role', 'hunter2');
      for (const args of [[], ['--json'], ['--all']]) {
        const { stdout } = await imds('list', '-r', '/latest/', ...args);
        assert.doesNotMatch(stdout.toString(), /EXAMPLEKEY|FAKE|hunter2|cloud-config/);
      }
      const secrets = /credentials[^/]*\/(example-role|ec2-instance)|user-data|active-keys/;
      assert.deepEqual(
        asked().filter((request) => secrets.test(request)),
        [],
      );
      const { stdout } = await imds('list', '-r', '/latest/');
      const leftOut = stdout.toString().match(/^\S+ \(left out: .*$/gm);
      assert.deepEqual(leftOut, [
        '/latest/meta-data/iam-ecs-example/security-credentials/0123456789abcdef-TaskApplication (left out: credentials)',
        '/latest/meta-data/iam/security-credentials-extended/example-role (left out: credentials)',
        '/latest/meta-data/iam/security-credentials/example-role (left out: credentials)',
        '/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance (left out: credentials)',
        '/latest/meta-data/managed-ssh-keys/active-keys (left out: keys that are valid for a minute)',
        '/latest/user-data (left out: user data)',
      ]);
    });

    it('gives up on directories that list themselves, and says why', async () => {
      const names = Array.from({ length: 100 }, (_, index) => `${index}/`).join('\n');
      const service = await serve((_, response) => void response.end(names));
      try {
        const { code, stdout, stderr } = await new Terminal().run('list', '-r', '--all', '--endpoint', service.url);
        assert.deepEqual({ code, stdout: stdout.toString() }, { code: 8, stdout: '' });
        assert.match(
          stderr,
          /^imds: there are more than 4096 values and directories, the last in \S+; no more are read\nhint: Something other than IMDS answers at this address/,
        );
      } finally {
        await service.close();
      }
    });

    it('prints a path of no category with --all only, and says that there are some', async () => {
      emulator.set('tomorrow', { news: 'good', deep: { down: 'there' } });
      emulator.set('services/tomorrow', 'good');
      emulator.set('iam/security-credentials-of-tomorrow/example-role', 'hunter2');
      const { code, stdout, stderr } = await imds('list', '-r');
      assert.equal(code, 0);
      assert.equal(stderr, 'imds: left out 3 paths that this version does not know; --all prints them\n');
      assert.doesNotMatch(stdout.toString(), /tomorrow/);
      assert.deepEqual(
        asked().filter((request) => request.includes('tomorrow')),
        [],
      );
      assert.ok(!('tomorrow' in JSON.parse((await imds('list', '-r', '--json')).stdout.toString())));

      const all = printed(await imds('list', '-r', '--all'));
      assert.deepEqual(all.match(/^\S*tomorrow.*$/gm), [
        'iam/security-credentials-of-tomorrow (left out: not known to this version, and named like a secret)',
        'services/tomorrow = good',
        'tomorrow/deep/down = there',
        'tomorrow/news = good',
      ]);
      assert.deepEqual(JSON.parse(printed(await imds('list', '-r', '--all', '--json'))).tomorrow, {
        deep: { down: 'there' },
        news: 'good',
      });
      assert.equal(printed(await imds('list', '-r', 'tomorrow/deep')), 'tomorrow/deep/down = there\n');
    });

    it('prints objects in objects as JSON, values typed by category', async () => {
      emulator.remove('network/interfaces/macs/0e:49:61:0f:c3:77');
      const tree = JSON.parse(printed(await imds('list', '-r', '--json')));
      assert.equal(tree['instance-id'], 'i-1234567890abcdef0');
      assert.equal(tree.placement['partition-number'], 1);
      assert.equal(tree.events.maintenance.scheduled[0].State, 'active');
      assert.match(tree['public-keys'][0]['openssh-key'], /^ssh-ed25519 .* my-key$/);
      assert.deepEqual(tree.iam['security-credentials'], {});
      assert.deepEqual(Object.keys(tree.network.interfaces.macs), ['0e:49:61:0f:c3:11']);
      assert.deepEqual(tree.network.interfaces.macs['0e:49:61:0f:c3:11']['ipv4-associations'], {
        '192.0.2.54': ['10.0.1.10'],
      });
    });

    it('shows values that are empty, not text, overlong or meant for a terminal as what they are', async () => {
      emulator.set('tags/instance', {
        Empty: '',
        'With space': 'unreadable',
        Bytes: everyByte,
        Escape: 'a\x1b[2Jb',
      });
      emulator.set('hostname', 'x'.repeat(1001));
      assert.equal(
        printed(await at(new Terminal({ tty: true }), 'list', '-r', 'tags/instance')),
        [
          'tags/instance/Bytes (256 bytes that are not text)',
          'tags/instance/Empty =',
          String.raw`tags/instance/Escape = a\x1b[2Jb`,
          'tags/instance/With space (left out: its name cannot be part of a path)\n',
        ].join('\n'),
      );
      const line = `hostname = ${'x'.repeat(60)} … (1001 characters)`;
      assert.ok(printed(await imds('list', '-r')).includes(`\n${line}\n`));
    });

    it('shows the beginning of what does not fit a terminal and is one word, as base64 is', async () => {
      emulator.set('hostname', 'x'.repeat(200));
      const text = printed(await at(new Terminal({ tty: true, columns: 80 }), 'list', '-r', '/latest/'));
      assert.match(text, /^\/latest\/meta-data\/hostname = x+ … \(200 characters\)$/m);
      assert.match(text, /^\/latest\/dynamic\/instance-identity\/pkcs7 = MI\S+ … \(\d+ lines\)$/m);
      assert.match(
        text,
        /^\/latest\/meta-data\/managed-ssh-keys\/signer-ocsp\/\w+ =\n {2}bm\S+ … \(\d+ characters\)$/m,
      );
    });

    it('puts what does not fit beside a long path below it, within the columns of a terminal', async () => {
      // Its paths alone are wider than the terminal.
      emulator.remove('iam-ecs-example');
      const text = printed(await at(new Terminal({ tty: true, columns: 80 }), 'list', '-r', '/latest/'));
      for (const part of [
        '/0e:49:61:0f:c3:11/local-hostname =\n  ip-10-0-1-10.ec2.internal\n',
        '/security-credentials/ec2-instance\n  (left out: credentials)\n',
      ])
        assert.ok(text.includes(part), part);
      // Paths, documents and sentences are shown whole, however long they are.
      const words = text.split('\n').filter((line) => !/^\S+ =(?: [[{].*)?$|\S \w+ \w+|ssh-ed25519/.test(line));
      for (const line of words) assert.ok(line.length <= 80, line);
      assert.ok(words.length > 100);
    });

    it('skips values that vanish, or are still empty, while it reads', async () => {
      const answers: Readonly<Record<string, string>> = {
        '/latest/meta-data/': 'hostname\nmac\nplacement/\nsystem',
        '/latest/meta-data/hostname': '',
        '/latest/meta-data/mac': '0e:49:61:0f:c3:11',
      };
      const service = await serve(({ url = '' }, response) => {
        const answer = answers[url];
        response.writeHead(answer === undefined ? 404 : 200).end(answer);
      });
      try {
        const outcome = await new Terminal().run('list', '-r', '--endpoint', service.url);
        assert.equal(printed(outcome), 'hostname =\nmac = 0e:49:61:0f:c3:11\n');
      } finally {
        await service.close();
      }
    });

    it('makes four requests at a time and keeps the order whatever the order of the answers', async () => {
      const names = Array.from({ length: 20 }, (_, index) => `value-${index}`);
      const held: (() => void)[] = [];
      let most = 0;
      const service = await serve(({ url = '' }, response) => {
        if (url.endsWith('/')) return void response.end(names.join('\n'));
        held.push(() => response.end(url));
        most = Math.max(most, held.length);
        // A moment in which a fifth would come; then the last to come is answered first.
        if (held.length === 4)
          setTimeout(
            () =>
              held
                .splice(0)
                .reverse()
                .map((answer) => answer()),
            20,
          );
      });
      try {
        const outcome = await new Terminal().run('list', '-r', '--all', '--endpoint', service.url);
        assert.equal(printed(outcome), names.map((name) => `${name} = /latest/meta-data/${name}\n`).join(''));
        assert.equal(most, 4);
      } finally {
        await service.close();
      }
    });
  });

  describe('imds token', () => {
    it('prints a token that reads', async () => {
      const token = printed(await imds('token'));
      const headers = { 'x-aws-ec2-metadata-token': token };
      const answer = await fetch(`${emulator.url}/latest/meta-data/mac`, { headers });
      assert.equal(await answer.text(), '0e:49:61:0f:c3:11');
    });

    it('requests the given TTL', async () => {
      const headers = { 'x-aws-ec2-metadata-token': printed(await imds('token', '--ttl', '60')) };
      const answer = await fetch(`${emulator.url}/latest/meta-data/mac`, { headers });
      const left = Number(answer.headers.get('x-aws-ec2-metadata-token-ttl-seconds'));
      assert.ok(left > 50 && left <= 60, `${left} seconds are left`);
    });

    it('prints a newline after it at a terminal', async () => {
      assert.match(printed(await at(new Terminal({ tty: true }), 'token')), /^\S+\n$/);
    });
  });

  describe('imds categories', () => {
    it('lists every category in columns, within 100 of them', async () => {
      const [heading = '', ...lines] = printed(await imds('categories'))
        .trimEnd()
        .split('\n');
      assert.match(heading, /^PATH +KIND +ABSENT +KEPT$/);
      assert.deepEqual(
        lines.map((line) => line.split(' ')[0]),
        rows().map(({ category }) => shortPath(category.template)),
      );
      for (const line of lines) assert.ok(line.length <= 100, line);
      for (const row of [
        /^instance-id +scalar +instance's life$/,
        /^spot\/instance-action +json +may be +1 second$/,
        /^instance-type +scalar +until stopped$/,
        /^iam\/security-credentials\/\{role\} +json +may be +while valid$/,
      ])
        assert.ok(
          lines.some((line) => row.test(line)),
          String(row),
        );
      assert.deepEqual(asked(), []);
    });

    it('gives them as JSON', async () => {
      const all = JSON.parse(printed(await imds('categories', '--json')));
      assert.equal(all.length, rows().length);
      assert.deepEqual(
        all.find(({ path }: { path: string }) => path === 'user-data'),
        { path: 'user-data', kind: 'binary', mayBeAbsent: true, secret: true, kept: 'until stopped' },
      );
    });
  });

  describe('the global options', () => {
    for (const args of [
      ['--verbose', 'get', 'mac'],
      ['get', '--verbose', 'mac'],
      ['get', 'mac', '--verbose'],
    ]) {
      it(`may stand anywhere: imds ${args.join(' ')}`, async () => {
        const { code, stdout, stderr } = await imds(...args);
        assert.deepEqual({ code, stdout: stdout.toString() }, { code: 0, stdout: '0e:49:61:0f:c3:11' });
        assert.match(stderr, /^imds request PUT \/latest\/api\/token \(IMDSv2\) took \d+\.\d ms and returned 200$/m);
        assert.match(stderr, /^imds token obtained for 21600 s$/m);
        assert.match(
          stderr,
          /^imds request GET \/latest\/meta-data\/mac \(IMDSv2\) took \d+\.\d ms and returned 200$/m,
        );
        assert.equal(stderr.split('\n').length, 4);
      });
    }

    it('say with --verbose which IMDSv1 was fallen back to, with --allow-v1 only', async () => {
      emulator.configure({ httpTokens: 'optional', hops: 1 });
      const args = ['get', 'mac', '--timeout', '200', '--attempts', '1'];
      const { code } = await imds(...args);
      assert.equal(code, 7);
      const { stdout, stderr } = await imds(...args, '--allow-v1', '--verbose');
      assert.equal(stdout.toString(), '0e:49:61:0f:c3:11');
      assert.match(stderr, /^imds fallback to IMDSv1 reason ERR_IMDS_HOP_LIMIT$/m);
    });

    it('never show a secret with --verbose', async () => {
      const { stderr } = await imds('list', '-r', '/latest/', '--verbose');
      const { stdout: token, stderr: alsoSaid } = await imds('token', '--verbose');
      const { stderr: moreSaid } = await imds('get', '--verbose', 'iam/security-credentials/example-role', 'user-data');
      const said = stderr + alsoSaid + moreSaid;
      assert.ok(said.length > 1000);
      assert.doesNotMatch(said, /EXAMPLEKEY|FAKE|cloud-config/);
      assert.ok(!said.includes(token.toString()));
    });

    it('set the number of attempts', async () => {
      emulator.set('mac', () => {
        throw new Error('busy');
      });
      for (const [attempts, gets] of [
        ['1', 1],
        ['2', 2],
      ] as const) {
        const before = asked().length;
        const { code } = await imds('get', 'mac', '--attempts', attempts);
        const made = asked().slice(before);
        assert.deepEqual({ code, gets: made.filter((request) => request.startsWith('GET')).length }, { code: 8, gets });
      }
    });
  });

  describe('colours', () => {
    const isColoured = (text: string): boolean => text.includes('\x1b[');
    const missing = ['get', 'no-such-thing'];

    it('are used at a terminal', async () => {
      const { stderr } = await at(new Terminal({ tty: true }), ...missing);
      assert.ok(isColoured(stderr));
      assert.ok(isColoured(printed(await at(new Terminal({ tty: true }), 'categories'))));
      assert.ok(isColoured(printed(await at(new Terminal({ tty: true }), '--help'))));
    });

    for (const [title, terminal, args] of [
      ['when the output is redirected', new Terminal(), []],
      ['with --no-color', new Terminal({ tty: true }), ['--no-color']],
      ['with NO_COLOR', new Terminal({ tty: true, env: { NO_COLOR: '1' } }), []],
      ['at a dumb terminal', new Terminal({ tty: true, env: { TERM: 'dumb' } }), []],
    ] as const) {
      it(`are not used ${title}`, async () => {
        await at(terminal, ...missing, ...args);
        await at(terminal, 'categories', ...args);
        const { stdout, stderr } = await at(terminal, '--help', ...args);
        assert.ok(!isColoured(stdout.toString() + stderr));
      });
    }
  });

  describe('help', () => {
    it('lists the commands in a line each, the exit codes and the environment', async () => {
      const text = printed(await imds('--help'));
      for (const name of commandNames) assert.match(text, new RegExp(`^  ${name}\\b.{10,}$`, 'm'));
      for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]) assert.match(text, new RegExp(`^  ${code} .+$`, 'm'));
      for (const name of ['ENDPOINT', 'ENDPOINT_MODE'])
        assert.match(text, new RegExp(`AWS_EC2_METADATA_SERVICE_${name} `));
      assert.match(text, /\n\nExit codes:\n/);
    });

    for (const name of commandNames) {
      it(`of imds ${name} gives two examples before the options, within 100 columns`, async () => {
        const text = printed(await imds(name, '--help'));
        const [beforeOptions = ''] = text.split('\nOptions:\n');
        const [, examples = ''] = beforeOptions.split('\nExamples:\n');
        const [lines = ''] = examples.split('\n\n');
        assert.ok((lines.match(new RegExp(`^  .*imds ${name}`, 'gm'))?.length ?? 0) >= 2, lines);
        assert.match(lines, /^( {2}\S.*\n?)+$/, 'none is wrapped');
        assert.match(text, /^ {2}--endpoint <url> /m);
        for (const line of text.split('\n')) assert.ok(line.length <= 100, line);
        assert.equal(printed(await imds('help', name)), text);
        assert.equal(printed(await imds(name, '-h')), text);
      });
    }

    it('has every word that an option or argument takes', () => {
      const all = [program, ...program.commands].flatMap((each) => [...each.options, ...each.registeredArguments]);
      const choosing = all.filter(({ argChoices }) => argChoices);
      assert.ok(choosing.length > 10);
      for (const { argChoices, description } of choosing)
        for (const word of argChoices ?? []) assert.match(description, new RegExp(`\\b${word}\\b`));
    });

    it('is as narrow as the terminal', async () => {
      const text = printed(await at(new Terminal({ tty: true, columns: 60, env: { NO_COLOR: '1' } }), 'get', '--help'));
      const prose = text.split('\n').filter((line) => !line.startsWith('  '));
      for (const line of prose) assert.ok(line.length <= 60, line);
    });

    it('is one screen on standard error, with 2, where the command is missing', async () => {
      for (const args of [[], ['--verbose']]) {
        const { code, stdout, stderr } = await new Terminal({ tty: true, env: { NO_COLOR: '1' } }).run(...args);
        assert.deepEqual({ code, stdout: stdout.toString() }, { code: 2, stdout: '' });
        const lines = stderr.split('\n');
        assert.ok(lines.length < 24 && lines.every((line) => line.length <= 80), stderr);
        for (const name of commandNames)
          assert.ok(
            lines.some((line) => line.startsWith(`  ${name} `)),
            name,
          );
      }
    });

    for (const args of [['--help'], ['categories'], ['emulate', '--list']]) {
      it(`fits 80 columns, its words whole: imds ${args.join(' ')}`, async () => {
        const wide = printed(await new Terminal().run(...args));
        const text = printed(await new Terminal({ tty: true, columns: 80, env: { NO_COLOR: '1' } }).run(...args));
        for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
        assert.deepEqual(text.split(/\s+/).sort(), wide.split(/\s+/).sort());
      });
    }
  });

  describe('a standard output', () => {
    const failing = (code: string): Terminal => {
      const write = () => Promise.reject(Object.assign(new Error(`${code}: write`), { code }));
      return new Terminal({ stdout: { isTTY: false, columns: undefined, write } });
    };

    for (const args of [
      ['list', '-r'],
      ['get', 'mac'],
      ['token'],
      ['categories'],
      ['--help'],
      ['completion', 'bash'],
    ]) {
      it(`whose reader is gone ends imds ${args.join(' ')} quietly`, async () => {
        const { code, stderr } = await at(failing('EPIPE'), ...args);
        assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      });
    }

    it('that is full is an error', async () => {
      const { code, stderr } = await at(failing('ENOSPC'), 'get', 'mac');
      assert.deepEqual({ code, stderr }, { code: 1, stderr: 'imds: ENOSPC: write\n' });
    });
  });

  describe('an interruption', () => {
    it('ends the run quietly with 130, whatever it was waiting for', async () => {
      const terminal = new Terminal();
      const service = await serve(() => terminal.signals.emit('SIGINT'));
      try {
        const { code, stdout, stderr } = await terminal.run('get', 'mac', '--endpoint', service.url);
        assert.deepEqual({ code, stdout: stdout.toString(), stderr }, { code: 130, stdout: '', stderr: '' });
        assert.equal(terminal.signals.listenerCount('SIGINT'), 0);
      } finally {
        await service.close();
      }
    });
  });
});

describe('docs/cli.md', () => {
  const page = readFileSync('docs/cli.md', 'utf8');
  const linked = [...page.matchAll(/\]\(([\w-]+\.md)/g)].map(([, name]) => readFileSync(`docs/${name}`, 'utf8'));

  it('has every exit code with its meaning', () => {
    for (const [code, meaning] of Object.entries(exitCodeMeanings)) {
      const row = page.split('\n').find((line) => line.startsWith(`| ${code} | `));
      assert.ok(row?.replace(/\]\(.*?\)|\[/g, '').includes(meaning), `${code} ${meaning}`);
    }
  });

  for (const name of commandNames) {
    it(`has imds ${name}, and here or where it links to every option`, async () => {
      assert.ok(page.includes(`\`imds ${name}`), 'it is not mentioned');
      const { stdout } = await new Terminal().run(name, '--help');
      const flags = stdout.toString().match(/(?<=^ {2}(-\w, )?)--[\w-]+/gm) ?? [];
      assert.deepEqual(
        flags.filter((flag) => ![page, ...linked].some((text) => text.includes(flag))),
        [],
      );
    });
  }
});
