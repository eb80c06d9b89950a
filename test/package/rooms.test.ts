import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { describe, it } from 'mocha';

/**
 * The rooms of src/ in the order of docs/design.md: each may import from those above it, never from below. Files on one
 * line do not know each other, but those of a folder do.
 */
const rooms = [
  ['errors'],
  ['version'],
  ['events'],
  ['settings'],
  ['residency'],
  ['parallel'],
  ['aborts'],
  ['path'],
  ['flight'],
  ['transport'],
  ['retry'],
  ['session'],
  ['cache'],
  ['decode'],
  ['user-data-kinds'],
  ['user-data'],
  ['categories'],
  ['record-addresses'],
  ['record-replacements'],
  ['record-values'],
  ['identity-keys', 'identity-ber'],
  ['identity-cms'],
  ['identity-trust'],
  ['credentials', 'identity', 'network', 'notices', 'record'],
  ['watch'],
  ['interruption'],
  ['distance', 'allowance', 'verdict'],
  ['doctor'],
  ['client'],
  ['index'],
  ['emulator/'],
  ['cli/'],
];
const roomOf = (file: string): number =>
  rooms.findIndex((names) =>
    names.some((name) => (name.endsWith('/') ? file.startsWith(name) : file === `${name}.ts`)),
  );

/** What only one place may do, by the words that do it. */
const privileges = [
  {
    title: 'settings.ts and cli/imds.ts read the environment',
    words: /\bprocess\.env\b/,
    who: /^(settings|cli\/imds)\.ts$/,
  },
  {
    title: 'cli/imds.ts prints',
    words: /\bconsole\.|\bprocess\.(stdout|stderr|emitWarning)\b/,
    who: /^cli\/imds\.ts$/,
  },
  { title: 'cli/imds.ts ends the process', words: /\bprocess\.(exit|exitCode|abort|kill)\b/, who: /^cli\/imds\.ts$/ },
  { title: 'settings.ts knows ini', words: /'ini'/, who: /^settings\.ts$/ },
  { title: 'transport.ts knows got', words: /'got'/, who: /^transport\.ts$/ },
  { title: 'retry.ts knows p-retry', words: /'p-retry'/, who: /^retry\.ts$/ },
  { title: 'cache.ts knows lru-cache', words: /'lru-cache'/, who: /^cache\.ts$/ },
  { title: 'user-data.ts knows mailsplit', words: /'@zone-eu\/mailsplit'/, who: /^user-data\.ts$/ },
  { title: 'cli/ knows commander', words: /'commander'/, who: /^cli\// },
];

const sources = read('src');

/** The TypeScript files of a folder without their comments, and what they import. */
function read(folder: string): { file: string; code: string; imports: string[] }[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return names.map((name) => {
    const code = readFileSync(join(folder, name), 'utf8').replace(/^\s*(\/\*[\s\S]*?\*\/|\/\/.*)/gm, '');
    const imports = code.matchAll(/(?:^(?:import|export)\s[^'";]*?from\s|^import\s|\bimport\()'([^']+)'/gm);
    return { file: name.replaceAll(sep, '/'), code, imports: [...imports].map(([, specifier = '']) => specifier) };
  });
}

describe('the rooms of src/', () => {
  it('hold every file', () => {
    const homeless = sources.map(({ file }) => file).filter((file) => roomOf(file) < 0);
    assert.deepEqual(homeless, []);
  });

  for (const { file, imports } of sources) {
    it(`let ${file} import from rooms above its own only`, () => {
      const room = roomOf(file);
      for (const specifier of imports.filter((specifier) => specifier.startsWith('.'))) {
        const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
        const inFolder = file.includes('/') && roomOf(target) === room;
        assert.ok(inFolder || roomOf(target) < room, `it imports ${target}`);
        if (file.startsWith('emulator/')) assert.ok(inFolder, `it imports ${target}: the emulator shares no code`);
      }
    });
  }

  for (const { title, words, who } of privileges) {
    it(`leave it to one place: only ${title}`, () => {
      const found = sources.filter(({ code }) => words.test(code)).map(({ file }) => file);
      assert.ok(found.length > 0, 'nobody does, so this rule may be gone or its words may be wrong');
      assert.deepEqual(
        found.filter((file) => !who.test(file)),
        [],
      );
    });
  }

  it('use the global `process`, not an import of it that these rules would not see', () => {
    const found = sources.filter(({ imports }) => imports.includes('node:process'));
    assert.deepEqual(
      found.map(({ file }) => file),
      [],
    );
  });
});

describe('the tests', () => {
  it('use nock among the unit tests only, for importing it changes node:http for the whole process', () => {
    const found = read('test').filter(({ imports }) => imports.includes('nock'));
    assert.deepEqual(
      found.map(({ file }) => file).filter((file) => !file.startsWith('unit/')),
      [],
    );
  });
});
