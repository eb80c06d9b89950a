import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { plainGet } from '../../../src/cli/plain.js';
import { createProgram } from '../../../src/cli/program.js';

const words = ['get', 'list', 'instance-id', 'a b', '', '-', '--', '-h', '--json', '--verbose', 'help', '__complete'];
const options = ['--endpoint', '--endpoint=http://127.0.0.1:1', 'http://127.0.0.1:1', '--endpoint-mode', 'IPv6'];
const lines = fc
  .array(fc.oneof(fc.constantFrom(...words, ...options), fc.string({ maxLength: 4 })), { maxLength: 6 })
  .map((rest) => ['get', ...rest]);

/** What commander reads. */
async function read(args: readonly string[]) {
  const given: unknown[] = [];
  const write = (): void => {};
  const paint = { bold: String, red: String, cyan: String };
  const program = await createProgram(
    () =>
      async (...all) => {
        given.push(...all.slice(0, 2));
      },
    { write, columns: 80, paint },
    args[0],
  );
  await program.parseAsync(args, { from: 'user' });
  const { color, ...options } = program.opts();
  return { given, options };
}

describe('a plain command line', () => {
  it('is read as commander reads it', async () => {
    let plain = 0;
    const check = async (args: readonly string[]): Promise<void> => {
      const found = plainGet(args);
      if (!found) return;
      plain += 1;
      const { paths, options } = found;
      assert.deepEqual(await read(args), { given: [paths, {}], options });
    };
    await fc.assert(fc.asyncProperty(lines, check), { numRuns: 2000 });
    await check(['get', 'instance-id', '--endpoint', 'http://127.0.0.1:1', 'placement/region']);
    assert.ok(plain > 100, `${plain} command lines are plain`);
  });

  it('is left to commander with anything but paths and an endpoint', () => {
    for (const args of [
      [],
      ['get'],
      ['list', 'a'],
      ['get', '--endpoint', 'a'],
      ['get', 'a', '--endpoint'],
      ['get', 'a', '-h'],
    ])
      assert.equal(plainGet(args), undefined, args.join(' '));
  });
});
