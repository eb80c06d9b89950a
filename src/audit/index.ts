/** The audit's entry, loaded into a program before its own code. The audit's only file that touches the process. */
import { writeFileSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setInterval as repeat, setTimeout as wait } from 'node:timers';
import { getEnvironmentData, isMainThread, setEnvironmentData, threadId } from 'node:worker_threads';
import type { Audit } from './audit.js';
import { watchHttp } from './http.js';
import { watchProcesses } from './processes.js';
import { commandOf, hasFailed, type Report, reportOf } from './report.js';
import { safely } from './safely.js';
import { watchSockets } from './sockets.js';
import { makeFolder, readStates, removeFolder, writeState } from './states.js';
import { Tally } from './tally.js';
import { Targets } from './targets.js';
import { textOf } from './text.js';
import { watchUndici } from './undici.js';
import { watchUrls } from './urls.js';

export type { Report as AuditReport } from './report.js';

const folderVariable = 'IMDS_AUDIT_FOLDER';
const flushMs = 200;
/** The longest delay of Node's timers, about 24 days: a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;
const byName = /(?<!\S)(?:--import|--require|-r)[ =]"?imds\/audit"?(?!\S)/g;
const { env } = process;
const startedAt = performance.now();

/** Counts the requests of this thread. */
function watch(changed: () => void): Tally {
  const audit: Audit = { targets: new Targets(env, env['IMDS_AUDIT_ENDPOINT']), tally: new Tally(changed) };
  const isTaken = new WeakSet<Socket>();
  for (const observe of [watchHttp, watchUndici, watchSockets, watchProcesses, watchUrls])
    safely(() => observe(audit, isTaken));
  return audit.tally;
}

/** In a worker or a child: writes its counts to a file, for the audit's first process. They survive a sudden end. */
function reportTo(folder: string): void {
  // Process IDs are reused.
  const name = `${process.pid}-${threadId}-${Date.now()}`;
  let flushedAt = Number.NEGATIVE_INFINITY;
  let isScheduled = false;
  const flush = (): void => {
    isScheduled = false;
    flushedAt = performance.now();
    safely(() => writeState(folder, name, tally.state));
  };
  const tally = watch(() => {
    const restMs = flushedAt + flushMs - performance.now();
    if (restMs <= 0) flush();
    else if (!isScheduled) wait(flush, restMs).unref();
    isScheduled = restMs > 0;
  });
  // Shows that there was one, even if it counts nothing and so leaves no file.
  safely(() => writeState(folder, 'any', tally.state));
  process.on('exit', () => {
    if (isScheduled) flush();
  });
}

/** In the first process: prints the report when it exits, or on a signal. */
function begin(): void {
  safely(nameByPlace);
  let folder = '';
  // Without one, only this thread is seen.
  safely(() => {
    folder = makeFolder();
    env[folderVariable] = folder;
    setEnvironmentData(folderVariable, folder);
  });
  const tally = watch(() => {});
  const report = (): Report =>
    reportOf([...readStates(folder), tally.state], {
      command: commandOf(process.argv),
      durationMs: performance.now() - startedAt,
    });
  const failOn = setting('IMDS_AUDIT_FAIL_ON', 'v1 or any', /^(v1|any)$/);
  process.on('exit', (code) => {
    safely(() => {
      const last = report();
      print(last);
      if (code === 0 && hasFailed(last, failOn)) process.exitCode = 1;
    });
    removeFolder(folder);
  });
  safely(() => process.on('SIGUSR2', () => safely(() => print(report()))));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    safely(() =>
      beforeEndBy(signal, () => {
        safely(() => print(report()));
        removeFolder(folder);
      }),
    );
  const every = setting('IMDS_AUDIT_EVERY', 'a number of seconds', /^\d+$/);
  const everyMs = Math.min(Number(every) * 1000, longestTimerMs);
  if (everyMs > 0) repeat(() => safely(() => print(report())), everyMs).unref();
}

/** Programs below may start in folders from which the name of this package leads nowhere. */
function nameByPlace(): void {
  const byPlace = `--import=${import.meta.url}`;
  const options = env['NODE_OPTIONS'];
  if (options) env['NODE_OPTIONS'] = options.replace(byName, byPlace);
  // A fork starts with these.
  const { execArgv } = process;
  const at = execArgv.findIndex((option) => /^(?:--(?:import|require)=)?imds\/audit$/.test(option));
  if (at < 0) return;
  const isPair = execArgv[at] === 'imds/audit';
  execArgv.splice(isPair ? at - 1 : at, isPair ? 2 : 1, byPlace);
}

/** Reports an unusable value and ignores it: the program must run. */
function setting(name: string, expected: string, form: RegExp): string | undefined {
  const value = env[name];
  if (!value || form.test(value)) return value;
  safely(() => say(`imds audit: ${name}=${value}: expected ${expected}\n`));
  return undefined;
}

/**
 * A signal without a listener ends the process without an `exit` event. Our listener is removed before others run, so
 * that code that counts listeners, to exit when it has the only one, counts correctly.
 */
function beforeEndBy(signal: NodeJS.Signals, end: () => void): void {
  const heard = (): void => {
    process.off(signal, heard);
    if (process.listenerCount(signal) > 0) {
      wait(() => process.prependListener(signal, heard), 0).unref();
      return;
    }
    end();
    process.kill(process.pid, signal);
  };
  process.prependListener(signal, heard);
}

function print(report: Report): void {
  const target = env['IMDS_AUDIT_JSON'];
  const json = `${JSON.stringify(report)}\n`;
  if (target === '-') say(json);
  else if (!target) say(textOf(report, process.cwd()));
  else
    try {
      writeFileSync(target, json);
    } catch (error) {
      say(`imds audit: ${target} cannot be written: ${error}\n${textOf(report, process.cwd())}`);
    }
}

/** Writes all of it to standard error: a pipe that is full because of a slow reader gets a second. */
function say(text: string): void {
  const bytes = Buffer.from(text);
  const end = performance.now() + 1000;
  for (let at = 0; at < bytes.length; )
    try {
      at += writeSync(2, bytes, at);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN') || performance.now() > end)
        throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
}

// A program may load it in several ways.
const loaded = Symbol.for('imds.audit');
if (!Object.hasOwn(globalThis, loaded))
  safely(() => {
    Object.defineProperty(globalThis, loaded, { value: true });
    const inherited = getEnvironmentData(folderVariable) ?? env[folderVariable];
    if (typeof inherited === 'string') reportTo(inherited);
    else if (isMainThread) begin();
  });
