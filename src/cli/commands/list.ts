import { type AddCommand, withExamples } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { misuse } from '../failure.js';

interface Options {
  readonly recursive?: boolean;
  readonly json?: boolean;
}

/** `imds list [PATH]` */
export const list: AddCommand = (program, run) => {
  program
    .command('list')
    .summary('a directory, or with -r all values below it')
    .description(
      withExamples(
        'Prints the names in a directory as served, one a line, those of directories with a slash at their end. With -r ' +
          'it prints everything below with its value; credentials and user data are left out.',
        {
          'imds list network/interfaces/macs/': 'the MAC addresses of the interfaces',
          'imds list -r placement': 'where the instance runs',
        },
      ),
    )
    .argument('[directory]', 'such as placement/, dynamic/ or /latest/ (default: the top of the instance metadata)')
    .option('-r, --recursive', 'everything below, with values')
    .option('--json', 'a JSON array, or with -r an object of objects')
    .action(
      run(async ({ io, connect }, path: string | undefined, { recursive, json }: Options) => {
        const imds = await connect();
        const [{ categoryOf }, { absolutePath }, { jsonText }] = await Promise.all([
          import('../../metadata/lookup.js'),
          import('../../metadata/path.js'),
          import('../values.js'),
        ]);
        const kind = path === undefined ? 'directory' : categoryOf(absolutePath(path))?.kind;
        if (path !== undefined && (kind === 'scalar' || kind === 'json' || kind === 'binary'))
          throw misuse(`${path} is a value, not a directory`, `imds get ${path} prints it`);

        if (recursive) {
          const { readTree, treeJson, treeLines } = await import('../tree.js');
          const tree = await readTree(imds, path ?? 'meta-data/');
          await io.stdout.write(json ? jsonText(treeJson(tree)) : treeLines(tree, path ?? ''));
        } else {
          const names = await imds.list(path);
          await io.stdout.write(json ? jsonText(names) : names.map((name) => `${name}\n`).join(''));
        }
        return exitCodes.done;
      }),
    );
};
