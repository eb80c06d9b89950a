/**
 * An emulator where the service is on an instance, and programs that ask it. Run in a network namespace of its own, which
 * nothing leaves: some of these programs know no other address.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createEmulator, type Emulator, type EmulatorOptions } from '../../../src/emulator/index.js';
import { offer } from '../../lab/remote.js';

/** What a program came to. */
export interface Verdict {
  /** `null` if it had to be ended. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const run = promisify(execFile);
let emulator: Emulator | undefined;

const functions = {
  /** Puts a new emulator in the place of the last one. */
  async become(settings: EmulatorOptions): Promise<void> {
    await emulator?.close();
    emulator = await createEmulator({ ...settings, host: ['127.0.0.1', '169.254.169.254'], port: 80 });
  },
  /** Runs a program, for so long at most. */
  async ask(command: readonly string[], env: Readonly<Record<string, string>>, patienceMs: number): Promise<Verdict> {
    const [file = '', ...args] = command;
    const outcome = run(file, args, { env: { ...process.env, ...env }, timeout: patienceMs });
    const { stdout, stderr } = await outcome.catch((error) => error);
    return { code: outcome.child.exitCode, stdout, stderr };
  },
  /** What has been asked of the emulator, in short. */
  requests: (): readonly string[] =>
    (emulator?.requests ?? []).map(({ method, path, version, status }) => `${method} ${path} v${version} ${status}`),
};
export type Judging = typeof functions;
offer(functions);
