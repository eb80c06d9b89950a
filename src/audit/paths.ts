/** The path before names that somebody chose, or that there are many of. */
const chosen = /(\/(?:security-credentials(?:-extended)?|active-keys|tags\/instance|macs)\/)[^/]+/g;

/** A session token: it belongs in a header, but a program may put it elsewhere. */
const token = /AQA[AE]A[^/]{20,}/g;

/** A path for the report: without its query, session tokens, and names that somebody chose, such as those of roles. */
export const cutPath = (path: string): string =>
  path
    .replace(/[?#].*/s, '')
    .replace(/\/{2,}/g, '/')
    .replace(chosen, '$1*')
    .replace(token, '*')
    .replace(/[^\x21-\x7e]/g, '?')
    .slice(0, 120);
