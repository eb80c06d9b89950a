import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Report } from '../../audit/report.js';
import { type AddCommand, addCommand, type Context, type Help } from '../command.js';
import { codeOf, exitCodes, Failure, misuse } from '../exit-codes.js';
import { onSignals } from '../io.js';
import { choice } from '../options.js';
import { jsonText, printable, say } from '../output.js';

interface Options {
  readonly json?: string | undefined;
  readonly failOn?: 'v1' | 'any' | undefined;
}

const help: Help = {
  summary: 'which code of a program asks IMDS, by which version',
  text:
    'Runs a command, and says at its end, or on SIGUSR2, which packages of the Node programs in it asked IMDS, by which ' +
    'version, and how often. It sees their requests over HTTP, by fetch and on sockets, in workers and child ' +
    'processes, and other programs that are started with an address of IMDS. The exit code is that of the command.',
  examples: {
    'imds audit -- node app.js': 'a report on standard error',
    'imds audit --fail-on v1 -- npm test': 'fails where IMDSv1 is used',
    'imds audit --json audit.json -- node app.js': 'for programs',
  },
};

/** `imds audit -- CMD…` */
export const audit: AddCommand = (program, run) => {
  addCommand(program, 'audit', help)
    .argument('[command...]', 'what to run, after --')
    .option('--json <file>', 'writes the report to a file, as JSON')
    .addOption(
      choice('--fail-on <finding>', 'exits with 1 if a command that succeeds did that: v1, any', ['v1', 'any']),
    )
    .action(
      run(async (context, [name, ...args]: readonly string[], { json, failOn }: Options, command: Command) => {
        if (name === undefined) throw misuse('there is no command to audit', 'imds audit -- node app.js');
        const { endpoint } = command.optsWithGlobals<{ readonly endpoint?: string }>();
        return await runAudited([name, ...args], { json, failOn, endpoint }, context);
      }),
    );
};

async function runAudited(
  command: readonly [string, ...string[]],
  { json, failOn, endpoint }: Options & { readonly endpoint: string | undefined },
  { io }: Context,
): Promise<number> {
  const { commandOf, hasFailed, headline, reportOf } = await import('../../audit/report.js');
  const { makeFolder, readStates, removeFolder } = await import('../../audit/states.js');
  const { textOf } = await import('../../audit/text.js');
  const { runProgram } = await import('../child.js');
  const startedAt = performance.now();
  const folder = makeFolder();
  const print = async (): Promise<Report> => {
    const states = readStates(folder);
    const report = reportOf(states, { command: commandOf(command), durationMs: performance.now() - startedAt });
    if (states.length === 0) say(io, 'no Node program with the audit was started, so nothing could be seen');
    else if (json === undefined) await io.stderr.write(printable(textOf(report, process.cwd())));
    else say(io, headline(report));
    if (json !== undefined) await writeJson(json, report);
    return report;
  };
  const stopListening = onSignals(io, ['SIGUSR2'], () => void print().catch(() => {}));
  try {
    const [name, ...args] = command;
    const preload = fileURLToPath(new URL('../audit/index.cjs', import.meta.url));
    const nodeOptions = [io.env['NODE_OPTIONS'], `--require ${JSON.stringify(preload)}`].filter(Boolean).join(' ');
    const env = { NODE_OPTIONS: nodeOptions, IMDS_AUDIT_FOLDER: folder, IMDS_AUDIT_ENDPOINT: endpoint };
    const { code } = await runProgram(name, args, env, io);
    const report = await print();
    return code === exitCodes.done && hasFailed(report, failOn) ? exitCodes.failure : code;
  } finally {
    stopListening();
    removeFolder(folder);
  }
}

async function writeJson(file: string, report: Report): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  try {
    await writeFile(file, jsonText(report));
  } catch (cause) {
    throw new Failure(exitCodes.failure, `${file} cannot be written: ${codeOf(cause)}`, { cause });
  }
}
