import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isApplication, original, type Position, packageOf } from './sources.js';

/** Where requests come from: a package, and the line nearest to the application. */
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

/** The places of the stack outside Node, from the innermost on, followed by those that await it. */
export function capture(): readonly Position[] {
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
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    // biome-ignore lint/style/noNonNullAssertion: undefined is Node's own way, which its type leaves out.
    Error.prepareStackTrace = prepareStackTrace!;
  }
}

// The line that led to a package last, by the package's name, for requests that it makes in callbacks.
const leading = new Map<string | null, Position>();

/**
 * The package that asks, and the line nearest to the application that is known: its innermost one that awaits the request,
 * else the last that led to the package, else the package's own outermost one.
 */
export function placeOf(stack: readonly Position[]): Place {
  const asking = stack.find(({ file }) => !carriers.test(packageOf(file).name ?? '')) ?? stack[0];
  const { name, version } = asking ? packageOf(asking.file) : { name: null, version: null };
  const awaiting = stack.find(({ file }) => isOfApplication(file));
  if (awaiting) leading.set(name, awaiting);
  const line = awaiting ?? leading.get(name) ?? stack.at(-1);
  return { package: name, packageVersion: version, file: line?.file ?? null, line: line?.line ?? null };
}
