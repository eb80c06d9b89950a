import { type AddCommand, withExamples } from '../command.js';
import { wholeNumber } from '../options.js';
import { writeServed } from '../output.js';

/** `imds token` */
export const token: AddCommand = (program, run) => {
  program
    .command('token')
    .summary('a session token for another program')
    .description(
      withExamples(
        'Prints a session token, to be sent as X-aws-ec2-metadata-token. Whoever holds it may read the credentials of ' +
          'this instance until it ends.',
        {
          'TOKEN=$(imds token --ttl 60)': 'for a minute',
          'curl -H "X-aws-ec2-metadata-token: $(imds token)" http://169.254.169.254/latest/': 'for one use',
        },
      ),
    )
    .option('--ttl <seconds>', 'how long it lives (21600, six hours)', wholeNumber('--ttl', 'seconds', 1, 21600))
    .action(
      run(async ({ io, connect }, { ttl }: { readonly ttl?: number }) =>
        writeServed(io.stdout, await connect({ tokenTtlSeconds: ttl }).token()),
      ),
    );
};
