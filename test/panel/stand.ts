import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { after, afterEach, before, beforeEach } from 'mocha';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { createEmulator, type Emulator, type EmulatorOptions } from '../../src/emulator/index.js';

const executablePath = '/usr/bin/chromium';
const args = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update'],
];

interface Asked {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  /** The address of the caller. */
  readonly from?: string;
  /** Where to ask, if not at the emulator's first address. */
  readonly url?: string;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A page in a real browser, open at a running emulator. */
export class Stand {
  static browser: Browser;
  readonly emulator: Emulator;
  readonly page: Page;
  /** What the browser complained of. */
  readonly complaints: string[] = [];
  /** Where it asked. */
  readonly asked: string[] = [];

  private constructor(emulator: Emulator, page: Page) {
    this.emulator = emulator;
    this.page = page;
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (one) => this.asked.push(one.url()));
    page.setDefaultTimeout(50_000);
  }

  static async open(options: EmulatorOptions = {}, look: BrowserContextOptions = {}): Promise<Stand> {
    const emulator = await createEmulator({ control: true, ...options });
    const page = await Stand.browser.newPage({ viewport: { width: 1280, height: 900 }, ...look });
    const stand = new Stand(emulator, page);
    await stand.load();
    return stand;
  }

  async load(): Promise<void> {
    await this.page.goto(this.emulator.controlUrl ?? '');
    await this.page.getByRole('treeitem', { name: 'meta-data' }).waitFor();
  }

  async close(): Promise<void> {
    await this.page.close();
    await this.emulator.close();
  }

  /** A part of the page by its heading. */
  part(title: string): Locator {
    return this.page.getByRole('region', { name: title, exact: true });
  }

  /** Presses a button. */
  async press(name: string, within: Locator | Page = this.page): Promise<void> {
    await within.getByRole('button', { name, exact: true }).click();
  }

  /** Asks the emulated service, as programs do. */
  async ask(path: string, { method = 'GET', token, headers = {}, from, url = this.emulator.url }: Asked = {}) {
    const sent = request(`${url}/latest/${path}`, {
      method,
      ...(from ? { localAddress: from } : {}),
      headers: { ...headers, ...(token ? { 'X-aws-ec2-metadata-token': token } : {}) },
      signal: AbortSignal.timeout(30_000),
    }).end();
    const [response] = await once(sent, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, text, headers: response.headers } as Answer;
  }

  /** What the control service says. */
  async control(what: 'state' | 'openapi.json'): Promise<unknown> {
    return await (await fetch(`${this.emulator.controlUrl}/v1/${what}`)).json();
  }

  /** A session token. */
  async token(seconds = 60, asked: Asked = {}): Promise<string> {
    const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': String(seconds) };
    return (await this.ask('api/token', { ...asked, method: 'PUT', headers })).text;
  }

  /** Asks for a token that never comes, and gives up. */
  async lostToken({ from }: Asked = {}): Promise<void> {
    const seen = this.emulator.requests.length;
    const sent = request(`${this.emulator.url}/latest/api/token`, {
      method: 'PUT',
      headers: { 'X-aws-ec2-metadata-token-ttl-seconds': '60' },
      ...(from ? { localAddress: from } : {}),
    }).end();
    sent.on('error', () => {});
    await until(() => this.emulator.requests.length > seen);
    sent.destroy();
  }

  /** Waits until a metadata path answers with a status. */
  async answers(path: string, status: number, asked: Asked = {}): Promise<Answer> {
    let answer = await this.ask(path, asked);
    await until(async () => {
      answer = await this.ask(path, asked);
      return answer.status === status;
    });
    return answer;
  }
}

/** Waits for something that another process makes true. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`this never came true: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Adds the browser to a suite, which is skipped where there is none. Each test opens its own page by what is returned. */
export function withBrowser() {
  const open: Stand[] = [];
  before(async function () {
    if (!existsSync(executablePath)) {
      console.error(`skipped: there is no ${executablePath} (Debian: apt-get install chromium)`);
      this.skip();
    }
    Stand.browser = await chromium.launch({ executablePath, args });
  });
  afterEach(async () => {
    for (const stand of open.splice(0)) await stand.close();
  });
  after(() => Stand.browser?.close());
  beforeEach(() => open.splice(0));
  return async (options?: EmulatorOptions, look?: BrowserContextOptions): Promise<Stand> => {
    const stand = await Stand.open(options, look);
    open.push(stand);
    return stand;
  };
}
