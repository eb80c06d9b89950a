import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkOptions } from '../../../src/client/check.js';
import type { ImdsOptions } from '../../../src/client/options.js';
import { callChecks, resolveSettings, type Settings } from '../../../src/client/settings.js';
import { ImdsSettingsError } from '../../../src/errors.js';

const names = [
  'AWS_CONFIG_FILE',
  'AWS_PROFILE',
  'AWS_EC2_METADATA_DISABLED',
  'AWS_EC2_METADATA_SERVICE_ENDPOINT',
  'AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE',
  'AWS_EC2_METADATA_V1_DISABLED',
  'AWS_METADATA_SERVICE_TIMEOUT',
  'AWS_METADATA_SERVICE_NUM_ATTEMPTS',
] as const;
type Environment = Partial<Record<(typeof names)[number], string>>;

describe('resolveSettings()', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'imds-settings-'));
  });
  afterEach(() => {
    for (const name of names) delete process.env[name];
    rmSync(folder, { recursive: true });
  });

  const absent = (): string => join(folder, 'absent');
  function settings(options: ImdsOptions = {}, environment: Environment = {}): Settings {
    Object.assign(process.env, { AWS_CONFIG_FILE: absent(), ...environment });
    return resolveSettings(options).settings();
  }
  function configFile(text: string): string {
    const path = join(folder, 'config');
    writeFileSync(path, text);
    return path;
  }

  it('has defaults that need no configuring on EC2', () => {
    const { origins, ...values } = settings();
    assert.deepEqual(values, {
      endpoint: 'http://169.254.169.254',
      disabledBy: undefined,
      tokenTtlSeconds: 21600,
      allowV1: false,
      v1ForbiddenBy: 'option allowV1 is false, its default',
      connectTimeoutMs: 1000,
      requestTimeoutMs: 1000,
      maxAttempts: 3,
      retryDelayMs: 100,
      deadlineMs: 5000,
      waitMs: 0,
      roleName: undefined,
      staticStability: true,
      profile: 'default',
      leftOut: undefined,
    });
    assert.deepEqual([...new Set(Object.values(origins))], ['default']);
    assert.ok(Object.isFrozen(settings()));
  });

  const accepted: readonly [string, ImdsOptions, Environment, Partial<Settings>][] = [
    ['an endpoint with a port', { endpoint: 'http://127.0.0.1:1338' }, {}, { endpoint: 'http://127.0.0.1:1338' }],
    [
      'an endpoint as a URL object',
      { endpoint: new URL('http://127.0.0.1:8') },
      {},
      { endpoint: 'http://127.0.0.1:8' },
    ],
    ['slashes at the end of an endpoint', { endpoint: 'http://127.0.0.1//' }, {}, { endpoint: 'http://127.0.0.1' }],
    ['a path in an endpoint', { endpoint: 'http://127.0.0.1/imds/' }, {}, { endpoint: 'http://127.0.0.1/imds' }],
    ['an IPv6 endpoint', { endpoint: 'http://[::1]:80/' }, {}, { endpoint: 'http://[::1]' }],
    ['a Unix socket', { endpoint: 'unix:/run/imds.sock' }, {}, { endpoint: 'unix:/run/imds.sock' }],
    ['the mode IPv6', { endpointMode: 'IPv6' }, {}, { endpoint: 'http://[fd00:ec2::254]' }],
    [
      'the mode in any case',
      {},
      { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'ipV6' },
      { endpoint: 'http://[fd00:ec2::254]' },
    ],
    [
      'an endpoint from the environment',
      {},
      { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9/' },
      { endpoint: 'http://127.0.0.1:9' },
    ],
    [
      'endpoint and mode from the environment, where the endpoint wins as in the AWS SDKs',
      {},
      { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9', AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6' },
      { endpoint: 'http://127.0.0.1:9' },
    ],
    [
      'a mode as option over an endpoint of the environment',
      { endpointMode: 'IPv6' },
      { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9' },
      { endpoint: 'http://[fd00:ec2::254]' },
    ],
    ['an empty variable as unset', {}, { AWS_EC2_METADATA_DISABLED: '' }, { disabledBy: undefined }],
    ['disabled in any case', {}, { AWS_EC2_METADATA_DISABLED: 'TRUE' }, { disabledBy: 'AWS_EC2_METADATA_DISABLED' }],
    ['disabled false', {}, { AWS_EC2_METADATA_DISABLED: 'false' }, { disabledBy: undefined }],
    ['version 1 allowed', { allowV1: true }, {}, { allowV1: true, v1ForbiddenBy: undefined }],
    ['version 1 refused', { allowV1: false }, {}, { allowV1: false, v1ForbiddenBy: 'option allowV1 is false' }],
    [
      'version 1 allowed but disabled, which wins',
      { allowV1: true },
      { AWS_EC2_METADATA_V1_DISABLED: 'true' },
      { allowV1: false, v1ForbiddenBy: 'AWS_EC2_METADATA_V1_DISABLED is true' },
    ],
    [
      'a timeout in seconds with a fraction',
      {},
      { AWS_METADATA_SERVICE_TIMEOUT: '0.25' },
      { connectTimeoutMs: 250, requestTimeoutMs: 250, deadlineMs: 5000 },
    ],
    [
      'more patience than the default deadline has, which then grows with it',
      {},
      { AWS_METADATA_SERVICE_TIMEOUT: '10', AWS_METADATA_SERVICE_NUM_ATTEMPTS: '6' },
      { requestTimeoutMs: 10_000, maxAttempts: 6, deadlineMs: 100_000 },
    ],
    ['a wait, on top of the default deadline', { waitMs: 60_000 }, {}, { waitMs: 60_000, deadlineMs: 65_000 }],
    ['a wait, within a deadline that was asked for', { waitMs: 60_000, deadlineMs: 9000 }, {}, { deadlineMs: 9000 }],
    ['the longest wait', { waitMs: 2 ** 31 - 1 }, {}, { deadlineMs: 2 ** 31 - 1 }],
    ['a deadline that was asked for', { deadlineMs: 50, requestTimeoutMs: 9000 }, {}, { deadlineMs: 50 }],
    ['a token TTL at its ends', { tokenTtlSeconds: 1 }, {}, { tokenTtlSeconds: 1 }],
  ];
  for (const [title, options, environment, expected] of accepted)
    it(`takes ${title}`, () => {
      const found = settings(options, environment);
      for (const [name, value] of Object.entries(expected))
        assert.deepEqual(found[name as keyof Settings], value, name);
    });

  const refused: readonly [string, object, Environment, RegExp][] = [
    ['an unknown option', { endpiont: 'http://127.0.0.1' }, {}, /unknown option endpiont.*endpoint/],
    ['an endpoint without a scheme', { endpoint: '127.0.0.1:1338' }, {}, /option endpoint.*scheme/],
    ['a Unix socket with a space', { endpoint: 'unix:/run/my imds.sock' }, {}, /option endpoint.*without spaces/],
    ['a Unix socket without its path', { endpoint: 'unix:imds.sock' }, {}, /option endpoint.*absolute path/],
    [
      'an endpoint of another scheme',
      { endpoint: 'ftp://127.0.0.1' },
      {},
      /option endpoint.*expected the scheme http:$/,
    ],
    ['an endpoint with a query', { endpoint: 'http://127.0.0.1/?a=1' }, {}, /option endpoint.*query/],
    ['an endpoint with an empty fragment', { endpoint: 'http://127.0.0.1/#' }, {}, /option endpoint.*fragment/],
    ['an endpoint that is no URL', { endpoint: 'http://[::1' }, {}, /option endpoint.*URL/],
    ['an endpoint that is a number', { endpoint: 80 }, {}, /option endpoint.*URL/],
    [
      'endpoint and mode as options',
      { endpoint: 'http://127.0.0.1', endpointMode: 'IPv4' },
      {},
      /endpoint and endpointMode/,
    ],
    ['an unknown mode', { endpointMode: 'ipv5' }, {}, /option endpointMode.*"ipv5".*IPv4 or IPv6/],
    ['a token TTL of 0', { tokenTtlSeconds: 0 }, {}, /option tokenTtlSeconds.*1 to 21600/],
    ['a token TTL of 21601', { tokenTtlSeconds: 21601 }, {}, /option tokenTtlSeconds.*1 to 21600/],
    ['a timeout of 0', { requestTimeoutMs: 0 }, {}, /option requestTimeoutMs.*milliseconds/],
    ['a timeout that is no number', { connectTimeoutMs: Number.NaN }, {}, /option connectTimeoutMs/],
    ['a wait below nothing', { waitMs: -1 }, {}, /option waitMs is -1: expected milliseconds from 0/],
    ['a timeout in text', { deadlineMs: '100' }, {}, /option deadlineMs/],
    ['half an attempt', { maxAttempts: 1.5 }, {}, /option maxAttempts.*whole number/],
    ['version 1 in text', { allowV1: 'true' }, {}, /option allowV1.*true or false/],
    ['a cache in text', { cache: 'no' }, {}, /option cache/],
    ['an unknown cache option', { cache: { max: 1 } }, {}, /cache\.max/],
    ['a logger that is a function', { logger: () => {} }, {}, /option logger/],
    ['a clock that is a number', { now: 1 }, {}, /option now/],
    ['options that are none', null as unknown as object, {}, /options/],
    ['disabled maybe', {}, { AWS_EC2_METADATA_DISABLED: 'maybe' }, /AWS_EC2_METADATA_DISABLED.*"maybe".*true or false/],
    ['an unknown mode in the environment', {}, { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'v6' }, /ENDPOINT_MODE.*IPv6/],
    ['a timeout in words', {}, { AWS_METADATA_SERVICE_TIMEOUT: 'soon' }, /AWS_METADATA_SERVICE_TIMEOUT.*seconds/],
    ['no attempt', {}, { AWS_METADATA_SERVICE_NUM_ATTEMPTS: '0' }, /NUM_ATTEMPTS.*attempts/],
    ['attempts in words', {}, { AWS_METADATA_SERVICE_NUM_ATTEMPTS: 'three' }, /NUM_ATTEMPTS is "three"/],
  ];
  for (const [title, options, environment, message] of refused)
    it(`refuses ${title} in the constructor, naming it`, () => {
      Object.assign(process.env, { AWS_CONFIG_FILE: absent(), ...environment });
      assert.throws(
        () => resolveSettings(options as ImdsOptions),
        (error) => error instanceof ImdsSettingsError && message.test(error.message),
      );
    });

  it('never repeats a password of an endpoint', () => {
    for (const endpoint of ['http://me:secret@127.0.0.1', 'me:secret@127.0.0.1', 'ftp://me:secret@h'])
      assert.throws(
        () => resolveSettings({ endpoint }),
        (error) => error instanceof ImdsSettingsError && !error.message.includes('secret'),
      );
  });

  it('does not look at a variable that an option has decided', () => {
    const found = settings({ endpointMode: 'IPv4' }, { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'nonsense' });
    assert.equal(found.endpoint, 'http://169.254.169.254');
  });

  describe('from the shared config file', () => {
    const whole = `
[default]
region = eu-west-1
ec2_metadata_service_endpoint = http://127.0.0.1:1001/ ; a comment
ec2_metadata_v1_disabled = true
metadata_service_timeout = 2
[profile team.dev]
ec2_metadata_service_endpoint_mode=ipv6
metadata_service_num_attempts = 1
[profile "two words"]
ec2_metadata_service_endpoint = http://127.0.0.1:1003
[services x]
ec2_metadata_service_endpoint = http://127.0.0.1:1004
`;

    it('takes what neither an option nor the environment decides, and says where from', () => {
      const path = configFile(whole);
      const found = settings({ allowV1: true }, { AWS_CONFIG_FILE: path });
      assert.equal(found.endpoint, 'http://127.0.0.1:1001');
      assert.equal(found.requestTimeoutMs, 2000);
      assert.equal(found.v1ForbiddenBy, `ec2_metadata_v1_disabled in profile default of ${path} is true`);
      assert.equal(found.origins['endpoint'], `ec2_metadata_service_endpoint in profile default of ${path}`);
    });

    it('takes the profile of AWS_PROFILE, of a dotted name too', () => {
      const found = settings({}, { AWS_CONFIG_FILE: configFile(whole), AWS_PROFILE: 'team.dev' });
      assert.equal(found.endpoint, 'http://[fd00:ec2::254]');
      assert.equal(found.maxAttempts, 1);
    });

    it('takes the profile of the option before that of AWS_PROFILE, of a quoted name too', () => {
      const environment = { AWS_CONFIG_FILE: configFile(whole), AWS_PROFILE: 'team.dev' };
      assert.equal(settings({ profile: 'two words' }, environment).endpoint, 'http://127.0.0.1:1003');
    });

    it('prefers [profile default] to [default]', () => {
      const text = '[default]\nmetadata_service_timeout=2\n[profile default]\nmetadata_service_timeout=3\n';
      assert.equal(settings({}, { AWS_CONFIG_FILE: configFile(text) }).requestTimeoutMs, 3000);
    });

    it('is weaker than the environment', () => {
      const environment = { AWS_CONFIG_FILE: configFile(whole), AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6' };
      assert.equal(settings({}, environment).endpoint, 'http://[fd00:ec2::254]');
    });

    it('may be missing, and AWS_PROFILE may name a profile it does not have', () => {
      assert.equal(settings({}, { AWS_PROFILE: 'nowhere' }).endpoint, 'http://169.254.169.254');
    });

    it('is refused when the option names a profile it does not have', () => {
      assert.throws(() => settings({ profile: 'nowhere' }), /option profile is "nowhere"/);
    });

    it('is refused with its name and key when a value is unusable', () => {
      const path = configFile('[default]\nec2_metadata_v1_disabled = perhaps\n');
      assert.throws(
        () => settings({}, { AWS_CONFIG_FILE: path }),
        (error) =>
          error instanceof ImdsSettingsError &&
          error.message.startsWith(`ec2_metadata_v1_disabled in profile default of ${path} is "perhaps"`),
      );
    });

    it('is refused with its name when it cannot be read', () => {
      const path = join(folder, 'directory');
      mkdirSync(path);
      assert.throws(
        () => settings({}, { AWS_CONFIG_FILE: path }),
        /AWS_CONFIG_FILE .*directory cannot be read \(EISDIR\)/,
      );
      if (process.getuid?.() === 0) return;
      chmodSync(configFile(''), 0o000);
      assert.throws(() => settings({}, { AWS_CONFIG_FILE: join(folder, 'config') }), /EACCES/);
    });

    it('is ignored, with one event, when it is unreadable and was not named', () => {
      mkdirSync(join(folder, '.aws/config'), { recursive: true });
      const { HOME = '' } = process.env;
      process.env['HOME'] = folder;
      delete process.env['AWS_CONFIG_FILE'];
      const told: unknown[] = [];
      try {
        const resolved = resolveSettings({}, (leftOut) => void told.push(leftOut));
        assert.deepEqual(told, []);
        const expected = { file: join(folder, '.aws/config'), why: 'EISDIR' };
        assert.deepEqual(resolved.settings().leftOut, expected);
        assert.equal(resolved.settings().endpoint, 'http://169.254.169.254');
        assert.deepEqual(told, [expected]);
      } finally {
        process.env['HOME'] = HOME;
      }
    });

    it('is not read before the settings are needed, nor when all is decided', () => {
      const path = join(folder, 'directory');
      mkdirSync(path);
      process.env['AWS_CONFIG_FILE'] = path;
      process.env['AWS_EC2_METADATA_V1_DISABLED'] = 'false';
      const options = {
        endpoint: 'http://127.0.0.1',
        connectTimeoutMs: 1,
        requestTimeoutMs: 1,
        maxAttempts: 1,
      };
      assert.doesNotThrow(() => resolveSettings({}));
      assert.doesNotThrow(() => resolveSettings(options).settings());
    });
  });

  it('checks what a call says for itself', () => {
    const check = (options: object) => checkOptions(options, 'call option ', callChecks);
    assert.doesNotThrow(() => check({ signal: new AbortController().signal, fresh: true, deadlineMs: 1 }));
    assert.throws(() => check({ freesh: true }), /unknown call option freesh/);
    assert.throws(() => check({ deadlineMs: 0 }), /deadlineMs/);
    assert.throws(() => check({ signal: {} }), /signal/);
  });
});
