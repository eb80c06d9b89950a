/** The path before names that somebody chose, or that there are many of. */
const chosen = /(\/(?:security-credentials|active-keys|tags\/instance|macs|iam-ecs-[^/]*)\/)[^/]+/g;

/** A path for the report: without its query, and without names that somebody chose, such as those of roles. */
export const cutPath = (path: string): string =>
  path
    .replace(/[?#].*/s, '')
    .replace(/^\/{2,}/, '/')
    .replace(chosen, '$1*')
    .replace(/[^\x21-\x7e]/g, '?')
    .slice(0, 120);
