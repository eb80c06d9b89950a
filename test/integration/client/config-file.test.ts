import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSharedConfigFiles } from '@smithy/shared-ini-file-loader';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import { readProfile } from '../../../src/client/config-file.js';
import { configText, keys, oddConfigText, profiles } from '../../support/config-files.js';
import { judges, python } from '../../support/debian.js';

type Profiles = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const read = `
import json, os, sys
from botocore.configloader import load_config
found = {}
for name in os.listdir(sys.argv[1]):
    try:
        found[name] = load_config(os.path.join(sys.argv[1], name))['profiles']
    except Exception:
        found[name] = None
json.dump(found, sys.stdout)
`;

describe('a shared config file, read by botocore and the AWS SDK for JavaScript', () => {
  let folder = '';
  let root = '';
  before(async function () {
    root = await judges(this);
    folder = mkdtempSync(join(tmpdir(), 'imds-config-'));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true });
  });

  /** What botocore reads from files, by their names; null where it refuses a file. */
  function botocore(files: Readonly<Record<string, string>>): Readonly<Record<string, Profiles | null>> {
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { status, stdout, stderr } = spawnSync(python, ['-c', read, folder], {
      env: { PYTHONPATH: join(root, 'usr/lib/python3/dist-packages') },
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }

  it('gives what they agree on, and else what one of them says', async () => {
    const plain = 500;
    const texts = [...fc.sample(configText, plain), ...fc.sample(oddConfigText, 300)];
    const names = texts.map((_, index) => `config-${index}`);
    const byBotocore = botocore(Object.fromEntries(texts.map((text, index) => [`config-${index}`, text])));
    let agreed = 0;
    for (const [index, name] of names.entries()) {
      const file = join(folder, name);
      const { configFile } = await loadSharedConfigFiles({ configFilepath: file, filepath: file, ignoreCache: true });
      const theirs = byBotocore[name];
      if (!theirs) continue;
      for (const profile of profiles) {
        const ours = readProfile({ AWS_CONFIG_FILE: file }, profile, 'default').keys;
        for (const key of keys) {
          const sdk = configFile[profile]?.[key];
          const value: unknown = theirs[profile]?.[key];
          const boto = typeof value === 'string' && value !== '' ? value : undefined;
          const where = `${key} of ${profile} in ${JSON.stringify(texts[index])}: ${JSON.stringify({ boto, sdk })}`;
          const own = ours.get(key);
          if (boto === sdk || index < plain) assert.equal(own, sdk, where);
          else assert.ok([boto, sdk].includes(own), `${own} for ${where}`);
          if (boto === sdk && sdk !== undefined) agreed += 1;
        }
      }
    }
    assert.ok(agreed > 100, `${agreed} values that both have`);
  });
});
