/**
 * Parses `get PATH…`, with or without `--endpoint URL`, as scripts write it: with commander, that takes a third as long
 * as a whole process that sends two requests. Returns undefined for any other command line.
 */
export function plainGet([name, ...words]: readonly string[]) {
  const at = words.indexOf('--endpoint');
  const [endpoint] = at < 0 ? [] : words.slice(at + 1);
  const [path, ...more] = at < 0 ? words : words.toSpliced(at, 2);
  if (name !== 'get' || path === undefined || (at >= 0 && endpoint === undefined)) return undefined;
  const paths = [path, ...more] as const;
  if (![...paths, endpoint ?? 'none'].every((word) => /^[^-]/.test(word))) return undefined;
  return { paths, options: endpoint === undefined ? {} : { endpoint } };
}
