import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Stand, withBrowser } from './stand.js';

const node = (stand: Stand, name: string) => stand.page.getByRole('treeitem', { name }).first();
const search = (stand: Stand, text: string) => stand.page.getByLabel('Search the tree').fill(text);

describe('the tree on the page', () => {
  const open = withBrowser();

  it('is searched by path and value, and explains what is chosen', async () => {
    const stand = await open();
    await search(stand, 'us-east-1a');
    await node(stand, 'availability-zone').click();
    await stand.part('Tree').getByText('Availability Zone as this account').waitFor();
    assert.equal(await stand.page.getByRole('treeitem', { name: 'hostname' }).count(), 0);
    await search(stand, 'public-keys/0');
    await node(stand, 'openssh-key').click();
    await stand.part('Tree').locator('.help').waitFor();
  });

  it('changes values', async () => {
    const stand = await open();
    await search(stand, 'placement/region');
    await node(stand, 'region').click();
    const save = stand.page.getByRole('button', { name: 'Save' });
    assert.equal(await save.isDisabled(), true);
    await stand.page.getByLabel('Value of meta-data/placement/region').fill('eu-west-1');
    await save.click();
    await stand.page.getByRole('button', { name: 'Discard' }).waitFor({ state: 'detached' });
    assert.equal((await stand.ask('meta-data/placement/region')).text, 'eu-west-1');
  });

  it('removes values, and says so where they cannot be set', async () => {
    const stand = await open();
    await search(stand, 'hostname');
    await node(stand, 'local-hostname').click();
    await stand.press('Remove');
    await stand.answers('meta-data/local-hostname', 404);
    await stand.press('Add');
    await stand.page.getByLabel('Path', { exact: true }).fill('mac/below');
    await stand.page.getByLabel('Value', { exact: true }).fill('x');
    await stand.press('Add the value');
    await stand.page.getByRole('alert').filter({ hasText: 'mac' }).waitFor();
  });

  it('takes new values, as text and as scenarios have them', async () => {
    const stand = await open();
    await stand.press('Add');
    await stand.page.getByLabel('Path', { exact: true }).fill('tags/instance/Team');
    await stand.page.getByLabel('Value', { exact: true }).fill('storage');
    await stand.press('Add the value');
    assert.equal((await stand.answers('meta-data/tags/instance/Team', 200)).text, 'storage');
    await stand.press('Add');
    await stand.page.getByLabel('Path', { exact: true }).fill('spot');
    await stand.page.getByLabel('Value', { exact: true }).fill('{"note": {"$template": "{{+2m}}"}}');
    await stand.page.getByLabel('As in a scenario').check();
    await stand.press('Add the value');
    assert.match((await stand.answers('meta-data/spot/note', 200)).text, /^\d{4}-.*Z$/);
    await stand.press('Add');
    await stand.page.getByLabel('Path', { exact: true }).fill('/latest/dynamic/more');
    await stand.press('Add the value');
    await stand.page.getByRole('heading', { name: 'dynamic/more' }).waitFor();
  });

  it('is gone through by the keyboard alone', async () => {
    const stand = await open();
    const tree = stand.page.getByRole('tree');
    await tree.focus();
    for (const key of ['Home', 'ArrowLeft', 'ArrowRight', 'ArrowDown', 'ArrowDown']) await tree.press(key);
    const selected = stand.page.getByRole('treeitem', { selected: true });
    const name = await selected.locator('.name').innerText();
    assert.equal(await tree.getAttribute('aria-activedescendant'), await selected.getAttribute('id'));
    assert.equal((await stand.ask(`meta-data/${name}`)).status, 200);
    await tree.press('Delete');
    await stand.answers(`meta-data/${name}`, 404);
  });

  it('shows no secret', async () => {
    const stand = await open();
    const { text } = await stand.ask('meta-data/iam/security-credentials/example-role');
    const { SecretAccessKey, Token } = JSON.parse(text);
    await search(stand, 'security-credentials/example-role');
    await node(stand, 'example-role').click();
    const value = stand.page.getByLabel('Value of meta-data/iam/security-credentials/example-role');
    assert.match(await value.inputValue(), /"SecretAccessKey": "…"/);
    assert.equal(await value.getAttribute('readonly'), '');
    const all = await stand.page.content();
    assert.ok(!all.includes(SecretAccessKey) && !all.includes(Token));
  });
});
