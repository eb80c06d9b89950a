/** Prints how large and how tangled src/ is: `npm run figures`. Lines are those of `wc -l`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const core = /^((errors|platform|version|imds)\.ts$|metadata\/|client\/)/;

const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);
const files = names.map((name) => {
  const text = readFileSync(join(root, 'src', name), 'utf8');
  return { name, text, lines: text.split('\n').length - 1 };
});

/** @param {{ lines: number }[]} some */
const sum = (some) => some.reduce((total, { lines }) => total + lines, 0);

/** @param {number[]} numbers */
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Every function with a body, its lines counted from its first to its last. @param {typeof files[number]} file */
function functionsOf({ name, text }) {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  /** @type {{ where: string, lines: number }[]} */
  const found = [];
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const line = (/** @type {number} */ at) => source.getLineAndCharacterOfPosition(at).line + 1;
      const [first, last] = [line(node.getStart()), line(node.getEnd())];
      found.push({ where: `src/${name}:${first}`, lines: last - first + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The types that an entry exports, interfaces and classes with a type side included only when they are types alone. */
function typeExports() {
  const entry = join(root, 'src/index.ts');
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram([entry], options);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(/** @type {ts.Node} */ (program.getSourceFile(entry)));
  return checker.getExportsOfModule(/** @type {ts.Symbol} */ (module)).filter((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return !(target.flags & ts.SymbolFlags.Value);
  });
}

async function circles() {
  const { output } = await cruise(['src'], {
    baseDir: root,
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    validate: true,
    ruleSet: { forbidden: [{ name: 'no-circle', severity: 'error', from: {}, to: { circular: true } }] },
  });
  return typeof output === 'string' ? [] : output.summary.violations;
}

const functions = files.flatMap(functionsOf).sort((a, b) => b.lines - a.lines);
const [longest] = functions;
const large = files.filter(({ lines }) => lines > 300).sort((a, b) => b.lines - a.lines);

/** @type {Record<string, unknown>} */
const figures = {
  'lines of the core': sum(files.filter(({ name }) => core.test(name.replaceAll('\\', '/')))),
  'lines of src/': sum(files),
  files: files.length,
  'lines of the median file': median(files.map(({ lines }) => lines)),
  'files over 300 lines': [large.length, ...large.map(({ name, lines }) => `${name} ${lines}`)].join(', '),
  'lines of the longest function': `${longest?.lines} (${longest?.where})`,
  'functions over 60 lines': functions.filter(({ lines }) => lines > 60).length,
  'import circles': (await circles()).length,
  'type exports of imds': typeExports().length,
};
for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(32)}${value}`);
