import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { after, before, describe, it } from 'mocha';

const { forbidden, options } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs');

/** The rules that the sources below `folder` break, as `rule: from → to`. */
async function broken(folder: string): Promise<string[]> {
  const { output } = await cruise(['src'], { ...options, validate: true, ruleSet: { forbidden }, baseDir: folder });
  const { summary } = output as ICruiseResult;
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
}

describe('imports between the rooms of src/', () => {
  let copy = '';
  before(() => {
    copy = mkdtempSync(join(tmpdir(), 'imds-rooms-'));
    for (const name of ['src', 'tsconfig.json', 'package.json']) cpSync(name, join(copy, name), { recursive: true });
    symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  });
  after(() => rmSync(copy, { recursive: true, force: true }));

  const wrong = [
    ['a circle', 'src/client/cache.ts', './circle.js', /no-circle/],
    ['a type from a room above', 'src/metadata/path.ts', '../client/settings.js', /what-metadata-imports/],
    ['the client in the emulator', 'src/emulator/tokens.ts', '../errors.js', /what-emulator-imports/],
    ['one subject in another', 'src/network/interfaces.ts', '../identity/verify.js', /what-network-imports/],
    ['the client in the audit', 'src/audit/tally.ts', '../client/session.js', /what-audit-imports/],
    ['the emulator in the page', 'src/panel/store.ts', '../emulator/clock.js', /what-panel-imports/],
    ['the client in the lab', 'src/lab/plan.ts', '../errors.js', /what-lab-imports/],
    ['the client in the record', 'src/record/record.ts', '../client/session.js', /what-record-imports/],
    ['a package in another place', 'src/client/session.ts', 'got', /one-place-for-got/],
    ['a package that nobody uses', 'src/client/session.ts', 'fast-check', /no-other-package/],
    ['node:process', 'src/client/session.ts', 'node:process', /no-imported-process/],
  ] as const;
  for (const [what, file, target, rule] of wrong) {
    it(`cannot be wrong unseen: ${what}`, async () => {
      const text = readFileSync(join(copy, file), 'utf8');
      writeFileSync(join(copy, 'src/client/circle.ts'), "export type * from './cache.js';\n");
      writeFileSync(join(copy, file), `${text}export type * as Wrong from '${target}';\n`);
      try {
        const found = (await broken(copy)).filter((violation) => rule.test(violation));
        assert.ok(
          found.some((violation) => violation.includes(file)),
          found.join('\n'),
        );
      } finally {
        writeFileSync(join(copy, file), text);
      }
    });
  }
});

/** What only one place may do, by the words that do it. */
const privileges = [
  {
    title: 'settings, the options of the emulator, cli/imds.ts and audit/index.ts read the environment',
    words: /\bprocess\.env\b|\benv\b.*= process;/,
    who: /^(client\/settings|cli\/imds|emulator\/options|audit\/index)\.ts$/,
  },
  {
    title: 'cli/imds.ts and audit/index.ts, which runs in other programs, print',
    words: /\bconsole\.|\bprocess\.(stdout|stderr|emitWarning)\b|\bwrite(File)?Sync\(2,/,
    who: /^(cli\/imds|audit\/index)\.ts$/,
  },
  {
    title: 'cli/imds.ts and lab/inside.ts, each a program, and audit/index.ts end the process',
    words: /\bprocess\.(exit|exitCode|abort|kill)\b/,
    who: /^(cli\/imds|lab\/inside|audit\/index)\.ts$/,
  },
  {
    title: 'the audit, the lab and the commands with a file to write write files',
    words: /\b(writeFile|appendFile|mkdtemp|mkdir|rename|copyFile|createWriteStream)(Sync)?\(/,
    who: /^(audit\/(index|states)|lab\/inside|cli\/commands\/(audit|emulate|record))\.ts$/,
  },
  {
    title: "the lab, the panel's browser, the command line's child and the doctor's ethtool start programs",
    words: /\b(spawn|fork|exec(File)?)(Sync)?\b[^;]* from 'node:child_process/,
    who: /^(lab\/\w+|cli\/(panel|child)|doctor\/allowance)\.ts$/,
  },
];

/** The TypeScript files of a folder without their comments. */
function read(folder: string): { file: string; code: string }[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return names.map((name) => ({
    file: name.replaceAll(sep, '/'),
    code: readFileSync(join(folder, name), 'utf8').replace(/^\s*(\/\*[\s\S]*?\*\/|\/\/.*)/gm, ''),
  }));
}

describe('privileges in src/', () => {
  for (const { title, words, who } of privileges) {
    it(`belong to one place: only ${title}`, () => {
      const found = read('src').filter(({ code }) => words.test(code));
      assert.ok(found.length > 0, 'nobody does, so this rule may be gone or its words may be wrong');
      assert.deepEqual(
        found.map(({ file }) => file).filter((file) => !who.test(file)),
        [],
      );
    });
  }
});

describe('nock', () => {
  it('is used among the unit tests only, as importing it changes node:http for the whole process', () => {
    const users = read('test').filter(({ code }) => /\bfrom 'nock'/.test(code));
    assert.ok(users.length > 0);
    assert.deepEqual(
      users.map(({ file }) => file).filter((file) => !file.startsWith('unit/')),
      [],
    );
  });
});
