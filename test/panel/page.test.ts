import assert from 'node:assert/strict';
import axe from 'axe-core';
import { describe, it } from 'mocha';
import { createEmulator } from '../../src/emulator/index.js';
import { type Stand, withBrowser } from './stand.js';

/** The violations that keep people out, as `rule: where`. */
async function violations({ page }: Stand): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate('axe.run()')) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

describe('the page of the control service', () => {
  const open = withBrowser();

  it('asks nobody but the service, and runs nothing but its own script', async () => {
    const stand = await open();
    const { controlUrl = '' } = stand.emulator;
    const { headers } = await fetch(controlUrl);
    const policy = headers.get('content-security-policy') ?? '';
    const hashed = policy.replaceAll(/'sha256-[\w+/]{43}='/g, 'HASH');
    assert.equal(
      hashed,
      "default-src 'none'; script-src HASH; style-src HASH; connect-src 'self'; img-src data:; base-uri 'none'; " +
        "form-action 'none'; frame-ancestors 'none'",
    );
    await assert.rejects(stand.page.addScriptTag({ content: 'globalThis.injected = true' }));
    assert.equal(await stand.page.evaluate('globalThis.injected'), undefined);
    const foreign = stand.asked.filter((url) => !url.startsWith(`${controlUrl}/`) && !url.startsWith('data:'));
    assert.deepEqual(foreign, []);
    assert.deepEqual(
      stand.complaints.filter((text) => !text.includes('Content Security Policy')),
      [],
    );
  });

  it('is there for GET and HEAD, and for pages of its own origin', async () => {
    await using emulator = await createEmulator({ control: true });
    const { controlUrl = '' } = emulator;
    const replies = await Promise.all([
      fetch(controlUrl, { method: 'HEAD' }),
      fetch(controlUrl, { method: 'POST' }),
      fetch(controlUrl, { headers: { origin: 'http://example.com' } }),
    ]);
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 405, 403],
    );
    assert.equal(replies[1]?.headers.get('allow'), 'GET');
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`keeps nobody out, and fits from 400 to 1600 pixels: ${colorScheme}`, async () => {
      const stand = await open({ hops: 1 }, { colorScheme, bypassCSP: true });
      await fill(stand);
      for (const width of [400, 900, 1600]) {
        await stand.page.setViewportSize({ width, height: 900 });
        assert.deepEqual(await violations(stand), [], `${width}`);
        const widest = await stand.page.evaluate('document.documentElement.scrollWidth');
        assert.ok(Number(widest) <= width, `${widest}`);
      }
      await stand.press('Copy as…');
      await stand.page.getByRole('dialog').waitFor();
      assert.deepEqual(await violations(stand), []);
    });
  }

  it('can be used by the keyboard alone: Tab comes to every control', async () => {
    const stand = await open();
    await fill(stand);
    const all = `[...document.querySelectorAll('button:not(:disabled), input, select, textarea, summary, [tabindex="0"]')]
      .filter((one) => one.checkVisibility())`;
    const count = Number(await stand.page.evaluate(`(globalThis.left = new Set(${all})).size`));
    for (let index = 0; index < count + 2; index += 1) {
      await stand.page.keyboard.press('Tab');
      await stand.page.evaluate('globalThis.left.delete(document.activeElement)');
    }
    assert.deepEqual(await stand.page.evaluate('[...globalThis.left].map((one) => one.outerHTML)'), []);
  });

  it('goes on with another emulator at the same port', async () => {
    const stand = await open();
    const { port } = new URL(stand.emulator.controlUrl ?? '');
    await stand.emulator.close();
    await stand.page.getByText('no connection').waitFor();
    await using _next = await createEmulator({ control: { port: Number(port) }, httpTokens: 'required' });
    await stand.page.getByRole('switch', { name: 'Require IMDSv2', checked: true }).waitFor();
    await stand.page.getByText('running', { exact: true }).waitFor();
  });
});

/** Something of each kind to see. */
async function fill(stand: Stand): Promise<void> {
  await stand.lostToken();
  await stand.ask('meta-data/hostname');
  await stand.ask('meta-data/nothing');
  stand.emulator.fault({ kind: 'status', status: 503, paths: 'iam/**' });
  await stand.press('Spot interruption');
  await stand.page.getByRole('treeitem', { name: 'instance-type' }).click();
  await stand.page.getByRole('button', { name: 'end of spot-interruption now' }).waitFor();
}
