import type { Verdict } from '../../doctor/verdict.js';
import { type AddCommand, withExamples } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { clientOptions, withFlags } from '../global-options.js';
import { verboseLogger } from '../verbose.js';

interface Options {
  readonly json?: boolean;
  readonly v1Probe: boolean;
}

/** What the command leaves with, by what it found. */
const exitCodeOfVerdict: Readonly<Record<Verdict, number>> = {
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
          'there, what is wrong with it, and the command that helps. Leaves with 0 when IMDSv2 works, else with the code ' +
          'of what it found.',
        {
          'imds doctor': 'for people',
          'imds doctor --json | jq .hopLimit': 'the hop limit that is needed here',
        },
      ),
    )
    .option('--json', 'one JSON object')
    .option('--no-v1-probe', 'never ask without a token, not even where nothing else tells')
    .action(
      run(async ({ io, paint }, { json, v1Probe }: Options) => {
        const [{ diagnose }, { resolveSettings }, { Events }] = await Promise.all([
          import('../../doctor/diagnose.js'),
          import('../../client/options.js'),
          import('../../client/events.js'),
        ]);
        const options = clientOptions(program, verboseLogger(io.stderr));
        const patient = {
          settings: resolveSettings(options).settings(),
          events: new Events(options.logger),
          env: io.env,
        };
        const interruption = new AbortController();
        const interrupt = (): void => interruption.abort();
        io.signals.on('SIGINT', interrupt);
        try {
          const diagnosis = await diagnose(patient, {
            v1Probe,
            signal: interruption.signal,
            announce: (message) => void io.stderr.write(`imds: ${message}\n`).catch(() => {}),
          });
          if (json) {
            const { jsonText } = await import('../values.js');
            await io.stdout.write(jsonText(diagnosis));
          } else {
            const { drawing } = await import('../drawing.js');
            await io.stdout.write(withFlags(drawing(diagnosis, { io, paint })));
          }
          return exitCodeOfVerdict[diagnosis.verdict];
        } finally {
          io.signals.off('SIGINT', interrupt);
        }
      }),
    );
};
