import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ImdsCredentials, ImdsEvents } from '../../index.js';
import { command } from '../command.js';
import { jsonText, quoted, say, writeServed } from '../output.js';

export const credentials = command({
  summary: "the credentials of the instance's IAM role",
  text:
    "Prints temporary credentials of the instance's IAM role: as JSON with the secrets masked, in the form that " +
    'credential_process in ~/.aws/config needs, or as assignments for the shell.',
  examples: {
    'imds credentials': 'which role, and until when',
    'eval "$(imds credentials --format env)"': 'for this shell (in fish: … | source)',
    'credential_process = imds credentials --format process': 'a line of a profile in ~/.aws/config',
  },
  options: {
    '--format <format>': ['json, process or env (json)', ['json', 'process', 'env']],
    '--show-secrets': 'with json: print the secret access key and the session token too',
  },
  async run({ io, connect }, { format = 'json', showSecrets }) {
    // Their own expiration does not show it: it is then the time of the next attempt.
    const warn = (message: unknown): void => {
      const { secondsLeft } = message as ImdsEvents['credentials'];
      if (secondsLeft < 0) say(io, `these credentials expired ${-secondsLeft} s ago, and the service has none newer`);
    };
    subscribe('imds:credentials', warn);
    // For people, there is time for another request.
    const found = await connect()
      .credentials({ accountId: format === 'json' })
      .finally(() => unsubscribe('imds:credentials', warn));
    if (format === 'env') return await writeServed(io.stdout, forShell(found));
    const secrets = showSecrets ? {} : { secretAccessKey: '[hidden]', sessionToken: '[hidden]' };
    return await io.stdout.write(jsonText(format === 'process' ? forProcess(found) : { ...found, ...secrets }));
  },
});

/**
 * The output that `credential_process` needs.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 */
function forProcess({ accessKeyId, secretAccessKey, sessionToken, expiration, accountId }: ImdsCredentials) {
  return {
    Version: 1,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: expiration,
    AccountId: accountId,
  };
}

/** Under the names that the AWS SDKs and tools read. */
function forShell({ accessKeyId, secretAccessKey, sessionToken, expiration }: ImdsCredentials): string {
  const variables = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
    AWS_CREDENTIAL_EXPIRATION: expiration.toISOString(),
  };
  // The semicolons are for shells that join the lines they evaluate.
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoted(value)};\n`)
    .join('');
}
