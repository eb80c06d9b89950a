import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { MetadataService } from '@aws-sdk/ec2-metadata-service';
import { after, before, describe, it } from 'mocha';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { createEmulator, type Emulator } from '../../../src/emulator/index.js';
import * as library from '../../../src/index.js';
import { rows } from '../../../src/metadata/lookup.js';
import { guardedEnv } from '../../support/guard.mjs';
import { binary, commandNames, outcomeOf, Terminal } from '../cli/harness.js';

const { Imds } = library;
const page = readFileSync('README.md', 'utf8');

function blocks(text: string, kind: string): readonly string[] {
  return Array.from(text.matchAll(new RegExp(`^\`\`\`${kind}\n([\\s\\S]*?)^\`\`\`$`, 'gm')), ([, code = '']) => code);
}

describe('README.md', () => {
  let emulator: Emulator;
  let folder = '';
  before(async () => {
    emulator = await createEmulator({ httpTokens: 'required', scenario: 'everything' });
    folder = mkdtempSync(join(tmpdir(), 'imds-readme-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(resolve('.'), join(folder, 'node_modules/imds'));
  });
  after(async () => {
    await emulator.close();
    rmSync(folder, { recursive: true });
  });

  /** Runs a line of a shell in which `npx` runs the built command, on an instance that is the emulator. */
  async function run(line: string): Promise<string> {
    writeFileSync(join(folder, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${binary}' "$@"\n`, {
      mode: 0o755,
    });
    const env = guardedEnv({ ...emulator.env, PATH: `${folder}:${process.env['PATH']}` });
    const { code, stdout, stderr } = await outcomeOf(spawn('sh', ['-c', line], { cwd: folder, env }));
    assert.equal(code, 0, stderr);
    return stdout.toString().trimEnd();
  }

  const [first = '', tests = '', ...more] = blocks(page, 'js');

  it('shows programs and commands that print what it says', async () => {
    writeFileSync(join(folder, 'app.mjs'), first);
    const examples = blocks(page, 'sh').flatMap((block) => [...block.matchAll(/^\$ (.*)\n([^$]*)/gm)]);
    assert.equal(examples.length, 3);
    for (const [, command = '', output = ''] of examples) assert.equal(await run(command), output.trimEnd(), command);
  });

  it('shows a test program that prints what it says', async () => {
    assert.deepEqual(more, []);
    writeFileSync(join(folder, 'test.mjs'), tests);
    const [, comment] = /console\.log.*\/\/ (.*)/.exec(tests) ?? [];
    assert.equal(await run('node test.mjs'), comment);
  });

  it('shows a command that reproduces the hop limit on a laptop', async () => {
    const [, command] = /`(npx imds emulate --hops[^`]*)`/.exec(page) ?? [];
    assert.match(await run(`${command}; test $? = 7`), /the token reply dies here/);
  });

  it('has every command', () => {
    const [, table = ''] = page.split('\n## Commands\n');
    const named = [...table.matchAll(/`imds ([a-z-]+)/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(named)].sort(), commandNames.toSorted());
  });

  it('says how many values can be read by name', () => {
    assert.ok(page.includes(`one of ${rows().length} values`));
  });

  it('counts the requests of AWS and of imds correctly', async () => {
    const [, aws, ours] = /each read twice \|[^|]*\| (\d+) \| (\d+) \|/.exec(page) ?? [];
    const names = ['instance-id', 'mac', 'hostname', 'placement/region', 'reservation-id'];
    const requests = async (read: (path: string) => Promise<unknown>): Promise<number> => {
      const before = emulator.requests.length;
      for (const path of [...names, ...names]) await read(path);
      return emulator.requests.length - before;
    };
    const service = new MetadataService({ endpoint: emulator.url });
    const imds = new Imds({ endpoint: emulator.url });
    const values = 50 / names.length;
    assert.equal(values * (await requests((path) => service.request(`/latest/meta-data/${path}`, {}))), Number(aws));
    assert.equal(values * ((await requests((path) => imds.get(path))) - 1) + 1, Number(ours));
  });

  it('has no broken link, nor has docs/', () => {
    const pages = [
      'README.md',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      ...readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
    ];
    const anchors = (file: string): readonly string[] =>
      (readFileSync(file, 'utf8').match(/^#+ .*/gm) ?? []).map((heading) =>
        heading
          .replace(/^#+ /, '')
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      );
    const broken = pages.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\]\((?!https?:)([^)\s#]*)(?:#([^)\s]*))?\)/g)].flatMap(
        ([link, path = '', anchor]) => {
          const target = path === '' ? file : join(dirname(file), path);
          const isRight = existsSync(target) && (anchor === undefined || anchors(target).includes(anchor));
          return isRight ? [] : [`${file}: ${link}`];
        },
      ),
    );
    assert.deepEqual(broken, []);
  });
});

describe('docs/', () => {
  it('has every export that is no error, and every member of a client', () => {
    const names = readdirSync('docs').filter((name) => name.endsWith('.md'));
    const text = names.map((name) => readFileSync(`docs/${name}`, 'utf8')).join('\n');
    const values = Object.keys(library).filter((name) => !/^Imds.*Error$/.test(name));
    const members = Object.getOwnPropertyNames(Imds.prototype).filter((name) => name !== 'constructor');
    const missing = [...values, ...members.map((name) => `imds.${name}`)].filter(
      (name) => !new RegExp(`\\b${name}\\b`).test(text),
    );
    assert.deepEqual(missing, []);
  });
});

describe('docs/errors.md', () => {
  it('has every error code, in the row of its exit code', () => {
    const rowOf = Object.fromEntries(
      [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| (\d+) \|.*$/gm)].flatMap(([row, exitCode]) =>
        Array.from(row.matchAll(/`(ERR_IMDS_\w+)`/g), ([, code]) => [code, Number(exitCode)]),
      ),
    );
    assert.deepEqual(rowOf, exitCodeOf);
  });
});

describe('docs/enclaves.md', () => {
  it('shows what the doctor prints when the socket is missing', async () => {
    const [shown = ''] = blocks(readFileSync('docs/enclaves.md', 'utf8'), 'text');
    const terminal = new Terminal({ env: { LANG: 'C.UTF-8' } });
    const { stdout } = await terminal.run('doctor', '--endpoint', 'unix:/run/imds.sock');
    assert.ok(stdout.toString().startsWith(`${shown}\n`), stdout.toString());
  });
});

describe('docs/design.md', () => {
  const design = readFileSync('docs/design.md', 'utf8');

  it('has every room', () => {
    const rooms = readdirSync('src', { withFileTypes: true }).map((entry) =>
      entry.isFile() ? entry.name : `${entry.name}/`,
    );
    assert.deepEqual(
      rooms.filter((room) => !design.includes(`\`${room}\``)),
      [],
    );
  });

  it('has every bundled package with its major version', () => {
    const { components } = JSON.parse(readFileSync('dist/sbom.cdx.json', 'utf8'));
    const named = components.map(
      ({ name, version }: Record<'name' | 'version', string>) => `${name} ${version.split('.')[0]}`,
    );
    assert.deepEqual(
      named.filter((each: string) => !design.includes(each)),
      [],
    );
  });
});
