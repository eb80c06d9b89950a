import assert from 'node:assert/strict';
import { readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { parse } from 'yaml';
import type { Finding } from '../../../src/audit/findings.js';
import { binary } from '../cli/harness.js';
import { Application } from './audited.js';

const page = readFileSync('docs/auditing.md', 'utf8');
const blocks = (kind: string): readonly string[] =>
  Array.from(page.matchAll(new RegExp(`^ *\`\`\`${kind}\n([\\s\\S]*?)^ *\`\`\`$`, 'gm')), ([, text = '']) => text);
const commands = blocks('sh').flatMap((block) =>
  Array.from(block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm), ([, command = '', output = '']) => ({
    command,
    output,
  })),
);

describe('docs/auditing.md', () => {
  let application: Application;
  before(async () => {
    application = await Application.create();
    application.write('package.json', '{ "name": "shop", "version": "2.0.0" }');
    application.write('app.mjs', blocks('js')[0] ?? '');
    application.write('imds', `#!/bin/sh\nexec '${process.execPath}' '${binary}' "$@"\n`);
    symlinkSync(resolve('.'), join(application.folder, 'node_modules/imds'));
  });
  after(() => application[Symbol.asyncDispose]());

  for (const { command, output } of commands) {
    it(`shows what is printed: ${command}`, async () => {
      const run = `imds() { sh ./imds "$@"; }\n${command}`;
      const { stdout, stderr } = await application.run('sh', ['-c', run]);
      assert.equal(stdout.toString() + stderr, output);
    });
  }

  it('has five commands with what they print', () => assert.equal(commands.length, 5));

  it('shows settings for ECS, pods and systemd that load the audit', async () => {
    const [definition = ''] = blocks('json');
    const { containers } = parse(blocks('yaml')[0] ?? '');
    const [unit = ''] = blocks('ini');
    const inUnit = Array.from(
      unit.matchAll(/(?:^Environment=|(?<= ))"?(\w+)=(.*?)(?:"|(?= \w+=)|$)/gm),
      ([, name, value]) => ({ name, value }),
    );
    assert.equal(inUnit.length, 3);
    for (const variables of [JSON.parse(definition).environment, containers[0].env, inUnit]) {
      const given: Record<string, string> = Object.fromEntries(
        variables.map(({ name, value }: { name: string; value: string }) => [
          name,
          value.replace('/opt/audit/', `${application.folder}/`),
        ]),
      );
      assert.deepEqual(Object.keys(given).sort(), ['IMDS_AUDIT_EVERY', 'IMDS_AUDIT_JSON', 'NODE_OPTIONS']);
      const { stderr } = await application.run(process.execPath, ['app.mjs'], given);
      assert.equal(JSON.parse(stderr).callers[0].v1, 1);
    }
  });

  it('has every finding', () => {
    const ids = readFileSync('src/audit/report.schema.json', 'utf8');
    const { enum: known } = JSON.parse(ids).properties.findings.items.properties.id;
    const [, table = ''] = page.split('\n## What it finds\n');
    const named = Array.from(table.matchAll(/^\| `([\w-]+)`/gm), ([, id]) => id as Finding['id']);
    assert.deepEqual(named, known);
  });
});
