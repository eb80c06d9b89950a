import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSharedConfigFiles } from '@smithy/shared-ini-file-loader';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import { readProfile } from '../../../src/client/config-file.js';
import { configText, keys, profiles } from '../../support/config-files.js';

describe('a shared config file', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'imds-config-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is read as the AWS SDK for JavaScript reads it', async () => {
    const file = join(folder, 'config');
    await fc.assert(
      fc.asyncProperty(configText, async (text) => {
        writeFileSync(file, text);
        const { configFile } = await loadSharedConfigFiles({ configFilepath: file, filepath: file, ignoreCache: true });
        for (const profile of profiles) {
          const ours = readProfile({ AWS_CONFIG_FILE: file }, profile, 'default').keys;
          for (const key of keys) assert.equal(ours.get(key), configFile[profile]?.[key], `${key} of ${profile}`);
        }
      }),
      { numRuns: 500 },
    );
  });
});
