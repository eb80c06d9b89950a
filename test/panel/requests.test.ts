import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Stand, until, withBrowser } from './stand.js';

const rows = (stand: Stand) => stand.part('Requests').getByRole('row');
/** The rows as text, once there are so many. */
async function shown(stand: Stand, count: number): Promise<string[]> {
  await until(async () => (await rows(stand).count()) === count);
  return (await rows(stand).allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' ').replace(/^\S+ /, ''));
}

describe('the requests on the page', () => {
  const open = withBrowser();

  it('come as they are made, the latest first, with version, caller, status and why', async () => {
    const stand = await open({ hops: 1, httpTokens: 'required', httpPutResponseHopLimit: 2 });
    const token = await stand.token();
    await stand.ask('meta-data/hostname', { token });
    await stand.ask('meta-data/nothing', { token });
    await stand.ask('meta-data/mac', { from: '127.0.0.2' });
    stand.emulator.configure({ httpPutResponseHopLimit: 1 });
    await stand.lostToken();
    assert.deepEqual(await shown(stand, 5), [
      'token api/token 127.0.0.1 lost limit 1, needs 2',
      'v1 meta-data/mac 127.0.0.2 401 v1 off',
      'v2 meta-data/nothing 127.0.0.1 404 not there',
      'v2 meta-data/hostname 127.0.0.1 200',
      'token api/token 127.0.0.1 200',
    ]);
    const shapes = await rows(stand).evaluateAll((all) =>
      all.map((row) => row.innerHTML.match(/<(path|circle|rect) /)?.[1]),
    );
    assert.deepEqual(shapes, ['rect', 'path', 'circle', 'circle', 'rect']);
    await stand.part('Requests').getByText('1 refused, 1 without an answer').waitFor();
  });

  it('are filtered by path and caller, and by whether they were refused', async () => {
    const stand = await open();
    await stand.ask('meta-data/mac');
    await stand.ask('meta-data/hostname');
    await stand.ask('meta-data/hostname', { from: '127.0.0.2' });
    await stand.ask('meta-data/mac', { token: 'made-up' });
    await shown(stand, 4);
    await stand.page.getByLabel('Filter by path').fill('host');
    assert.equal(
      (await shown(stand, 2)).every((text) => text.includes('hostname')),
      true,
    );
    await stand.page.getByLabel('Filter by caller').selectOption('127.0.0.2');
    assert.deepEqual(await shown(stand, 1), ['v1 meta-data/hostname 127.0.0.2 200']);
    await stand.page.getByLabel('Filter by path').fill('');
    await stand.page.getByLabel('Filter by caller').selectOption('All callers');
    await stand.page.getByLabel('Refused only').check();
    assert.deepEqual(await shown(stand, 1), ['v2 meta-data/mac 127.0.0.1 401 token unknown']);
  });

  it('stand still while they are paused', async () => {
    const stand = await open();
    await stand.ask('meta-data/mac');
    await shown(stand, 1);
    await stand.press('Pause', stand.part('Requests'));
    await stand.ask('meta-data/hostname');
    await stand.page.getByRole('button', { name: 'Resume, 1 new' }).waitFor();
    await shown(stand, 1);
    await stand.press('Resume, 1 new');
    await shown(stand, 2);
  });

  it('may be 10,000: only those that are seen are drawn, and scrolling is as quick as among 100', async () => {
    const stand = await open();
    const seen = { time: '2026-11-23T09:00:00.000Z', caller: '127.0.0.1', method: 'GET', kind: 'v2', status: 200 };
    const requests = Array.from({ length: 10_000 }, (_, index) => ({
      ...seen,
      number: index - 10_000,
      path: `/${index}`,
    }));
    const table = stand.part('Requests').getByRole('table');
    const scrolling = async (count: number): Promise<number> => {
      await stand.page.unrouteAll();
      const json = { requests: requests.slice(0, count), missed: 0 };
      await stand.page.route('**/v1/requests', (route) => route.fulfill({ json }));
      await stand.load();
      await until(async () => (await table.getAttribute('aria-rowcount')) === String(count));
      return Number(await stand.page.evaluate(scrolled));
    };
    const few = await scrolling(100);
    const many = await scrolling(10_000);
    // A picture takes 16 ms.
    assert.ok(many < 3 * few + 16, `${many} ms, and ${few} ms among 100`);
    const drawn = await rows(stand).count();
    assert.ok(drawn > 10 && drawn < 100, `${drawn} rows`);
    await table.evaluate((one) => one.scrollTo(0, one.scrollHeight));
    await stand.page.getByTitle('GET /0', { exact: true }).waitFor();
    // One more goes on top, and the oldest goes.
    await stand.ask('meta-data/mac');
    await stand.page.getByTitle('GET /1', { exact: true }).waitFor();
    assert.equal(await table.getAttribute('aria-rowcount'), '10000');
  });
});

/** How long a step of scrolling takes until it is drawn, in milliseconds: the median. */
const scrolled = `(async () => {
  const table = document.querySelector('[role=table]');
  const times = [];
  for (let step = 1; step <= 40; step += 1) {
    table.scrollTop = (step / 40) * (table.scrollHeight - table.clientHeight);
    const began = performance.now();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[20];
})()`;
