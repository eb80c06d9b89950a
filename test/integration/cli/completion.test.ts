import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { binary, imds } from './harness.js';

type Shell = 'bash' | 'zsh' | 'fish';

/** Words that were typed, the last of them perhaps in part, and what may become of the last. */
const completions: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
  [['ge'], ['get']],
  [['--endpoint', 'http://127.0.0.1:9', 'categ'], ['categories']],
  [
    ['get', 'placement/avail'],
    ['placement/availability-zone', 'placement/availability-zone-id'],
  ],
  [['list', 'network/'], ['network/interfaces/']],
  [['token', ''], []],
  [['get', '--js'], ['--json']],
  [
    ['emulate', '--http-tokens', ''],
    ['optional', 'required'],
  ],
  [['emulate', '--scenario', 'spot-int'], ['spot-interruption']],
  [['emulate', '--scenario', 'tsconfi'], ['tsconfig.json']],
  [
    ['identity', '--kind', ''],
    ['rsa2048', 'pkcs7', 'signature'],
  ],
  [['identity', '--certificate', 'tsconfi'], ['tsconfig.json']],
  [['record', '--out', 'tsconfi'], ['tsconfig.json']],
];

const isInstalled = (shell: Shell): boolean => spawnSync(shell, ['--version']).status === 0;

function output(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  assert.deepEqual({ status, stderr, error }, { status: 0, stderr: '', error: undefined });
  return stdout;
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

describe('imds completion', () => {
  let folder = '';
  const script = (shell: Shell): string => join(folder, shell);
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'imds-completion-'));
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const { code, stdout } = await imds('completion', shell);
      assert.equal(code, 0);
      writeFileSync(script(shell), stdout);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What bash would offer for each of several lines. */
  function askBash(asked: readonly (readonly string[])[]): string[][] {
    const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');
    const questions = asked.map(
      (words) => `COMP_WORDS=(imds ${quoted(words)}); COMP_CWORD=${words.length}; _imds; echo "\${COMPREPLY[*]}"`,
    );
    const code = [
      `imds() { '${process.execPath}' '${binary}' "$@"; }`,
      'compopt() { COMPREPLY+=("(compopt $*)"); }',
      `source '${script('bash')}'`,
      ...questions,
    ].join('\n');
    const answers = output('bash', ['--norc', '-c', code]).split('\n').slice(0, -1);
    return answers.map((answer) => answer.split(' ').filter((word) => word !== ''));
  }

  describe('for bash', () => {
    it('offers what fits', () => {
      const answers = askBash(completions.map(([words]) => words));
      for (const [index, [words, expected]] of completions.entries()) {
        const offered = answers[index]?.join(' ').replace(/ ?\(compopt -o \w+\)/g, '');
        assert.equal(offered, expected.join(' '), words.join(' '));
      }
    });

    it('puts no space after a directory, and one after a value', () => {
      const [directory, value] = askBash([
        ['get', 'pl'],
        ['get', 'placement/reg'],
      ]);
      assert.deepEqual(directory, ['placement/', '(compopt', '-o', 'nospace)']);
      assert.deepEqual(value, ['placement/region']);
    });

    it('offers what fits after a URL, which bash takes apart at its colons', () => {
      const url = ['http', ':', '//127.0.0.1', ':', '1338'];
      const answers = askBash([
        ['get', '--endpoint', ...url, 'placement/reg'],
        ['get', '--endpoint', '=', ...url, 'placement/reg'],
        ['--endpoint', ...url, 'categ'],
      ]);
      assert.deepEqual(answers, [['placement/region'], ['placement/region'], ['categories']]);
    });

    it('offers programs after --', () => {
      const [programs] = askBash([['emulate', '--hops', '1', '--', 'ech']]);
      assert.ok(programs?.includes('echo'));
    });
  });

  const fish = isInstalled('fish');
  (fish ? it : it.skip)(`offers the same in fish${fish ? '' : ' (not tried: there is no fish here)'}`, () => {
    for (const [words, expected] of completions) {
      const command = `function imds; '${process.execPath}' '${binary}' $argv; end; source '${script('fish')}'`;
      const code = `${command}; complete -C 'imds ${words.join(' ')}'`;
      const offered = lines(output('fish', ['--no-config', '-c', code])).map((line) => line.replace(/\t.*/, ''));
      assert.deepEqual(offered.sort(), [...expected].sort(), words.join(' '));
    }
  });

  const zsh = isInstalled('zsh');
  (zsh ? it : it.skip)(`is understood by zsh${zsh ? '' : ' (not tried: there is no zsh here)'}`, () => {
    assert.equal(output('zsh', ['-f', '-n', script('zsh')]), '');
    const code = `compdef() { print -r -- $*; }; source '${script('zsh')}'; print -rl -- $functions[(I)_imds*]`;
    assert.deepEqual(lines(output('zsh', ['-f', '-c', code])).sort(), ['_imds', '_imds imds']);
  });
});
