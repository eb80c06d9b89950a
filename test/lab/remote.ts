/** Functions that one process offers and another calls, over Node's own channel between parent and child. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

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

/** Starts a program of this folder in a network namespace, without the guard that keeps other tests on loopback. */
export function startIn<T extends Offer>(namespace: string, program: string): Running<T> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const { NODE_OPTIONS, ...env } = process.env;
  const command = ['netns', 'exec', namespace, process.execPath, '--import', 'tsx/esm', file];
  const child = spawn('ip', command, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
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
    for (const [id, settle] of waiting) settle({ id, error: `${program} in ${namespace} ended with ${code}` });
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
