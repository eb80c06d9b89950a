import { categoryOf } from '../../metadata/lookup.js';
import { absolutePath } from '../../metadata/path.js';
import type { Item } from '../../record/walk.js';
import { type Context, command } from '../command.js';
import { misuse } from '../exit-codes.js';
import { jsonText, say, writeServed } from '../output.js';

export const list = command({
  summary: 'a directory, or with -r all values below it',
  text:
    'Prints the names in a directory as served, one per line; names of directories end in a slash. With -r ' +
    'it prints everything below with its value. Credentials and user data are left out, and so are paths that ' +
    'this version does not know, since they may contain secrets.',
  examples: {
    'imds list network/interfaces/macs/': 'the MAC addresses of the interfaces',
    'imds list -r placement': 'where the instance runs',
  },
  argument: {
    '[directory]': 'such as placement/, dynamic/ or /latest/ (default: the root of the instance metadata)',
  },
  options: {
    '-r, --recursive': 'everything below, with values',
    '--all': 'with -r: also paths that this version does not know, unless named like a secret',
    '--json': 'a JSON array, or with -r an object of objects',
  },
  async run(context, { recursive, all, json }, path) {
    const kind = path === undefined ? 'directory' : categoryOf(absolutePath(path))?.kind;
    if (path !== undefined && (kind === 'scalar' || kind === 'json' || kind === 'binary'))
      throw misuse(`${path} is a value, not a directory`, `imds get ${path} prints it`);
    if (recursive) return await listTree(context, path, all, json);
    const names = await context.connect().list(path);
    const text = json ? jsonText(names) : names.map((name) => `${name}\n`).join('');
    return await writeServed(context.io.stdout, text);
  },
});

async function listTree({ io, connect, signal }: Context, path: string | undefined, all?: true, json?: true) {
  const { isKnown, notKnown, walk } = await import('../../record/walk.js');
  const { itemLines, treeJson } = await import('../tree.js');
  const root = absolutePath(path ?? 'meta-data/').replace(/\/?$/, '/');
  // If an unknown path is named, everything below it is wanted.
  const unknown = all || !isKnown(root);
  const items = await walk(connect(), [root], { unknown, signal });
  const shown = items.filter(({ omitted }) => unknown || !omitted?.startsWith(notKnown));
  const start = (path ?? '').replace(/([^/])$/, '$1/');
  const lines = (item: Item): string => itemLines(item, start + item.path.slice(root.length), io.stdout.columns);
  await writeServed(io.stdout, json ? jsonText(treeJson(shown, root)) : shown.map(lines).join(''));
  const hidden = items.length - shown.length;
  const [paths, them] = hidden === 1 ? ['1 path', 'it'] : [`${hidden} paths`, 'them'];
  if (hidden > 0) say(io, `left out ${paths} that this version does not know; --all prints ${them}`);
}
