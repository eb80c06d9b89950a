import type { Command } from 'commander';
import { type AddCommand, withExamples } from '../command.js';
import { drawing, verdicts } from '../drawing.js';
import { withFlags } from '../options.js';
import { jsonText, say } from '../output.js';

interface Options {
  readonly json?: boolean;
  readonly v1Probe: boolean;
}

/** `imds doctor` */
export const doctor: AddCommand = (program, run) => {
  program
    .command('doctor')
    .summary('why IMDS cannot be reached from here, and what helps')
    .description(
      withExamples(
        'Finds out whether IMDSv2 works for this process, measures how many hops away the service is, and prints the way ' +
          'there, what is wrong with it, and the command that helps. The exit code is 0 when IMDSv2 works, else that of ' +
          'the verdict. With --verbose it prints all that it found.',
        {
          'imds doctor': 'for people',
          'imds doctor --json | jq .hopLimit': 'the hop limit that is needed here',
        },
      ),
    )
    .option('--json', 'one JSON object')
    .option('--no-v1-probe', 'never ask without a token, not even where nothing else tells')
    .action(
      run(async ({ io, paint, signal, connect }, { json, v1Probe }: Options, command: Command) => {
        const announce = (message: string): void => say(io, message);
        const diagnosis = await connect().diagnose({ v1Probe, signal, announce });
        const { verbose } = command.optsWithGlobals<{ readonly verbose?: boolean }>();
        await io.stdout.write(json ? jsonText(diagnosis) : withFlags(drawing(diagnosis, { io, paint, verbose })));
        return verdicts[diagnosis.verdict][0];
      }),
    );
};
