import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'mocha';
import type { InstanceSettings } from '../../src/emulator/index.js';
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

  const distances: readonly [what: string, hops: InstanceSettings['hops']][] = [
    ['a table', { '127.0.0.2': 1, '*': 0 }],
    ['a function', (caller) => (caller === '127.0.0.2' ? 1 : 0)],
  ];
  for (const [what, hops] of distances) {
    it(`shows the token reply die on the way of one caller and arrive on the other's, by ${what}`, async () => {
      const stand = await open({ hops });
      const { page } = stand;
      /** The reply that is under way: on whose way, and how far it comes. */
      const reply = async () => {
        const { y, to, bursts } = await page.locator('.packet.reply').evaluate((one) => {
          const { style, parentElement } = one as unknown as Drawing;
          return {
            y: Number(/ (\d+)\)$/.exec(parentElement.getAttribute('transform') ?? '')?.[1]),
            to: Number.parseFloat(style.getPropertyValue('--to')),
            bursts: parentElement.querySelectorAll('.burst').length,
          };
        });
        const way = await page.locator(`.way .name[y="${y - 1}"]`).allTextContents();
        const end = {
          router: await page.locator(`.router[cy="${y}"][cx="${to}"]`).count(),
          caller: await page.locator(`.untravelled[y1="${y}"][x1="${to}"]`).count(),
        };
        await until(async () => (await page.locator('.packet').count()) === 0);
        return { way, end, bursts };
      };
      await stand.lostToken({ from: '127.0.0.2' });
      const lost = { way: ['127.0.0.2'], end: { router: 1, caller: 0 }, bursts: 1 };
      assert.deepEqual(await reply(), lost);
      await page.getByRole('img', { name: 'IMDS. 127.0.0.2: token replies die after 1 of 2 hops.' }).waitFor();
      assert.equal((await stand.token(60, { from: '127.0.0.1' })).length, 56);
      assert.deepEqual(await reply(), { way: ['127.0.0.1'], end: { router: 0, caller: 1 }, bursts: 0 });
      const both = '127.0.0.1: token replies arrive; 127.0.0.2: token replies die after 1 of 2 hops.';
      await page.getByRole('img', { name: both }).waitFor();
      assert.deepEqual(await page.locator('.way .good, .way .bad').allTextContents(), ['gets tokens', 'needs limit 2']);
      await stand.lostToken({ from: '127.0.0.2' });
      assert.deepEqual(await reply(), lost);
    });
  }

  it('moves all other callers where some have a distance of their own', async () => {
    const stand = await open({ hops: { '127.0.0.2': 1 } });
    await stand.page.getByRole('slider', { name: 'Routers, other callers' }).press('ArrowRight');
    await until(() => typeof stand.emulator.options.hops !== 'object' || '*' in stand.emulator.options.hops);
    assert.deepEqual(stand.emulator.options.hops, { '127.0.0.2': 1, '*': 1 });
  });

  it('has one way for all callers of a distance, where there are many', async () => {
    const stand = await open({ hops: { '127.0.0.2': 1, '127.0.0.7': 2, '127.0.0.3': 1 } });
    const says = (text: string) => stand.page.getByRole('img', { name: `The way to IMDS. ${text}.` }).waitFor();
    for (let last = 4; last <= 8; last += 1) await stand.ask('meta-data/mac', { from: `127.0.0.${last}` });
    await says('4 callers: token replies arrive; 127.0.0.7: token replies die after 1 of 3 hops');
    for (const from of ['127.0.0.2', '127.0.0.3']) await stand.ask('meta-data/mac', { from });
    const [near, far] = ['4 callers: token replies arrive', '127.0.0.7: token replies die after 1 of 3 hops'];
    await says(`${near}; 2 callers: token replies die after 1 of 2 hops; ${far}`);
  });

  it('requires IMDSv2', async () => {
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

  it('removes the tags from the metadata', async () => {
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

/** An element of the picture, as the browser has it. */
interface Drawing {
  readonly style: CSSStyle;
  readonly parentElement: Drawing;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): { readonly length: number };
}
