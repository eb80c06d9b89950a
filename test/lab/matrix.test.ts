import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { before, describe, it } from 'mocha';
import { python, unpacked } from '../support/debian.js';
import { demanded, environment, obstacle, outcome, start, type User, users } from './labs.js';

const places = { host: 1, container: 2, nested: 3 } as const;
const instanceId = 'i-1234567890abcdef0';
const accessKey = 'ASIAIOSFODNN7EXAMPLE';

/** As many labs at once as keep two processors busy while tokens are waited for. */
const atOnce = 5;

const cells = (Object.keys(users) as User[]).flatMap((user) =>
  (Object.keys(places) as (keyof typeof places)[]).flatMap((place) =>
    [1, 2, 3].flatMap((hopLimit) =>
      (['optional', 'required'] as const).map((httpTokens) => ({ user, place, hopLimit, httpTokens })),
    ),
  ),
);
type Cell = (typeof cells)[number];

describe('the matrix of places, hop limits and tokens', () => {
  let judged: Map<Cell, Promise<unknown>>;

  before(async function () {
    this.timeout(240_000);
    const why = await obstacle();
    const debian = await unpacked(['python3-botocore']);
    demanded(this, why ?? ('obstacle' in debian ? debian.obstacle : undefined));
    const root = 'root' in debian ? debian.root : '';

    const packages = join(root, 'usr/lib/python3/dist-packages');
    // Unpacked, they are not compiled as they are when installed, and compiling takes longer than a judgement.
    const compiled = { PYTHONPYCACHEPREFIX: resolve('node_modules/.cache/imds-lab/python') };
    const env = environment({ ...compiled, PYTHONDONTWRITEBYTECODE: '', PYTHONPATH: packages });
    execFileSync(python, ['-c', 'import botocore.utils, concurrent.futures.thread'], { env });

    const judge = async ({ user, place, hopLimit, httpTokens }: Cell): Promise<unknown> => {
      // What will arrive is waited for however busy the machine is.
      const patience = hopLimit >= places[place] ? '20' : '2';
      const command = [process.execPath, resolve('test/lab/judge.mjs'), resolve('dist/index.js'), python];
      const limits = ['--hop-limit', `${hopLimit}`, '--http-tokens', httpTokens];
      const child = start(user, ['lab', '--in', place, ...limits, '--', ...command, packages, patience], compiled);
      const { code, stdout, stderr } = await outcome(child);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      return JSON.parse(stdout);
    };
    const waiting: (() => void)[] = [];
    let free = atOnce;
    const turn = (): Promise<void> =>
      new Promise((next) => {
        if (free > 0) next();
        else waiting.push(next);
        free -= 1;
      });
    const done = (): void => {
      free += 1;
      waiting.shift()?.();
    };
    judged = new Map(cells.map((cell) => [cell, turn().then(() => judge(cell).finally(done))]));
    for (const judgement of judged.values()) judgement.catch(() => {});
  });

  for (const cell of cells) {
    const { user, place, hopLimit, httpTokens } = cell;
    it(`is right for ${user} in ${place}, hop limit ${hopLimit}, tokens ${httpTokens}, by curl, botocore and Imds`, async () => {
      const isWithin = hopLimit >= places[place];
      const expected = {
        curl: { put: isWithin ? '0 200' : '28 000', get: httpTokens === 'optional' ? '0 200' : '0 401' },
        // It goes on in version 1 where its token gets lost.
        botocore: isWithin || httpTokens === 'optional' ? accessKey : null,
        client: isWithin ? instanceId : 'ERR_IMDS_HOP_LIMIT',
      };
      assert.deepEqual(await judged.get(cell), { IPv4: expected, IPv6: expected });
    });
  }
});
