/** Where text or bytes go. */
export interface Output {
  readonly isTTY: boolean;
  /** Width of the terminal as it is now; undefined where it is not known, or there is none. */
  readonly columns: number | undefined;
  /** Resolves once the data is handed over; rejects with the system's error, such as `EPIPE`. */
  write(data: string | Uint8Array): Promise<void>;
}

/** The signals that a command may want to hear; as long as it does, they do not end the process. */
export interface Signals {
  on(name: NodeJS.Signals, listener: () => void): unknown;
  off(name: NodeJS.Signals, listener: () => void): unknown;
}

/** All that the command line knows of the process it runs in. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Standard input; opened by the call. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** Whether a person types into standard input. */
  readonly stdinIsTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signals: Signals;
  /** Sends a signal to a process, or by its negative ID to a process group; throws if there is none. */
  readonly kill: (pid: number, signal: NodeJS.Signals) => void;
}

/** Writes what was served, unchanged; at a terminal it ends its line. */
export async function writeServed(output: Output, body: Uint8Array): Promise<void> {
  await output.write(body);
  if (output.isTTY && body.length > 0 && body.at(-1) !== 0x0a) await output.write('\n');
}

/** True for the failure of a write whose reader has gone, as `head` does once it has its lines. */
export const isClosedPipe = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EPIPE';
