import type { Category } from '../../index.js';
import { rows } from '../../metadata/lookup.js';
import { command } from '../command.js';
import { table } from '../layout.js';
import { jsonText } from '../output.js';
import { shortPath } from '../values.js';

export const categories = command({
  summary: 'what can be read, and how long it is kept',
  text: 'Lists every instance metadata category, dynamic data and user data. Sends no request.',
  examples: {
    'imds categories | grep placement/': 'the paths below placement/',
    "imds categories --json | jq -r '.[].path'": 'all paths',
  },
  options: { '--json': 'a JSON array of objects' },
  async run({ io, paint }, { json }) {
    const all = rows().map(({ category }) => ({
      path: shortPath(category.template),
      kind: category.kind,
      mayBeAbsent: category.optional,
      secret: category.secret,
      kept: kept(category),
    }));
    const cells = all.map(({ path, kind, mayBeAbsent, kept }) => [path, kind, mayBeAbsent ? 'may be' : '', kept]);
    await io.stdout.write(
      json ? jsonText(all) : table(['PATH', 'KIND', 'ABSENT', 'KEPT'], cells, paint, io.stdout.columns),
    );
  },
});

function kept({ mutability, expiresAt }: Category<unknown>): string {
  if (expiresAt) return 'while valid';
  return { immutable: "instance's life", 'stop-start': 'until stopped', live: '1 second' }[mutability];
}
