import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Refusal } from './route.js';

/** Next to the built files, and relative to the source. */
const places = ['../emulator/panel.html', '../../../dist/emulator/panel.html'];

/** The page from which the emulator is controlled, and its headers: it may run its own script, and ask this service. */
export async function controlPage(): Promise<{ html: string; headers: Readonly<Record<string, string>> }> {
  const html = await text();
  const hash = (element: string): string => {
    const [, content = ''] = new RegExp(`<${element}\\b[^>]*>([^]*?)</${element}>`).exec(html) ?? [];
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  };
  const policy = {
    'default-src': "'none'",
    'script-src': hash('script'),
    'style-src': hash('style'),
    'connect-src': "'self'",
    'img-src': 'data:',
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  };
  const header = Object.entries(policy).map((directive) => directive.join(' '));
  return {
    html,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': header.join('; ') },
  };
}

/** @throws Refusal in a program that was bundled without the file */
async function text(): Promise<string> {
  for (const place of places) {
    const file = await readFile(new URL(place, import.meta.url), 'utf8').catch(() => undefined);
    if (file !== undefined) return file;
  }
  throw new Refusal(404, 'the page is missing: copy dist/emulator/panel.html of the package imds next to this program');
}
