import { holdsToken, tokenLength } from './tokens.js';
import { namesIn } from './tree.js';

const longestShown = 1024;

/** The path of a request target without its query. */
export function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

/** The decoded names in the path of a request target; undefined for what is no path. */
export function decodedNames(target: string): string[] | undefined {
  if (!target.startsWith('/')) return undefined;
  const names = namesIn(pathOf(target));
  try {
    return target.includes('%') ? names.map(decodeURIComponent) : names;
  } catch {
    return undefined;
  }
}

/** A target without what may be a secret: a session token belongs in a header, but some callers put it in the path. */
export function withoutSecrets(target: string): string {
  if (target.length < tokenLength && !target.includes('?')) return target;
  const path = pathOf(target);
  const segments = path.split('/').map((segment) => (holdsToken(segment) ? '…' : segment));
  const shown = segments.join('/');
  const clipped = shown.length > longestShown ? `${shown.slice(0, longestShown)}…` : shown;
  return clipped + (path === target ? '' : '?…');
}
