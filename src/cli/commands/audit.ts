import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from '../command.js';
import { codeOf, exitCodes, failWith, misuse } from '../exit-codes.js';
import { onSignals } from '../io.js';
import { jsonText, printable, say } from '../output.js';

export const audit = command({
  summary: 'which code in a program uses IMDS, and which version',
  text:
    'Runs a command, and reports at its end, or when imds gets SIGUSR2, which packages in its Node programs used ' +
    'IMDS, which version, and how often. It sees their requests over HTTP, by fetch and on sockets, in workers and child ' +
    'processes, and other programs that are started with an address of IMDS. The exit code is that of the command.',
  examples: {
    'imds audit -- node app.js': 'a report on standard error',
    'imds audit --fail-on v1 -- npm test': 'fails where IMDSv1 is used',
    'imds audit --json audit.json -- node app.js': 'for programs',
  },
  argument: { '[command...]': 'what to run, after --' },
  options: {
    '--json <file>': 'writes the report to a file, as JSON',
    '--fail-on <finding>': [
      'exits with 1 if a command that succeeds did that, v1 or any, or could not be seen',
      ['v1', 'any'],
    ],
  },
  async run({ io, globals }, { json, failOn }, words) {
    const [name, ...args] = words;
    if (name === undefined) throw misuse('there is no command to audit', 'imds audit -- node app.js');
    if (json !== undefined) await checkPlace(json);
    const { commandOf, hasFailed, headline, reportOf } = await import('../../audit/report.js');
    const { makeFolder, readStates, removeFolder } = await import('../../audit/states.js');
    const { textOf } = await import('../../audit/text.js');
    const { writeFile } = await import('node:fs/promises');
    const { runProgram } = await import('../child.js');
    const startedAt = performance.now();
    const folder = makeFolder();
    const print = async () => {
      const states = readStates(folder);
      const report = reportOf(states, { command: commandOf(words), durationMs: performance.now() - startedAt });
      if (states.length === 0) say(io, 'no Node program with the audit was started, so nothing could be seen');
      else if (json === undefined) await io.stderr.write(printable(textOf(report, process.cwd())));
      else say(io, headline(report));
      if (json !== undefined) await writeFile(json, jsonText(report)).catch(unwritable(json));
      return states.length === 0 ? undefined : report;
    };
    const stopListening = onSignals(io, ['SIGUSR2'], () => void print().catch(() => {}));
    try {
      const preload = fileURLToPath(new URL('../audit/index.cjs', import.meta.url));
      const nodeOptions = [io.env['NODE_OPTIONS'], `--require ${JSON.stringify(preload)}`].filter(Boolean).join(' ');
      const env = { NODE_OPTIONS: nodeOptions, IMDS_AUDIT_FOLDER: folder, IMDS_AUDIT_ENDPOINT: globals.endpoint };
      const { code } = await runProgram(name, args, env, io);
      const seen = await print();
      if (code !== exitCodes.done || failOn === undefined) return code;
      if (seen === undefined) say(io, `--fail-on ${failOn} fails where nothing could be seen`);
      return seen === undefined || hasFailed(seen, failOn) ? exitCodes.failure : code;
    } finally {
      stopListening();
      removeFolder(folder);
    }
  },
});

const unwritable = (file: string) => failWith(`${file} cannot be written`);

/** Checks that the report can be written, before a command that may take long. */
async function checkPlace(file: string): Promise<void> {
  const { access, constants, stat } = await import('node:fs/promises');
  const found = await stat(file).catch((error) => (codeOf(error) === 'ENOENT' ? undefined : unwritable(file)(error)));
  if (found?.isDirectory() ?? file.endsWith('/')) unwritable(file)('it is a directory');
  await access(found ? file : dirname(file), constants.W_OK).catch(unwritable(file));
}
