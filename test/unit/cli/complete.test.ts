import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { complete } from '../../../src/cli/complete.js';
import { createProgram } from '../../../src/cli/program.js';
import { shortPath } from '../../../src/cli/values.js';
import { rows } from '../../../src/metadata/lookup.js';

const paint = { bold: String, red: String, cyan: String };
const program = await createProgram(() => async () => {}, { write: () => {}, columns: 100, paint });
const commandNames = program.commands.map((command) => command.name()).filter((name) => name !== 'help');
const scenarios = ['rebalance', 'spot-interruption'];

const candidatesFor = (...words: readonly string[]): string[] =>
  complete(program, words, scenarios).candidates.map((candidate) => candidate.replace(/\t.*/, ''));
const alsoFor = (...words: readonly string[]): string => complete(program, words, scenarios).also;

const placement = [
  'availability-zone',
  'availability-zone-id',
  'group-name',
  'host-id',
  'partition-number',
  'region',
].map((name) => `placement/${name}`);

/** Words that were typed, the last of them perhaps in part, and what may become of the last. */
const completions: readonly (readonly [words: readonly string[], expected: readonly string[]])[] = [
  [['ge'], ['get']],
  [['--endpoint', 'http://127.0.0.1:9', 'categ'], ['categories']],
  [['--endpoint', 'http', ':', '//127.0.0.1', ':', '9', 'categ'], ['categories']],
  [['get', 'pl'], ['placement/']],
  [['get', 'placement/'], placement],
  [['get', 'placement/avail'], placement.slice(0, 2)],
  [['get', 'instance-id', 'user'], ['user-data']],
  [['get', 'network/interfaces/'], ['network/interfaces/macs/']],
  [['get', 'network/interfaces/macs/'], []],
  [
    ['get', '--timeout', '5', 'spot/'],
    ['spot/instance-action', 'spot/termination-time'],
  ],
  [['get', '--timeout', ''], []],
  [['get', '--js'], ['--json']],
  [['list', 'network/'], ['network/interfaces/']],
  [['list', 'placement/'], []],
  [['list', 'placement/', ''], []],
  [['list', '--rec'], ['--recursive']],
  [['token', ''], []],
  [['token', '--tt'], ['--ttl']],
  [
    ['--endpoint-mode', ''],
    ['IPv4', 'IPv6'],
  ],
  [['--endpoint-mode=IPv4', 'categ'], ['categories']],
  [
    ['get', '--endpoint-mode=I'],
    ['--endpoint-mode=IPv4', '--endpoint-mode=IPv6'],
  ],
  [
    ['get', '--endpoint-mode', '=', 'I'],
    ['IPv4', 'IPv6'],
  ],
  [
    ['get', '--endpoint-mode', '='],
    ['IPv4', 'IPv6'],
  ],
  [
    ['emulate', '--http-tokens', ''],
    ['optional', 'required'],
  ],
  [['emulate', '--http-put'], ['--http-put-response-hop-limit']],
  [['emulate', '--scenario', 'spot'], ['spot-interruption']],
  [
    ['identity', '--kind', ''],
    ['rsa2048', 'pkcs7', 'signature'],
  ],
  [['watch', 'tags', 'spot'], ['spot-interruption']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['completion', 'bash', ''], []],
  [['help', 'compl'], ['completion']],
  [['no-such-command', ''], []],
];

describe('the completion of a command line', () => {
  for (const [words, expected] of completions)
    it(`offers ${expected.join(' ') || 'nothing'} for imds ${words.join(' ')}`, () => {
      assert.deepEqual(candidatesFor(...words), expected);
      assert.equal(alsoFor(...words), words.includes('--scenario') ? 'files' : 'nothing');
    });

  it('offers all commands, each with what it does', () => {
    assert.deepEqual(candidatesFor(''), [...commandNames, 'help']);
    for (const candidate of complete(program, ['']).candidates) assert.match(candidate, /^[\w-]+\t\w+.* \w+/);
  });

  for (const name of commandNames)
    it(`offers all options of imds ${name}`, () => {
      const help = program.commands.find((command) => command.name() === name)?.helpInformation() ?? '';
      const flags = help.match(/(?<=^ {2}(-\w, )?)--[\w-]+/gm);
      assert.deepEqual(candidatesFor(name, '--').sort(), flags?.sort());
    });

  it('leads to every path that is the same on all instances', () => {
    const paths = rows().map(({ category }) => shortPath(category.template).replace(/[^/]*\{.*$/, ''));
    for (const path of new Set(paths.filter((path) => path !== '')))
      assert.ok(candidatesFor('get', path.replace(/[^/]+\/?$/, '')).includes(path), path);
  });

  for (const [words, also] of [
    [['record', '--out', ''], 'files'],
    [['identity', '--certificate', 'c'], 'files'],
    [['identity', '--certificate=c'], 'files'],
    [['watch', '--exec', ''], 'commands'],
    [['emulate', '--hops', '1', '--', ''], 'commands'],
    [['doctor', '--summarize', ''], 'files'],
    [['doctor', '--summarize', '--format', 'table', 'a', ''], 'files'],
    [['emulate', '--', 'cat', ''], 'files'],
  ] as const)
    it(`leaves ${also} to the shell for imds ${words.join(' ')}`, () => {
      assert.equal(alsoFor(...words), also);
      assert.deepEqual(candidatesFor(...words), []);
    });
});
