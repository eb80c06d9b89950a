import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isApplication, original, type Position, packageOf } from './sources.js';

/** Where requests come from: a package, and the line of the application, `null` where that is not known. */
export interface Place {
  readonly package: string | null;
  readonly packageVersion: string | null;
  readonly file: string | null;
  readonly line: number | null;
}

/** Packages that carry the requests of others: who called them is meant. */
const carriers =
  /^(got|axios|follow-redirects|undici|node-fetch|cross-fetch|ky|ofetch|needle|superagent|request|agent-base|([a-z]+-)*proxy-agent|agentkeepalive|@(smithy|aws-sdk)\/(node|fetch)-http-handler|@opentelemetry\/(api|core|instrumentation.*|context-.*)|@sentry\/.*|dd-trace|newrelic|p-retry|p-queue|p-limit|async-retry|retry|bluebird|tslib)$/;

// This package, which a link may have brought to a folder that is not below node_modules.
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const ownCode = [join(root, 'dist') + sep, join(root, 'src') + sep];
const ownAudit = ownCode.flatMap((folder) => [join(folder, 'audit') + sep, join(folder, 'lib', 'audit')]);

const startsWithOne = (file: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => file.startsWith(prefix));

const isOfApplication = (file: string): boolean => isApplication(file) && !startsWithOne(file, ownCode);

// Async frames count too, and packages nest deep.
const mostFrames = 100;

/** The places of the stack outside Node, from the innermost on, followed by those that await it; none if `Error` is frozen. */
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

// The places that led to a package last, or that had it ask for a path, for requests that it sends in a later tick.
const leading = new Map<string, Place>();
const mostLeading = 200;

function lead(key: string, place: Place): void {
  if (leading.size >= mostLeading) leading.clear();
  leading.set(key, place);
}

/** The package that asks by the stack of now, with the line of the application, if that is in it, and what stands for both. */
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
 * Where the request that is made now comes from: the package that asks, and the innermost line of the application that awaits
 * it. Where the stack has none, whatever had the package ask for this path, else whatever led to the package last.
 */
export function placeOf(path = ''): Place {
  const { place, packageKey, pathKey } = read(path);
  const known = place.line === null ? (leading.get(pathKey) ?? leading.get(packageKey) ?? place) : place;
  leading.delete(pathKey);
  if (known.line !== null) lead(packageKey, known);
  return known;
}

/** Notes who has a client ask for a path, which it may do in a later tick. */
export function expect(path: string): void {
  const { place, pathKey } = read(path);
  if (place.line !== null) lead(pathKey, place);
}
