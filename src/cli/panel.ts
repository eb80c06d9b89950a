import { spawn } from 'node:child_process';
import type { Io } from './io.js';
import { say } from './output.js';

/** Prints the URL of the control panel, and opens it if there is a browser. */
export function showPanel(url: string, io: Io): void {
  say(io, `the control panel is at ${url}`);
  const opener = openerOf(io.env);
  if (opener === undefined) return;
  // It may not be installed, and the browser outlives this process.
  spawn(opener, [url], { stdio: 'ignore', detached: true, env: io.env })
    .on('error', () => {})
    .unref();
}

/** The program that opens a URL in the user's browser; `undefined` without a display. */
function openerOf(env: Io['env']): string | undefined {
  if (process.platform === 'darwin') return 'open';
  if (process.platform === 'win32') return 'explorer.exe';
  return env['DISPLAY'] || env['WAYLAND_DISPLAY'] ? 'xdg-open' : undefined;
}
