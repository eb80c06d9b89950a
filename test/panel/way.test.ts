import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'mocha';
import { type Stand, until, withBrowser } from './stand.js';

const limit = (stand: Stand) => stand.page.getByRole('slider', { name: 'Hop limit' });

describe('the way and the options on the page', () => {
  const open = withBrowser();

  it('lets tokens through by the slider of the hop limit, with the keyboard alone', async () => {
    const stand = await open({ hops: 1 });
    await stand.lostToken();
    await stand.page.getByText('needs limit 2').waitFor();
    await stand.page.getByText('replies die here').waitFor();
    await limit(stand).press('ArrowRight');
    await stand.page.getByText('gets tokens').waitFor();
    assert.equal(stand.emulator.options.httpPutResponseHopLimit, 2);
    assert.equal((await stand.token()).length, 56);
    assert.equal(await stand.page.getByText('replies die here').count(), 0);
  });

  it('takes the hop limit and the distance as numbers, from 1 to 64 and 0 to 64', async () => {
    const stand = await open();
    await stand.page.getByLabel('Routers between, as a number').fill('64');
    await stand.page.getByLabel('Hop limit, as a number').fill('64');
    await stand.page.keyboard.press('Enter');
    await stand.page.getByText('needs limit 65').waitFor();
    assert.deepEqual([stand.emulator.options.hops, stand.emulator.options.httpPutResponseHopLimit], [64, 64]);
    assert.deepEqual(await limit(stand).evaluate((one) => [one.getAttribute('min'), one.getAttribute('max')]), [
      '1',
      '64',
    ]);
  });

  it('shows a token reply on its way, and where it dies', async () => {
    const stand = await open({ hops: 3, httpPutResponseHopLimit: 2 });
    await stand.lostToken();
    // Placed by the routers: the second from IMDS of three.
    const reply = stand.page.locator('.packet.reply');
    const [end, routers] = await Promise.all([
      reply.evaluate((one) =>
        Number.parseFloat((one as unknown as { style: CSSStyle }).style.getPropertyValue('--to')),
      ),
      stand.page.locator('.router').evaluateAll((all) => all.map((one) => Number(one.getAttribute('cx')))),
    ]);
    assert.equal(end, routers[1]);
    assert.equal(await stand.page.locator('.burst').count(), 1);
    await stand.page.getByRole('status').filter({ hasText: 'A token reply to 127.0.0.1 died' }).waitFor();
    await until(async () => (await stand.page.locator('.packet').count()) === 0);
    stand.emulator.configure({ httpPutResponseHopLimit: 4 });
    await stand.page.getByText('gets tokens').waitFor();
    await stand.token();
    await stand.page.locator('.packet.reply').waitFor({ state: 'attached' });
    assert.equal(await stand.page.locator('.burst').count(), 0);
  });

  it('draws no journey for those who want no motion, only its end', async () => {
    const stand = await open({}, { reducedMotion: 'reduce' });
    await stand.token();
    await stand.page.locator('.packet.reply').waitFor({ state: 'attached' });
    const name = await stand.page.evaluate("getComputedStyle(document.querySelector('.packet.reply')).animationName");
    assert.equal(name, 'arrive');
  });

  it('shows each caller on a way of its own', async () => {
    const stand = await open();
    await stand.ask('meta-data/hostname', { from: '127.0.0.2' });
    await stand.ask('meta-data/hostname', { from: '127.0.0.3' });
    const picture = stand.page.getByRole('img', { name: /127\.0\.0\.2: token replies arrive; 127\.0\.0\.3: token/ });
    await picture.waitFor();
  });

  it('demands IMDSv2', async () => {
    const stand = await open();
    await stand.page.getByRole('switch', { name: 'Require IMDSv2' }).click();
    await stand.answers('meta-data/hostname', 401);
    assert.equal((await stand.ask('meta-data/hostname', { token: await stand.token() })).status, 200);
  });

  it('turns the endpoint off and on', async () => {
    const stand = await open();
    await stand.page.getByRole('switch', { name: 'Endpoint' }).click();
    await stand.answers('meta-data/hostname', 403);
    await stand.page.getByRole('switch', { name: 'Endpoint', checked: false }).click();
    await stand.answers('meta-data/hostname', 200);
  });

  it('takes the tags out of the metadata', async () => {
    const stand = await open();
    await stand.page.getByRole('switch', { name: 'Tags in metadata' }).click();
    await stand.answers('meta-data/tags/instance', 404);
  });

  it('cuts IPv6 callers off', async () => {
    const stand = await open({ host: ['127.0.0.1', '::1'] });
    const url = stand.emulator.urls.find((one) => one.includes('[')) ?? '';
    assert.equal((await stand.ask('meta-data/hostname', { url })).status, 200);
    await stand.page.getByRole('switch', { name: 'IPv6' }).click();
    await stand.page.getByRole('switch', { name: 'IPv6', checked: false }).waitFor();
    await assert.rejects(stand.ask('meta-data/hostname', { url }), { code: 'ECONNRESET' });
  });

  it('answers as instances of the Xen generation do', async () => {
    const stand = await open();
    await stand.page.getByRole('switch', { name: 'Xen instead of Nitro' }).click();
    await stand.answers('meta-data/placement', 301);
    const { port } = new URL(stand.emulator.url);
    const socket = connect(Number(port), '127.0.0.1').end('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.match(text, /^HTTP\/1\.0 200 /);
  });

  it('goes back to the start', async () => {
    const stand = await open({ httpTokens: 'required' });
    stand.emulator.configure({ httpTokens: 'optional' });
    await stand.answers('meta-data/hostname', 200);
    await stand.press('Reset');
    await stand.answers('meta-data/hostname', 401);
    await stand.page.getByRole('switch', { name: 'Require IMDSv2', checked: true }).waitFor();
  });
});

interface CSSStyle {
  getPropertyValue(name: string): string;
}
