import { type Context, command } from '../command.js';
import { jsonText, writeServed } from '../output.js';
import { readJson } from '../values.js';

export const get = command({
  summary: 'one value as served, or several as JSON',
  text:
    'Prints the value at a path: exactly the bytes served, and a newline only at a terminal. Several paths, or ' +
    '--json, give one JSON object, with numbers, lists and documents for known categories, and null for ' +
    'optional values that are absent.',
  examples: {
    'ID=$(imds get instance-id)': 'the instance ID alone',
    'imds get instance-type placement/region': 'a JSON object of two values',
    'imds get user-data > user-data': 'the user data, byte for byte',
  },
  argument: { '<path...>': 'such as placement/region, dynamic/instance-identity/document or /latest/user-data' },
  options: { '--json': 'a JSON object for a single path too' },
  run: (context, { json }, paths) => printValues(context, paths, json),
});

/** Prints one value as it was served, or several, or any as JSON. */
export async function printValues({ io, connect }: Context, paths: readonly [string, ...string[]], json = false) {
  const imds = connect();
  if (json || paths.length > 1) await io.stdout.write(jsonText(await readJson(imds, paths)));
  else await writeServed(io.stdout, await imds.getBuffer(paths[0]));
}
