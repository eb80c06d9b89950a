import type { Logger } from '../client/events.js';
import type { Output } from './io.js';

/** How the fields of the client's events read; the others are told by their names. */
const phrases: Readonly<Record<string, (value: string) => string>> = {
  method: (value) => value,
  path: (value) => value,
  action: (value) => value,
  version: (value) => `(IMDSv${value})`,
  to: (value) => `to IMDSv${value}`,
  durationMs: (value) => `took ${Number(value).toFixed(1)} ms`,
  statusCode: (value) => `and was answered ${value}`,
  ttlSeconds: (value) => `for ${value} s`,
};

/** Tells what the client does, a line each, such as `imds token obtained for 21600 s`. A single run has no use for its cache. */
export function verboseLogger(stderr: Output): Logger {
  const log = (kind: string, fields: object = {}): void => {
    if (kind === 'imds cache') return;
    const words = Object.entries(fields).map(([name, value]) => phrases[name]?.(String(value)) ?? `${name} ${value}`);
    stderr.write(`${[kind, ...words].join(' ')}\n`).catch(() => {});
  };
  return { debug: log, info: log, warn: log, error: log };
}
