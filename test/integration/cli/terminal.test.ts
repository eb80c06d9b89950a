import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import { columnsOf, cut, table } from '../../../src/cli/layout.js';
import { printable } from '../../../src/cli/output.js';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import { guardedEnv } from '../../support/guard.mjs';
import { binary, commandNames, listen, outcomeOf, Terminal } from './harness.js';

// Clears the screen, sets the title, colours, begins a sequence with one C1 character, and turns the text around.
const hostile = 'a\x1b[2J\x1b]0;owned\x07\x1b[35m\x9b2J\x85\x7f\b\u202egnp\u2066\u200f\u2028z';
// As above, of characters that a path may have.
const hostileName = 'n\u202e\u2066\x9b2J\u0085';

/** Command lines that print what a service says, by command; a new command needs a line here. */
const lines: Readonly<Record<string, readonly (readonly string[])[]>> = {
  get: [
    ['get', 'hostname'],
    ['get', 'hostname', 'services/tomorrow', 'tags/instance/Wide'],
    ['get', 'services/tomorrow'],
    ['get', '--verbose', `tags/instance/${hostileName}`],
    ['get', 'nothing\u202e'],
    ['get', 'no\x1bthing'],
    ['get', 'nothing', '--endpoint', `http://${hostile}`],
  ],
  list: [
    ['list', 'tags/instance'],
    ['list', 'tags/instance', '--json'],
    ['list', '-r', '--all'],
    ['list', '-r', '--json'],
  ],
  credentials: [['credentials'], ['credentials', '--format', 'env'], ['credentials', '--format', 'process']],
  identity: [['identity'], ['identity', '--json'], ['identity', '--verify']],
  network: [['network'], ['network', '--json']],
  'user-data': [['user-data'], ['user-data', '--parts'], ['user-data', '--check'], ['user-data', '--json']],
  token: [['token']],
  watch: [
    ['watch', '--once', 'tags'],
    ['watch', '--once', '--json', 'tags'],
    ['watch', '--once', 'maintenance'],
    ['watch', '--once', '--exec', `exit 3 # ${hostile}`, 'tags'],
  ],
  categories: [['categories']],
  doctor: [['doctor'], ['doctor', '--json']],
  emulate: [
    ['emulate', '--list'],
    ['emulate', '--scenario', hostile],
    ['emulate', '--', hostileName],
  ],
  lab: [
    ['lab', '--scenario', hostile],
    ['lab', '--trouble', hostile],
  ],
  record: [
    ['record', '--stdout', '--keep'],
    ['record', '--stdout'],
    ['record', '--out', `/no-such-folder/${hostile}`],
  ],
  audit: [
    ['audit', '--', hostileName],
    ['audit', '--fail-on', hostile, '--', 'true'],
  ],
  completion: [
    ['completion', 'bash'],
    ['completion', hostile],
  ],
};
const all = Object.values(lines).flat();

// Its colours and cleared lines.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const own = /\x1b\[(?:1|22|31|36|39)m|\r\x1b\[K/g;

/** All that would act on a terminal, in what was written to one, but what is this program's own. */
const acting = (text: string): readonly string[] =>
  text.replace(own, '').match(/(?!\t|\r?\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu) ?? [];

function makeHostile(emulator: Emulator): void {
  emulator.set('hostname', hostile);
  emulator.set('tags/instance', {
    [hostileName]: hostile,
    Wide: '漢字かなカナ한글👍e\u0301',
  });
  emulator.set('services/tomorrow', Buffer.from([0x1b, 0x5b, 0x9b, 0xff, 0x00, 0x32, 0x4a]));
  emulator.set('security-groups', `${hostile}\nweb`);
  emulator.set('network/interfaces/macs/0e:49:61:0f:c3:11/security-groups', hostile);
  emulator.set('network/interfaces/macs/0e:49:61:0f:c3:11/interface-id', hostile);
  emulator.set(
    'events/maintenance/scheduled',
    JSON.stringify([
      { Code: hostile, Description: hostile, EventId: 'e', State: 'active', NotBefore: '21 Jan 2029 09:00:43 GMT' },
    ]),
  );
  emulator.set('dynamic/instance-identity/document', JSON.stringify({ region: 'us-east-1', instanceId: '\x9b\u202e' }));
  emulator.set('dynamic/tomorrow', { [hostileName]: hostile });
  emulator.set('user-data', `#!/bin/sh\necho ${hostile}\n`);
}

describe('what a service says at a terminal', () => {
  let emulator: Emulator;
  before(async () => {
    emulator = await createEmulator({ httpTokens: 'required' });
    makeHostile(emulator);
  });
  after(() => emulator.close());

  it('is tried with every command', () => {
    assert.deepEqual(
      commandNames.filter((name) => !Object.hasOwn(lines, name)),
      [],
    );
  });

  for (const args of all) {
    it(`cannot act on it: ${JSON.stringify(args.join(' '))}`, async () => {
      const terminal = new Terminal({ tty: true, columns: 80 });
      const { stdout, stderr } = await terminal.run('--endpoint', emulator.url, ...args);
      assert.deepEqual(acting(stdout.toString()), []);
      assert.deepEqual(acting(stderr), []);
      assert.ok(stdout.length + stderr.length > 0);
    });
  }

  it('cannot act on a pseudo-terminal, by any command', async function () {
    if (spawnSync('script', ['--version']).error) return this.skip(); // without it, there is no pseudo-terminal
    this.timeout(120_000);
    const folder = mkdtempSync(join(tmpdir(), 'imds-terminal-'));
    try {
      const file = join(folder, 'all.sh');
      const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
      const commands = all.map((args) =>
        [process.execPath, binary, '--endpoint', emulator.url, ...args].map(quoted).join(' '),
      );
      writeFileSync(file, `stty cols 80 rows 24\n${commands.join('\n')}\necho the end\n`);
      const child = spawn('script', ['-qec', `sh ${file}`, join(folder, 'typescript')], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...guardedEnv(), TERM: 'xterm' },
      });
      const { stdout } = await outcomeOf(child);
      const text = stdout.toString();
      assert.match(text, /the end\r\n$/);
      assert.ok(text.includes('a\\x1b[2J'), text);
      assert.deepEqual(acting(text), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('cannot act on it in the log of an emulator', async () => {
    for (const args of [[], ['--json']]) {
      const terminal = new Terminal({ tty: true, columns: 80 });
      const { signals, stdoutChunks, stderrChunks } = terminal;
      const running = terminal.run('emulate', '--port', '0', ...args);
      const written = (): string => Buffer.concat([...stdoutChunks, ...stderrChunks]).toString();
      const port = async (): Promise<number> => {
        for (;;) {
          const found = /127\.0\.0\.1:(\d+)/.exec(written())?.[1];
          if (found) return Number(found);
          await delay(10);
        }
      };
      const socket = connect(await port(), '127.0.0.1');
      socket
        .on('error', () => {})
        .resume()
        .end('GET /\x1b[2J\xc2\x9b\u202e HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      while (!/HTTP|40\d/.test(written())) await delay(10);
      signals.emit('SIGINT');
      await running;
      assert.deepEqual(acting(written()), []);
    }
  });

  it('cannot act on it from the headers that the doctor looks at', async () => {
    const foreign = await listen((socket) => {
      socket.once('data', () =>
        socket.end(`HTTP/1.1 200 OK\r\nServer: evil\x9b2J\u202e\r\nContent-Length: 3\r\n\r\n\x1b[J`),
      );
    });
    try {
      const terminal = new Terminal({ tty: true, columns: 80 });
      const { stdout, stderr } = await terminal.run('doctor', '--endpoint', foreign.url);
      assert.deepEqual(acting(stdout.toString() + stderr), []);
    } finally {
      await foreign.close();
    }
  });

  it('goes to a pipe as served', async () => {
    const piped = async (...args: string[]): Promise<Buffer> =>
      (await new Terminal().run('--endpoint', emulator.url, ...args)).stdout;
    assert.equal((await piped('get', 'hostname')).toString(), hostile);
    assert.ok((await piped('list', '-r')).toString().includes(`\nhostname = ${hostile}\n`));
    assert.ok((await piped('list', 'tags/instance')).toString().includes(`${hostileName}\n`));
    assert.equal(JSON.parse((await piped('get', '--json', 'hostname')).toString()).hostname, hostile);
    assert.equal((await piped('user-data')).toString(), `#!/bin/sh\necho ${hostile}\n`);
  });
});

describe('text at a terminal', () => {
  it('has control and bidirectional characters spelt out, but no others', () => {
    assert.equal(printable('a\x1b\x9b\r\u202e\u2028\0'), String.raw`a\x1b\x9b\x0d\u202e\u2028\x00`);
    for (const harmless of ['a\tb\r\nc\n', 'çöß', '漢字', '👩\u200d💻', 'می\u200cخواهم', 'שלום'])
      assert.equal(printable(harmless), harmless);
  });

  it('is measured in columns', () => {
    for (const [text, columns] of [
      ['abc', 3],
      ['çö', 2],
      ['e\u0301', 1],
      ['漢字', 4],
      ['ｶﾅ', 2],
      ['ＡＢ', 4],
      ['한글', 4],
      ['👍', 2],
    ] as const)
      assert.equal(columnsOf(text), columns, text);
    const rows = [
      ['漢字', 'x'],
      ['abcde', 'y'],
    ];
    const plain = { bold: String, red: String, cyan: String };
    assert.equal(table(['A', 'B'], rows, plain), 'A      B\n漢字   x\nabcde  y\n');
    assert.deepEqual([cut('漢字漢字', 6), cut('漢字', 4), cut('abcdef', 4)], ['漢字…', '漢字', 'abc…']);
  });
});
