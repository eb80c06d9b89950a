import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { fromProcess } from '@aws-sdk/credential-provider-process';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { createSigV4Server } from '../credentials/sigv4-server.js';
import { binary, imds } from './harness.js';

const hour = 3_600_000;
const role = 'iam/security-credentials/example-role';
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const sessionToken = 'IQoJb3JpZ2luX2VjEXAMPLE/+==';

const seconds = (time: number): number => Math.trunc(time / 1000) * 1000;

describe('imds credentials', () => {
  // It starts processes, and loads packages of AWS.

  let emulator: Emulator;
  let endsAt = 0;
  beforeEach(async () => {
    emulator = await createEmulator({ httpTokens: 'required' });
    endsAt = seconds(Date.now()) + hour;
    serve({});
  });
  afterEach(() => emulator.close());

  const serve = (fields: object): void =>
    emulator.set(
      role,
      JSON.stringify({
        Code: 'Success',
        AccessKeyId: 'ASIAIOSFODNN7EXAMPLE',
        SecretAccessKey: secretAccessKey,
        Token: sessionToken,
        Expiration: new Date(endsAt).toISOString(),
        ...fields,
      }),
    );
  const credentials = (...args: readonly string[]) => imds('credentials', '--endpoint', emulator.url, ...args);

  describe('for people', () => {
    const shown = {
      accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
      secretAccessKey: '[hidden]',
      sessionToken: '[hidden]',
      accountId: '123456789012',
    };
    for (const format of ['json', 'process', 'env'])
      it(`says on standard error that they have expired, with --format ${format}`, async () => {
        endsAt = seconds(Date.now()) - hour;
        serve({});
        const { code, stdout, stderr } = await credentials('--format', format);
        assert.equal(code, 0);
        assert.ok(stdout.includes('ASIAIOSFODNN7EXAMPLE'));
        assert.match(stderr, /^imds: these credentials expired 36\d\d s ago, and the service has none newer\n$/);
      });

    for (const args of [[], ['--format', 'json'], ['--verbose']]) {
      it(`prints JSON without secrets, asked with ${args.join(' ') || 'no option'}`, async () => {
        const { code, stdout, stderr } = await credentials(...args);
        assert.equal(code, 0);
        assert.deepEqual(JSON.parse(stdout.toString()), { ...shown, expiration: new Date(endsAt).toISOString() });
        assert.ok(!stderr.includes(secretAccessKey) && !stderr.includes(sessionToken));
      });
    }

    it('prints the secrets, too, with --show-secrets', async () => {
      const { stdout } = await credentials('--show-secrets');
      const expected = { ...shown, secretAccessKey, sessionToken, expiration: new Date(endsAt).toISOString() };
      assert.deepEqual(JSON.parse(stdout.toString()), expected);
    });
  });

  describe('for credential_process', () => {
    it('prints what AWS asks for, with three requests', async () => {
      const { code, stdout } = await credentials('--format', 'process');
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(stdout.toString()), {
        Version: 1,
        AccessKeyId: 'ASIAIOSFODNN7EXAMPLE',
        SecretAccessKey: secretAccessKey,
        SessionToken: sessionToken,
        Expiration: new Date(endsAt).toISOString(),
      });
      assert.equal(emulator.requests.length, 3);
    });

    describe('of a profile', () => {
      let folder = '';
      beforeEach(() => {
        folder = mkdtempSync(join(tmpdir(), 'imds-credentials-'));
      });
      afterEach(() => rmSync(folder, { recursive: true }));

      /** AWS's own provider, on a config file whose profile names this command. */
      function profile() {
        const command = `"${process.execPath}" "${binary}" credentials --format process --endpoint ${emulator.url}`;
        const [configFilepath, filepath] = [join(folder, 'config'), join(folder, 'credentials')];
        writeFileSync(configFilepath, `[profile instance]\nregion = us-east-1\ncredential_process = ${command}\n`);
        writeFileSync(filepath, '');
        return fromProcess({ profile: 'instance', configFilepath, filepath });
      }

      it("gives credentials to AWS's provider, which a client signs with", async () => {
        await using service = await createSigV4Server(() => ({ secretAccessKey, sessionToken, endsAt }), Date.now);
        const sts = new STSClient({ endpoint: service.url, region: 'us-east-1', credentials: profile() });
        const { Account } = await sts.send(new GetCallerIdentityCommand({}));
        assert.equal(Account, '123456789012');
        assert.deepEqual(service.accepted, ['ASIAIOSFODNN7EXAMPLE']);
        sts.destroy();
      });

      it("gives AWS's provider credentials after they expire in a form that it accepts", async () => {
        serve({ Expiration: '2026-01-01T00:00:00Z' });
        const { accessKeyId, expiration } = await profile()();
        assert.equal(accessKeyId, 'ASIAIOSFODNN7EXAMPLE');
        assert.ok(expiration && expiration.getTime() > Date.now() + 4 * 60_000);
      });

      it("fails in AWS's provider with its own message when there is no role", async () => {
        emulator.remove('iam');
        await assert.rejects(profile()(), /imds: no IAM role is attached to this instance/);
      });
    });
  });

  describe('for a shell', () => {
    /** How a shell takes the assignments from standard input, and prints what it got of them. */
    const shells: readonly { readonly shell: string; readonly take: string; readonly joinsLines?: boolean }[] = [
      ...['sh', 'bash', 'zsh'].flatMap((shell) => [
        { shell, take: 'eval "$(cat)"' },
        { shell, take: 'eval $(cat)', joinsLines: true },
      ]),
      { shell: 'fish', take: 'cat | source' },
      { shell: 'fish', take: 'eval (cat)', joinsLines: true },
    ];
    const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_CREDENTIAL_EXPIRATION'];
    const nasty = `it's "so" \\ \\' \\n $HOME $(id) \`id\` *.ts ~ !! {a,b} %s ; & | <x> #`;

    for (const { shell, take, joinsLines } of shells) {
      it(`prints assignments that ${shell} takes by ${take}`, async function () {
        // Not every machine has every shell: those there are judge.
        if (spawnSync(shell, ['-c', 'exit 0']).status !== 0) this.skip();
        // Where lines are joined, the words of a value are split before its quotes are seen.
        const secret = joinsLines ? `it's\\'${secretAccessKey}` : nasty;
        serve({ SecretAccessKey: secret });
        const { code, stdout } = await credentials('--format', 'env');
        assert.equal(code, 0);
        const { stdout: seen, stderr } = spawnSync(shell, ['-c', `${take}; env`], { input: stdout, encoding: 'utf8' });
        assert.equal(stderr, '');
        const variables = Object.fromEntries(seen.split('\n').map((line) => line.split(/=(.*)/s)));
        assert.deepEqual(
          names.map((name) => variables[name]),
          ['ASIAIOSFODNN7EXAMPLE', secret, sessionToken, new Date(endsAt).toISOString()],
        );
      });
    }
  });

  describe('without credentials to print', () => {
    const failures: Readonly<Record<string, { readonly prepare: () => void; readonly stderr: RegExp }>> = {
      'no role is attached': {
        prepare: () => emulator.remove('iam'),
        stderr: /^imds: no IAM role is attached to this instance\nhint: Attach an instance profile: aws ec2 .*\n$/,
      },
      'EC2 may not assume the role': {
        prepare: () =>
          serve({
            Code: 'AssumeRoleUnauthorizedAccess',
            Message: 'EC2 cannot assume the role.',
            AccessKeyId: undefined,
          }),
        stderr: /^imds: .*AssumeRoleUnauthorizedAccess: EC2 cannot assume the role\.\nhint: The trust policy of .*\n$/,
      },
    };
    for (const [title, { prepare, stderr }] of Object.entries(failures)) {
      it(`exits with 5 when ${title}, and says what to do`, async () => {
        prepare();
        const outcome = await credentials('--format', 'process');
        assert.equal(outcome.code, 5);
        assert.equal(outcome.stdout.toString(), '');
        assert.match(outcome.stderr, stderr);
      });
    }

    it('exits with 2 when there is no such format', async () => {
      const { code, stderr } = await credentials('--format', 'yaml');
      assert.equal(code, 2);
      assert.match(stderr, /--format yaml: expected json, process or env/);
      assert.deepEqual(emulator.requests, []);
    });
  });
});
