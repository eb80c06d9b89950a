import type { Diagnosis } from '../../index.js';
import { type AddCommand, withExamples } from '../command.js';
import { drawing } from '../drawing.js';
import { exitCodes } from '../exit-codes.js';
import { withFlags } from '../options.js';
import { jsonText, say } from '../output.js';

interface Options {
  readonly json?: boolean;
  readonly v1Probe: boolean;
}

const exitCodeOfVerdict: Readonly<Record<Diagnosis['verdict'], number>> = {
  healthy: exitCodes.done,
  'hop-limit': exitCodes.hopLimit,
  'endpoint-disabled': exitCodes.refused,
  unreachable: exitCodes.unreachable,
  refused: exitCodes.refused,
  throttled: exitCodes.timeout,
  'foreign-responder': exitCodes.unusable,
  'v1-only': exitCodes.refused,
  'disabled-by-setting': exitCodes.unreachable,
  'not-ec2': exitCodes.unreachable,
  enclave: exitCodes.unreachable,
  inconclusive: exitCodes.timeout,
};

/** `imds doctor` */
export const doctor: AddCommand = (program, run) => {
  program
    .command('doctor')
    .summary('why IMDS cannot be reached from here, and what helps')
    .description(
      withExamples(
        'Finds out whether IMDSv2 works for this process, measures how many hops away the service is, and prints the way ' +
          'there, what is wrong with it, and the command that helps. The exit code is 0 when IMDSv2 works, else that of ' +
          'the verdict.',
        {
          'imds doctor': 'for people',
          'imds doctor --json | jq .hopLimit': 'the hop limit that is needed here',
        },
      ),
    )
    .option('--json', 'one JSON object')
    .option('--no-v1-probe', 'never ask without a token, not even where nothing else tells')
    .action(
      run(async ({ io, paint, signal, connect }, { json, v1Probe }: Options) => {
        const announce = (message: string): void => say(io, message);
        const diagnosis = await connect().diagnose({ v1Probe, signal, announce });
        await io.stdout.write(json ? jsonText(diagnosis) : withFlags(drawing(diagnosis, { io, paint })));
        return exitCodeOfVerdict[diagnosis.verdict];
      }),
    );
};
