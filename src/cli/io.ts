import type { EventEmitter } from 'node:events';

/** A destination of text or bytes. */
export interface Output {
  readonly isTTY: boolean;
  /** Current width of the terminal; undefined if unknown, or without a terminal. */
  readonly columns: number | undefined;
  /** Resolves once the data is written; rejects with the system error, such as `EPIPE`. */
  write(data: string | Uint8Array): Promise<void>;
}

/** Everything the command line uses of its process. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Standard input; opened by the call. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** Ends standard input, and rejects the writes under way, whose readers may have stalled. */
  readonly giveUp: () => void;
  /** True if standard input is a terminal. */
  readonly stdinIsTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The process's signals; a signal with a listener does not end the process. */
  readonly signals: Pick<EventEmitter, 'on' | 'off'>;
  /** Sends a signal to a process, or by its negative ID to a process group; throws if there is none. */
  readonly kill: (pid: number, signal: NodeJS.Signals) => void;
}

/** Handles each of these signals, and keeps them from ending the process, until the returned function is called. */
export function onSignals(
  { signals }: Pick<Io, 'signals'>,
  names: readonly NodeJS.Signals[],
  heard: (name: NodeJS.Signals) => void,
): () => void {
  const listeners = names.map((name) => ({ name, listener: () => heard(name) }));
  for (const { name, listener } of listeners) signals.on(name, listener);
  return () => {
    for (const { name, listener } of listeners) signals.off(name, listener);
  };
}
