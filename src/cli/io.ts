import type { EventEmitter } from 'node:events';

/** Where text or bytes go. */
export interface Output {
  readonly isTTY: boolean;
  /** Width of the terminal as it is now; undefined where it is not known, or there is none. */
  readonly columns: number | undefined;
  /** Resolves once the data is handed over; rejects with the system's error, such as `EPIPE`. */
  write(data: string | Uint8Array): Promise<void>;
}

/** All that the command line knows of the process it runs in. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Standard input; opened by the call. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** True where a person types into standard input. */
  readonly stdinIsTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Those of the process; as long as one has a listener, it does not end the process. */
  readonly signals: Pick<EventEmitter, 'on' | 'off'>;
  /** Sends a signal to a process, or by its negative ID to a process group; throws if there is none. */
  readonly kill: (pid: number, signal: NodeJS.Signals) => void;
}

/** Calls back for each of these signals, and keeps them from ending the process, until the returned function is called. */
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
