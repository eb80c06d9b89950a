// Draws docs/images/panel.png, the control panel of an emulator at work: `npm run docs`, after `npm run build`.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createEmulator } from '../dist/emulator/index.js';

const executablePath = '/usr/bin/chromium';
const start = Date.parse('2026-11-23T09:00:00Z');
const target = fileURLToPath(new URL('../docs/images/panel.png', import.meta.url));

/** Asks the emulator, and waits a moment for an answer. @param {string} url @param {object} [given] */
async function ask(url, given = {}) {
  const sent = request(url, { ...given, signal: AbortSignal.timeout(300) }).end();
  let text = '';
  try {
    const [response] = await once(sent, 'response');
    for await (const chunk of response) text += chunk;
  } catch {
    // The token reply that dies is waited for in vain.
  }
  return text;
}

/** Two programs that ask, one of which still uses version 1, and what happens to the instance. */
async function callers({ url, configure, fault }) {
  const container = '127.0.0.2';
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '21600' };
  const token = await ask(`${url}/latest/api/token`, { method: 'PUT', headers });
  const read = (path, from) =>
    ask(`${url}/latest/${path}`, { localAddress: from, headers: { 'X-aws-ec2-metadata-token': token } });
  for (const path of ['instance-id', 'placement/region', 'iam/security-credentials/'])
    await read(`meta-data/${path}`, '127.0.0.1');
  await ask(`${url}/latest/user-data`, { localAddress: container });
  await ask(`${url}/latest/meta-data/iam/security-credentials/`, { localAddress: container });
  fault({ kind: 'status', status: 503, paths: 'iam/**', times: 3 });
  await read('meta-data/iam/security-credentials/example-role', '127.0.0.1');
  await read('meta-data/tags/instance/Name', '127.0.0.1');
  configure({ httpTokens: 'required', hops: 1 });
  await ask(`${url}/latest/meta-data/local-ipv4`, { localAddress: container });
  await ask(`${url}/latest/api/token`, { method: 'PUT', localAddress: container, headers });
}

if (!existsSync(executablePath)) {
  console.error(`docs/images/panel.png stays as it is: there is no ${executablePath}`);
} else {
  const emulator = await createEmulator({ control: true, port: 1338, now: () => start + performance.now() });
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'];
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage({ viewport: { width: 1500, height: 960 }, reducedMotion: 'reduce' });
  await callers({
    url: 'http://127.0.0.1:1338',
    configure: (options) => emulator.configure(options),
    fault: (one) => emulator.fault(one),
  });
  await page.goto(emulator.controlUrl ?? '');
  await page.getByRole('button', { name: 'Spot interruption' }).click();
  await page.getByRole('treeitem', { name: 'instance-type' }).click();
  await page.waitForTimeout(1000);
  await page.screenshot({ path: target });
  await browser.close();
  await emulator.close();
}
