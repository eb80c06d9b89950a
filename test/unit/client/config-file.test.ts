import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readProfile } from '../../../src/client/config-file.js';
import { ImdsSettingsError } from '../../../src/errors.js';

const key = 'ec2_metadata_service_endpoint';

describe('readProfile()', () => {
  let home = '';
  let file = '';
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'imds-home-'));
    mkdirSync(join(home, '.aws'));
    file = join(home, '.aws/config');
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const read = (text: string | Uint8Array, profile = 'default'): string | undefined => {
    writeFileSync(file, text);
    return readProfile({ HOME: home }, profile, 'default').keys.get(key);
  };

  const files: readonly [title: string, text: string, profile: string, value: string | undefined][] = [
    ['no key of another profile', `[default]\nregion=x\n[profile q] # other\n${key} = u`, 'default', undefined],
    ['a profile with a comment behind its title', `[default]\nregion=x\n[profile q] # other\n${key} = u`, 'q', 'u'],
    ['a profile with a comment right behind it', `[default]\nregion=x\n[profile q];other\n${key} = u`, 'q', 'u'],
    ['no key below a title that is cut', `[default]\nregion=x\n[profile q\n${key} = u`, 'default', undefined],
    ['no nested key', `[default]\ns3 =\n  ${key} = u`, 'default', undefined],
    ['a key after nested ones', `[default]\ns3 =\n\tregion = x\n${key} = u`, 'default', 'u'],
    ['no key of services', `[default]\n[services default] ; shared\n${key} = u`, 'default', undefined],
    ['no key of an sso-session', `[sso-session q]\n${key} = u`, 'q', undefined],
    ['no key of a section without the word profile', `[q]\n${key} = u`, 'q', undefined],
    ['a file with a byte order mark', `\ufeff[default]\n${key} = u`, 'default', 'u'],
    ['a file with CRLF', `[default]\r\n${key} = u\r\n`, 'default', 'u'],
    ['a key between tabs', `[profile\tq]\n\t${key}\t=\tu\t`, 'q', 'u'],
    ['no comment behind a value', `[default]\n${key} = u ; c # d`, 'default', 'u'],
    ['a value with the marks of comments', `[default]\n${key} = u;c#d`, 'default', 'u;c#d'],
    ['a value with quotes as they are', `[default]\n${key} = "u"`, 'default', '"u"'],
    ['a value with an equals sign', `[default]\n${key} = u?a=b`, 'default', 'u?a=b'],
    ['the last of equal keys', `[default]\n${key} = u\n${key} = v`, 'default', 'v'],
    ['sections of one profile as one', `[profile q]\n${key} = u\n[default]\n[profile "q"]\nregion=x`, 'q', 'u'],
    ['[profile default] before [default]', `[profile default]\n${key} = u\n[default]\n${key} = v`, 'default', 'u'],
    ['[default] before an empty [profile default]', `[profile default]\n[default]\n${key} = v`, 'default', 'v'],
    ['an indented line after a value', `[default]\nregion = x\n  ${key} = u`, 'default', 'u'],
    ['no key written with a colon', `[default]\n${key}: u`, 'default', undefined],
    ['no key in capitals', `[default]\n${key.toUpperCase()} = u`, 'default', undefined],
    ['a profile named with a blank', `[profile 'a b']\n${key} = u`, 'a b', 'u'],
    ['a profile with blanks around its name', `[profile  q ]\n${key} = u`, 'q', 'u'],
    ['a profile named as members of objects', `[profile __proto__]\n${key} = u`, '__proto__', 'u'],
  ];
  for (const [title, text, profile, value] of files)
    it(`takes ${title}`, () => assert.equal(read(text, profile), value));

  it('takes a comment in another encoding', () => {
    assert.equal(read(Buffer.from(`# \xe9t\xe9\n[default]\n${key} = u`, 'latin1')), 'u');
  });

  it('treats a missing file and /dev/null as empty', () => {
    for (const AWS_CONFIG_FILE of ['/dev/null', join(home, 'no'), join(home, 'no/such'), '/dev/null/x'])
      assert.deepEqual(readProfile({ AWS_CONFIG_FILE }, 'q', 'AWS_PROFILE'), {
        keys: new Map(),
        file: AWS_CONFIG_FILE,
      });
  });

  it('expands ~ to the home directory', () => {
    writeFileSync(join(home, 'other'), `[default]\n${key} = u`);
    const { keys } = readProfile({ USERPROFILE: home, AWS_CONFIG_FILE: '~/other' }, 'default', 'default');
    assert.equal(keys.get(key), 'u');
  });

  describe('given a file that cannot be read', () => {
    const unreadable: readonly [title: string, why: string, make: () => void][] = [
      ['a directory', 'EISDIR', () => mkdirSync(file)],
      ['a FIFO', 'not a text file in UTF-8', () => execFileSync('mkfifo', [file])],
      ['UTF-16', 'not a text file in UTF-8', () => writeFileSync(file, '\ufeff[default]\nregion=x', 'utf16le')],
      ['UTF-16 without a mark', 'not a text file in UTF-8', () => writeFileSync(file, '[default]', 'utf16le')],
      ['a loop of links', 'ELOOP', () => execFileSync('ln', ['-s', file, file])],
    ];
    for (const [title, why, make] of unreadable) {
      it(`leaves ${title} out and says so when nobody named it`, () => {
        make();
        const found = readProfile({ HOME: home }, 'default', 'default');
        assert.deepEqual(found, { keys: new Map(), file, leftOut: { file, why } });
      });

      for (const [env, source, named] of [
        [true, 'default', 'AWS_CONFIG_FILE'],
        [false, 'AWS_PROFILE', 'AWS_PROFILE'],
        [false, 'option profile', 'option profile'],
      ] as const)
        it(`refuses ${title} when ${named} asks for it`, () => {
          make();
          const asked = env ? { AWS_CONFIG_FILE: file } : { HOME: home };
          const message = `${named} is set, but the shared config file ${file} cannot be read (${why})`;
          const hint = 'Make it readable, or name another with AWS_CONFIG_FILE.';
          assert.throws(() => readProfile(asked, 'q', source), { name: ImdsSettingsError.name, message, hint });
        });
    }

    it('leaves it out where not even the home directory is known', () => {
      const original = os.homedir;
      const denied = Object.assign(new Error('Requires sys access to "homedir"'), { name: 'NotCapable' });
      os.homedir = () => {
        throw denied;
      };
      try {
        assert.deepEqual(readProfile({}, 'default', 'default').leftOut, {
          file: '~/.aws/config',
          why: 'not permitted',
        });
        assert.throws(() => readProfile({}, 'q', 'option profile'), { code: 'ERR_IMDS_SETTINGS', cause: denied });
      } finally {
        os.homedir = original;
      }
    });
  });
});
