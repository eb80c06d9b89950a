import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { before, describe, it } from 'mocha';
import { demanded, obstacle, start } from '../lab/labs.js';
import { Stand, until, withBrowser } from './stand.js';

/** Asks for a token by each line on standard input, and says whether one came within a second. */
const program = `
const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
for await (const _ of process.stdin) {
  const asked = fetch('http://169.254.169.254/latest/api/token', { method: 'PUT', headers, signal: AbortSignal.timeout(1000) });
  console.log(await asked.then(({ status }) => String(status), () => 'lost'));
}`;

describe('the page in a lab', () => {
  withBrowser();
  let lab: ChildProcess;
  let url = '';
  before(async function () {
    demanded(this, await obstacle());
    lab = start('root', ['lab', '--panel', '--', process.execPath, '--input-type=module', '-e', program], {
      DISPLAY: '',
    });
    let said = '';
    lab.stderr?.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    await until(() => /the control panel is at \S+\n/.test(said));
    url = /the control panel is at (\S+)/.exec(said)?.[1] ?? '';
  });

  /** What becomes of a token request in the container. */
  async function token(): Promise<string> {
    lab.stdin?.write('\n');
    const [answer] = await once(lab.stdout ?? lab, 'data');
    return String(answer).trim();
  }

  it('shows host, container and nested, where replies really die, and changes the real hop limit', async () => {
    const page = await Stand.browser.newPage();
    await page.goto(url);
    await page
      .getByRole('img', { name: /host: token replies arrive; container: .* die after 1 of 2 hops; nested: / })
      .waitFor();
    assert.equal(await token(), 'lost');
    await page.getByRole('row').filter({ hasText: 'limit 1, needs 2' }).waitFor();
    assert.equal(await page.getByRole('slider', { name: 'Routers between' }).count(), 0);
    await page.getByRole('slider', { name: 'Hop limit' }).press('ArrowRight');
    await page
      .getByRole('img', { name: /container: token replies arrive; nested: .* die after 2 of 3 hops/ })
      .waitFor();
    assert.equal(await token(), '200');
    await page.getByRole('button', { name: 'Copy as…' }).click();
    await page.getByRole('radio', { name: 'Command line' }).check();
    const command = page.getByRole('textbox', { name: 'Command line' });
    const expected = 'npx imds lab --in container --http-put-response-hop-limit 2\n';
    await until(async () => (await command.inputValue()) === expected);
    await page.getByText('Left out: --trouble, --internet and --sign-identity.').waitFor();
    await page.close();
    const ended = once(lab, 'exit');
    lab.stdin?.end();
    assert.deepEqual(await ended, [0, null]);
  });
});
