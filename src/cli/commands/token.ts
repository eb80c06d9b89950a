import { command } from '../command.js';
import { wholeNumber } from '../options.js';
import { writeServed } from '../output.js';

export const token = command({
  summary: 'a session token for another program',
  text:
    'Prints a session token, to send as X-aws-ec2-metadata-token. Anyone who has it can read the credentials of ' +
    'this instance until it expires.',
  examples: {
    'TOKEN=$(imds token --ttl 60)': 'for a minute',
    'curl -H "X-aws-ec2-metadata-token: $(imds token)" http://169.254.169.254/latest/': 'for one use',
  },
  options: {
    '--ttl <seconds>': ['its TTL (21600, six hours)', wholeNumber('seconds', 1, 21600)],
  },
  run: async ({ io, connect }, { ttl }) => writeServed(io.stdout, await connect({ tokenTtlSeconds: ttl }).token()),
});
