/** Functions that one process offers and another calls, over Node's own channel between parent and child. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, rmSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

type Reply = { readonly id: number; readonly value?: unknown; readonly error?: string };

/** What a process offers, by name. What is given and returned has to survive JSON. */
// biome-ignore lint/suspicious/noExplicitAny: the functions have different parameters
export type Offer = Readonly<Record<string, (...args: any[]) => unknown>>;

/** The same, as the other process sees it. */
export type Remote<T extends Offer> = {
  readonly [Name in keyof T]: (...args: Parameters<T[Name]>) => Promise<Awaited<ReturnType<T[Name]>>>;
};

/** The network that this process is in. */
export const ownNetwork = process.platform === 'linux' ? readlinkSync('/proc/self/ns/net') : '';

/** Of whoever has started this program by {@link startBy}. */
const parentsNetwork = 'IMDS_TEST_NETWORK';

// What follows this import would speak to link-local addresses.
if (process.env[parentsNetwork] === ownNetwork)
  throw new Error('this program must not run in the network of its parent');

/** Answers the parent's calls until it goes away. */
export function offer(functions: Offer): void {
  process.on('message', async ({ id, name, args }: Call) => {
    try {
      process.send?.({ id, value: await functions[name]?.(...args) } satisfies Reply);
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ id: 0 });
}

/** A program that runs in a namespace. */
export interface Running<T extends Offer> {
  /** Rejects when the program ends before it can be called. */
  readonly remote: Promise<Remote<T>>;
  readonly stop: () => Promise<void>;
}

const bundles = new Map<string, string>();

/** A program of this folder in one file of JavaScript, which starts several times as fast. */
function bundled(program: string): string {
  const known = bundles.get(program);
  if (known !== undefined) return known;
  const outfile = resolve('node_modules/.cache/imds-lab', `${process.pid}`, basename(program).replace(/\.ts$/, '.mjs'));
  buildSync({
    entryPoints: [fileURLToPath(new URL(program, import.meta.url))],
    outfile,
    bundle: true,
    packages: 'external',
    target: 'node20.19',
    platform: 'node',
    format: 'esm',
  });
  bundles.set(program, outfile);
  process.once('exit', () => rmSync(dirname(outfile), { recursive: true, force: true }));
  return outfile;
}

/**
 * Starts a program of this folder by a command that runs another, such as `ip netns exec NAME`, and without the guard that
 * keeps other tests on loopback.
 */
export function startBy<T extends Offer>(command: readonly string[], program: string): Running<T> {
  const file = bundled(program);
  const { NODE_OPTIONS, ...env } = process.env;
  const [first = '', ...rest] = [...command, process.execPath, file];
  const child = spawn(first, rest, {
    env: { ...env, [parentsNetwork]: ownNetwork },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, (reply: Reply) => void>();
  let last = 0;
  const awaitReply = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.set(id, ({ value, error }) => {
        waiting.delete(id);
        if (error === undefined) resolve(value);
        else reject(new Error(error));
      });
    });
  child.on('message', (reply: Reply) => waiting.get(reply.id)?.(reply));
  child.on('exit', (code) => {
    for (const [id, settle] of waiting) settle({ id, error: `${program} ended with ${code}` });
  });
  const call = (name: string, args: readonly unknown[]): Promise<unknown> => {
    last += 1;
    child.send({ id: last, name, args } satisfies Call);
    return awaitReply(last);
  };
  const remote = new Proxy(
    {},
    // Without `then` it is no promise, which it would be taken for.
    { get: (_target, name) => (name === 'then' ? undefined : (...args: unknown[]) => call(String(name), args)) },
  );
  return {
    // A proxy has every function; which there are, the type alone knows.
    remote: awaitReply(0).then(() => remote as Remote<T>),
    stop: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  await exited;
}
