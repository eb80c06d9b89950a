import { type Context, command } from '../command.js';
import { drawing, verdicts } from '../drawing.js';
import { exitCodes, failWith, misuse } from '../exit-codes.js';
import { widthOf } from '../layout.js';
import { jsonText, say } from '../output.js';

export const doctor = command({
  summary: 'why IMDS is unreachable from here, and how to fix it',
  text:
    'Finds out whether IMDSv2 works for this process, measures how many hops away the service is, and prints the way ' +
    'there, what is wrong with it, and the command that helps. The exit code is 0 when IMDSv2 works, else that of ' +
    'the verdict. With --verbose it prints all that it found.',
  examples: {
    'imds doctor': 'for people',
    'imds doctor --json | jq .hopLimit': 'the hop limit that is needed here',
    'imds doctor --summarize pod-*.log': 'many reports as one table',
  },
  argument: { '[file...]': 'with --summarize: what to read; - is standard input' },
  options: {
    '--json': 'one JSON object',
    '--no-v1-probe': 'never send a request without a token, even if nothing else is conclusive',
    '--summarize': 'read reports, from logs too, into one table; without a file from standard input',
    '--format <format>': ['with --summarize: table or prometheus (table)', ['table', 'prometheus'], 'json'],
  },
  async run(context, { json, v1Probe, summarize: isSummary, format }, files) {
    if (isSummary) return await summarize(files, json ? 'json' : format, context);
    if (format) throw misuse('--format needs --summarize');
    if (files[0] !== undefined) throw misuse(`${files[0]} needs --summarize, which reads reports from files`);
    const { io, paint, signal, connect } = context;
    const diagnosis = await connect().diagnose({ v1Probe, signal, announce: (message) => say(io, message) });
    const text = json ? jsonText(diagnosis) : drawing(diagnosis, io, paint, context.globals.verbose);
    await io.stdout.write(text);
    return verdicts[diagnosis.verdict][0];
  },
});

async function summarize(files: readonly string[], format: string | undefined, { io, paint, signal }: Context) {
  const { Fleet } = await import('../fleet.js');
  const { createReadStream } = await import('node:fs');
  const fleet = new Fleet();
  for (const file of files.length > 0 ? files : ['-']) {
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for await (const chunk of file === '-' ? io.stdin() : createReadStream(file, { signal })) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) fleet.add(line, file);
      }
    } catch (error) {
      failWith(`${file} cannot be read`, exitCodes.usage)(error);
    }
    fleet.add(rest, file);
    fleet.end();
  }
  const { damaged, groups, exitCode } = fleet;
  if (damaged > 0) say(io, `${damaged} damaged ${damaged === 1 ? 'report was' : 'reports were'} left out`);
  if (groups.length === 0) say(io, 'there is no report of imds doctor --json in the input');
  const text =
    format === 'json'
      ? jsonText({ groups, damaged })
      : format === 'prometheus'
        ? fleet.prometheus()
        : fleet.table(paint, widthOf(io.stdout));
  if (groups.length > 0 || format === 'prometheus') await io.stdout.write(text);
  return exitCode;
}
