import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isApplication, original, type Position, packageOf } from './sources.js';

/** The origin of requests: a package, and the line of the application, `null` if unknown. */
export interface Place {
  readonly package: string | null;
  readonly packageVersion: string | null;
  readonly file: string | null;
  readonly line: number | null;
}

/** Packages that send requests for others: their caller is reported. */
const carriers =
  /^(got|axios|follow-redirects|undici|node-fetch|cross-fetch|ky|ofetch|needle|superagent|request|agent-base|([a-z]+-)*proxy-agent|agentkeepalive|@(smithy|aws-sdk)\/(node|fetch)-http-handler|@opentelemetry\/(api|core|instrumentation.*|context-.*)|@sentry\/.*|dd-trace|newrelic|p-retry|p-queue|p-limit|async-retry|retry|bluebird|tslib)$/;

// This package, which may be linked from a folder outside node_modules.
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const ownCode = [join(root, 'dist') + sep, join(root, 'src') + sep];
const ownAudit = ownCode.flatMap((folder) => [join(folder, 'audit') + sep, join(folder, 'lib', 'audit')]);

const startsWithOne = (file: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => file.startsWith(prefix));

const isOfApplication = (file: string): boolean => isApplication(file) && !startsWithOne(file, ownCode);

// Async frames count too, and packages nest deep.
const mostFrames = 100;

/** The places of the stack outside Node, innermost first, then those that await it; none if `Error` is frozen. */
function capture(): readonly Position[] {
  const { stackTraceLimit, prepareStackTrace } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = mostFrames;
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.captureStackTrace(holder, capture);
    const sites = holder.stack as NodeJS.CallSite[];
    return sites.flatMap((site) => {
      const name = site.getFileName();
      if (!name || name.startsWith('node:')) return [];
      const file = name.startsWith('file:') ? fileURLToPath(name) : name;
      if (startsWithOne(file, ownAudit)) return [];
      const [line, column] = [site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1];
      return [isOfApplication(file) ? original(file, line, column) : { file, line }];
    });
  } catch {
    return [];
  } finally {
    try {
      Object.assign(Error, { stackTraceLimit, prepareStackTrace });
    } catch {}
  }
}

// The last places that led to a package, or made it request a path, for requests that it sends in a later tick.
const leading = new Map<string, Place>();
const mostLeading = 200;

function lead(key: string, place: Place): void {
  if (leading.size >= mostLeading) leading.clear();
  leading.set(key, place);
}

/** The requesting package by the current stack, with the line of the application, if present, and a key for both. */
function read(path: string): { place: Place; packageKey: string; pathKey: string } {
  const stack = capture();
  const asking = stack.find(({ file }) => !carriers.test(packageOf(file).name ?? '')) ?? stack[0];
  const { name, version } = asking ? packageOf(asking.file) : { name: null, version: null };
  const { file = null, line = null } = stack.find((each) => isOfApplication(each.file)) ?? {};
  const client = stack[0] && packageOf(stack[0].file).name;
  return {
    place: { package: name, packageVersion: version, file, line },
    packageKey: String(name),
    pathKey: `${client} ${path}`,
  };
}

/**
 * The origin of the current request: the requesting package, and the innermost line of the application that awaits it.
 * If the stack has none, the line that made the package request this path, else the one that last led to the package.
 */
export function placeOf(path = ''): Place {
  const { place, packageKey, pathKey } = read(path);
  const known = place.line === null ? (leading.get(pathKey) ?? leading.get(packageKey) ?? place) : place;
  leading.delete(pathKey);
  if (known.line !== null) lead(packageKey, known);
  return known;
}

/** Notes the caller that makes a client request a path, possibly in a later tick. */
export function expect(path: string): void {
  const { place, pathKey } = read(path);
  if (place.line !== null) lead(pathKey, place);
}
