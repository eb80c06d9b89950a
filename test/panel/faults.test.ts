import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'mocha';
import { createEmulator, type EmulatorOptions } from '../../src/emulator/index.js';
import { type Stand, until, withBrowser } from './stand.js';

interface Description {
  readonly components: {
    readonly schemas: {
      readonly fault: {
        readonly oneOf: readonly { properties: Record<string, { const?: string }>; required: string[] }[];
      };
    };
  };
}

describe('the faults on the page', () => {
  const open = withBrowser();

  it('are added by the form, counted and removed', async () => {
    const stand = await open();
    const form = stand.page.getByRole('form', { name: 'Add a fault' });
    await form.getByLabel('Kind').selectOption('status');
    await form.getByLabel('Status', { exact: true }).selectOption('503');
    await form.getByLabel('Paths').fill('iam/**, mac');
    await form.getByLabel('Times').fill('3');
    await stand.press('Add the fault');
    await stand.answers('meta-data/iam/info', 503);
    assert.equal((await stand.ask('meta-data/hostname')).status, 200);
    await stand.part('Faults').getByText('status 503, paths iam/**,mac, times 3').waitFor();
    await stand.ask('meta-data/mac');
    await stand.ask('meta-data/mac');
    await stand.part('Faults').getByText('3 hits, over').waitFor();
    await stand.press('Remove fault status');
    await stand.part('Faults').getByText('Nothing goes wrong').waitFor();
  });

  it('have a form for each kind of the schema, and the words of the service for mistakes', async () => {
    const stand = await open();
    const form = stand.page.getByRole('form', { name: 'Add a fault' });
    const { components } = (await stand.control('openapi.json')) as Description;
    for (const { properties, required } of components.schemas.fault.oneOf) {
      await form.getByLabel('Kind').selectOption(properties['kind']?.const ?? '');
      const ids = await form.locator('[id^=fault-]').evaluateAll((all) => all.map(({ id }) => id.slice(6)));
      assert.deepEqual(
        ids.toSorted(),
        Object.keys(properties)
          .filter((name) => name !== 'kind')
          .toSorted(),
      );
      const demanded = await form
        .locator('[id^=fault-][required]')
        .evaluateAll((all) => all.map(({ id }) => id.slice(6)));
      assert.deepEqual(['kind', ...demanded].toSorted(), required.toSorted());
    }
    await form.getByLabel('Kind').selectOption('latency');
    await form.getByLabel('Delay').fill('soon');
    await stand.press('Add the fault');
    await stand.page.getByRole('alert').filter({ hasText: "delay must be a time such as '30s'" }).waitFor();
    await stand.press('Dismiss');
    await form.getByLabel('Delay').fill('1500');
    await stand.press('Add the fault');
    await stand.part('Faults').getByText('delay 1500').waitFor();
  });
});

describe('the present state, copied from the page', () => {
  const open = withBrowser();
  const odd = `it's "new" $HOME \`id\`\nEOF\n`;
  const shown = async (stand: Stand, form: string): Promise<string> => {
    await stand.page.getByRole('radio', { name: form }).check();
    const text = stand.page.getByRole('textbox', { name: form });
    await until(async () => (await text.inputValue()) !== '');
    return await text.inputValue();
  };
  const copied = async (stand: Stand, form: string): Promise<string> => {
    const text = await shown(stand, form);
    await stand.press('Copy', stand.page.getByRole('dialog'));
    await stand.page.getByText('Copied.').waitFor();
    assert.equal(await stand.page.evaluate('navigator.clipboard.readText()'), text);
    return text;
  };
  const permissions = ['clipboard-read', 'clipboard-write'];

  it('makes an emulator that is as this one is: as a file, and as code', async () => {
    const stand = await open({ httpTokens: 'required' }, { permissions });
    stand.emulator.set('tags/instance/Name', odd);
    stand.emulator.fault({ kind: 'status', status: 503, paths: 'iam/**', times: 2 });
    await stand.press('Copy as…');
    const scenario = JSON.parse(await copied(stand, 'Scenario file'));
    const code = await copied(stand, 'createEmulator()');
    const [, argument = ''] =
      /^import \{ createEmulator \} from 'imds\/emulator';\n\nconst emulator = await createEmulator\(([\s\S]*)\);\n$/.exec(
        code,
      ) ?? [];
    const options: EmulatorOptions = new Function(`return ${argument}`)();
    for (const given of [{ scenario }, options]) {
      await using emulator = await createEmulator(given);
      assert.equal(emulator.options.httpTokens, 'required');
      const token = await stand.token();
      assert.equal(token.length, 56);
      emulator.configure({ httpTokens: 'optional' });
      const name = await stand.ask('meta-data/tags/instance/Name', { url: emulator.url });
      assert.equal(name.text, odd);
      assert.equal((await stand.ask('meta-data/iam/info', { url: emulator.url })).status, 503);
    }
    await stand.page.keyboard.press('Escape');
    await stand.page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  /** What a shell makes of a command that was copied. */
  const shell = (command: string) => {
    const program = `'${process.execPath}' dist/cli/imds.cjs emulate --port 0 --json`;
    return spawn('sh', ['-ec', command.replace(/^npx imds emulate/, `exec ${program}`)]);
  };

  it('is a command that makes it again, whatever the values hold', async () => {
    const stand = await open({ system: 'xen', scenario: { timeline: [{ at: '1h', event: 'rebalance' }] } });
    stand.emulator.set('tags/instance/Name', odd);
    stand.emulator.fault({ kind: 'status', status: 503, paths: 'iam/**' });
    await stand.page.getByLabel('Speed of the clock').selectOption('10');
    await stand.press('Copy as…');
    const command = await shown(stand, 'Command line');
    assert.match(command, /^npx imds emulate --speed 10 --scenario - <<'EOF'\n\{\n[\s\S]*\n\}\nEOF\n$/);
    const child = shell(command);
    try {
      const [line] = await once(child.stdout, 'data');
      const { url, options } = JSON.parse(String(line).split('\n')[0] ?? '');
      assert.equal(options.system, 'xen');
      assert.equal((await stand.ask('meta-data/tags/instance/Name', { url })).text, odd);
      assert.equal((await stand.ask('meta-data/iam/info', { url })).status, 503);
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });

  it('is a command of flags alone where they say all of it', async () => {
    const hops = { '127.0.0.2': 1, '*': 2, "fe80::1%'$(kill$IFS$$)": 3 };
    const stand = await open({ hops, httpTokens: 'required', instanceMetadataTags: 'disabled' }, { permissions });
    await stand.press('Copy as…');
    const command = await copied(stand, 'Command line');
    const others = `--hops '127.0.0.2=1' --hops '*=2' --hops 'fe80::1%'\\''$(kill$IFS$$)=3'`;
    assert.equal(command, `npx imds emulate --http-tokens required --instance-metadata-tags disabled ${others}\n`);
    const child = shell(command);
    const [line] = await once(child.stdout, 'data');
    child.kill('SIGTERM');
    assert.deepEqual(JSON.parse(String(line).split('\n')[0] ?? '').options, stand.emulator.options);
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });

  it('says what is left out, the pause of the clock where no flag has it', async () => {
    const stand = await open({ hops: 1 });
    await stand.press('Pause', stand.page.locator('.clock'));
    await stand.page.getByRole('button', { name: 'Continue' }).waitFor();
    await stand.press('Copy as…');
    const note = stand.page.getByRole('dialog').locator('.note');
    assert.equal(await shown(stand, 'Command line'), 'npx imds emulate --hops 1\n');
    const flags = '--host, --allow-host, --port and --sign-identity';
    const pause = 'and the pause: no flag stops the clock';
    assert.equal(await note.textContent(), `For bash and other POSIX shells. Left out: ${flags}, ${pause}.`);
    assert.match(await shown(stand, 'createEmulator()'), /createEmulator\(\{\n {2}hops: 1,\n {2}speed: 0,\n\}\);\n$/);
    assert.equal(await note.textContent(), 'Left out: addresses, ports, and signIdentity.');
    await shown(stand, 'Scenario file');
    assert.match((await note.textContent()) ?? '', /^Left out: the speed of the clock, addresses, ports, and whether/);
  });
});
