import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { routes } from '../../../src/emulator/control/routes.js';
import { createEmulator, parseScenario, scenarios } from '../../../src/emulator/index.js';
import { scenarioSchema } from '../../../src/emulator/scenario.js';
import { guardedEnv } from '../../support/guard.mjs';
import { binary, outcomeOf } from '../cli/harness.js';
import { ask } from './socket.js';

const root = new URL('../../../', import.meta.url);
const pageOf = (name: string) => readFile(new URL(`docs/${name}`, root), 'utf8');

/** The first block of code of a kind below a heading. */
function exampleBelow(page: string, heading: string, kind: string): string {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  const [, code] = new RegExp(`^\`\`\`${kind}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(section ?? '') ?? [];
  assert.ok(code, heading);
  return code;
}

/** The first column of the table that begins with this head. */
function column(page: string, head: string): string[] {
  const [, table = ''] = page.split(`| ${head} |`);
  const rows = table.split('\n\n')[0]?.split('\n').slice(2) ?? [];
  return rows.map((row) => /^\| `([^`]+)`/.exec(row)?.[1] ?? row);
}

describe('docs/test-suites.md', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'imds-test-suites-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function run(heading: string, ...runner: readonly string[]): Promise<{ code: number; printed: string }> {
    const file = join(folder, `${heading.replace(/\W/g, '-')}.test.mjs`);
    const code = exampleBelow(await pageOf('test-suites.md'), heading, 'js')
      .replace("'imds/emulator'", `'${new URL('src/emulator/index.ts', root)}'`)
      .replace("'imds'", `'${new URL('src/index.ts', root)}'`);
    await writeFile(file, code);
    // The runner would otherwise take itself for a part of the run it is started from.
    const env = guardedEnv({ NODE_TEST_CONTEXT: undefined });
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx/esm'), ...runner, file], { env });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        printed += text;
      });
    }
    const [exitCode] = await once(child, 'close');
    return { code: exitCode, printed };
  }

  it('has an example for mocha that passes', async () => {
    const mocha = new URL('node_modules/mocha/bin/mocha.js', root).pathname;
    const { code, printed } = await run('mocha', mocha, '--no-config', '--reporter', 'spec', '--timeout', '60000');
    assert.match(printed, /1 passing/);
    assert.equal(code, 0, printed);
  });

  it('has an example for node:test that passes', async () => {
    const { code, printed } = await run('node:test', '--test');
    assert.match(printed, /pass 1\n/);
    assert.equal(code, 0, printed);
  });

  it('has an example for code that takes the endpoint from the environment that passes', async () => {
    const { code, printed } = await run('Code that cannot be given an endpoint', '--test');
    assert.match(printed, /pass 1\n/);
    assert.equal(code, 0, printed);
  });

  for (const [heading, kind, tool, printed] of [
    ['Python and other languages', 'python', 'python3', /^Ran 3 tests in .*\n\nOK$/m],
    ['bash', 'bash', 'curl', /^all as it should be\n$/],
  ] as const)
    it(`has an example for ${kind} that passes`, async function () {
      if (spawnSync(tool, ['--version']).error) this.skip(); // the example runs it
      const code = exampleBelow(await pageOf('test-suites.md'), heading, kind);
      const [, command = ''] = /^# npx imds (.*)/.exec(code) ?? [];
      await writeFile(join(folder, command.split(' ').at(-1) ?? ''), code);
      const child = spawn(process.execPath, [binary, ...command.split(' ')], { cwd: folder, env: guardedEnv() });
      const { code: exit, stdout, stderr } = await outcomeOf(child);
      assert.equal(exit, 0, stderr);
      assert.match(`${stdout}${stderr}`, printed);
    });
});

describe('docs/emulator.md', () => {
  it('lists each request of the control service', async () => {
    const [, table = ''] = (await pageOf('emulator.md')).split('| request | does |\n');
    const listed = [...(table.split('\n\n')[0] ?? '').matchAll(/`([A-Z]+) (\/[^`?]*)/g)].map(
      ([, method, path = '']) => `${method} ${path.replace(/[A-Z]+$/, (name) => `{${name.toLowerCase()}}`)}`,
    );
    const served = ['GET /', ...routes.map(({ method, path }) => `${method} ${path}`)];
    assert.deepEqual(listed.sort(), served.sort());
  });

  it('shows how a shell controls it', async function () {
    if (spawnSync('curl', ['--version']).error) this.skip(); // the example runs it
    const example = exampleBelow(await pageOf('emulator.md'), 'Control while it runs', 'sh');
    const [first = '', ...lines] = [...example.matchAll(/^\$ (.*)$/gm)].map(([, line = '']) => line);
    assert.equal(first, 'imds emulate --control -- bash');
    const child = spawn(process.execPath, [binary, ...first.split(' ').slice(1)], { env: guardedEnv() });
    const replies = lines.slice(1).map((line) => `${line.replace(/ #.*/, '')}; echo`);
    child.stdin.end([lines[0], ...replies, 'control GET /v1/state'].join('\n'));
    const { code, stdout, stderr } = await outcomeOf(child);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    const [options, region, event, fault, state] = stdout.toString().split('\n');
    assert.equal(JSON.parse(options ?? '').hops, 1);
    assert.equal(region, '');
    assert.match(JSON.parse(event ?? '').happened[0].detail, /^terminate at .* is announced$/);
    assert.equal(JSON.parse(fault ?? '').fault.times, 2);
    assert.equal(JSON.parse(state ?? '').running, true);
  });

  it('lists each built-in scenario with its description', async () => {
    const page = await pageOf('emulator.md');
    assert.deepEqual(column(page, 'name | what happens'), Object.keys(scenarios));
    for (const [name, { description }] of Object.entries(scenarios))
      assert.ok(page.includes(`| \`${name}\` | ${description} |`));
  });

  it('lists each event and each kind of fault', async () => {
    const page = await pageOf('emulator.md');
    const names = (schema: string, key: string) =>
      [...schema.matchAll(new RegExp(`"${key}":{"const":"([^"]+)"}`, 'g'))].map(([, name]) => name);
    const schema = JSON.stringify(scenarioSchema);
    assert.deepEqual(column(page, 'event | fields | what happens'), names(schema, 'event'));
    assert.deepEqual(column(page, 'kind | fields | what the caller gets').sort(), names(schema, 'kind').sort());
  });

  it('shows a scenario that can be used', async () => {
    const scenario = parseScenario(exampleBelow(await pageOf('emulator.md'), 'Scenarios', 'json'));
    await using emulator = await createEmulator({
      scenario,
      httpTokens: 'optional',
      speed: 0,
      now: () => Date.UTC(2026, 10, 23, 9),
    });
    const read = async (path: string) => (await ask(emulator, 'GET', `/latest/${path}`)).body;
    assert.equal(await read('user-data'), '#!/bin/sh\n');
    assert.equal(await read('meta-data/tags/instance/started'), '2026-11-23T08:00:00Z');
    await emulator.advance(10_000);
    assert.equal(await read('meta-data/iam/security-credentials/'), 'worker');
    emulator.trigger('interrupt');
    assert.match(await read('meta-data/spot/instance-action'), /"stop"/);
  });
});
