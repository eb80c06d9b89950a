import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// The compiler proper no longer has a language service for JavaScript; this is the last that does.
import ts from 'typescript';
import { rows } from '../../src/metadata/lookup.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const typeRoots = [join(root, 'node_modules/@types')];

/** What an editor shows for each expression `imds.…`, with the pointer on the last name. */
function hovers(directory: string, declarations: string, expressions: readonly string[]): Map<string, string> {
  const file = join(directory, 'probe.mts');
  const text = [
    `import type { Imds } from '${declarations}';`,
    'declare const imds: Imds;',
    ...expressions.map((expression) => `${expression};`),
  ].join('\n');
  writeFileSync(file, text);
  const { fileExists, readFile } = ts.sys;
  const service = ts.createLanguageService({
    getCompilationSettings: () => ({
      strict: true,
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      typeRoots,
      types: ['node'],
    }),
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot: (name) => ts.ScriptSnapshot.fromString(readFile(name) ?? ''),
    getCurrentDirectory: () => directory,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    readFile,
    fileExists,
  });
  assert.deepEqual(
    service.getSemanticDiagnostics(file).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
    [],
  );
  return new Map(
    expressions.map((expression) => {
      const lastName = expression.search(/\w+(\([^()]*\))+$/);
      const info = service.getQuickInfoAtPosition(file, text.indexOf(`${expression};`) + lastName);
      return [expression, ts.displayPartsToString(info?.documentation)];
    }),
  );
}

describe('hovering over an accessor', () => {
  const expressions = rows().map(({ call }) => `imds.${call}`);
  let directory = '';

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'imds-hover-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  function check(declarations: string): void {
    const shown = hovers(directory, declarations, expressions);
    assert.equal(shown.get('imds.instanceId()'), 'ID of this instance, such as `i-1234567890abcdef0`.');
    for (const [expression, text] of shown) assert.match(text, /`[^`]+`/, expression);
  }

  it('shows its meaning and an example value, in this repository', () => {
    check(join(root, 'src/index.js'));
  });

  it('shows the same to users, from the declarations that are published', () => {
    check(join(root, 'dist/index.js'));
  });
});
