import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
// TypeScript 7 is asked over the language server protocol; this is the last with a language service for JavaScript.
import ts from 'typescript';
import { rows } from '../../src/metadata/lookup.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const typeRoots = [join(root, 'node_modules/@types')];

/** A module with one expression `imds.…` a line, after two others. */
function probe(directory: string, declarations: string, expressions: readonly string[]) {
  const file = join(directory, 'probe.mts');
  const text = [
    `import type { Imds } from '${declarations}';`,
    'declare const imds: Imds;',
    ...expressions.map((expression) => `${expression};`),
  ].join('\n');
  writeFileSync(file, text);
  return { file, text };
}

const lastName = (expression: string): number => expression.search(/\w+(\([^()]*\))+$/);

/** What an editor shows for each expression `imds.…`, with the pointer on the last name. */
function hovers(directory: string, declarations: string, expressions: readonly string[]): Map<string, string> {
  const { file, text } = probe(directory, declarations, expressions);
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
      const info = service.getQuickInfoAtPosition(file, text.indexOf(`${expression};`) + lastName(expression));
      return [expression, ts.displayPartsToString(info?.documentation)];
    }),
  );
}

/** The same, by the language server of TypeScript 7. */
async function hoversOf7(directory: string, declarations: string, expressions: readonly string[]) {
  const { file, text } = probe(directory, declarations, expressions);
  const compilerOptions = { strict: true, module: 'nodenext', typeRoots, types: ['node'] };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['probe.mts'] }));
  const tsc = join(root, 'node_modules/typescript7/bin/tsc');
  const server = spawn(process.execPath, [tsc, '--lsp', '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const send = (message: object): void => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
  const replies = new Map<number, (result: { contents?: { value: string } } | null) => void>();
  let received = Buffer.alloc(0);
  server.stdout.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const [head, length] = /^Content-Length: (\d+)\r\n(?:.+\r\n)*\r\n/.exec(received.toString('latin1')) ?? [];
      const end = (head?.length ?? 0) + Number(length);
      if (head === undefined || received.length < end) return;
      const { id, method, result } = JSON.parse(received.toString('utf8', head.length, end));
      received = received.subarray(end);
      if (method === undefined) replies.get(id)?.(result);
      else if (id !== undefined) send({ id, result: null });
    }
  });
  let asked = 0;
  const ask = (method: string, params: object): Promise<{ contents?: { value: string } } | null> =>
    new Promise((resolve) => {
      asked += 1;
      replies.set(asked, resolve);
      send({ id: asked, method, params });
    });
  try {
    const hover = { contentFormat: ['plaintext'] };
    const rootUri = pathToFileURL(directory).href;
    await ask('initialize', { processId: process.pid, rootUri, capabilities: { textDocument: { hover } } });
    send({ method: 'initialized', params: {} });
    const uri = pathToFileURL(file).href;
    send({
      method: 'textDocument/didOpen',
      params: { textDocument: { uri, languageId: 'typescript', version: 1, text } },
    });
    const shown = new Map<string, string>();
    for (const [index, expression] of expressions.entries()) {
      const position = { line: index + 2, character: lastName(expression) };
      const result = await ask('textDocument/hover', { textDocument: { uri }, position });
      shown.set(expression, result?.contents?.value ?? '');
    }
    return shown;
  } finally {
    server.kill();
  }
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

  it('shows it in an editor with TypeScript 7, too', async () => {
    const shown = await hoversOf7(directory, join(root, 'dist/index.js'), expressions);
    assert.match(shown.get('imds.instanceId()') ?? '', /ID of this instance, such as `i-1234567890abcdef0`\.$/);
    for (const [expression, text] of shown) assert.match(text, /`[^`]+`/, expression);
  });
});
